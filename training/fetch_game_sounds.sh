#!/bin/sh
# Fetches sound effects that come with Debian's games into a folder, DIR/PACKAGE/..., and lists them in DIR/sounds.csv
# (filename, source, licence), for `sonoglot tags` and `sonoglot manifest`. Speech and music are left out.
# The licence is that of most of a package's data; its copyright file, which is fetched too, says more.
# Needs apt-get, dpkg-deb and unzip, and 4 GB for a while. What cannot be had is said and left out.
#
#     training/fetch_game_sounds.sh DIR
set -u
mkdir -p "$1"
cd "$1" || exit 1
echo filename,source,licence > sounds.csv

while read -r package licence; do
    if ! apt-get download -qq "$package"; then
        echo "$package: not fetched" >&2
        continue
    fi
    mkdir -p unpacked
    dpkg-deb --fsys-tarfile "$package"_*.deb | tar -x -C unpacked --wildcards \
        '*.wav' '*.WAV' '*.ogg' '*.mp3' '*.flac' '*.opus' '*/public.zip' '*/copyright' 2> /dev/null # not all have all
    rm "$package"_*.deb
    find unpacked -name public.zip -execdir unzip -qo {} 'audio/*' \; # of 0 A.D.
    find unpacked -type f | grep -E -i '\.(wav|ogg|mp3|flac|opus)$' |
        grep -E -i -v 'music|voice|speech|theme|anthem|_desc|symbols/math|mk-viii|/tcas/|_[a-z]{2}(_[a-z]{2})?\.ogg$' |
        sort | while read -r file; do
            kept="$package/${file#unpacked/usr/share/}"
            mkdir -p "${kept%/*}" && mv "$file" "$kept"
            echo "\"$kept\",Debian package $package,$licence" >> sounds.csv
        done
    find unpacked -path "*/doc/$package/copyright" -exec cp {} "$package/copyright" \;
    rm -rf unpacked
done << 'PACKAGES'
0ad-data CC-BY-SA-3.0
7kaa-data GPL-2+
wesnoth-1.16-data GPL-2+
widelands-data GPL-2+
lincity-ng-data GPL-2+
searchandrescue-data GPL-2
flightgear-data-base GPL-2+
minetest-data CC-BY-SA-3.0
lugaru-data CC-BY-SA-3.0
supertuxkart-data CC-BY-SA-3.0
hedgewars-data GPL-2
colobot-common-sounds GPL-3+
unknown-horizons CC-BY-SA-3.0
redeclipse-data CC-BY-SA-3.0
torcs-data GPL-2+
freedink-data zlib
megaglest-data CC-BY-SA-3.0
tuxpaint-stamps-default GPL-2
bambam GPL-3+
caveexpress-data CC-BY-SA-4.0
freecol GPL-2+
extremetuxracer-data GPL-2+
tuxtype-data GPL-2+
pingus-data GPL-2+
minetest-mod-mobs-redo MIT
supertux-data GPL-2+
freedroidrpg-data GPL-2+
PACKAGES
