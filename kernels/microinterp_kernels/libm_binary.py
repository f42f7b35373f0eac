"""The C library's float32 functions of two numbers, vectorized, with glibc's results: see `libm.py`.

Hundreds of millions of random pairs were compared with glibc 2.36 on x86-64 with FMA instructions.

Provenance: `powf` is the algorithm of ARM's optimized-routines (MIT): a table and polynomials in double. `atan2f`
is that of Sun's fdlibm, in float32 throughout. The code is our own; the coefficients and the table are theirs.

All functions take two float32 arrays that broadcast and return a new one; they raise no floating-point warnings.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .libm import LOG_INVERSES, Float32s, exp2_in_double, split_for_logarithm

# log2(c) for each number c of which `LOG_INVERSES` holds the inverse.
_LOGS = np.array(
    [
        float.fromhex(log)
        for log in (
            "-0x1.efec65b963019p-2",
            "-0x1.b0b6832d4fca4p-2",
            "-0x1.7418b0a1fb77bp-2",
            "-0x1.39de91a6dcf7bp-2",
            "-0x1.01d9bf3f2b631p-2",
            "-0x1.97c1d1b3b7afp-3",
            "-0x1.2f9e393af3c9fp-3",
            "-0x1.960cbbf788d5cp-4",
            "-0x1.a6f9db6475fcep-5",
            "0x0p+0",
            "0x1.338ca9f24f53dp-4",
            "0x1.476a9543891bap-3",
            "0x1.e840b4ac4e4d2p-3",
            "0x1.40645f0c6651cp-2",
            "0x1.88e9c2c1b9ff8p-2",
            "0x1.ce0a44eb17bccp-2",
        )
    ]
)
# The inverses in two parts, the first so short that its product with a float32 is exact in double.
_INVERSES_HIGH = (LOG_INVERSES.view(np.int64) & ~np.int64(2**24 - 1)).view(np.float64)
_INVERSES_LOW = LOG_INVERSES - _INVERSES_HIGH
_A0, _A1, _A2, _A3, _A4 = map(
    float.fromhex,
    (
        "0x1.27616c9496e0bp-2",
        "-0x1.71969a075c67ap-2",
        "0x1.ec70a6ca7baddp-2",
        "-0x1.7154748bef6c8p-1",
        "0x1.71547652ab82bp0",
    ),
)
_ONE, _TWO, _THREE_HALVES = np.float32(1), np.float32(2), np.float32(1.5)
_INVALID = np.float32(-np.nan)  # with the sign that x86 gives it
_LEAST_LOG, _LARGEST_LOG = -160.0, 130.0  # of results that are not zero or infinite, and somewhat beyond


def _log2(x: Float32s) -> NDArray[np.float64]:
    """log2 of positive finite numbers, in double."""
    z, exponent, step = split_for_logarithm(x)
    # glibc rounds this only once (fused multiply-add)
    r = (z * _INVERSES_HIGH[step] - 1.0) + z * _INVERSES_LOW[step]
    base = _LOGS[step] + exponent
    r2 = r * r
    log: NDArray[np.float64] = (_A0 * r + _A1) * (r2 * r2) + ((_A2 * r + _A3) * r2 + (_A4 * r + base))
    return log


@np.errstate(all="ignore")
def powf(x: Float32s, y: Float32s) -> Float32s:
    """x^y, with C's results for zeros, infinities and NaNs; NaN for a negative x and a y that is not whole."""
    x, y = np.broadcast_arrays(x, y)
    whole = np.trunc(y) == y
    is_number = np.isfinite(x) & np.isfinite(y) & (x != 0)
    size = np.where(np.isnan(x) | np.isnan(y), x, np.abs(x))
    log = y * _log2(np.where(is_number, size, _ONE))
    power = exp2_in_double(np.clip(log, _LEAST_LOG, _LARGEST_LOG)).astype(np.float32)
    power = np.where(is_number, power, np.power(size, y))
    is_odd = y.astype(np.float64) % 2 == 1
    power = np.where(is_odd & np.signbit(x), -power, power)  # a negative NaN turns as well
    return np.where(is_number & (x < 0) & ~whole, _INVALID, power)


_PI, _PI_LOW = np.float32(np.pi), np.float32(-8.7422776573e-08)
_ATAN_HIGH = np.array([0, 4.6364760399e-01, 7.8539812565e-01, 9.8279368877e-01, 1.5707962513], np.float32)
_ATAN_LOW = np.array([0, 5.0121582440e-09, 3.7748947079e-08, 3.4473217170e-08, 7.5497894159e-08], np.float32)
_ATAN_ODD = np.array(
    [
        *(3.3333334327e-01, 1.4285714924e-01, 9.0908870101e-02, 6.6610731184e-02),
        *(4.9768779427e-02, 1.6285819933e-02),
    ],
    np.float32,
)
_ATAN_EVEN = np.array(
    [-2.0000000298e-01, -1.1111110449e-01, -7.6918758452e-02, -5.8335702866e-02, -3.6531571299e-02],
    np.float32,
)
_ATAN_BOUNDS = np.array([7 / 16, 11 / 16, 19 / 16, 39 / 16], np.float32)
_ATAN_TINY, _ATAN_HUGE = np.float32(2.0**-29), np.float32(2.0**25)


def _polynomial(coefficients: Float32s, x: Float32s) -> Float32s:
    result = np.broadcast_to(coefficients[-1], x.shape)
    for coefficient in coefficients[-2::-1]:
        result = coefficient + x * result
    return result


def _atan(x: Float32s) -> Float32s:
    """The arc tangent of numbers from zero to infinity, and NaN."""
    interval = np.where(np.isnan(x), 0, np.searchsorted(_ATAN_BOUNDS, x, side="right"))
    # tan(a − b) for the b of the interval: 0, atan(1/2), π/4, atan(3/2), π/2
    reduced = np.choose(
        interval,
        [
            x,
            (_TWO * x - _ONE) / (_TWO + x),
            (x - _ONE) / (x + _ONE),
            (x - _THREE_HALVES) / (_ONE + _THREE_HALVES * x),
            -_ONE / x,
        ],
    )
    z = reduced * reduced
    w = z * z
    product = reduced * (z * _polynomial(_ATAN_ODD, w) + w * _polynomial(_ATAN_EVEN, w))
    result = _ATAN_HIGH[interval] - ((product - _ATAN_LOW[interval]) - reduced)
    result = np.where(interval == 0, reduced - product, result)
    result = np.where(x < _ATAN_TINY, x, result)
    largest = _ATAN_HIGH[-1] + _ATAN_LOW[-1]
    return np.where(x >= _ATAN_HUGE, largest, result)


@np.errstate(all="ignore")
def atan2f(y: Float32s, x: Float32s) -> Float32s:
    """The angle of the point (x, y): from −π to π, with the sign of y."""
    ratio = np.abs(y / x)
    ratio = np.where(np.isinf(x) & np.isinf(y), _ONE, ratio)
    ratio = np.where((x == 0) & (y == 0), np.float32(0), ratio)
    angle = _atan(ratio)
    is_upright = np.where(np.isinf(y), np.isfinite(x), (x == 0) & (y != 0))
    angle = np.where(np.signbit(x) & ~is_upright, _PI - (angle - _PI_LOW), angle)
    # x + y on x86, of which NumPy's vector loops may keep the other NaN
    angle = np.where(np.isnan(x), x, np.where(np.isnan(y), y, angle))
    return np.where(np.isnan(angle), angle, np.copysign(angle, y))
