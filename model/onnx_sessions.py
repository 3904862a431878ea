"""How networks of an exported model are opened in ONNX Runtime."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.errors import MissingPartError, ModelDirectoryError

try:
    import onnxruntime
except ModuleNotFoundError as _error:
    raise MissingPartError(
        "an exported model runs in ONNX Runtime, which is not installed: run `pip install onnxruntime`"
    ) from _error


class Network:
    """One network, with a single output, on as many threads as are given. Safe to call from several threads.

    Raises ModelDirectoryError if the file is missing or broken.
    """

    def __init__(self, path: Path, *, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Threads that wait for the next query must not burn a core that decoding or the index could use.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime has an exception class for each fault, with no common base
            raise ModelDirectoryError(f"{path} cannot be opened: {error}. Export the model again") from error

    def __call__(self, inputs: Mapping[str, NDArray]) -> NDArray[np.float32]:
        return self._session.run(None, dict(inputs))[0]
