"""Contrast between clips and captions: the paper's loss, and what is known to improve on it at the same cost.

The paper's is symmetric InfoNCE within the batch. Each switch of ``Contrast`` is one practice for a frozen anchor,
whose text vectors never go stale:

- ``bank_negatives``: every caption of the data is a negative of every clip, as in fusion-embedding.
- ``mask_false_negatives``: a caption that means nearly the same as a clip's own is neither right nor wrong.
- ``soft_targets``: captions are right by their likeness to the clip's own, as in SALSA (arXiv 2412.01356).
- ``sigmoid``: each pair is right or wrong by itself (Zhai et al. 2023, arXiv 2303.15343), with GLAP's bias.
- ``captions_per_clip``: several captions of a clip are right at once.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.batch import Batch
from training.loss import MAX_SCALE, SAME_MEANING_COSINE, initial_log_scale

IDENTICAL_COSINE = 0.9999
SOFT_SHARE = 0.3  # of a target that is given by likeness; ours
SOFT_TEMPERATURE = 0.05  # of likeness between captions; ours
INITIAL_BIAS = -10.0  # GLAP's and SigLIP's
NOWHERE = -1e4  # a logit that no softmax gives anything


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """Which practices are used; none is the paper's loss."""

    bank_negatives: bool = False
    mask_false_negatives: bool = False
    soft_targets: bool = False
    sigmoid: bool = False
    captions_per_clip: int = 1


class ContrastiveObjective(nn.Module):
    """The loss of embedded clips, with its learned temperature (and bias, for a sigmoid).

    ``bank``: unit vectors of captions, (M, D), of which only ``bank_negatives`` makes use.
    """

    bank: Tensor

    def __init__(self, contrast: Contrast, bank: Tensor) -> None:
        super().__init__()
        self.contrast = contrast
        self.log_scale = nn.Parameter(initial_log_scale())
        self.bias = nn.Parameter(torch.tensor(INITIAL_BIAS)) if contrast.sigmoid else None
        kept = bank if contrast.bank_negatives else bank[:0]
        self.register_buffer("bank", kept, persistent=False)

    def forward(self, audio_nd: Tensor, batch: Batch) -> Tensor:
        """Return the loss of unit vectors of clips against the captions, (N, K, D), of ``batch``."""
        captions_nkd = batch.captions
        clips, each, _ = captions_nkd.shape
        in_batch_td = captions_nkd.flatten(0, 1)
        texts_td = torch.cat([in_batch_td, self.bank])
        # how like a clip's own captions each text is: of several, the likest counts
        like_nt = (in_batch_td @ texts_td.T).unflatten(0, (clips, each)).amax(1)
        own_nt = F.pad(
            torch.eye(clips, device=audio_nd.device).repeat_interleave(each, 1), (0, len(self.bank))
        )
        left_out_nt = self._left_out(like_nt, in_batch=clips * each) & (own_nt == 0)
        cosine_nt = audio_nd @ texts_td.T
        scale = self.log_scale.exp().clamp(max=MAX_SCALE)
        if self.bias is not None:
            right_nt = self._right_by_itself(own_nt, like_nt, in_batch=clips * each)
            return sigmoid_loss(scale * cosine_nt + self.bias, right_nt, left_out_nt)
        logits_nt = (scale * cosine_nt).masked_fill(left_out_nt, NOWHERE)
        to_text = cross_entropy(logits_nt, self._right_of_all(own_nt, like_nt, left_out_nt))
        # a caption of the bank belongs to no clip of the batch, so only the batch's own look for theirs
        back = [values[:, : clips * each].T for values in (logits_nt, own_nt, like_nt, left_out_nt)]
        to_audio = cross_entropy(back[0], self._right_of_all(*back[1:]))
        return 0.5 * (to_text + to_audio)

    def _left_out(self, like_nt: Tensor, *, in_batch: int) -> Tensor:
        """Return which texts are neither right nor wrong: in the bank, at the least the clip's own captions."""
        if self.contrast.mask_false_negatives:
            return like_nt > SAME_MEANING_COSINE
        left_out = like_nt > IDENTICAL_COSINE
        left_out[:, :in_batch] = False  # the paper contrasts everything in a batch
        return left_out

    def _right_of_all(self, own: Tensor, like: Tensor, left_out: Tensor) -> Tensor:
        """Return the share of each column in what is right for a row."""
        right = own / own.sum(1, keepdim=True)
        if not self.contrast.soft_targets:
            return right
        likely = (like / SOFT_TEMPERATURE).masked_fill(left_out, NOWHERE).softmax(1)
        return (1 - SOFT_SHARE) * right + SOFT_SHARE * likely

    def _right_by_itself(self, own: Tensor, like: Tensor, *, in_batch: int) -> Tensor:
        """Return how right each pair is, from 0 to 1; texts beside the own have ``SOFT_SHARE`` of it between them.

        None of the bank has any: so many texts, a little right each, would outweigh the own.
        """
        if not self.contrast.soft_targets:
            return own
        beside = (
            (like[:, :in_batch] / SOFT_TEMPERATURE).masked_fill(own[:, :in_batch] > 0, NOWHERE).softmax(1)
        )
        return own + SOFT_SHARE * F.pad(beside, (0, own.shape[1] - in_batch)) * (own == 0)


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean over rows of the cross-entropy with targets that are shares."""
    return -(targets * F.log_softmax(logits, dim=1)).sum(1).mean()


def sigmoid_loss(logits_nt: Tensor, right_nt: Tensor, left_out_nt: Tensor) -> Tensor:
    """Return the sum over texts, and the mean over clips, of each pair's own cross-entropy."""
    loss = F.binary_cross_entropy_with_logits(logits_nt, right_nt, reduction="none")
    return loss.masked_fill(left_out_nt, 0.0).sum(1).mean()
