"""The page as a person uses it, in headless Chromium against the real app, model and store."""

from pathlib import Path

import soundfile
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver

from model.retrieval_model import RetrievalModel
from service.database import open_database
from service.keys import Keys as ApiKeys
from service.keys import Scope
from tests.service.browsing import PHONE, Page, served
from tests.service.helpers import index, png_bytes, wav_bytes, write_sounds


def store_file(page: Page, name: str) -> str:
    """Path of a clip that is listed."""
    page.ask("anything")
    paths = page.script("return [...document.querySelectorAll('.folder')].map(e => e.title)")
    return next(path for path in paths if Path(path).name == name)


def test_words_find_rows_that_play(page: Page) -> None:
    names = page.ask("mvua ya radi")
    assert sorted(names) == ["door.wav", "rain.wav", "thunder.flac", "wind.ogg", "چکش.wav"]
    assert "q=mvua" in page.browser.current_url

    first, second = page.browser.find_elements(By.CSS_SELECTOR, ".hit .play")[:2]
    first.click()
    page.until(lambda: page.playing_s() > 0.3)
    assert first.get_attribute("aria-label") == f"Pause {names[0]}"

    second.click()
    page.until(lambda: second.get_attribute("aria-label") == f"Pause {names[1]}")
    assert first.get_attribute("aria-label") == f"Play {names[0]}"  # only one plays at once
    assert page.script("return document.querySelectorAll('audio').length") == 1


def test_a_title_stands_over_the_name_of_its_file(
    browser: WebDriver, model: RetrievalModel, tmp_path: Path
) -> None:
    write_sounds(tmp_path / "sounds", ["a.wav", "b.wav"], first_seed=1)
    table = "file,title,description,tags\na.wav,<b>Régen</b>,auf dem Dach,rain;roof\n"
    (tmp_path / "sounds" / "metadata.csv").write_text(table)
    index(model, tmp_path / "store", "rain", tmp_path / "sounds")
    with served(tmp_path / "store") as address:
        page = Page(browser)
        page.open(address)
        names = page.ask("rain")
        files = dict(zip(names, page.all("#results .file"), strict=True))
        assert set(files) == {"<b>Régen</b>", "b.wav"}
        assert files["<b>Régen</b>"].text == "a.wav"
        assert not files["b.wav"].is_displayed()
        told = [name.get_attribute("title") for name in page.all("#results .name")]
        assert "<b>Régen</b>\nauf dem Dach\nrain, roof" in told


def test_playing_starts_at_the_best_segment_and_a_click_seeks(page: Page, tmp_path: Path) -> None:
    samples, rate_hz = soundfile.read(store_file(page, "چکش.wav"))  # eight seconds
    soundfile.write(tmp_path / "tail.wav", samples[-5 * rate_hz :], rate_hz)
    assert page.choose(tmp_path / "tail.wav")[0] == "چکش.wav"
    page.one(".hit .play").click()
    page.until(lambda: page.playing_s() >= 3)  # the window of five seconds that ends with the clip

    page.one(".hit .wave").click()  # in its middle
    page.until(lambda: 3.9 < page.playing_s() < 7)
    assert page.one(".hit .wave").get_attribute("aria-valuemax") == "8.0"


def test_a_file_that_the_browser_cannot_play_is_played_as_wav(
    browser: WebDriver, model: RetrievalModel, tmp_path: Path
) -> None:
    write_sounds(tmp_path / "old", ["hum.aiff"], first_seed=5)
    index(model, tmp_path / "store", "old", tmp_path / "old")
    with served(tmp_path / "store") as address:
        page = Page(browser)
        page.open(address)
        assert page.ask("hum") == ["hum.aiff"]
        page.one(".hit .play").click()
        page.until(lambda: page.playing_s() > 0.2)
        page.one(".hit .wave").click()
        page.until(lambda: page.playing_s() > 4)
        assert not page.browser.find_elements(By.CSS_SELECTOR, ".complaint")


def test_the_keyboard_is_enough(page: Page) -> None:
    names = page.ask("thunder")
    page.one("#text").send_keys(Keys.ARROW_DOWN)
    page.browser.switch_to.active_element.send_keys(Keys.ARROW_DOWN)
    assert names[1] in str(page.browser.switch_to.active_element.get_attribute("aria-label"))
    page.browser.switch_to.active_element.send_keys(Keys.SPACE)
    page.until(lambda: page.playing_s() >= 0)
    page.browser.switch_to.active_element.send_keys(Keys.SPACE)
    page.until(lambda: page.playing_s() == -1)
    page.browser.switch_to.active_element.send_keys("/")
    assert page.browser.switch_to.active_element.get_attribute("id") == "text"


