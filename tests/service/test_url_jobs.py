"""A prefix of an object store, over two of fsspec's file systems: submitted over REST, indexed, found and played."""

from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from model.retrieval_model import RetrievalModel
from service.app import create_app
from service.database import open_database
from service.job_sources import AllowedSources
from service.jobs import Jobs
from tests.service.helpers import client_of, wait_until_loaded, wav_bytes
from tests.service.jobs_helpers import Working, wait_for

SOUNDS = {"rain.wav": wav_bytes(seed=1), "doors/slam.wav": wav_bytes(seed=4)}


@pytest.fixture(params=["memory", "file"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A prefix with two sounds."""
    place = tmp_path / "bucket" / "free"
    url = f"memory://{place.relative_to('/')}" if request.param == "memory" else f"file://{place}"
    files, root = fsspec.url_to_fs(url)
    for name, content in SOUNDS.items():
        files.makedirs(f"{root}/{name}".rpartition("/")[0], exist_ok=True)
        files.pipe_file(f"{root}/{name}", content)
    yield url
    files.rm(root, recursive=True)


def test_what_lies_below_a_url_is_found_and_played(url: str, tmp_path: Path, model: RetrievalModel) -> None:
    store_dir = tmp_path / "store"
    allowed = AllowedSources(urls=[url.removesuffix("/free")])
    database = open_database(store_dir, None)
    with client_of(create_app(store_dir=store_dir, allowed_sources=allowed)) as client:
        submitted = client.post("/v1/jobs", json={"library": "free", "source": {"url": url}})
        assert submitted.status_code == 202
        with Working(database, store_dir, model):
            done = wait_for(Jobs(database), submitted.json()["job_id"], lambda job: job.state.is_end)
        database.close()
        assert (done.error, done.progress and done.progress.indexed) == (None, 2)
        wait_until_loaded(client)
        asked = client.post("/v1/search", files={"audio": ("a.wav", SOUNDS["doors/slam.wav"])}).json()
        assert [Path(hit["path"]).name for hit in asked["hits"]] == ["slam.wav", "rain.wav"]
        assert asked["hits"][0]["score"] == pytest.approx(1, abs=1e-3)
        for hit in asked["hits"]:
            [sound] = [content for name, content in SOUNDS.items() if hit["path"].endswith(f"/{name}")]
            played = client.get(hit["audio_url"])
            assert (played.status_code, played.content == sound) == (200, True)
            assert played.headers["content-type"].startswith("audio/")
