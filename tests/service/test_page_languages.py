"""The words of the page: every language has all of them, the browser's is taken, and Arabic runs from right to left."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from selenium.webdriver.remote.webdriver import WebDriver

from service.app import PAGE_DIR
from tests.service.browsing import PHONE, Page

WORDS = {path.stem: json.loads(path.read_text()) for path in sorted((PAGE_DIR / "i18n").glob("*.json"))}
ENGLISH = WORDS["en"]


def family(key: str) -> str:
    """A phrase that has a form for each kind of number counts once."""
    return key.partition("#")[0]


def placeholders(text: str) -> list[str]:
    return sorted(re.findall(r"\{\w+\}", text))


@pytest.mark.parametrize("language", WORDS)
def test_every_language_has_all_words_with_the_same_gaps(language: str) -> None:
    words = WORDS[language]
    assert {family(key) for key in words} == {family(key) for key in ENGLISH}
    assert all(text.strip() for text in words.values())
    for key, text in words.items():
        if "#" not in key:  # "one sound" may be said without the number
            assert placeholders(text) == placeholders(ENGLISH[key]), key
    assert language == "en" or sum(text == ENGLISH.get(key) for key, text in words.items()) < 12


def test_there_are_words_for_all_that_the_page_says() -> None:
    scripts = "".join(path.read_text() for path in PAGE_DIR.glob("*.js"))
    html = (PAGE_DIR / "index.html").read_text()
    used = set(re.findall(r'\bt\("([^"]+)"', scripts)) | set(re.findall(r'data-t[a-z-]*="([^"]+)"', html))
    used |= {f"{key}#other" for key in re.findall(r'\btn\("([^"]+)"', scripts)}
    assert len(used) > 100
    assert used <= set(ENGLISH)
    listed = re.search(r"LANGUAGES = \{(.*?)\}", scripts, re.DOTALL)
    assert listed is not None
    assert set(re.findall(r"(\w\w):", listed[1])) == set(WORDS)


@contextmanager
def speaking(browser: WebDriver, languages: str) -> Iterator[None]:
    """The browser as one whose owner reads these languages."""
    agent = {"userAgent": browser.execute_script("return navigator.userAgent")}
    browser.execute_cdp_cmd("Network.setUserAgentOverride", {**agent, "acceptLanguage": languages})
    try:
        yield
    finally:
        browser.execute_cdp_cmd("Network.setUserAgentOverride", {**agent, "acceptLanguage": "en-US"})


def test_the_browsers_language_is_taken_and_another_can_be_chosen(page: Page) -> None:
    address = page.browser.current_url
    with speaking(page.browser, "tlh,pt-BR,en"):
        page.open(address)
        assert page.script("return document.documentElement.lang") == "pt"
        assert page.one("#search .go").text == WORDS["pt"]["search.go"]
        page.ask("chuva")
        assert page.one("#status").text.startswith(WORDS["pt"]["search.found#other"].format(n=5))
        page.one("#language option[value=ru]").click()
        page.until(lambda: page.script("return document.documentElement.lang") == "ru")
        page.until_ready()
        assert page.one("#status").text.startswith(WORDS["ru"]["search.found#many"].format(n=5))
        page.script("localStorage.clear()")


def test_arabic_runs_from_right_to_left_and_fits_a_phone(page: Page) -> None:
    address = page.browser.current_url
    with speaking(page.browser, "ar"):
        try:
            page.open(address)
            assert page.script("return getComputedStyle(document.body).direction") == "rtl"
            page.ask("مطر")
            play, actions = page.one(".hit .play"), page.one(".hit .actions")
            assert play.location["x"] > actions.location["x"]
            wave = "return getComputedStyle(document.querySelector('.hit .wave')).direction"
            assert page.script(wave) == "ltr", "time runs as everywhere"
            page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
            assert page.script("return document.documentElement.scrollWidth") <= PHONE["width"]
        finally:
            page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
