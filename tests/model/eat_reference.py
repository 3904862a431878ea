"""Makes ``data/eat_reference/``: what published code says at random weights of EAT, for the tests.

No package carries the whole of EAT, which the Hugging Face hub has as remote code. Its parts are published: the blocks
are data2vec 2.0's, in ``funasr`` (MIT; 1.4.16 made the committed files), patches and positions AudioMAE's, in
``audioldm2`` (0.1.0). Only how they are joined is written here, after EAT's own code. Run it by hand beside the two
wheels, unpacked and not installed, since the rest of them needs much more:

    PYTHONPATH=FUNASR:AUDIOLDM2/audioldm2/latent_diffusion/modules/audiomae/util python -m tests.model.eat_reference

With ``--full-size`` it writes nothing, and compares our EAT with that one at the published size instead.
"""

import json
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F
from torchaudio.compliance import kaldi

from tests.model.beats_reference import waveforms

REFERENCE = Path(__file__).parent / "data" / "eat_reference"
ANSWERS = REFERENCE / "answers.safetensors"
TINY = {"embed_dim": 16, "depth": 2, "num_heads": 2, "max_length": 20}
BASE = {"embed_dim": 768, "depth": 12, "num_heads": 12, "max_length": 768}
FIXED = {
    "mlp_ratio": 4.0,
    "norm_eps": 1e-6,
    "patch_size": 16,
    "stride": 16,
    "mel_bins": 128,
    "qkv_bias": True,
}
LENGTHS_S = (0.3, 1.0, 2.57)


def published_images(waves: Tensor) -> Tensor:
    """Return what EAT's feature extraction reads, (N, 1, frames, 128), at the least multiple of 16 frames."""
    levels = torch.stack(
        [
            kaldi.fbank(
                (wave - wave.mean())[None],
                htk_compat=True,
                sample_frequency=16_000,
                use_energy=False,
                window_type="hanning",
                num_mel_bins=128,
                dither=0.0,
                frame_shift=10,
            )
            for wave in waves
        ]
    )
    return (F.pad(levels, (0, 0, 0, -levels.shape[1] % 16)) + 4.268)[:, None] / (4.569 * 2)


class Published(nn.Module):
    """The published parts under the names of the published files."""

    def __init__(self, sizes: dict[str, int]) -> None:
        from funasr.models.emotion2vec.modules import AltBlock  # pyright: ignore[reportMissingImports]
        from patch_embed import PatchEmbed_new  # pyright: ignore[reportMissingImports]
        from pos_embed import get_2d_sincos_pos_embed_flexible  # pyright: ignore[reportMissingImports]

        super().__init__()
        width, norm = sizes["embed_dim"], partial(nn.LayerNorm, eps=1e-6)
        self.local_encoder = PatchEmbed_new(
            img_size=(1024, 128), patch_size=16, in_chans=1, embed_dim=width, stride=16
        )
        self.extra_tokens = nn.Parameter(torch.zeros(1, 1, width))
        table = get_2d_sincos_pos_embed_flexible(width, (sizes["max_length"], 8), cls_token=False)
        self.fixed_positional_encoder = nn.Module()
        self.fixed_positional_encoder.register_buffer("positions", torch.tensor(table).float()[None])
        self.pre_norm = norm(width)
        heads = sizes["num_heads"]
        self.blocks = nn.ModuleList(
            AltBlock(width, heads, qkv_bias=True, norm_layer=norm, layer_norm_first=False, ffn_targets=True)
            for _ in range(sizes["depth"])
        )

    def forward(self, images: Tensor) -> Tensor:
        patches = self.local_encoder(images)
        patches = patches + self.fixed_positional_encoder.get_buffer("positions")[:, : patches.shape[1]]
        tokens = self.pre_norm(torch.cat([self.extra_tokens.expand(len(images), -1, -1), patches], dim=1))
        for block in self.blocks:
            tokens, _ = block(tokens)
        return tokens


def random_model(sizes: dict[str, int]) -> Published:
    """Return it with every parameter random, zeros of its start included."""
    torch.manual_seed(0)
    model = Published(sizes).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return model


def write_checkpoint(model: Published, sizes: dict[str, int], folder: Path) -> None:
    """Write a folder as the Hugging Face hub has it."""
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(sizes | FIXED, indent=2) + "\n", "utf-8")
    tensors = {f"model.{key}": tensor.contiguous() for key, tensor in model.state_dict().items()}
    save_file(tensors, folder / "model.safetensors")


def answers(model: nn.Module, seconds: float) -> Tensor:
    """Return the tokens of two waveforms."""
    with torch.inference_mode():
        return model(published_images(waveforms(seconds)))


def compare_full_size() -> None:
    """Print how far our tokens are from theirs at the published size, relative to theirs."""
    from model.eat import load_eat

    model = random_model(BASE)
    with TemporaryDirectory() as folder:
        write_checkpoint(model, BASE, Path(folder))
        ours = load_eat(Path(folder), 8).eval()
    for seconds in (1.0, 3.3, 10.0):
        theirs = answers(model, seconds)
        with torch.inference_mode():
            mine = ours.eat(ours.images(waveforms(seconds)))
        print(f"{seconds} s: {((mine - theirs).norm() / theirs.norm()).item():.1e}")


if __name__ == "__main__":
    if "--full-size" in sys.argv:
        compare_full_size()
    else:
        tiny = random_model(TINY)
        write_checkpoint(tiny, TINY, REFERENCE)
        save_file({str(seconds): answers(tiny, seconds) for seconds in LENGTHS_S}, ANSWERS)
