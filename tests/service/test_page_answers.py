"""What the page makes of an answer, in headless Chromium: its next pages, and how sure the service is of it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.remote.webdriver import WebDriver

from model.retrieval_model import RetrievalModel
from service.answering import GOOD
from service.app import PAGE_DIR
from tests.service.browsing import Page, served
from tests.service.helpers import index
from tests.service.jobs_helpers import write_tones

CLIPS = 47
PAGE = 20
WORDS = {"Strong": 0.75, "Good": GOOD, "Fair": 0.25, "Weak": 0.0}

RECORD_REQUESTS = """
window.asked = [];
const original = window.fetch;
window.fetch = (path, options) => {
  if (path === "v1/search") window.asked.push(options.body);
  return original(path, options);
};
"""
ROWS = """
return [...document.querySelectorAll("#results .hit")].map((row) => ({
  id: row.dataset.clipId,
  score: Number(row.querySelector(".figure").textContent),
  word: row.querySelector(".word").textContent,
  level: row.querySelector(".meter").dataset.level,
  percent: Number(/^\\d+/.exec(row.querySelector(".score").title)),
}));
"""
ANSWER = """
const options = {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(arguments[0])};
return fetch("v1/search", options).then((response) => response.json());
"""


@pytest.fixture(scope="module")
def tones(model: RetrievalModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page over many sounds."""
    root = tmp_path_factory.mktemp("tones")
    write_tones(root / "tones", CLIPS, seconds=0.5)
    index(model, root / "store", "tones", root / "tones")
    with served(root / "store") as address:
        yield address


def shown(page: Page, count: int) -> list[dict]:
    """The rows, once there are so many."""
    page.until(lambda: len(page.all("#results .hit")) == count)
    page.answer()
    return page.script(ROWS)


def test_more_goes_on_where_the_list_was_left_off(browser: WebDriver, tones: str) -> None:
    page = Page(browser)
    page.open(tones)
    page.script(RECORD_REQUESTS)
    page.ask("a flute")
    first = shown(page, PAGE)
    page.one("#more").click()
    second = shown(page, 2 * PAGE)
    assert second[:PAGE] == first, "what was shown stays"
    focused = page.script("return document.activeElement.dataset.clipId")
    assert focused == second[PAGE]["id"], "and one goes on reading where the new ones begin"
    page.one("#more").click()
    rows = shown(page, CLIPS)
    assert len({row["id"] for row in rows}) == CLIPS
    scores = [row["score"] for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert not page.one("#more").is_displayed()
    assert page.one("#status").text.startswith(f"{CLIPS} sounds")
    bodies = page.script("return window.asked.map((body) => Object.keys(JSON.parse(body)))")
    assert [keys == ["cursor"] for keys in bodies] == [False, True, True]
    page.ask("a bell")
    shown(page, PAGE)  # another question begins anew
    assert page.one("#more").is_displayed()


def test_what_does_not_match_is_said_so_and_shown_below(browser: WebDriver, tones: str) -> None:
    page = Page(browser)
    page.open(tones)
    question = "a crowd laughs in a stadium"
    assert page.script(ANSWER, {"text": question})["good_match"] is False
    page.ask(question)
    rows = shown(page, PAGE)
    notice = page.one("#notice")
    assert "Nothing here really matches" in notice.text
    assert notice.location["y"] + notice.size["height"] <= page.one("#results .hit").location["y"]
    assert {row["word"] for row in rows} <= {"Fair", "Weak"}
    assert page.one("#results .hit .play").is_enabled()


def test_a_match_is_shown_without_a_word_of_doubt(page: Page, store_dir: Path) -> None:
    page.ask("a crowd laughs in a stadium")
    page.until(lambda: page.one("#notice").is_displayed())
    page.choose(store_dir.parent / "foley" / "door.wav")
    assert not page.one("#notice").is_displayed()
    for row in page.script(ROWS):
        surely = row["percent"] / 100
        if any(abs(surely - least) <= 0.005 for least in WORDS.values()):
            continue  # the title is rounded
        word = next(word for word, least in WORDS.items() if surely >= least)
        assert (row["word"], row["level"]) == (word, word.lower()), row


def test_its_word_for_a_good_match_is_the_api_s() -> None:
    levels = re.findall(r'\[([\d.]+), "(\w+)"\]', (PAGE_DIR / "confidence.js").read_text())
    assert {name.capitalize(): float(least) for least, name in levels} == WORDS
