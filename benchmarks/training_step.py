"""How fast a training step is, against the same step written naively; README.md says what is compared.

python -m benchmarks.training_step [--size full|small] [--device cuda|cpu] [--steps N] [--json FILE]
"""

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode
from transformers import XLMRobertaConfig

from benchmarks.naive import TextTower, made_naive, token_ids
from benchmarks.peaks import peak_of
from model.beats import SAMPLE_RATE_HZ, BeatsEncoder, BeatsEncoderConfig
from training.batch import WHOLE, Batch, Share
from training.contrast import Contrast, ContrastiveObjective
from training.metering import forget_peak, peak_bytes, wait_for
from training.trainer import Trainer, TrainerConfig, mixed_precision

WARM_UP = 2  # steps in which kernels are chosen and memory is reserved
GIB = 1 << 30


@dataclass(frozen=True, kw_only=True)
class Size:
    """Both towers and the batch. Layers are never dropped, so that every step does the same."""

    beats: BeatsEncoderConfig
    text: XLMRobertaConfig
    clips: int
    seconds: float


SIZES = {
    "full": Size(
        beats=BeatsEncoderConfig(embed_dim=512, layer_drop=0.0),
        text=XLMRobertaConfig(vocab_size=250_002, max_position_embeddings=514, type_vocab_size=1),
        clips=64,
        seconds=10.0,
    ),
    "small": Size(
        beats=BeatsEncoderConfig(
            embed_dim=64, layers=2, width=96, feed_forward=384, heads=3, patch_dim=96, layer_drop=0.0
        ),
        text=XLMRobertaConfig(
            vocab_size=1_000,
            max_position_embeddings=514,
            type_vocab_size=1,
            hidden_size=96,
            num_hidden_layers=2,
            num_attention_heads=3,
            intermediate_size=384,
        ),
        clips=4,
        seconds=2.0,
    ),
}


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The median step, and the peak of memory: of the GPU's, or of the process."""

    step_s: float
    clips_per_second: float
    peak_bytes: int


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a run came to. ``mfu`` is None where the peak is not known; ``flops`` are those of one of our steps."""

    size: str
    device: str
    steps: int
    clips: int
    seconds: float
    ours: Measured
    naive: Measured
    ratio: float
    flops: int
    peak_flops: float | None
    mfu: float | None
    torch: str


class NoData:
    """Batches come from elsewhere; the trainer is only told how large they are."""

    def __init__(self, size: Size) -> None:
        self.batch_size = self.clips = size.clips
        self.steps = 1
        self.bank = torch.empty(0, size.beats.embed_dim)

    def batches(self, epoch: int, share: Share = WHOLE, *, first: int = 0) -> Iterator[Batch]:
        yield from ()


def trainer_of(encoder: BeatsEncoder, size: Size, device: str) -> Trainer:
    """Return the trainer that both steps are taken by."""
    data = NoData(size)
    objective = ContrastiveObjective(Contrast(), data.bank)
    return Trainer(
        encoder.train(), data, objective, TrainerConfig(epochs=1, lr=1e-4, device=device), run_id=""
    )


def our_step(size: Size, device: str) -> tuple[Trainer, Batch]:
    """Return the trainer, and waveforms with cached vectors to learn from."""
    trainer = trainer_of(BeatsEncoder(size.beats), size, device)
    captions = F.normalize(torch.randn(size.clips, 1, size.beats.embed_dim), dim=-1)
    batch = Batch(waveforms=waveforms(size), captions=captions)
    if device.startswith("cuda"):
        batch = batch.pinned()
    return trainer, batch


def naive_step(size: Size, device: str) -> Callable[[], object]:
    """Return the same on waveforms and captions."""
    trainer = trainer_of(made_naive(BeatsEncoder(size.beats)), size, device)
    tower = TextTower(size.text, size.beats.embed_dim).to(device)
    tokens, waves = token_ids(size.clips, size.text.vocab_size), waveforms(size)
    return lambda: trainer.learn(Batch(waveforms=waves, captions=tower(tokens.to(device))[:, None]))


def flops_of(trainer: Trainer, batch: Batch) -> int:
    """Return the floating-point operations of a step's matrix products and convolutions: three times the forward pass.

    That is the convention for a model's FLOPs (PaLM, arXiv 2204.02311): each product has two gradients as dear as
    itself, and what is computed again does not count. torch's own count of the backward pass would be a third too high
    here, since it leaves out the groups of the grouped convolution.
    """
    device = trainer.config.device
    waves = batch.waveforms.to(device)
    with FlopCounterMode(display=False) as counter, torch.no_grad(), mixed_precision(device):
        trainer.encoder(waves)
    return 3 * counter.get_total_flops()


def waveforms(size: Size) -> torch.Tensor:
    """Return noise of moderate level."""
    return 0.1 * torch.randn(size.clips, round(size.seconds * SAMPLE_RATE_HZ))


def measure(step: Callable[[], object], size: Size, *, steps: int, device: str) -> Measured:
    """Time ``steps`` steps, each to its end."""
    for _ in range(WARM_UP):
        step()
    forget_peak(device)
    times = []
    for _ in range(steps):
        wait_for(device)
        started = time.perf_counter()
        step()
        wait_for(device)
        times.append(time.perf_counter() - started)
    median = statistics.median(times)
    return Measured(step_s=median, clips_per_second=size.clips / median, peak_bytes=peak_bytes(device))


def measure_ours(size: Size, *, steps: int, device: str) -> tuple[Measured, int]:
    """Measure our step; return with it how many floating-point operations it is."""
    trainer, batch = our_step(size, device)
    return measure(lambda: trainer.learn(batch), size, steps=steps, device=device), flops_of(trainer, batch)


def run(name: str, *, device: str, steps: int) -> Report:
    """Measure both steps of a size."""
    size = SIZES[name]
    torch.manual_seed(0)
    ours, flops = measure_ours(size, steps=steps, device=device)
    gc.collect()  # else the first model would count in the second's peak
    naive = measure(naive_step(size, device), size, steps=steps, device=device)
    card = torch.cuda.get_device_name(device) if device.startswith("cuda") else "CPU"
    peak = peak_of(card)
    return Report(
        size=name,
        device=card,
        steps=steps,
        clips=size.clips,
        seconds=size.seconds,
        ours=ours,
        naive=naive,
        ratio=naive.step_s / ours.step_s,
        flops=flops,
        peak_flops=peak,
        mfu=flops / ours.step_s / peak if peak else None,
        torch=torch.__version__,
    )


def described(report: Report) -> str:
    """Return a report for people."""
    lines = [
        f"{report.size} size on {report.device}: {report.clips} clips of {report.seconds:g} s a step, median of "
        f"{report.steps} steps, torch {report.torch}",
        *(
            f"{name:6}{measured.step_s * 1e3:10.1f} ms{measured.clips_per_second:10.1f} clips/s"
            f"{measured.peak_bytes / GIB:8.2f} GiB at the peak"
            for name, measured in (("ours", report.ours), ("naive", report.naive))
        ),
        f"ratio {report.ratio:.2f}; {report.flops / 1e12:.3f} TFLOP in a step of ours",
    ]
    if report.mfu is not None and report.peak_flops is not None:
        lines.append(
            f"MFU {100 * report.mfu:.1f} % of {report.peak_flops / 1e12:.0f} TFLOP/s (dense bfloat16)"
        )
    else:
        lines.append(f"MFU is not given: the peak of {report.device} is not known to this benchmark")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, measure, print."""
    has_gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description="Time a training step against the same written naively.")
    parser.add_argument("--size", choices=tuple(SIZES), help="full on a GPU, small on a CPU, if not given")
    parser.add_argument("--device", default="cuda" if has_gpu else "cpu")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there, too")
    given = parser.parse_args(arguments)
    on_cpu = not given.device.startswith("cuda")
    if on_cpu and given.size is None:
        print("On a CPU the small size is measured, which says nothing of the full one on a GPU.")
    report = run(given.size or ("small" if on_cpu else "full"), device=given.device, steps=given.steps)
    print(described(report))
    if given.json:
        given.json.write_text(json.dumps(asdict(report), indent=2) + "\n")


if __name__ == "__main__":
    main()
