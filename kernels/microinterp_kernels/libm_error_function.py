"""The C library's complementary error function of float32, vectorized, with glibc's results: see `libm.py`.

Provenance: the algorithm of Sun's fdlibm, in float32 throughout: a rational function for each of five ranges. The
code is our own; the coefficients are theirs, written as their bits.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from .libm import Float32s, blockwise, expf

_ONE, _TWO, _HALF = np.float32(1), np.float32(2), np.float32(0.5)


def _float32s(*bits: int) -> tuple[np.float32, ...]:
    """The constant term first."""
    return tuple(np.array(bits, np.uint32).view(np.float32))


_ERF_OF_1 = _float32s(0x3F58560B)[0]  # roughly
# Numerators and denominators: of |x| < 0.84375; of 0.84375 ≤ |x| < 1.25, in |x| − 1; beyond, in 1 / x².
_NEAR_0 = (
    _float32s(0x3E0375D4, 0xBEA66BEB, 0xBCE9528F, 0xBBBD1489, 0xB7C756B1),
    _float32s(0x3F800000, 0x3ECBBBCE, 0x3D852A63, 0x3BA68116, 0x390AEE49, 0xB684E21A),
)
_NEAR_1 = (
    _float32s(0xBB1ACDC6, 0x3ED46805, 0xBEBE9208, 0x3EA2FE54, 0xBDE31CC2, 0x3D1151B3, 0xBB0DF9C0),
    _float32s(0x3F800000, 0x3DD9F331, 0x3F0A5785, 0x3D931AE7, 0x3E013307, 0x3C5F6E13, 0x3C445AA3),
)
_FAR = (
    _float32s(
        *(0xBC21A093, 0xBF31A0B7, 0xC128F022, 0xC2798057),
        *(0xC322658C, 0xC3389AE7, 0xC2A2932B, 0xC11D077E),
    ),
    _float32s(
        *(0x3F800000, 0x419D35CE, 0x4309A863, 0x43D9486F, 0x442158C9),
        *(0x43D6810B, 0x42D9451F, 0x40D23F7C, 0xBD777F97),
    ),
)
_VERY_FAR = (
    _float32s(0xBC21A092, 0xBF4C9DD4, 0xC18E104B, 0xC320A2EA, 0xC41F6441, 0xC480230B, 0xC3F1C275),
    _float32s(
        *(0x3F800000, 0x41F2B459, 0x43A2E571, 0x44C01759),
        *(0x4547FDBB, 0x451F90CE, 0x43ED43A7, 0xC1B38712),
    ),
)
_NEAR_1_FROM, _FAR_FROM, _VERY_FAR_FROM = np.float32(0.84375), np.float32(1.25), _float32s(0x4036DB6D)[0]
_IS_0_FROM, _IS_2_TO = np.float32(28), np.float32(-6)


def _polynomial(coefficients: tuple[np.float32, ...], x: Float32s) -> Float32s:
    *others, last = coefficients
    y = x * last
    for coefficient in reversed(others[1:]):
        y = x * (coefficient + y)
    result: Float32s = others[0] + y
    return result


def _ratio(polynomials: tuple[tuple[np.float32, ...], tuple[np.float32, ...]], x: Float32s) -> Float32s:
    return _polynomial(polynomials[0], x) / _polynomial(polynomials[1], x)


def _near_0(x: Float32s) -> Float32s:
    y = _ratio(_NEAR_0, x * x)
    return np.where(x < np.float32(0.25), _ONE - (x + x * y), _HALF - (x * y + (x - _HALF)))


def _near_1(x: Float32s) -> Float32s:
    y = _ratio(_NEAR_1, np.abs(x) - _ONE)
    return np.where(x >= 0, (_ONE - _ERF_OF_1) - y, _ONE + (_ERF_OF_1 + y))


def _far(x: Float32s, polynomials: tuple[tuple[np.float32, ...], tuple[np.float32, ...]]) -> Float32s:
    size: Float32s = np.abs(x)
    inverse: Float32s = _ONE / (size * size)
    ratio = _ratio(polynomials, inverse)
    short = (size.view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32)  # its square is exact
    exponent = (short - size) * (short + size) + ratio
    y = expf(-short * short - np.float32(0.5625)) * expf(exponent) / size
    return np.where(x > 0, y, _TWO - y)


@blockwise
def erfcf(x: Float32s) -> Float32s:
    """1 − erf(x)."""
    size = np.abs(x)
    ranges = (
        (size < _NEAR_1_FROM, _near_0),
        ((size >= _NEAR_1_FROM) & (size < _FAR_FROM), _near_1),
        ((size >= _FAR_FROM) & (size < _VERY_FAR_FROM), partial(_far, polynomials=_FAR)),
        ((x >= _VERY_FAR_FROM) & (x < _IS_0_FROM), partial(_far, polynomials=_VERY_FAR)),
        ((x <= -_VERY_FAR_FROM) & (x > _IS_2_TO), partial(_far, polynomials=_VERY_FAR)),
        (x >= _IS_0_FROM, np.zeros_like),
        (x <= _IS_2_TO, partial(np.full_like, fill_value=_TWO)),
    )
    result = x + x  # what is no number stays
    for where, function in ranges:
        result[where] = function(x[where])
    return result
