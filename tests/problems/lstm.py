"""LSTM, UNIDIRECTIONAL_SEQUENCE_LSTM and BIDIRECTIONAL_SEQUENCE_LSTM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from microinterp.model.ir import NUMPY_TYPES, TensorType
from microinterp.model.schema import ActivationFunctionType, LSTMKernelType
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model

Array = NDArray[Any]

GATES = ("input", "forget", "cell", "output")
PEEPHOLES = {"input": 9, "forget": 10, "output": 11}
# Without an activation function LiteRT's float kernel takes what its scratch memory happens to hold; we refuse it.
ACTIVATIONS = [a for a in ActivationFunctionType if a is not ActivationFunctionType.NONE]
SPECIAL_FLOATS = np.array([np.inf, -np.inf, 1e-44, -0.0, 3e38], np.float32)


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
    special: bool = False
    operator: str = "UNIDIRECTIONAL_SEQUENCE_LSTM"

    @property
    def is_integer(self) -> bool:
        return self.type is not TensorType.FLOAT32

    def shape(self, size: int) -> tuple[int, ...]:
        if self.operator == "LSTM":
            return self.batch, size
        return (self.time, self.batch, size) if self.time_major else (self.batch, self.time, size)

    def tensors(self) -> tuple[list[TensorSpec | None], TensorSpec, list[TensorSpec]]:
        """The operator's inputs, its output, and its intermediate tensors."""
        return self._tensors(np.random.default_rng(self.seed))

    def _tensors(
        self, rng: np.random.Generator
    ) -> tuple[list[TensorSpec | None], TensorSpec, list[TensorSpec]]:
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
        # uint8 weights are taken for int8 ones
        limits = np.iinfo(np.int8 if element_type is TensorType.UINT8 else dtype)
        end = limits.min + limits.max // 5 if self.lowest_weights else limits.max + 1
        data = rng.integers(limits.min, end, shape).astype(limits.dtype).view(dtype)
        scale = (
            small_number(rng, 0.001, 0.05)
            if element_type in (TensorType.INT8, TensorType.UINT8)
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
            x[rng.integers(0, 4, shape[:-1]) == 0] = 0
            if self.special:
                x = np.where(rng.random(shape) < 0.05, rng.choice(SPECIAL_FLOATS, shape), x)
            values.append([x])
        return values


def small_number(rng: np.random.Generator, least: float, largest: float) -> float:
    """A scale."""
    return float(np.float32(rng.uniform(least, largest)))


def lstm_model(
    lstm: Lstm, inputs: Sequence[TensorSpec | None], output: TensorSpec, intermediates: Sequence[TensorSpec]
) -> bytes:
    """The model of an LSTM with these tensors."""
    options = lstm_options(lstm)
    if lstm.operator == "LSTM":
        del options["time_major"]
    return single_op_model(lstm.operator, inputs, [output], options, version=3, intermediates=intermediates)


def lstm_options(lstm: Lstm) -> dict[str, Any]:
    return {
        "fused_activation_function": lstm.activation,
        "cell_clip": lstm.cell_clip,
        "proj_clip": lstm.projection_clip,
        "time_major": lstm.time_major,
        "asymmetric_quantize_inputs": lstm.asymmetric,
    }


@st.composite
def lstms(
    draw: st.DrawFn,
    element_type: TensorType,
    weight_type: TensorType,
    *,
    variants: bool,
) -> Lstm:
    """Any layer; with `variants`, of the kinds that only LiteRT knows."""
    integer = element_type is not TensorType.FLOAT32
    least = 0 if variants else 1  # TFLM takes no empty outputs
    cells = draw(st.integers(1, 40))
    projection = variants and draw(st.booleans())
    # with more outputs than cells LiteRT's integer kernel reads beyond the cells for peepholes, and its float32 kernel
    # writes beyond its scratch memory (docs/native-bugs.md)
    most_outputs = cells if element_type is weight_type or integer else 20
    outputs = draw(st.integers(1, most_outputs)) if projection else cells

    def size(most: int, least: int) -> int:
        return draw(st.integers(1, most)) if draw(st.integers(0, 19)) else least

    def flag() -> bool:
        return variants and draw(st.booleans())

    has_diagonal = variants and not integer and not projection and draw(st.integers(0, 3)) == 0
    clips = st.sampled_from([0.0, 0.3, 10.0])
    return Lstm(
        batch=size(6, least),
        time=size(4, least),
        inputs=size(40, 0),
        cells=cells,
        outputs=outputs,
        type=element_type,
        weight_type=weight_type,
        seed=draw(st.integers(0, 2**32)),
        activation=draw(st.sampled_from(ACTIVATIONS if variants and not integer else ActivationFunctionType)),
        time_major=draw(st.booleans()),
        projection=projection,
        diagonal=frozenset(draw(st.sets(st.sampled_from(GATES)))) if has_diagonal else frozenset(),
        cell_clip=draw(clips),
        projection_clip=draw(clips),
        magnitude=draw(st.sampled_from([0.1, 0.5, 1.0, 5.0])),
        state_rank=draw(st.integers(1, 2)) if variants else 2,
        # Rows are quantized with the range of their numbers, for which these must be finite. In TFLM NaNs of both signs
        # meet, and which one survives depends on the order of operands that the compiler chose.
        special=variants and element_type is weight_type and draw(st.integers(0, 5)) == 0,
        coupled=flag(),
        peepholes=flag(),
        projection_bias=flag(),
        normalized=flag(),
        asymmetric=flag(),
        lowest_weights=flag(),
    )


HYBRID = ("FLOAT32, INT8 weights", "FLOAT32, UINT8 weights")


def types(kind: str) -> tuple[TensorType, TensorType]:
    """Those of the activations and of the weights."""
    activations, _, weights = kind.removesuffix(" weights").partition(", ")
    if weights:
        return TensorType[activations], TensorType[weights]
    return TensorType[activations], TensorType.FLOAT32 if activations == "FLOAT32" else TensorType.INT8


@generator(
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
    tflite=("FLOAT32", *HYBRID, "INT8", "INT8, UINT8 weights"),
    tflm=("FLOAT32", "INT8", "INT16"),
)
def sequences(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    lstm = draw(lstms(*types(kind), variants=runtime == "tflite"))
    return Problem(lstm.model(), lstm.invokes(3))


@generator(
    "LSTM",
    tflite=(
        *("FLOAT32", *HYBRID, "INT8", "INT8, UINT8 weights", "INT8, INT8 products"),
        *("FLOAT32, basic", "UINT8, basic"),
    ),
)
def steps(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    if kind == "INT8, INT8 products":
        return draw(lstms_8x8_8())
    if kind.endswith("basic"):
        return draw(basic_lstms(kind.startswith("UINT8")))
    lstm = draw(lstms(*types(kind), variants=True))
    lstm = replace(lstm, operator="LSTM", time=1, diagonal=frozenset())
    return Problem(lstm.model(), lstm.invokes(3))


@st.composite
def lstms_8x8_8(draw: st.DrawFn) -> Problem:
    """Normalized layers with projection and products of int8; their input gates and peepholes play no part."""
    lstm = draw(lstms(TensorType.INT8, TensorType.INT8, variants=True))
    lstm = replace(lstm, operator="LSTM", time=1, normalized=True, projection=True, projection_bias=True)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    inputs, output, _ = lstm.tensors()
    # LiteRT multiplies the output gate's products with the state by the wrong number (docs/native-bugs.md)
    recurrent, cells = inputs[8], inputs[19]
    assert recurrent is not None
    assert cells is not None
    inputs[8] = replace(recurrent, data=np.zeros(recurrent.shape, np.int8))
    inputs[19] = replace(cells, scale=2.0**-15)
    lstm = replace(lstm, cell_clip=draw(st.sampled_from([0.0, 0.3, 1.0])))
    largest = draw(st.sampled_from([0.01, 0.1, 1.0]))
    intermediates = [
        TensorSpec(
            (0,), TensorType.INT8, small_number(rng, 1e-3, largest), int(rng.choice([-128, 127, 0, 5]))
        )
        for _ in range(12)
    ]
    return Problem(lstm_model(lstm, inputs, output, intermediates), lstm.invokes(3))


@st.composite
def basic_lstms(draw: st.DrawFn, quantized: bool) -> Problem:
    """Basic cells, whose states are inputs or variables."""
    batch, inputs, cells = draw(st.integers(1, 6)), draw(st.integers(1, 30)), draw(st.integers(1, 20))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    are_variables = draw(st.booleans())
    scale = draw(st.sampled_from([1e-7, 2.0**-12 / 128, 1e-5, 3e-4, 0.01]))
    magnitude = np.float32(draw(st.sampled_from([0.1, 1.0, 5.0, 50.0])))
    weight_zero_point, unusual = (
        draw(st.sampled_from([0, 128, 255, 100])),
        draw(st.sampled_from([0, 0, 0.05])),
    )
    shapes = {"x": (batch, inputs), "h": (batch, cells), "c": (batch, cells)}
    weight_shape = (4 * cells, inputs + cells)

    def spec(
        shape: tuple[int, ...], kind: TensorType, scale: float, zero_point: int = 0, **fields: Any
    ) -> TensorSpec:
        if not quantized:
            return TensorSpec(shape, TensorType.FLOAT32, **fields)
        return TensorSpec(shape, kind, scale, zero_point, **fields)

    if quantized:
        weights: Array = rng.integers(0, 256, weight_shape).astype(np.uint8)
        bias: Array = rng.integers(-20000, 20000, 4 * cells).astype(np.int32)
    else:
        weights = rng.standard_normal(weight_shape, np.float32)
        bias = rng.standard_normal(4 * cells, np.float32)
    uint8, int16 = TensorType.UINT8, TensorType.INT16
    tensors = [
        spec(shapes["x"], uint8, 1 / 128, 128),
        spec(shapes["h"], uint8, 1 / 128, 128, is_variable=are_variables),
        spec(weight_shape, uint8, scale * 128, weight_zero_point, data=weights),
        spec((4 * cells,), TensorType.INT32, scale, data=bias),
        spec(shapes["c"], int16, 2.0**-11, is_variable=are_variables),
    ]
    outputs = [
        spec(shapes["h"], uint8, 1 / 128, 128),
        spec(shapes["c"], int16, 2.0**-11),
        spec((batch, inputs + cells), uint8, 1 / 128, 128),
        spec((batch, 4 * cells), int16, 2.0**-12),
    ]
    model = single_op_model("LSTM", tensors, outputs, {"kernel_type": LSTMKernelType.BASIC}, version=2)

    def values(name: str) -> Array:
        if not quantized:
            x = rng.standard_normal(shapes[name], np.float32) * magnitude
            return np.where(rng.random(x.shape) < unusual, rng.choice(SPECIAL_FLOATS, x.shape), x)
        limits = np.iinfo(np.int16 if name == "c" else np.uint8)
        return rng.integers(limits.min, limits.max + 1, shapes[name]).astype(limits.dtype)

    names = ["x"] if are_variables else ["x", "h", "c"]
    return Problem(model, [[values(name) for name in names] for _ in range(3)])


@generator("BIDIRECTIONAL_SEQUENCE_LSTM", tflite=("FLOAT32", *HYBRID))
def both_ways(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    forward = draw(lstms(*types(kind), variants=True))
    forward = replace(forward, diagonal=frozenset(), normalized=False)
    backward = replace(
        forward,
        seed=draw(st.integers(0, 2**32)),
        coupled=draw(st.booleans()),
        peepholes=draw(st.booleans()),
    )
    aux, merge = draw(st.sampled_from(["", "backward", "both"])), draw(st.booleans())
    if merge and not forward.time_major:
        # LiteRT takes the states of the second row from behind them (docs/native-bugs.md)
        forward, backward = replace(forward, batch=1), replace(backward, batch=1)
    aux_size = forward.inputs if aux == "backward" else draw(st.integers(1, 20))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    tensors: list[TensorSpec | None] = [None] * 48
    for lstm, first, state, first_aux in ((forward, 0, 35, 40), (backward, 17, 37, 44)):
        inputs, _, _ = lstm.tensors()
        tensors[first + 1 : first + 18] = inputs[1:18]
        tensors[state : state + 2] = inputs[18:20]
        if aux == "both":
            for i in range(1 if lstm.coupled else 0, 4):
                tensors[first_aux + i] = lstm.parameter(rng, (lstm.cells, aux_size), lstm.weight_type)
    tensors[0] = TensorSpec(forward.shape(forward.inputs), forward.type)
    arrays = forward.invokes(3)
    if aux:
        tensors[39] = TensorSpec(forward.shape(aux_size), forward.type)
        more = replace(forward, inputs=aux_size, seed=backward.seed).invokes(3)
        arrays = [[*a, *b] for a, b in zip(arrays, more, strict=True)]
    n = forward.outputs
    outputs = [TensorSpec(forward.shape(size), forward.type) for size in ([2 * n] if merge else [n, n])]
    options = {**lstm_options(forward), "merge_outputs": merge}
    return Problem(
        single_op_model("BIDIRECTIONAL_SEQUENCE_LSTM", tensors, outputs, options, version=3), arrays
    )
