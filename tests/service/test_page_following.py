"""Jobs on the page where a proxy, or a server that has too much to do, lets nobody follow them."""

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI, Request, Response
from selenium.webdriver.remote.webdriver import WebDriver

from model.retrieval_model import RetrievalModel
from service.app import create_app
from service.database import Database, open_database
from service.jobs import Jobs
from tests.service.browsing import Page, at_every_start, served_app
from tests.service.helpers import index, write_sounds
from tests.service.jobs_helpers import Working

# What is to be done later is done soon, and how long the pauses would have been is kept.
NO_PAUSES = """
window.pauses = [];
const original = window.setTimeout;
window.setTimeout = (act, ms, ...rest) => {
  window.pauses.push(ms);
  return original(act, Math.min(ms, 50), ...rest);
};
"""
LONG_PAUSES = "return window.pauses.filter((ms) => ms >= 2000)"


@pytest.fixture
def page(browser: WebDriver) -> Iterator[Page]:
    yield Page(browser)
    browser.get("about:blank")  # ends what it listens to
    browser.get_log("browser")  # of refusals, which were meant


@pytest.fixture
def database(model: RetrievalModel, tmp_path: Path) -> Iterator[Database]:
    """Of a store with a library of one clip, and a job that will find another."""
    write_sounds(tmp_path / "sounds", ["rain.wav"], first_seed=1)
    index(model, tmp_path / "store", "weather", tmp_path / "sounds")
    write_sounds(tmp_path / "sounds", ["wind.wav"], first_seed=2)
    opened = open_database(tmp_path / "store", None)
    Jobs(opened).submit(library="weather", source={"folder": str(tmp_path / "sounds")})
    yield opened
    opened.close()


def refusing_events(store_dir: Path, times: int) -> FastAPI:
    """The app behind a proxy that lets nobody follow a job so many times."""
    app = create_app(store_dir=store_dir)
    refused = 0

    @app.middleware("http")
    async def refuse(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        nonlocal refused
        if request.url.path.endswith("/events") and refused < times:
            refused += 1
            return Response(status_code=502)
        return await answer(request)

    return app


def test_jobs_that_could_not_be_followed_are_followed_later_and_ever_more_rarely(
    page: Page, database: Database, model: RetrievalModel, tmp_path: Path
) -> None:
    with served_app(refusing_events(tmp_path / "store", times=7)) as address, at_every_start(page, NO_PAUSES):
        page.open(address)
        pauses = page.until(lambda: len(found := page.script(LONG_PAUSES)) >= 7 and found)
        assert pauses[0] < pauses[1] < pauses[2]
        assert pauses[6] == pauses[5] == max(pauses), "but not without end"
        page.view("libraries")
        with Working(database, tmp_path / "store", model):
            page.until(lambda: page.all(".job.done"))
        page.until(lambda: "(2)" in page.one("#library option[value=weather]").text)


def test_a_job_that_ended_unseen_is_known_once_the_list_is(
    page: Page, database: Database, model: RetrievalModel, tmp_path: Path
) -> None:
    never = refusing_events(tmp_path / "store", times=1_000_000)
    with served_app(never) as address, at_every_start(page, NO_PAUSES):
        page.open(address)
        page.view("libraries")
        assert page.all(".job.queued")
        with Working(database, tmp_path / "store", model):
            page.until(lambda: page.all(".job.done"))
        page.until(lambda: "(2)" in page.one("#library option[value=weather]").text)
