"""Uploads over HTTP: what is taken and indexed, what is refused and why, and that nothing is left behind."""

import resource
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from model.retrieval_model import RetrievalModel
from service.errors import DatabaseUnavailableError
from service.upload_storage import forget_upload
from service.uploads_folder import uploads_folder
from tests.service.helpers import index, serving, wait_until_loaded, wav_bytes
from tests.service.uploaded import (
    claiming_members,
    encrypted,
    entry,
    sparse_bomb,
    tarred,
    with_list_elsewhere,
    with_long_header,
    zipped,
)

LIBRARY = "полка / shelf"
ADDRESS = f"/v1/libraries/{quote(LIBRARY, safe='')}/uploads"
SOUND = wav_bytes(seconds=0.5)
DAMAGED = bytearray(zipped({"a.wav": SOUND}))
DAMAGED[200] ^= 0xFF


@pytest.fixture(scope="module")
def store_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("uploads") / "store"


@pytest.fixture(scope="module")
def client(store_dir: Path) -> Iterator[TestClient]:
    with serving(store_dir) as started:
        wait_until_loaded(started)
        assert started.post("/v1/libraries", json={"name": LIBRARY}).status_code == 201
        yield started


@pytest.fixture
def folder(store_dir: Path) -> Path:
    return uploads_folder(store_dir, LIBRARY)


def send(client: TestClient, *files: tuple[str, bytes]) -> Any:
    return client.post(ADDRESS, files=[("file", file) for file in files])


def refused(client: TestClient, folder: Path, *files: tuple[str, bytes]) -> tuple[int, str, str]:
    """Status, type and first reason of an upload of which nothing is kept."""
    before = sorted(folder.rglob("*"))
    answer = send(client, *files)
    assert sorted(folder.rglob("*")) == before, "nothing is left behind"
    body = answer.json()
    said = body["errors"][0]["message"] if "errors" in body else body["detail"]
    return answer.status_code, body["type"].rsplit(":", 1)[-1], said


