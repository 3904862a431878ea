"""The page in headless Chromium, in the words of a person: what is asked, what is listed, what plays."""

import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from service.app import create_app
from tests.service.helpers import LOAD_TIMEOUT_S

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
CHROMEDRIVER = shutil.which("chromedriver")
WAIT_S = 60
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--lang=en-US",
    "--autoplay-policy=no-user-gesture-required", "--mute-audio", "--window-size=1200,900",
    # a camera that shows a turning disc, and a microphone that hears beeps
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
)  # fmt: skip

PLAYING_S = "const a = document.getElementById('player'); return a.paused ? -1 : a.currentTime"
PHONE = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}


@contextmanager
def served(store_dir: Path) -> Iterator[str]:
    """Serve the app over a store on a free port; gives the address of its page."""
    with served_app(create_app(store_dir=store_dir)) as address:
        yield address


@contextmanager
def served_app(app: FastAPI) -> Iterator[str]:
    """Serve an app on a free port; gives the address of its page."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # now, so that nobody is turned away before the server runs
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def chromium(profile_dir: Path) -> Iterator[WebDriver]:
    """A browser with a profile of its own."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={profile_dir}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(CHROMEDRIVER))
    try:
        yield driver
    finally:
        driver.quit()


class Page:
    """One page in a browser."""

    def __init__(self, browser: WebDriver) -> None:
        self.browser = browser

    def open(self, address: str) -> None:
        self.browser.get(address)
        self.until_ready()

    def until_ready(self) -> None:
        self.until(
            lambda: self.script("return document.documentElement.dataset.state") == "ready",
            timeout_s=LOAD_TIMEOUT_S,
        )

    def until(self, true: Callable[[], Any], *, timeout_s: float = WAIT_S) -> Any:
        # What the page replaces between being found and being read is looked for again.
        wait = WebDriverWait(
            self.browser, timeout_s, poll_frequency=0.1, ignored_exceptions=(StaleElementReferenceException,)
        )
        return wait.until(lambda _: true())

    def script(self, source: str, *arguments: Any) -> Any:
        return self.browser.execute_script(source, *arguments)

    def one(self, selector: str) -> WebElement:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def ask(self, text: str) -> list[str]:
        field = self.one("#text")
        field.clear()
        field.send_keys(text, Keys.ENTER)
        return self.answer()

    def answer(self) -> list[str]:
        """Names of the clips, once the search under way has ended."""
        self.until(lambda: not self.script("return document.querySelector('#status.busy, #results.stale')"))
        return [element.text for element in self.all("#results .name")]

    def choose(self, file: Path) -> list[str]:
        self.one("#file").send_keys(str(file))
        return self.answer()

    def view(self, name: str) -> None:
        self.one(f"#nav a[data-view={name}]").click()

    def press(self, *keys: str) -> None:
        self.browser.switch_to.active_element.send_keys(*keys)

    def playing_s(self) -> float:
        """Where the sound is that plays; -1 if none does."""
        return float(self.script(PLAYING_S))


@contextmanager
def at_every_start(page: Page, source: str) -> Iterator[None]:
    """Run a script before those of every page that is opened or loaded anew."""
    script = page.browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": source})
    try:
        yield
    finally:
        page.browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
