"""PRELU and LEAKY_RELU."""

from __future__ import annotations

from functools import partial

import numpy as np

from microinterp_kernels.elementwise_quantized import BinaryFunction
from microinterp_kernels.lookup_table import LookupTable
from microinterp_kernels.rectifiers import PReluQuantized, leaky_relu, leaky_relu_quantized, prelu

from ..model.ir import Array, TensorType
from .arithmetic import broadcast_shape, scales, tabulated
from .node import Invocation, Node
from .shapes import require_data_type


def prepare_prelu(node: Node) -> Invocation:
    """PRELU: float32, int8, int16 with int8 slopes; LiteRT also uint8. The slopes are broadcast."""
    node.require_counts(2, 1)
    x, slope, output = node.input(0), node.input(1), node.output()
    expected = TensorType.INT8 if x.type is TensorType.INT16 else x.type
    node.require(slope.type is expected, f"{slope} must have the element type {expected.name}")
    output.shape = broadcast_shape(node, x.shape, slope.shape)
    node.require(output.shape == x.shape, f"{slope} must broadcast to the shape of {x}")
    require_data_type(node, x, output)
    function: BinaryFunction = prelu
    if x.type is not TensorType.FLOAT32:
        with np.errstate(all="ignore"):
            x_scale, slope_scale, output_scale = scales(node)
            multipliers = float(x_scale / output_scale), float(x_scale * slope_scale / output_scale)
        function = PReluQuantized(*multipliers, x.zero_point, slope.zero_point, output.zero_point)
        function = tabulated(node, function)
    return Invocation(function, (x, slope, output), function)


def prepare_leaky_relu(node: Node) -> Invocation:
    """LEAKY_RELU: float32, int8, int16; LiteRT also uint8."""
    node.require_counts(1, 1)
    x, output = node.input(0), node.output()
    if x.type is TensorType.INT16 and node.runtime.int16_is_symmetric:
        for tensor in (x, output):
            node.require(tensor.zero_point == 0, f"the zero point of {tensor} must be 0")
    output.shape = x.shape
    require_data_type(node, x, output)
    slope = np.float32(node.options["alpha"])
    if x.type is TensorType.FLOAT32:
        return Invocation(partial(leaky_relu, slope=slope), (x, output))
    with np.errstate(all="ignore"):
        x_scale, output_scale = np.float32(x.scale), np.float32(output.scale)
        multipliers = float(x_scale / output_scale), float(x_scale * slope / output_scale)

    def rectify(numbers: Array) -> Array:
        return leaky_relu_quantized(numbers, *multipliers, x.zero_point, output.zero_point)

    table = LookupTable(rectify, x.dtype)

    def look_up(x: Array, output: Array) -> None:
        output[...] = table(x)

    return Invocation(look_up, (x, output), table)
