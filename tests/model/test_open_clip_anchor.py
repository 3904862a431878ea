"""OpenClipAnchor on a tiny, randomly initialised model of the real classes, saved the way OpenCLIP publishes.

XLM-RoBERTa text tower with a real unigram tokenizer, ViT image tower, loaded through `local-dir:` with the
hub switched off: the path an air-gapped user takes.
"""

import hashlib
import json
import shutil
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save, save_file
from transformers import XLMRobertaConfig

from model.errors import MissingPartError, ModelDirectoryError
from model.open_clip_anchor import DEFAULT_MODEL, LICENCE_UNKNOWN, OpenClipAnchor
from model.presets import OPEN_CLIP_PRESETS
from tests.model.tiny_open_clip import DIM, TEXTS, write_open_clip


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory as OpenCLIP publishes models."""
    directory = tmp_path_factory.mktemp("tiny-xlm-roberta")
    write_open_clip(directory)
    return directory


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anything that asks the hub fails at once, in every test here."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture(scope="module")
def anchor(published: Path) -> OpenClipAnchor:
    return OpenClipAnchor.load(f"local-dir:{published}")


@pytest.fixture
def copy(published: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(published, tmp_path / "copy"))


def pictures() -> list[Image.Image]:
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    return [Image.new("RGB", (64, 48), "red"), Image.fromarray(noise), Image.fromarray(noise[:, :, 0])]


def test_texts_and_pictures_become_float32_unit_vectors_of_one_space(anchor: OpenClipAnchor) -> None:
    for vectors, count in [(anchor.embed_texts(TEXTS), len(TEXTS)), (anchor.embed_images(pictures()), 3)]:
        assert vectors.shape == (count, DIM) == (count, anchor.dim)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_different_inputs_get_different_vectors(anchor: OpenClipAnchor) -> None:
    for vectors in (anchor.embed_texts(TEXTS), anchor.embed_images(pictures())):
        similarities = vectors @ vectors.T
        assert (similarities[~np.eye(len(vectors), dtype=bool)] < 0.9999).all()


def test_nothing_in_gives_nothing_out(anchor: OpenClipAnchor) -> None:
    assert anchor.embed_texts([]).shape == anchor.embed_images([]).shape == (0, DIM)


def test_a_vector_does_not_depend_on_its_neighbours(anchor: OpenClipAnchor) -> None:
    many = TEXTS * 20  # more than one batch
    batched = anchor.embed_texts(many)
    alone = np.concatenate([anchor.embed_texts([text]) for text in many])
    np.testing.assert_allclose(batched, alone, atol=1e-5)
    many_pictures = pictures() * 7
    batched = anchor.embed_images(many_pictures)
    alone = np.concatenate([anchor.embed_images([picture]) for picture in many_pictures])
    np.testing.assert_allclose(batched, alone, atol=1e-5)


def test_the_same_input_twice_gives_the_same_bits(anchor: OpenClipAnchor) -> None:
    assert (anchor.embed_texts(TEXTS) == anchor.embed_texts(TEXTS)).all()
    assert (anchor.embed_images(pictures()) == anchor.embed_images(pictures())).all()


def test_the_vectors_are_those_of_the_published_weights(anchor: OpenClipAnchor, published: Path) -> None:
    """Recomputed with transformers alone, from the files: mean over real tokens, projection, unit length."""
    from transformers import AutoTokenizer, XLMRobertaModel

    weights = load_file(published / "open_clip_model.safetensors")
    tower = XLMRobertaModel(XLMRobertaConfig.from_pretrained(published), add_pooling_layer=False).eval()
    prefix = "text.transformer."
    tower.load_state_dict({k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)})
    ids = AutoTokenizer.from_pretrained(published)(TEXTS[2], return_tensors="pt").input_ids
    with torch.inference_mode():
        pooled = tower(input_ids=ids).last_hidden_state.mean(1)
        hidden = torch.nn.functional.gelu(pooled @ weights["text.proj.0.weight"].T)
        expected = torch.nn.functional.normalize(hidden @ weights["text.proj.2.weight"].T, dim=-1)
    np.testing.assert_allclose(anchor.embed_texts([TEXTS[2]]), expected.numpy(), atol=1e-5)


def test_a_text_longer_than_the_context_is_embedded(anchor: OpenClipAnchor) -> None:
    assert np.isfinite(anchor.embed_texts(["rain and bells " * 500])).all()


def test_threads_may_share_an_anchor(published: Path, anchor: OpenClipAnchor) -> None:
    fresh = OpenClipAnchor.load(f"local-dir:{published}")
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda text: fresh.embed_texts([text]), TEXTS * 8))
    np.testing.assert_allclose(np.concatenate(results), anchor.embed_texts(TEXTS * 8), atol=1e-5)


def test_everything_is_frozen(anchor: OpenClipAnchor) -> None:
    parameters = list(anchor._towers.parameters())
    assert parameters
    assert not any(p.requires_grad for p in parameters)
    assert not any(module.training for module in anchor._towers.modules())


def test_the_fingerprint_is_that_of_the_content_not_of_the_place_or_of_use(
    anchor: OpenClipAnchor, copy: Path
) -> None:
    anchor.embed_texts(TEXTS)
    assert OpenClipAnchor.load(f"local-dir:{copy}").fingerprint == anchor.fingerprint


def change_weight(directory: Path) -> None:
    weights = load_file(directory / "open_clip_model.safetensors")
    weights["text.proj.0.weight"][0, 0] += 1e-3
    save_file(weights, directory / "open_clip_model.safetensors")


def change_tokenizer(directory: Path) -> None:
    tokenizer = json.loads((directory / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"][-1][1] -= 0.5
    (directory / "tokenizer.json").write_text(json.dumps(tokenizer))


def change_image_preparation(directory: Path) -> None:
    config = json.loads((directory / "open_clip_config.json").read_text())
    config["preprocess_cfg"]["mean"] = [0.4, 0.5, 0.5]
    (directory / "open_clip_config.json").write_text(json.dumps(config))


@pytest.mark.parametrize("change", [change_weight, change_tokenizer, change_image_preparation])
def test_whatever_decides_a_vector_changes_the_fingerprint(
    anchor: OpenClipAnchor, copy: Path, change: Callable[[Path], None]
) -> None:
    change(copy)
    assert OpenClipAnchor.load(f"local-dir:{copy}").fingerprint != anchor.fingerprint


def test_a_licence_that_is_not_known_is_said_to_be_so(anchor: OpenClipAnchor) -> None:
    assert anchor.licence == LICENCE_UNKNOWN


@pytest.mark.parametrize(
    ("missing", "hint"),
    [
        ("open_clip_config.json", "open_clip_config.json"),
        ("open_clip_model.safetensors", "weights"),
        ("tokenizer.json", "tokenizer"),
        ("config.json", "config.json, which describes the text tower"),
    ],
)
def test_an_incomplete_directory_is_refused_and_the_message_names_what_is_missing(
    copy: Path, missing: str, hint: str
) -> None:
    (copy / missing).unlink()
    with pytest.raises(ModelDirectoryError, match=hint) as caught:
        OpenClipAnchor.load(f"local-dir:{copy}")
    assert str(copy) in str(caught.value)


def truncate_weights(directory: Path) -> None:
    file = directory / "open_clip_model.safetensors"
    file.write_bytes(file.read_bytes()[:5000])


def drop_a_tensor(directory: Path) -> None:
    weights = load_file(directory / "open_clip_model.safetensors")
    del weights["text.proj.0.weight"]
    save_file(weights, directory / "open_clip_model.safetensors")


def break_config(directory: Path) -> None:
    (directory / "open_clip_config.json").write_text("{not json")


@pytest.mark.parametrize("damage", [truncate_weights, drop_a_tensor, break_config])
def test_broken_files_are_refused_never_filled_in_at_random(
    copy: Path, damage: Callable[[Path], None]
) -> None:
    damage(copy)
    with pytest.raises(ModelDirectoryError, match=str(copy)):
        OpenClipAnchor.load(f"local-dir:{copy}")


def test_a_directory_that_is_not_there_is_named() -> None:
    with pytest.raises(ModelDirectoryError, match="/no/such/model"):
        OpenClipAnchor.load("local-dir:/no/such/model")


def test_an_unknown_name_is_answered_with_close_ones() -> None:
    with pytest.raises(MissingPartError, match=DEFAULT_MODEL):
        OpenClipAnchor.load("xlm-roberta-base-ViT-B32", tag="laion5b_s13b_b90k")


def test_an_unknown_tag_is_answered_with_the_known_ones() -> None:
    with pytest.raises(MissingPartError, match="laion5b_s13b_b90k"):
        OpenClipAnchor.load(DEFAULT_MODEL, tag="laion6b")


@pytest.fixture
def empty_hub_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without this, a developer's own cache would answer for the hub."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))


@pytest.mark.usefixtures("empty_hub_cache")
@pytest.mark.parametrize("name", [DEFAULT_MODEL, "hf-hub:laion/some-open-clip-model"])
def test_without_a_network_the_message_says_how_to_bring_the_model_over(name: str) -> None:
    with pytest.raises(MissingPartError, match="local-dir:FOLDER") as caught:
        OpenClipAnchor.load(name)
    assert name in str(caught.value)


def test_every_preset_is_a_model_that_openclip_has_with_the_stated_dimension() -> None:
    for preset in OPEN_CLIP_PRESETS:
        assert preset.tag in open_clip.list_pretrained_tags_by_model(preset.model_name)
        config = open_clip.get_model_config(preset.model_name)
        assert config is not None
        assert config["embed_dim"] == preset.dim


def test_what_the_hub_gave_is_checked_against_its_checksum(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A model in the hub's own cache, which names large files by their SHA-256."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    name, weights = write_hub_cache(tmp_path)
    assert OpenClipAnchor.load(name).embed_texts(["rain"]).shape == (1, DIM)
    stored = weights.read_bytes()
    weights.write_bytes(
        stored[:-4] + b"\x00\x00\x80\x7f"
    )  # one weight is another, and the file as readable as before
    with pytest.raises(MissingPartError, match="was damaged"):
        OpenClipAnchor.load(name)


def write_hub_cache(cache: Path) -> tuple[str, Path]:
    """Lay out a tiny model of OpenCLIP's plain kind as the hub's library does; return its name and its weights."""
    config = {
        "model_cfg": {
            "embed_dim": DIM,
            "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 8, "patch_size": 16},
            "text_cfg": {
                "context_length": 16,
                "vocab_size": 49408,
                "width": 8,
                "heads": 2,
                "layers": 1,
            },
        },
        "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
    }
    repository = cache / "models--sounds--tiny"
    snapshot = repository / "snapshots" / ("0" * 40)
    for folder in (snapshot, repository / "blobs", repository / "refs"):
        folder.mkdir(parents=True)
    (repository / "refs" / "main").write_text("0" * 40)
    (snapshot / "open_clip_config.json").write_text(json.dumps(config))
    model = open_clip.CLIP(**config["model_cfg"])
    content = save({key: value.contiguous() for key, value in model.state_dict().items()})
    blob = repository / "blobs" / hashlib.sha256(content).hexdigest()
    blob.write_bytes(content)
    (snapshot / "open_clip_model.safetensors").symlink_to(blob)
    return "hf-hub:sounds/tiny", blob
