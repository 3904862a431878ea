"""The map of a library on the page, wandered in with keys and with the pointer."""

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.service.browsing import Page


@pytest.fixture
def names(page: Page, address: str) -> list[str]:
    """Of the three clips on the map that is open, from left to right: so few lie in a row."""
    page.open(f"{address}?view=map&library=weather")
    page.until(lambda: "3 sounds" in page.one("#view-map .status").text)
    points = page.script(
        "return fetch('v1/libraries/weather/map').then((answer) => answer.json()).then(({points}) => points)"
    )
    return [point["title"] for point in sorted(points, key=lambda point: point["x"])]


def test_the_map_is_wandered_in_with_keys(page: Page, names: list[str]) -> None:
    page.script("document.querySelector('#view-map canvas').focus()")
    page.press(Keys.ARROW_LEFT * 3)
    page.until(lambda: page.one(".card .name").text == names[0])
    page.press(Keys.ARROW_RIGHT)
    page.until(lambda: page.one(".card .name").text == names[1])
    page.press("+", Keys.ENTER)
    page.until(lambda: page.playing_s() > 0)
    page.press("m")
    page.until(lambda: page.one("#view-search").is_displayed())
    assert sorted([*page.answer(), names[1]]) == sorted(names), "the library is still chosen"
    assert page.one("#example b").text == names[1]
    page.browser.back()
    page.until(lambda: page.one("#view-map").is_displayed())


def test_the_map_is_wandered_in_with_the_pointer(page: Page, names: list[str]) -> None:
    canvas = page.one("#view-map canvas")
    pointer = ActionChains(page.browser)
    pointer.move_to_element(canvas).perform()  # its middle, where the second is
    page.until(lambda: page.one("#view-map .tip").is_displayed())
    assert page.one("#view-map .tip").text == names[1]
    pointer.click().perform()
    page.until(lambda: page.playing_s() > 0)
    assert page.one(".card .name").text == names[1]

    pointer.move_to_element(canvas).click_and_hold().move_by_offset(120, 40).release().perform()
    pointer.move_to_element(canvas).perform()
    page.until(lambda: not page.one("#view-map .tip").is_displayed())
    pointer.move_to_element(canvas).move_by_offset(120, 40).perform()
    page.until(lambda: page.one("#view-map .tip").is_displayed())
    page.one("#view-map .zoom-all").click()
    pointer.move_to_element(canvas).perform()
    page.until(lambda: page.one("#view-map .tip").is_displayed())
    page.one(".card .like").click()
    page.until(lambda: page.one("#example b").text == names[1])
    assert len(page.answer()) == 2


def test_a_search_that_another_view_covers_is_asked_when_it_is_seen(page: Page, address: str) -> None:
    page.open(f"{address}?q=rain&view=saved")
    page.view("search")
    assert len(page.answer()) == 5
    page.view("saved")
    page.one("#library option[value=foley]").click()
    page.view("search")
    assert len(page.answer()) == 2
