"""What is done on the page while an answer is on its way, or after one that was refused, in headless Chromium."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver

from model.retrieval_model import RetrievalModel
from tests.service.browsing import Page, served
from tests.service.helpers import index
from tests.service.jobs_helpers import write_tones

PAGE = 20

# Answers to requests of which the address has `part` in it come when they are released, and not before.
HOLD = """
const [part] = arguments;
const original = window.fetch;
let open;
const opened = new Promise((resolve) => { open = resolve; });
window.held = [];
window.release = () => {
  window.fetch = original;
  open();
  return Promise.allSettled(window.held).then(() => fetch("healthz")).then(() => {});
};
window.fetch = (path, options) => {
  if (!path.includes(part)) return original(path, options);
  const answer = opened.then(() => original(path, options))
    .then(async (response) => new Response(await response.blob(), response));
  window.held.push(answer);
  return answer;
};
"""
REFUSE = "window.original = window.fetch; window.fetch = () => Promise.reject(new TypeError('offline'))"
ALLOW_DEVICES_LATER = """
const devices = navigator.mediaDevices;
const original = devices.getUserMedia.bind(devices);
window.streams = [];
const allowed = new Promise((resolve) => { window.allow = resolve; });
devices.getUserMedia = async (wanted) => {
  await allowed;
  const stream = await original(wanted);
  window.streams.push(stream);
  return stream;
};
"""
LIVE_STREAMS = "return [window.streams.length, window.streams.filter((stream) => stream.active).length]"


@pytest.fixture(scope="module")
def tones(model: RetrievalModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page over more clips than one page of results has."""
    root = tmp_path_factory.mktemp("tones")
    write_tones(root / "tones", PAGE + 5, seconds=0.5)
    index(model, root / "store", "tones", root / "tones")
    with served(root / "store") as address:
        yield address


def hold(page: Page, part: str) -> None:
    page.script(HOLD, part)


def until_held(page: Page) -> None:
    page.until(lambda: page.script("return window.held.length"))


def release(page: Page) -> None:
    """Let the answers come, and the page see them."""
    page.script("return window.release()")


def test_more_belongs_to_the_question_that_was_answered(browser: WebDriver, tones: str) -> None:
    page = Page(browser)
    page.open(tones)
    page.ask("a flute")
    assert page.one("#more").is_displayed()
    hold(page, "v1/search")
    page.one("#text").send_keys(Keys.HOME, "not ", Keys.ENTER)
    until_held(page)
    assert not page.one("#more").is_displayed()
    release(page)
    assert len(page.answer()) == PAGE
    assert page.one("#more").is_displayed()


def test_what_went_wrong_with_more_is_forgotten_once_it_went_well(browser: WebDriver, tones: str) -> None:
    page = Page(browser)
    page.open(tones)
    page.ask("a flute")
    page.script(REFUSE)
    page.one("#more").click()
    page.until(lambda: page.all("#notice.error:not([hidden])"))
    assert len(page.all("#results .hit")) == PAGE, "what was found stays"
    page.script("window.fetch = window.original")
    page.one("#more").click()
    page.until(lambda: len(page.all("#results .hit")) == PAGE + 5)
    assert not page.all("#notice.error:not([hidden])")


def test_who_asks_while_an_address_is_read_gets_what_was_asked(page: Page) -> None:
    page.ask("rain")
    page.one(".hit .like").click()
    page.answer()
    page.browser.back()
    page.until(lambda: not page.one("#example").is_displayed())
    page.answer()
    hold(page, "v1/clips/")  # what is the clip called that the address names?
    page.browser.forward()
    until_held(page)
    page.one("#text").clear()
    page.one("#text").send_keys("wind", Keys.ENTER)
    page.until(lambda: "q=wind" in page.browser.current_url)
    page.answer()
    release(page)
    assert page.one("#text").get_attribute("value") == "wind"
    assert not page.one("#example").is_displayed()
    assert len(page.answer()) == 5


def test_going_back_from_what_is_gone_shows_what_was_there(page: Page, address: str) -> None:
    names = page.ask("rain")
    page.script(
        "history.pushState(null, '', '?like=0123456789abcdef0123'); dispatchEvent(new Event('popstate'))"
    )
    page.until(lambda: page.all("#notice.error:not([hidden])"))
    assert not page.all("#results .hit")
    page.browser.back()
    page.until(lambda: page.answer() == names)
    assert not page.all("#notice.error:not([hidden])")


