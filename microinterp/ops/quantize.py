"""QUANTIZE and DEQUANTIZE."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from microinterp_kernels import quantize as kernels

from ..model.ir import Array, TensorType
from .elementwise import require_symmetric_int16, store, tabulated
from .node import Invocation, Node, RuntimeTensor
from .shapes import require_data_type

_BELOW_A_BYTE = {TensorType.INT4: (-8, 7), TensorType.UINT4: (0, 15)}


def prepare_quantize(node: Node) -> Invocation:
    """QUANTIZE: float32 to integers, and integers to others; LiteRT also to scales per channel."""
    node.require_counts(1, 1)
    x, output = node.input(0), node.output()
    types = node.runtime.quantized_types
    node.require_type(x, *types)
    node.require_type(output, *{to for each in types.values() for to in each})
    node.require(output.is_quantized, f"{output} must be quantized")
    node.require(
        output.scales.size == 1 or node.runtime.quantizes_per_channel,
        f"{output} has {output.scales.size} scales, where this runtime takes one",
    )
    output.shape = x.shape
    node.require_type(output, *types[x.type], at_invoke=node.name in node.runtime.checks_types_at_invoke)
    if x.type is TensorType.FLOAT32:
        return _prepare_from_float(node, x, output)
    if node.runtime.int16_is_symmetric and x.type is output.type is TensorType.INT16:
        require_symmetric_int16(node, x, output)
    function = kernels.QuantizeInteger(x.scale, x.zero_point, output.scale, output.zero_point, output.dtype)
    return store(tabulated(function, x), x, output)


def _prepare_from_float(node: Node, x: RuntimeTensor, output: RuntimeTensor) -> Invocation:
    limits = np.iinfo(output.dtype)
    low, high = _BELOW_A_BYTE.get(output.type, (int(limits.min), int(limits.max)))
    per_channel = output.scales.size > 1
    node.require(not per_channel or output.type not in _BELOW_A_BYTE, f"{output} must have one scale")
    scale, zero_point = _quantization(node, output)
    function = partial(kernels.quantize, scale=scale, zero_point=zero_point, low=low, high=high)
    return Invocation(function, (x, output), function)


def prepare_dequantize(node: Node) -> Invocation:
    """DEQUANTIZE to float32: int8, uint8, int16; LiteRT also float16, narrower integers and scales per channel."""
    node.require_counts(1, 1)
    x, output = node.input(0), node.output()
    require_data_type(node, x)
    node.require_type(output, TensorType.FLOAT32)
    output.shape = x.shape
    if x.type is TensorType.INT16 and node.runtime.int16_is_symmetric:
        node.require(x.scales.size <= 1, f"{x} must have one scale")
        node.require(x.zero_point == 0, f"the zero point of {x} must be 0")
    function = dequantizer(node, x)
    return Invocation(function, (x, output), function)


def dequantizer(node: Node, x: RuntimeTensor) -> Callable[[Array, Array], None]:
    """What writes the real numbers of a quantized tensor, or one of float16, into an array of float32."""
    if x.type is TensorType.FLOAT16:
        return kernels.dequantize_float16
    scale, zero_point = _quantization(node, x)
    return partial(kernels.dequantize, scale=scale, zero_point=zero_point)


def _quantization(node: Node, tensor: RuntimeTensor) -> tuple[Array, Array]:
    """Scale and zero point of a tensor: one, or arrays that broadcast against it with one element per channel."""
    scales, quantization = tensor.scales, tensor.quantization
    scale, zero_point = np.array(tensor.scale, np.float32), np.array(tensor.zero_point).astype(np.int32)
    if scales.size <= 1 or not node.runtime.quantizes_per_channel or quantization is None:
        return scale, zero_point
    axis = quantization.quantized_dimension
    node.require(0 <= axis < len(tensor.shape), f"{tensor} has no dimension {axis} to be quantized along")
    channels = tensor.shape[axis]
    node.require(scales.size == channels, f"{tensor} has {scales.size} scales along dimension {axis}")
    zero_points = quantization.zero_point
    if zero_points is None or zero_points.size != channels:
        zero_points = np.full(channels, zero_point)
    shape = [channels if i == axis else 1 for i in range(len(tensor.shape))]
    return scales.reshape(shape), zero_points.astype(np.int32).reshape(shape)
