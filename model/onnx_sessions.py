"""How networks of an exported model are opened in ONNX Runtime."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from model.cores import CORES
from model.errors import MissingPartError, ModelDirectoryError

try:
    import onnxruntime
except ModuleNotFoundError as _error:
    raise MissingPartError(
        "an exported model runs in ONNX Runtime, which is not installed: run `pip install onnxruntime`"
    ) from _error


T = TypeVar("T")


class Network:
    """One network, with a single output, run by the thread that calls it. Safe to call from several threads.

    One text, picture or window gains little from a second thread (docs/benchmarks.md), and on a machine that is busy
    with anything else it loses much: the threads wait for each other after each of hundreds of operators.

    Raises ModelDirectoryError if the file is missing or broken.
    """

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime has an exception class for each fault, with no common base
            raise ModelDirectoryError(f"{path} cannot be opened: {error}. Export the model again") from error

    def __call__(self, inputs: Mapping[str, NDArray]) -> NDArray[np.float32]:
        return cast(NDArray[np.float32], self._session.run(None, dict(inputs))[0])


def side_by_side(work: Callable[[T], NDArray[np.float32]], items: Sequence[T]) -> list[NDArray[np.float32]]:
    """Do ``work`` on each item, on as many threads as there are cores."""
    if len(items) < 2 or CORES == 1:
        return [work(item) for item in items]
    return list(_threads().map(work, items))


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(CORES, "networks")
