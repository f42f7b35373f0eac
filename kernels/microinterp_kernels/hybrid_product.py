"""Products of float rows with int8 matrices that LiteRT's recurrent operators make by quantizing the rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .hybrid import quantize_asymmetric, quantize_symmetric
from .integer_product import IntegerProduct

Float32s = NDArray[np.float32]

_VECTOR = 16  # so many products LiteRT's vector loop takes at once


def left_out_rows(rows: Float32s, together: bool) -> NDArray[np.bool_]:
    """Which rows of [..., batch, size] LiteRT leaves out: zeros, the whole batch of them if it is taken `together`."""
    axes = (-2, -1) if together else (-1,)
    is_zero = (rows == 0).all(axis=axes, keepdims=True)
    return np.broadcast_to(is_zero[..., 0], rows.shape[:-1])


class HybridProducts:
    """x · weightsᵀ for several int8 matrices [nᵢ, k], each with its scale, side by side: [rows, Σ nᵢ].

    Each row of x, float32 [rows, k], is quantized to int8, symmetrically or asymmetrically.

    Source of the formulas: `SseMatrixBatchVectorMultiplyAccumulate` and `SseReductionSumVector` of LiteRT's
    `sse_tensor_utils.cc`, checked against the runtime.
    """

    def __init__(
        self, weights: Sequence[NDArray[np.int8]], scales: Sequence[float], asymmetric: bool
    ) -> None:
        matrix = np.concatenate(weights)
        self.product = IntegerProduct(matrix, 128)
        self.sums = sum_rows(matrix)
        self.scales = np.repeat(np.asarray(scales, np.float32), [len(w) for w in weights])
        self.asymmetric = asymmetric
        # Where the row is negative the vector loop multiplies with −weight, which for −128 is −128 again.
        whole = matrix.shape[1] // _VECTOR * _VECTOR
        is_lowest = matrix == -128
        is_lowest[:, whole:] = False
        self.lowest = IntegerProduct(is_lowest.astype(np.int8), 128) if is_lowest.any() else None

    def __call__(self, x: Float32s, left_out: NDArray[np.bool_]) -> Float32s:
        """The products; for rows that are `left_out`, [rows], negative zeros, which change no sum."""
        if self.asymmetric:
            rows, scales, zero_points = quantize_asymmetric(x)
        else:
            rows, scales = quantize_symmetric(x)
        acc = self.product(rows)
        if self.lowest is not None:
            acc += 256 * self.lowest(np.minimum(rows, 0))
        if self.asymmetric:
            acc = acc.astype(np.int64) - zero_points[:, None].astype(np.int64) * self.sums
        factors = scales[:, None] * self.scales
        factors[left_out] = -0.0
        return acc.astype(np.float32) * factors


def sum_rows(matrix: NDArray[np.int8]) -> NDArray[np.int64]:
    """The sums of the rows [n, k] as LiteRT's vector loop makes them: in eight parts of int16, which wrap."""
    n, k = matrix.shape
    whole = k // _VECTOR * _VECTOR
    parts = matrix[:, :whole].reshape(n, whole // _VECTOR, 8, 2).sum(axis=(1, 3), dtype=np.int64)
    if k - whole >= 8:
        parts += matrix[:, whole : whole + 8]
        whole += 8
    sums: NDArray[np.int64] = parts.astype(np.int16).sum(axis=1, dtype=np.int64)
    sums += matrix[:, whole:].sum(axis=1, dtype=np.int64)
    return sums
