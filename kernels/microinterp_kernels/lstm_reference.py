"""The LSTM of TFLite Micro: its reference kernels one after the other, without the operator's variants.

Source of the formulas: TFLM's `lstm_eval.h` and `lstm_eval_common.cc`, checked against the runtime.

All kernels are called with x [time, batch, inputs], the states [batch, cells], and output [time, batch, cells];
they update the states.
"""

from __future__ import annotations

from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from .activations import logistic_float32, logistic_int16, tanh_float32, tanh_int16
from .fixed_point import (
    Int64s,
    clip_to,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    quantize_multipliers,
)
from .integer_product import IntegerProduct
from .lookup_table import LookupTable
from .lstm import Array, LstmParameters, LstmQuantization, clamp_to_finite
from .ordered_product import ordered_product
from .requantize import Requantize, RequantizeInt64

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
        products = ordered_product(np.ascontiguousarray(x).reshape(-1, inputs), self.input_columns)
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
    the activations' element type.
    """

    def __init__(
        self,
        parameters: LstmParameters,
        quantization: LstmQuantization,
        dtype: type[np.signedinteger],
        has_tanh: bool,
    ) -> None:
        gates, q = parameters.gates, quantization
        self.cells, self.dtype, self.has_tanh = parameters.cells, dtype, has_tanh
        self.input_product = IntegerProduct(np.concatenate([g.input_weights for g in gates]), _reach(dtype))
        self.recurrent_product = IntegerProduct(
            np.concatenate([g.recurrent_weights for g in gates]), _reach(dtype)
        )
        input_multipliers = [q.input_scale * gate.input_scale / gate.sum_scale for gate in gates]
        recurrent_multipliers = [q.output_scale * gate.recurrent_scale / gate.sum_scale for gate in gates]
        self.from_input = self._requantize(
            input_multipliers, self.input_product, q.input_zero_point, parameters.biases
        )
        self.from_state = self._requantize(
            recurrent_multipliers, self.recurrent_product, q.output_zero_point, 0
        )
        power = round(float(np.log2(np.float32(q.cell_scale))))
        self.sigmoid, self.tanh, self.cell_tanh = _sigmoid(), _tanh(-12), _tanh(power)
        self.forget_multiplier = quantize_multiplier(2.0**-15)
        self.input_multiplier = quantize_multiplier(2.0**-30 / q.cell_scale)
        self.output_multiplier = quantize_multiplier(2.0**-30 / q.output_scale)
        self.output_zero_point = q.output_zero_point
        clip = min(parameters.cell_clip / q.cell_scale, 32767.0)
        self.clip = int(clip) if parameters.cell_clip > 0 else None

    def _requantize(
        self, multipliers: list[float], product: IntegerProduct, zero_point: int, biases: Int64s | int
    ) -> Requantize | RequantizeInt64:
        """From sums of products to the int16 terms of the gates."""
        q, shifts = quantize_multipliers(np.repeat(multipliers, self.cells))
        corrected = biases - zero_point * product.sums
        if self.dtype is np.int16:
            return RequantizeInt64(q, shifts, -32768, 32767, np.int16, biases=corrected, reach=product.reach)
        return Requantize(q, shifts, 0, -32768, 32767, np.int16, biases=corrected, reach=product.reach)

    def __call__(self, x: Array, output_state: Array, cell_state: Int16s, output: Array) -> None:
        """Run over all time steps."""
        n = self.cells
        steps, batch, inputs = x.shape
        from_input = self.from_input(self.input_product(x.reshape(-1, inputs))).reshape(steps, batch, 4 * n)
        h, c = output_state.copy(), cell_state.copy()
        for t in range(steps):
            gates = _add(from_input[t], self.from_state(self.recurrent_product(h)))
            opened = self.sigmoid(gates[:, : 3 * n])
            new = self.tanh(gates[:, 3 * n :]) if self.has_tanh else gates[:, 3 * n :]
            kept = _multiply(opened[:, n : 2 * n], c, self.forget_multiplier)
            added = _multiply(opened[:, :n], new, self.input_multiplier)
            c = _add(clip_to(kept, np.int16), clip_to(added, np.int16))
            if self.clip is not None:
                c = np.maximum(np.minimum(c, np.int16(self.clip)), np.int16(-self.clip))
            hidden = _multiply(self.cell_tanh(c), opened[:, 2 * n :], self.output_multiplier)
            h = clip_to(hidden + self.output_zero_point, self.dtype)
            output[t] = h
        output_state[...], cell_state[...] = h, c


def _reach(dtype: type[np.signedinteger]) -> int:
    return -int(np.iinfo(dtype).min)


def _add(a: Int16s, b: Int16s) -> Int16s:
    """The saturated sum."""
    return clip_to(a.astype(np.int32) + b, np.int16)


def _multiply(a: Int16s, b: Int16s, multiplier: tuple[int, int]) -> Int64s:
    """The product times a quantized multiplier."""
    return multiply_by_quantized_multiplier(a.astype(np.int64) * b, *multiplier)


@cache
def _sigmoid() -> LookupTable:
    return LookupTable(partial(logistic_int16, multiplier=3, shift=0), np.int16)


@cache
def _tanh(power: int) -> LookupTable:
    """tanh of int16 numbers of scale 2^power."""
    left = power + 12
    return LookupTable(partial(tanh_int16, multiplier=3 << max(left, 0), shift=max(-left, 0)), np.int16)