def test_sounds_and_archives_come_in_under_their_names(
    client: TestClient, store_dir: Path, folder: Path, model: RetrievalModel
) -> None:
    submitted: list[str] = []
    client.app.state.submit_job = lambda library: submitted.append(library)  # pyright: ignore
    archive = {
        "pack/Вода.WAV": wav_bytes(seed=4),
        "read me.txt": b"x",
        "__MACOSX/._Вода.WAV": b"x",
        "pack/.DS": b"x",
    }
    answer = send(
        client,
        ('Дождь, "ночью".wav', wav_bytes(seed=1)),
        ("../../etc/passwd.wav", wav_bytes(seed=2)),
        ("same.wav", wav_bytes(seed=5)),
        ("same.wav", wav_bytes(seed=6)),
        ("notes.txt", b"no sound"),
        ("pack.zip", zipped(archive)),
        ("more.tar.gz", tarred({"deep/in/it/звон.wav": wav_bytes(seed=7)}, mode="w:gz")),
        ("more.tar", tarred({"plain.wav": wav_bytes(seed=8)})),
        ("large.zip", with_list_elsewhere({"large.wav": wav_bytes(seed=9)}, by=0)),
    )
    assert answer.status_code == 202
    assert [(file["filename"], file["state"]) for file in answer.json()["files"]] == [
        ('Дождь, "ночью".wav', "accepted"),
        ("passwd.wav", "accepted"),
        ("same.wav", "accepted"),
        ("same.wav", "accepted"),
        ("notes.txt", "refused"),
        ("pack.zip/pack/Вода.WAV", "accepted"),
        ("pack.zip/read me.txt", "refused"),
        ("more.tar.gz/deep/in/it/звон.wav", "accepted"),
        ("more.tar/plain.wav", "accepted"),
        ("large.zip/large.wav", "accepted"),
    ]
    assert (answer.json()["job"], submitted) == (None, [LIBRARY])
    names = [path.name for path in folder.rglob("*") if path.is_file()]
    assert len(names) == 9
    assert all(name == "sonoglot.csv" or (len(name) == 36 and name.endswith(".wav")) for name in names)

    index(model, store_dir, LIBRARY, folder)
    page = client.get(ADDRESS.replace("uploads", "clips")).json()
    titles = {clip["title"]: clip for clip in page["clips"]}
    assert sorted(titles) == ["large", "passwd", "plain", "same", "Вода", 'Дождь, "ночью"', "звон"]
    assert len(page["clips"]) == 8
    assert client.get(titles["Вода"]["audio_url"]).content == wav_bytes(seed=4)

    rest = [clip["clip_id"] for clip in page["clips"]]
    for clip_id in rest:
        assert client.delete(f"/v1/clips/{clip_id}").status_code == 204
    assert list(folder.iterdir()) == [], "the files go with their clips, and the folder with the last"


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("empty.wav", b"", "is empty"),
        ("notes.txt", b"x", "not an audio file"),
        ("no-suffix", b"x", "not an audio file"),
        ("a.rar", b"x", "not an audio file or an archive"),
        ("a.zip", b"no archive", "damaged"),
        ("a.zip", zipped({"a.wav": SOUND})[:-30], "damaged"),
        ("a.zip", bytes(DAMAGED), "damaged"),
        ("a.zip", zipped({}), "no sound in it"),
        ("a.zip", zipped({"a.wav": b""}), "is empty"),
        ("a.zip", zipped({"../a.wav": SOUND}), "leads out"),
        ("a.zip", zipped({"/etc/a.wav": SOUND}), "leads out"),
        ("a.zip", zipped({"C:\\a.wav": SOUND}), "leads out"),
        ("a.zip", zipped({"b.zip": zipped({"a.wav": SOUND})}), "archive in an archive"),
        ("a.zip", with_list_elsewhere({"a.wav": SOUND}, by=-56), "damaged"),
        ("a.zip", encrypted({"a.wav": SOUND}), "encrypted"),
        ("a.zip", zipped({"a.wav": SOUND}, method=zipfile.ZIP_LZMA), "deflate"),
        ("a.tar", b"no archive" * 200, "damaged"),
        ("a.tar", tarred({"a.wav": SOUND})[:5000], "damaged"),
        ("a.tgz", tarred({"a.wav": SOUND}, mode="w:gz")[:-2000], "damaged"),
        ("a.tar", tarred({"a.wav": entry("a.wav", tarfile.SYMTYPE, target="/etc/passwd")}), "a link"),
        ("a.tar", tarred({"a.wav": entry("a.wav", tarfile.LNKTYPE, target="../../x.wav")}), "a link"),
        ("a.tar", tarred({"a.wav": entry("a.wav", tarfile.FIFOTYPE)}), "no plain file"),
        ("a.tar", tarred({"a.wav": entry("a.wav", tarfile.CHRTYPE)}), "no plain file"),
        ("a.tar", tarred({"../../a.wav": SOUND}), "leads out"),
        ("a.tar", tarred({"b.tgz": SOUND}), "archive in an archive"),
        ("a.tgz", with_long_header(20_000_000), "headers"),
        ("a.tgz", sparse_bomb(3_000_000), "headers"),
    ],
)
def test_what_cannot_be_taken_says_why(
    client: TestClient, folder: Path, name: str, data: bytes, reason: str
) -> None:
    status, kind, said = refused(client, folder, (name, data))
    assert (status, kind) == (422, "unusable-upload")
    assert reason in said


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("bomb.zip", zipped({f"{number}.wav": bytes(10_000_000) for number in range(8)})),
        ("bomb.tgz", tarred({f"{number}.wav": bytes(10_000_000) for number in range(8)}, mode="w:gz")),
        ("skipped.tgz", tarred({f"{number}.txt": bytes(10_000_000) for number in range(8)}, mode="w:gz")),
        ("many.zip", zipped({f"{number}.txt": b"" for number in range(10_001)}, method=zipfile.ZIP_STORED)),
        ("claims.zip", claiming_members(50_000_000)),
        ("many.tgz", tarred({f"{number}.txt": b"" for number in range(10_001)}, mode="w:gz")),
    ],
)
def test_bombs_end_the_whole_upload(client: TestClient, folder: Path, name: str, data: bytes) -> None:
    assert refused(client, folder, ("fine.wav", SOUND), (name, data))[:2] == (413, "too-large")


