"""The loss of multilingual distillation: a text of any language belongs where its English translation is.

The target is the teacher's vector of the English text (Reimers and Gurevych 2020, arXiv 2004.09813); contrast within
the batch (InfoNCE) keeps different meanings apart.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

TEMPERATURE = 0.05
SAME_MEANING_COSINE = 0.8  # targets closer than this are not negatives of each other


def distillation_loss(student_nd: Tensor, target_nd: Tensor, *, cosine_weight: float) -> Tensor:
    """InfoNCE against the batch's targets, equal meanings left out, plus the weighted cosine distance to the own."""
    logits = student_nd @ target_nd.T / TEMPERATURE
    same = target_nd @ target_nd.T > SAME_MEANING_COSINE
    off_diagonal = same & ~torch.eye(len(same), dtype=torch.bool)
    contrast = F.cross_entropy(logits.masked_fill(off_diagonal, float("-inf")), torch.arange(len(logits)))
    return contrast + cosine_weight * (1 - (student_nd * target_nd).sum(-1)).mean()
