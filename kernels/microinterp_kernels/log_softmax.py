"""LOG_SOFTMAX over the last axis.

Sources of the formulas: TFLite's `reference/log_softmax.h` and `log_x_for_x_greater_than_or_equal_to_1` of its
`kernels/internal/common.h`, checked against the native runtimes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .fixed_point import (
    INT32_MAX,
    INT32_MIN,
    Int64s,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    rounding_divide_by_pot,
)
from .gemmlowp import fixed_point_constant, multiply, one_over_one_plus_x_for_x_in_0_1, rescale
from .libm import Float32s, expf, logf
from .softmax import Softmax8Bit

_INTEGER_BITS = 5  # of the argument of exp, and of the logarithm of the sum
_SUM_INTEGER_BITS = 12
_OUTPUT_INTEGER_BITS = 4


@np.errstate(all="ignore")
def log_softmax_float32(x: Float32s) -> Float32s:
    """(x − max) − log(sum of exp(x − max)) over the last axis, summed from first to last."""
    # NaNs do not count for the maximum
    largest = np.fmax.reduce(x, axis=-1, keepdims=True, initial=np.finfo(np.float32).min)
    below = x - largest
    return below - logf(np.add.accumulate(expf(below), axis=-1)[..., -1:])


class LogSoftmax8Bit:
    """The logarithm of the softmax over the last axis of an int8 or uint8 array, in sixteenths below the largest.

    The arithmetic is fixed-point. ValueError where `Softmax8Bit` raises it.
    """

    def __init__(self, input_scale: float, dtype: DTypeLike) -> None:
        softmax = Softmax8Bit(1.0, input_scale, dtype)
        self._summands = softmax.summands
        below = np.arange(256)
        #: For each distance below the maximum what it means, as a fixed-point number.
        self.differences = multiply_by_quantized_multiplier(-below, softmax.multiplier, softmax.shift)
        self._least = -softmax.input_radius - 1
        self._reverse = quantize_multiplier((1 << (31 - softmax.shift)) / softmax.multiplier)
        self._limits = np.iinfo(np.dtype(dtype))

    def __call__(self, x: NDArray[Any]) -> NDArray[Any]:
        """The logarithm of the softmax of `x`."""
        # wraps in int8; the bits are right
        below = (np.maximum.reduce(x, axis=-1, keepdims=True) - x).view(np.uint8)
        log = log_of_sum(np.add.reduce(self._summands.take(below), axis=-1, keepdims=True))
        least = np.maximum(self._least, multiply_by_quantized_multiplier(log + INT32_MIN, *self._reverse))
        shift = 31 - _INTEGER_BITS - _OUTPUT_INTEGER_BITS
        low, high = int(self._limits.min), int(self._limits.max)
        y = rounding_divide_by_pot(self.differences.take(below) - log, shift) + high
        return np.where(-below.astype(np.int64) > least, y.clip(low, high), low).astype(self._limits.dtype)


def log_of_sum(x: Int64s) -> Int64s:
    """log(x) for x ≥ 1 with 12 integer bits; the result has 5.

    From x = 2^n · r with r around 2^(−1/4), n in half steps, it is n · log 2 plus a rational approximation of log r.
    """
    bits = _INTEGER_BITS + 1
    quarter = 1 << (31 - bits - 2)
    r_a, zeros = _normalize(x)
    r_a = rescale(multiply(r_a, fixed_point_constant(math.sqrt(0.5), 0, 32), 32), 1, 32)
    power_a = ((_SUM_INTEGER_BITS - zeros - 1) << (31 - bits)) + quarter
    _, zeros = _normalize(multiply(x, fixed_point_constant(math.sqrt(0.5), 0, 32), 32))
    r_b = np.minimum(x << zeros, INT32_MAX)
    power_b = ((_SUM_INTEGER_BITS - zeros) << (31 - bits)) - quarter
    r, power = np.minimum(r_a, r_b), np.maximum(power_a, power_b)

    root = math.sqrt(math.sqrt(2.0))
    center = fixed_point_constant(1 / root, 0, 32)
    p = (r + center + 1) >> 1
    q = 2 * (r - center)
    square = multiply(q, q, 32)
    numerator = multiply(q, r, 32) + multiply(
        multiply(q, square, 32), fixed_point_constant(11 / 240 * root, 0, 32), 32
    )
    sum_ = (
        fixed_point_constant(2 / root - root, 0, 32)
        + q
        + multiply(fixed_point_constant(root / 20, 0, 32), square, 32)
    )
    denominator = multiply(p, sum_, 32) + multiply(fixed_point_constant(root / 4, 0, 32), q, 32)
    quotient = multiply(rescale(numerator, -bits, 32), one_over_one_plus_x_for_x_in_0_1(denominator), 32)
    return rescale(multiply(power, fixed_point_constant(math.log(2.0), 0, 32), 32) + quotient, 1, 32)


def _normalize(x: Int64s) -> tuple[Int64s, Int64s]:
    """x shifted left until it has 31 bits, and by how much."""
    zeros = 31 - np.frexp(x)[1].astype(np.int64)
    return x << zeros, zeros
