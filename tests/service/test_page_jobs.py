"""Sounds uploaded on the page, and jobs and their progress on it, with a worker that does them."""

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys as BrowserKeys
from selenium.webdriver.remote.webdriver import WebDriver

from model.retrieval_model import RetrievalModel
from service.database import open_database
from service.jobs import Jobs
from service.keys import Keys, Scope
from service.worker import Worker
from tests.service.browsing import Page, served
from tests.service.helpers import index, wav_bytes, write_sounds


@contextmanager
def working(store_dir: Path, model: RetrievalModel) -> Iterator[None]:
    """A worker on the jobs of a store."""
    database = open_database(store_dir, None)
    worker = Worker(database, store_dir=store_dir, load=lambda: model)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield
    finally:
        worker.stop()
        thread.join()
        database.close()


@pytest.fixture
def page(browser: WebDriver) -> Iterator[Page]:
    yield Page(browser)
    browser.get("about:blank")  # ends what it listens to


def job_text(page: Page) -> str:
    """Of the only job; read in one go, for its row may be replaced meanwhile."""
    return page.script("return document.querySelector('.job').innerText")


def drop(page: Page, name: str) -> None:
    """Drop a sound anywhere on the page."""
    data = base64.b64encode(wav_bytes(seed=2)).decode()
    page.script(
        """
        const bytes = Uint8Array.from(atob(arguments[1]), (c) => c.charCodeAt(0));
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([bytes], arguments[0], {type: "audio/wav"}));
        document.body.dispatchEvent(new DragEvent("drop", {dataTransfer, bubbles: true, cancelable: true}));
        """,
        name,
        data,
    )


def drop_file(page: Page, file: Path) -> None:
    """Drop a file of the disk on the page, as from a window beside it."""
    data = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        event = {"type": kind, "x": 300, "y": 300, "data": data}
        page.browser.execute_cdp_cmd("Input.dispatchDragEvent", event)


def open_with(page: Page, address: str, key: str) -> None:
    """Open the page with the key that it asks for."""
    page.open(address)
    page.one("#notice input[type=password]").send_keys(key, BrowserKeys.ENTER)
    page.until(lambda: not page.all("#notice input[type=password]"))
    page.until_ready()


def test_what_the_key_may_not_do_is_not_shown(page: Page, model: RetrievalModel, tmp_path: Path) -> None:
    write_sounds(tmp_path / "sounds", ["rain.wav"], first_seed=1)
    index(model, tmp_path / "store", "weather", tmp_path / "sounds")
    database = open_database(tmp_path / "store", None)
    Jobs(database).submit(library="weather", source={"folder": str(tmp_path / "sounds")})
    made = {scope: Keys(database).create(name="", scope=scope)[1] for scope in (Scope.SEARCH, Scope.INDEX)}
    database.close()
    with served(tmp_path / "store") as address:
        open_with(page, address, made[Scope.SEARCH])
        page.view("libraries")
        assert "Waiting" in job_text(page)
        assert not page.all(".job button")
        assert not page.one("#upload").is_displayed()
        assert page.one("#only-searching").is_displayed()
        drop(page, "knock.wav")
        assert page.answer() == ["rain.wav"], "searched with, as everywhere, for it cannot be uploaded"
        page.view("libraries")
        page.one("#change-key").click()
        page.until(lambda: page.all("#notice input[type=password]"))
        open_with(page, address, made[Scope.INDEX])
        page.view("libraries")
        assert page.one("#upload").is_displayed()
        assert not page.one("#only-searching").is_displayed()
        page.one(".job.queued .cancel").click()
        page.until(lambda: page.all(".job.cancelled .retry"))
    page.browser.delete_all_cookies()
    page.browser.get_log("browser")  # of refusals, which were meant


def test_a_key_is_asked_for_where_there_is_nothing_yet(page: Page, tmp_path: Path) -> None:
    database = open_database(tmp_path, None)
    _, key = Keys(database).create(name="", scope=Scope.INDEX)
    database.close()
    with served(tmp_path) as address:
        page.open(address)
        assert page.all("#notice input[type=password]")
        page.script("document.dispatchEvent(new Event('visibilitychange'))")
        page.script("return fetch('v1/libraries').then(() => {})")  # the page's own request came before
        assert page.all("#notice input[type=password]"), "it is there still for who comes back with a key"
        open_with(page, address, key)
        page.until(lambda: page.one("#notice .add").is_displayed())
    page.browser.delete_all_cookies()
    page.browser.get_log("browser")


