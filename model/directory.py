"""Opens model directories, whatever runs them: one with ``onnx.json`` in ONNX Runtime, any other in torch.

Nothing here imports torch before a model that needs it is asked for, so that searching and serving with an exported
model (``sonoglot export``) work where torch is not installed.
"""

from pathlib import Path
from types import ModuleType

from model.errors import DeviceError, MissingPartError
from model.onnx_directory import is_onnx_directory, read_onnx_facts
from model.retrieval_model import RetrievalModel
from model.space import EmbeddingSpace

DEFAULT_MODEL_DIR = Path(__file__).parent / "compact"


def load_model(directory: Path | None = None, *, device: str = "cpu") -> RetrievalModel:
    """Build the model that a directory holds; the committed default if none is given. Exported ones run on the CPU.

    Raises:
        ModelDirectoryError: the directory is missing or incomplete.
        WeightsError: its weights do not fit.
        MissingPartError: what it runs in is not installed.
        DeviceError: it cannot run on that device, or there is none.
    """
    directory = directory or DEFAULT_MODEL_DIR
    if is_onnx_directory(directory):
        if device != "cpu":
            raise DeviceError(
                f"the model in {directory} was exported, and such a model runs on the CPU: leave out "
                f"--device {device}, or give the model that it was exported from"
            )
        from model.onnx_model import load_onnx_model

        return load_onnx_model(directory)
    return _torch_directory(directory).load_torch_model(directory, device=device)


def load_space(directory: Path | None = None) -> EmbeddingSpace:
    """Return the space of a model without building it. Raises ModelDirectoryError or MissingPartError."""
    directory = directory or DEFAULT_MODEL_DIR
    if is_onnx_directory(directory):
        return read_onnx_facts(directory).space
    return _torch_directory(directory).load_torch_space(directory)


def _torch_directory(directory: Path) -> ModuleType:
    try:
        from model import torch_directory
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == __package__:
            raise
        raise MissingPartError(
            f"the model in {directory} needs the package {error.name}, which is not installed: install Sonoglot with "
            "all its dependencies, or give a model that `sonoglot export` wrote (--model, or SONOGLOT_MODEL)"
        ) from error
    return torch_directory
