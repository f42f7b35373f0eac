"""The C library's float32 functions, vectorized, with glibc's results to the last bit.

NumPy's own `exp`, `log` and `tanh` of float32 differ from the C library's in the last bit for up to a third
of all numbers, and the native runtimes call the C library. The results here are those of glibc 2.28 to 2.40
on x86-64 with FMA instructions, whatever machine they are computed on, so that a model gives the same result
everywhere. All 2^32 numbers were compared with glibc 2.36, NaNs bit for bit. (glibc has another `expf` for a
CPU without FMA; it differs in the last bit at two numbers, 32.564632 and −63.09946.)

Provenance: `expf` and `logf` are the algorithms of ARM's optimized-routines (MIT): a table and a polynomial
in double. `expm1f` and `tanhf` are those of Sun's fdlibm, in float32 throughout. The code is our own; the
polynomials' coefficients, fdlibm's constants and the table of `logf` are theirs.

All functions take a float32 array of any shape and return a new one; they raise no floating-point warnings.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Float32s = NDArray[np.float32]
_Float = TypeVar("_Float", np.float32, np.float64)


@np.errstate(all="ignore")
def round_half_away(x: NDArray[_Float]) -> NDArray[_Float]:
    """C's `roundf` and `round`: to the nearest whole number, halves away from zero. Takes float64 as well."""
    whole = np.trunc(x)
    return whole + np.copysign(np.abs(x - whole) >= 0.5, x).astype(x.dtype)


_BLOCK = 16384


def blockwise(function: Callable[[Float32s], Float32s]) -> Callable[[Float32s], Float32s]:
    """Make a function of 1-D arrays one of any shape, silent (C raises flags, not warnings), and fast on arrays
    that do not fit the cache.
    """

    @wraps(function)
    def in_blocks(x: Float32s) -> Float32s:
        flat = x.reshape(-1)
        with np.errstate(all="ignore"):
            if flat.size <= _BLOCK:
                return function(flat).reshape(x.shape)
            y = np.empty_like(flat)
            for start in range(0, flat.size, _BLOCK):
                block = slice(start, start + _BLOCK)
                y[block] = function(flat[block])
        return y.reshape(x.shape)

    return in_blocks


def _root_of_power_of_two(exponent: int, degree: int) -> float:
    """2^(exponent / degree) for a degree that is a power of two."""
    root = 1 << (100 * degree + exponent)
    for _ in range(degree.bit_length() - 1):
        root = math.isqrt(root)
    return root / 2**100


_EXP_STEPS = 32  # per power of two
# The bits of 2^(i / 32), each the nearest double (in integers, since the C library's pow may be off by a bit).
_EXP_TABLE = np.array([_root_of_power_of_two(i, _EXP_STEPS) for i in range(_EXP_STEPS)]).view(np.int64)
# Arrays, because NumPy takes longer to look at a number.
_EXP_C0 = np.array(1.0)
_EXP_C1 = np.array(float.fromhex("0x1.62e42ff0c52d6p-1") / _EXP_STEPS)
_EXP_C2 = np.array(float.fromhex("0x1.ebfce50fac4f3p-3") / _EXP_STEPS**2)
_EXP_C3 = np.array(float.fromhex("0x1.c6af84b912394p-5") / _EXP_STEPS**3)
_STEPS_PER_UNIT = np.array(float.fromhex("0x1.71547652b82fep+0") * _EXP_STEPS)  # 32 / ln 2
# The same in two parts, the first so short that its product with a float32 is exact in double.
_STEPS_PER_UNIT_HIGH = np.array(float.fromhex("0x1.715476p+0") * _EXP_STEPS)
_STEPS_PER_UNIT_LOW = np.array(_STEPS_PER_UNIT - _STEPS_PER_UNIT_HIGH)
# Added to a double below 2^51 it leaves the nearest whole number in the low bits of the sum.
_TO_INTEGER = np.array(1.5 * 2.0**52)
# Beyond these e^x is zero or infinite.
_STEP, _STEP_BITS, _MANTISSA_BITS = (np.array(v) for v in (_EXP_STEPS - 1, 5, 52))
_EXP_LOW, _EXP_HIGH = np.array(-104, np.float32), np.array(89, np.float32)


@blockwise
def expf(x: Float32s) -> Float32s:
    """e^x."""
    x64 = np.minimum(np.maximum(x, _EXP_LOW), _EXP_HIGH).astype(np.float64)
    # e^x = 2^(steps / 32) · 2^(rest / 32), where glibc rounds the rest only once (fused multiply-add)
    shifted = x64 * _STEPS_PER_UNIT + _TO_INTEGER
    rest = (x64 * _STEPS_PER_UNIT_HIGH - (shifted - _TO_INTEGER)) + x64 * _STEPS_PER_UNIT_LOW
    y: Float32s = _power_of_two(shifted, rest).astype(np.float32)
    return y


