"""The training step as one would write it first: nothing is computed beforehand, nothing fused, nothing batched.

It differs from the trainer's in three things alone, and computes the same (tests/benchmarks): the text tower runs in
every step, attention is spelled out as in BEATs' published code, and so is the filter bank, clip by clip.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchaudio.compliance import kaldi
from transformers import XLMRobertaConfig, XLMRobertaModel

from model.beats import MEL_BINS, SAMPLE_RATE_HZ, BeatsEncoder, GatedAttention, Layer
from model.kaldi import FRAME_MS, FULL_SCALE, SHIFT_MS
from training.trainer import mixed_precision

CONTEXT = 77  # tokens that OpenCLIP fills every text up to
CAPTION_TOKENS = 16  # of an AudioCaps caption, about
PADDING = 1  # XLM-RoBERTa's token for nothing


class SpelledOutAttention(GatedAttention):
    """The same attention with the bias repeated for every clip, and scores and weights materialised."""

    def forward(self, tokens: Tensor, bias: Tensor, padding: Tensor | None) -> Tensor:
        assert padding is None
        query, key, value = (
            linear(tokens).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for linear in (self.q_proj, self.k_proj, self.v_proj)
        )
        bias = bias.repeat(len(tokens), 1, 1, 1)
        update, reset = self.grep_linear(query).unflatten(-1, (2, 4)).sum(-1).sigmoid().chunk(2, dim=-1)
        gated = (update * (reset * self.grep_a - 1) + 2) * bias
        scores = query @ key.transpose(2, 3) / math.sqrt(query.shape[-1]) + gated
        weights = F.dropout(scores.softmax(-1), self.dropout, self.training)
        return self.out_proj((weights @ value).transpose(1, 2).flatten(2))


class ClipByClip(nn.Module):
    """torchaudio's filter bank, which takes one waveform, on the CPU; returned to where the waveforms are."""

    frame_size, shift_size = (SAMPLE_RATE_HZ * ms // 1000 for ms in (FRAME_MS, SHIFT_MS))

    def forward(self, waveforms: Tensor) -> Tensor:
        levels = [
            kaldi.fbank(
                waveform[None] * FULL_SCALE, num_mel_bins=MEL_BINS, sample_frequency=float(SAMPLE_RATE_HZ)
            )
            for waveform in waveforms.cpu()
        ]
        return torch.stack(levels).to(waveforms.device)


def made_naive(encoder: BeatsEncoder) -> BeatsEncoder:
    """Replace an encoder's attention and filter bank, keeping its weights; return it."""
    encoder.beats.filter_bank = ClipByClip()  # pyright: ignore[reportAttributeAccessIssue]
    for layer in encoder.beats.encoder.layers:
        assert isinstance(layer, Layer)
        spelled_out = SpelledOutAttention(encoder.config).train(encoder.training)
        spelled_out.load_state_dict(layer.self_attn.state_dict())
        layer.self_attn = spelled_out
    return encoder


class TextTower(nn.Module):
    """XLM-RoBERTa's architecture as in OpenCLIP, with random weights: the mean of tokens, mapped to the space."""

    def __init__(self, config: XLMRobertaConfig, embed_dim: int) -> None:
        super().__init__()
        self.network = XLMRobertaModel(config, add_pooling_layer=False)
        hidden = (config.hidden_size + embed_dim) // 2  # OpenCLIP's
        self.projection = nn.Sequential(
            nn.Linear(config.hidden_size, hidden, bias=False),
            nn.GELU(),
            nn.Linear(hidden, embed_dim, bias=False),
        )
        self.eval().requires_grad_(False)

    @torch.no_grad()
    def forward(self, tokens: Tensor) -> Tensor:
        """Return unit vectors, (N, D), of token ids, (N, ``CONTEXT``)."""
        said = (tokens != PADDING).long()
        with mixed_precision(tokens.device.type):
            states = self.network(input_ids=tokens, attention_mask=said).last_hidden_state
            mean = (states * said[..., None]).sum(1) / said.sum(1, keepdim=True)
            return F.normalize(self.projection(mean).float(), dim=-1)


def token_ids(texts: int, vocabulary: int) -> Tensor:
    """Return ids of made-up captions, filled up, (texts, ``CONTEXT``)."""
    ids = torch.full((texts, CONTEXT), PADDING)
    ids[:, :CAPTION_TOKENS] = torch.randint(4, vocabulary, (texts, CAPTION_TOKENS))
    return ids
