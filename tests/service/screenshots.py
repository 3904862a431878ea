"""Takes the pictures in ``docs/screenshots``, of a running server.

``python -m tests.service.screenshots ADDRESS LIBRARY``. Their texts are English and
Arabic, whose letters every machine has; LIBRARY is the one whose map is shown.
"""

import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

from PIL import Image
from selenium.webdriver.common.keys import Keys

from tests.service.browsing import Page, chromium

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
DESKTOP = {"width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": False}
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 1.5, "mobile": True}


class Photographer:
    """Sets a page up and takes small pictures of it."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address

    def look(self, *, size: dict, scheme: str = "light") -> None:
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def ask(self, question: str) -> None:
        self.page.open(f"{self.address}?{question}")
        self.page.answer()
        # Waveforms come one by one, for what is seen.
        self.page.until(
            lambda: self.page.script(
                "return [...document.querySelectorAll('#results .hit')].slice(0, 2).every((e) => e.row.peaks)"
            )
        )

    def shoot(self, name: str) -> None:
        path = FOLDER / f"{name}.png"
        self.page.browser.save_screenshot(str(path))
        Image.open(path).convert("RGB").save(path, optimize=True)


def main(address: str, library: str) -> None:
    """Take all pictures."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as profile, chromium(Path(profile)) as browser:
        page = Page(browser)
        camera = Photographer(page, address)
        camera.look(size=DESKTOP)
        camera.ask("q=rain on a roof")
        page.all("#results .star")[1].click()
        page.one("#results .hit .match").click()
        page.until(lambda: page.playing_s() > 4)
        page.one("#results .hit .play").click()
        page.all("#results .hit")[1].send_keys(
            Keys.SHIFT, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT
        )
        camera.shoot("results")
        camera.ask("q=quarterly revenue forecast")
        camera.shoot("no-match")
        page.open(f"{address}?view=libraries")
        camera.shoot("libraries")
        page.open(f"{address}?view=map&library={quote(library)}")
        page.until(lambda: page.script("return !document.querySelector('#view-map .busy')"))
        page.script("document.querySelector('#view-map canvas').focus()")
        page.press(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
        camera.shoot("map")
        camera.look(size=DESKTOP, scheme="dark")
        camera.ask("q=a dog barking&without=birds")
        camera.shoot("dark")
        camera.look(size=PHONE)
        camera.ask("q=thunder")
        camera.shoot("phone")
        camera.look(size=DESKTOP)
        page.script("localStorage['sonoglot.language'] = 'ar'")
        camera.ask("q=صوت قطة")
        camera.shoot("right-to-left")


if __name__ == "__main__":
    main(*sys.argv[1:])
