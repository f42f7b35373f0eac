"""Operators of one tensor, element by element: arithmetic, rounding, logic; those of complex numbers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from microinterp_kernels import unary as kernels
from microinterp_kernels import unary_quantized
from microinterp_kernels.libm import Float32s, expf, logf
from microinterp_kernels.libm_trigonometry import cosf, sinf
from microinterp_kernels.lookup_table import LookupTable

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from .elementwise import (
    Kernel,
    float_table,
    require_quantized,
    require_symmetric_int16,
    require_unary,
    scale_precision,
    scale_ratio,
    store,
    store_floats,
    tabulated,
)
from .node import Invocation, Node, RuntimeTensor
from .shapes import require_data_type, require_stored_shape

_COMPLEX_PARTS = {TensorType.COMPLEX64: TensorType.FLOAT32, TensorType.COMPLEX128: TensorType.FLOAT64}


def prepare_abs(node: Node) -> Invocation:
    """ABS: float32, int8, int16 (quantized or not); LiteRT also int32. The least plain integer stays."""
    x, output = require_unary(node)
    if x.type is not TensorType.INT8 and not (x.type is TensorType.INT16 and x.is_quantized):
        return Invocation(np.absolute, (x, output))
    require_quantized(node, x, output)
    limits = np.iinfo(x.dtype)
    function = unary_quantized.Rescale(
        x.zero_point,
        scale_ratio(node, x, output),
        output.zero_point,
        low=limits.min,
        high=limits.max,
        absolute=True,
    )
    return store(tabulated(function, x), x, output)


def prepare_neg(node: Node) -> Invocation:
    """NEG: float32; LiteRT also float16, bfloat16 and integers, whatever their scales. The least integer stays."""
    x, output = require_unary(node)
    return Invocation(kernels.negate_bits if x.type is TensorType.BFLOAT16 else np.negative, (x, output))


def prepare_square(node: Node) -> Invocation:
    """SQUARE: float32."""
    return Invocation(kernels.square, require_unary(node))


def prepare_sign(node: Node) -> Invocation:
    """SIGN: float32, float64, int32."""
    return Invocation(kernels.sign, require_unary(node))


def prepare_zeros_like(node: Node) -> Invocation:
    """ZEROS_LIKE: float32, int32, int64; TFLM also int8, whose zeros are 0 whatever the zero point."""
    return Invocation(kernels.zeros, require_unary(node))


def prepare_logical_not(node: Node) -> Invocation:
    """LOGICAL_NOT of booleans."""
    return Invocation(np.logical_not, require_unary(node))


def prepare_sin(node: Node) -> Invocation:
    """SIN: float32; LiteRT also float16."""
    return _of_floats(node, sinf)


def prepare_cos(node: Node) -> Invocation:
    """COS: float32; LiteRT also float16."""
    return _of_floats(node, cosf)


def prepare_floor(node: Node) -> Invocation:
    """FLOOR: float32; LiteRT also float16 and bfloat16."""
    return _of_floats(node, kernels.floor)


def prepare_ceil(node: Node) -> Invocation:
    """CEIL: float32."""
    return _of_floats(node, kernels.ceil)


def prepare_round(node: Node) -> Invocation:
    """ROUND to the nearest whole number, halves to the even one: float32; LiteRT also float16 and bfloat16."""
    return _of_floats(node, kernels.round_half_even)


def _of_floats(node: Node, function: Callable[[Float32s], Float32s]) -> Invocation:
    """A function of float32, which other types are converted to and from."""
    x, output = require_unary(node)
    if node.name in node.runtime.checks_stored_shapes:
        require_stored_shape(node)
    return store_floats(function, x, output)


def prepare_exp(node: Node) -> Invocation:
    """EXP: float32; LiteRT also int8 and int16."""
    x, output = require_unary(node)
    if node.name in node.runtime.checks_stored_shapes:
        require_stored_shape(node)
    if x.type is TensorType.FLOAT32:
        return store(expf, x, output)
    require_symmetric_int16(node, x, output)
    return store(float_table(x, output, expf), x, output)


def prepare_log(node: Node) -> Invocation:
    """LOG: float32; LiteRT also int8 and int16, where that of zero and less is the least number."""
    x, output = require_unary(node)
    if x.type is TensorType.FLOAT32:
        return store(logf, x, output)
    require_quantized(node, x, output)
    least = np.float32(np.iinfo(x.dtype).min - output.zero_point) * np.float32(output.scale)

    def log(numbers: Float32s) -> Float32s:
        return np.where(numbers <= 0, least, logf(numbers))

    return store(float_table(x, output, log), x, output)


def prepare_rsqrt(node: Node) -> Invocation:
    """RSQRT: float32, int8, int16. Quantized numbers below zero are refused; that of zero is the largest number."""
    x, output = require_unary(node)
    if x.type is TensorType.FLOAT32:
        return Invocation(kernels.reciprocal_square_root, (x, output))
    require_quantized(node, x, output)
    for tensor in (x, output):
        node.require(tensor.scale > 0, f"{tensor} has no valid scale: {tensor.scale}")
    if x.type is TensorType.INT16 and node.runtime.tabulates_int16_rsqrt:
        largest = np.float32(np.iinfo(np.int16).max) * np.float32(output.scale)

        def rsqrt(numbers: Float32s) -> Float32s:
            return np.where(numbers <= 0, largest, np.float32(1) / np.sqrt(numbers))

        return _refusing_negatives(float_table(x, output, rsqrt), x, output)
    precision = scale_precision(node)
    function = partial(
        unary_quantized.reciprocal_square_root_quantized,
        zero_point=x.zero_point,
        multiplier=1 / float(np.sqrt(precision(x.scale)) * precision(output.scale)),
        output_zero_point=output.zero_point,
    )
    return _refusing_negatives(tabulated(function, x), x, output)


def prepare_sqrt(node: Node) -> Invocation:
    """SQRT: float32; LiteRT also int8 and int16, which refuse negative numbers."""
    x, output = require_unary(node)
    if x.type is TensorType.FLOAT32:
        return Invocation(kernels.square_root, (x, output))
    require_quantized(node, x, output)
    function = partial(
        unary_quantized.square_root_quantized,
        scale=x.scale,
        zero_point=x.zero_point,
        output_scale=output.scale,
        output_zero_point=output.zero_point,
    )
    return _refusing_negatives(LookupTable(function, x.dtype), x, output)


def _refusing_negatives(kernel: Kernel, x: RuntimeTensor, output: RuntimeTensor) -> Invocation:
    """A root of quantized numbers, none of them negative."""
    zero_point = x.zero_point

    def invoke(x: Array, output: Array) -> None:
        if (x < zero_point).any():
            raise InvokeError("the square root of a negative number")
        output[...] = kernel(x)

    return Invocation(invoke, (x, output), kernel)


def prepare_real(node: Node) -> Invocation:
    """REAL: the real part of complex numbers."""
    return _of_complex(node, kernels.real)


def prepare_imag(node: Node) -> Invocation:
    """IMAG: the imaginary part of complex numbers."""
    return _of_complex(node, kernels.imaginary)


def prepare_complex_abs(node: Node) -> Invocation:
    """COMPLEX_ABS: the absolute value of complex numbers."""
    return _of_complex(node, kernels.magnitude)


def _of_complex(node: Node, function: Callable[[Array, Array], None]) -> Invocation:
    node.require_counts(1, 1)
    x, output = node.input(0), node.output()
    require_data_type(node, x)
    node.require_type(output, _COMPLEX_PARTS[x.type])
    output.shape = x.shape
    return Invocation(function, (x, output))
