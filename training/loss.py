"""Symmetric InfoNCE between audio and a bank of frozen text vectors, with several graded answers a clip.

Because the anchor is frozen, its text vectors never go stale: every caption of the data set can be a negative of
every batch (fusion-embedding does the same with 484 K captions). Texts that mean nearly the same as a right answer
are neither right nor wrong, and are left out.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.batch import Batch

SAME_MEANING_COSINE = 0.75
MAX_SCALE = 100.0  # CLIP's clamp of the learned temperature
BANK_SHARE = 0.7  # of the loss, against the whole bank; the rest is within the batch


class GradedObjective(nn.Module):
    """The loss of embedded clips whose right answers are shares of the bank's texts, with its learned temperature."""

    bank: Tensor

    def __init__(self, bank: Tensor) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(initial_log_scale())
        self.register_buffer("bank", bank, persistent=False)

    def forward(self, audio_nd: Tensor, batch: Batch) -> Tensor:
        """Return the loss of unit vectors against ``batch``, which has targets."""
        assert batch.targets is not None
        scale = self.log_scale.exp()
        in_batch = in_batch_loss(audio_nd, batch.captions[:, 0], scale)
        return (1 - BANK_SHARE) * in_batch + BANK_SHARE * bank_loss(audio_nd, self.bank, batch.targets, scale)


def bank_loss(audio_nd: Tensor, texts_md: Tensor, targets_nm: Tensor, scale: Tensor) -> Tensor:
    """Return the mean of the audio-to-text and the text-to-audio loss.

    ``audio_nd`` and ``texts_md`` are unit vectors; ``targets_nm`` has a distribution over the texts in each row;
    ``scale`` is the inverse temperature.
    """
    logits_nm = scale.clamp(max=MAX_SCALE) * audio_nd @ texts_md.T
    logits_nm = logits_nm.masked_fill(nearly_right(texts_md, targets_nm), -1e4)
    audio_to_text = -(targets_nm * F.log_softmax(logits_nm, dim=1)).sum(1).mean()
    wanted = targets_nm.sum(0) > 0  # texts that are an answer to some clip of the batch
    back = targets_nm[:, wanted] / targets_nm[:, wanted].sum(0)
    weight = targets_nm[:, wanted].sum(0)
    per_text = -(back * F.log_softmax(logits_nm[:, wanted], dim=0)).sum(0)
    return 0.5 * (audio_to_text + (per_text * weight).sum() / weight.sum())


def nearly_right(texts_md: Tensor, targets_nm: Tensor) -> Tensor:
    """Return (N, M): texts that are no target of a clip but mean nearly the same as one of its main ones."""
    main_nm = targets_nm >= 0.25 * targets_nm.amax(1, keepdim=True)
    used = main_nm.any(0)  # the others' likeness would be a matrix of the bank against itself
    same_um = (texts_md[used] @ texts_md.T > SAME_MEANING_COSINE).float()
    return (main_nm[:, used].float() @ same_um > 0) & (targets_nm == 0)


def in_batch_loss(audio_nd: Tensor, captions_nd: Tensor, scale: Tensor) -> Tensor:
    """Symmetric InfoNCE of the drawn captions; those of nearly the same meaning are answers of each other's clips."""
    same = (captions_nd @ captions_nd.T > SAME_MEANING_COSINE).float()
    targets = same / same.sum(1, keepdim=True)
    logits = scale.clamp(max=MAX_SCALE) * audio_nd @ captions_nd.T
    to_text = -(targets * F.log_softmax(logits, dim=1)).sum(1).mean()
    to_audio = -(targets * F.log_softmax(logits.T, dim=1)).sum(1).mean()
    return 0.5 * (to_text + to_audio)


def unit(vectors: Tensor) -> Tensor:
    """Scale the rows to length one, in float32."""
    return F.normalize(vectors.float(), dim=-1)


def initial_log_scale() -> Tensor:
    """Return the start of the learned log inverse temperature: CLIP's 0.07."""
    return torch.tensor(1 / 0.07).log()
