"""The exported default model against the one in torch: the same space, the same vectors, and faults that are told."""

import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from model import onnx_text
from model.audio_embedder import AudioEmbedder
from model.audio_encoders import build_encoder
from model.directory import load_model, load_space
from model.errors import ModelDirectoryError, NotExportableError
from model.onnx_directory import FILES
from model.onnx_export import export_onnx
from model.retrieval_model import RetrievalModel
from model.torch_directory import load_torch_model
from model.torch_model import TorchModel
from tests.model.tiny_encoders import TINY_EAT

TEXTS = [
    "a dog barking",
    "ein sehr langer Satz über das Geräusch von Regen auf einem Blechdach in der Nacht",
    "犬",
    "стук колёс поезда",
    "mlio wa ng'ombe",
    "猪在猪圈里哼哼叫",
    "",
    "rain " * 300,
]


@pytest.fixture(scope="module")
def torch_model() -> TorchModel:
    return load_torch_model()


@pytest.fixture(scope="module")
def model(exported: Path) -> RetrievalModel:
    return load_model(exported)


@pytest.fixture
def linked(exported: Path, tmp_path: Path) -> Path:
    """A copy whose files may be replaced, but not written to."""
    return Path(shutil.copytree(exported, tmp_path / "model", copy_function=os.link))


def sounds(model: RetrievalModel) -> NDArray[np.float32]:
    """Noise, faint noise, silence, and noise that ends, (4, window_samples)."""
    waves = np.random.default_rng(0).standard_normal((4, model.window_samples)) * 0.1
    waves[1] *= 0.01
    waves[2] = 0
    waves[3, 20_000:] = 0
    return waves.astype(np.float32)


def pictures() -> list[Image.Image]:
    pixels = np.random.default_rng(0).integers(0, 255, (60, 200, 3), dtype=np.uint8)
    return [Image.fromarray(pixels), Image.new("RGB", (50, 90), "green")]


def test_it_is_the_same_space_cut_the_same_way(torch_model: TorchModel, model: RetrievalModel) -> None:
    assert model.space == torch_model.space
    assert (model.sample_rate_hz, model.window_s, model.hop_s) == (
        torch_model.sample_rate_hz,
        torch_model.window_s,
        torch_model.hop_s,
    )


def test_it_is_as_sure_of_its_answers(torch_model: TorchModel, model: RetrievalModel) -> None:
    assert torch_model.calibration is not None
    assert model.calibration is not None
    query, scores = model.embed_texts(["rain"])[0], np.linspace(0, 1, 11, dtype=np.float32)
    for kind in ("text", "image", "audio"):
        told = [
            held.confidences(scores, query, kind) for held in (torch_model.calibration, model.calibration)
        ]
        np.testing.assert_allclose(*told, atol=1e-3)


def test_the_space_is_known_without_opening_the_networks(exported: Path, linked: Path) -> None:
    for network in linked.glob("*.onnx"):
        network.unlink()
    assert load_space(linked) == load_space(exported) == load_space()


@pytest.mark.parametrize(
    "embed",
    [
        lambda model: model.embed_texts(TEXTS),
        lambda model: model.embed_images(pictures()),
        lambda model: model.embed_audio(sounds(model)),
    ],
    ids=["texts", "pictures", "sounds"],
)
def test_vectors_are_those_of_torch(
    embed: Callable[[RetrievalModel], NDArray[np.float32]], torch_model: TorchModel, model: RetrievalModel
) -> None:
    ours = embed(model)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, embed(torch_model), atol=1e-5)


def test_texts_in_eight_bits_stay_near_and_everything_else_is_as_it_was(
    torch_model: TorchModel, exported_int8: Path
) -> None:
    model = load_model(exported_int8)
    assert model.space == torch_model.space
    ours = model.embed_texts(TEXTS)
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)
    assert (ours * torch_model.embed_texts(TEXTS)).sum(1).min() > 0.99
    waves = sounds(model)
    np.testing.assert_allclose(model.embed_audio(waves), torch_model.embed_audio(waves), atol=1e-5)


