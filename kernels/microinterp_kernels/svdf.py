"""SVDF: a fully connected layer over the last `memory` inputs, as products of two vectors per filter.

    state  = state without its oldest number, and weights_feature · x
    output = activation(Σ over the `rank` filters of a unit of (weights_time · state) + bias)

The weights are weights_feature [filters, inputs], weights_time [filters, memory] and bias [units] or None, with
filters = units · rank. All kernels are called with x [batch, inputs], the state [batch, filters · memory], which
they update, and output [batch, units].

Sources of the formulas: LiteRT's `reference/svdf.h` and `tensor_utils`, TFLM's `svdf_common.cc`, checked against the
native runtimes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .fixed_point import quantize_multiplier, quantize_multipliers, wrap_int32
from .hybrid_product import HybridProducts
from .integer_product import IntegerProduct
from .recurrent_activations import Activation
from .rounding import requantize_rows
from .small_arrays import QuantizedMultiplier
from .summation import Float32s, dot_products, sum_in_order, sum_lanes_in_order

Array = NDArray[Any]


class SvdfFloat:
    """SVDF with a float32 state.

    `features` computes weights_feature · x, [batch, filters]. With `in_lanes` sums are added up as LiteRT's
    `tensor_utils` does, and the bias last; else in order, and the bias first, as TFLM does.
    """

    def __init__(
        self,
        features: Callable[[Float32s], Float32s],
        weights_time: Float32s,
        bias: Float32s | None,
        rank: int,
        activation: Activation | None,
        in_lanes: bool,
    ) -> None:
        self.features, self.weights_time, self.bias = features, weights_time, bias
        self.rank, self.activation, self.in_lanes = rank, activation, in_lanes

    @np.errstate(all="ignore")
    def __call__(self, x: Float32s, state: Float32s, output: Float32s) -> None:
        """Take in x, and compute the output."""
        memory = _remember(state, self.features(x), self.weights_time.shape)
        terms = np.multiply(memory.transpose(2, 0, 1), self.weights_time.T[:, None], order="C")
        over_time = sum_lanes_in_order(terms) if self.in_lanes else sum_in_order(terms)
        parts = over_time.reshape(len(x), -1, self.rank).transpose(2, 0, 1).copy()
        if self.in_lanes:
            y = sum_lanes_in_order(parts)
            if self.bias is not None:
                y = y + self.bias
        else:
            y = np.zeros(parts.shape[1:], np.float32) if self.bias is None else self.bias
            for part in parts:
                y = y + part
        output[...] = y if self.activation is None else self.activation(y)


def svdf_float32(
    weights_feature: Float32s,
    weights_time: Float32s,
    bias: Float32s | None,
    rank: int,
    activation: Activation | None,
    in_lanes: bool,
) -> SvdfFloat:
    """SVDF on float32; the arguments are those of `SvdfFloat`."""
    total = sum_lanes_in_order if in_lanes else sum_in_order
    features = partial(dot_products, columns=weights_feature.T.copy(), total=total)
    return SvdfFloat(features, weights_time, bias, rank, activation, in_lanes)


def svdf_hybrid(
    weights_feature: NDArray[np.int8],
    feature_scale: float,
    weights_time: Float32s,
    bias: Float32s | None,
    rank: int,
    activation: Activation | None,
    asymmetric: bool,
) -> SvdfFloat:
    """SVDF on float32 with int8 weights_feature; `asymmetric` says how x is quantized (LiteRT only)."""
    products = HybridProducts([weights_feature], [feature_scale], asymmetric)

    def features(x: Float32s) -> Float32s:
        # LiteRT leaves out the product if the whole batch is zero
        sums: Float32s = np.float32(0) + products(x, np.full(len(x), not x.any()))
        return sums

    return SvdfFloat(features, weights_time, bias, rank, activation, in_lanes=True)


class SvdfInt8:
    """SVDF on int8 with a state of int16 or int8; the output is clamped to int8, whatever the activation.

    weights_feature is int8, weights_time of the state's type, bias int32. `multipliers` are the real ones of the
    features and of the output.
    """

    def __init__(
        self,
        weights_feature: NDArray[np.int8],
        weights_time: Array,
        bias: NDArray[np.int32] | None,
        rank: int,
        batch: int,
        multipliers: tuple[float, float],
        input_zero_point: int,
        state_zero_point: int,
        output_zero_point: int,
    ) -> None:
        limits = np.iinfo(weights_time.dtype)
        self.product = IntegerProduct(weights_feature, 128)
        self.to_state = requantize_rows(
            batch,
            *quantize_multipliers([multipliers[0]]),
            0,
            int(limits.min),
            int(limits.max),
            np.int32,
            biases=-input_zero_point * self.product.sums,
            reach=self.product.reach,
        )
        self.features = np.empty((batch, len(weights_feature)), np.int32)
        self.weights_time = weights_time.astype(np.int64)
        self.shape = (
            batch,
            len(weights_time) // rank,
            rank * weights_time.shape[1],
        )  # of all that a unit adds up
        # the state's zero point, times all weights
        self.bias = -state_zero_point * self.weights_time.reshape(self.shape[1:]).sum(axis=1)
        if bias is not None:
            self.bias += bias
        self.output_multiplier = QuantizedMultiplier(*quantize_multiplier(multipliers[1]))
        self.state_zero_point, self.output_zero_point = np.int32(state_zero_point), output_zero_point

    def __call__(self, x: NDArray[np.int8], state: Array, output: NDArray[np.int8]) -> None:
        """Take in x, and compute the output."""
        self.to_state(self.product(x), self.features)
        self.features += self.state_zero_point  # wraps when the state takes it
        memory = _remember(state, self.features.astype(state.dtype), self.weights_time.shape)
        products = np.multiply(memory, self.weights_time, dtype=np.int64)
        acc = wrap_int32(products.reshape(self.shape).sum(axis=2) + self.bias)
        y = self.output_multiplier(acc)
        y += self.output_zero_point
        output[...] = np.minimum(np.maximum(y, np.int64(-128)), np.int64(127))


def _remember(state: Array, features: Array, shape: tuple[int, ...]) -> Array:
    """The state as [batch, filters, memory], with `features` [batch, filters] in place of the oldest numbers."""
    memory = state.reshape(len(features), *shape)
    memory[..., :-1] = memory[..., 1:].copy()
    memory[..., -1] = features
    return memory
