"""SOFTMAX over the last axis.

Sources of the formulas: TFLite's `reference/softmax.h` and `PreprocessSoftmaxScaling`, checked against the native
runtimes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .cast import cast_to_float16
from .fixed_point import (
    Int64s,
    clip_to,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    rounding_divide_by_pot,
)
from .gemmlowp import exp_on_negative_values, one_over_one_plus_x_for_x_in_0_1
from .libm import Float32s, expf
from .lookup_table import LookupTable, interpolate_int16, interpolation_table_int16


@np.errstate(all="ignore")
def softmax_float32(x: Float32s, beta: float) -> Float32s:
    """exp((x − max) · beta) / sum of the same, over the last axis of a float32 array, summed from first to last."""
    exps, sums = _exponentials(x, beta, float(np.finfo(np.float32).min))
    return exps / sums


@np.errstate(all="ignore")
def softmax_float16(x: NDArray[np.float16], beta: float) -> NDArray[np.float16]:
    """`softmax_float32` of a float16 array; exponentials are rounded to float16 where divided, not where summed."""
    exps, sums = _exponentials(x.astype(np.float32), beta, float(np.finfo(np.float16).min))
    y = np.empty(x.shape, np.float16)
    cast_to_float16(exps, y)
    cast_to_float16(y.astype(np.float32) / sums, y)
    return y


def _exponentials(x: Float32s, beta: float, least: float) -> tuple[Float32s, Float32s]:
    """exp((x − max) · beta) and their sums; no maximum is below `least`."""
    # NaNs do not count for the maximum
    largest = np.fmax.reduce(x, axis=-1, keepdims=True, initial=least)
    exps = expf((x - largest) * np.float32(beta))
    return exps, np.add.accumulate(exps, axis=-1)[..., -1:]


_INPUT_INTEGER_BITS = 5  # of the argument of exp
_SUM_INTEGER_BITS = 12

# arrays, because NumPy takes longer to look at a number
_BITS, _HALF = np.array(31), np.array(1 << 30)


class Softmax8Bit:
    """Softmax over the last axis of an int8 or uint8 array, in fixed point.

    The result is of `output_type` (int8, uint8 or int16), with as many fractional bits as that has bits, and
    the type's least number for zero. ValueError unless beta · input_scale is above 2^-26: the native kernels
    abort there.

    The native kernels also abort where the sum of the exponentials comes to 512 and the output has 8 bits;
    this one goes on with the same formula (all results are zero).
    """

    def __init__(self, beta: float, input_scale: float, output_type: DTypeLike) -> None:
        real_multiplier = beta * input_scale * 2 ** (31 - _INPUT_INTEGER_BITS)
        if not real_multiplier > 1:
            raise ValueError(f"beta {beta} times the input's scale {input_scale} must be above 2^-26")
        self.multiplier, self.shift = quantize_multiplier(min(real_multiplier, 2.0**31 - 1))
        # what is further below the maximum counts as zero
        largest = (2**_INPUT_INTEGER_BITS - 1) << (31 - _INPUT_INTEGER_BITS)
        self.input_radius = largest >> self.shift
        below = np.arange(min(self.input_radius, 255) + 1)
        scaled = multiply_by_quantized_multiplier(-below, self.multiplier, self.shift)
        # For each distance below the maximum its exponential, as it is and with the bits of the sum.
        self.exps = np.zeros(256, np.int64)
        self.exps[below] = exp_on_negative_values(scaled, _INPUT_INTEGER_BITS)
        self.summands = rounding_divide_by_pot(self.exps, _SUM_INTEGER_BITS)
        limits = np.iinfo(np.dtype(output_type))
        self.output_type = limits.dtype
        self._low, self._most = np.array(limits.min, np.int64), np.array(limits.max - limits.min, np.int64)
        self._bits_below_exponent = 32 - _SUM_INTEGER_BITS - (31 - limits.bits)

    def __call__(self, x: NDArray[Any]) -> NDArray[Any]:
        """Softmax of `x`."""
        # wraps in int8; the bits are right
        below = (np.maximum.reduce(x, axis=-1, keepdims=True) - x).view(np.uint8)
        sums: Any = np.add.reduce(self.summands.take(below), axis=-1, keepdims=True)
        if sums.size == 1:  # plain ints are many times faster than arrays of one element
            sums = sums.item() & 0xFFFFFFFF
            bits = sums.bit_length()
        else:
            sums &= 0xFFFFFFFF
            bits = np.frexp(sums)[1].astype(np.int64)
        # 1 / sum = scale · 2^(31 − bits)
        scale = one_over_one_plus_x_for_x_in_0_1((sums << (32 - bits)) - (1 << 31))
        exponent = bits - self._bits_below_exponent
        y: Int64s = self.exps.take(below)
        y *= scale
        y += _HALF
        y >>= _BITS
        y += 1 << (exponent - 1)
        y >>= exponent
        np.minimum(y, self._most, out=y)
        y += self._low
        return y.astype(self.output_type)


class SoftmaxInt16:
    """Softmax over the last axis of an int16 array into int16 with 15 fractional bits, by interpolation in tables.

    `scaled_beta` is beta · input_scale. The tables are computed in `table_type`, float32 or float64.
    """

    def __init__(self, scaled_beta: float, table_type: type[np.float32] | type[np.float64]) -> None:
        # 0 to −65535 shall be 0 to −10
        self.multiplier, self.shift = quantize_multiplier(scaled_beta / (10.0 / 65535.0))
        ends: NDArray[Any] = np.array([-32768, 32767], table_type)
        unit = (table_type(2) / table_type(65535)) * ends
        exp_step, one_step = table_type(10) / table_type(65535), table_type(1) / table_type(65535)
        self.exp_table = interpolation_table_int16(
            _exp, (exp_step * table_type(-65535), table_type(0)), (unit[0], unit[1])
        )
        self.reciprocal_table = interpolation_table_int16(
            lambda v: table_type(1) / (table_type(1) + v),
            (table_type(0), one_step * table_type(65535)),
            (unit[0], unit[1]),
        )
        # For each distance below the maximum its exponential.
        self.exps = LookupTable(self._exp_below, np.uint16)

    def _exp_below(self, below: NDArray[np.uint16]) -> NDArray[np.int16]:
        scaled = multiply_by_quantized_multiplier(-below.astype(np.int64), self.multiplier, self.shift)
        return interpolate_int16(clip_to(scaled + 32767, np.int16), self.exp_table)

    def __call__(self, x: NDArray[np.int16]) -> NDArray[np.int16]:
        """Softmax of `x`."""
        exps = self.exps((x.max(axis=-1, keepdims=True) - x).view(np.uint16)).astype(np.int64)
        sums = exps.sum(axis=-1, keepdims=True)
        bits = np.frexp(sums)[1].astype(np.int64)
        # the sum, less 1, on the table's −32768 to 32767
        normalized = ((sums << (31 - bits)) + (1 << 13)) >> 14
        reciprocals = interpolate_int16(
            clip_to(normalized - ((1 << 15) + (1 << 16)), np.int16), self.reciprocal_table
        )
        y = (exps * reciprocals + (1 << (bits - 2))) >> (bits - 1)
        return clip_to(np.maximum(y, 0), np.int16)


def _exp(x: NDArray[Any]) -> NDArray[Any]:
    """exp of an array in its own type. NumPy's for double depends on the machine; Python's is the C library's."""
    return expf(x) if x.dtype == np.float32 else np.array([math.exp(v) for v in x])