def test_nothing_gives_no_vectors(model: RetrievalModel) -> None:
    nothing = (0, model.space.dim)
    assert model.embed_texts([]).shape == nothing
    assert model.embed_images([]).shape == nothing
    assert model.embed_audio(np.empty((0, model.window_samples), np.float32)).shape == nothing


def test_text_vectors_do_not_depend_on_their_neighbours(model: RetrievalModel) -> None:
    together = model.embed_texts(TEXTS)
    alone = np.concatenate([model.embed_texts([text]) for text in TEXTS])
    np.testing.assert_allclose(alone, together, atol=1e-5)


def test_in_streams_a_window_gets_the_same_bits_and_near_those_of_a_query(model: RetrievalModel) -> None:
    waves = sounds(model)
    with AudioEmbedder(model) as embedder:
        futures = [embedder.submit(wave[None]) for wave in [*waves, *waves]]
        vectors = np.concatenate([future.result() for future in futures])
    np.testing.assert_array_equal(vectors[:4], vectors[4:])
    np.testing.assert_allclose(vectors[:4], model.embed_audio(waves), atol=1e-5)


def test_several_threads_may_ask_at_once(model: RetrievalModel) -> None:
    expected = [model.embed_texts([text]) for text in TEXTS]
    found: list[NDArray[np.float32] | None] = [None] * len(TEXTS)

    def ask(row: int) -> None:
        found[row] = model.embed_texts([TEXTS[row]])

    threads = [threading.Thread(target=ask, args=(row,)) for row in range(len(TEXTS))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for ours, theirs in zip(found, expected, strict=True):
        assert ours is not None
        np.testing.assert_array_equal(ours, theirs)


def test_windows_of_another_length_are_refused(model: RetrievalModel) -> None:
    with pytest.raises(ValueError, match="80000 samples"):
        model.embed_audio(np.zeros((1, 3), np.float32))


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(linked: Path, name: str) -> None:
    (linked / name).unlink()
    with pytest.raises(ModelDirectoryError, match=f"{name} is missing"):
        load_model(linked)


@pytest.mark.parametrize("name", ["text.onnx", "e5-tokenizer.json"])
def test_a_broken_file_is_told(linked: Path, name: str) -> None:
    (linked / name).unlink()
    (linked / name).write_bytes(b"{")
    with pytest.raises(ModelDirectoryError, match="Export the model again"):
        load_model(linked)


@pytest.mark.parametrize("change", [{"format": 99}, {"wings": 2}, {"e5": {}}, {"space": "a name"}])
def test_facts_that_say_something_else_are_refused(linked: Path, change: dict) -> None:
    facts = json.loads((linked / "onnx.json").read_text())
    (linked / "onnx.json").unlink()
    (linked / "onnx.json").write_text(json.dumps(facts | change))
    with pytest.raises(ModelDirectoryError, match=r"onnx\.json"):
        load_model(linked)


def test_a_directory_that_is_not_empty_is_left_alone(torch_model: TorchModel, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(ModelDirectoryError, match="is not empty"):
        export_onnx(torch_model, tmp_path, card="", int8=False)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_model_of_another_kind_is_not_exported(torch_model: TorchModel, tmp_path: Path) -> None:
    other = TorchModel(
        anchor=torch_model.anchor,
        audio_encoder=build_encoder(TINY_EAT),
        space=torch_model.space,
        window_s=1.0,
        hop_s=1.0,
    )
    with pytest.raises(NotExportableError, match="compact"):
        export_onnx(other, tmp_path / "out", card="", int8=False)
    assert not (tmp_path / "out").exists()


def test_every_text_is_in_one_batch_and_there_is_work_for_every_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_text, "CORES", 4)
    lengths = [7, 3, 9, 3, 8, 5, 4, 6, 7, 3, 8, 5] * 2
    made = list(onnx_text.batches(lengths))
    assert sorted(row for rows in made for row in rows) == list(range(len(lengths)))
    assert len(made) >= 4
    assert all(len(rows) * max(lengths[row] for row in rows) <= onnx_text.TOKENS_PER_BATCH for rows in made)
    assert list(onnx_text.batches([1000])) == [[0]]  # longer than any batch
    assert list(onnx_text.batches([])) == []
