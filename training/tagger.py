"""An AudioSet tagger: what it hears in sounds that nobody has described are their tags (``training.tagging``).

YAMNet (Apache-2.0, https://github.com/tensorflow/models/tree/master/research/audioset/yamnet) as a TFLite file,
which the user supplies: it is no part of what is shipped. It is run by ``ai-edge-litert``, which only tagging needs.
"""

import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.errors import TaggerError

SAMPLE_RATE_HZ = 16_000
FRAME_SAMPLES = 15_600  # 0.975 s: the network's one input size
CLASSES = 521  # of AudioSet
LABEL_FILE = "yamnet_label_list.txt"
LOGITS_SUFFIX = "BiasAdd"  # the last layer before the sigmoid; the output itself is rounded to 1/256


class Tagger:
    """Waveforms to the tagger's scores. Not for use by several threads at once: the interpreter holds its tensors."""

    def __init__(self, path: Path) -> None:
        self._interpreter = _interpreter(path)
        self._input = self._interpreter.get_input_details()[0]["index"]
        logits = [
            detail
            for detail in self._interpreter.get_tensor_details()
            if detail["name"].endswith(LOGITS_SUFFIX) and list(detail["shape"]) == [1, CLASSES]
        ]
        if len(logits) != 1:
            raise TaggerError(
                f"{path} is not the YAMNet that is expected: it has no layer of {CLASSES} logits"
            )
        self._logits = logits[0]["index"]
        self._scale, self._zero = logits[0]["quantization"]
        self.classes = _class_names(path)

    def scores(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the mean over a waveform's frames of each class's score in [0, 1], (521,)."""
        return (1 / (1 + np.exp(-self._frames(waveform)))).mean(0)

    def _frames(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        missing = FRAME_SAMPLES - len(waveform)
        padded = np.pad(waveform, (0, max(missing, 0)))
        starts = range(0, len(padded) - FRAME_SAMPLES + 1, FRAME_SAMPLES)
        return np.stack([self._frame(padded[start : start + FRAME_SAMPLES]) for start in starts])

    def _frame(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        self._interpreter.set_tensor(self._input, samples)
        self._interpreter.invoke()
        raw = self._interpreter.get_tensor(self._logits)[0].astype(np.float32)
        return (raw - np.float32(self._zero)) * np.float32(self._scale)


def _class_names(path: Path) -> list[str]:
    """Read the names that TFLite metadata packs behind the model, as a zip."""
    try:
        with zipfile.ZipFile(path) as packed:
            names = packed.read(LABEL_FILE).decode().split("\n")
    except (zipfile.BadZipFile, KeyError) as error:
        raise TaggerError(f"{path} has no {LABEL_FILE} packed into it: {error}") from error
    classes = [name.strip() for name in names if name.strip()]
    if len(classes) != CLASSES:
        raise TaggerError(f"{path} names {len(classes)} classes, not {CLASSES}")
    return classes


def _interpreter(path: Path) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise TaggerError("a tagger needs ai-edge-litert: run `pip install ai-edge-litert`") from error
    try:
        # intermediate tensors are kept so that the logits can be read; that costs memory, which is warned of
        with warnings.catch_warnings(action="ignore", category=UserWarning):
            interpreter = Interpreter(str(path), num_threads=1, experimental_preserve_all_tensors=True)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError, OSError) as error:
        raise TaggerError(f"{path} cannot be read as a TFLite model: {error}") from error
    return interpreter
