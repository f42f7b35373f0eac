"""LiteRT's simple recurrent cells: RNN and the sequence RNNs on float32 activations.

    h = activation(bias + weights · x + auxiliary weights · auxiliary x + recurrent weights · h)

Source of the formulas: `RnnBatchStep` of LiteRT's `kernel_utils.cc` and `tensor_utils`, checked against the runtime.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .hybrid_product import HybridProducts, left_out_rows
from .recurrent_activations import Activation
from .summation import Float32s, dot_products, sum_lanes_in_order

_LANES = 4


class Product(Protocol):
    """Adds the products of rows with a matrix of weights to sums."""

    def __call__(self, sums: Float32s, x: Float32s, together: bool) -> Float32s:
        """`sums` [..., batch, units] plus the products of x [..., batch, size]."""


class FloatProduct:
    """The product with float32 weights [units, size] (`MatrixBatchVectorMultiplyAccumulate`)."""

    def __init__(self, weights: Float32s) -> None:
        self.columns = weights.T.copy()
        self.whole = len(self.columns) // _LANES * _LANES

    def __call__(self, sums: Float32s, x: Float32s, together: bool) -> Float32s:
        """The sum of the four lanes is added to the sums, then what fills no lanes, term by term."""
        rows = x.reshape(int(np.prod(x.shape[:-1])), x.shape[-1])
        products = dot_products(rows[:, : self.whole], self.columns[: self.whole], sum_lanes_in_order)
        total = sums + products.reshape(*x.shape[:-1], self.columns.shape[1])
        for k in range(self.whole, len(self.columns)):
            total = total + x[..., k, None] * self.columns[k]
        return total


class HybridProduct:
    """The product with int8 weights [units, size] of a scale, of rows that are quantized for it."""

    def __init__(self, weights: NDArray[np.int8], scale: float, asymmetric: bool) -> None:
        self.products = HybridProducts([weights], [scale], asymmetric)
        self.units = len(weights)

    def __call__(self, sums: Float32s, x: Float32s, together: bool) -> Float32s:
        """Batches (`together`), or else rows, of nothing but zeros are left out."""
        rows = x.reshape(int(np.prod(x.shape[:-1])), x.shape[-1])
        products = self.products(rows, left_out_rows(x, together).reshape(len(rows)))
        total: Float32s = sums + products.reshape(*x.shape[:-1], self.units)
        return total


class Rnn:
    """A cell with the products of its inputs, one or two, that of its state, and a bias [units].

    LiteRT computes the rows of a batch `together`, or one after the other.
    """

    def __init__(
        self,
        from_inputs: Sequence[Product],
        from_state: Product,
        bias: Float32s,
        activation: Activation | None,
        together: bool,
    ) -> None:
        self.from_inputs, self.from_state = from_inputs, from_state
        self.bias, self.activation, self.together = bias, activation, together

    @np.errstate(all="ignore")
    def __call__(self, inputs: Sequence[Float32s], state: Float32s, output: Float32s) -> None:
        """Run over all time steps of the inputs, each [time, batch, size], into output [time, batch, units].

        The state [batch, units] is updated.
        """
        sums = np.broadcast_to(self.bias, output.shape)
        for product, x in zip(self.from_inputs, inputs, strict=True):
            sums = product(sums, x, self.together)
        h = state
        for t in range(len(output)):
            h = self.from_state(sums[t], h, self.together)
            if self.activation is not None:
                h = self.activation(h)
            output[t] = h
        state[...] = h
