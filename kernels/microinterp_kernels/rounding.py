"""Requantization of a few rows at a time: FULLY_CONNECTED, whose whole work may be a hundred multiplications.

`requantize_rows` gives what `Requantize` gives, `requantize_rows_in_double` what LiteRT's reference FULLY_CONNECTED
makes of its accumulators; both in as few NumPy calls as they take, on memory of their own, wherever float64 is exact.

A result that is rounded with halves away from zero is the integer part of scaled ± half. So is what gemmlowp makes
with its two roundings: it rounds up from n + ½ − 2^-(right + 1) on, and it rounds down from the negative of that on,
but for the very boundary, where a nudge upwards of half the spacing of all possible values decides.

Mostly there is a shorter way: no accumulator comes close to a place where the output changes, so that rounding errors
do not matter, nor which way a half is rounded. The output is then a floor, `RowFloors`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .fixed_point import Int64s, wrap_int32
from .requantize import Requantize

Array = NDArray[Any]
Float64s = NDArray[np.float64]

Step = Callable[[Array, Array], Any]  # accumulators [rows, channels], outputs of the same shape

_MOST = 2**15  # so many elements are worked on at a time, so that they stay in the cache
_EXACT = 2.0**53
# x plus this, even when rounded, only reaches an integer if x plus one half does
_BELOW_HALF = 0.5 - 2.0**-54


_ROUNDING = 2.0**-53  # what rounding to float64 changes a number by, at most and relatively
# From 2^12 to 2^13 the integer part of a float64 ends where its sixth byte does. 256 more, and that byte is an int8,
# too, even if negative. Rounding errors there are at most 2^-41.
_BASE = 2.0**12 + 256
_BYTE = 5 if sys.byteorder == "little" else 2


class RowFloors:
    """clamp(⌊acc · scale + offset⌋, low, high) in 8 bits; scales and offsets are one or one per channel.

    It is not the conversion to integers that rounds down, but taking the byte that holds the integer: the offset is
    `_BASE` higher than the formula says. `clearance` is how far acc · scale + offset stays from the integers where the
    output changes, whatever the accumulator, one or one per channel; rounding errors must be smaller.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        scales: Float64s,
        offsets: Float64s,
        clearance: Float64s,
        low: int,
        high: int,
        dtype: np.dtype[Any],
    ) -> None:
        # as large as the outputs, because NumPy takes longer to repeat them
        self.scales, self.offsets = (
            np.ascontiguousarray(np.broadcast_to(a, shape)) for a in (scales, offsets + _BASE)
        )
        self.clearance = clearance
        # arrays, because NumPy takes longer to look at a number
        self._low, self._high = np.array(low + _BASE), np.array(high + _BASE)
        self.scaled = np.empty(shape)
        self._bytes = self.scaled.view(dtype)[:, _BYTE::8]

    def __call__(self, acc: Array, output: Array) -> None:
        """Requantize accumulators [rows, channels] into `output` of the same shape."""
        scaled = self.scaled
        scaled[...] = acc  # converting first is faster than multiplying different types
        np.multiply(scaled, self.scales, scaled)
        np.add(scaled, self.offsets, scaled)
        self.finish(scaled, output)

    def finish(self, scaled: Float64s, output: Array) -> None:
        """Clamp and round down; `scaled` is the attribute of that name, its values acc · scale + offset."""
        np.maximum(scaled, self._low, out=scaled)
        np.minimum(scaled, self._high, out=scaled)
        output[...] = self._bytes

    def fold(self, columns: Int64s, reach: NDArray[Any]) -> Float64s | None:
        """The matrix whose product with rows that end with a one gives acc · scale + offset, if it is exact enough.

        `columns` [k, channels] gives the accumulators, `reach` is what none of them exceeds in magnitude.
        """
        matrix: Float64s = np.concatenate([columns * self.scales[:1], self.offsets[:1]])
        errors = 2 * _ROUNDING * (len(matrix) + 4) * (reach * self.scales[0] + np.abs(self.offsets[0]))
        return matrix if (errors < self.clearance).all() else None


