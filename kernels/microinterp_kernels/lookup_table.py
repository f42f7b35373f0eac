"""Unary functions of integers as tables, computed once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .fixed_point import clip_to
from .libm import Float32s, round_half_away

_Float = TypeVar("_Float", np.float32, np.float64)
_UNSIGNED: dict[int, type[np.unsignedinteger[Any]]] = {1: np.uint8, 2: np.uint16}


class LookupTable:
    """An elementwise function of an 8- or 16-bit integer type, as a table of its value for each input.

    `function` gets a 1-D array of all numbers of `input_type` and returns the array of their results, of any
    type. Calling the table with an array of `input_type`, of any shape, returns an array of results.
    """

    def __init__(self, function: Callable[[NDArray[Any]], NDArray[Any]], input_type: DTypeLike) -> None:
        self._index_type = _UNSIGNED[np.dtype(input_type).itemsize]
        indices = np.arange(np.iinfo(self._index_type).max + 1).astype(self._index_type)
        self.values = function(indices.view(input_type))

    def __call__(self, x: NDArray[Any]) -> NDArray[Any]:
        """The function of each element of `x`."""
        return self.values.take(x.view(self._index_type), mode="wrap")  # the quickest; none is out of range


def lookup_table_8bit(
    function: Callable[[Float32s], Float32s],
    input_type: DTypeLike,
    input_scale: float,
    input_zero_point: int,
    output_scale: float,
    output_zero_point: int,
) -> LookupTable:
    """A float32 function between two quantized 8-bit tensors of the same type (TFLite's `LUTPopulate`).

    Dequantizes, applies the function and quantizes, all in float32: round(function(x) · (1 / output_scale)) +
    output_zero_point, halves away from zero, saturating. What is no number becomes 0.
    """

    def requantized(q: NDArray[Any]) -> NDArray[Any]:
        with np.errstate(all="ignore"):
            inverse_scale = np.float32(1) / np.float32(output_scale)
            x = np.float32(input_scale) * (q.astype(np.int32) - np.int32(input_zero_point)).astype(np.float32)
            y = round_half_away(function(x) * inverse_scale) + np.float32(output_zero_point)
        y[np.isnan(y)] = 0
        return clip_to(y, input_type)

    return LookupTable(requantized, input_type)


_STEPS = 512


def interpolation_table_int16(
    function: Callable[[NDArray[_Float]], NDArray[_Float]],
    input_range: tuple[_Float, _Float],
    output_range: tuple[_Float, _Float],
) -> NDArray[np.int16]:
    """513 values of a function for `interpolate_int16`, at equal steps over `input_range` (TFLite's `LUTPopulate`).

    The ranges are the real numbers that −32768 and 32767 stand for, on either side; the computation is done in
    their type, float32 or float64. Each value but the last is shifted by half the error that a line to the next
    would make in the middle.
    """
    start, stop = input_range
    dtype = np.dtype(start.dtype).type
    two = dtype(2)
    step = (stop - start) / dtype(_STEPS)
    scale = dtype(65536) / (output_range[1] - output_range[0])
    points = start + np.arange(_STEPS + 1).astype(dtype) * step
    points[-1] = stop
    steps = start + np.arange(1, _STEPS + 1).astype(dtype) * step
    with np.errstate(all="ignore"):
        values = function(points)
        samples = round_half_away(values * scale)
        interpolated = round_half_away((function(steps) * scale + samples[:-1]) / two)
        middle = round_half_away(function(points[:-1] + step / two) * scale)
        samples[:-1] -= round_half_away((interpolated - middle) / two)
    return clip_to(samples, np.int16)


def interpolate_int16(x: NDArray[np.int16], table: NDArray[np.int16]) -> NDArray[np.int16]:
    """The function in an interpolation table at each element of an int16 array (TFLite's `LUTLookup`)."""
    index = (x >> 7) + np.int16(256)
    base: NDArray[np.int16] = table[index]
    slope = table[index + np.int16(1)] - base  # wraps, as int16
    delta: NDArray[np.int16] = ((slope.astype(np.int32) * (x & np.int16(0x7F)) + 64) >> 7).astype(np.int16)
    return base + delta


def lookup_table_int16(
    function: Callable[[Float32s], Float32s],
    input_scale: float,
    input_zero_point: int,
    output_scale: float,
    output_zero_point: int,
) -> LookupTable:
    """A float32 function between two quantized int16 tensors, interpolated as in `interpolation_table_int16`."""

    def bounds(scale: float, zero_point: int) -> tuple[np.float32, np.float32]:
        low, high = (np.float32(scale) * np.float32(limit - zero_point) for limit in (-32768, 32767))
        return low, high

    with np.errstate(all="ignore"):
        table = interpolation_table_int16(
            function, bounds(input_scale, input_zero_point), bounds(output_scale, output_zero_point)
        )
    return LookupTable(partial(interpolate_int16, table=table), np.int16)
