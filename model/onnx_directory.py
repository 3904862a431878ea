"""Directories of exported models: what ``onnx_export`` writes and ``onnx_model`` reads. Needs no torch.

``onnx.json`` says what the model is and is written last; networks are ``*.onnx``, what is looked up row by row lies in
``*.npy`` that are mapped into memory, and ``README.md`` is the card of the model that was exported.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

from model.errors import ModelDirectoryError
from model.files import write_atomically
from model.space import EmbeddingSpace

FORMAT = 1
FACTS_FILE, CARD_FILE = "onnx.json", "README.md"
TEXT_NETWORK, IMAGE_NETWORK, AUDIO_NETWORK = "text.onnx", "image.onnx", "audio.onnx"
E5_TOKENIZER, E5_CHARACTERS, E5_WORDS = "e5-tokenizer.json", "e5-characters.json", "e5-words.npy"
USE_TOKENIZER, USE_NORMAL_FORMS = "use-tokenizer.json", "use-normal-forms.json"
USE_PIECES, USE_SCALES = "use-pieces.npy", "use-scales.npy"
LEXICON = "lexicon.npy"
FILES = (
    *(TEXT_NETWORK, IMAGE_NETWORK, AUDIO_NETWORK),
    *(E5_TOKENIZER, E5_CHARACTERS, E5_WORDS),
    *(USE_TOKENIZER, USE_NORMAL_FORMS, USE_PIECES, USE_SCALES),
    LEXICON,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class E5Ids:
    """The ids that e5's tokenizer puts around and behind texts."""

    bos: int
    eos: int
    pad: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spectra:
    """How power spectra are taken, in samples: ``model.power_spectra``."""

    window_size: int
    hop_size: int
    fft_size: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class OnnxFacts:
    """What ``onnx.json`` says. ``space`` is that of the model that was exported."""

    space: EmbeddingSpace
    sample_rate_hz: int
    window_s: float
    hop_s: float
    e5: E5Ids
    spectra: Spectra


def is_onnx_directory(directory: Path) -> bool:
    """Tell whether a directory holds an exported model."""
    return (directory / FACTS_FILE).is_file()


def read_onnx_facts(directory: Path) -> OnnxFacts:
    """Read ``onnx.json`` strictly. Raises ModelDirectoryError."""
    path = directory / FACTS_FILE
    try:
        fields: dict[str, Any] = json.loads(path.read_text("utf-8"))
        version = fields.pop("format")
        if version != FORMAT:
            raise ModelDirectoryError(f"{path}: format {version} is not {FORMAT}; export the model again")
        parts = {"space": EmbeddingSpace, "e5": E5Ids, "spectra": Spectra}
        return OnnxFacts(**(fields | {name: kind(**fields[name]) for name, kind in parts.items()}))
    except OSError as error:
        raise ModelDirectoryError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelDirectoryError(f"{path} does not describe an exported model: {error}") from error


def check_complete(directory: Path) -> None:
    """Raise ModelDirectoryError if a file is missing."""
    missing = [name for name in FILES if not (directory / name).is_file()]
    if missing:
        raise ModelDirectoryError(
            f"{directory} is incomplete: {', '.join(missing)} is missing. Export the model again"
        )


def write_onnx_facts(directory: Path, facts: OnnxFacts) -> None:
    """Write ``onnx.json``, which makes the directory a model."""
    text = json.dumps({"format": FORMAT, **dataclasses.asdict(facts)}, indent=2)
    write_atomically(directory / FACTS_FILE, (text + "\n").encode())
