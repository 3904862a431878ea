"""The shipped model, with clips that lie exactly where a text does, so that figures are known beforehand."""

from collections.abc import Sequence

import numpy as np
import pytest

from model.directory import load_model
from model.retrieval_model import RetrievalModel
from tests.training.experiments.helpers import Heard
from training.experiments.measured import Measured
from training.manifest import ManifestEntry
from training.metrics import ClipVectors


@pytest.fixture(scope="session")
def model() -> RetrievalModel:
    return load_model()


@pytest.fixture
def heard(model: RetrievalModel) -> Heard:
    """Return clips whose sound the model hears as the given texts say."""

    def make(texts: Sequence[str], entries: Sequence[ManifestEntry]) -> Measured:
        clips = ClipVectors(model.embed_texts(texts), np.arange(len(texts)))
        return Measured(model=model, clips=clips, entries=list(entries), unreadable=[])

    return make
