"""From accumulators to outputs: scale by a quantized multiplier, add the zero point, clamp.

What every integer operator with int32 accumulators ends with. Source of the formulas: the last lines of the
loops in TFLite's `reference_integer_ops` (conv, depthwise_conv, fully_connected), checked against the native
runtimes.

`requantize` and `requantize_int64` are the definitions, in fixed point. `Requantize` and `RequantizeInt64` give
the same several times faster, in float64, where that is exact: the product of an accumulator of 22 bits and a
multiplier of 31 bits is, and so is its sum with the rounding constants; what is left of the fixed-point formulas
are floors of exact numbers. For channels with larger accumulators it is proved by comparing both on either side
of every place where the output changes: that suffices, because neither ever decreases.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
_UNKNOWN = 2.0**62  # larger than any accumulator
_MOST_STEPS = 256  # outputs with more values than that are not compared one by one
_WIDTH = 2**11  # constants are repeated to rows of about so many elements: NumPy's inner loops want long ones
_BLOCK = 2**15  # so many elements are worked on at a time: their float64 temporaries stay in the cache


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
    """`requantize` of int64 accumulators (16x8): multipliers of 15 bits, rounded once."""
    scaled = multiply_int64_by_quantized_multiplier(acc, multipliers, shifts)
    return np.minimum(np.maximum(wrap_int32(scaled + zero_point), low), high)


class _Prepared:
    """Accumulators plus biases in, outputs out, by `_form`."""

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
        channels = [
            a.reshape(-1).astype(np.float64)
            for a in np.broadcast_arrays(
                multipliers,
                shifts,
                np.zeros(1, np.int64) if biases is None else biases,
                _UNKNOWN if reach is None else reach,
            )
        ]
        repeats = _repeats(channels[0].size, rows)
        self._width = channels[0].size * repeats
        form = self._find_form(*channels) or self._define(*channels[:3])
        self._form = form.select(np.tile(np.arange(channels[0].size), repeats))

    def _find_form(self, q: Float64s, shifts: Float64s, biases: Float64s, reach: Float64s) -> _Form | None:
        """A float64 form that is exact for accumulators up to `reach`, or None; one element per channel."""
        raise NotImplementedError

    def _define(self, q: Float64s, shifts: Float64s, biases: Float64s) -> _Form:
        """The definition."""
        raise NotImplementedError

    def __call__(self, acc: NDArray[Any], output: NDArray[Any] | None = None) -> NDArray[Any]:
        """The outputs for accumulators, whose last axis are the channels: integers, in any element type.

        They are written into `output` (of the same shape) if it is given.
        """
        if output is None:
            output = np.empty(acc.shape, self.dtype)
        if not (acc.flags.c_contiguous and output.flags.c_contiguous):
            output[...] = self(np.ascontiguousarray(acc))
            return output
        flat_acc, flat_output, width = acc.reshape(-1), output.reshape(-1), self._width
        whole = acc.size // width * width
        step = width * max(1, _BLOCK // width)
        for start in range(0, whole, step):
            part = slice(start, min(start + step, whole))
            self._form(flat_acc[part].reshape(-1, width), flat_output[part].reshape(-1, width))
        if whole < acc.size:
            self._form(flat_acc[whole:], flat_output[whole:])
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
        self.zero_point, self.low, self.high = zero_point, low, high
        super().__init__(multipliers, shifts, dtype, biases, reach, rows)

    def _define(self, q: Float64s, shifts: Float64s, biases: Float64s) -> _Form:
        return _FixedPoint(q, shifts, biases, self._requantize)

    def _requantize(self, acc: Int64s, q: Int64s, shifts: Int64s) -> Int64s:
        return requantize(acc, q, shifts, self.zero_point, self.low, self.high)

    def _find_form(self, q: Float64s, shifts: Float64s, biases: Float64s, reach: Float64s) -> _Form | None:
        shifts = np.where(q == 0, -1, shifts)  # the shift of a zero means nothing
        left, right = np.exp2(np.maximum(shifts, 0)), np.maximum(-shifts, 0)
        largest = np.where(q == 0, 0, (reach + np.abs(biases)) * left)
        multipliers = q * left
        if (q < 0).any() or (largest >= 2.0**31).any() or (largest * q >= 2.0**61).any():
            return None  # the output may decrease where the accumulator increases, or wrap
        form: _Form
        if self.low >= self.zero_point:
            # Negative results are clamped away, so that of both roundings only that of positive numbers, halves
            # up, matters, and ⌊(⌊n / 2^31⌋ + half) / 2^right⌋ = ⌊(n + half · 2^31) / 2^(31 + right)⌋.
            unit = np.exp2(31 + right)
            constant = 2.0**30 + np.where(right > 0, unit / 2, 0) + (self.zero_point - self.low) * unit
            form = _OneStep(multipliers / unit, (biases * multipliers + constant) / unit, self.low, self.high)
        else:
            constant = np.full(q.size, 2.0**30)
            added = np.exp2(right - 1) + self.zero_point * np.exp2(right)
            if (right == 0).any() or (largest * q * 2.0**-31 + np.abs(added) >= 2.0**31 - 1).any():
                return None
            form = _TwoSteps(
                multipliers * 2.0**-31,
                (biases * multipliers + constant) * 2.0**-31,
                added.astype(np.int32),
                right.astype(np.int32),
                self.low,
                self.high,
            )
        unsure = np.flatnonzero(largest * q + np.abs(constant) >= _EXACT)
        if unsure.size:
            if self.high - self.low >= _MOST_STEPS:
                return None
            steps = np.arange(self.low, self.high + 1)[:, None] - self.zero_point - 0.5
            real = multipliers[unsure] * 2.0**-31 * np.exp2(-right[unsure])
            definition = self._define(q, shifts, biases).select(unsure)
            if not _agree(
                form.select(unsure), definition, steps / real - biases[unsure], reach[unsure], self.dtype
            ):
                return None
        return form


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
        self.zero_point, self.low, self.high = zero_point, low, high
        super().__init__(multipliers, shifts, dtype, biases, reach, rows)

    def _define(self, q: Float64s, shifts: Float64s, biases: Float64s) -> _Form:
        return _FixedPoint(q, shifts, biases, self._requantize)

    def _requantize(self, acc: Int64s, q: Int64s, shifts: Int64s) -> Int64s:
        return requantize_int64(acc, q, shifts, self.low, self.high, self.zero_point)

    def _find_form(self, q: Float64s, shifts: Float64s, biases: Float64s, reach: Float64s) -> _Form | None:
        multipliers = reduce_multiplier(q.astype(np.int64)).astype(np.float64)
        unit = np.exp2(15 - shifts)
        constant = unit / 2 + (self.zero_point - self.low) * unit
        largest = (reach + np.abs(biases)) * np.abs(multipliers) + np.abs(constant)
        if (shifts > 14).any() or (largest >= np.minimum(_EXACT, unit * 2.0**30)).any():
            return None
        return _OneStep(multipliers / unit, (biases * multipliers + constant) / unit, self.low, self.high)


class _Form(Protocol):
    """A way to requantize, with constants that are one per channel, or repeated to rows of channels."""

    def select(self, channels: NDArray[np.intp]) -> _Form:
        """The same for these channels in this order."""

    def __call__(self, acc: NDArray[Any], output: NDArray[Any]) -> None:
        """Requantize `acc` into `output`, of the same shape: rows, or the beginning of one."""


@dataclass(frozen=True, slots=True)
class _FixedPoint:
    """A definition."""

    multipliers: NDArray[Any]
    shifts: NDArray[Any]
    biases: NDArray[Any]
    define: Callable[[Int64s, Int64s, Int64s], Int64s]

    def select(self, channels: NDArray[np.intp]) -> _FixedPoint:
        q, shifts, biases = (
            a[channels].astype(np.int64) for a in (self.multipliers, self.shifts, self.biases)
        )
        return _FixedPoint(q, shifts, biases, self.define)

    def __call__(self, acc: NDArray[Any], output: NDArray[Any]) -> None:
        n = acc.shape[-1]
        output[...] = self.define(
            acc.astype(np.int64) + self.biases[:n], self.multipliers[:n], self.shifts[:n]
        )


@dataclass(frozen=True, slots=True)
class _OneStep:
    """clamp(low + ⌊acc · scale + offset⌋, low, high)."""

    scale: Float64s
    offset: Float64s
    low: int
    high: int

    def select(self, channels: NDArray[np.intp]) -> _OneStep:
        return _OneStep(self.scale[channels], self.offset[channels], self.low, self.high)

    def __call__(self, acc: NDArray[Any], output: NDArray[Any]) -> None:
        n = acc.shape[-1]
        scaled = acc * self.scale[:n]
        scaled += self.offset[:n]
        scaled.clip(0.0, float(self.high - self.low), out=scaled)
        # what is not negative is rounded down by the conversion; adding `low` may then wrap as it likes
        unsigned = output.view(f"u{output.itemsize}")
        np.copyto(unsigned, scaled, casting="unsafe")
        if self.low:
            np.add(unsigned, unsigned.dtype.type(self.low % 256**output.itemsize), out=unsigned)


@dataclass(frozen=True, slots=True)
class _TwoSteps:
    """h = ⌊acc · scale + offset⌋; clamp(⌊(h − (h < 0) + added) / 2^right⌋, low, high); right > 0."""

    scale: Float64s
    offset: Float64s
    added: NDArray[np.int32]
    right: NDArray[np.int32]
    low: int
    high: int

    def select(self, channels: NDArray[np.intp]) -> _TwoSteps:
        return _TwoSteps(
            self.scale[channels],
            self.offset[channels],
            self.added[channels],
            self.right[channels],
            self.low,
            self.high,
        )

    def __call__(self, acc: NDArray[Any], output: NDArray[Any]) -> None:
        n = acc.shape[-1]
        scaled = acc * self.scale[:n]
        scaled += self.offset[:n]
        h = np.floor(scaled, out=scaled).astype(np.int32)
        h += h >> np.int32(31)
        h += self.added[:n]
        h >>= self.right[:n]
        h.clip(np.int32(self.low), np.int32(self.high), out=h)
        np.copyto(output, h, casting="unsafe")


def _agree(a: _Form, b: _Form, estimates: Float64s, reach: Float64s, dtype: np.dtype[Any]) -> bool:
    """Whether two forms that never decrease give the same for all accumulators up to `reach`.

    They are compared around `estimates` of the places where the output of a channel changes, [steps, channels],
    and at both ends. That proves it if the output of one does not change in between.
    """
    around = np.floor(estimates[:, None] + np.arange(-2.0, 4.0)[:, None]).reshape(-1, reach.size)
    points = np.sort(np.concatenate([np.clip(around, -reach, reach), [-reach, reach]]), axis=0)
    outputs = [np.empty(points.shape, dtype) for _ in range(2)]
    a(points, outputs[0])
    b(points, outputs[1])
    stays = (np.diff(points, axis=0) <= 1) | (outputs[0][1:] == outputs[0][:-1])
    return bool((outputs[0] == outputs[1]).all() and stays.all())


def _repeats(channels: int, rows: int) -> int:
    """How often to repeat the channels, best so that `rows` rows are used up without a rest."""
    usual = max(1, _WIDTH // channels)
    divisors = (r for r in range(min(2 * usual, rows), usual // 4, -1) if rows % r == 0)
    return next(divisors, usual)
