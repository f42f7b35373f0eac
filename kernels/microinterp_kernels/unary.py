"""Functions of one plain number: floats of 16, 32 and 64 bits, integers, booleans, complex numbers.

Each function takes `x` and writes into `output`, of its shape. Where NumPy has the function, operators use that one.

Source of the formulas: TFLite's `kernels/elementwise.cc`, `sign.cc`, `complex_support.cc` and `reference/round.h`,
checked against the native runtimes. Quantized numbers are in `unary_quantized.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cast import cast_to_bfloat16, cast_to_float16, from_bfloat16
from .libm import Float32s

Array = NDArray[Any]


@np.errstate(all="ignore")
def square_root(x: Float32s, output: Float32s) -> None:
    """√x; NaN for negative numbers."""
    np.sqrt(x, out=output)


@np.errstate(all="ignore")
def reciprocal_square_root(x: Float32s, output: Float32s) -> None:
    """1 / √x, rounded twice."""
    np.sqrt(x, out=output)
    np.divide(np.float32(1), output, out=output)


@np.errstate(all="ignore")
def square(x: Float32s, output: Float32s) -> None:
    """x²."""
    np.multiply(x, x, out=output)


@np.errstate(all="ignore")
def floor(x: Float32s) -> Float32s:
    """The largest whole number that is not above x."""
    return np.floor(x)


@np.errstate(all="ignore")
def ceil(x: Float32s) -> Float32s:
    """The least whole number that is not below x."""
    return np.ceil(x)


@np.errstate(all="ignore")
def round_half_even(x: Float32s) -> Float32s:
    """To the nearest whole number, halves to the even one. Numbers above −1 that round to zero become +0."""
    low = np.floor(x)
    rest = x - low
    stays = (rest < np.float32(0.5)) | ((rest == np.float32(0.5)) & (np.fmod(low, np.float32(2)) == 0))
    return np.where(stays, low, low + np.float32(1))


def sign(x: Array, output: Array) -> None:
    """−1, 0 or 1; a NaN stays. Both zeros become +0."""
    output[...] = np.where(x > 0, x.dtype.type(1), np.where(x < 0, x.dtype.type(-1), np.where(x == 0, 0, x)))


def negate_bits(x: NDArray[np.uint16], output: NDArray[np.uint16]) -> None:
    """−x of numbers carried as the bits of bfloat16."""
    np.bitwise_xor(x, np.uint16(0x8000), out=output)


def zeros(x: Array, output: Array) -> None:
    """Nothing but zeros."""
    output[...] = 0


def real(x: Array, output: Array) -> None:
    """The real part of complex numbers."""
    output[...] = x.real


def imaginary(x: Array, output: Array) -> None:
    """The imaginary part of complex numbers."""
    output[...] = x.imag


@np.errstate(all="ignore")
def magnitude(x: Array, output: Array) -> None:
    """The absolute value of complex numbers, by the C library's `hypot`; that of float32 computes in double."""
    if x.dtype == np.complex128:
        np.hypot(x.real, x.imag, out=output)
        return
    a, b = x.real.astype(np.float64), x.imag.astype(np.float64)
    size = np.sqrt(a * a + b * b).astype(np.float32)
    output[...] = np.where(np.isinf(a) | np.isinf(b), np.float32(np.inf), size)


def of_float16(
    function: Callable[[Float32s], Float32s], x: NDArray[np.float16], output: NDArray[np.float16]
) -> None:
    """A function of float32, its argument and result converted."""
    cast_to_float16(function(x.astype(np.float32)), output)


def of_bfloat16(
    function: Callable[[Float32s], Float32s], x: NDArray[np.uint16], output: NDArray[np.uint16]
) -> None:
    """A function of float32, its argument and result converted."""
    cast_to_bfloat16(function(from_bfloat16(x)), output)
