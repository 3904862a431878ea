"""A tiny configuration of every transformer that can be an audio encoder, without anything dropped."""

from model.audio_mae import AudioMaeConfig
from model.beats import BeatsEncoderConfig
from model.eat import EatConfig
from model.htsat import HtsAtConfig

DIM = 24  # of the tiny OpenCLIP anchor too
TINY_BEATS = BeatsEncoderConfig(
    embed_dim=DIM,
    patch_dim=12,
    layers=2,
    width=16,
    feed_forward=24,
    heads=2,
    position_kernel=8,
    position_groups=4,
    buckets=16,
    dropout=0.0,
    attention_dropout=0.0,
    input_dropout=0.0,
    layer_drop=0.0,
)
TINY_HTSAT = HtsAtConfig(embed_dim=DIM, width=8, depths=(2, 1, 1, 1), heads=(1, 2, 2, 4), dropout=0.0)
TINY_AUDIO_MAE = AudioMaeConfig(embed_dim=DIM, layers=2, width=16, heads=2, drop_path=0.0)
TINY_EAT = EatConfig(embed_dim=DIM, layers=2, width=16, heads=2, max_columns=64, drop_path=0.0)
