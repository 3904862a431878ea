"""Asking on the page with more than words: camera, microphone, what to stay away from, filters; and what is kept."""

import json
from pathlib import Path

from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver

from model.retrieval_model import RetrievalModel
from tests.service.browsing import Page, at_every_start, served
from tests.service.helpers import index, png_bytes, write_sounds

REFUSE_DEVICES = "navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error('not allowed'))"
BLOCK_SITE_DATA = """
Object.defineProperty(window, "localStorage", {
  get() { throw new DOMException("Access is denied for this document.", "SecurityError"); },
});
"""
CLIPBOARD = "navigator.clipboard.writeText = async (text) => { window.copied = text; }"


def test_a_picture_is_taken_with_the_camera(page: Page) -> None:
    page.one("#camera-open").click()
    page.until(lambda: page.one("#camera .take").is_enabled())
    page.one("#camera .take").click()
    page.until(lambda: page.one("#example img").is_displayed())
    assert len(page.answer()) == 5
    assert page.script("return document.querySelector('#example img').naturalWidth") > 100
    assert page.script("return document.querySelector('#camera video').srcObject") is None, "it is let go"


def test_without_a_camera_a_picture_can_be_chosen_instead(page: Page, tmp_path: Path) -> None:
    picture = tmp_path / "orange.png"
    picture.write_bytes(png_bytes())
    page.script(REFUSE_DEVICES)
    page.one("#camera-open").click()
    page.until(lambda: "cannot be used here" in page.one("#camera .message").text)
    assert not page.one("#camera .take").is_enabled()
    page.one("#camera input[type=file]").send_keys(str(picture))
    assert len(page.answer()) == 5
    assert page.one("#example b").text == "orange.png"


def test_a_sound_is_recorded_with_the_microphone(page: Page) -> None:
    page.one("#microphone-open").click()
    page.until(lambda: page.one("#microphone .clock").text == "0:02")
    page.press(Keys.ENTER)  # the focus is on the button that ends it
    page.until(lambda: page.one("#example .play").is_displayed())
    assert len(page.answer()) == 5
    page.one("#example .play").click()
    page.until(lambda: page.playing_s() > 0.3)


def test_a_recording_that_is_closed_is_none(page: Page) -> None:
    page.one("#microphone-open").click()
    page.until(lambda: page.one("#microphone .done").is_enabled())
    page.press(Keys.ESCAPE)
    page.until(lambda: not page.one("#microphone").is_displayed())
    assert not page.one("#example").is_displayed()
    page.script(REFUSE_DEVICES)
    page.one("#microphone-open").click()
    page.until(lambda: "cannot be used here" in page.one("#microphone .message").text)


def test_a_pasted_picture_is_searched_with_and_words_are_added_to_it(page: Page) -> None:
    page.script(
        """
        const canvas = Object.assign(document.createElement("canvas"), {width: 30, height: 20});
        canvas.toBlob((blob) => {
          const clipboardData = new DataTransfer();
          clipboardData.items.add(new File([blob], "pasted.png", {type: "image/png"}));
          document.dispatchEvent(new ClipboardEvent("paste", {clipboardData, bubbles: true, cancelable: true}));
        });
        """
    )
    page.until(lambda: page.one("#example img").is_displayed())
    assert len(page.answer()) == 5
    alone = page.script("return document.querySelector('.figure').textContent")
    assert len(page.ask("thunder")) == 5
    assert page.one("#example img").is_displayed()
    assert page.script("return document.querySelector('.figure').textContent") != alone


def test_words_to_stay_away_from(page: Page) -> None:
    page.ask("rain")
    alone = page.script("return [...document.querySelectorAll('.figure')].map(e => e.textContent)")
    page.one("#without-open").click()
    page.press("thunder", Keys.ENTER)
    page.until(lambda: "without=thunder" in page.browser.current_url)
    assert len(page.answer()) == 5
    assert page.script("return [...document.querySelectorAll('.figure')].map(e => e.textContent)") != alone
    page.browser.refresh()
    page.until_ready()
    assert page.one("#without .token").text == "thunder", "the address has it"
    page.one("#without .token").click()
    page.until(lambda: "without" not in page.browser.current_url)


