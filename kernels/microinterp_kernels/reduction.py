"""Reductions: many elements become one, along any axes of a tensor.

A reducer is given columns, [n, m] in C order, and returns [m]: each column reduced, from its first element to its last.
Sources of the formulas: TFLite's `reference/reduce.h` and LiteRT's `reduce.cc`, checked against the native runtimes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .fixed_point import (
    clip_to,
    multiply_by_quantized_multiplier,
    multiply_int64_by_quantized_multiplier,
    quantize_multiplier,
    wrap_int32,
)
from .summation import sum_in_order

Array = NDArray[Any]
Float32s = NDArray[np.float32]
Reducer = Callable[[Array], Array]


class Reduction:
    """A tensor of `shape`, reduced by `reducer` along `axes` (counted from the front, in ascending order)."""

    def __init__(self, shape: tuple[int, ...], axes: tuple[int, ...], reducer: Reducer) -> None:
        kept = tuple(i for i in range(len(shape)) if i not in axes)
        self._order = (*axes, *kept)
        self._columns = math.prod(shape[i] for i in axes), math.prod(shape[i] for i in kept)
        self.reducer = reducer

    def __call__(self, x: Array, output: Array) -> None:
        """Compute `output`, of any shape with as many elements, for `x`."""
        columns = np.ascontiguousarray(x.transpose(self._order)).reshape(self._columns)
        output[...] = self.reducer(columns).reshape(output.shape)


@np.errstate(all="ignore")
def add_up(columns: Array) -> Array:
    """Sums in the columns' own type: integers wrap, booleans are ORed, floats are added onto zero."""
    if columns.dtype == np.float32:
        return sum_in_order(columns)
    total: Array = np.add.reduce(columns, axis=0, dtype=columns.dtype)
    return total


@np.errstate(all="ignore")
def add_up_from_first(columns: Float32s) -> Float32s:
    """Float sums that start with the first element: that of −0s is −0."""
    if not len(columns):
        return np.zeros(columns.shape[1], np.float32)
    total: Float32s = np.add.accumulate(columns, axis=0)[-1]
    return total


@np.errstate(all="ignore")
def multiply_up(columns: Array) -> Array:
    """Products in the columns' own type: integers wrap, booleans are ANDed."""
    if columns.dtype == np.float32 and columns.shape[1] == 1 and len(columns):
        product: Array = np.multiply.accumulate(columns, axis=0)[-1]  # NumPy reduces a single column in parts
    else:
        product = np.multiply.reduce(columns, axis=0, dtype=columns.dtype)
    return product


def largest(columns: Array) -> Array:
    """The largest integers or booleans; of none, the least."""
    least = False if columns.dtype == np.bool_ else np.iinfo(columns.dtype).min
    result: Array = np.maximum.reduce(columns, axis=0, initial=least)
    return result


def smallest(columns: Array) -> Array:
    """The smallest integers or booleans; of none, the largest."""
    most = True if columns.dtype == np.bool_ else np.iinfo(columns.dtype).max
    result: Array = np.minimum.reduce(columns, axis=0, initial=most)
    return result


def largest_float(columns: Float32s) -> Float32s:
    """The largest numbers, of equal ones the first, at least the least finite number; NaNs do not count."""
    lowest = np.finfo(np.float32).min
    if not len(columns):
        return np.full(columns.shape[1], lowest)
    return np.maximum(_first_largest(columns), lowest)


def largest_float_from_first(columns: Float32s) -> Float32s:
    """The first number, replaced by each one that is larger: a NaN at the start stays, others do not count."""
    if not len(columns):
        return np.full(columns.shape[1], np.finfo(np.float32).min)
    return np.where(np.isnan(columns[0]), columns[0], _first_largest(columns))


def smallest_float(columns: Float32s) -> Float32s:
    """`largest_float` of the negative numbers, negated."""
    return -largest_float(-columns)


def smallest_float_from_first(columns: Float32s) -> Float32s:
    """`largest_float_from_first` of the negative numbers, negated."""
    return -largest_float_from_first(-columns)


def _first_largest(columns: Float32s) -> Float32s:
    numbers = np.where(np.isnan(columns), np.float32(-np.inf), columns)
    first: Float32s = np.take_along_axis(numbers, numbers.argmax(axis=0)[None], axis=0)[0]
    return first


def mean(columns: Array) -> Array:
    """Means of float32, int32 or int64; integers are added up in int64 and divided truncating. Of none, NaN or 0."""
    count = len(columns)
    means: Array
    if columns.dtype == np.float32:
        with np.errstate(all="ignore"):
            if not count:
                return np.full(columns.shape[1], np.float32(np.nan))
            means = sum_in_order(columns) / np.float32(count)
            return means
    total = np.add.reduce(columns, axis=0, dtype=np.int64)
    whole = total // max(count, 1)
    means = whole + ((total < 0) & (whole * max(count, 1) != total))
    return means


class SumQuantized:
    """Sums of `count` quantized numbers, requantized; `scale` is the input's scale over the output's.

    With `mean` their means. The result has the element type of the columns; that of no numbers at all is 0.
    """

    def __init__(
        self, count: int, scale: float, zero_point: int, output_zero_point: int, *, mean: bool
    ) -> None:
        self.multiplier, self.shift = quantize_multiplier(scale)
        if mean and count:
            shift = min(count.bit_length() - 1, 32, 31 + self.shift)
            self.multiplier = (self.multiplier << shift) // count
            self.shift -= shift
        self.offset = zero_point * count
        self.output_zero_point = output_zero_point

    def __call__(self, columns: Array) -> Array:
        """The sums of the columns."""
        if not len(columns):
            return np.zeros(columns.shape[1], columns.dtype)
        acc = wrap_int32(np.add.reduce(columns, axis=0, dtype=np.int64) - self.offset)
        scaled = multiply_by_quantized_multiplier(acc, self.multiplier, self.shift)
        return clip_to(scaled + self.output_zero_point, columns.dtype)


class MultiplyQuantized:
    """Products of `count` quantized numbers, rescaled after each multiplication; of none, 1 as nearly as can be."""

    def __init__(
        self, count: int, scale: float, output_scale: float, zero_point: int, output_zero_point: int
    ) -> None:
        with np.errstate(all="ignore"):
            root = np.float64(output_scale) ** (1.0 / count) if count else np.float64(1)
            self.multiplier, self.shift = quantize_multiplier(float(np.float64(scale) / root))
            one = np.nan_to_num(1 / np.float64(output_scale))
        self.zero_point, self.output_zero_point = zero_point, output_zero_point
        self.one = min(round(float(one)), 2**31)

    def __call__(self, columns: Array) -> Array:
        """The products of the columns."""
        numbers = columns.astype(np.int64) - self.zero_point
        if not len(columns):
            product = np.full(columns.shape[1], self.one, np.int64)
        else:
            product = numbers[0]
            for factor in numbers[1:]:
                product = self._rescale(product * factor)
            product = self._rescale(product)
        return clip_to(product + self.output_zero_point, columns.dtype)

    def _rescale(self, product: NDArray[np.int64]) -> NDArray[np.int64]:
        return multiply_int64_by_quantized_multiplier(product, self.multiplier, self.shift)
