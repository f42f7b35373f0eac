"""FULLY_CONNECTED: each row of the input times each row of the weights, plus a bias.

Inputs are [rows, k], weights [n, k], biases [n], outputs [rows, n]; inputs and outputs may have any shape with as
many elements. Sources of the formulas: TFLite's `reference/fully_connected.h` and
`reference/integer_ops/fully_connected.h` and, for float inputs with int8 weights, `EvalHybridDense` of LiteRT's
`fully_connected.cc`, all checked against the native runtimes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .fixed_point import Int64s
from .hybrid_product import HybridProducts
from .ordered_product import ordered_product
from .rounding import RowFloors

Array = NDArray[Any]
Float32s = NDArray[np.float32]
#: Makes outputs of accumulators [rows, n]; given the keyword arguments `biases` and `reach`, see `rounding`.
Requantizer = Callable[..., Callable[[Array, Array], Any]]

_EXACT_IN_FLOAT32 = 2**24
_FEW_PRODUCTS = 2**13


class FullyConnectedFloat32:
    """clamp(sum of products + bias, low, high), the products added in order, one at a time; NaNs stay."""

    def __init__(
        self, rows: int, weights: Float32s, biases: Float32s | None, low: np.float32, high: np.float32
    ) -> None:
        n, k = weights.shape
        self._shape = rows, k
        self._transposed = rows > n  # the product is fastest along the longer of both
        self._matrix = np.ascontiguousarray(weights if self._transposed else weights.T)
        # an array of the same shape is added several times faster
        self._biases = biases[None] if biases is not None and rows == 1 else biases
        # arrays, because NumPy takes longer to look at a number
        self._low, self._high = np.array(low), np.array(high)

    @np.errstate(all="ignore")
    def __call__(self, x: Float32s, output: Float32s) -> None:
        """Compute `output` for `x`."""
        rows = x.reshape(self._shape)
        acc = output.reshape(len(rows), -1)
        if self._transposed:
            acc[...] = ordered_product(self._matrix, np.ascontiguousarray(rows.T)).T
        else:
            ordered_product(rows, self._matrix, acc)
        if self._biases is not None:
            np.add(acc, self._biases, acc)
        # not `clamp`: a sum that starts with zero is never −0
        np.maximum(acc, self._low, out=acc)
        np.minimum(acc, self._high, out=acc)


class FullyConnectedFloat32Fast:
    """`FullyConnectedFloat32` with products added in the order of the BLAS: the last bits differ.

    The bias is a column of weights more, for an input that is one.
    """

    def __init__(
        self, rows: int, weights: Float32s, biases: Float32s | None, low: np.float32, high: np.float32
    ) -> None:
        k = weights.shape[1]
        self._rows = np.ones((rows, k + (biases is not None)), np.float32)
        self._inputs = self._rows[:, :k]
        columns = [weights] if biases is None else [weights, biases[:, None]]
        self._matrix = np.ascontiguousarray(np.concatenate(columns, axis=1).T)
        self._low, self._high = np.array(low), np.array(high)

    @np.errstate(all="ignore")
    def __call__(self, x: Float32s, output: Float32s) -> None:
        """Compute `output` for `x`."""
        self._inputs[...] = x.reshape(self._inputs.shape)
        output = output.reshape(len(self._rows), -1)
        self._rows.dot(self._matrix, output)
        np.maximum(output, self._low, out=output)
        np.minimum(output, self._high, out=output)


def fully_connected_integer(
    x: Array,
    weights: Array,
    biases: Array | None,
    x_zero_point: int,
    weights_zero_point: int,
    requantize: Callable[[Array, Array], Any],
    output: Array,
) -> None:
    """requantize(sum of products + bias) of integers less their zero points: the definition."""
    n, k = weights.shape
    outputs = output.reshape(-1, n)
    rows = x.reshape(len(outputs), k).astype(np.int64) - x_zero_point
    acc: Int64s = rows @ (weights.astype(np.int64) - weights_zero_point).T
    if biases is not None:
        acc += biases
    requantize(acc, outputs)


class FullyConnectedInteger:
    """`fully_connected_integer` for weights and biases that are known.

    The input goes into the product as it is, in floating point but exact; its zero point and the bias become one
    constant per output. Where there are so few products that float64 does not make them slower, they are scaled
    already.
    """

    def __init__(
        self,
        rows: int,
        weights: Array,
        biases: Array | None,
        x_type: np.dtype[Any],
        x_zero_point: int,
        weights_zero_point: int,
        requantizer: Requantizer,
    ) -> None:
        centered = weights.astype(np.int64) - weights_zero_point
        n, k = centered.shape
        limits = np.iinfo(x_type)
        reach = np.abs(centered).sum(axis=1) * max(-int(limits.min), int(limits.max))
        constants = -x_zero_point * centered.sum(axis=1)
        step = requantizer(biases=constants if biases is None else constants + biases, reach=reach)
        self._columns: Array
        self._acc: Array
        self._requantize: Callable[[Array, Array], Any]
        if (
            isinstance(step, RowFloors)
            and rows * centered.size <= _FEW_PRODUCTS
            and (matrix := step.fold(centered.T, reach)) is not None
        ):
            self._columns, self._acc, self._requantize = matrix, step.scaled, step.finish
        else:
            dtype = np.float32 if reach.max(initial=0) <= _EXACT_IN_FLOAT32 else np.float64
            self._columns, self._acc = centered.astype(dtype).T, np.empty((rows, n), dtype)
            self._requantize = step
        self._rows: Array = np.ones((rows, len(self._columns)), self._columns.dtype)
        self._inputs = self._rows[:, :k]

    def __call__(self, x: Array, output: Array) -> None:
        """Compute `output` for `x`."""
        acc = self._acc
        self._inputs[...] = x if x.shape == self._inputs.shape else x.reshape(self._inputs.shape)
        self._rows.dot(self._columns, acc)
        self._requantize(acc, output if output.shape == acc.shape else output.reshape(acc.shape))


class FullyConnectedHybrid:
    """activation(sum of products · scales + bias) of float32 rows that are quantized to int8 first, row by row.

    `weights` are int8, `scales` float32, one or one per output. Rows are quantized with or without a zero point
    (`asymmetric`). An input of nothing but zeros gives the activation of the bias.
    """

    def __init__(
        self,
        weights: NDArray[np.int8],
        scales: Float32s,
        biases: Float32s | None,
        activation: Callable[[Float32s], Float32s] | None,
        asymmetric: bool,
    ) -> None:
        n, self._k = weights.shape
        parts = [weights] if scales.size == 1 else list(weights[:, None])
        self.products = HybridProducts(parts, list(scales), asymmetric)
        self._biases = np.zeros(n, np.float32) if biases is None else biases
        self._activation = activation

    @np.errstate(all="ignore")
    def __call__(self, x: Float32s, output: Float32s) -> None:
        """Compute `output` for `x`."""
        rows = x.reshape(-1, self._k)
        sums = np.broadcast_to(self._biases, (len(rows), self._biases.size))
        if rows.any():
            products = self.products(rows, np.zeros(len(rows), np.bool_))
            with np.errstate(all="ignore"):
                sums = sums + products
        output.reshape(sums.shape)[...] = sums if self._activation is None else self._activation(sums)
