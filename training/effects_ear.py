"""Align the effects ear: its network is frozen, so every cut of a clip is heard once, and only a linear map is trained.

The cuts and what is heard in them do not depend on captions or anchor, so they are kept beside the run, and serve it
when it is resumed, and other runs on the same clips.
"""

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.compact_audio_encoder import EffectsEar
from model.effects_network import SAMPLE_RATE_HZ, EffectsNetwork
from training.audio_data import random_cut, random_speed
from training.dataset import AlignmentData
from training.errors import DivergedError
from training.loss import bank_loss, initial_log_scale, unit
from training.runs import tensors_hash

WHOLE_CUT_S = 5.0  # as long as a segment
CHANGED_CUT_S = 4.5
CHANGED_CUTS = 3  # of other speeds, for each cut as it is


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
) -> Tensor:
    """Return what the network hears in cuts of each clip, (N, cuts, 512).

    It is read from ``folder`` if it was heard before.
    """
    path = folder / f"cuts-{_key(network, waveforms, seed)}.npy"
    if path.exists():
        return torch.from_numpy(np.load(path))
    heard = []
    for row, waveform in enumerate(waveforms):
        rng = random.Random(f"{seed}/{row}/cuts")
        heard.append(_hear(network, _cuts(waveform, rng)))
        on_clip(row + 1)
    folder.mkdir(parents=True, exist_ok=True)
    features = torch.stack(heard)
    partial = path.with_name("partial-" + path.name)
    np.save(partial, features.numpy())
    partial.replace(path)
    return features


def align_effects_ear(
    ear: EffectsEar,
    features_ncf: Tensor,
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
    clips, cuts = features_ncf.shape[:2]
    ear.train()
    for step in range(config.steps):
        rows = torch.randint(clips, (config.batch_size,))
        heard = features_ncf[rows, torch.randint(cuts, (config.batch_size,))]
        loss = bank_loss(unit(ear.project(heard)), data.bank, data.targets[rows], log_scale.exp())
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
    return [
        random_cut(waveform, whole, rng),
        *(random_speed(waveform, changed, rng) for _ in range(CHANGED_CUTS)),
    ]


def _hear(network: EffectsNetwork, cuts: Sequence[NDArray[np.float32]]) -> Tensor:
    with torch.no_grad():
        return torch.cat([network(torch.from_numpy(cut)[None]) for cut in cuts])


def _key(network: EffectsNetwork, waveforms: Sequence[NDArray[np.int16]], seed: int) -> str:
    digest = hashlib.sha256(f"{seed}/{CHANGED_CUTS}/{tensors_hash(network.state_dict())}".encode())
    for waveform in waveforms:
        digest.update(waveform.tobytes())
    return digest.hexdigest()[:16]
