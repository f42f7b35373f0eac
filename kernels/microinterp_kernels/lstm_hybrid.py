"""LiteRT's hybrid LSTM: int8 weights, everything else float32, with all variants of the operator.

Source of the formulas: LiteRT's `lstm_eval.cc`, checked against the runtime.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .hybrid_product import HybridProducts, left_out_rows
from .lstm import LstmParameters
from .lstm_float import FloatLstm

Float32s = NDArray[np.float32]


class LstmHybrid(FloatLstm):
    """The LSTM on int8 input weights, recurrent weights and projection, whose scales `parameters` have.

    Peepholes, and recurrent weights that are a diagonal, are float32. `asymmetric` says how x, the state and what is
    projected are quantized; the other arguments are those of `FloatLstm`.
    """

    def __init__(
        self, parameters: LstmParameters, activation: str, batch: int, time_major: bool, asymmetric: bool
    ) -> None:
        super().__init__(parameters, activation, batch, time_major)
        gates = parameters.gates
        self.input_products = HybridProducts(
            [gate.input_weights for gate in gates], [gate.input_scale for gate in gates], asymmetric
        )
        aux_weights = [gate.aux_weights for gate in gates if gate.aux_weights is not None]
        if aux_weights:
            self.aux_products = HybridProducts(aux_weights, [gate.aux_scale for gate in gates], asymmetric)
        if self.recurrent_matrices:
            scales = [gates[i].recurrent_scale for i in self.with_matrix]
            self.recurrent_products = HybridProducts(self.recurrent_matrices, scales, asymmetric)
        if parameters.projection is not None:
            self.projection_product = HybridProducts(
                [parameters.projection], [parameters.projection_scale], asymmetric
            )

    def _take_in(self, products: HybridProducts, x: Float32s, sums: Float32s) -> Float32s:
        steps, batch, inputs = x.shape
        added = products(x.reshape(steps * batch, inputs), left_out_rows(x, self.together).reshape(-1))
        total: Float32s = sums + added.reshape(steps, batch, self.count, self.cells)
        return total

    def _add(self, products: Float32s, sums: Float32s) -> Float32s:
        total: Float32s = sums + products
        return total

    def _from_state(self, h: Float32s) -> Float32s:
        return self.recurrent_products(h, left_out_rows(h, self.together))

    def _project(self, hidden: Float32s) -> Float32s:
        bias = self.parameters.projection_bias
        start = np.zeros(1, np.float32) if bias is None else bias
        return start + self.projection_product(hidden, left_out_rows(hidden, self.together))
