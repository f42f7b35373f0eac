"""Random models of one UNIDIRECTIONAL_SEQUENCE_LSTM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from microinterp.model.ir import NUMPY_TYPES, TensorType
from microinterp.model.schema import ActivationFunctionType
from tests.single_op import TensorSpec, single_op_model

Array = NDArray[Any]

GATES = ("input", "forget", "cell", "output")
PEEPHOLES = {"input": 9, "forget": 10, "output": 11}
# Without an activation function LiteRT's float kernel takes what its scratch memory happens to hold; we refuse it.
ACTIVATIONS = [a for a in ActivationFunctionType if a is not ActivationFunctionType.NONE]


@dataclass(frozen=True)
class Lstm:
    """A model to build: sizes, options and variants; the numbers in it come from `seed`."""

    batch: int
    time: int
    inputs: int
    cells: int
    outputs: int
    type: TensorType
    weight_type: TensorType
    seed: int
    time_major: bool = False
    coupled: bool = False
    peepholes: bool = False
    projection: bool = False
    projection_bias: bool = False
    normalized: bool = False
    diagonal: frozenset[str] = frozenset()
    cell_clip: float = 0.0
    projection_clip: float = 0.0
    activation: ActivationFunctionType = ActivationFunctionType.TANH
    asymmetric: bool = False
    magnitude: float = 1.0
    lowest_weights: bool = False
    state_rank: int = 2

    @property
    def is_integer(self) -> bool:
        return self.type is not TensorType.FLOAT32

    def shape(self, size: int) -> tuple[int, int, int]:
        return (self.time, self.batch, size) if self.time_major else (self.batch, self.time, size)

    def tensors(self) -> tuple[list[TensorSpec | None], TensorSpec, list[TensorSpec]]:
        """The operator's inputs, its output, and its intermediate tensors."""
        rng = np.random.default_rng(self.seed)
        bias_type = TensorType.INT64 if self.type is TensorType.INT16 else TensorType.INT32
        if not self.is_integer:
            bias_type = TensorType.FLOAT32
        per_cell = TensorType.INT16 if self.is_integer else TensorType.FLOAT32
        cells, outputs = self.cells, self.outputs
        inputs: list[TensorSpec | None] = [None] * 24
        inputs[0] = self.activations(rng, self.shape(self.inputs), 0.002, 0.05)
        inputs[18] = self.activations(rng, self.state_shape(outputs), 0.003, 0.02, is_variable=True)
        intermediates = []
        for i, gate in enumerate(GATES):
            # TFLM refuses intermediate tensors with elements
            scale = small_number(rng, 1e-4, 1e-3) if self.normalized else 1.0
            intermediates.append(TensorSpec((0,), TensorType.INT16, scale, 0))
            if gate == "input" and self.coupled:
                continue
            is_diagonal = gate in self.diagonal
            recurrent_type = TensorType.FLOAT32 if is_diagonal else self.weight_type
            inputs[1 + i] = self.parameter(rng, (cells, self.inputs), self.weight_type)
            inputs[5 + i] = self.parameter(rng, (cells,) if is_diagonal else (cells, outputs), recurrent_type)
            inputs[12 + i] = self.parameter(rng, (cells,), bias_type)
            if self.peepholes and gate in PEEPHOLES:
                peephole_type = TensorType.INT16 if self.is_integer else self.weight_type
                inputs[PEEPHOLES[gate]] = self.parameter(rng, (cells,), peephole_type)
            if self.normalized:
                inputs[20 + i] = self.parameter(rng, (cells,), per_cell)
        if self.projection:
            inputs[16] = self.parameter(rng, (outputs, cells), self.weight_type)
            if self.projection_bias:
                inputs[17] = self.parameter(rng, (outputs,), bias_type)
        cell_scale = 2.0 ** int(rng.integers(-15, -8)) if self.is_integer else None
        cell_zero_point = 0 if self.is_integer else None
        inputs[19] = TensorSpec(
            self.state_shape(cells), per_cell, cell_scale, cell_zero_point, is_variable=True
        )
        state = inputs[18]
        assert state is not None
        hidden = state
        if self.projection and self.is_integer:
            hidden = self.activations(rng, (0,), 0.003, 0.02)
        intermediates.append(TensorSpec((0,), TensorType.INT8, hidden.scale, hidden.zero_point))
        output = TensorSpec(self.shape(outputs), self.type, state.scale, state.zero_point)
        return inputs, output, intermediates if self.is_integer else []

    def model(self) -> bytes:
        return lstm_model(self, *self.tensors())

    def state_shape(self, size: int) -> tuple[int, ...]:
        return (self.batch * size,) if self.state_rank == 1 else (self.batch, size)

    def activations(
        self,
        rng: np.random.Generator,
        shape: Sequence[int],
        least: float,
        largest: float,
        is_variable: bool = False,
    ) -> TensorSpec:
        if not self.is_integer:
            return TensorSpec(shape, self.type, is_variable=is_variable)
        if self.type is TensorType.INT16:
            scale = small_number(rng, least / 256, largest / 256)
            return TensorSpec(shape, self.type, scale, 0, is_variable=is_variable)
        zero_point = int(rng.choice([-128, 127, 0, int(rng.integers(-128, 128))]))
        return TensorSpec(
            shape, self.type, small_number(rng, least, largest), zero_point, is_variable=is_variable
        )

    def parameter(
        self, rng: np.random.Generator, shape: tuple[int, ...], element_type: TensorType
    ) -> TensorSpec:
        if element_type is TensorType.FLOAT32:
            numbers = rng.standard_normal(shape, np.float32) * np.float32(self.magnitude)
            return TensorSpec(shape, element_type, data=numbers)
        dtype = NUMPY_TYPES[element_type]
        if element_type in (TensorType.INT32, TensorType.INT64):
            return TensorSpec(shape, element_type, data=rng.integers(-20000, 20000, shape).astype(dtype))
        limits = np.iinfo(dtype)
        end = limits.min + limits.max // 5 if self.lowest_weights else limits.max + 1
        data = rng.integers(limits.min, end, shape).astype(dtype)
        scale = (
            small_number(rng, 0.001, 0.05)
            if element_type is TensorType.INT8
            else small_number(rng, 1e-5, 1e-3)
        )
        return TensorSpec(shape, element_type, scale, 0, data=data)

    def invokes(self, times: int) -> list[list[Array]]:
        """Values for the graph's inputs; some steps are all zero."""
        rng = np.random.default_rng([self.seed, 1])
        shape = self.shape(self.inputs)
        if self.is_integer:
            limits = np.iinfo(NUMPY_TYPES[self.type])
            return [
                [rng.integers(limits.min, limits.max + 1, shape).astype(limits.dtype)] for _ in range(times)
            ]
        values = []
        for _ in range(times):
            x = rng.standard_normal(shape, np.float32) * np.float32(self.magnitude)
            x[rng.integers(0, 4, shape[:2]) == 0] = 0
            values.append([x])
        return values


