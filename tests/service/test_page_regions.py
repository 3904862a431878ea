"""A part of a clip, chosen on its waveform with the pointer or the keyboard, to be played or searched by."""

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.service.browsing import Page


def drag(page: Page, *, from_share: float, to_share: float) -> None:
    """Over the waveform of the first clip."""
    wave = page.one(".hit .wave")
    width = wave.size["width"]
    start = round((from_share - 0.5) * width)
    steps = ActionChains(page.browser).move_to_element_with_offset(wave, start, 0).click_and_hold()
    steps.move_by_offset(round((to_share - from_share) * width), 3).release().perform()


def region_s(page: Page) -> tuple[float, float]:
    region = page.script("return document.querySelector('.hit').row.region")
    return region["startS"], region["endS"]


def test_a_dragged_region_is_searched_by(page: Page) -> None:
    name = page.ask("wind")[0]
    duration_s = page.script("return document.querySelector('.hit').row.hit.duration_s")
    drag(page, from_share=0.75, to_share=0.25)  # backwards is as good
    assert region_s(page) == pytest.approx((0.25 * duration_s, 0.75 * duration_s), abs=0.15)
    assert page.playing_s() == -1, "choosing plays nothing"
    page.one(".hit .region-play").click()
    page.until(lambda: page.playing_s() >= 0.25 * duration_s - 0.2)
    page.one(".hit .region-search").click()
    page.until(lambda: "from=" in page.browser.current_url and "to=" in page.browser.current_url)
    assert len(page.answer()) == 5 or name not in page.answer()
    assert "part of a clip" in page.one("#example small").text
    assert name in page.one("#example b").text
    page.browser.refresh()
    page.until_ready()
    assert name in page.one("#example b").text
    assert not page.all("#notice.error")


def test_a_region_stops_where_it_ends(page: Page) -> None:
    page.ask("wind")
    drag(page, from_share=0.1, to_share=0.25)
    _, end_s = region_s(page)
    page.one(".hit .region-play").click()
    page.until(lambda: page.playing_s() >= 0)
    page.until(lambda: page.playing_s() == -1)
    stopped_s = page.script("return document.getElementById('player').currentTime")
    assert end_s <= stopped_s < end_s + 0.5


def test_a_region_is_chosen_with_keys(page: Page) -> None:
    page.ask("thunder")
    page.one("#text").send_keys(Keys.ARROW_DOWN)
    start_s = page.script("return document.querySelector('.hit').row.hit.start_s")
    page.press(Keys.SHIFT + Keys.ARROW_RIGHT)
    assert region_s(page) == (start_s, start_s + 1)
    page.press(Keys.SHIFT + Keys.ARROW_RIGHT)
    page.press(Keys.SHIFT + Keys.ARROW_LEFT)
    assert region_s(page) == (start_s, start_s + 1)
    assert page.one(".hit .region-range").text

    page.press(Keys.ESCAPE)
    assert page.script("return document.querySelector('.hit').row.region") is None
    page.press("i", Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    page.until(lambda: page.playing_s() > start_s + 1)
    page.press("o", Keys.ENTER)
    page.until(lambda: f"from={start_s:g}" in page.browser.current_url)
    page.answer()
    assert not page.all("#notice.error")
