"""Products in eight bits: that they are near those of the numbers they stand for, and one row does not see another."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from model.onnx_int8 import LEVELS, by_column, quantise_products
from model.onnx_sessions import Network

INNER, OUTER = 70, 5


@pytest.fixture
def weight() -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal((INNER, OUTER)).astype(np.float32)


@pytest.fixture
def product(weight: NDArray[np.float32], tmp_path: Path) -> Path:
    """A network that multiplies rows with ``weight``."""
    rows, out = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", size])
        for name, size in (("x", INNER), ("y", OUTER))
    )
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "product",
        [rows],
        [out],
        [numpy_helper.from_array(weight, "w")],
    )
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "product.onnx")
    return tmp_path / "product.onnx"


def test_a_level_is_at_most_half_a_step_off(weight: NDArray[np.float32]) -> None:
    levels, scales = by_column(weight)
    assert scales.shape == (OUTER,)
    assert np.abs(levels.astype(int)).max() == LEVELS
    assert (np.abs(levels * scales - weight) <= scales / 2 + 1e-6).all()


def test_a_column_of_nothing_stays_nothing() -> None:
    levels, scales = by_column(np.zeros((4, 1), np.float32))
    assert not levels.any()
    assert np.isfinite(scales).all()


def test_products_are_near_and_rows_stay_apart(weight: NDArray[np.float32], product: Path) -> None:
    rows = np.random.default_rng(1).standard_normal((9, INNER)).astype(np.float32)
    rows[4:8] *= 100
    rows[8] = 0
    quantise_products(product)
    operators = {node.op_type for node in onnx.load(product).graph.node}
    assert "MatMulIntegerToFloat" in operators
    assert "MatMul" not in operators
    network = Network(product)
    result, expected = network({"x": rows}), rows @ weight
    assert np.abs(result - expected)[:4].max() < 0.02 * np.abs(expected[:4]).max()
    assert not result[8].any()
    np.testing.assert_array_equal(network({"x": rows[:4]}), result[:4])
