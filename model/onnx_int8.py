"""Weights of an ONNX network in eight bits, multiplied in eight bits.

ONNX Runtime's ``MatMulNBits`` rounds activations, too, each block of 32 of a row by its own scale. So a row depends on
no other row, and a text's vector not on the texts beside it, as it would with ``DynamicQuantizeLinear``, which has one
scale for a whole batch. ONNX Runtime's own tool does the same, but asks for two more packages and for the program's log.
"""

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, helper, numpy_helper

BLOCK, LEVELS, ZERO = 32, 127, 128
INT8_ACTIVATIONS = 4  # ``accuracy_level`` of the operator
DOMAIN = "com.microsoft"


def quantise_products(path: Path) -> None:
    """Rewrite a network so that every product with a constant matrix is one of eight-bit numbers."""
    network = onnx.load(path)
    graph = network.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    products = [node for node in graph.node if node.op_type == "MatMul" and node.input[1] in constants]
    for node in products:
        weight = numpy_helper.to_array(constants[node.input[1]])
        levels, scales = in_blocks(weight)
        name = node.name or node.output[0]
        graph.initializer.append(numpy_helper.from_array(levels, f"{name}:levels"))
        graph.initializer.append(numpy_helper.from_array(scales, f"{name}:scales"))
        node.CopyFrom(_product(node, name, weight.shape))
    still_used = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in still_used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    network.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    onnx.save(network, path)


def in_blocks(weight: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return a matrix, (K, N), as levels, (N, blocks, BLOCK), of which ZERO is nothing, and scales, (N * blocks,)."""
    rows = np.pad(weight.T, ((0, 0), (0, -len(weight) % BLOCK))).reshape(weight.shape[1], -1, BLOCK)
    scales = np.abs(rows).max(-1) / np.float32(LEVELS)
    levels = np.rint(rows / np.where(scales, scales, 1)[..., None]) + ZERO
    return levels.astype(np.uint8), scales.astype(np.float32).ravel()


def _product(node: NodeProto, name: str, shape: tuple[int, ...]) -> NodeProto:
    return helper.make_node(
        "MatMulNBits",
        [node.input[0], f"{name}:levels", f"{name}:scales"],
        list(node.output),
        name=name,
        domain=DOMAIN,
        K=shape[0],
        N=shape[1],
        bits=8,
        block_size=BLOCK,
        accuracy_level=INT8_ACTIVATIONS,
    )
