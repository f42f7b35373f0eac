"""Float32 functions and matrix products with the bits of Eigen, which LiteRT's recurrent operators are built on.

As LiteRT's x86-64 builds have it: SSE, vectors of four, products and sums rounded one by one (no FMA).

Source of the formulas: Eigen of March 2026 (`ptanh_float`, `scalar_logistic_op`, `GeneralMatrixVector.h`,
`GeneralBlockPanelKernel.h`, `InnerProduct.h`), checked against LiteRT. The code is our own; the coefficients of the
rational functions are Eigen's (MPL 2.0, numbers only).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .libm import expf
from .summation import (
    Float32s,
    Sum,
    dot_products,
    sum_even_and_odd,
    sum_in_order,
    sum_lanes_in_halves,
    sum_quarters,
    sum_unrolled_lanes,
)

_VECTOR = 4
_SMALL_PRODUCT = 20  # rows + columns + depth below this are not worth Eigen's blocks


def float32s(*values: float) -> tuple[np.float32, ...]:
    """The values rounded to float32."""
    return tuple(np.float32(v) for v in values)


_ONE, _HALF = np.float32(1), np.float32(0.5)

_TANH_LIMIT = np.float32(7.90738964080810547)  # from here on the rational function is exactly 1
_TANH_NUMERATOR = float32s(1.394553628e-8, 2.102733560e-5, 3.520756727e-3, 1.340216100e-1)
_TANH_DENOMINATOR = float32s(8.015776984e-7, 3.326951409e-4, 2.597254514e-2, 4.673548340e-1, 1.0)


@np.errstate(all="ignore")
def tanh(x: Float32s) -> Float32s:
    """tanh(x): a rational function of degree 9/8 (`ptanh_float`)."""
    x = np.maximum(np.minimum(x, _TANH_LIMIT), -_TANH_LIMIT)
    x2 = x * x
    numerator = x2 * x * polynomial(x2, _TANH_NUMERATOR) + x
    return numerator / polynomial(x2, _TANH_DENOMINATOR)


def polynomial(x: Float32s, coefficients: Sequence[np.float32]) -> Float32s:
    """A polynomial of x by Horner's rule, the highest power first."""
    first, second, *others = coefficients
    y: Float32s = first * x + second
    for coefficient in others:
        y = y * x + coefficient
    return y


_LOGISTIC_IS_1 = np.float32(16.6355324)  # from here on
_LOGISTIC_IS_0 = np.float32(-104)  # below this
_STEPS_PER_UNIT = np.float32(1.44269504088896341)  # 1 / ln 2
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_EXP_C2, _EXP_C3, _EXP_C4, _EXP_C5 = float32s(
    0.49999141693115234375,
    0.16666877269744873046875,
    4.1898667812347412109375e-2,
    8.33471305668354034423828125e-3,
)


@np.errstate(all="ignore")
def logistic(x: Float32s) -> Float32s:
    """1 / (1 + e^−x) of numbers that fill vectors (`scalar_logistic_op`); what is left over is `logistic_scalar`'s."""
    # e^(x / 2) = 2^m · e^r, then squared: so 2^m is never denormal
    half = np.minimum(x, _LOGISTIC_IS_1) * _HALF
    m = np.floor(half * _STEPS_PER_UNIT + _HALF)
    r = half - m * _LN2_HIGH
    r = r - m * _LN2_LOW
    r2 = r * r
    p = r * (r2 * _EXP_C5 + _EXP_C3) + (r2 * _EXP_C4 + _EXP_C2)
    p = r2 * p + (r + _ONE)
    exponent = np.minimum(np.maximum(m, np.float32(-127)), np.float32(128)).astype(np.int32) + np.int32(127)
    e = p * (exponent << 23).view(np.float32)
    e = e * e
    y: Float32s = np.where(x < _LOGISTIC_IS_0, np.float32(0), e / (_ONE + e))
    return y


@np.errstate(all="ignore")
def logistic_scalar(x: Float32s) -> Float32s:
    """1 / (1 + e^−x) of numbers that do not fill a vector: with the C library's exp."""
    e = expf(np.minimum(x, _LOGISTIC_IS_1))
    y: Float32s = e / (_ONE + e)
    return y


def leftovers(start: int, size: int) -> NDArray[np.bool_]:
    """Which of `size` float32 numbers do not fill vectors, stored `start` numbers behind an aligned address."""
    head = min(-start % _VECTOR, size)
    positions = np.arange(size)
    return (positions < head) | (positions >= head + (size - head) // _VECTOR * _VECTOR)


class MatrixProducts:
    """x · weightsᵀ for several matrices of weights, with rows of x in batches that Eigen multiplies at once.

    `weights` are float32 [nᵢ, k]. Calling it with x, float32 [rows, k] where rows is a multiple of `batch`, returns
    the products side by side, [rows, Σ nᵢ]; each is added up in the order that Eigen has for its place. Where
    batch > 1 and k > 680, Eigen's order depends on the size of the CPU's cache, and may be another.
    """

    def __init__(self, weights: Sequence[Float32s], batch: int) -> None:
        self._batch = batch
        columns = np.concatenate(weights).T
        self._columns = columns.shape[1]
        places: dict[tuple[int, int, Sum], list[NDArray[np.intp]]] = {}
        start = 0
        for matrix in weights:
            n, k = matrix.shape
            for (first_row, last_row), (first, last), order in _orders(n, batch, k):
                if first_row < last_row and first < last:
                    indices = np.arange(start + first, start + last)
                    places.setdefault((first_row, last_row, order), []).append(indices)
            start += n
        self._blocks: list[tuple[slice, NDArray[np.intp], Float32s, Sum]] = []
        for (first_row, last_row, order), parts in places.items():
            indices = np.concatenate(parts)
            block = np.ascontiguousarray(columns[:, indices])
            self._blocks.append((slice(first_row, last_row), indices, block, order))

    def __call__(self, x: Float32s) -> Float32s:
        """The products of the rows of `x`."""
        if len(self._blocks) == 1:
            _, _, columns, order = self._blocks[0]
            return dot_products(x, columns, order)
        k = x.shape[1]
        batches = x.reshape(len(x) // self._batch, self._batch, k)
        products = np.empty((len(batches), self._batch, self._columns), np.float32)
        for rows, indices, columns, order in self._blocks:
            some = batches[:, rows]
            block = dot_products(some.reshape(some.shape[0] * some.shape[1], k), columns, order)
            products[:, rows, indices] = block.reshape(*some.shape[:2], -1)
        return products.reshape(len(x), self._columns)


_Range: TypeAlias = tuple[int, int]


def _orders(n: int, batch: int, k: int) -> list[tuple[_Range, _Range, Sum]]:
    """For the product of [n, k] and [k, batch]: which rows of the batch and which of the n are added up how."""
    if n == 1 and batch == 1:
        return [((0, 1), (0, 1), sum_unrolled_lanes)]
    if n == 1 or batch == 1 or n + batch + k < _SMALL_PRODUCT:
        return [((0, batch), (0, n), sum_lanes_in_halves)]
    in_eights, in_fours, batch_in_fours = n // 8 * 8, n // 4 * 4, batch // 4 * 4
    return [
        ((0, batch), (0, in_eights), sum_in_order),
        ((0, batch_in_fours), (in_eights, in_fours), sum_even_and_odd),
        ((0, batch_in_fours), (in_fours, n), sum_quarters),
        ((batch_in_fours, batch), (in_eights, n), sum_in_order),
    ]
