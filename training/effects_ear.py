"""Align the effects ear: its network is frozen, so every cut of a clip is heard once, and only a linear map is trained.

The cuts and what is heard in them do not depend on captions or anchor, so they are kept beside the run, and serve it
when it is resumed, and other runs on the same clips.
"""

import hashlib
import io
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from indexer.files import write_atomically
from model.compact_audio_encoder import EffectsEar
from model.effects_network import SAMPLE_RATE_HZ, EffectsNetwork
from training.audio_data import random_cut, random_speed
from training.dataset import AlignmentData
from training.errors import DivergedError
from training.loss import bank_loss, initial_log_scale, unit
from training.runs import tensors_hash

WHOLE_CUT_S = 5.0  # as long as a segment
CHANGED_CUT_S = 4.5
CHANGED_CUTS = 3  # of other speeds at most, beside the cut as it is: one for each whole second of a clip


@dataclass(frozen=True)
class HeardCuts:
    """What the network heard in cuts, ``features`` (M, 512), and of which clip each is, ``clips`` (M,)."""

    features: Tensor
    clips: Tensor


@dataclass(frozen=True, kw_only=True)
class EffectsEarConfig:
    """How to align; all are this project's own choices."""

    steps: int = 1_500
    batch_size: int = 256
    lr: float = 2e-3
    weight_decay: float = 0.1
    seed: int = 0


def hear_cuts(
    network: EffectsNetwork,
    waveforms: Sequence[NDArray[np.int16]],
    folder: Path,
    *,
    seed: int,
    on_clip: Callable[[int], None],
) -> HeardCuts:
    """Return what the network hears in cuts of each clip.

    It is read from ``folder`` if it was heard before.
    """
    path = folder / f"cuts-{_key(network, waveforms, seed)}.npz"
    if path.exists():
        with np.load(path) as stored:
            return HeardCuts(torch.from_numpy(stored["features"]), torch.from_numpy(stored["clips"]))
    heard = []
    for row, waveform in enumerate(waveforms):
        rng = random.Random(f"{seed}/{row}/cuts")
        heard.append(_hear(network, _cuts(waveform, rng)))
        on_clip(row + 1)
    owners = torch.arange(len(heard)).repeat_interleave(torch.tensor([len(cuts) for cuts in heard]))
    cuts = HeardCuts(torch.cat(heard), owners)
    folder.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.savez(buffer, features=cuts.features.numpy(), clips=cuts.clips.numpy())
    write_atomically(path, buffer.getvalue())
    return cuts


def align_effects_ear(
    ear: EffectsEar,
    cuts: HeardCuts,
    data: AlignmentData,
    config: EffectsEarConfig,
    *,
    on_step: Callable[[int, float], None],
) -> None:
    """Train the ear's linear map, by the loss against the whole bank of ``data``. Raises DivergedError."""
    torch.manual_seed(config.seed)
    log_scale = torch.nn.Parameter(initial_log_scale())
    optimiser = torch.optim.AdamW(
        [
            {"params": [ear.projection.weight], "weight_decay": config.weight_decay},
            {"params": [ear.projection.bias, log_scale], "weight_decay": 0.0},
        ],
        lr=config.lr,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.lr, total_steps=config.steps, pct_start=0.1
    )
    ear.train()
    for step in range(config.steps):
        drawn = torch.randint(len(cuts.clips), (config.batch_size,))
        audio = unit(ear.project(cuts.features[drawn]))
        loss = bank_loss(audio, data.bank, data.targets[cuts.clips[drawn]], log_scale.exp())
        if not torch.isfinite(loss):
            raise DivergedError(f"the loss became {loss.item()} in step {step + 1} of the effects ear")
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        on_step(step, loss.item())
    ear.eval()


def _cuts(waveform: NDArray[np.int16], rng: random.Random) -> list[NDArray[np.float32]]:
    whole, changed = (round(seconds * SAMPLE_RATE_HZ) for seconds in (WHOLE_CUT_S, CHANGED_CUT_S))
    others = min(CHANGED_CUTS, len(waveform) // SAMPLE_RATE_HZ)
    return [
        random_cut(waveform, whole, rng),
        *(random_speed(waveform, changed, rng) for _ in range(others)),
    ]


def _hear(network: EffectsNetwork, cuts: Sequence[NDArray[np.float32]]) -> Tensor:
    with torch.no_grad():
        return torch.cat([network(torch.from_numpy(cut)[None]) for cut in cuts])


def _key(network: EffectsNetwork, waveforms: Sequence[NDArray[np.int16]], seed: int) -> str:
    digest = hashlib.sha256(f"{seed}/{CHANGED_CUTS}/{tensors_hash(network.state_dict())}".encode())
    for waveform in waveforms:
        digest.update(waveform.tobytes())
    return digest.hexdigest()[:16]
