"""SVDF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from microinterp.model.ir import NUMPY_TYPES, TensorType
from microinterp.model.schema import ActivationFunctionType
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model

Array = NDArray[Any]

FLOAT32, INT8, UINT8 = TensorType.FLOAT32, TensorType.INT8, TensorType.UINT8
INT16, INT32 = TensorType.INT16, TensorType.INT32
RELU = ActivationFunctionType.RELU


@dataclass(frozen=True)
class Svdf:
    """A model to build; the numbers in it come from `seed`."""

    batch: int
    inputs: int
    memory: int
    rank: int
    units: int
    type: TensorType
    weight_type: TensorType
    state_type: TensorType
    seed: int
    activation: ActivationFunctionType = RELU
    has_bias: bool = True
    asymmetric: bool = False
    lowest_weights: bool = False
    bias_sign: float = 1.0
    special: bool = False

    def tensors(self) -> tuple[list[TensorSpec | None], TensorSpec]:
        """The operator's inputs and its output."""
        rng = np.random.default_rng(self.seed)
        filters = self.units * self.rank
        feature, time = (filters, self.inputs), (filters, self.memory)
        state, output = (self.batch, filters * self.memory), (self.batch, self.units)
        inputs: list[TensorSpec | None]
        if self.type is FLOAT32:
            weights = [self._float_or_int8(rng, shape) for shape in (feature, time)]
            bias = rng.standard_normal(self.units, np.float32) * np.float32(self.bias_sign)
            inputs = [
                TensorSpec((self.batch, self.inputs), FLOAT32),
                *weights,
                TensorSpec((self.units,), FLOAT32, data=bias),
                TensorSpec(state, FLOAT32, is_variable=True),
            ]
            result = TensorSpec(output, FLOAT32)
        else:
            x_scale, feature_scale, time_scale = (_small_number(rng) for _ in range(3))
            limits = np.iinfo(NUMPY_TYPES[self.state_type])
            spread = 50 if self.state_type is INT8 else rng.uniform(0.05, 2)
            state_scale = float(np.float32(x_scale * feature_scale * max(1, self.inputs) * spread))
            sum_scale = float(np.float32(state_scale) * np.float32(time_scale))
            reach = float(limits.max) ** 2 * self.memory * self.rank
            output_scale = float(np.float32(sum_scale * reach / 256 * rng.uniform(0.01, 2)))
            zero_points = [int(rng.choice([-128, 127, 0, int(rng.integers(-128, 128))])) for _ in range(3)]
            bias_data = rng.integers(-20000, 20000, self.units).astype(np.int32)
            inputs = [
                TensorSpec((self.batch, self.inputs), INT8, x_scale, zero_points[0]),
                TensorSpec(feature, INT8, feature_scale, 0, data=_any_integers(rng, feature, INT8)),
                TensorSpec(
                    time, self.state_type, time_scale, 0, data=_any_integers(rng, time, self.state_type)
                ),
                TensorSpec((self.units,), INT32, sum_scale, 0, data=bias_data),
                TensorSpec(state, self.state_type, state_scale, zero_points[1], is_variable=True),
            ]
            result = TensorSpec(output, INT8, output_scale, zero_points[2])
        if not self.has_bias:
            inputs[3] = None
        return inputs, result

    def _float_or_int8(self, rng: np.random.Generator, shape: tuple[int, int]) -> TensorSpec:
        if self.weight_type is FLOAT32:
            return TensorSpec(shape, FLOAT32, data=rng.standard_normal(shape, np.float32))
        data = rng.integers(-128, -100 if self.lowest_weights else 128, shape).astype(np.int8)
        data = data.view(NUMPY_TYPES[self.weight_type])  # uint8 weights are taken for int8 ones
        return TensorSpec(shape, self.weight_type, _small_number(rng), 0, data=data)

    def model(self) -> bytes:
        return svdf_model(self, *self.tensors())

    def invokes(self, times: int) -> list[list[Array]]:
        """Values for the graph's input; some are all zero."""
        rng = np.random.default_rng([self.seed, 1])
        shape = (self.batch, self.inputs)
        if self.type is INT8:
            return [[_any_integers(rng, shape, INT8)] for _ in range(times)]
        values = [
            rng.standard_normal(shape, np.float32) * np.float32(rng.integers(0, 3)) for _ in range(times)
        ]
        if self.special:
            floats = np.array([np.inf, -np.inf, 1e-44, -0.0, 3e38], np.float32)
            values = [np.where(rng.random(shape) < 0.05, rng.choice(floats, shape), x) for x in values]
        return [[x] for x in values]


def svdf_model(svdf: Svdf, inputs: Sequence[TensorSpec | None], output: TensorSpec) -> bytes:
    """The model of an SVDF with these tensors."""
    options = {
        "rank": svdf.rank,
        "fused_activation_function": svdf.activation,
        "asymmetric_quantize_inputs": svdf.asymmetric,
    }
    return single_op_model("SVDF", inputs, [output], options, version=3)


def _small_number(rng: np.random.Generator) -> float:
    return float(np.float32(np.exp(rng.uniform(np.log(1e-3), np.log(0.1)))))


def _any_integers(rng: np.random.Generator, shape: tuple[int, ...], element_type: TensorType) -> Array:
    limits = np.iinfo(NUMPY_TYPES[element_type])
    return rng.integers(limits.min, limits.max + 1, shape).astype(limits.dtype)


def svdfs(
    element_type: TensorType, weight_type: TensorType, state_type: TensorType
) -> st.SearchStrategy[Svdf]:
    return st.builds(
        Svdf,
        batch=st.integers(1, 4),
        inputs=st.integers(0, 40),
        memory=st.integers(1, 20),
        rank=st.integers(1, 6),
        units=st.integers(1, 20),
        type=st.just(element_type),
        weight_type=st.just(weight_type),
        state_type=st.just(state_type),
        seed=st.integers(0, 2**32),
        activation=st.sampled_from(ActivationFunctionType),
        has_bias=st.booleans(),
        asymmetric=st.booleans(),
        lowest_weights=st.booleans(),
        bias_sign=st.sampled_from([1.0, -1.0, 0.0, -0.0]),
        # rows are quantized with the range of their numbers, for which these must be finite
        special=st.just(False) if element_type is not weight_type else st.sampled_from([False] * 5 + [True]),
    )


# Element types of activations, weights and state.
KINDS = {
    "FLOAT32": (FLOAT32, FLOAT32, FLOAT32),
    "FLOAT32, INT8 weights": (FLOAT32, INT8, FLOAT32),
    "FLOAT32, UINT8 weights": (FLOAT32, UINT8, FLOAT32),
    "INT8": (INT8, INT8, INT16),
    "INT8, INT8 state": (INT8, INT8, INT8),
}


@generator(
    "SVDF",
    tflite=("FLOAT32", "FLOAT32, INT8 weights", "FLOAT32, UINT8 weights", "INT8"),
    tflm=("FLOAT32", "INT8", "INT8, INT8 state"),
)
def layers(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    svdf = draw(svdfs(*KINDS[kind]))
    if runtime == "tflm":  # without a bias it crashes (docs/native-bugs.md)
        svdf = replace(svdf, has_bias=True)
    elif kind == "INT8" and draw(st.integers(0, 9)):  # LiteRT refuses the others
        svdf = replace(svdf, activation=RELU)
    return Problem(svdf.model(), svdf.invokes(4))