def _power_of_two(shifted: NDArray[np.float64], rest: NDArray[np.float64]) -> NDArray[np.float64]:
    """2^(steps / 32) · 2^(rest / 32), for the whole number of steps in the low bits of `shifted`."""
    polynomial = (_EXP_C3 * rest + _EXP_C2) * (rest * rest) + (_EXP_C1 * rest + _EXP_C0)
    steps = shifted.view(np.int64)
    power = _EXP_TABLE.take(steps & _STEP) + (steps >> _STEP_BITS << _MANTISSA_BITS)
    result: NDArray[np.float64] = polynomial * power.view(np.float64)
    return result


def exp2_in_double(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """2^x for |x| < 1000, as `powf` computes it: not quite to the last bit of a double."""
    steps = x * _EXP_STEPS
    shifted = steps + _TO_INTEGER
    return _power_of_two(shifted, steps - (shifted - _TO_INTEGER))


_LOG_STEPS = 16  # per power of two
_LOG_OFFSET = 0x3F330000  # the bits of the least number (about 0.7) that counts as 2^0 · something
# For each sixteenth: an inverse of a number c near its middle, and log(c).
LOG_INVERSES, _LOG_LOGS = np.array(
    [
        [float.fromhex(inverse), float.fromhex(log)]
        for inverse, log in (
            ("0x1.661ec79f8f3bep+0", "-0x1.57bf7808caadep-2"),
            ("0x1.571ed4aaf883dp+0", "-0x1.2bef0a7c06ddbp-2"),
            ("0x1.49539f0f010bp+0", "-0x1.01eae7f513a67p-2"),
            ("0x1.3c995b0b80385p+0", "-0x1.b31d8a68224e9p-3"),
            ("0x1.30d190c8864a5p+0", "-0x1.6574f0ac07758p-3"),
            ("0x1.25e227b0b8eap+0", "-0x1.1aa2bc79c81p-3"),
            ("0x1.1bb4a4a1a343fp+0", "-0x1.a4e76ce8c0e5ep-4"),
            ("0x1.12358f08ae5bap+0", "-0x1.1973c5a611cccp-4"),
            ("0x1.0953f419900a7p+0", "-0x1.252f438e10c1ep-5"),
            ("0x1p+0", "0x0p+0"),
            ("0x1.e608cfd9a47acp-1", "0x1.aa5aa5df25984p-5"),
            ("0x1.ca4b31f026aap-1", "0x1.c5e53aa362eb4p-4"),
            ("0x1.b2036576afce6p-1", "0x1.526e57720db08p-3"),
            ("0x1.9c2d163a1aa2dp-1", "0x1.bc2860d22477p-3"),
            ("0x1.886e6037841edp-1", "0x1.1058bc8a07ee1p-2"),
            ("0x1.767dcf5534862p-1", "0x1.4043057b6ee09p-2"),
        )
    ]
).T.copy()
_LN2 = float.fromhex("0x1.62e42fefa39efp-1")
_LOG_C4, _LOG_C3, _LOG_C2 = map(
    float.fromhex, ("-0x1.00ea348b88334p-2", "0x1.5575b0be00b6ap-2", "-0x1.ffffef20a4123p-2")
)


def split_for_logarithm(x: Float32s) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.int32]]:
    """Positive finite numbers as mantissa · 2^exponent, and the places of the mantissas in `LOG_INVERSES`."""
    is_small = x < np.float32(2.0**-126)
    bits = np.where(is_small, x * np.float32(2.0**23), x).view(np.int32)
    offset = bits - np.int32(_LOG_OFFSET)
    step = (offset >> np.int32(19)) & np.int32(_LOG_STEPS - 1)
    exponent = offset >> np.int32(23)  # typed, for NumPy 1 widens single numbers
    mantissa = (bits - (exponent << np.int32(23))).view(np.float32)
    return mantissa.astype(np.float64), exponent - np.int32(23) * is_small, step


