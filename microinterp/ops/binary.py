"""Operators of two tensors that need next to no preparation: logic, bits, powers, StableHLO's arithmetic."""

from __future__ import annotations

from functools import partial

import numpy as np

from microinterp_kernels import elementwise
from microinterp_kernels.elementwise_quantized import BinaryFunction, SquaredDifferenceQuantized

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from .arithmetic import prepare_binary, refuse_divisors, tabulated
from .node import Invocation, Node


def prepare_logical_and(node: Node) -> Invocation:
    """LOGICAL_AND of booleans."""
    return _prepare(node, np.logical_and)


def prepare_logical_or(node: Node) -> Invocation:
    """LOGICAL_OR of booleans."""
    return _prepare(node, np.logical_or)


def prepare_bitwise_xor(node: Node) -> Invocation:
    """BITWISE_XOR of integers up to 32 bits."""
    return _prepare(node, np.bitwise_xor)


def prepare_right_shift(node: Node) -> Invocation:
    """RIGHT_SHIFT of integers up to 32 bits, which keeps signs."""
    return prepare_binary(node, lambda node: elementwise.right_shift)


def prepare_floor_mod(node: Node) -> Invocation:
    """FLOOR_MOD: float32; LiteRT also int8, int16, int32 and int64, which refuse to be divided by zero."""
    return prepare_binary(node, _choose_floor_mod)


def prepare_pow(node: Node) -> Invocation:
    """POW: float32 and int32, which refuses exponents below zero."""
    return prepare_binary(node, _choose_pow)


def prepare_squared_difference(node: Node) -> Invocation:
    """SQUARED_DIFFERENCE: float32, int32, int8; TFLM also int16."""
    return prepare_binary(node, _choose_squared_difference)


def prepare_atan2(node: Node) -> Invocation:
    """ATAN2 of floats of one shape."""
    if node.inputs and node.input(0).type is TensorType.BFLOAT16:
        return _prepare_of_one_shape(node, elementwise.arc_tangent_bfloat16)
    return _prepare_of_one_shape(node, elementwise.arc_tangent)


def prepare_stablehlo_add(node: Node) -> Invocation:
    """STABLEHLO_ADD of numbers of one shape; of booleans, whether one is true."""
    return _prepare_of_one_shape(node, elementwise.plainly(np.add))


def prepare_stablehlo_multiply(node: Node) -> Invocation:
    """STABLEHLO_MULTIPLY of numbers of one shape; of booleans, whether both are true."""
    return _prepare_of_one_shape(node, elementwise.plainly(np.multiply))


def prepare_stablehlo_maximum(node: Node) -> Invocation:
    """STABLEHLO_MAXIMUM of numbers or booleans of one shape."""
    return _prepare_of_one_shape(node, elementwise.maximum_or_first)


def prepare_stablehlo_minimum(node: Node) -> Invocation:
    """STABLEHLO_MINIMUM of numbers or booleans of one shape."""
    return _prepare_of_one_shape(node, elementwise.minimum_or_first)


def prepare_stablehlo_and(node: Node) -> Invocation:
    """STABLEHLO_AND of integers or booleans of one shape."""
    return _prepare_of_one_shape(node, elementwise.plainly(np.bitwise_and))


def prepare_stablehlo_shift_left(node: Node) -> Invocation:
    """STABLEHLO_SHIFT_LEFT of signed integers, up to 32 bits, of one shape."""
    return _prepare_of_one_shape(node, elementwise.left_shift)


def _prepare(node: Node, function: np.ufunc) -> Invocation:
    return prepare_binary(node, lambda node: elementwise.plainly(function))


def _prepare_of_one_shape(node: Node, function: BinaryFunction) -> Invocation:
    node.require_counts(2, 1)
    x, y = node.input(0), node.input(1)
    node.require(x.shape == y.shape, f"{x} and {y} must have one shape")
    return prepare_binary(node, lambda node: function)


def _choose_floor_mod(node: Node) -> BinaryFunction:
    if node.input(0).type is TensorType.FLOAT32:
        return elementwise.floor_modulo
    return refuse_divisors(node, elementwise.floor_modulo, 0)


def _choose_pow(node: Node) -> BinaryFunction:
    x, y = node.input(0), node.input(1)
    function = elementwise.power_float if x.type is TensorType.FLOAT32 else _power_int32
    return partial(_power_of_one, function) if x.shape != y.shape and y.size == 1 else function


def _power_int32(x: Array, y: Array, output: Array) -> None:
    if (y < 0).any():
        raise InvokeError("integers have no powers with negative exponents")
    elementwise.power_int32(x, y, output)


def _power_of_one(function: BinaryFunction, x: Array, y: Array, output: Array) -> None:
    """LiteRT multiplies if there is one exponent for all, and it is a positive whole number, or nearly so."""
    exponent = float(y.item())
    nearest = round(exponent) if abs(exponent) < 2**31 else 0
    if nearest >= 1 and abs(exponent - nearest) < np.float32(1e-5):
        elementwise.multiply_to_power(x.reshape(output.shape), nearest, output)
    else:
        function(x, y, output)


def _choose_squared_difference(node: Node) -> BinaryFunction:
    x, y, output = node.input(0), node.input(1), node.output()
    if x.type in (TensorType.FLOAT32, TensorType.INT32):
        return elementwise.squared_difference
    limits = np.iinfo(x.dtype)
    for tensor in (x, y, output):
        if x.type is TensorType.INT8:
            fits = limits.min <= tensor.zero_point <= limits.max
            node.require(fits, f"the zero point of {tensor} is not one of its numbers")
        else:
            node.require(tensor.zero_point == 0, f"the zero point of {tensor} must be 0")
        node.require(tensor.scale > 0, f"{tensor} must have a scale")
    function = SquaredDifferenceQuantized(
        x.scale,
        x.zero_point,
        y.scale,
        y.zero_point,
        output.scale,
        output.zero_point,
        left_shift=7 if x.type is TensorType.INT8 else 0,
    )
    return tabulated(node, function)
