"""Products of an ONNX network in eight bits: weights by column, activations by row.

A row of activations (one token of one text) gets a scale of its own, when it is multiplied. ONNX Runtime's own tool
gives one scale to all activations of a run, which is less exact, and by which a text's vector would depend on the texts
beside it (docs/decisions/0010).
"""

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper
from onnx.helper import make_node

LEVELS, ZERO = 127, 128
SMALLEST = 1e-30  # a row of nothing has a scale, too
DOMAIN = "com.microsoft"


def quantise_products(path: Path) -> None:
    """Rewrite a network so that every product with a constant matrix is one of eight-bit numbers."""
    network = onnx.load(path)
    graph = network.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[NodeProto] = []
    rows_of: set[str] = set()
    for node in graph.node:
        if node.op_type != "MatMul" or node.input[1] not in constants:
            nodes.append(node)
            continue
        factor, weight = node.input
        if factor not in rows_of:
            rows_of.add(factor)
            nodes += _rows_in_eight_bits(factor)
        levels, scales = by_column(numpy_helper.to_array(constants[weight]))
        graph.initializer.append(numpy_helper.from_array(levels, f"{weight}:levels"))
        graph.initializer.append(numpy_helper.from_array(scales, f"{weight}:scales"))
        product, out = f"{node.output[0]}:product", node.output[0]
        inputs = [f"{factor}:levels", f"{weight}:levels", "one", f"{weight}:scales", "zero"]
        nodes.append(make_node("MatMulIntegerToFloat", inputs, [product], domain=DOMAIN))
        nodes.append(make_node("Mul", [product, f"{factor}:scale"], [out]))
    values = {"one": np.float32(1), "zero": np.uint8(ZERO), "zero_float": np.float32(ZERO)}
    values |= {"step": np.float32(1 / LEVELS), "smallest": np.float32(SMALLEST)}
    graph.initializer.extend(numpy_helper.from_array(np.array(value), name) for name, value in values.items())
    del graph.node[:]
    graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    network.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    onnx.save(network, path)


def by_column(weight: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return a matrix, (K, N), as levels from -LEVELS to LEVELS and a scale for each column, (N,)."""
    scales = np.maximum(np.abs(weight).max(0) / LEVELS, SMALLEST).astype(np.float32)
    return np.rint(weight / scales).astype(np.int8), scales


def _rows_in_eight_bits(name: str) -> list[NodeProto]:
    """Return what turns the rows of ``name`` into ``name:levels`` and ``name:scale``."""
    return [
        make_node("Abs", [name], [f"{name}:abs"]),
        make_node("ReduceMax", [f"{name}:abs"], [f"{name}:largest"], axes=[-1], keepdims=1),
        make_node("Mul", [f"{name}:largest", "step"], [f"{name}:step"]),
        make_node("Max", [f"{name}:step", "smallest"], [f"{name}:scale"]),
        make_node("Div", [name, f"{name}:scale"], [f"{name}:real"]),
        make_node("Round", [f"{name}:real"], [f"{name}:whole"]),
        make_node("Add", [f"{name}:whole", "zero_float"], [f"{name}:raised"]),
        make_node("Cast", [f"{name}:raised"], [f"{name}:levels"], to=TensorProto.UINT8),
    ]
