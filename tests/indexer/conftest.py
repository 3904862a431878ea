"""The real shipped model, loaded once for all tests of a run."""

import pytest

from model.directory import load_model
from model.retrieval_model import RetrievalModel


@pytest.fixture(scope="session")
def model() -> RetrievalModel:
    return load_model()
