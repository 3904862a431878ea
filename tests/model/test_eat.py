"""EAT against published code at the same random weights, and what its checkpoints may and may not be.

``eat_reference`` makes the reference and says what of it is published; at the published size the two were 8e-7 apart
(its ``--full-size``).
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from model.eat import EatConfig, EatEncoder, load_eat
from model.errors import WeightsError
from model.spectrogram_patches import sincos_positions
from tests.model.beats_reference import waveforms
from tests.model.eat_reference import ANSWERS, LENGTHS_S, REFERENCE, published_images


@pytest.fixture(scope="module")
def eat() -> EatEncoder:
    return load_eat(REFERENCE, 8).eval()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(REFERENCE, tmp_path / "copy"))


def change_tensors(folder: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


@pytest.mark.parametrize("seconds", LENGTHS_S)
def test_it_equals_published_code(eat: EatEncoder, seconds: float) -> None:
    theirs = load_file(ANSWERS)[str(seconds)]
    waves = waveforms(seconds)
    with torch.inference_mode():
        images = eat.images(waves)
        assert (images - published_images(waves)).abs().max() < 1e-3
        ours = eat.eat(images)
        assert ((ours - theirs).norm() / theirs.norm()).item() < 1e-5
        torch.testing.assert_close(eat(waves), eat.projection(theirs[:, 0]), atol=1e-4, rtol=1e-4)
    assert (theirs[0] - theirs[1]).abs().max() > 0.01


def test_random_weights_begin_with_the_published_positions(eat: EatEncoder) -> None:
    torch.testing.assert_close(sincos_positions(20, 16)[None], eat.eat.positions)
    fresh = EatEncoder(EatConfig(embed_dim=8, layers=1, width=16, heads=2, max_columns=20))
    torch.testing.assert_close(fresh.eat.positions, eat.eat.positions)


def test_the_tensors_alone_and_a_fine_tuned_folder_are_taken(eat: EatEncoder, copy: Path) -> None:
    change_tensors(copy, lambda tensors: tensors.update({
        "model.fc_norm.weight": torch.ones(16), "model.head.weight": torch.ones(527, 16)
    }))  # fmt: skip
    again = load_eat(copy / "model.safetensors", 8)
    assert again.config == eat.config
    assert all(
        torch.equal(tensor, again.eat.state_dict()[key]) for key, tensor in eat.eat.state_dict().items()
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("model.blocks.1.mlp.fc1.bias"), r"blocks\.1\.mlp\.fc1\.bias is missing"),
        (lambda t: t.pop("model.fixed_positional_encoder.positions"), "positions is missing"),
        (lambda t: t.update({"model.extra": torch.ones(1)}), "extra is not expected"),
    ],
)
def test_other_tensors_are_refused(copy: Path, change: Callable[[dict], object], message: str) -> None:
    change_tensors(copy, change)
    with pytest.raises(WeightsError, match=message):
        load_eat(copy, 8)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"layer_norm_first": True}, "another architecture: {'layer_norm_first': True}"),
        ({"depth": "two"}, "another architecture: {'layers': 'two'}"),
        ({"depth": 3}, r"blocks\.2\."),
        ({"embed_dim": 32}, "and not"),
        ([], "not the config.json of an EAT"),
    ],
)
def test_another_config_is_refused(copy: Path, fields: dict | list, message: str) -> None:
    stored = json.loads((copy / "config.json").read_text("utf-8"))
    changed = stored | fields if isinstance(fields, dict) else fields
    (copy / "config.json").write_text(json.dumps(changed), "utf-8")
    with pytest.raises(WeightsError, match=message.replace("{", r"\{")):
        load_eat(copy, 8)
    (copy / "config.json").unlink()
    with pytest.raises(WeightsError, match=r"not the config\.json of an EAT"):
        load_eat(copy, 8)
