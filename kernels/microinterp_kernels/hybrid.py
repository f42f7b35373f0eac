"""Float activations quantized on the fly, for operators with float inputs and int8 weights ("dynamic range").

Source of the formulas: LiteRT's `tensor_utils` (the NEON code, which its x86 builds run as well), checked
against the runtime. TFLite Micro has no such operators.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Float = TypeVar("_Float", np.float32, np.float64)

_VECTOR = 8  # so many elements the native vector loop takes at once; the rest goes through C's round


def quantize_asymmetric(
    rows: NDArray[np.float32],
) -> tuple[NDArray[np.int8], NDArray[np.float32], NDArray[np.int32]]:
    """Each row of `rows` (float32 [n, size]) as int8 with its own scale and zero point.

    Returns int8 [n, size], scales float32 [n] and zero points int32 [n]: row ≈ scale · (int8 − zero point).
    A row of zeros has scale 1 and zero point 0. NaNs become arbitrary values.
    """
    low = np.minimum(rows.min(axis=1, initial=np.inf), np.float32(0))
    high = np.maximum(rows.max(axis=1, initial=-np.inf), np.float32(0))
    with np.errstate(all="ignore"):
        scale = (high - low).astype(np.float64) / 255.0
        from_low, from_high = -128.0 - low / scale, 127.0 - high / scale
        low_is_closer = 128.0 + np.abs(low / scale) < 127.0 + np.abs(high / scale)
        exact = np.clip(np.where(low_is_closer, from_low, from_high), -128.0, 127.0)
        zero_points = np.nan_to_num(_c_round(exact)).astype(np.int32)
        scales = scale.astype(np.float32)
        inverse = np.where(scales == 0, np.float32(0), np.float32(1) / scales)
    zeros = low == high
    scales[zeros], zero_points[zeros], inverse[zeros] = 1, 0, 0
    return _quantize(rows, inverse, zero_points, -128), scales, zero_points


def quantize_symmetric(rows: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Each row of `rows` (float32 [n, size]) as int8 in −127…127 with its own scale.

    Returns int8 [n, size] and scales float32 [n]: row ≈ scale · int8. A row of zeros has scale 1. NaNs become
    arbitrary values.
    """
    reach = np.abs(rows).max(axis=1, initial=0)
    zeros = reach == 0
    with np.errstate(all="ignore"):
        scales = reach / np.float32(127)
        inverse = np.float32(127) / reach
    scales[zeros], inverse[zeros] = 1, 0
    return _quantize(rows, inverse, np.zeros(len(rows), np.int32), -127), scales


def _quantize(
    rows: NDArray[np.float32], inverse: NDArray[np.float32], zero_points: NDArray[np.int32], lowest: int
) -> NDArray[np.int8]:
    """round(row · inverse) + zero point, clipped to lowest…127, with the native loops' two roundings."""
    with np.errstate(all="ignore"):
        scaled = rows * inverse[:, None]
        body = rows.shape[1] // _VECTOR * _VECTOR
        scaled[:, :body] = np.trunc(scaled[:, :body] + np.copysign(np.float32(0.5), scaled[:, :body]))
        scaled[:, body:] = _c_round(scaled[:, body:])
        # what does not fit int32 becomes its minimum, as x86 converts it
        scaled = np.where(np.abs(scaled) < 2**31, scaled, np.float32(-(2**31)))
    quantized: NDArray[np.int8] = np.clip(scaled.astype(np.int32) + zero_points[:, None], lowest, 127).astype(
        np.int8
    )
    return quantized


def _c_round(x: NDArray[_Float]) -> NDArray[_Float]:
    """C's `round`: to the nearest integer, halves away from zero, in the type of `x`."""
    whole = np.trunc(x)
    rounded: NDArray[_Float] = whole + np.copysign(np.abs(x - whole) >= 0.5, x).astype(x.dtype)
    return rounded
