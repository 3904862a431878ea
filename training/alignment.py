"""One alignment of one encoder, begun or resumed."""

from collections.abc import Callable
from pathlib import Path

from torch import Tensor, nn

from model.audio_encoder import AudioEncoder
from training.batch import TrainingData
from training.processes import check_cuda
from training.progress import Progress
from training.trainer import CHECKPOINT_FILE, Trainer, TrainerConfig


def align(
    encoder: AudioEncoder,
    data: TrainingData,
    objective: nn.Module,
    out: Path,
    config: TrainerConfig,
    *,
    run: str,
    evaluate: Callable[[AudioEncoder], dict[str, float]],
    progress: Progress,
) -> dict[str, Tensor]:
    """Align an encoder and return its averaged weights; its checkpoint is in ``out``, and resumed from there."""
    if config.device.startswith("cuda"):
        check_cuda()
    trainer = Trainer(encoder, data, objective, config, run_id=run)
    if (out / CHECKPOINT_FILE).exists():
        trainer.resume(out / CHECKPOINT_FILE)
        progress.on_stage(f"resuming in epoch {trainer.epoch + 1} after {trainer.step} batches")
    progress.on_stage(f"training {out.name} on {data.clips} clips for {config.epochs} epochs")
    out.mkdir(parents=True, exist_ok=True)
    trainer.run(out, evaluate=evaluate, on_epoch=progress.on_epoch, on_batch=progress.on_batch)
    return trainer.averaged.state_dict()
