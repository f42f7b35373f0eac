"""LiteRT's integer LSTM, 8x8→8: int8 activations, weights and products, int16 gates and cells; normalized in float32.

It always has normalization, coupled gates and a projection with a bias, and never peepholes.

Source of the formulas: LiteRT's `lstm.cc` (the multipliers), `lstm_eval.cc` and `portable_tensor_utils.cc`, checked
against the runtime.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from .activations import plain_logistic_float32, tanh_float32
from .fixed_point import (
    Int64s,
    clip_to,
    multiply_by_quantized_multiplier,
    multiply_int64_by_quantized_multiplier,
    quantize_multiplier,
)
from .integer_product import IntegerProduct
from .libm import round_half_away
from .lookup_table import LookupTable
from .lstm import LstmGate, LstmParameters, LstmQuantization
from .small_arrays import RoundingShift, saturate_int16
from .summation import sum_in_order

Float32s = NDArray[np.float32]
Int8s = NDArray[np.int8]
Int16s = NDArray[np.int16]
ScaleAndZeroPoint = tuple[float, int]


class LstmInt8To8:
    """The LSTM on int8. The cells' scale is 2^-15.

    `intermediates` are the scales and zero points of a gate's sum and the two products that it is made of, for the
    input gate, which is not used, the forget, cell and output gate.
    """

    @np.errstate(all="ignore")  # absurd scales
    def __init__(
        self,
        parameters: LstmParameters,
        quantization: LstmQuantization,
        intermediates: Sequence[ScaleAndZeroPoint],
    ) -> None:
        q, f = quantization, np.float32
        gates = (parameters.forget, parameters.cell, parameters.output)
        self.forget, self.cell, self.output = (
            _Gate(gate, q, intermediates[first : first + 3])
            for gate, first in zip(gates, (3, 6, 9), strict=True)
        )
        self.shift = RoundingShift(15)
        self.sigmoid, self.tanh, self.cell_tanh = _sigmoid(), _tanh(-12), _tanh(-15)
        assert parameters.projection is not None
        assert parameters.projection_bias is not None
        self.projection = IntegerProduct(parameters.projection, 2**15)
        self.projection_bias = parameters.projection_bias.astype(np.int64)
        multiplier = f(float(f(parameters.projection_scale)) * 2.0**-15 / float(f(q.output_scale)))
        self.multiplier = quantize_multiplier(float(multiplier))
        self.zero_point = q.output_zero_point
        clip = parameters.cell_clip
        self.clip = np.int16(min(f(clip) / f(q.cell_scale), f(32767))) if 0 < clip < 1 else np.int16(0)
        self.projection_clip = np.int8(
            min(f(parameters.projection_clip) / f(q.projection_clip_scale), f(127))
        )

    def __call__(self, x: Int8s, output_state: Int8s, cell_state: Int16s, output: Int8s) -> None:
        """Run over all time steps of x [time, batch, inputs], into output [time, batch, outputs].

        The states, [batch, outputs] and [batch, cells], are updated.
        """
        h, c = output_state, cell_state
        for t in range(len(x)):
            forget, new = self.sigmoid(self.forget(x[t], h)), self.tanh(self.cell(x[t], h))
            c = saturate_int16(self.shift(forget, c) + self.shift(np.int16(32767) - forget, new))
            if self.clip > 0:
                c = np.maximum(np.minimum(c, self.clip), -self.clip)
            opened = self.sigmoid(self.output(x[t], h))
            hidden = self.shift(opened, self.cell_tanh(c))
            acc = self.projection(hidden).astype(np.int64) + self.projection_bias
            h = clip_to(
                multiply_int64_by_quantized_multiplier(acc, *self.multiplier) + self.zero_point, np.int8
            )
            if self.projection_clip > 0:
                h = np.maximum(np.minimum(h, self.projection_clip), -self.projection_clip)
            output[t] = h
        output_state[...], cell_state[...] = h, c


class _Gate:
    """The normalized sum of one gate."""

    def __init__(
        self, gate: LstmGate, q: LstmQuantization, intermediates: Sequence[ScaleAndZeroPoint]
    ) -> None:
        (sum_scale, _), from_input, from_state = intermediates
        self.from_input = _Term(
            gate.input_weights, gate.input_scale, q.input_scale, q.input_zero_point, from_input, sum_scale
        )
        self.from_state = _Term(
            gate.recurrent_weights,
            gate.recurrent_scale,
            q.output_scale,
            q.output_zero_point,
            from_state,
            sum_scale,
        )
        assert gate.normalization is not None
        self.coefficients, self.scale = (
            gate.normalization.astype(np.float32),
            np.float32(gate.normalization_scale),
        )
        self.biases = gate.bias.astype(np.float32) * (np.float32(2.0**-10) * self.scale)

    def __call__(self, x: Int8s, h: Int8s) -> Int16s:
        return self._normalize(clip_to(self.from_input(x) + self.from_state(h), np.int16))

    @np.errstate(all="ignore")
    def _normalize(self, sums: Int16s) -> Int16s:
        """`ApplyLayerNormFloat`."""
        columns = sums.T.astype(np.float32, order="C")
        size = np.float32(len(columns))
        mean = sum_in_order(columns) / size
        variance = sum_in_order(columns * columns) / size - mean * mean
        inverse = np.float32(1) / np.sqrt(np.where(variance == 0, np.float32(1e-8), variance))
        normalized = ((columns - mean) * inverse).T
        weighted = normalized * self.coefficients * self.scale + self.biases
        rounded = round_half_away(weighted * np.float32(4096))
        rounded[np.isnan(rounded)] = 0  # of rows of one number, whose variance may come out negative
        return clip_to(rounded, np.int16)


class _Term:
    """The products of int8 rows with a gate's weights: first as int8 of one scale, then of the scale of the sum."""

    def __init__(
        self,
        weights: Int8s,
        weight_scale: float,
        scale: float,
        zero_point: int,
        product: ScaleAndZeroPoint,
        sum_scale: float,
    ) -> None:
        f = np.float32
        self.product, self.zero_point = IntegerProduct(weights, 128), zero_point
        product_scale, self.product_zero_point = product
        self.to_product = quantize_multiplier(float(f(weight_scale) * f(scale) / f(product_scale)))
        self.to_sum = quantize_multiplier(float(f(product_scale) / f(sum_scale)))

    def __call__(self, rows: Int8s) -> Int64s:
        acc = self.product(rows).astype(np.int64) - self.zero_point * self.product.sums
        narrow = clip_to(
            multiply_by_quantized_multiplier(acc, *self.to_product) + self.product_zero_point, np.int8
        )
        return multiply_by_quantized_multiplier(
            narrow.astype(np.int64) - self.product_zero_point, *self.to_sum
        )


def _table(function: Callable[[Float32s], Float32s], power: int) -> LookupTable:
    """A function of int16 numbers of scale 2^power, with results of scale 2^-15, truncated."""

    def results(x: Int16s) -> Int16s:
        y = function(x.astype(np.float32) * np.float32(2.0**power)) * np.float32(2.0**15)
        return clip_to(np.trunc(y), np.int16)

    return LookupTable(results, np.int16)


@cache
def _sigmoid() -> LookupTable:
    return _table(plain_logistic_float32, -12)


@cache
def _tanh(power: int) -> LookupTable:
    return _table(tanh_float32, power)
