"""Elementwise arithmetic on plain numbers: integers and floats, not quantized ones.

Each function takes `x` (and `y`) of one element type, which broadcast as NumPy arrays do, and writes into
`output`, of their broadcast shape. Integers wrap on overflow. Where there is a fused activation, the result is
clamped to [low, high], scalars of the element type; without one TFLite clamps floats to the finite numbers.

Source of the formulas: TFLite's `kernels/internal/reference` (add.h, sub.h, mul.h, div.h, floor_div.h,
floor_mod.h, maximum_minimum.h) and `kernels` (pow.cc, atan2.cc, right_shift.cc, stablehlo_elementwise.h), checked
against the native runtimes. Quantized numbers are in `elementwise_quantized.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cast import cast_to_bfloat16, from_bfloat16, make_nans_canonical
from .clamp import clamp
from .libm_binary import atan2f, powf

Array = NDArray[Any]
Float32s = NDArray[np.float32]


@np.errstate(all="ignore")
def add(x: Array, y: Array, output: Array, *, low: Any, high: Any) -> None:
    """x + y, clamped."""
    np.add(x, y, out=output)
    if output.dtype == np.float16:
        make_nans_canonical(output)
    clamp(output, low, high)


@np.errstate(all="ignore")
def subtract(x: Array, y: Array, output: Array, *, low: Any, high: Any) -> None:
    """x − y, clamped."""
    np.subtract(x, y, out=output)
    clamp(output, low, high)


@np.errstate(all="ignore")
def multiply(x: Array, y: Array, output: Array, *, low: Any, high: Any) -> None:
    """x · y, clamped."""
    np.multiply(x, y, out=output)
    if output.dtype == np.float16:
        make_nans_canonical(output)
    clamp(output, low, high)


@np.errstate(all="ignore")
def multiply_complex64(
    x: NDArray[np.complex64], y: NDArray[np.complex64], output: NDArray[np.complex64]
) -> None:
    """x · y of complex numbers.

    Written out because NumPy may fuse a multiplication and an addition, and because C (annex G) recovers
    infinities where the textbook formula gives NaN + NaN·i.
    """
    a, b, c, d = x.real, x.imag, y.real, y.imag
    output.real = a * c - b * d
    output.imag = a * d + b * c
    lost = np.isnan(output.real) & np.isnan(output.imag)
    if lost.any():
        real, imag, is_infinite = _infinite_product(a, b, c, d)
        np.copyto(output.real, real, where=lost & is_infinite)
        np.copyto(output.imag, imag, where=lost & is_infinite)


def _infinite_product(
    a: Float32s, b: Float32s, c: Float32s, d: Float32s
) -> tuple[Float32s, Float32s, NDArray[np.bool_]]:
    """(a + b·i)(c + d·i) by annex G, for products that are infinite but come out as NaN + NaN·i; and which are."""

    def boxed(part: Float32s, where: NDArray[np.bool_]) -> Float32s:
        """Infinities become 1 and other numbers 0, with their signs."""
        return np.where(where, np.copysign(np.isinf(part).astype(np.float32), part), part)

    def without_nans(part: Float32s, where: NDArray[np.bool_]) -> Float32s:
        return np.where(where & np.isnan(part), np.copysign(np.float32(0), part), part)

    left, right = np.isinf(a) | np.isinf(b), np.isinf(c) | np.isinf(d)
    overflow = np.isinf(a * c) | np.isinf(b * d) | np.isinf(a * d) | np.isinf(b * c)
    overflow &= ~(left | right)
    a, b = (without_nans(boxed(part, left), right | overflow) for part in (a, b))
    c, d = (boxed(without_nans(part, left | overflow), right) for part in (c, d))
    infinity = np.float32(np.inf)
    return infinity * (a * c - b * d), infinity * (a * d + b * c), left | right | overflow


@np.errstate(all="ignore")
def divide(x: Float32s, y: Float32s, output: Float32s, *, low: Any, high: Any) -> None:
    """x / y of floats, clamped."""
    np.divide(x, y, out=output)
    clamp(output, low, high)


def divide_int32(
    x: NDArray[np.int32], y: NDArray[np.int32], output: NDArray[np.int32], *, low: Any, high: Any
) -> None:
    """x / y rounded towards zero, clamped. −2^31 / −1 saturates. No y may be zero."""
    output[...] = np.minimum(np.divide(x, y, dtype=np.float64), np.iinfo(np.int32).max)
    clamp(output, low, high)


@np.errstate(all="ignore")
def floor_divide(x: Array, y: Array, output: Array) -> None:
    """The floor of x / y, computed in double and converted back. No y may be zero.

    The one integer quotient that does not fit, −2^(n−1) / −1, wraps.
    """
    quotient = np.floor(np.divide(x, y, dtype=np.float64))
    output[...] = quotient if output.dtype.kind == "f" else quotient.astype(np.int64)


@np.errstate(all="ignore")
def floor_modulo(x: Array, y: Array, output: Array) -> None:
    """What is left of x after a division by y, with the sign of y. Of integers, no y may be zero."""
    rest = np.fmod(x, y)
    output[...] = np.where((rest != 0) & ((y < 0) != (rest < 0)), rest + y, rest)


def plainly(function: np.ufunc) -> Callable[[Array, Array, Array], None]:
    """A function of NumPy as it is: silent, and not clamped."""

    @np.errstate(all="ignore")
    def compute(x: Array, y: Array, output: Array) -> None:
        function(x, y, out=output)
        if output.dtype == np.float16:
            make_nans_canonical(output)

    return compute


@np.errstate(all="ignore")
def squared_difference(x: Array, y: Array, output: Array) -> None:
    """(x − y)²; integers wrap."""
    difference = x - y
    np.multiply(difference, difference, out=output)


def power_int32(x: NDArray[np.int32], y: NDArray[np.int32], output: NDArray[np.int32]) -> None:
    """x^y as a double converted to int32, on x86: −2^31 where it does not fit. No y may be negative."""
    with np.errstate(all="ignore"):
        power = np.rint(np.power(x, y, dtype=np.float64))  # NumPy may be off by a bit, C is not
    output[...] = np.where(np.abs(power) < 2.0**31, power, -(2.0**31))


def power_float(x: Float32s, y: Float32s, output: Float32s) -> None:
    """x^y."""
    output[...] = powf(x, y)


def multiply_to_power(x: Array, exponent: int, output: Array) -> None:
    """x to a whole power of at least 1, by squaring: integers wrap, and floats are clamped after each product."""
    output[...] = x
    limits = np.finfo(x.dtype) if x.dtype.kind == "f" else np.iinfo(x.dtype)
    low, high = x.dtype.type(limits.min), x.dtype.type(limits.max)
    for bit in f"{exponent:b}"[1:]:
        multiply(output, output, output, low=low, high=high)
        if bit == "1":
            multiply(x, output, output, low=low, high=high)


def arc_tangent_bfloat16(y: NDArray[np.uint16], x: NDArray[np.uint16], output: NDArray[np.uint16]) -> None:
    """atan2 of y and x, carried as the bits of bfloat16."""
    cast_to_bfloat16(atan2f(from_bfloat16(y), from_bfloat16(x)), output)


def arc_tangent(y: Array, x: Array, output: Array) -> None:
    """atan2 of y and x: of float64 by the C library, of smaller floats in float32."""
    if output.dtype == np.float64:
        # a NaN stays what it is, which Python's function does not see to
        angle = np.asarray(_ATAN2_OF_DOUBLES(y, x), np.float64)
        output[...] = np.where(np.isnan(x), x, np.where(np.isnan(y), y, angle))
    else:
        output[...] = atan2f(y.astype(np.float32), x.astype(np.float32))
        if output.dtype == np.float16:
            make_nans_canonical(output)


# One call for each element, but with all bits right: NumPy's own may be off by some.
_ATAN2_OF_DOUBLES = np.frompyfunc(math.atan2, 2, 1)


def right_shift(x: Array, y: Array, output: Array) -> None:
    """x >> y; counts below zero shift by 0, and larger ones than there are bits by one less than these."""
    count = np.clip(y, 0, 8 * x.itemsize - 1).astype(x.dtype)
    np.right_shift(x, count, out=output)


def left_shift(x: Array, y: Array, output: Array) -> None:
    """x << y; 0 for counts below zero and as large as there are bits, which C leaves undefined."""
    fits = (y >= 0) & (y < 8 * x.itemsize)
    output[...] = np.where(fits, np.left_shift(x, np.where(fits, y, 0).astype(x.dtype)), 0)


def maximum(x: Array, y: Array, output: Array) -> None:
    """The larger number of two integers."""
    np.maximum(x, y, out=output)


def minimum(x: Array, y: Array, output: Array) -> None:
    """The smaller number of two integers."""
    np.minimum(x, y, out=output)


def maximum_float(x: Array, y: Array, output: Array) -> None:
    """x > y ? x : y, so that beside a NaN it is y that remains, and of two zeros y."""
    output[...] = np.where(x > y, x, y)


def minimum_float(x: Array, y: Array, output: Array) -> None:
    """x < y ? x : y, so that beside a NaN it is y that remains, and of two zeros y."""
    output[...] = np.where(x < y, x, y)


def maximum_bfloat16(x: NDArray[np.uint16], y: NDArray[np.uint16], output: NDArray[np.uint16]) -> None:
    """`maximum_float` of numbers carried as the bits of bfloat16."""
    output[...] = np.where(from_bfloat16(x) > from_bfloat16(y), x, y)


def minimum_bfloat16(x: NDArray[np.uint16], y: NDArray[np.uint16], output: NDArray[np.uint16]) -> None:
    """`minimum_float` of numbers carried as the bits of bfloat16."""
    output[...] = np.where(from_bfloat16(x) < from_bfloat16(y), x, y)


def maximum_or_first(x: Array, y: Array, output: Array) -> None:
    """C++'s `std::max`: x < y ? y : x, so that beside a NaN it is x that remains, and of two zeros x."""
    output[...] = np.where(x < y, y, x)


def minimum_or_first(x: Array, y: Array, output: Array) -> None:
    """C++'s `std::min`: y < x ? y : x, so that beside a NaN it is x that remains, and of two zeros x."""
    output[...] = np.where(y < x, y, x)
