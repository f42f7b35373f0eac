"""From accumulators to outputs: scale by a quantized multiplier, add the zero point, clamp.

What every integer operator with int32 accumulators ends with. Source of the formulas: the last lines of the
loops in TFLite's `reference_integer_ops` (conv, depthwise_conv, fully_connected), checked against the native
runtimes.

`requantize` and `requantize_int64` are the definitions, in fixed point. `Requantize` and `RequantizeInt64` give
the same several times faster, in float64, where that is exact: the product of an accumulator of 22 bits and a
multiplier of 31 bits is, and so is its sum with the rounding constants; what is left of the fixed-point formulas
are floors of exact numbers. For channels with larger accumulators it is proved by comparing both on either side
of every place where the output changes: that suffices, because neither ever decreases.

Twice as fast, again, is float32. Its rounding errors are as large as the distance of some accumulators from the place
where the output changes, but a channel whose accumulators come multiplied by some small number mostly has a scale and
an offset that are right for all of them. They are searched for, and proved in the same way.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar, Protocol, TypeVar

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
_F = TypeVar("_F", bound="_Floors")

_EXACT = 2.0**53  # integers below it are exact in float64
_UNKNOWN = 2.0**62  # larger than any accumulator
_MOST_STEPS = 256  # outputs with more values than that are not compared one by one
_WIDTH = 2**11  # constants are repeated to rows of about so many elements: NumPy's inner loops want long ones
_FACTORS = range(1, 64, 2)  # what accumulators are multiplied by for float32; even numbers change no rounding
_EXACT_IN_FLOAT32 = 2.0**24
_BLOCK = (
    2**15
)  # so many elements are worked on at a time where there are temporaries, which then stay in the cache


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
        takes_multiples: bool,
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
        #: What the accumulators of each channel must be multiplied by, int64.
        self.factors = np.ones(channels[0].size, np.int64)
        self._per_channel = self._find_form(*channels) or self._define(*channels[:3])
        if takes_multiples and isinstance(self._per_channel, _OneStep):
            found = _find_float32(self._per_channel, channels[3])
            if found is not None:
                self._per_channel, self.factors = found
        self._block = _BLOCK if self._per_channel.has_temporaries else sys.maxsize
        self.expect_rows(0)

    def expect_rows(self, rows: int) -> None:
        """Prepare for so many accumulators of each channel at a time, mostly; others may still come."""
        repeats = _repeats(self.factors.size, rows)
        self._width = self.factors.size * repeats
        self._form = self._per_channel.select(np.tile(np.arange(self.factors.size), repeats))

    def _find_form(self, q: Float64s, shifts: Float64s, biases: Float64s, reach: Float64s) -> _Form | None:
        """A float64 form that is exact for accumulators up to `reach`, or None; one element per channel."""
        raise NotImplementedError

    def _define(self, q: Float64s, shifts: Float64s, biases: Float64s) -> _Form:
        """The definition."""
        raise NotImplementedError

    def __call__(self, acc: NDArray[Any], output: NDArray[Any] | None = None) -> NDArray[Any]:
        """The outputs for accumulators, whose last axis are the channels: integers, in any element type.

        Those of each channel are multiplied by its factor. They are written into `output` (of the same shape) if
        it is given.
        """
        if output is None:
            output = np.empty(acc.shape, self.dtype)
        if not (acc.flags.c_contiguous and output.flags.c_contiguous):
            output[...] = self(np.ascontiguousarray(acc))
            return output
        width = self._width
        if acc.size <= self._block and acc.size % width == 0:
            self._form(acc.reshape(-1, width), output.reshape(-1, width))
            return output
        flat_acc, flat_output = acc.reshape(-1), output.reshape(-1)
        whole = acc.size // width * width
        step = width * max(1, self._block // width)
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
        takes_multiples: whether accumulators will come multiplied by `factors`, and may be overwritten.
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
        takes_multiples: bool = False,
    ) -> None:
        self.zero_point, self.low, self.high = zero_point, low, high
        super().__init__(multipliers, shifts, dtype, biases, reach, takes_multiples)

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
            form = _OneStep(
                multipliers / unit, (biases * multipliers + constant) / unit, self.low, self.high, self.dtype
            )
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
        takes_multiples: bool = False,
    ) -> None:
        self.zero_point, self.low, self.high = zero_point, low, high
        super().__init__(multipliers, shifts, dtype, biases, reach, takes_multiples)

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
        return _OneStep(
            multipliers / unit, (biases * multipliers + constant) / unit, self.low, self.high, self.dtype
        )


class _Form(Protocol):
    """A way to requantize, with constants that are one per channel, or repeated to rows of channels."""

    #: Whether it takes memory besides accumulators and outputs.
    has_temporaries: ClassVar[bool]

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
    has_temporaries: ClassVar[bool] = True

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


class _Floors:
    """clamp(low + ⌊acc scaled by scale and offset⌋, low, high)."""

    def __init__(
        self, scale: NDArray[Any], offset: NDArray[Any], low: int, high: int, dtype: np.dtype[Any]
    ) -> None:
        self.scale, self.offset, self.low, self.high, self.dtype = scale, offset, low, high, dtype
        self._span = float(high - low)
        self._unsigned = np.dtype(f"u{dtype.itemsize}")
        # an array, because NumPy takes longer to look at a number
        self._lowest = np.array(low % 256**dtype.itemsize, self._unsigned)

    def select(self: _F, channels: NDArray[np.intp]) -> _F:
        """See `_Form`."""
        return type(self)(self.scale[channels], self.offset[channels], self.low, self.high, self.dtype)

    def _round(self, scaled: NDArray[Any], output: NDArray[Any]) -> None:
        """Clamp and round down what is scaled, which is the caller's to lose."""
        scaled.clip(0.0, self._span, out=scaled)
        # what is not negative is rounded down by the conversion; adding `low` may then wrap as it likes
        unsigned = output.view(self._unsigned)
        np.copyto(unsigned, scaled, casting="unsafe")
        if self.low:
            np.add(unsigned, self._lowest, unsigned)