def test_a_picture_and_a_sound_are_questions_too(page: Page, tmp_path: Path) -> None:
    page.ask("rain")
    picture, sound = tmp_path / "orange.png", tmp_path / "knock.wav"
    picture.write_bytes(png_bytes())
    sound.write_bytes(wav_bytes(seconds=3))

    assert len(page.choose(picture)) == 5
    assert page.one("#example img").is_displayed()
    assert page.one("#example b").text == "orange.png"
    assert page.script("return document.querySelector('#example img').naturalWidth") == 64
    by_picture = page.script("return document.querySelector('.figure').textContent")

    assert len(page.choose(sound)) == 5
    assert page.one("#example b").text == "knock.wav"
    assert page.script("return document.querySelector('.figure').textContent") != by_picture
    page.one("#example .play").click()
    page.until(lambda: page.playing_s() > 0)

    page.one("#example .close").click()
    page.until(lambda: not page.browser.find_elements(By.CSS_SELECTOR, ".hit"))


def test_a_file_dropped_anywhere_is_searched_with(page: Page) -> None:
    page.script(
        """
        const transfer = new DataTransfer();
        transfer.items.add(new File(["not a picture"], "broken.png", {type: "image/png"}));
        const drop = {dataTransfer: transfer, bubbles: true, cancelable: true};
        document.body.dispatchEvent(new DragEvent("drop", drop));
        """
    )
    page.until(lambda: page.browser.find_elements(By.CSS_SELECTOR, "#notice.error"))
    assert "The picture cannot be used" in page.one("#notice").text
    assert "not a picture in a known format" in page.one("#notice").text


def test_more_like_this_and_back(page: Page) -> None:
    names = page.ask("wind")
    page.one(".hit .like").click()
    page.until(lambda: page.one("#example").is_displayed())
    others = page.answer()
    assert len(others) == 4
    assert names[0] not in others
    page.browser.back()
    page.until(lambda: page.answer() == names)


def test_a_library_can_be_chosen(page: Page) -> None:
    page.ask("wind")
    page.one("#library option[value=foley]").click()
    page.until(lambda: sorted(page.answer()) == ["door.wav", "چکش.wav"])


def test_it_fits_a_phone(page: Page) -> None:
    page.ask("wind")
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    try:
        assert page.script("return document.documentElement.scrollWidth") <= 360
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_nothing_is_refused_by_the_policy_or_fails_in_scripts(page: Page) -> None:
    page.browser.get_log("browser")  # what earlier tests provoked on purpose
    page.ask("wind")
    page.one(".hit .play").click()
    page.until(lambda: page.playing_s() > 0)
    assert page.browser.get_log("browser") == []


def test_without_a_library_it_says_how_to_make_one(browser: WebDriver, tmp_path: Path) -> None:
    page = Page(browser)
    with served(tmp_path / "nothing-yet") as address:
        page.open(address)
        assert "There is no library yet" in page.one("#notice").text
        assert page.one("#notice code").text.startswith("sonoglot index ")
        page.ask("rain")
        page.until(lambda: page.browser.find_elements(By.CSS_SELECTOR, "#notice.error"))
        assert "sonoglot index" in page.one("#notice").text


def test_where_keys_are_needed_the_page_asks_for_one_and_keeps_it(
    browser: WebDriver, model: RetrievalModel, tmp_path: Path
) -> None:
    write_sounds(tmp_path / "sounds", ["rain.wav"], first_seed=1)
    index(model, tmp_path / "store", "weather", tmp_path / "sounds")
    database = open_database(tmp_path / "store", None)
    _, key = ApiKeys(database).create(name="", scope=Scope.SEARCH)
    database.close()
    with served(tmp_path / "store") as address:
        page = Page(browser)
        page.open(address)
        field = page.until(lambda: page.one("#notice input[type=password]"))
        assert page.script("return document.activeElement.type") == "password"
        field.send_keys("sgk_not_a_key", Keys.ENTER)
        page.until(lambda: "unknown" in page.one("#notice").text)
        page.one("#notice input[type=password]").send_keys(key, Keys.ENTER)
        page.until(lambda: page.script("return document.querySelectorAll('#library option').length") == 2)
        assert page.ask("rain") == ["rain.wav"]
        page.one(".hit .play").click()
        page.until(lambda: page.playing_s() > 0)
        page.open(address)
        assert page.ask("rain") == ["rain.wav"], "the key is kept"
        assert key not in page.script("return document.cookie + JSON.stringify(localStorage)")
        browser.delete_all_cookies()
        browser.get_log("browser")  # Of refusals, which were meant.
