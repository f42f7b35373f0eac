"""The LSTM of TFLite Micro: its reference kernels one after the other, without the operator's variants.

Source of the formulas: TFLM's `lstm_eval.h` and `lstm_eval_common.cc`, checked against the runtime.

All kernels are called with x [time, batch, inputs], the states [batch, cells], and output [time, batch, cells];
they update the states.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from .activations import logistic_float32, logistic_int16, tanh_float32, tanh_int16
from .fixed_point import Int64s, quantize_multiplier, quantize_multipliers
from .integer_product import IntegerProduct
from .lookup_table import LookupTable
from .lstm import Array, LstmParameters, LstmQuantization, clamp_to_finite
from .ordered_product import ordered_product
from .requantize import Requantize, RequantizeInt64
from .rounding import requantize_rows
from .small_arrays import QuantizedMultiplier, saturate_int16

Float32s = NDArray[np.float32]
Int16s = NDArray[np.int16]


class ReferenceLstmFloat32:
    """The LSTM on float32.

    `parameters` have four gates, and no peepholes, normalization or projection. Without `has_tanh` the cell gate has
    no activation.
    """

    def __init__(self, parameters: LstmParameters, has_tanh: bool = True) -> None:
        gates = parameters.gates
        self.input_columns = np.concatenate([gate.input_weights for gate in gates]).T.copy()
        self.recurrent_columns = np.concatenate([gate.recurrent_weights for gate in gates]).T.copy()
        self.biases = parameters.biases
        self.cells, self.clip, self.has_tanh = parameters.cells, np.float32(parameters.cell_clip), has_tanh

    @np.errstate(all="ignore")
    def __call__(self, x: Float32s, output_state: Float32s, cell_state: Float32s, output: Float32s) -> None:
        """Run over all time steps."""
        n = self.cells
        steps, batch, inputs = x.shape
        products = ordered_product(np.ascontiguousarray(x).reshape(steps * batch, inputs), self.input_columns)
        from_input = clamp_to_finite(products + self.biases)
        h, c = output_state.copy(), cell_state.copy()
        for t in range(steps):
            from_state = clamp_to_finite(ordered_product(h, self.recurrent_columns))
            gates = from_input[t * batch : (t + 1) * batch] + from_state
            opened = logistic_float32(gates[:, : 3 * n])
            new = tanh_float32(gates[:, 3 * n :]) if self.has_tanh else gates[:, 3 * n :]
            c = clamp_to_finite(opened[:, n : 2 * n] * c) + clamp_to_finite(opened[:, :n] * new)
            if self.clip > 0:
                c = np.maximum(np.minimum(c, self.clip), -self.clip)
            h = tanh_float32(c) * opened[:, 2 * n :]
            output[t] = h
        output_state[...], cell_state[...] = h, c


class ReferenceLstmInteger:
    """The LSTM with int8 or int16 activations, int8 weights and int16 cells.

    `parameters` are as for `ReferenceLstmFloat32`, with biases of int32 or, for int16 activations, int64. `dtype` is
    the activations' element type, `batch` their number of rows.
    """

    def __init__(
        self,
        parameters: LstmParameters,
        quantization: LstmQuantization,
        dtype: type[np.signedinteger],
        batch: int,
        has_tanh: bool,
    ) -> None:
        gates, q, self.cells = parameters.gates, quantization, parameters.cells
        self.limits, self.has_tanh = np.iinfo(dtype), has_tanh
        self.input_product = IntegerProduct(
            np.concatenate([g.input_weights for g in gates]), -int(self.limits.min)
        )
        self.recurrent_product = IntegerProduct(
            np.concatenate([g.recurrent_weights for g in gates]), -int(self.limits.min)
        )
        input_multipliers = [q.input_scale * gate.input_scale / gate.sum_scale for gate in gates]
        recurrent_multipliers = [q.output_scale * gate.recurrent_scale / gate.sum_scale for gate in gates]
        self.from_input = self._requantize(
            input_multipliers, self.input_product, q.input_zero_point, parameters.biases, None
        )
        self.from_state = self._requantize(
            recurrent_multipliers, self.recurrent_product, q.output_zero_point, 0, batch
        )
        power = round(float(np.log2(np.float32(q.cell_scale))))
        self.sigmoid, self.tanh, self.cell_tanh = _sigmoid(), _tanh(-12), _tanh(power)
        self.forget_multiplier = QuantizedMultiplier(*quantize_multiplier(2.0**-15))
        self.input_multiplier = QuantizedMultiplier(*quantize_multiplier(2.0**-30 / q.cell_scale))
        self.output_multiplier = QuantizedMultiplier(*quantize_multiplier(2.0**-30 / q.output_scale))
        self.output_zero_point = q.output_zero_point
        clip = parameters.cell_clip
        self.clip = np.int16(min(clip / q.cell_scale, 32767.0)) if clip > 0 else None

    def _requantize(
        self,
        multipliers: list[float],
        product: IntegerProduct,
        zero_point: int,
        biases: Int64s | int,
        rows: int | None,
    ) -> Callable[[Array, Array], object]:
        """From sums of products to the int16 terms of the gates, for as many rows if that is known."""
        q, shifts = quantize_multipliers(np.repeat(multipliers, self.cells))
        corrected = biases - zero_point * product.sums
        if self.limits.dtype == np.int16:
            return RequantizeInt64(q, shifts, -32768, 32767, np.int16, biases=corrected, reach=product.reach)
        if rows is None:
            return Requantize(q, shifts, 0, -32768, 32767, np.int16, biases=corrected, reach=product.reach)
        return requantize_rows(
            rows, q, shifts, 0, -32768, 32767, np.int16, biases=corrected, reach=product.reach
        )

    def __call__(self, x: Array, output_state: Array, cell_state: Int16s, output: Array) -> None:
        """Run over all time steps."""
        n = self.cells
        steps, batch, inputs = x.shape
        low, high = np.int64(self.limits.min), np.int64(self.limits.max)
        from_input = np.empty((steps * batch, 4 * n), np.int16)
        self.from_input(self.input_product(x.reshape(steps * batch, inputs)), from_input)
        terms = from_input.reshape(steps, batch, 4 * n).astype(np.int32)
        from_state = np.empty((batch, 4 * n), np.int16)
        h, c = output_state, cell_state
        for t in range(steps):
            self.from_state(self.recurrent_product(h), from_state)
            gates = saturate_int16(terms[t] + from_state)
            opened = self.sigmoid(gates[:, : 3 * n])
            new = self.tanh(gates[:, 3 * n :]) if self.has_tanh else gates[:, 3 * n :]
            kept = self.forget_multiplier(_products(opened[:, n : 2 * n], c))
            added = self.input_multiplier(_products(opened[:, :n], new))
            c = saturate_int16(kept + saturate_int16(added))
            if self.clip is not None:
                c = np.maximum(np.minimum(c, self.clip), -self.clip)
            hidden = self.output_multiplier(_products(self.cell_tanh(c), opened[:, 2 * n :]))
            hidden += self.output_zero_point
            h = np.minimum(np.maximum(hidden, low), high)
            output[t] = h
        output_state[...], cell_state[...] = h, c


def _products(a: Int16s, b: Int16s) -> Int64s:
    product: Int64s = np.multiply(a, b, dtype=np.int64)
    return product


@cache
def _sigmoid() -> LookupTable:
    return LookupTable(partial(logistic_int16, multiplier=3, shift=0), np.int16)


@cache
def _tanh(power: int) -> LookupTable:
    """tanh of int16 numbers of scale 2^power."""
    left = power + 12
    return LookupTable(partial(tanh_int16, multiplier=3 << max(left, 0), shift=max(-left, 0)), np.int16)