def test_from_nothing_to_a_sound_that_is_found(page: Page, model: RetrievalModel, tmp_path: Path) -> None:
    for name in ("one.wav", "two.wav"):
        (tmp_path / name).write_bytes(wav_bytes(seed=len(name)))
    (tmp_path / "notes.txt").write_text("no sound")
    store_dir = tmp_path / "store"
    with served(store_dir) as address:
        page.open(address)
        page.one("#notice .add").click()
        page.one("#upload [name=library]").send_keys("new / один")
        files = "\n".join(str(tmp_path / name) for name in ("one.wav", "two.wav", "notes.txt"))
        page.one("#upload input[type=file]").send_keys(files)
        page.until(lambda: "2 files accepted" in page.one("#upload .said-files").text)
        assert "notes.txt: " in page.one("#upload .said-files li").text
        page.until(lambda: page.one("#active-jobs").text == "1")
        assert "Waiting" in job_text(page)
        with working(store_dir, model):
            page.until(lambda: page.all(".job.done"))
        page.until(lambda: "new: 2" in job_text(page))
        assert page.one("#active-jobs").text == ""
        page.until(lambda: page.all("#library option[value='new / один']"))
        page.view("search")
        assert sorted(page.ask("rain")) == ["one", "two"] or sorted(page.answer()) == ["one.wav", "two.wav"]


def test_a_file_dropped_on_libraries_is_uploaded_and_found(
    page: Page, model: RetrievalModel, tmp_path: Path
) -> None:
    write_sounds(tmp_path / "sounds", ["rain.wav"], first_seed=1)
    index(model, tmp_path / "store", "weather", tmp_path / "sounds")
    (tmp_path / "knock.wav").write_bytes(wav_bytes(seed=4))
    with served(tmp_path / "store") as address:
        page.open(address)
        page.view("libraries")
        drop_file(page, tmp_path / "knock.wav")
        page.until(lambda: "1 file accepted" in page.one("#upload .said-files").text)
        page.until(lambda: "Waiting" in job_text(page))
        assert "weather" in job_text(page), "the only library there is was chosen"
        assert page.one("#view-libraries").is_displayed(), "it was not searched with"
        with working(tmp_path / "store", model):
            page.until(lambda: page.all(".job.done"))
        page.until(lambda: "new: 1" in job_text(page))
        page.until(lambda: "(2)" in page.one("#library option[value=weather]").text)
        page.view("search")
        assert sorted(page.ask("rain")) == ["knock", "rain.wav"]
        assert page.choose(tmp_path / "knock.wav")[0] == "knock"


def test_a_job_is_cancelled_tried_again_and_says_why_it_failed(
    page: Page, model: RetrievalModel, tmp_path: Path
) -> None:
    write_sounds(tmp_path / "sounds", ["rain.wav"], first_seed=1)
    index(model, tmp_path / "store", "weather", tmp_path / "sounds")
    database = open_database(tmp_path / "store", None)
    Jobs(database).submit(library="weather", source={"folder": str(tmp_path / "gone")})
    database.close()
    with served(tmp_path / "store") as address:
        page.open(address)
        assert page.one("#active-jobs").text == "1"
        page.view("libraries")
        page.one(".job.queued .cancel").click()
        page.until(lambda: page.all(".job.cancelled"))
        assert page.one("#active-jobs").text == ""
        page.one(".job.cancelled .retry").click()
        page.until(lambda: page.all(".job.queued"))
        with working(tmp_path / "store", model):
            page.until(lambda: page.all(".job.failed"))
        assert page.one(".job.failed .complaint").text


def test_a_button_of_a_job_that_did_not_work_can_be_pressed_again(page: Page, tmp_path: Path) -> None:
    database = open_database(tmp_path, None)
    Jobs(database).submit(library="weather", source={"folder": str(tmp_path / "sounds")})
    database.close()
    with served(tmp_path) as address:
        page.open(address)
        page.view("libraries")
        page.script("window.original = fetch; window.fetch = () => Promise.reject(new TypeError('offline'))")
        page.one(".job.queued .cancel").click()
        page.until(lambda: "Is Sonoglot still running?" in page.one(".job [role=alert]").text)
        page.script("window.fetch = window.original")
        page.one(".job.queued .cancel").click()
        page.until(lambda: page.all(".job.cancelled"))
