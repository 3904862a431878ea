"""The committed default model: that it loads strictly, is deterministic, and means something."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.directory import DEFAULT_MODEL_DIR, load_model, load_space
from model.errors import ModelDirectoryError, WeightsError
from model.retrieval_model import RetrievalModel


@pytest.fixture(scope="module")
def model() -> RetrievalModel:
    return load_model()


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEFAULT_MODEL_DIR, tmp_path / "model"))


def noise(model: RetrievalModel, count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.standard_normal((count, model.window_samples)) * 0.1).astype(np.float32)


def test_vectors_are_unit_float32_of_the_declared_dimension(model: RetrievalModel) -> None:
    for vectors in (
        model.embed_texts(["rain", "pluie"]),
        model.embed_images([Image.new("RGB", (40, 90), "green")]),
        model.embed_audio(noise(model, 2)),
    ):
        assert vectors.dtype == np.float32
        assert vectors.shape[1] == model.space.dim
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_audio_vectors_are_the_same_bits_again_and_do_not_depend_on_their_neighbours(
    model: RetrievalModel,
) -> None:
    windows = noise(model, 5)
    together = model.embed_audio(windows)
    np.testing.assert_array_equal(model.embed_audio(windows), together)
    alone = np.concatenate([model.embed_audio(window[None]) for window in windows])
    np.testing.assert_allclose(alone, together, atol=1e-5)


def test_text_vectors_do_not_depend_on_their_neighbours(model: RetrievalModel) -> None:
    texts = [
        "a dog",
        "ein sehr langer Satz über das Geräusch von Regen auf einem Blechdach in der Nacht",
        "犬",
    ]
    together = model.embed_texts(texts)
    alone = np.concatenate([model.embed_texts([text]) for text in texts])
    np.testing.assert_allclose(alone, together, atol=1e-5)
    np.testing.assert_array_equal(model.embed_texts(texts), together)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("perro", "dog"),
        ("犬", "dog"),
        ("собака", "dog"),
        ("lluvia", "rain"),
        ("雨", "rain"),
        ("कुत्ता", "dog"),
        ("กบ", "frog"),
        ("paka", "cat"),
    ],
)
def test_a_word_lies_nearest_to_its_english_translation(model: RetrievalModel, text: str, same: str) -> None:
    english = ["dog", "rain", "frog", "cat", "train", "church bells", "laughing", "helicopter"]
    scores = model.embed_texts([text])[0] @ model.embed_texts(english).T
    assert english[int(scores.argmax())] == same


def test_silence_and_full_scale_noise_have_finite_vectors(model: RetrievalModel) -> None:
    silence = np.zeros((1, model.window_samples), np.float32)
    loud = np.sign(noise(model, 1))
    assert np.isfinite(model.embed_audio(np.concatenate([silence, loud]))).all()


def test_a_quiet_copy_of_a_sound_stays_near_the_loud_one(model: RetrievalModel) -> None:
    loud = noise(model, 1)
    vectors = model.embed_audio(np.concatenate([loud, loud * 0.05]))
    assert vectors[0] @ vectors[1] > 0.99


def test_the_space_is_known_without_building_the_model(model: RetrievalModel) -> None:
    assert load_space() == model.space


def test_other_weights_are_another_space(copied: Path) -> None:
    config = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps(config | {"hop_s": 5.0}))
    assert load_space(copied).fingerprint != load_space().fingerprint


def test_a_directory_without_weights_is_refused(copied: Path) -> None:
    (copied / "model.safetensors").unlink()
    with pytest.raises(ModelDirectoryError, match=r"model\.safetensors"):
        load_model(copied)


def test_truncated_weights_are_refused(copied: Path) -> None:
    weights = copied / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(ModelDirectoryError, match="safetensors"):
        load_model(copied)


@pytest.mark.parametrize(
    "change", [{"format": 99}, {"unknown": 1}, {"audio_encoder": {"embed_dim": 384, "wings": 2}}]
)
def test_a_configuration_that_says_something_else_is_refused(copied: Path, change: dict) -> None:
    config = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(ModelDirectoryError, match=r"config\.json"):
        load_model(copied)


def test_weights_of_another_shape_are_refused(copied: Path) -> None:
    config = json.loads((copied / "config.json").read_text())
    config["audio_encoder"]["embed_dim"] = 128
    (copied / "config.json").write_text(json.dumps(config))
    told = r"model\.safetensors is of another architecture: ears\.0\.projection\.bias is \(384,\) and not \(128,\)"
    with pytest.raises(WeightsError, match=told + ", and 7 more"):
        load_model(copied)


def test_an_empty_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelDirectoryError, match="is not a model directory"):
        load_model(tmp_path)
