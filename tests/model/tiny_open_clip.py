"""A tiny, randomly initialised OpenCLIP model of the real classes, saved the way OpenCLIP publishes.

XLM-RoBERTa text tower with a real unigram tokenizer, ViT image tower: it is loaded by the path that an air-gapped user
takes, and retrieves nothing. As a program it writes a larger one, to measure what training towers costs:

    python -m tests.model.tiny_open_clip FOLDER
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import open_clip
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast, XLMRobertaConfig

DIM, IMAGE_SIZE = 24, 32
TEXTS = [
    "a dog barks",
    "ein Hund bellt",
    "犬が吠えている",
    "كلب ينبح",
    "कुत्ता भौंकता है",
    "mbwa anabweka",
    "rain on a tin roof while somebody far away rings a bell",
    "雨",
]


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Sizes of both towers; ``vocabulary`` is at the least the tokenizer's."""

    layers: int = 2
    width: int = 32
    head_width: int = 8
    feed_forward: int = 64
    vocabulary: int = 0
    patch_size: int = 8
    image_size: int = IMAGE_SIZE


TINY = Sizes()
# a quarter of the paper's width and a third of its layers, with the same proportions between towers and vocabulary
SMALL = Sizes(
    layers=4,
    width=192,
    head_width=64,
    feed_forward=768,
    vocabulary=20_000,
    patch_size=32,
    image_size=224,
)


def write_open_clip(directory: Path, sizes: Sizes = TINY) -> None:
    """Write a directory as OpenCLIP publishes models, with the text tower's config.json beside."""
    vocab_size = max(save_tokenizer(directory), sizes.vocabulary)
    XLMRobertaConfig(
        vocab_size=vocab_size,
        hidden_size=sizes.width,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.width // sizes.head_width,
        intermediate_size=sizes.feed_forward,
        max_position_embeddings=90,
        type_vocab_size=1,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
    ).save_pretrained(directory)
    config = {
        "model_cfg": {
            "embed_dim": DIM,
            "vision_cfg": {
                "image_size": sizes.image_size,
                "layers": sizes.layers,
                "width": sizes.width,
                "head_width": sizes.head_width,
                "patch_size": sizes.patch_size,
            },
            "text_cfg": {
                "hf_model_name": "xlm-roberta-base",
                "hf_tokenizer_name": "xlm-roberta-base",
                "hf_pooler_type": "mean_pooler",
                "hf_proj_type": "mlp",
            },
        },
        "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bicubic"},
    }
    here = {"hf_model_name": str(directory), "hf_model_pretrained": False}
    text_config = config["model_cfg"]["text_cfg"] | here
    torch.manual_seed(0)
    model = open_clip.CustomTextCLIP(**(config["model_cfg"] | {"text_cfg": text_config}))
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(weights, directory / "open_clip_model.safetensors")
    (directory / "open_clip_config.json").write_text(json.dumps(config))


def save_tokenizer(directory: Path) -> int:
    """Train a unigram tokenizer of XLM-RoBERTa's kind on the test's texts; return its vocabulary's size."""
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=160, special_tokens=special, unk_token="<unk>")
    tokenizer.train_from_iterator(TEXTS * 5, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        cls_token="<s>",
        pad_token="<pad>",
        eos_token="</s>",
        sep_token="</s>",
        unk_token="<unk>",
    ).save_pretrained(directory)
    return tokenizer.get_vocab_size()


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    write_open_clip(folder, SMALL)
