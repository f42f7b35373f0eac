"""BATCH_MATMUL: products of matrices [..., a, k] and [..., k, c] whose leading axes broadcast.

Sources of the formulas: TFLite's `reference/batch_matmul.h`, checked against the native runtimes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .hybrid import quantize_asymmetric, quantize_symmetric
from .hybrid_product import sum_rows
from .ordered_product import ordered_product
from .requantize import Requantize, RequantizeInt64

Array = NDArray[Any]
Float32s = NDArray[np.float32]

_EXACT_IN_FLOAT32 = 2**24


@np.errstate(all="ignore")
def batch_matmul_float32(x: Float32s, y: Float32s, *, in_order: bool = True) -> Float32s:
    """x · y, the products added in ascending order, or without `in_order` in that of the BLAS."""
    if not in_order:
        product: Float32s = np.matmul(x, y)
        return product
    batches = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    if math.prod(y.shape[:-2]) == 1 and len(batches) == x.ndim - 2:
        rows = np.ascontiguousarray(x).reshape(-1, x.shape[-1])
        return ordered_product(rows, y.reshape(y.shape[-2:])).reshape(*x.shape[:-1], y.shape[-1])
    output = np.empty((*batches, x.shape[-2], y.shape[-1]), np.float32)
    xs, ys = np.broadcast_to(x, batches + x.shape[-2:]), np.broadcast_to(y, batches + y.shape[-2:])
    for batch in np.ndindex(batches):
        output[batch] = ordered_product(np.ascontiguousarray(xs[batch]), ys[batch])
    return output


def multiply_integers(x: Array, y: Array, x_zero_point: int = 0, y_zero_point: int = 0) -> Array:
    """(x − x_zero_point) · (y − y_zero_point), exact: integers in a float type."""
    reaches = [
        max(abs(int(np.iinfo(a.dtype).min) - zero_point), abs(int(np.iinfo(a.dtype).max) - zero_point))
        for a, zero_point in ((x, x_zero_point), (y, y_zero_point))
    ]
    reach = reaches[0] * reaches[1] * x.shape[-1]
    dtype: Any = np.float32 if reach <= _EXACT_IN_FLOAT32 else np.float64
    product: Array = np.matmul(x.astype(dtype) - dtype(x_zero_point), y.astype(dtype) - dtype(y_zero_point))
    return product


class BatchMatMulInteger:
    """x · y of quantized numbers, requantized."""

    def __init__(
        self, requantize: Requantize | RequantizeInt64, x_zero_point: int, y_zero_point: int
    ) -> None:
        self.requantize = requantize
        self.x_zero_point, self.y_zero_point = x_zero_point, y_zero_point

    def __call__(self, x: Array, y: Array) -> Array:
        """The product."""
        return self.requantize(multiply_integers(x, y, self.x_zero_point, self.y_zero_point))


class BatchMatMulHybrid:
    """x · y of float32 and int8, each row of x quantized first, with or without a zero point (`asymmetric`).

    `scales` are those of y, float32: one, or one per column.
    """

    def __init__(self, scales: Float32s, asymmetric: bool) -> None:
        self.scales, self.asymmetric = scales, asymmetric

    @np.errstate(all="ignore")
    def __call__(self, x: Float32s, y: NDArray[np.int8]) -> Float32s:
        """The product."""
        depth, columns = y.shape[-2:]
        rows = np.ascontiguousarray(x).reshape(math.prod(x.shape[:-1]), depth)
        if self.asymmetric:
            numbers, scales, zero_points = quantize_asymmetric(rows)
        else:
            numbers, scales = quantize_symmetric(rows)
            zero_points = np.zeros(len(rows), np.int32)
        per_row = (*x.shape[:-1], 1)
        acc = np.matmul(numbers.reshape(x.shape).astype(np.float64), y.astype(np.float64)).astype(np.float32)
        transposed = np.swapaxes(y, -1, -2).reshape(math.prod(y.shape[:-2]) * columns, depth)
        sums = sum_rows(transposed).reshape(*y.shape[:-2], 1, columns).astype(np.float32)
        acc = acc - sums * zero_points.reshape(per_row).astype(np.float32)
        product: Float32s = (scales.reshape(per_row) * self.scales) * acc
        return product + np.float32(0)
