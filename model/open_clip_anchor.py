"""Any OpenCLIP model as an anchor: by name and tag, from the hub, or from a local directory.

    OpenClipAnchor.load()                                                 # XLM-RoBERTa-base and ViT-B/32
    OpenClipAnchor.load("xlm-roberta-large-ViT-H-14", tag="frozen_laion5b_s13b_b90k")
    OpenClipAnchor.load("local-dir:/models/xlm-roberta-base-ViT-B-32")    # never touches the network

A local directory is OpenCLIP's own format, the one its models are published in: `open_clip_config.json`,
the weights (`open_clip_model.safetensors` or `open_clip_pytorch_model.bin`), the tokenizer's files, and,
where the text tower is a Hugging Face network, that network's `config.json`.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from open_clip.tokenizer import HFTokenizer, SimpleTokenizer
from PIL.Image import Image
from torch import Tensor

from model.anchor import Anchor
from model.open_clip_loading import OpenClipParts, load_parts
from model.presets import LOCAL, open_clip_preset

DEFAULT_MODEL = "xlm-roberta-base-ViT-B-32"
DEFAULT_TAG = "laion5b_s13b_b90k"
LICENCE_UNKNOWN = "not known to Sonoglot: see where the model was published"
TEXT_BATCH, IMAGE_BATCH = 64, 16
TOKENIZER_PROBE = ["A dog barks;  ÅÄÖ…", "एक कुत्ता भौंकता है", "犬が吠えている", "كلب ينبح " * 60]
Item = TypeVar("Item")


class OpenClipAnchor(Anchor):
    """The text and image towers of an OpenCLIP model, frozen, in float32. Several threads may use one."""

    def __init__(self, parts: OpenClipParts, *, name: str, licence: str, device: str) -> None:
        self.name = name
        self.dim = parts.dim
        self.licence = licence
        self._towers = parts.towers.to(device)
        self._tokenizer = parts.tokenizer
        self._device = device
        # Hugging Face's tokenizers set padding and truncation on themselves while encoding, which two threads
        # must not do at once.
        self._tokenizer_lock = threading.Lock()
        self._prepare_image = parts.prepare_image
        self.fingerprint = _fingerprint(parts)

    @classmethod
    def load(
        cls,
        model_name: str = DEFAULT_MODEL,
        *,
        tag: str | None = None,
        device: str = "cpu",
    ) -> Self:
        """Load a model by OpenCLIP's name and tag, by `local-dir:PATH`, or by `hf-hub:OWNER/REPOSITORY`.

        ``tag`` names the weights of a plain name, and is known for the default model.

        Raises:
            ModelDirectoryError: a local directory is missing, incomplete, or its parts do not fit together.
            MissingPartError: an unknown name or tag, or the hub cannot be reached.
        """
        if model_name == DEFAULT_MODEL and tag is None:
            tag = DEFAULT_TAG
        parts = load_parts(model_name, tag)
        known = open_clip_preset(model_name, tag)
        return cls(
            parts,
            name=f"{model_name}/{tag}" if tag else model_name.removeprefix(LOCAL),
            licence=known.licence if known else LICENCE_UNKNOWN,
            device=device,
        )

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors, shape (len(texts), D). What exceeds the model's context is not read."""
        return self._in_batches(list(texts), TEXT_BATCH, self._encode_texts)

    def embed_images(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Return unit vectors, shape (len(images), D)."""
        return self._in_batches(list(images), IMAGE_BATCH, self._encode_images)

    def _encode_texts(self, texts: list[str]) -> Tensor:
        with self._tokenizer_lock:
            ids = self._tokenizer(texts)
        return self._towers.encode_text(ids.to(self._device), normalize=True)

    def _encode_images(self, images: list[Image]) -> Tensor:
        pixels = torch.stack([self._prepare_image(image) for image in images])
        return self._towers.encode_image(pixels.to(self._device), normalize=True)

    def _in_batches(
        self, items: list[Item], size: int, encode: Callable[[list[Item]], Tensor]
    ) -> NDArray[np.float32]:
        vectors = np.empty((len(items), self.dim), np.float32)
        with torch.inference_mode():
            for start in range(0, len(items), size):
                vectors[start : start + size] = encode(items[start : start + size]).cpu().numpy()
        return vectors


def _fingerprint(parts: OpenClipParts) -> str:
    """Hash everything that decides a vector: weights, tokenizer, image preparation."""
    digest = hashlib.sha256()
    for name, tensor in sorted(parts.towers.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().data)
    digest.update(_vocabulary(parts.tokenizer).encode())
    # cleaning, context length and padding show in what it makes of a few texts
    digest.update(json.dumps(parts.tokenizer(TOKENIZER_PROBE).tolist()).encode())
    digest.update(json.dumps(asdict(parts.image_settings), sort_keys=True).encode())
    return digest.hexdigest()


def _vocabulary(tokenizer: Callable[[list[str]], Tensor]) -> str:
    """Everything a tokenizer knows, as text; what a call changes on it (truncation, padding) left out."""
    if isinstance(tokenizer, SimpleTokenizer):
        return json.dumps(tokenizer.encoder)
    if isinstance(tokenizer, HFTokenizer) and tokenizer.tokenizer.is_fast:
        state = json.loads(tokenizer.tokenizer.backend_tokenizer.to_str())
        return json.dumps(state | {"truncation": None, "padding": None}, sort_keys=True)
    return ""  # kinds that cannot be read out are known by what they make of the probe
