"""What files carry of text: each kind of tag in a real file, names, and everything that can be wrong with them."""

import os
import time
from pathlib import Path

import pytest

from indexer import embedded_tags
from indexer.description import NOTHING, Description, describe
from indexer.embedded_tags import describe_file
from indexer.opening import open_regular
from indexer.ucs import read_ucs_name
from tests.indexer.sounds import ffmpeg_bytes, tone
from tests.indexer.tagged import (
    bext,
    chunk,
    flac_with_comments,
    id3,
    id3_frame,
    id3_text,
    id3_user_text,
    ixml,
    vorbis_comment,
    with_chunks,
    with_metadata,
    with_strings,
)


def read(tmp_path: Path, data: bytes, name: str = "a.bin") -> Description:
    path = tmp_path / name
    path.write_bytes(data)
    with open_regular(path) as file:
        return describe_file(file)


SAID = {"title": "Дождь 雨", "artist": "Ana", "comment": "on a tin roof", "genre": "Rain; Weather"}
COMMON = describe(title="Дождь 雨", artist="Ana", description="on a tin roof", tags=["Rain", "Weather"])


@pytest.mark.parametrize("file_format", ["WAV", "FLAC", "OGG"])
def test_tags_that_libsndfile_writes_are_read(tmp_path: Path, file_format: str) -> None:
    assert read(tmp_path, with_strings(file_format, **SAID)) == COMMON


def test_tags_of_aiff_are_read(tmp_path: Path) -> None:
    found = read(tmp_path, with_strings("AIFF", title="Rain", artist="Ana", comment="on a tin roof"))
    assert found == describe(title="Rain", artist="Ana", description="on a tin roof")


@pytest.mark.parametrize(
    ("container", "codec", "rate_hz"),
    [
        ("mp3", "libmp3lame", 16000),
        ("ogg", "libopus", 48000),
        ("mp4", "aac", 16000),
        ("asf", "wmav2", 44100),
        ("wv", "wavpack", 16000),  # APEv2
        ("matroska", "libopus", 48000),
    ],
)
def test_tags_that_ffmpeg_writes_are_read(tmp_path: Path, container: str, codec: str, rate_hz: int) -> None:
    licence = {"copyright" if container == "mp4" else "license": "CC BY 4.0"}
    data = with_metadata(container, codec, rate_hz=rate_hz, **SAID, **licence)
    assert read(tmp_path, data) == describe(licence="CC BY 4.0").over(COMMON)


@pytest.mark.parametrize("place", ["before", "chunk"])
def test_id3_is_read_beside_a_large_picture(tmp_path: Path, place: str) -> None:
    picture = id3_frame(b"APIC", b"\x00image/png\x00\x03\x00" + bytes(3 << 20))
    tag = id3(
        picture,
        id3_text(b"TIT2", "ڪتو ڀونڪي ٿو"),
        id3_text(b"TPE1", "Ana"),
        id3_user_text("keywords", "dog, bark;night"),
        id3_user_text("category", "ANIMALS"),
        id3_frame(b"WCOP", b"https://creativecommons.org/licenses/by/4.0/"),
    )
    mp3 = tag + ffmpeg_bytes(tone(seconds=0.5), suffix="mp3", rate_hz=16000)
    data = mp3 if place == "before" else with_chunks(chunk(b"id3 ", tag))
    assert read(tmp_path, data) == describe(
        title="ڪتو ڀونڪي ٿو",
        artist="Ana",
        licence="https://creativecommons.org/licenses/by/4.0/",
        category="ANIMALS",
        tags=["dog", "bark", "night"],
    )


@pytest.mark.parametrize(
    ("copyright_text", "licence"),
    [
        ("© 2019 Ana Accardi", None),
        ("Accustic CCB Records", None),
        ("CC0", "CC0"),
        ("(c) Ana, CC BY-SA 3.0", "(c) Ana, CC BY-SA 3.0"),
        ("Licensed under Creative Commons", "Licensed under Creative Commons"),
        ("Public Domain", "Public Domain"),
    ],
)
def test_a_copyright_is_a_licence_only_if_it_says_so(
    tmp_path: Path, copyright_text: str, licence: str | None
) -> None:
    assert read(tmp_path, with_strings("FLAC", copyright=copyright_text)).licence == licence


def test_bext_is_read(tmp_path: Path) -> None:
    found = read(tmp_path, with_chunks(bext("Gewitter über Köln".encode(), b"Recorder\0junk")))
    assert found == describe(description="Gewitter über Köln", artist="Recorder")
    assert read(tmp_path, with_chunks(bext(b"K\xf6ln", b""))).description == "Köln"