@blockwise
def logf(x: Float32s) -> Float32s:
    """The natural logarithm: −inf of zero, NaN of negative numbers."""
    mantissa, exponent, step = split_for_logarithm(x)
    r = mantissa * LOG_INVERSES[step] - 1.0
    base = exponent * _LN2 + _LOG_LOGS[step]
    r2 = r * r
    result = ((_LOG_C4 * r2 + (_LOG_C3 * r + _LOG_C2)) * r2 + (base + r)).astype(np.float32)
    # like the logarithm, the square root keeps inf and NaN, and makes a NaN of negative numbers
    unusual = np.where(x == 0, np.float32(-np.inf), np.sqrt(x))
    return np.where((x > 0) & (x < np.float32(np.inf)), result, unusual)


def _float32(bits: int) -> np.float32:
    number: np.float32 = np.uint32(bits).view(np.float32)
    return number


# fdlibm's constants, float32 written as their bits.
_ZERO, _HALF, _ONE, _TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)
_LN2_HIGH, _LN2_LOW, _INVERSE_LN2 = _float32(0x3F317180), _float32(0x3717F7D1), _float32(0x3FB8AA3B)
_HALF_LN2, _THREE_HALVES_LN2 = _float32(0x3EB17218), _float32(0x3F851592)
_EXPM1_Q1, _EXPM1_Q2, _EXPM1_Q3, _EXPM1_Q4, _EXPM1_Q5 = map(
    _float32, (0xBD088889, 0x3AD00D01, 0xB8A670CD, 0x36867E54, 0xB457EDBB)
)
# Beyond these e^x − 1 is −1 or infinite.
_EXPM1_LOW, _EXPM1_HIGH = _float32(0xC195B844), _float32(0x42B17217)
_TANH_HIGH = np.float32(22)  # tanh is 1 from here on


def _expm1_in_range(x: Float32s) -> Float32s:
    """e^x − 1 for _EXPM1_LOW ≤ x ≤ _EXPM1_HIGH, or NaN."""
    # x = k ln 2 + (reduced − correction), |reduced| ≤ ln 2 / 2
    size = np.abs(x)
    whole = np.trunc(_INVERSE_LN2 * x + np.copysign(_HALF, x))
    whole = np.where(size < _THREE_HALVES_LN2, np.copysign(_ONE, x), whole)
    whole = np.where(size > _HALF_LN2, whole, _ZERO)
    k = whole.astype(np.int32)
    high = x - whole * _LN2_HIGH
    low = whole * _LN2_LOW
    reduced = high - low
    correction = (high - reduced) - low

    half_x = _HALF * reduced
    half_x2 = reduced * half_x
    series = _EXPM1_Q4 + half_x2 * _EXPM1_Q5
    for coefficient in (_EXPM1_Q3, _EXPM1_Q2, _EXPM1_Q1, _ONE):
        series = coefficient + half_x2 * series
    t = np.float32(3) - series * half_x
    error = half_x2 * ((series - t) / (np.float32(6) - reduced * t))
    result_0 = reduced - (reduced * error - half_x2)  # if k is 0
    error = (reduced * (error - correction) - correction) - half_x2

    # e^x − 1 = 2^k (1 + reduced − error) − 1; for each k fdlibm subtracts the 1 where the least is lost
    rest = reduced - error
    power = (np.int32(127) - k << 23).view(np.float32)  # 2^−k; garbage where k is large and it is not used
    is_middle, is_large = (k >= 2) & (k < 23), (k >= 23) & (k <= 56)
    scaled = np.where(is_middle, _ONE - power, _ONE) - (error - reduced)
    scaled = np.where(is_large, (reduced - (error + power)) + _ONE, scaled)
    result = (scaled.view(np.int32) + (k << 23)).view(np.float32)
    result = np.where(is_middle | is_large, result, result - _ONE)
    result_1 = np.where(reduced < np.float32(-0.25), -_TWO * (error - (reduced + _HALF)), _ONE + _TWO * rest)
    result = np.where(k == 1, result_1, result)
    result = np.where(k == -1, _HALF * rest - _HALF, result)
    selected: Float32s = np.where(k == 0, result_0, result)
    return selected


@blockwise
def expm1f(x: Float32s) -> Float32s:
    """e^x − 1."""
    result = _expm1_in_range(np.minimum(np.maximum(x, _EXPM1_LOW), _EXPM1_HIGH))
    result[x > _EXPM1_HIGH] = np.inf
    return result


@blockwise
def tanhf(x: Float32s) -> Float32s:
    """The hyperbolic tangent."""
    size = np.minimum(np.abs(x), _TANH_HIGH)
    is_large = size >= _ONE
    t = _expm1_in_range(np.where(is_large, _TWO, -_TWO) * size)
    result = np.where(is_large, _ONE - _TWO / (t + _TWO), -t / (t + _TWO))
    y: Float32s = np.copysign(result, x)
    return y
