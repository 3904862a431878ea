"""Symmetric InfoNCE between audio and a bank of frozen text vectors, with several right answers a clip.

Because the anchor is frozen, its text vectors never go stale: every caption of the data set can be a negative of
every batch (fusion-embedding does the same with 484 K captions). Texts that mean nearly the same as a right answer
are neither right nor wrong, and are left out.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

SAME_MEANING_COSINE = 0.75
MAX_SCALE = 100.0  # CLIP's clamp of the learned temperature


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
    main = targets_nm >= 0.25 * targets_nm.amax(1, keepdim=True)
    same_mm = (texts_md @ texts_md.T > SAME_MEANING_COSINE).float()
    return (main.float() @ same_mm > 0) & (targets_nm == 0)


def in_batch_loss(audio_nd: Tensor, captions_nd: Tensor, scale: Tensor, *, merged: bool) -> Tensor:
    """Symmetric InfoNCE of the drawn captions against each other.

    ``merged``: captions of nearly the same meaning are answers of each other's clips; else every other is wrong, as the
    paper has it.
    """
    if merged:
        same = (captions_nd @ captions_nd.T > SAME_MEANING_COSINE).float()
        targets = same / same.sum(1, keepdim=True)
    else:
        targets = torch.eye(len(captions_nd), device=captions_nd.device)
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
