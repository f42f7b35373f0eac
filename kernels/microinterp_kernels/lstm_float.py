"""LiteRT's LSTM on float32, with all variants of the operator.

Source of the formulas: LiteRT's `lstm_eval.cc`, `optimized_ops::FullyConnected` and `tensor_utils`, checked against
the runtime.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import eigen
from .hybrid_product import left_out_rows
from .lstm import LstmParameters, clamp_to_finite
from .recurrent_activations import ACTIVATIONS
from .summation import sum_in_order

Float32s = NDArray[np.float32]
Bools = NDArray[np.bool_]


class FloatLstm(ABC):
    """An LSTM whose gates, cells and output are float32; how they are multiplied with matrices is left open.

    `parameters` have float32 biases, peepholes and normalization. `activation` is the cells', by its name in
    `recurrent_activations`. LiteRT computes the rows of a batch together if the input is time-major, else one after
    the other; that decides the order of sums, and which numbers do not fill a vector.
    """

    input_products: Any
    aux_products: Any

    def __init__(self, parameters: LstmParameters, activation: str, batch: int, time_major: bool) -> None:
        gates, n = parameters.gates, parameters.cells
        self.parameters, self.batch, self.together = parameters, batch, time_major
        self.cells, self.count, self.is_coupled = n, len(gates), parameters.input is None
        self.activation = ACTIVATIONS[activation]
        self.biases = parameters.biases.reshape(self.count, n)
        self.peepholes = _stack([gate.cell_weights for gate in gates])  # of all gates but the cells'
        self.coefficients = _stack([gate.normalization for gate in gates])
        recurrent = [gate.recurrent_weights for gate in gates]
        self.recurrent_matrices = [weights for weights in recurrent if weights.ndim == 2]
        self.with_matrix = [i for i, weights in enumerate(recurrent) if weights.ndim == 2]
        self.with_diagonal = [i for i, weights in enumerate(recurrent) if weights.ndim == 1]
        self.diagonals = _stack([weights for weights in recurrent if weights.ndim == 1])
        self.start = self.biases if self.coefficients is None else np.zeros_like(self.biases)
        # LiteRT's scratch memory holds the gates in the order input, cells, forget, output
        places = (1, 2) if self.is_coupled else (0, 2, 3)
        self.leftovers = np.stack([self._leftovers(place) for place in places], axis=1)
        self.has_leftovers = bool(self.leftovers.any())

    def _leftovers(self, place: int) -> Bools:
        """Which numbers of a gate do not fill a vector: [batch, cells]."""
        start, n = place * self.batch * self.cells, self.cells
        if self.together:
            return eigen.leftovers(start, self.batch * n).reshape(self.batch, n)
        return np.stack([eigen.leftovers(start + row * n, n) for row in range(self.batch)])

    @np.errstate(all="ignore")
    def __call__(
        self,
        x: Float32s,
        output_state: Float32s,
        cell_state: Float32s,
        output: Float32s,
        aux: Float32s | None = None,
    ) -> None:
        """Run over all time steps of x [time, batch, inputs], into output [time, batch, outputs].

        The states, [batch, outputs] and [batch, cells], are updated. `aux`, [time, batch, auxiliary inputs], is there
        if the gates have weights for it.
        """
        parameters, last = self.parameters, self.count - 2  # the output gate; behind it are the cells
        early = slice(0, last + 1 if self.peepholes is None else last)
        clip = np.float32(parameters.cell_clip)
        from_input = self._from_input(x, aux)
        h, c = output_state, cell_state
        for t in range(len(x)):
            gates = self._add_state(from_input[t], h)
            if self.peepholes is not None:
                gates[:, early] += self.peepholes[early] * c[:, None]
            opened = self._logistic(self._normalize(gates, early), early)
            new = self.activation(self._normalize(gates, slice(last + 1, None))[:, 0])
            forget = opened[:, 0 if self.is_coupled else 1]
            c = forget * c
            c += new * (np.float32(1) - forget if self.is_coupled else opened[:, 0])
            if clip > 0:
                c = np.maximum(np.fmin(c, clip), -clip)  # NaN becomes the clip
            if self.peepholes is not None:
                late = slice(last, last + 1)
                gates[:, late] += self.peepholes[late] * c[:, None]
                opened = self._logistic(self._normalize(gates, late), late)
            h = opened[:, -1] * self.activation(c)
            if parameters.projection is not None:
                h = self._project(h)
                limit = np.float32(parameters.projection_clip)
                if limit > 0:
                    h = np.maximum(np.fmin(h, limit), -limit)
            output[t] = h
        output_state[...], cell_state[...] = h, c

    def _add_state(self, sums: Float32s, h: Float32s) -> Float32s:
        """The sums [batch, gates, cells] plus the products of h with the recurrent weights."""
        if self.diagonals is None:
            return self._add(self._from_state(h).reshape(sums.shape), sums)
        gates = sums.copy()
        gates[:, self.with_diagonal] += self.diagonals * h[:, None]
        if self.with_matrix:
            products = self._from_state(h).reshape(self.batch, -1, self.cells)
            gates[:, self.with_matrix] = self._add(products, sums[:, self.with_matrix])
        return gates

    def _normalize(self, gates: Float32s, which: slice) -> Float32s:
        """The sums of some gates, normalized if the layer is."""
        sums = gates[:, which]
        if self.coefficients is None:
            return sums
        normalized = _normalize(sums.reshape(-1, self.cells)).reshape(sums.shape)
        finished: Float32s = self.coefficients[which] * normalized + self.biases[which]
        return finished

    def _logistic(self, sums: Float32s, which: slice) -> Float32s:
        """The logistic function of the sums of some gates."""
        opened = eigen.logistic(sums)
        if self.has_leftovers:
            leftovers = self.leftovers[:, which]
            opened[leftovers] = eigen.logistic_scalar(sums[leftovers])
        return opened

    def _from_input(self, x: Float32s, aux: Float32s | None) -> Float32s:
        """The sums so far, for all steps: [time, batch, gates, cells]."""
        sums = self._take_in(self.input_products, x, self.start)
        return sums if aux is None else self._take_in(self.aux_products, aux, sums)

    @abstractmethod
    def _take_in(self, products: Any, x: Float32s, sums: Float32s) -> Float32s:
        """The sums plus the products of x [time, batch, size], but for what is left out."""

    @abstractmethod
    def _add(self, products: Float32s, sums: Float32s) -> Float32s:
        """What the gates make of the sums so far and more products."""

    @abstractmethod
    def _from_state(self, h: Float32s) -> Float32s:
        """The products of h with all recurrent matrices side by side: [batch, matrices · cells]."""

    @abstractmethod
    def _project(self, hidden: Float32s) -> Float32s:
        """The projection of [batch, cells]: [batch, outputs]."""


class LstmFloat32(FloatLstm):
    """The LSTM on float32 weights; the arguments are those of `FloatLstm`."""

    def __init__(self, parameters: LstmParameters, activation: str, batch: int, time_major: bool) -> None:
        super().__init__(parameters, activation, batch, time_major)
        self.at_once = at_once = batch if time_major else 1
        gates = parameters.gates
        self.input_products = eigen.MatrixProducts([gate.input_weights for gate in gates], at_once)
        aux_weights = [gate.aux_weights for gate in gates if gate.aux_weights is not None]
        if aux_weights:
            self.aux_products = eigen.MatrixProducts(aux_weights, at_once)
        if self.recurrent_matrices:
            self.recurrent_products = eigen.MatrixProducts(self.recurrent_matrices, at_once)
        if parameters.projection is not None:
            self.projection_product = eigen.MatrixProducts([parameters.projection], at_once)

    def _take_in(self, products: eigen.MatrixProducts, x: Float32s, sums: Float32s) -> Float32s:
        steps, batch, inputs = x.shape
        added = self._add(
            products(x.reshape(steps * batch, inputs)).reshape(steps, batch, self.count, self.cells), sums
        )
        return np.where(left_out_rows(x, self.together)[:, :, None, None], sums, added)

    def _add(self, products: Float32s, sums: Float32s) -> Float32s:
        if self.at_once == 1:  # the product takes the sum for a bias
            return clamp_to_finite(products + sums)
        return clamp_to_finite(products) + sums

    def _from_state(self, h: Float32s) -> Float32s:
        return self.recurrent_products(h)

    def _project(self, hidden: Float32s) -> Float32s:
        bias = self.parameters.projection_bias
        return self._add(self.projection_product(hidden), np.zeros(1, np.float32) if bias is None else bias)


def _normalize(rows: Float32s) -> Float32s:
    """(row − mean) / √(variance + 1e-8) of each row of [rows, size] (`MeanStddevNormalization`)."""
    columns = rows.T.copy()
    size = np.float32(len(columns))
    differences = columns - sum_in_order(columns) / size
    variances = sum_in_order(differences * differences) / size
    normalized: Float32s = (differences * (np.float32(1) / np.sqrt(variances + np.float32(1e-8)))).T
    return normalized


def _stack(parts: Sequence[Float32s | None]) -> Float32s | None:
    """Those that are there, or None."""
    arrays = [part for part in parts if part is not None]
    return np.stack(arrays) if arrays else None
