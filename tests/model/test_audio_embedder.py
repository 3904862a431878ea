"""Embedding in the background: the same bits in whatever company, in order, and errors are not lost."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model.audio_embedder import AudioEmbedder
from model.directory import load_model
from model.retrieval_model import RetrievalModel


@pytest.fixture(scope="module")
def model() -> RetrievalModel:
    return load_model()


def noise(model: RetrievalModel, count: int, seed: int = 3) -> NDArray[np.float32]:
    draw = np.random.default_rng(seed)
    return (0.1 * draw.standard_normal((count, model.window_samples))).astype(np.float32)


def test_a_vector_has_the_same_bits_in_whatever_company(model: RetrievalModel) -> None:
    windows = noise(model, 20)
    with AudioEmbedder(model) as embedder:
        alone = [embedder.submit(window[None]) for window in windows[:3]]
        together = [embedder.submit(windows[:16]), embedder.submit(windows[16:])]
        vectors = np.concatenate([future.result() for future in together])
        for vector, future in zip(vectors, alone, strict=False):
            assert np.array_equal(future.result()[0], vector)
    assert vectors.shape == (20, model.space.dim)
    np.testing.assert_allclose(vectors, model.embed_audio(windows), atol=1e-5)


def test_threads_of_the_caller_stay_as_they_are(model: RetrievalModel) -> None:
    before = torch.get_num_threads()
    with AudioEmbedder(model) as embedder:
        embedder.submit(noise(model, 1)).result()
    assert torch.get_num_threads() == before


def test_an_error_reaches_whoever_asks_and_later_batches_go_on(model: RetrievalModel) -> None:
    with AudioEmbedder(model) as embedder:
        bad = embedder.submit(np.zeros((1, 3), np.float32))
        good = embedder.submit(noise(model, 1))
        with pytest.raises(RuntimeError):
            bad.result()
        assert np.isfinite(good.result()).all()
        with pytest.raises(ValueError, match="1 to 16"):
            embedder.submit(noise(model, 17))
