"""Gets an OpenCLIP model and its tokenizer, from the hub or from a local directory, or says plainly why not.

OpenCLIP reports a missing file, an unreachable hub and weights that do not fit by many kinds of exception, or
by a warning and random weights; here each becomes an error that says what to do.
"""

import difflib
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

import open_clip
from open_clip.pretrained import download_pretrained, download_pretrained_from_hf
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL.Image import Image
from torch import Tensor, nn

from model.errors import MissingPartError, ModelDirectoryError
from model.presets import HUB, LOCAL

CONFIG = "open_clip_config.json"
SHA256 = re.compile("[0-9a-f]{64}")
WEIGHTS = ("*.safetensors", "*.bin", "*.pth")
TOKENIZERS = ("tokenizer.json", "sentencepiece.bpe.model", "spiece.model", "tokenizer.model", "vocab.*")


@dataclass(frozen=True, kw_only=True)
class OpenClipParts:
    """A loaded model: both towers in one module, its tokenizer (texts to (N, context) ids), its dimension."""

    towers: open_clip.CLIP | open_clip.CustomTextCLIP
    tokenizer: Callable[[list[str]], Tensor]
    dim: int

    @property
    def image_settings(self) -> PreprocessCfg:
        """How pictures are prepared: size, mean, deviation, interpolation."""
        return PreprocessCfg(**cast(dict, cast(nn.Module, self.towers.visual).preprocess_cfg))

    @cached_property
    def prepare_image(self) -> Callable[[Image], Tensor]:
        """What makes a picture the image tower's input, (3, height, width)."""
        return cast(Callable[[Image], Tensor], image_transform_v2(self.image_settings, is_train=False))


def load_parts(model_name: str, tag: str | None) -> OpenClipParts:
    """Load by name and tag, or by `local-dir:PATH` or `hf-hub:OWNER/REPOSITORY` with no tag.

    Raises:
        ModelDirectoryError: a local directory is missing, incomplete, or its weights do not fit its config.
        MissingPartError: an unknown name or tag, or a part that only the hub has and the hub is out of reach.
    """
    if model_name.startswith(LOCAL):
        return _from_directory(Path(model_name.removeprefix(LOCAL)).expanduser())
    if not model_name.startswith(HUB):
        _check_known(model_name, tag)
    return _from_hub(model_name, tag)


def _from_directory(directory: Path) -> OpenClipParts:
    _check_complete(directory)
    name = f"{LOCAL}{directory}"
    try:
        config = json.loads((directory / CONFIG).read_text())["model_cfg"]
        text_config = dict(config["text_cfg"])
        dim = int(config["embed_dim"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelDirectoryError(
            f"{directory / CONFIG} is not an OpenCLIP configuration ({error!r}): copy it again from where the"
            " model was published."
        ) from error
    _check_tokenizer(directory, text_config)
    if "hf_model_name" in text_config:
        # OpenCLIP would ask the hub for the architecture of the text tower; it is read from here instead.
        _check_text_tower(directory, text_config)
        text_config |= {"hf_model_name": str(directory), "hf_model_pretrained": False}
    try:
        towers = open_clip.create_model(name, require_pretrained=True, text_cfg=text_config)
        return _parts(towers, tokenizer=open_clip.get_tokenizer(name), dim=dim)
    except Exception as error:  # OpenCLIP, transformers, safetensors and torch each raise their own kinds
        raise ModelDirectoryError(
            f"The OpenCLIP model in {directory} cannot be loaded; its files are broken or do not belong"
            f" together: {error}"
        ) from error


def _check_complete(directory: Path) -> None:
    if not directory.is_dir():
        raise ModelDirectoryError(f"{directory} is not a directory: give the folder of an OpenCLIP model.")
    if not (directory / CONFIG).is_file():
        raise ModelDirectoryError(
            f"{directory} has no {CONFIG}: it is not an OpenCLIP model as published. Copy all files of its"
            " repository."
        )
    if not any(next(directory.glob(pattern), None) for pattern in WEIGHTS):
        raise ModelDirectoryError(
            f"{directory} has no weights: put open_clip_model.safetensors or open_clip_pytorch_model.bin"
            " there."
        )


def _check_tokenizer(directory: Path, text_config: dict) -> None:
    named = text_config.get("hf_tokenizer_name")
    if named and not any(next(directory.glob(pattern), None) for pattern in TOKENIZERS):
        raise ModelDirectoryError(f"{directory} has no tokenizer: copy tokenizer.json of {named} there.")


def _check_text_tower(directory: Path, text_config: dict) -> None:
    if not (directory / "config.json").is_file():
        raise ModelDirectoryError(
            f"{directory} has no config.json, which describes the text tower: copy that file (only that one)"
            f" of {text_config['hf_model_name']} there."
        )


def _check_known(model_name: str, tag: str | None) -> None:
    names = open_clip.list_models()
    if model_name not in names:
        raise MissingPartError(
            f"OpenCLIP knows no model {model_name!r}.{_close(model_name, names)} For a model of your own give"
            f" {LOCAL}PATH."
        )
    tags = open_clip.list_pretrained_tags_by_model(model_name)
    if tag not in tags:
        raise MissingPartError(
            f"OpenCLIP has no weights tagged {tag!r} for {model_name}; it has: {', '.join(tags) or 'none'}."
        )


def _close(name: str, names: list[str]) -> str:
    close = difflib.get_close_matches(name, names, n=3)
    return f" Did you mean {' or '.join(close)}?" if close else ""


def _from_hub(model_name: str, tag: str | None) -> OpenClipParts:
    try:
        weights = _downloaded(model_name, tag)
    except Exception as error:  # whatever the network, the hub's library or the file system raise
        raise _out_of_reach(model_name, tag, error) from error
    _check_checksum(weights)
    try:
        towers = open_clip.create_model(model_name, tag, require_pretrained=True)
        config = open_clip.get_model_config(model_name) or {}
        return _parts(towers, tokenizer=open_clip.get_tokenizer(model_name), dim=config["embed_dim"])
    except Exception as error:
        raise _out_of_reach(model_name, tag, error) from error


def _downloaded(model_name: str, tag: str | None) -> Path:
    """Return the file of a model's weights in the hub's cache; the hub's library shows how far a download is."""
    if model_name.startswith(HUB):
        return Path(download_pretrained_from_hf(model_name.removeprefix(HUB)))
    return Path(download_pretrained(open_clip.get_pretrained_cfg(model_name, tag or "")))


def _check_checksum(weights: Path) -> None:
    """Compare a file in the hub's cache with its SHA-256, by which the hub names large files there."""
    stored = weights.resolve()
    if not SHA256.fullmatch(stored.name):
        return
    with stored.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != stored.name:
        raise MissingPartError(
            f"{stored} was damaged while it was downloaded or stored: its SHA-256 is {found[:12]}. Delete it, and it "
            "is fetched again"
        )


def _out_of_reach(model_name: str, tag: str | None, error: Exception) -> MissingPartError:
    name = f"{model_name} / {tag}" if tag else model_name
    return MissingPartError(
        f"The OpenCLIP model {name} could not be fetched from the hub: {error}\n"
        "Without a network: fetch all files of its repository elsewhere into one folder, add the text"
        f" tower's config.json if it is a Hugging Face network, and name the model {LOCAL}FOLDER."
    )


def _parts(towers: nn.Module, *, tokenizer: Callable[[list[str]], Tensor], dim: int) -> OpenClipParts:
    return OpenClipParts(
        towers=cast(open_clip.CustomTextCLIP, towers.float().eval().requires_grad_(False)),
        tokenizer=tokenizer,
        dim=dim,
    )
