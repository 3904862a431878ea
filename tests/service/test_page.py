"""The page as a person uses it, in headless Chromium against the real app, model and store."""

import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import soundfile
import uvicorn
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from model.retrieval_model import RetrievalModel
from service.app import create_app
from service.database import open_database
from service.keys import Keys as ApiKeys
from service.keys import Scope
from tests.service.helpers import LOAD_TIMEOUT_S, index, png_bytes, wav_bytes, write_sounds

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
CHROMEDRIVER = shutil.which("chromedriver")
WAIT_S = 60
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage",
    "--autoplay-policy=no-user-gesture-required", "--mute-audio", "--window-size=1200,900",
)  # fmt: skip

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and CHROMEDRIVER),
    reason="needs chromium and chromedriver (Debian: chromium chromium-driver)",
)

PLAYING_S = "const a = document.getElementById('player'); return a.paused ? -1 : a.currentTime"


@contextmanager
def served(store_dir: Path) -> Iterator[str]:
    """Serve the app on a free port; gives the address of its page."""
    app = create_app(store_dir=store_dir)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # now, so that nobody is turned away before the server runs
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def address(store_dir: Path) -> Iterator[str]:
    with served(store_dir) as served_at:
        yield served_at


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(CHROMEDRIVER))
    try:
        yield driver
    finally:
        driver.quit()


class Page:
    """The page in the words of a person: what is asked, what is listed, what plays."""

    def __init__(self, browser: WebDriver) -> None:
        self.browser = browser

    def open(self, address: str) -> None:
        self.browser.get(address)
        self.until(
            lambda: self.script("return document.documentElement.dataset.state") == "ready",
            timeout_s=LOAD_TIMEOUT_S,
        )

    def until(self, true: Callable[[], Any], *, timeout_s: float = WAIT_S) -> Any:
        return WebDriverWait(self.browser, timeout_s, poll_frequency=0.1).until(lambda _: true())

    def script(self, source: str) -> Any:
        return self.browser.execute_script(source)

    def one(self, selector: str) -> WebElement:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def ask(self, text: str) -> list[str]:
        field = self.one("#text")
        field.clear()
        field.send_keys(text, Keys.ENTER)
        return self.answer()

    def answer(self) -> list[str]:
        """Names of the clips, once the search under way has ended."""
        self.until(lambda: not self.script("return document.querySelector('.status.busy, .results.stale')"))
        return [e.text for e in self.browser.find_elements(By.CSS_SELECTOR, ".hit .name")]

    def choose(self, file: Path) -> list[str]:
        self.one("#file").send_keys(str(file))
        return self.answer()

    def playing_s(self) -> float:
        return float(self.script(PLAYING_S))


def store_file(page: Page, name: str) -> str:
    """Path of a clip that is listed."""
    page.ask("anything")
    paths = page.script("return [...document.querySelectorAll('.folder')].map(e => e.title)")
    return next(path for path in paths if Path(path).name == name)


@pytest.fixture
def page(browser: WebDriver, address: str) -> Page:
    opened = Page(browser)
    opened.open(address)
    return opened


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


def test_a_title_stands_under_the_name(browser: WebDriver, model: RetrievalModel, tmp_path: Path) -> None:
    write_sounds(tmp_path / "sounds", ["a.wav", "b.wav"], first_seed=1)
    table = "file,title,description,tags\na.wav,<b>Régen</b>,auf dem Dach,rain;roof\n"
    (tmp_path / "sounds" / "metadata.csv").write_text(table)
    index(model, tmp_path / "store", "rain", tmp_path / "sounds")
    with served(tmp_path / "store") as address:
        page = Page(browser)
        page.open(address)
        names = page.ask("rain")
        titles = browser.find_elements(By.CSS_SELECTOR, ".hit .title")
        shown = dict(zip(names, titles, strict=True))
        assert shown["a.wav"].text == "<b>Régen</b>"
        assert shown["a.wav"].get_attribute("title") == "<b>Régen</b>\nauf dem Dach\nrain, roof"
        assert not shown["b.wav"].is_displayed()


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
    size = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
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
