"""LiteRT's basic LSTM cell: one matrix of weights for all gates, over the input and the state side by side.

    input, new, forget, output = weights · [x, h] + bias
    c = logistic(input) · tanh(new) + logistic(forget) · c
    h = logistic(output) · tanh(c)

Source of the formulas: `LstmCell` in LiteRT's `optimized_ops.h`, checked against the runtime.

Both kernels are called with x [batch, inputs], the states h and c [batch, cells], and four outputs: h, c, [x, h] as it
was before, and the sums [batch, 4 · cells]. They update the states.
"""

from __future__ import annotations

from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from . import eigen, gemmlowp
from .activations import logistic_fixed_point_int16, tanh_fixed_point_int16
from .fixed_point import (
    clip_to,
    multiply_by_quantized_multiplier_up,
    quantize_multiplier,
    rounding_divide_by_pot,
)
from .integer_product import IntegerProduct
from .lookup_table import LookupTable
from .lstm import clamp_to_finite

Float32s = NDArray[np.float32]
Uint8s = NDArray[np.uint8]
Int16s = NDArray[np.int16]

_ZERO_POINT = 128  # of the input and the output, whatever the model says
_GATE_BITS, _CELL_BITS = 3, 4  # the integer bits of the sums and of the cells


class BasicLstmFloat32:
    """The cell on float32: weights [4 · cells, inputs + cells], bias [4 · cells]."""

    def __init__(self, weights: Float32s, bias: Float32s, batch: int) -> None:
        self.product, self.bias = eigen.MatrixProducts([weights], batch), bias
        cells = len(bias) // 4
        self.leftovers = np.stack([eigen.leftovers(row * cells, cells) for row in range(batch)])

    @np.errstate(all="ignore")
    def __call__(
        self,
        x: Float32s,
        h: Float32s,
        c: Float32s,
        new_h: Float32s,
        new_c: Float32s,
        both: Float32s,
        sums: Float32s,
    ) -> None:
        """Compute one step."""
        both[...] = np.concatenate([x, h], axis=1)
        sums[...] = clamp_to_finite(self.product(both) + self.bias)
        let_in, new, forget, output = np.split(sums, 4, axis=1)
        new_c[...] = self._logistic(let_in) * eigen.tanh(new) + self._logistic(forget) * c
        new_h[...] = self._logistic(output) * eigen.tanh(new_c)
        h[...], c[...] = new_h, new_c

    def _logistic(self, sums: Float32s) -> Float32s:
        opened = eigen.logistic(sums)
        opened[self.leftovers] = eigen.logistic_scalar(sums[self.leftovers])
        return opened


class BasicLstmUint8:
    """The cell on uint8 with int16 cells of scale 2^-11; `zero_point` is that of the weights.

    LiteRT's matrix product rounds halves up, on x86 CPUs with AVX2.
    """

    def __init__(self, weights: Uint8s, zero_point: int, bias: NDArray[np.int32], bias_scale: float) -> None:
        self.product = IntegerProduct(weights.astype(np.int16) - np.int16(zero_point), 128)
        self.bias = bias.astype(np.int64)
        self.multiplier, self.shift = quantize_multiplier(float(np.float32(4096) * np.float32(bias_scale)))

    def __call__(
        self, x: Uint8s, h: Uint8s, c: Int16s, new_h: Uint8s, new_c: Int16s, both: Uint8s, sums: Int16s
    ) -> None:
        """Compute one step."""
        both[...] = np.concatenate([x, h], axis=1)
        accumulated = self.product(both.astype(np.int16) - np.int16(_ZERO_POINT)).astype(np.int64) + self.bias
        sums[...] = clip_to(
            multiply_by_quantized_multiplier_up(accumulated, self.multiplier, self.shift), np.int16
        )
        let_in, new, forget, output = np.split(sums, 4, axis=1)
        added = gemmlowp.rescale(_multiply(_logistic()(let_in), _tanh()(new)), -_CELL_BITS, 16)
        new_c[...] = clip_to(added + _multiply(_logistic()(forget), c), np.int16)
        limited = clip_to(gemmlowp.rescale(new_c.astype(np.int64), _CELL_BITS - _GATE_BITS, 16), np.int16)
        hidden = rounding_divide_by_pot(_multiply(_logistic()(output), _tanh()(limited)), 8)
        new_h[...] = clip_to(hidden, np.int8).astype(np.int16) + np.int16(_ZERO_POINT)
        h[...], c[...] = new_h, new_c


def _multiply(a: Int16s, b: Int16s) -> NDArray[np.int64]:
    return gemmlowp.multiply(a.astype(np.int64), b.astype(np.int64), 16)


@cache
def _logistic() -> LookupTable:
    return LookupTable(partial(logistic_fixed_point_int16, integer_bits=_GATE_BITS), np.int16)


@cache
def _tanh() -> LookupTable:
    return LookupTable(partial(tanh_fixed_point_int16, integer_bits=_GATE_BITS), np.int16)
