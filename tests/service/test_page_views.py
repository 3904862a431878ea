"""The page beside the search: the map of a library, jobs and their progress, uploads."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver

from service.app import create_app
from tests.service.browsing import Page, served_app
from tests.service.helpers import wav_bytes
from tests.service.stand_ins import Desk, install, progress


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def page(browser: WebDriver, store_dir: Path, desk: Desk) -> Iterator[Page]:
    app = create_app(store_dir=store_dir)
    install(app, desk)
    with served_app(app) as address:
        opened = Page(browser)
        opened.open(address)
        yield opened
        browser.get("about:blank")  # ends what it listens to
        desk.may_go_on.set()


def on_map(page: Page, clips: list[dict], desk: Desk) -> None:
    desk.points = [
        {"clip_id": clip["clip_id"], "title": clip["path"].split("/")[-1], "x": x, "y": y, "category": "wind"}
        for clip, (x, y) in zip(clips, [(0.2, 0.5), (0.5, 0.5), (0.8, 0.5)], strict=True)
    ]
    page.view("map")
    page.until(lambda: "3 sounds" in page.one("#view-map .status").text)


def clips_of(page: Page, library: str) -> list[dict]:
    return page.script(
        """
        const body = JSON.stringify({text: "x", library: arguments[0]});
        const headers = {"Content-Type": "application/json"};
        return fetch("v1/search", {method: "POST", headers, body}).then((r) => r.json()).then(({hits}) => hits);
        """,
        library,
    )


def test_the_map_is_wandered_in_with_keys(page: Page, desk: Desk) -> None:
    clips = clips_of(page, "weather")
    on_map(page, clips, desk)
    names = [point["title"] for point in desk.points]
    page.script("document.querySelector('#view-map canvas').focus()")
    page.press(Keys.ARROW_LEFT * 3)
    page.until(lambda: page.one(".card .name").text == names[0])
    page.press(Keys.ARROW_RIGHT)
    page.until(lambda: page.one(".card .name").text == names[1])
    page.press("+", Keys.ENTER)
    page.until(lambda: page.playing_s() > 0)
    page.press("m")
    page.until(lambda: page.one("#view-search").is_displayed())
    assert len(page.answer()) == 4
    assert page.one("#example b").text == names[1]
    page.browser.back()
    page.until(lambda: page.one("#view-map").is_displayed())


def test_the_map_is_wandered_in_with_the_pointer(page: Page, desk: Desk) -> None:
    clips = clips_of(page, "weather")
    on_map(page, clips, desk)
    canvas = page.one("#view-map canvas")
    pointer = ActionChains(page.browser)
    pointer.move_to_element(canvas).perform()  # its middle, where the second is
    page.until(lambda: page.one("#view-map .tip").is_displayed())
    assert page.one("#view-map .tip").text == desk.points[1]["title"]
    pointer.click().perform()
    page.until(lambda: page.playing_s() > 0)
    assert page.one(".card .name").text == desk.points[1]["title"]
    assert page.one(".legend").text == "wind"
    pointer.move_to_element(canvas).click_and_hold().move_by_offset(120, 40).release().perform()
    page.until(lambda: not page.one("#view-map .tip").is_displayed())
    pointer.move_to_element(canvas).move_by_offset(120, 40).perform()
    page.until(lambda: page.one("#view-map .tip").is_displayed())
    page.one(".card .like").click()
    assert len(page.answer()) == 4


def test_jobs_show_how_far_they_are(page: Page, desk: Desk) -> None:
    desk.job("j1", "running", progress=progress(0, 4))
    desk.job("j2", "failed", error="The disk is full.")
    page.browser.refresh()
    page.until_ready()
    page.until(lambda: page.one("#active-jobs").text == "1")
    page.view("libraries")
    page.until(lambda: "1 of 4" in page.one(".job.running small").text)
    assert page.script("return document.querySelector('.job.running progress').value") == 1
    assert "The disk is full." in page.one(".job.failed").text
    desk.may_go_on.set()
    page.until(lambda: page.all(".job.done"))
    assert page.one("#active-jobs").text == ""
    page.one(".job.failed .retry").click()
    page.until(lambda: not page.all(".job.failed"))


def test_sounds_are_dropped_into_a_library(page: Page, desk: Desk, tmp_path: Path) -> None:
    for name in ("one.wav", "two.wav"):
        (tmp_path / name).write_bytes(wav_bytes())
    (tmp_path / "notes.txt").write_text("no sound")
    page.view("libraries")
    library = page.one("#upload [name=library]")
    library.clear()
    library.send_keys("new one")
    page.one("#upload input[type=file]").send_keys(
        "\n".join(str(tmp_path / n) for n in ("one.wav", "two.wav", "notes.txt"))
    )
    page.until(lambda: "2 files accepted" in page.one("#upload .said-files").text)
    assert "notes.txt: It is no sound." in page.one("#upload .said-files").text
    size = len(wav_bytes())
    assert desk.uploaded == [
        ("new one", "one.wav", size),
        ("new one", "two.wav", size),
        ("new one", "notes.txt", 8),
    ]
    page.until(lambda: page.all(".job.running"))
    page.one(".job.running .cancel").click()
    page.until(lambda: page.all(".job.cancelled"))
