"""Float activations quantized on the fly, for operators with float inputs and int8 weights ("dynamic range").

Source of the formulas: LiteRT's `tensor_utils` (the NEON code, which its x86 builds run as well), checked
against the runtime. TFLite Micro has no such operators.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .libm import round_half_away

Float32s = NDArray[np.float32]

_TWO_31, _HALF = np.float32(2**31), np.float32(0.5)
_SIGN = np.uint32(1 << 31)
_LOWEST, _HIGHEST = np.float32(-128), np.float32(127)
_VECTOR = 8  # so many elements the native vector loop takes at once; the rest goes through C's round


@np.errstate(all="ignore")
def quantize_asymmetric(rows: Float32s) -> tuple[Float32s, Float32s, NDArray[np.int32]]:
    """Each row of `rows` (float32 [n, size]) as whole numbers in −128…127 with its own scale and zero point.

    Returns the numbers, float32 [n, size], scales float32 [n] and zero points int32 [n]: row ≈ scale · (number −
    zero point). A row of zeros has scale 1 and zero point 0, and so has one of NaNs, whose numbers are 0 (LiteRT's
    `fmin` and `fmax` leave NaNs out); NaNs among others become arbitrary values.
    """
    low = np.fmin(rows.min(axis=1, initial=np.inf), np.float32(0))
    high = np.fmax(rows.max(axis=1, initial=-np.inf), np.float32(0))
    scale = (high - low).astype(np.float64) / 255.0
    from_low, from_high = -128.0 - low / scale, 127.0 - high / scale
    low_is_closer = 128.0 + np.abs(low / scale) < 127.0 + np.abs(high / scale)
    exact = np.clip(np.where(low_is_closer, from_low, from_high), -128.0, 127.0)
    zero_points = np.nan_to_num(round_half_away(exact)).astype(np.int32)
    scales = scale.astype(np.float32)
    inverse = np.where(scales == 0, np.float32(0), np.float32(1) / scales)
    zeros = low == high
    scales[zeros], zero_points[zeros], inverse[zeros] = 1, 0, 1
    numbers = _quantize(rows, inverse, zero_points)
    if zeros.any():
        numbers[zeros] = 0
    return numbers, scales, zero_points


@np.errstate(all="ignore")
def quantize_symmetric(rows: Float32s) -> tuple[Float32s, Float32s]:
    """Each row of `rows` (float32 [n, size]) as whole numbers in −127…127 with its own scale.

    Returns the numbers, float32 [n, size], and scales float32 [n]: row ≈ scale · number. A row of zeros has scale 1.
    NaNs become arbitrary values.
    """
    reach = np.maximum(rows.max(axis=1, initial=0), -rows.min(axis=1, initial=0))
    zeros = reach == 0
    scales = reach / np.float32(127)
    inverse = np.float32(127) / reach
    scales[zeros], inverse[zeros] = 1, 1
    return _quantize(rows, inverse, None), scales


def _quantize(rows: Float32s, inverse: Float32s, zero_points: NDArray[np.int32] | None) -> Float32s:
    """round(row · inverse) + zero point, clipped to int8 (symmetrically without zero points), as the native loops do.

    A row of denormal numbers has an infinite inverse, and products that do not fit int32. Of these the vector loop
    takes the ends of int32, and adds the zero point, wrapping; the loop for the rest makes them the least if it
    is symmetric, else 0 if they are no number and saturates otherwise.
    """
    is_ordinary = all(0 < i < math.inf for i in inverse.tolist())  # then no product is far beyond ±255
    scaled = rows * inverse[:, None]
    whole = rows.shape[1] // _VECTOR * _VECTOR
    body, rest = scaled[:, :whole], scaled[:, whole:]
    body += _halves(body)
    if is_ordinary:
        if rest.size:
            rest[...] = round_half_away(rest)
        np.trunc(body, out=body)
        if zero_points is not None:  # else nothing is beyond −127…127
            scaled += zero_points[:, None].astype(np.float32)
            scaled.clip(_LOWEST, _HIGHEST, out=scaled)
        return scaled
    lowest = -127 if zero_points is None else -128
    offsets = np.zeros((1, 1), np.int32) if zero_points is None else zero_points[:, None]
    body = np.trunc(body)
    quantized = np.where(body >= _TWO_31, np.int32(2**31 - 1), _or_least(body).astype(np.int32)) + offsets
    rest = round_half_away(rest) + offsets.astype(np.float32)
    rest = _or_least(rest) if zero_points is None else np.where(np.isnan(rest), np.float32(0), rest)
    rest = np.clip(rest, lowest, 127).astype(np.int32)
    return np.concatenate([quantized, rest], axis=1).clip(lowest, 127).astype(np.float32)


def _halves(x: Float32s) -> Float32s:
    """A half with the sign of x: `np.copysign`, several times faster."""
    bits: NDArray[np.uint32] = x.view(np.uint32) & _SIGN
    bits |= _HALF.view(np.uint32)
    return bits.view(np.float32)


def _or_least(x: Float32s) -> Float32s:
    """x where it fits int32, else the least that does."""
    fitting: Float32s = np.where(np.abs(x) < _TWO_31, x, -_TWO_31)
    return fitting
