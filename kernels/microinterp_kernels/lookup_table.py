"""Unary functions of few possible inputs, computed once for all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .fixed_point import clip_to
from .libm import Float32s, round_half_away

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
        return self.values.take(x.view(self._index_type))


def lookup_table_8bit(
    function: Callable[[Float32s], Float32s],
    input_type: type[np.int8] | type[np.uint8],
    input_scale: float,
    input_zero_point: int,
    output_scale: float,
    output_zero_point: int,
) -> LookupTable:
    """A float32 function between two quantized 8-bit tensors of the same type (TFLite's `LUTPopulate`).

    Dequantizes, applies the function and quantizes, all in float32: round(function(x) · (1 / output_scale)) +
    output_zero_point, halves away from zero, saturating. What is no number or leaves int32 becomes the least.
    """
    limits = np.iinfo(input_type)

    def requantized(q: NDArray[Any]) -> NDArray[Any]:
        with np.errstate(all="ignore"):
            inverse_scale = np.float32(1) / np.float32(output_scale)
            x = np.float32(input_scale) * (q.astype(np.int32) - np.int32(input_zero_point)).astype(np.float32)
            y = round_half_away(function(x) * inverse_scale) + np.float32(output_zero_point)
        y[~(np.abs(y) < 2.0**31)] = limits.min  # as x86 converts to int32
        return clip_to(y, input_type)

    return LookupTable(requantized, input_type)
