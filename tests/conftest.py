"""What tests of several packages share: the default model as ``sonoglot export`` writes it, made once."""

import os
import shutil
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default model for ONNX Runtime, in float32."""
    from model.directory import DEFAULT_MODEL_DIR
    from model.onnx_export import export_onnx
    from model.torch_directory import load_torch_model, read_card

    out = tmp_path_factory.mktemp("exported") / "float32"
    export_onnx(load_torch_model(), out, card=read_card(DEFAULT_MODEL_DIR), int8=False)
    return out


@pytest.fixture(scope="session")
def exported_int8(exported: Path) -> Path:
    """The same with texts in eight bits."""
    from model.onnx_directory import TEXT_NETWORK
    from model.onnx_int8 import quantise_products

    out = Path(shutil.copytree(exported, exported.with_name("int8"), copy_function=os.link))
    (out / TEXT_NETWORK).unlink()  # what is linked must not be written to
    shutil.copy(exported / TEXT_NETWORK, out / TEXT_NETWORK)
    quantise_products(out / TEXT_NETWORK)
    return out
