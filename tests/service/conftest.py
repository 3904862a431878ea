"""A small real store, indexed with the shipped model, and a client of the real app over it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from selenium.webdriver.remote.webdriver import WebDriver

from model.directory import load_model
from model.retrieval_model import RetrievalModel
from tests.service.browsing import CHROMEDRIVER, CHROMIUM, Page, chromium, served
from tests.service.databases import database_url, postgres_socket_dir
from tests.service.helpers import index, serving, wait_until_loaded, write_sounds

__all__ = ["database_url", "postgres_socket_dir"]  # fixtures


@pytest.fixture(scope="session")
def model() -> RetrievalModel:
    return load_model()


@pytest.fixture(scope="session")
def store_dir(model: RetrievalModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Libraries 'weather' (three clips) and 'foley' (two). Tests that change a store make their own."""
    root = tmp_path_factory.mktemp("service")
    write_sounds(root / "weather", ["rain.wav", "thunder.flac", "wind.ogg"], first_seed=1)
    write_sounds(root / "foley", ["door.wav", "چکش.wav"], first_seed=4)
    for library in ("weather", "foley"):
        index(model, root / "store", library, root / library)
    return root / "store"


@pytest.fixture(scope="session")
def client(store_dir: Path) -> Iterator[TestClient]:
    with serving(store_dir) as started:
        wait_until_loaded(started)
        yield started


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    if not (CHROMIUM and CHROMEDRIVER):
        pytest.skip("needs chromium and chromedriver (Debian: chromium chromium-driver)")
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


@pytest.fixture(scope="session")
def address(store_dir: Path) -> Iterator[str]:
    """Where the page over the shared store is."""
    with served(store_dir) as served_at:
        yield served_at


@pytest.fixture
def page(browser: WebDriver, address: str) -> Page:
    opened = Page(browser)
    opened.open(address)
    return opened
