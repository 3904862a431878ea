"""The page for those who do not see it, or not all of it: axe's rules on every view, light and dark; focus; motion."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from tests.service.browsing import Page

AXE = (files("axe_core_python") / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def complaints(page: Page) -> list[str]:
    """What axe finds wrong with what is shown, each with where."""
    page.script(AXE)
    found = page.script("return axe.run(document, {runOnly: arguments[0]})", RULES)
    assert found["passes"], "nothing was looked at"
    return [
        f"{one['id']}: {[node['target'] for node in one['nodes']][:3]} {one['nodes'][0]['failureSummary']}"
        for one in found["violations"]
    ]


@contextmanager
def preferring(page: Page, feature: str, value: str) -> Iterator[None]:
    def emulate(features: list[dict[str, Any]]) -> None:
        page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    emulate([{"name": feature, "value": value}])
    try:
        yield
    finally:
        emulate([])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_to_complain_about(page: Page, scheme: str) -> None:
    # Still, so that no colour is measured half way.
    with preferring(page, "prefers-reduced-motion", "reduce"):
        page.browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {
                "features": [
                    {"name": "prefers-color-scheme", "value": scheme},
                    {"name": "prefers-reduced-motion", "value": "reduce"},
                ]
            },
        )
        assert complaints(page) == [], "start"
        page.ask("rain")
        page.one("#without-open").click()
        page.one("#filters-open").click()
        page.one(".hit .play").click()
        page.until(lambda: page.playing_s() > 0)
        page.one(".hit").send_keys("i")
        page.one(".hit .star").click()
        assert complaints(page) == [], "results"
        for view in ("map", "saved", "libraries"):
            page.view(view)
            page.until(lambda: not page.script("return document.querySelector('main:not([hidden]) .busy')"))
            assert complaints(page) == [], view
        for opener in ("#help-open", "#camera-open", "#microphone-open"):
            page.view("search")
            page.one(opener).click()
            assert complaints(page) == [], opener
            page.press(Keys.ESCAPE)
        page.script("localStorage.clear()")


def test_a_list_is_one_stop_of_tab_and_its_row_has_all_it_can_do(page: Page) -> None:
    page.ask("rain")
    page.one("#text").send_keys(Keys.ARROW_DOWN)
    page.press(Keys.ARROW_DOWN)
    second = page.all(".hit")[1]
    assert page.browser.switch_to.active_element == second
    reached = []
    while True:
        page.press(Keys.TAB)
        focused = page.browser.switch_to.active_element
        if not page.script("return arguments[0].contains(arguments[1])", second, focused):
            break
        reached.append(focused.get_attribute("aria-label"))
    name = second.find_element("css selector", ".name").text
    for action in (
        "Play",
        "Position in",
        "More like",
        "Keep",
        "Copy a link to",
        "Copy the path of",
        "Download",
    ):
        assert f"{action} {name}" in reached
    assert not page.script("return !!document.activeElement.closest('.hit')"), "no other row is a stop"


def test_who_wants_no_motion_gets_none(page: Page) -> None:
    with preferring(page, "prefers-reduced-motion", "reduce"):
        page.browser.refresh()
        page.until_ready()
        moving = (
            "return [...document.querySelectorAll('*')].filter((e) => "
            "parseFloat(getComputedStyle(e).transitionDuration) > 0).length"
        )
        assert page.script(moving) == 0
    page.browser.refresh()
    page.until_ready()
    assert page.script(moving) > 0
