"""From accumulators to outputs: scale by a quantized multiplier, add the zero point, clamp.

What every integer operator with int32 accumulators ends with. Source of the formulas: the last lines of the
loops in TFLite's `reference_integer_ops` (conv, depthwise_conv, fully_connected), checked against the native
runtimes.

`requantize` and `requantize_int64` are the definitions, in fixed point. `Requantize` and `RequantizeInt64` give
the same several times faster, in float64, wherever that is exact: the product of an accumulator of 22 bits and a
multiplier of 31 bits is, and so is its sum with the rounding constants; what is left of the fixed-point formulas
are floors of exact numbers.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .fixed_point import (
    Int64s,
    multiply_by_quantized_multiplier,
    multiply_int64_by_quantized_multiplier,
    reduce_multiplier,
    wrap_int32,
)

Float64s = NDArray[np.float64]

_EXACT = 2.0**53  # integers below it are exact in float64
_SMALL = 2.0**22  # accumulators below it have exact products with 31-bit multipliers
_UNKNOWN = 2.0**62  # larger than any accumulator
_WIDTH = 2048  # constants are repeated to rows of about so many elements: NumPy's inner loops want long ones
_BLOCK = (
    2**15
)  # so many elements are worked on at a time, so that their float64 temporaries stay in the cache


def requantize(
    acc: Int64s, multipliers: ArrayLike, shifts: ArrayLike, zero_point: int, low: int, high: int
) -> Int64s:
    """clamp(zero_point + acc · multiplier, low, high), rounded twice as gemmlowp does.

    `acc` is int64 of any shape and wraps to int32, as the native accumulator does; `multipliers` and `shifts`
    (from `quantize_multipliers`) broadcast against it: one, or one per channel in the last axis.
    """
    scaled = multiply_by_quantized_multiplier(wrap_int32(acc), multipliers, shifts)
    return np.minimum(np.maximum(wrap_int32(scaled + zero_point), low), high)


def requantize_int64(
    acc: Int64s, multipliers: ArrayLike, shifts: ArrayLike, low: int, high: int, zero_point: int = 0
) -> Int64s:
    """clamp(zero_point + acc · multiplier, low, high) of int64 accumulators (16x8): 15-bit multipliers."""
    scaled = multiply_int64_by_quantized_multiplier(acc, multipliers, shifts)
    return np.minimum(np.maximum(wrap_int32(scaled + zero_point), low), high)


class _Prepared:
    """Accumulators plus biases in, outputs out: in float64 where `_form` is exact, else by the definition."""

    def __init__(
        self,
        multipliers: Int64s,
        shifts: Int64s,
        dtype: Any,
        biases: Int64s | None,
        reach: ArrayLike | None,
        rows: int,
    ) -> None:
        self.dtype = np.dtype(dtype)
        self.biases = np.zeros(1, np.int64) if biases is None else biases
        reach = np.asarray(_UNKNOWN if reach is None else reach, np.float64)
        arrays = np.broadcast_arrays(multipliers, shifts, self.biases, reach)
        channels = arrays[0].size
        repeats = _repeats(channels, rows)
        self._width = channels * repeats
        self._form = self._find_form(*(np.tile(a.astype(np.float64).reshape(-1), repeats) for a in arrays))

    def _find_form(self, q: Float64s, shifts: Float64s, biases: Float64s, reach: Float64s) -> _Form | None:
        """An exact float64 form for accumulators up to `reach`, or None; for rows as long as the arrays."""
        raise NotImplementedError

    def _define(self, acc: Int64s) -> Int64s:
        """The definition."""
        raise NotImplementedError

    def __call__(self, acc: NDArray[Any], output: NDArray[Any] | None = None) -> NDArray[Any]:
        """The outputs for accumulators, whose last axis are the channels: integers, in any element type.

        They are written into `output` (of the same shape) if it is given.
        """
        if output is None:
            output = np.empty(acc.shape, self.dtype)
        if self._form is None or not (acc.flags.c_contiguous and output.flags.c_contiguous):
            output[...] = self._define(acc.astype(np.int64) + self.biases)
            return output
        flat_acc, flat_output, width = acc.reshape(-1), output.reshape(-1), self._width
        whole = acc.size // width * width
        step = width * max(1, _BLOCK // width)
        for start in range(0, whole, step):
            part = slice(start, min(start + step, whole))
            self._form(flat_acc[part].reshape(-1, width), flat_output[part].reshape(-1, width), width)
        if whole < acc.size:
            self._form(flat_acc[whole:], flat_output[whole:], acc.size - whole)
        return output


class Requantize(_Prepared):
    """`requantize` of accumulators plus biases, with everything prepared that does not depend on them.

    Args:
        multipliers, shifts: from `quantize_multipliers`, one or one per channel (the accumulators' last axis).
        zero_point, low, high: of the outputs.
        dtype: the outputs' element type.
        biases: added to the accumulators first; int64, one per channel.
        reach: what no accumulator exceeds in magnitude, one or one per channel; None: nothing is known.
        rows: how many accumulators each channel mostly has, if that is known.
    """

    def __init__(
        self,
        multipliers: Int64s,
        shifts: Int64s,
        zero_point: int,
        low: int,
        high: int,
        dtype: Any,
        *,
        biases: Int64s | None = None,
        reach: ArrayLike | None = None,
        rows: int = 0,
    ) -> None:
        self.multipliers, self.shifts = multipliers, shifts
        self.zero_point, self.low, self.high = zero_point, low, high
        super().__init__(multipliers, shifts, dtype, biases, reach, rows)

    def _define(self, acc: Int64s) -> Int64s:
        return requantize(acc, self.multipliers, self.shifts, self.zero_point, self.low, self.high)

    def _find_form(self, q: Float64s, shifts: Float64s, biases: Float64s, reach: Float64s) -> _Form | None:
        shifts = np.where(
            q == 0, -1, shifts
        )  # the shift of a zero means nothing; one to the right suits both forms
        left, right = np.exp2(np.maximum(shifts, 0)), np.maximum(-shifts, 0)
        total = np.where(q == 0, 0, (reach + np.abs(biases)) * left)
        largest_high_mul = total * q * 2.0**-31
        bias_first = None
        if (total >= _SMALL).any():
            # Larger accumulators will do if they saturate, by far and without leaving int32; then the bias must
            # be added first, because only the sum may be that large.
            farthest = max(self.high - self.zero_point, self.zero_point - self.low)
            saturates = ((_SMALL - 1) * q * 2.0**-31 * np.exp2(-right) > farthest + 2) & (total < 2.0**30)
            if not ((total < _SMALL) | saturates).all():
                return None
            bias_first, biases = biases, np.zeros_like(biases)
            total = np.minimum(total, _SMALL)
        if self.low >= self.zero_point:
            # Negative results are clamped away, so that of both roundings only that of positive numbers, halves
            # up, matters, and ⌊(⌊n / 2^31⌋ + half) / 2^right⌋ = ⌊(n + half · 2^31) / 2^(31 + right)⌋.
            unit = np.exp2(31 + right)
            offset = 2.0**30 + np.where(right > 0, unit / 2, 0) + (self.zero_point - self.low) * unit
            if (total * q + np.abs(offset) < _EXACT).all():
                scale, offset = q * left / unit, (biases * left * q + offset) / unit
                return _OneStep(scale, offset, self.low, self.high, bias_first)
        added = np.exp2(right) * (1 + abs(self.zero_point))
        if (right == 0).any() or (largest_high_mul + added >= 2.0**31 - 1).any():
            return None
        scale, offset = q * left * 2.0**-31, (biases * left * q + 2.0**30) * 2.0**-31
        return _TwoSteps(
            scale, offset, right.astype(np.int32), self.zero_point, self.low, self.high, bias_first
        )


class RequantizeInt64(_Prepared):
    """`requantize_int64` of accumulators plus biases; the parameters are those of `Requantize`."""

    def __init__(
        self,
        multipliers: Int64s,
        shifts: Int64s,
        low: int,
        high: int,
        dtype: Any,
        *,
        zero_point: int = 0,
        biases: Int64s | None = None,
        reach: ArrayLike | None = None,
        rows: int = 0,
    ) -> None:
        self.multipliers, self.shifts = multipliers, shifts
        self.zero_point, self.low, self.high = zero_point, low, high
        super().__init__(multipliers, shifts, dtype, biases, reach, rows)

    def _define(self, acc: Int64s) -> Int64s:
        return requantize_int64(acc, self.multipliers, self.shifts, self.low, self.high, self.zero_point)

    def _find_form(self, q: Float64s, shifts: Float64s, biases: Float64s, reach: Float64s) -> _Form | None:
        q = reduce_multiplier(q.astype(np.int64)).astype(np.float64)
        unit = np.exp2(15 - shifts)
        offset = unit / 2 + (self.zero_point - self.low) * unit
        largest = (reach + np.abs(biases)) * q
        if (shifts > 14).any() or (largest + np.abs(offset) >= np.minimum(_EXACT, unit * 2.0**30)).any():
            return None
        return _OneStep(q / unit, (biases * q + offset) / unit, self.low, self.high, None)


class _Form(Protocol):
    def __call__(self, acc: NDArray[Any], output: NDArray[Any], length: int) -> None:
        """Requantize `acc` into `output`, whose last axis has `length` elements, whole channels."""


class _OneStep:
    """clamp(low + ⌊acc · scale + offset⌋, low, high)."""

    def __init__(
        self, scale: Float64s, offset: Float64s, low: int, high: int, bias_first: Float64s | None
    ) -> None:
        self.scale, self.offset, self.bias_first = scale, offset, bias_first
        self.low, self.span = low, float(high - low)

    def __call__(self, acc: NDArray[Any], output: NDArray[Any], length: int) -> None:
        scaled = _scale(acc, self.scale, self.offset, self.bias_first, length)
        scaled.clip(0.0, self.span, out=scaled)
        # what is not negative is rounded down by the conversion; adding `low` may then wrap as it likes
        unsigned = output.view(f"u{output.itemsize}")
        np.copyto(unsigned, scaled, casting="unsafe")
        if self.low:
            np.add(unsigned, unsigned.dtype.type(self.low % 256**output.itemsize), out=unsigned)


class _TwoSteps:
    """h = ⌊acc · scale + offset⌋; clamp(zero_point + round(h / 2^right), low, high), halves away from zero."""

    def __init__(
        self,
        scale: Float64s,
        offset: Float64s,
        right: NDArray[np.int32],
        zero_point: int,
        low: int,
        high: int,
        bias_first: Float64s | None,
    ) -> None:
        self.scale, self.offset, self.bias_first, self.right = scale, offset, bias_first, right
        self.added = (np.int32(1) << (right - 1)) + (np.int32(zero_point) << right)
        self.low, self.high = np.int32(low), np.int32(high)

    def __call__(self, acc: NDArray[Any], output: NDArray[Any], length: int) -> None:
        scaled = _scale(acc, self.scale, self.offset, self.bias_first, length)
        h = np.floor(scaled, out=scaled).astype(np.int32)
        h += h >> np.int32(31)
        h += self.added[:length]
        h >>= self.right[:length]
        h.clip(self.low, self.high, out=h)
        np.copyto(output, h, casting="unsafe")


def _scale(
    acc: NDArray[Any], scale: Float64s, offset: Float64s, bias_first: Float64s | None, length: int
) -> Float64s:
    """acc · scale + offset, or (acc + bias_first) · scale + offset."""
    scaled: Float64s
    if bias_first is None:
        scaled = np.multiply(acc, scale[:length])
    else:
        scaled = np.add(acc, bias_first[:length])
        scaled *= scale[:length]
    scaled += offset[:length]
    return scaled


def _repeats(channels: int, rows: int) -> int:
    """How often to repeat the channels, best so that `rows` rows are used up without a rest."""
    usual = max(1, _WIDTH // channels)
    divisors = (r for r in range(min(2 * usual, rows), usual // 4, -1) if rows % r == 0)
    return next(divisors, usual)