def _floor_rows(
    rows: int,
    scales: Float64s,
    thresholds: Float64s,
    biases: Int64s,
    reach: ArrayLike,
    zero_point: int,
    low: int,
    high: int,
    dtype: Any,
) -> Step | None:
    """`RowFloors` for outputs that become zero_point + 1 where (acc + bias) · scale reaches `thresholds`; or None.

    The output goes up by one with each further 1 that is reached, in either direction. `thresholds` and `scales`
    (exact) are one or one per channel.
    """
    if np.dtype(dtype).itemsize > 1 or not (scales > 0).all():
        return None
    steps = np.arange(low - zero_point, high - zero_point)[:, None] + thresholds
    where = steps / scales
    clearance = np.abs(where - np.rint(where)).min(axis=0, initial=0.5) * scales
    offsets = biases * scales + (zero_point + 1 - thresholds)
    largest = np.asarray(reach) * scales + 2 * np.abs(biases * scales)
    if (clearance <= 4 * _ROUNDING * (largest + 2 * _BASE)).any():
        return None
    channels = np.broadcast(offsets, largest).size

    def make(rows: int) -> RowFloors:
        return RowFloors((rows, channels), scales, offsets, clearance, low, high, np.dtype(dtype))

    return _in_blocks(make, rows, channels)


