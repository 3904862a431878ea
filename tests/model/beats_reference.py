"""Makes ``data/beats_reference.pt``: what a published implementation of BEATs says at random weights, for the tests.

Run it by hand beside the wheel of ``avex`` (MIT; 1.4.0 made the committed file), unpacked and not installed, since the
rest of it needs much more:

    PYTHONPATH=UNPACKED/avex/models python -m tests.model.beats_reference

With ``--full-size`` it writes nothing, and compares our BEATs with that one at the published size instead.
"""

import sys
from pathlib import Path

import torch
from torch import Tensor

REFERENCE = Path(__file__).parent / "data" / "beats_reference.pt"
TINY = {
    "embed_dim": 12, "encoder_layers": 2, "encoder_embed_dim": 16, "encoder_ffn_embed_dim": 24,
    "encoder_attention_heads": 2, "conv_pos": 8, "conv_pos_groups": 4, "num_buckets": 16, "max_distance": 20,
}  # fmt: skip
LENGTHS_S = (0.3, 1.0, 2.57)


def waveforms(seconds: float) -> Tensor:
    """Return two different noises with a tone in them, (2, samples)."""
    generator = torch.Generator().manual_seed(round(1000 * seconds))
    samples = round(16_000 * seconds)
    tone = torch.sin(torch.arange(samples) * 0.2) * torch.linspace(0, 1, samples)
    return 0.1 * torch.randn(2, samples, generator=generator) + 0.3 * tone


def padding(samples: int) -> Tensor:
    """Return a mask after which the second waveform ends at three fifths, (2, samples)."""
    mask = torch.zeros(2, samples, dtype=torch.bool)
    mask[1, samples * 3 // 5 :] = True
    return mask


def published_model(**sizes: int):
    """Return avex's BEATs with every parameter random, zeros of its start included."""
    from beats import BEATs, BEATsConfig  # pyright: ignore[reportMissingImports]

    torch.manual_seed(0)
    model = BEATs(BEATsConfig(**sizes)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return model


def published_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Name the normalised convolution as the published files do, and leave out what they do not hold."""
    renamed = {
        key.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): tensor
        for key, tensor in state.items()
    }
    return {key: tensor for key, tensor in renamed.items() if not key.startswith("fbank.")}


def answers(model, seconds: float) -> tuple[Tensor, Tensor]:
    """Return the tokens without and with padding."""
    waves = waveforms(seconds)
    with torch.inference_mode():
        return model(waves)[0], model(waves, padding(waves.shape[1]))[0]


def write_reference() -> None:
    """Write the tiny checkpoint and the answers."""
    model = published_model(**TINY)
    checkpoint = {"cfg": model.cfg.model_dump(), "model": published_names(model.state_dict())}
    torch.save(checkpoint | {"answers": {s: answers(model, s) for s in LENGTHS_S}}, REFERENCE)


def compare_full_size() -> None:
    """Print how far our tokens are from theirs at the published size, relative to theirs."""
    from model.beats_checkpoint import load_beats

    path = Path("beats-random.pt")
    model = published_model()
    torch.save({"cfg": model.cfg.model_dump(), "model": published_names(model.state_dict())}, path)
    ours = load_beats(path).eval()
    path.unlink()
    for seconds in (1.0, 3.3, 10.0):
        for name, theirs, mine in zip(
            ("whole", "padded"), answers(model, seconds), answers(ours, seconds), strict=True
        ):
            print(f"{seconds} s, {name}: {((mine - theirs).norm() / theirs.norm()).item():.1e}")


if __name__ == "__main__":
    compare_full_size() if "--full-size" in sys.argv else write_reference()