def test_coming_back_to_the_window_takes_no_error_away(page: Page) -> None:
    page.script(REFUSE)
    page.one("#text").send_keys("rain", Keys.ENTER)
    page.until(lambda: page.all("#notice.error"))
    page.script("window.fetch = window.original")
    hold(page, "v1/libraries")
    page.script("document.dispatchEvent(new Event('visibilitychange'))")
    until_held(page)
    release(page)
    assert "does not answer" in page.one("#notice").text
    page.view("saved")
    page.view("search")  # asks again
    assert len(page.answer()) == 5


def test_a_library_that_is_chosen_again_keeps_its_map(page: Page, address: str) -> None:
    page.open(f"{address}?view=map&library=weather")
    page.until(lambda: "3 sounds" in page.one("#view-map .status").text)
    hold(page, "foley/map")
    page.one("#library option[value=foley]").click()
    until_held(page)
    page.one("#library option[value=weather]").click()
    page.until(lambda: "3 sounds" in page.one("#view-map .status").text)
    release(page)
    assert page.one("#view-map .status").text == "weather · 3 sounds"
    page.one("#library option[value=foley]").click()
    page.until(lambda: page.one("#view-map .status").text == "foley · 2 sounds")


def test_what_is_wrong_with_a_map_is_said_and_it_can_be_drawn_again(page: Page, address: str) -> None:
    page.open(f"{address}?view=map&library=weather")
    page.until(lambda: "3 sounds" in page.one("#view-map .status").text)
    page.script(REFUSE)
    page.one("#library option[value=foley]").click()
    page.until(lambda: "does not answer" in page.one("#view-map .notice[aria-live=polite]").text)
    page.script("window.fetch = window.original")
    page.one("#library option[value=weather]").click()
    page.until(lambda: page.one("#view-map .status").text == "weather · 3 sounds")
    assert not page.one("#view-map .notice").is_displayed()


def test_where_there_is_no_library_the_map_says_so_until_there_is_one(
    browser: WebDriver, model: RetrievalModel, tmp_path: Path
) -> None:
    page = Page(browser)
    with served(tmp_path / "store") as address:
        page.open(f"{address}?view=map")
        assert "There is no library yet" in page.one("#view-map .notice").text
        write_tones(tmp_path / "tones", 1, seconds=0.5)
        index(model, tmp_path / "store", "tones", tmp_path / "tones")
        page.script("document.dispatchEvent(new Event('visibilitychange'))")
        page.until(lambda: page.one("#view-map .status").text == "tones · 1 sound")
        assert not page.one("#view-map .notice").is_displayed()

        next((tmp_path / "tones").iterdir()).unlink()
        page.script("document.querySelector('#view-map canvas').focus()")
        page.press(Keys.ENTER)
        page.until(lambda: page.one("#view-map .card .category").text == "The file cannot be read.")
    browser.get_log("browser")  # of refusals, which were meant


@pytest.mark.parametrize(("dialog", "ready"), [("camera", ".take"), ("microphone", ".done")])
def test_a_device_that_was_asked_for_twice_is_let_go_as_often(page: Page, dialog: str, ready: str) -> None:
    page.script(ALLOW_DEVICES_LATER)
    page.one(f"#{dialog}-open").click()
    page.press(Keys.ESCAPE)
    page.until(lambda: not page.one(f"#{dialog}").is_displayed())
    page.one(f"#{dialog}-open").click()
    page.script("window.allow()")
    page.until(lambda: page.one(f"#{dialog} {ready}").is_enabled())
    page.until(lambda: page.script(LIVE_STREAMS) == [2, 1])
    page.press(Keys.ESCAPE)
    page.until(lambda: page.script(LIVE_STREAMS) == [2, 0])


def test_a_sound_that_is_taken_away_from_the_question_stops(page: Page, store_dir: Path) -> None:
    page.choose(store_dir.parent / "foley" / "door.wav")
    page.one("#example .play").click()
    page.until(lambda: page.playing_s() > 0)
    page.one("#example .close").click()
    assert page.playing_s() == -1