def _in_blocks(make: Callable[[int], Step], rows: int, channels: int) -> Step:
    """The step for that many rows, or those for several that share them."""
    most = max(1, _MOST // channels)
    if rows <= most:
        return make(rows)
    whole, rest = make(most), make(rows % most)

    def call_blocks(acc: Array, output: Array) -> None:
        last = rows // most * most
        for start in range(0, last, most):
            whole(acc[start : start + most], output[start : start + most])
        rest(acc[last:], output[last:])

    return call_blocks


class _RowRounding:
    """clamp(zero_point + integer part of ((acc + biases) · scales + nudges ± halves), low, high)."""

    def __init__(
        self,
        shape: tuple[int, int],
        biases: Int64s,
        scales: Float64s,
        nudges: Float64s,
        halves: Float64s,
        zero_point: int,
        low: int,
        high: int,
    ) -> None:
        # as large as the outputs, because NumPy takes longer to repeat them
        self.biases, self.scales, self.nudges, self.halves = (
            np.ascontiguousarray(np.broadcast_to(a, shape), np.float64)
            for a in (biases, scales, nudges, halves)
        )
        # arrays, because NumPy takes longer to look at a number
        self.low, self.high = np.array(low - zero_point, np.float64), np.array(high - zero_point, np.float64)
        self.zero_point = np.array(zero_point, np.int32)
        self._scaled, self._rest = np.empty(shape), np.empty(shape)
        self._whole = np.empty(shape, np.int32)

    def __call__(self, acc: Array, output: Array) -> None:
        """Requantize accumulators [rows, channels] into `output` of the same shape."""
        scaled, rest, whole = self._scaled, self._rest, self._whole
        scaled[...] = acc  # converting first is faster than adding different types
        np.add(scaled, self.biases, out=scaled)
        np.multiply(scaled, self.scales, out=scaled)
        np.add(scaled, self.nudges, out=scaled)
        np.copysign(self.halves, scaled, out=rest)
        np.add(scaled, rest, out=scaled)
        np.maximum(scaled, self.low, out=scaled)
        np.minimum(scaled, self.high, out=scaled)
        whole[...] = scaled
        np.add(whole, self.zero_point, out=whole)
        output[...] = whole


def requantize_rows(
    rows: int,
    multipliers: Int64s,
    shifts: Int64s,
    zero_point: int,
    low: int,
    high: int,
    dtype: Any,
    *,
    biases: Int64s | None = None,
    reach: ArrayLike | None = None,
) -> Step:
    """`Requantize`, or a function (accumulators [rows, channels], output) with the same results; see there."""
    general = partial(Requantize, multipliers, shifts, zero_point, low, high, dtype)
    if reach is None or (multipliers < 0).any():
        return general(biases=biases, reach=reach)
    biases = np.zeros(1, np.int64) if biases is None else biases
    left, right = np.maximum(shifts, 0), np.maximum(-shifts, 0)
    half_spacing = 2.0 ** -(32 + right)  # of the values that (acc + bias) · scale can take
    farthest = max(high - zero_point, zero_point - low) + 2  # beyond, rounding errors do not matter
    total = (np.asarray(reach, np.float64) + np.abs(biases.astype(np.float64))) * 2.0**left
    largest = np.minimum(total * multipliers * 2, farthest / half_spacing) + 2.0 ** (31 + right) + 2.0**31 + 1
    if (total >= 2.0**30).any() or (largest >= _EXACT).any():
        return general(biases=biases, reach=reach)
    scales = multipliers * 2.0 ** (left - 31 - right)
    halves = np.where(right > 0, 0.5 + 2.0 ** -(right + 1), 0.5)
    if low >= zero_point:  # which leaves the rounding of positive numbers
        step = _floor_rows(rows, scales, 1 - halves, biases, reach, zero_point, low, high, dtype)
        if step is not None:
            return step

    def make(rows: int) -> _RowRounding:
        shape = rows, largest.size
        return _RowRounding(shape, biases, scales, half_spacing, halves, zero_point, low, high)

    return _in_blocks(make, rows, largest.size)


def requantize_in_double(
    acc: Int64s, scales: Float64s, zero_point: int, low: int, high: int, *, wraps: bool
) -> Int64s:
    """clamp(zero_point + round(acc · scale), low, high) in float64, halves away from zero.

    Source of the formula: the `FullyConnected` of LiteRT's `reference/integer_ops/fully_connected.h` that takes
    float scales. `acc` is int64 and `wraps` to int32 if the native accumulator is one; `scales` are one or one per
    channel (the last axis). Results that do not fit int32 become its minimum, as x86 converts them.
    """
    with np.errstate(all="ignore"):
        scaled = (wrap_int32(acc) if wraps else acc) * scales
        rounded = np.trunc(scaled + np.copysign(_BELOW_HALF, scaled))
        whole = np.where(np.abs(rounded) < 2.0**31, rounded, -(2.0**31)).astype(np.int64)
    return np.minimum(np.maximum(wrap_int32(whole + zero_point), low), high)


def requantize_rows_in_double(
    rows: int,
    scales: Float64s,
    zero_point: int,
    low: int,
    high: int,
    dtype: Any,
    *,
    wraps: bool,
    biases: Int64s | None = None,
    reach: ArrayLike | None = None,
) -> Step:
    """A function (accumulators [rows, channels], output) with the results of `requantize_in_double`.

    `biases`, int64, one per channel, are added to the accumulators first. `reach` is what no accumulator exceeds
    in magnitude, one or one per channel; None: nothing is known.
    """
    biases = np.zeros(1, np.int64) if biases is None else biases
    total = np.asarray(np.inf if reach is None else reach, np.float64) + np.abs(biases.astype(np.float64))
    with np.errstate(all="ignore"):
        is_exact = (total < (2.0**31 if wraps else _EXACT)) & (total * np.abs(scales) < 2.0**30)
    if is_exact.all():
        step = _floor_rows(rows, scales, np.full(1, 0.5), biases, total, zero_point, low, high, dtype)
        if step is not None:
            return step
        nothing, halves = np.zeros(1), np.full(1, _BELOW_HALF)

        def make(rows: int) -> _RowRounding:
            shape = rows, is_exact.size
            return _RowRounding(shape, biases, scales, nothing, halves, zero_point, low, high)

        return _in_blocks(make, rows, is_exact.size)

    def define(acc: Array, output: Array) -> None:
        whole = acc.astype(np.int64) + biases
        output[...] = requantize_in_double(whole, scales, zero_point, low, high, wraps=wraps)

    return define