class _OneStep(_Floors):
    """clamp(low + ⌊acc · scale + offset⌋, low, high) in float64."""

    has_temporaries: ClassVar[bool] = True

    def __call__(self, acc: NDArray[Any], output: NDArray[Any]) -> None:
        """See `_Form`."""
        n = acc.shape[-1]
        scaled = np.multiply(acc, self.scale[:n])
        np.add(scaled, self.offset[:n], scaled)
        self._round(scaled, output)


class _InFloat32(_Floors):
    """clamp(low + ⌊(acc + offset) · scale⌋, low, high), both rounded to float32."""

    has_temporaries: ClassVar[bool] = False

    def __call__(self, acc: NDArray[Any], output: NDArray[Any]) -> None:
        """See `_Form`; accumulators are float32, multiplied by the factors of their channels, and overwritten."""
        n = acc.shape[-1]
        np.add(acc, self.offset[:n], acc)
        np.multiply(acc, self.scale[:n], acc)
        self._round(acc, output)


@dataclass(frozen=True, slots=True)
class _TwoSteps:
    """h = ⌊acc · scale + offset⌋; clamp(⌊(h − (h < 0) + added) / 2^right⌋, low, high); right > 0."""

    scale: Float64s
    offset: Float64s
    added: NDArray[np.int32]
    right: NDArray[np.int32]
    low: int
    high: int
    has_temporaries: ClassVar[bool] = True

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


@np.errstate(all="ignore")
def _find_float32(form: _OneStep, reach: Float64s) -> tuple[_InFloat32, Int64s] | None:
    """A form in float32 with the results of `form` for accumulators up to `reach`, and the factors that it needs.

    Both forms never decrease. So they agree if, for each output but the lowest, they do on the first accumulator that
    gives it (or the lowest accumulator, if that gives more) and on the one before (or the highest). With a factor and
    a scale given, these are bounds for the offset, and what is half-way between them is tried.
    """
    if not 0 < form.high - form.low < _MOST_STEPS or reach.max() > _EXACT_IN_FLOAT32:
        return None
    levels = np.arange(1.0, form.high - form.low + 1)[:, None]
    first = np.ceil((levels - form.offset) / form.scale)
    first[np.isnan(first)] = -np.inf  # a scale of zero, and the offset is that level
    at, before = np.maximum(first, -reach), np.minimum(first - 1, reach)
    never, always = first > reach, first <= -reach
    if not (
        (never | (at * form.scale + form.offset >= levels)).all()
        and (always | (before * form.scale + form.offset < levels)).all()
    ):
        return None  # the division was not exact enough
    at[never], before[always] = np.inf, -np.inf
    scales, offsets = np.empty((2, reach.size), np.float32)
    factors = np.empty(reach.size, np.int64)
    left = np.arange(reach.size)  # the channels of `at` and `before`, for which nothing is found yet
    for factor, nudge in product(_FACTORS, (0, 1, -1)):
        if (reach[left] * factor > _EXACT_IN_FLOAT32).any():
            return None
        # a scale that is next to nothing does not matter
        scale = (np.maximum(form.scale[left], 2.0**-30) / factor).astype(np.float32)
        scale = np.nextafter(scale, np.float32(nudge * np.inf)) if nudge else scale
        ideal, high, low = levels / scale, at * factor, before * factor
        lowest, highest = (ideal - high).max(axis=0), (ideal - low).min(axis=0)
        lowest = np.maximum(lowest, highest - 1 / scale)  # one of both may be infinite
        highest = np.minimum(highest, lowest + 1 / scale)
        offset = ((lowest + highest) / 2).astype(np.float32)
        fits = ((high.astype(np.float32) + offset) * scale >= levels).all(axis=0)
        fits &= ((low.astype(np.float32) + offset) * scale < levels).all(axis=0)
        scales[left], offsets[left], factors[left] = scale, offset, factor
        left, at, before = left[~fits], at[:, ~fits], before[:, ~fits]
        if not left.size:
            return _InFloat32(scales, offsets, form.low, form.high, form.dtype), factors
    return None


def _repeats(channels: int, rows: int) -> int:
    """How often to repeat the channels, best so that `rows` rows are used up without a rest."""
    usual = max(1, _WIDTH // channels)
    divisors = (r for r in range(min(2 * usual, rows), usual // 4, -1) if rows % r == 0)
    return next(divisors, usual)
