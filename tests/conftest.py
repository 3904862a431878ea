"""What tests of several packages share: the default model, loaded once, and what ``sonoglot export`` makes of it."""

import os
import shutil
from functools import cache
from pathlib import Path

import pytest
from filelock import FileLock

from model import directory
from model.retrieval_model import RetrievalModel

_load = directory.load_model
_default = cache(_load)


def _load_once(model_dir: Path | None = None, *, device: str = "cpu") -> RetrievalModel:
    return _default() if model_dir is None and device == "cpu" else _load(model_dir, device=device)


# Every command, application and fixture in a process of tests loads the default model, which holds no state: half of
# the time of many tests. Set here, before any module of tests or of ours takes the function by its name.
directory.load_model = _load_once


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default model for ONNX Runtime, in float32; processes of tests share it. Nobody may change it."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    out = root / "exported"
    with FileLock(root / "exported.lock"):
        if not out.exists():
            _export(root / "exporting")
            (root / "exporting").rename(out)
    return out


def _export(out: Path) -> None:
    from model.directory import DEFAULT_MODEL_DIR
    from model.onnx_export import export_onnx
    from model.torch_directory import load_torch_model, read_card

    export_onnx(load_torch_model(), out, card=read_card(DEFAULT_MODEL_DIR), int8=False)


@pytest.fixture(scope="session")
def exported_int8(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with texts in eight bits."""
    from model.onnx_directory import TEXT_NETWORK
    from model.onnx_int8 import quantise_products

    out = Path(shutil.copytree(exported, tmp_path_factory.mktemp("exported") / "int8", copy_function=os.link))
    (out / TEXT_NETWORK).unlink()  # what is linked must not be written to
    shutil.copy(exported / TEXT_NETWORK, out / TEXT_NETWORK)
    quantise_products(out / TEXT_NETWORK)
    return out