def test_filters_have_the_values_that_there_are(
    browser: WebDriver, model: RetrievalModel, tmp_path: Path
) -> None:
    write_sounds(tmp_path / "sounds", ["a.wav", "b.wav"], first_seed=1)  # four and five seconds
    (tmp_path / "sounds" / "metadata.csv").write_text("file,tags,licence\na.wav,roof,CC0\nb.wav,,CC BY\n")
    index(model, tmp_path / "store", "rain", tmp_path / "sounds")
    page = Page(browser)
    with served(tmp_path / "store") as address:
        page.open(address)
        assert len(page.ask("rain")) == 2
        page.one("#filters-open").click()
        page.until(lambda: len(page.all("#filters [name=licence] option")) == 3)
        assert page.script("return [...document.querySelectorAll('#tags option')].map(e => e.value)") == [
            "roof"
        ]
        page.one("#filters [name=licence] option[value='CC BY']").click()
        page.until(lambda: page.answer() == ["b.wav"])
        page.one("#filters .clear").click()
        page.until(lambda: len(page.answer()) == 2)
        page.one("#filters .tokens input").send_keys("roof", Keys.ENTER)
        page.until(lambda: page.answer() == ["a.wav"])
        assert page.one("#filters-open .badge").text == "1"
        page.one("#filters [name=min]").send_keys("30", Keys.TAB)
        page.until(lambda: "No sound passes these filters" in page.one("#notice").text)
        page.open(page.browser.current_url)
        assert "min=30" in page.browser.current_url
        assert page.one("#filters-open .badge").text == "2"


def test_a_link_to_the_search_and_to_what_matched(page: Page) -> None:
    page.script(CLIPBOARD)
    page.ask("чай")
    page.one("#copy-link").click()
    page.until(lambda: page.script("return window.copied") == page.browser.current_url)
    page.one(".hit .link").click()
    page.until(lambda: "#t=" in page.script("return window.copied"))
    url = page.script("return window.copied")
    assert page.script(
        "return fetch(arguments[0]).then((r) => r.headers.get('content-type'))", url
    ).startswith("audio/")


def test_back_and_forward_go_through_what_was_asked(page: Page) -> None:
    page.ask("rain")
    page.ask("wind")
    page.view("saved")
    page.browser.back()
    page.until(lambda: page.one("#view-search").is_displayed())
    page.browser.back()
    page.until(lambda: page.one("#text").get_attribute("value") == "rain")
    page.browser.forward()
    page.until(lambda: page.one("#text").get_attribute("value") == "wind")
    assert len(page.answer()) == 5


def test_favourites_and_recent_searches_are_kept_exported_and_cleared(page: Page) -> None:
    page.script("localStorage.clear()")
    page.ask("rain")
    name = page.ask("ветер")[0]
    page.one(".hit .star").click()
    assert page.one(".hit .star").get_attribute("aria-pressed") == "true"
    page.browser.refresh()
    page.until_ready()
    page.view("saved")
    assert [element.text for element in page.all("#favourites .name")] == [name]
    page.one("#favourites .play").click()
    page.until(lambda: page.playing_s() > 0)
    assert [element.text for element in page.all("#history a")] == ["ветер", "rain"]

    page.script(
        """
        URL.createObjectURL = (blob) => { blob.text().then((text) => { window.exported = text; }); return "#"; };
        document.getElementById("export").click();
        """
    )
    exported = json.loads(page.until(lambda: page.script("return window.exported")))
    assert [search["label"] for search in exported["searches"]] == ["ветер", "rain"]
    assert exported["favourites"][0]["clip_id"]

    page.all("#history a")[1].click()
    page.until(lambda: page.one("#text").get_attribute("value") == "rain")
    assert len(page.answer()) == 5
    page.view("saved")
    page.one("#clear-favourites").click()
    page.browser.switch_to.alert.accept()
    page.until(lambda: page.one("#no-favourites").is_displayed())
    page.one("#clear-history").click()
    page.browser.switch_to.alert.accept()
    page.until(lambda: page.one("#no-history").is_displayed())
    assert json.loads(page.script("return localStorage['sonoglot.favourites']")) == []


def test_where_the_browser_keeps_nothing_the_page_does_while_it_is_open(page: Page, address: str) -> None:
    with at_every_start(page, BLOCK_SITE_DATA):
        page.open(address)
        name = page.ask("rain")[0]
        assert not page.one("#notice").is_displayed() or not page.all("#notice.error")
        page.one(".hit .star").click()
        assert page.one(".hit .star").get_attribute("aria-pressed") == "true"
        page.view("saved")
        page.one("#language option[value=de]").click()
        page.until(lambda: page.script("return document.documentElement.lang") == "de")
        page.until_ready()
        assert page.one("#nav a[data-view=saved]").text == "Gemerkt"
        assert [element.text for element in page.all("#favourites .name")] == [name]
        assert [element.text for element in page.all("#history a")] == ["rain"]
        page.one("#clear-favourites").click()
        page.browser.switch_to.alert.accept()
        page.until(lambda: page.one("#no-favourites").is_displayed())
        page.browser.refresh()  # it was not open meanwhile
        page.until_ready()
        assert page.script("return document.documentElement.lang") == "en"
        assert not page.all("#history a")
