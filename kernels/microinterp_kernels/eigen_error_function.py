"""The complementary error function of float32 with the bits of Eigen, which LiteRT's GELU is built on.

As LiteRT's x86-64 builds have it: SSE, vectors of four, products and sums rounded one by one (no FMA).

Source of the formulas: Eigen of 2026 (`generic_fast_erfc`, `pexp_float`, `twoprod_low`), checked against LiteRT. The
code is our own; the coefficients of the polynomials are Eigen's (MPL 2.0, numbers only).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .eigen import float32s, leftovers, polynomial
from .libm import Float32s, expf

_ONE, _TWO, _ZERO, _HALF = np.float32(1), np.float32(2), np.float32(0), np.float32(0.5)
_LIMIT = np.float32(11)  # beyond it erfc is 0 or 2
_SMALL = float32s(
    *(5.61802298761904239654541015625e-04, -4.91381669417023658752441406250e-03),
    *(2.67075151205062866210937500000e-02, -1.12800106406211853027343750000e-01),
    *(3.76122951507568359375000000000e-01, -1.12837910652160644531250000000e00),
)
_LARGE_NUMERATOR = float32s(
    *(1.0208116471767425537109375e-01, 4.2920666933059692382812500e-01),
    *(3.2379078865051269531250000e-01, 5.3971976041793823242187500e-02),
)
_LARGE_DENOMINATOR = float32s(
    *(1.7251677811145782470703125e-02, 3.9137163758277893066406250e-01, 1.0),
    *(6.2173241376876831054687500e-01, 9.5662862062454223632812500e-02),
)
_SPLITTER = np.float32(2**12 + 1)

_EXP_IS_0 = np.float32(-104)  # below this
_STEPS_PER_UNIT = np.float32(1.44269504088896341)  # 1 / ln 2
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_EXP_C2, _EXP_C3, _EXP_C4, _EXP_C5, _EXP_C6 = float32s(
    *(0.49999988079071044921875, 0.16666518151760101318359375, 4.166965186595916748046875e-2),
    *(8.36894474923610687255859375e-3, 1.37449637986719608306884765625e-3),
)


def _exp(x: Float32s) -> Float32s:
    """e^x of numbers that fill vectors, none of them above zero."""
    m = np.floor(x * _STEPS_PER_UNIT + _HALF)
    r = x - m * _LN2_HIGH
    r = r - m * _LN2_LOW
    r2 = r * r
    even = r2 * (r2 * _EXP_C6 + _EXP_C4) + _EXP_C2
    odd = r2 * _EXP_C5 + _EXP_C3
    y = r2 * (r * odd + even) + (r + _ONE)
    return np.where(x < _EXP_IS_0, _ZERO, np.ldexp(y, m.astype(np.int32)))


def _square_error(x: Float32s, square: Float32s) -> Float32s:
    """The difference between x² and its rounded value."""
    gamma = _SPLITTER * x
    high = (x - gamma) + gamma
    low = x - high
    error: Float32s = (((high * high - square) + high * low) + low * high) + low * low
    return error


def _erfc(x: Float32s, exp: Callable[[Float32s], Float32s]) -> Float32s:
    x = np.maximum(np.minimum(x, _LIMIT), -_LIMIT)
    x2 = x * x
    small = x * polynomial(x2, _SMALL) + _ONE
    is_large = x2 > _ONE
    if not is_large.any():
        return small
    power = exp(np.where(is_large, -x2, _ZERO))
    power = power - power * _square_error(x, x2)
    inverse: Float32s = _ONE / x2
    ratio = polynomial(inverse, _LARGE_NUMERATOR) / (x * polynomial(inverse, _LARGE_DENOMINATOR))
    return np.where(is_large, power * ratio + np.where(x < _ZERO, _TWO, _ZERO), small)


@np.errstate(all="ignore")
def erfc_scalar(x: Float32s) -> Float32s:
    """1 − erf(x) of numbers that do not fill a vector: with the C library's exp."""
    return _erfc(x, expf)


@np.errstate(all="ignore")
def erfc(x: Float32s) -> Float32s:
    """1 − erf(x) of an array of any shape that starts at an aligned address."""
    flat = x.reshape(-1)
    y = _erfc(flat, _exp)
    rest = leftovers(0, flat.size)
    y[rest] = erfc_scalar(flat[rest])
    return y.reshape(x.shape)