def test_only_files_in_their_field_are_taken(client: TestClient, folder: Path) -> None:
    assert refused(client, folder, ("", b""))[:2] == (422, "invalid-request")
    for fields in (
        {"files": [("audio", ("a.wav", SOUND))]},
        {"data": {"title": "x"}, "files": [("file", ("a.wav", SOUND))]},
    ):
        assert client.post(ADDRESS, **fields).json()["type"].endswith(":invalid-request")  # pyright: ignore
    assert client.post(ADDRESS, json={}).status_code == 415
    assert client.post("/v1/libraries/none/uploads", files={"file": ("a.wav", SOUND)}).status_code == 404
    too_many = [("file", (f"{number}.wav", b"")) for number in range(1001)]
    assert client.post(ADDRESS, files=too_many).status_code == 422
    # As a browser sends a field that was left open, more often than any would.
    empty = (HEAD.replace(b"a.wav", b"") + b"\r\n") * 1001 + b"--b--\r\n"
    assert client.post(ADDRESS, content=empty, headers=FORM).status_code == 422
    huge = client.post(ADDRESS, content=b"x", headers={**FORM, "Content-Length": str(5 << 30)})
    assert huge.status_code == 413
    assert list(folder.iterdir()) == []


FORM = {"Content-Type": "multipart/form-data; boundary=b"}
HEAD = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Type": "multipart/form-data"}, HEAD + SOUND + b"\r\n--b--\r\n"),
        ({"Content-Type": "multipart/form-data; boundary=" + "b" * 2000}, b"x"),
        (FORM, b""),
        (FORM, b"no multipart at all"),
        (FORM, HEAD),
        (FORM, HEAD + SOUND),
        (FORM, HEAD + SOUND + b"\r\n--b\r\n"),
        (FORM, b"--b\r\n" + b"x" * 100_000),
        (FORM, b"--b\r\n" + b"A: b\r\n" * 10_000),
    ],
)
def test_a_broken_body_leaves_nothing_behind(
    client: TestClient, folder: Path, headers: dict[str, str], body: bytes
) -> None:
    answer = client.post(ADDRESS, content=body, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:sonoglot:problem:malformed-request")
    assert list(folder.glob("*")) == []


def test_a_request_that_breaks_off_leaves_nothing_behind(client: TestClient, folder: Path) -> None:
    parts = [
        {"type": "http.request", "body": HEAD + bytes(3_000_000), "more_body": True},
        {"type": "http.disconnect"},
    ]
    seen: list[int] = []

    async def receive() -> dict:
        seen.append(len(list(folder.rglob("*.part"))))
        return parts.pop(0)

    async def send_nowhere(message: dict) -> None:
        pass

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/",
        "raw_path": ADDRESS.encode(),
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1:8000"), (b"content-type", FORM["Content-Type"].encode())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }
    assert client.portal is not None
    client.portal.call(client.app, scope, receive, send_nowhere)
    assert seen == [0, 1], "it was being written to disk"
    assert list(folder.iterdir()) == []


def test_a_disk_without_room_is_told(client: TestClient, folder: Path) -> None:
    """The system refuses to let a file grow, as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    packed = zipped({"a.wav": bytes(range(256)) * 20_000})
    assert len(packed) < 1_000_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, hard))
    try:
        sent = refused(client, folder, ("a.wav", bytes(5_000_000)))
        unpacked = refused(client, folder, ("a.zip", packed))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sent[:2] == unpacked[:2] == (507, "storage-full")


def test_what_was_kept_is_no_error_where_no_job_can_be_queued(client: TestClient, folder: Path) -> None:
    def unavailable(library: str) -> None:
        raise DatabaseUnavailableError("the database of keys and jobs cannot be used")

    state = client.app.state  # pyright: ignore[reportFunctionMemberAccess]
    before, state.submit_job = state.submit_job, unavailable
    try:
        answer = send(client, ("kept.wav", SOUND))
    finally:
        state.submit_job = before
    assert (answer.status_code, answer.json()["job"]) == (202, None)
    assert len(list(folder.rglob("*.wav"))) == 1
    (upload,) = folder.iterdir()
    shutil.rmtree(upload)


def test_a_file_whose_upload_is_gone_is_forgotten_all_the_same(store_dir: Path, folder: Path) -> None:
    forget_upload(store_dir, LIBRARY, folder.absolute() / "0123" / "a.wav")
    assert not (folder / "0123").exists()


def test_uploads_go_with_their_library(client: TestClient, store_dir: Path) -> None:
    client.post("/v1/libraries", json={"name": "short-lived"})
    assert (
        client.post("/v1/libraries/short-lived/uploads", files={"file": ("a.wav", SOUND)}).status_code == 202
    )
    assert len(list(uploads_folder(store_dir, "short-lived").rglob("*.wav"))) == 1
    assert client.delete("/v1/libraries/short-lived").status_code == 204
    assert not uploads_folder(store_dir, "short-lived").exists()
