"""LiteRT's integer LSTM, 8x8→16: int8 activations and weights, int16 gates and cells, with all variants.

Source of the formulas: LiteRT's `unidirectional_sequence_lstm.cc` (the multipliers), `lstm_eval.cc` and
`tensor_utils`, checked against the runtime.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from .activations import logistic_fixed_point_int16, tanh_fixed_point_int16
from .fixed_point import (
    Int64s,
    clip_to,
    multiply_by_quantized_multiplier,
    multiply_by_quantized_multiplier_up,
    quantize_multiplier,
    quantize_multipliers,
    wrap_int32,
)
from .integer_product import IntegerProduct
from .inverse_square_root import inverse_square_root
from .lookup_table import LookupTable
from .lstm import Array, LstmGate, LstmParameters, LstmQuantization
from .requantize import Requantize
from .rounding import requantize_rows
from .small_arrays import QuantizedMultiplier, RoundingShift, saturate_int16

Int8s = NDArray[np.int8]
Int16s = NDArray[np.int16]

_FAR = 2**16  # a term that large saturates its sum with any int16
_VECTOR = 16  # so many peephole products LiteRT's vector loop takes at once
_GATE_BITS = 3  # the integer bits of a gate's sum


class LstmInt8:
    """The LSTM on int8.

    `parameters` have int8 weights, int16 peepholes and normalization, int32 biases. The cells' scale must be a power
    of two from 2^-15 to 2^-9. LiteRT computes the rows of a batch together if the input is time-major, which makes a
    difference only for peepholes with a projection.
    """

    @np.errstate(all="ignore")  # absurd scales
    def __init__(
        self, parameters: LstmParameters, quantization: LstmQuantization, batch: int, time_major: bool
    ) -> None:
        gates, q, f = parameters.gates, quantization, np.float32
        self.cells, self.count, self.is_coupled = parameters.cells, len(gates), parameters.input is None
        power = round(float(np.log2(f(q.cell_scale))))
        self.peepholes = [
            None if gate.cell_weights is None else _Peephole(gate, power, parameters, batch, time_major)
            for gate in gates
        ]
        self.has_peepholes = self.peepholes[-2] is not None
        self.normalizations = [None if gate.normalization is None else _Normalization(gate) for gate in gates]
        is_normalized = self.normalizations[0] is not None

        self.input_product = IntegerProduct(np.concatenate([gate.input_weights for gate in gates]), 128)
        self.from_input = self._requantize(
            [f(gate.input_scale) * f(q.input_scale) / f(gate.sum_scale) for gate in gates],
            self.input_product,
            q.input_zero_point,
            0 if is_normalized else parameters.biases.astype(np.int64),
            2**15,
            None,
        )
        self.recurrent_product = IntegerProduct(
            np.concatenate([gate.recurrent_weights for gate in gates]), 128
        )
        self.from_state = self._requantize(
            [f(gate.recurrent_scale) * f(q.output_scale) / f(gate.sum_scale) for gate in gates],
            self.recurrent_product,
            q.output_zero_point,
            0,
            _FAR,
            batch,
        )
        self.is_plain = not (self.has_peepholes or is_normalized)
        self.keep, self.let_in = RoundingShift(15), RoundingShift(30 + power)
        self.sigmoid, self.tanh, self.cell_tanh = _sigmoid(), _tanh(_GATE_BITS), _tanh(15 + power)
        clip = min(f(parameters.cell_clip) / f(q.cell_scale), f(32767))
        self.clip = np.int16(clip)

        self.hidden_multiplier = QuantizedMultiplier(
            *quantize_multiplier(float(f(2.0**-30 / q.hidden_scale)))
        )
        self.hidden_zero_point = q.hidden_zero_point
        self.projection_product = None
        if parameters.projection is not None:
            # the zero point has the wrong sign in both places
            self.hidden_zero_point = -q.hidden_zero_point
            self.projection_product = IntegerProduct(parameters.projection, 128)
            bias = 0 if parameters.projection_bias is None else parameters.projection_bias.astype(np.int64)
            multiplier = f(parameters.projection_scale) * f(q.hidden_scale) / f(q.output_scale)
            self.project = requantize_rows(
                batch,
                *quantize_multipliers([multiplier]),
                q.output_zero_point,
                -128,
                127,
                np.int8,
                biases=bias + q.hidden_zero_point * self.projection_product.sums,
                reach=self.projection_product.reach,
            )
            self.projection_clip = np.int8(
                min(f(parameters.projection_clip) / f(q.projection_clip_scale), f(127))
            )

    def _requantize(
        self,
        multipliers: list[np.float32],
        product: IntegerProduct,
        zero_point: int,
        biases: Int64s | int,
        limit: int,
        rows: int | None,
    ) -> Callable[[Array, Array], object]:
        """From sums of products to the terms of the gates, saturated at `limit`, for as many rows if that is known."""
        q, shifts = quantize_multipliers(np.repeat(multipliers, self.cells))
        corrected = biases - zero_point * product.sums
        if rows is None:
            return Requantize(
                q, shifts, 0, -limit, limit - 1, np.int32, biases=corrected, reach=product.reach
            )
        return requantize_rows(
            rows, q, shifts, 0, -limit, limit - 1, np.int32, biases=corrected, reach=product.reach
        )

    def __call__(self, x: Int8s, output_state: Int8s, cell_state: Int16s, output: Int8s) -> None:
        """Run over all time steps of x [time, batch, inputs], into output [time, batch, outputs].

        The states, [batch, outputs] and [batch, cells], are updated.
        """
        steps, batch, inputs = x.shape
        last = self.count - 2  # the output gate; behind it are the cells
        early = slice(0, last) if self.has_peepholes else slice(0, last + 1)
        shape = (batch, self.count, self.cells)
        from_input = np.empty((steps, batch, self.count * self.cells), np.int32)
        self.from_input(
            self.input_product(x.reshape(steps * batch, inputs)), from_input.reshape(steps * batch, -1)
        )
        from_state = np.empty(from_input.shape[1:], np.int32)
        h, c = output_state, cell_state
        for t in range(steps):
            self.from_state(self.recurrent_product(h), from_state)
            gates = saturate_int16(from_input[t] + from_state).reshape(shape)
            opened = self.sigmoid(self._finish(gates, early, c))
            new = self.tanh(self._finish(gates, slice(last + 1, None), c))[:, 0]
            forget = opened[:, 0 if self.is_coupled else 1]
            let_in = np.int16(32767) - forget if self.is_coupled else opened[:, 0]
            c = saturate_int16(self.keep(forget, c) + self.let_in(let_in, new))
            if self.clip > 0:
                c = np.maximum(np.minimum(c, self.clip), -self.clip)
            if self.has_peepholes:
                opened = self.sigmoid(self._finish(gates, slice(last, last + 1), c))
            hidden = self.hidden_multiplier(np.multiply(opened[:, -1], self.cell_tanh(c), dtype=np.int64))
            hidden += self.hidden_zero_point
            h = np.minimum(np.maximum(hidden, np.int64(-128)), np.int64(127))
            if self.projection_product is not None:
                projected = np.empty(output_state.shape, np.int8)
                self.project(self.projection_product(h), projected)
                h = projected
                if self.projection_clip > 0:
                    h = np.maximum(np.minimum(h, self.projection_clip), -self.projection_clip)
            output[t] = h
        output_state[...], cell_state[...] = h, c

    def _finish(self, gates: Int16s, which: slice, c: Int16s) -> Int16s:
        """The sums of some gates, with their peepholes and normalized."""
        sums = gates[:, which]
        if self.is_plain:
            return sums
        for i, (peephole, normalization) in enumerate(
            zip(self.peepholes[which], self.normalizations[which], strict=True)
        ):
            if peephole is not None:
                sums[:, i] = peephole(sums[:, i], c)
            if normalization is not None:
                sums[:, i] = normalization(sums[:, i])
        return sums


class _Peephole:
    """The sums of a gate plus the products of the cells with its weights (`VectorBatchVectorCwiseProductAccumulate`).

    LiteRT takes the number of outputs for that of the cells, which with a smaller projection leaves out cells, or
    gives them another's weight.
    """

    def __init__(
        self, gate: LstmGate, cell_power: int, parameters: LstmParameters, batch: int, time_major: bool
    ) -> None:
        cells, outputs = parameters.cells, gate.recurrent_weights.shape[1]
        multiplier = np.float32(2.0**cell_power * gate.cell_scale / gate.sum_scale)
        self.multiplier, self.shift = quantize_multiplier(float(multiplier))
        assert gate.cell_weights is not None
        rows, size = (1, batch * cells) if time_major else (batch, cells)
        used = np.arange(batch * outputs if time_major else outputs)
        self.weights = np.zeros((rows, size), np.int64)
        self.weights[:, used] = gate.cell_weights[used % outputs]
        self.in_vector = np.zeros((rows, size), np.bool_)
        self.in_vector[:, used] = used % outputs < outputs // _VECTOR * _VECTOR

    def __call__(self, sums: Int16s, c: Int16s) -> Int16s:
        products = wrap_int32(self.weights * c.reshape(self.weights.shape))
        plain = multiply_by_quantized_multiplier(products, self.multiplier, self.shift)
        # the vector loop rounds halves up, the rest away from zero
        halves_up = multiply_by_quantized_multiplier_up(products, self.multiplier, self.shift)
        added = np.where(self.in_vector, halves_up, plain).reshape(sums.shape)
        return clip_to(sums + added, np.int16)


class _Normalization:
    """Layer normalization of a gate's sums, [batch, cells] (`ApplyLayerNorm`)."""

    def __init__(self, gate: LstmGate) -> None:
        assert gate.normalization is not None
        self.coefficients, self.biases = gate.normalization.astype(np.int64), gate.bias.astype(np.int64)
        self.multiplier, self.shift = quantize_multiplier(float(np.float32(gate.normalization_scale)))
        self.least_variance = max(1, int(np.float32(10000) * np.float32(gate.normalization_scale)))

    def __call__(self, sums: Int16s) -> Int16s:
        x = sums.astype(np.int64)
        size = x.shape[1]
        mean = _divide(x.sum(axis=1) * 1024, size)
        variance = wrap_int32(_divide((x * x).sum(axis=1) * (2**20 // size) - mean * mean, 2**20))
        variance = np.where(variance < 1, self.least_variance, variance)
        multipliers, shifts = inverse_square_root(variance)
        normalized = multiply_by_quantized_multiplier(
            1024 * x - mean[:, None], multipliers[:, None], shifts[:, None]
        )
        # this product may leave int32, and is computed in int64
        weighted = normalized * self.coefficients + self.biases
        rounded = wrap_int32(_divide(weighted + np.where(weighted > 0, 512, -512), 1024))
        return clip_to(multiply_by_quantized_multiplier(rounded, self.multiplier, self.shift + 12), np.int16)


def _divide(x: Int64s, by: int) -> Int64s:
    """C's division, which truncates."""
    quotients: Int64s = np.sign(x) * (np.abs(x) // by)
    return quotients


@cache
def _sigmoid() -> LookupTable:
    return LookupTable(partial(logistic_fixed_point_int16, integer_bits=_GATE_BITS), np.int16)


@cache
def _tanh(integer_bits: int) -> LookupTable:
    return LookupTable(partial(tanh_fixed_point_int16, integer_bits=integer_bits), np.int16)
