"""ADD_N: the sum of two or more tensors of one shape."""

from __future__ import annotations

import sys
from collections.abc import Callable

from microinterp_kernels.add_n import AddNClamped, AddNQuantized, add_n

from ..model.ir import TensorType
from .common import activation_range_float
from .node import Invocation, Node
from .shapes import require_data_type


def prepare_add_n(node: Node) -> Invocation:
    """ADD_N: float32; LiteRT also int32, TFLM also int8, all inputs of one scale and zero point."""
    node.require_counts((2, sys.maxsize), 1)
    inputs = [node.input(i) for i in range(len(node.inputs))]
    first, output = inputs[0], node.output()
    for tensor in inputs[1:]:
        node.require(tensor.shape == first.shape, f"{tensor} must have the shape of {first}")
    output.shape = first.shape
    require_data_type(node, *inputs, output)
    function: Callable[..., None] = add_n
    if first.type is TensorType.INT8:
        for tensor in inputs:
            node.require(
                (tensor.scale, tensor.zero_point) == (first.scale, first.zero_point),
                f"{tensor} must be quantized like {first}",
            )
        for tensor in (first, output):
            node.require(tensor.scale > 0, f"{tensor} must have a scale")
        function = AddNQuantized(first.scale, first.zero_point, output.scale, output.zero_point)
    elif first.type is TensorType.FLOAT32 and node.runtime.adds_n_by_add:
        function = AddNClamped(*activation_range_float(0))
    return Invocation(function, (*inputs, output), function)