def test_ixml_says_more_than_info_and_info_more_than_bext(tmp_path: Path) -> None:
    aswg = (
        "<NOTE>windy</NOTE><ASWG><category>GUNS</category><subCategory>AUTOMATIC</subCategory>"
        "<catId>GUNAuto</catId><fxName>Uzi &amp; echo</fxName><genre>war</genre></ASWG>"
    )
    info = chunk(b"LIST", b"INFO" + chunk(b"INAM", b"From INFO\0") + chunk(b"ICMT", b"comment\0"))
    beside = (info, bext(b"from bext", b"Originator"))
    assert read(tmp_path, with_chunks(*beside, ixml(aswg))) == describe(
        title="Uzi & echo",
        description="windy",
        artist="Originator",
        category="GUNS",
        tags=["GUNAuto", "AUTOMATIC", "war"],
    )
    assert read(tmp_path, with_chunks(*beside)).description == "comment"


def test_ixml_of_ucs_tools_is_read(tmp_path: Path) -> None:
    user = (
        "<USER><CATID>DOORWood</CATID><TRACKTITLE>Old gate</TRACKTITLE><DESCRIPTION>It creaks</DESCRIPTION>"
        "<KEYWORDS>gate, creak</KEYWORDS><DESIGNER>TN</DESIGNER></USER>"
    )
    assert read(tmp_path, with_chunks(ixml(user))) == describe(
        title="Old gate",
        description="It creaks",
        artist="TN",
        category="DOORS",
        tags=["DOORWood", "gate", "creak"],
    )
    assert read(tmp_path, with_chunks(ixml("<USER>slate was late</USER>"))).description == "slate was late"


def test_chunks_behind_four_gigabytes_of_sound_are_found(tmp_path: Path) -> None:
    """RF64 says its sizes elsewhere; the file is sparse, so it takes no room."""
    size = (4 << 30) + 10
    head = b"RF64\xff\xff\xff\xffWAVE" + chunk(
        b"ds64", (0).to_bytes(8, "little") + size.to_bytes(8, "little")
    )
    path = tmp_path / "long.wav"
    with open(path, "wb") as file:
        file.write(head + b"data\xff\xff\xff\xff")
        file.seek(size, 1)
        file.write(bext(b"very long", b""))
    with open_regular(path) as file:
        assert describe_file(file).description == "very long"


@pytest.mark.parametrize(
    ("stem", "title", "category", "tags"),
    [
        ("GUNAuto_Uzi 9mm Rapid Fire_TN_DORY", "Uzi 9mm Rapid Fire", "GUNS", ["GUNAuto"]),
        ("GUNAuto-EXT_UZI 9mm-Close_TN_NONE_416_x", "UZI 9mm-Close", "GUNS", ["EXT", "GUNAuto"]),
        ("AMBForst_Forest_BSB_LIB", "Forest", "AMBIENCE", ["AMBForst"]),
        ("RAIN_On Roof_TN_DORY", "On Roof", "RAIN", ["RAIN"]),
        ("UIMvmt_Ключ_TN_DORY", "Ключ", "USER INTERFACE", ["UIMvmt"]),
    ],
)
def test_names_of_the_universal_category_system_are_read(
    tmp_path: Path, stem: str, title: str, category: str, tags: list[str]
) -> None:
    expected = describe(title=title, category=category, tags=tags)
    assert read_ucs_name(stem) == expected
    assert read(tmp_path, with_strings("WAV"), f"{stem}.wav") == expected


@pytest.mark.parametrize(
    "stem",
    [
        "AMBForst_Forest (ID 0100)_BSB",
        "AMBForst__BSB_LIB",
        "IMGAuto_holiday_at_sea",
        "gunauto_Uzi_TN_DORY",
        "GUNAUTO_Uzi_TN_DORY",
        "GUNauto_Uzi_TN_DORY",
        "RAIN_2024_05_01",
        "WIND_3_4_5",
        "RAW_take_one_two",
        "AIRport_noise_at_night",
        "plain",
        "",
        "____",
    ],
)
def test_other_names_are_left_alone(stem: str) -> None:
    assert read_ucs_name(stem) is NOTHING


def test_tags_come_before_the_name(tmp_path: Path) -> None:
    data = with_strings("WAV", title="Tagged", genre="war")
    found = read(tmp_path, data, "GUNAuto_Named_TN_DORY.wav")
    assert found == describe(title="Tagged", category="GUNS", tags=["war"])


LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
BAD = {
    "nothing": b"",
    "no audio": b"text" * 1000,
    "only the head of an ID3": id3(id3_text(b"TIT2", "x" * 100))[:16],
    "an ID3 frame that is too large": id3(id3_frame(b"TIT2", b"\x01")[:4] + b"\x7f" * 8),
    "an ID3 of bytes": id3(id3_frame(b"TIT2", b"\x03" + bytes(range(1, 256)) * 20)) + bytes(100),
    "a LIST without end": with_chunks(b"LIST\xff\xff\xff\x7fINFOINAM\xff\xff\xff\x7f"),
    "a chunk without end": with_chunks(b"iXML\xff\xff\xff\xff<BWFXML/>"),
    "iXML that is none": with_chunks(ixml("<NOTE>unfinished")),
    "iXML of bytes": with_chunks(chunk(b"iXML", bytes(range(256)) * 8)),
    "iXML with entities": with_chunks(
        chunk(
            b"iXML",
            f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]><BWFXML><NOTE>&l9;</NOTE></BWFXML>'.encode(),
        )
    ),
    "iXML that reads files": with_chunks(
        chunk(
            b"iXML",
            b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><BWFXML><NOTE>&f;</NOTE></BWFXML>',
        )
    ),
    "iXML in UTF-16 with entities": with_chunks(
        chunk(b"iXML", '<!DOCTYPE x [<!ENTITY a "b">]><BWFXML><NOTE>&a;</NOTE></BWFXML>'.encode("utf-16"))
    ),
    "iXML in an unknown encoding": with_chunks(
        chunk(b"iXML", b'<?xml version="1.0" encoding="x-none"?><BWFXML><NOTE>a</NOTE></BWFXML>')
    ),
    "iXML nested without end": with_chunks(ixml("<a>" * 10_000 + "</a>" * 10_000)),
    "iXML of megabytes": with_chunks(ixml(f"<NOTE>{'x' * (2 << 20)}</NOTE>")),
    "four billion comments": flac_with_comments(0xFFFFFFFF, vorbis_comment(b"title=\xff\xfe")[:6]),
    "a comment without end": flac_with_comments(1, b"\xff\xff\xff\xfftitle=x"),
    "an id3 chunk of an id3 chunk": with_chunks(chunk(b"id3 ", chunk(b"id3 ", b"ID3"))),
}


@pytest.mark.parametrize("what", list(BAD))
def test_bad_tags_say_nothing(tmp_path: Path, what: str) -> None:
    assert read(tmp_path, BAD[what]) is NOTHING


def test_tags_beyond_bounds_are_cut(tmp_path: Path) -> None:
    tag = id3(id3_text(b"TIT2", "x" * 100_000), id3_user_text("tags", ",".join(map(str, range(10_000)))))
    found = read(tmp_path, with_chunks(chunk(b"id3 ", tag)))
    assert (len(found.title or ""), len(found.tags)) == (200, 50)


def test_tags_that_are_larger_than_may_be_read_are_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag = id3(id3_text(b"TIT2", "x" * 5000))
    assert read(tmp_path, with_chunks(chunk(b"id3 ", tag))).title
    monkeypatch.setattr(embedded_tags, "MAX_READ_BYTES", 5000)
    assert read(tmp_path, with_chunks(chunk(b"id3 ", tag))) is NOTHING


def test_tags_that_take_too_long_are_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each comment is compared with all before it by the library that reads them."""
    monkeypatch.setattr(embedded_tags, "MAX_CPU_S", 0.2)
    comments = b"".join(vorbis_comment(b"k=%d" % number) for number in range(300_000))
    started = time.process_time()
    assert read(tmp_path, flac_with_comments(300_000, comments)) is NOTHING
    assert time.process_time() - started < 5


def test_what_takes_a_files_place_while_it_is_read_is_not_looked_at(tmp_path: Path) -> None:
    """A pipe there would have the reader wait for ever; another file would lend its tags."""
    path = tmp_path / "RAIN_Roof_TN_DORY.wav"
    path.write_bytes(with_strings("WAV", title="its own"))
    with open_regular(path) as file:
        path.unlink()
        os.mkfifo(path)
        assert describe_file(file).title == "its own"
    path.unlink()
    path.write_bytes(b"no tags")
    with open_regular(path) as file:
        assert describe_file(file).title == "Roof"