def small_number(rng: np.random.Generator, least: float, largest: float) -> float:
    """A scale."""
    return float(np.float32(rng.uniform(least, largest)))


def lstm_model(
    lstm: Lstm, inputs: Sequence[TensorSpec | None], output: TensorSpec, intermediates: Sequence[TensorSpec]
) -> bytes:
    """The model of an LSTM with these tensors."""
    options = {
        "fused_activation_function": lstm.activation,
        "cell_clip": lstm.cell_clip,
        "proj_clip": lstm.projection_clip,
        "time_major": lstm.time_major,
        "asymmetric_quantize_inputs": lstm.asymmetric,
    }
    return single_op_model(
        "UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [output], options, version=3, intermediates=intermediates
    )


@st.composite
def lstms(
    draw: st.DrawFn,
    element_type: TensorType,
    weight_type: TensorType,
    *,
    variants: bool,
    integer: bool = False,
) -> Lstm:
    """Any layer; with `variants`, of the kinds that only LiteRT knows."""
    cells = draw(st.integers(1, 40))
    projection = variants and draw(st.booleans())
    # with peepholes and more outputs than cells, LiteRT's integer kernel reads beyond the cells
    most_outputs = cells if integer else 20
    outputs = draw(st.integers(1, most_outputs)) if projection else cells

    def flag() -> bool:
        return variants and draw(st.booleans())

    has_diagonal = variants and not integer and not projection and draw(st.integers(0, 3)) == 0
    clips = st.sampled_from([0.0, 0.3, 10.0])
    return Lstm(
        batch=draw(st.integers(1, 6)),
        time=draw(st.integers(1, 4)),
        inputs=draw(st.integers(1, 40)),
        cells=cells,
        outputs=outputs,
        type=element_type,
        weight_type=weight_type,
        seed=draw(st.integers(0, 2**32)),
        time_major=draw(st.booleans()),
        projection=projection,
        diagonal=frozenset(draw(st.sets(st.sampled_from(GATES)))) if has_diagonal else frozenset(),
        cell_clip=draw(clips),
        projection_clip=draw(clips),
        magnitude=draw(st.sampled_from([0.1, 0.5, 1.0, 5.0])),
        state_rank=draw(st.integers(1, 2)) if variants else 2,
        coupled=flag(),
        peepholes=flag(),
        projection_bias=flag(),
        normalized=flag(),
        asymmetric=flag(),
        lowest_weights=flag(),
    )
