"""What a program does to have sounds found: a library, an upload, a job, and a search, through the client."""

import threading
from pathlib import Path

import pytest

from model.retrieval_model import RetrievalModel
from service.app import create_app
from service.database import open_database
from service.worker import Worker
from sonoglot.client import Client, Job, SonoglotError
from tests.service.helpers import client_of, wait_until_loaded, wav_bytes
from tests.service.http_server import listening


def test_from_an_upload_to_a_hit(model: RetrievalModel, tmp_path: Path) -> None:
    (tmp_path / "my knock.wav").write_bytes(wav_bytes(seed=4))
    store = tmp_path / "store"
    worker = Worker(open_database(store, None), store_dir=store, load=lambda: model)
    with client_of(create_app(store_dir=store)) as started, listening(started.app, lifespan="off") as url:
        wait_until_loaded(started)
        with Client(url) as sonoglot:
            assert sonoglot.create_library("field/2026").clips == 0
            uploaded = sonoglot.upload("field/2026", tmp_path / "my knock.wav")
            assert [file.state for file in uploaded.files] == ["accepted"]
            job = uploaded.job or sonoglot.submit_job("field/2026", {"uploads": True})
            working = threading.Thread(target=worker.run)
            working.start()
            heard: list[Job] = []
            ended = sonoglot.wait_for_job(job.job_id, on_progress=heard.append)
            worker.stop()
            working.join()
            assert (ended.state, ended.error) == ("done", None)
            assert ended.progress is not None
            assert ended.progress.indexed == 1
            assert sonoglot.jobs(library="field/2026")[0].job_id == job.job_id

            [hit] = sonoglot.search("knocking", library="field/2026").hits
            assert hit.title == "my knock"
            assert [clip.clip_id for clip in sonoglot.clips("field/2026")] == [hit.clip_id]
            assert sonoglot.update_clip(hit.clip_id, title="Knock", tags=["door"]).tags == ("door",)
            assert {tag.tag for tag in sonoglot.tags(hit.clip_id, ["a knock", "a bird"])} == {
                "a knock",
                "a bird",
            }
            assert sonoglot.download(hit.clip_id, tmp_path / "back.wav").stat().st_size > 0
            with pytest.raises(SonoglotError) as caught:
                sonoglot.retry_job(job.job_id)
            assert caught.value.status == 409
            sonoglot.delete_clip(hit.clip_id)
            sonoglot.delete_library("field/2026")
            assert sonoglot.libraries() == ()
