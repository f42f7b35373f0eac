"""`float_mode="fast"`: how far its results are from the exact ones, which the native runtime computes here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from microinterp import Interpreter, TensorError, load
from microinterp.model.ir import TensorType
from microinterp.model.schema import ActivationFunctionType, Padding
from microinterp.runtimes import FloatMode
from microinterp_tools.inputs import random_values
from tests.oracles import available, run_oracle
from tests.shared import model_paths, requires_shared
from tests.single_op import TensorSpec, single_op_model

Array = NDArray[Any]

FLOAT32 = TensorType.FLOAT32
RELU6 = ActivationFunctionType.RELU6
OPERATORS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")

requires_litert = pytest.mark.skipif(available("tflite") is not None, reason="LiteRT is not installed")


@dataclass(frozen=True)
class Layer:
    """A float32 operator with constant weights, and its input."""

    operator: str
    x: Array
    weights: Array
    bias: Array | None
    output_shape: tuple[int, ...]
    options: dict[str, Any]

    @property
    def products(self) -> int:
        """How many products one output is the sum of, at most."""
        if self.operator == "DEPTHWISE_CONV_2D":
            return math.prod(self.weights.shape[1:3])
        return math.prod(self.weights.shape[1:])

    def magnitudes(self) -> Layer:
        """The same layer whose outputs are the sums of the magnitudes of products and bias."""
        return replace(
            self,
            x=np.abs(self.x),
            weights=np.abs(self.weights),
            bias=None if self.bias is None else np.abs(self.bias),
            options={**self.options, "fused_activation_function": ActivationFunctionType.NONE},
        )

    def model(self) -> bytes:
        constants = [self.weights] if self.bias is None else [self.weights, self.bias]
        return single_op_model(
            self.operator,
            [TensorSpec(self.x.shape, FLOAT32), *(TensorSpec(c.shape, FLOAT32, data=c) for c in constants)],
            [TensorSpec(self.output_shape, FLOAT32)],
            self.options,
        )

    def native(self) -> Array:
        return run_oracle("tflite", self.model(), [[self.x]]).outputs[0][0]

    def ours(self, mode: FloatMode) -> Array:
        return run(self.model(), [[self.x]], mode)[0][0]


def run(model: bytes, invokes: Sequence[Sequence[Array]], mode: FloatMode) -> list[list[Array]]:
    interpreter = Interpreter(model_content=model, float_mode=mode)
    interpreter.allocate_tensors()
    outputs = []
    for arrays in invokes:
        for detail, array in zip(interpreter.get_input_details(), arrays, strict=True):
            interpreter.set_tensor(detail["index"], array)
        interpreter.invoke()
        outputs.append([interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()])
    return outputs


def values(rng: np.random.Generator, shape: tuple[int, ...], kind: str) -> Array:
    """Numbers that round well or badly: of one size, of many, nearly all the same."""
    if kind == "many sizes":
        return (rng.standard_normal(shape) * 10.0 ** rng.integers(-12, 6, shape)).astype(np.float32)
    if kind == "alike":  # then rounding errors do not cancel
        return np.full(shape, rng.uniform(0.1, 1), np.float32)
    return rng.standard_normal(shape, np.float32)


@st.composite
def layers(draw: st.DrawFn, operator: str) -> Layer:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from(["one size", "many sizes", "alike"]))
    activation = draw(st.sampled_from([ActivationFunctionType.NONE, ActivationFunctionType.RELU, RELU6]))
    outputs = draw(st.integers(1, 40))
    options: dict[str, Any] = {"fused_activation_function": activation}
    if operator == "FULLY_CONNECTED":
        rows, k = draw(st.integers(1, 20)), draw(st.integers(1, 1500))
        x, weights = values(rng, (rows, k), kind), values(rng, (outputs, k), kind)
        shape: tuple[int, ...] = (rows, outputs)
    else:
        batch, height, width = draw(st.tuples(st.integers(1, 2), st.integers(1, 12), st.integers(1, 12)))
        kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
        stride = draw(st.sampled_from([(1, 1), (1, 2), (2, 2)]))
        channels = draw(st.integers(1, 40))
        options |= {"padding": Padding.SAME, "stride_h": stride[0], "stride_w": stride[1]}
        filters: tuple[int, ...] = (outputs, *kernel, channels)
        if operator == "DEPTHWISE_CONV_2D":
            multiplier = draw(st.integers(1, 3))
            outputs = multiplier * channels
            options["depth_multiplier"] = multiplier
            filters = (1, *kernel, outputs)
        x, weights = values(rng, (batch, height, width, channels), kind), values(rng, filters, kind)
        shape = (batch, -(-height // stride[0]), -(-width // stride[1]), outputs)
    has_bias = operator == "CONV_2D" or draw(st.booleans())  # LiteRT's CONV_2D refuses to go without
    bias = values(rng, (outputs,), kind) if has_bias else None
    return Layer(operator, x, weights, bias, shape, options)


@requires_litert
@pytest.mark.parametrize("operator", OPERATORS)
@given(data=st.data())
def test_stays_within_the_documented_bound(operator: str, data: st.DataObject) -> None:
    layer = data.draw(layers(operator))
    k = layer.products
    # each of both sums is off by up to (k + 1) · 2⁻²⁴ of the magnitudes: k + 1 roundings of any of them
    most = (k + 1) * 2.0**-23 * 1.001 * layer.magnitudes().native().astype(np.float64) + k * 2.0**-149
    native = layer.native().astype(np.float64)
    assert (np.abs(layer.ours("fast") - native) <= most).all()


@requires_litert
@pytest.mark.parametrize("operator", OPERATORS)
@given(data=st.data())
def test_nans_and_infinities_are_where_they_are_in_exact_mode(operator: str, data: st.DataObject) -> None:
    layer = data.draw(layers(operator))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    chosen = rng.random(layer.x.shape) < data.draw(st.sampled_from([0.01, 0.3]))
    special = rng.choice(np.array([np.inf, -np.inf, np.nan, 0.0, -0.0], np.float32), layer.x.shape)
    layer = replace(layer, x=np.where(chosen, special, layer.x))
    native, fast = layer.native(), layer.ours("fast")
    is_finite = np.isfinite(native)
    np.testing.assert_array_equal(np.isfinite(fast), is_finite)
    np.testing.assert_array_equal(fast[~is_finite], native[~is_finite])


def float_models() -> list[Path]:
    """The real models with a float32 input that LiteRT runs."""
    paths = [path for path in model_paths() if path.name != "audio_preprocessor_float.tflite"]
    graphs = {path: load(path).subgraphs[0] for path in paths}
    return [path for path, g in graphs.items() if any(g.tensors[i].type == FLOAT32 for i in g.inputs)]


@requires_shared
@requires_litert
@pytest.mark.parametrize("path", [pytest.param(p, id=p.stem) for p in float_models()])
def test_real_models_stay_within_1e_5_of_their_largest_output(path: Path) -> None:
    model = path.read_bytes()
    rng = np.random.default_rng(0)
    details = Interpreter(model_content=model).get_input_details()
    invokes = [[random_values(d, rng) for d in details] for _ in range(30)]
    native = run_oracle("tflite", model, invokes).outputs
    fast = run(model, invokes, "fast")
    for actual, expected in zip(zip(*fast, strict=True), zip(*native, strict=True), strict=True):
        # over all invokes: a single output may be near 0
        most = 1e-5 * np.abs(expected).max()
        assert np.abs(np.subtract(actual, expected)).max() <= most


@requires_litert
def test_integers_are_the_same() -> None:
    rng = np.random.default_rng(0)
    x = TensorSpec((4, 100), TensorType.INT8, 0.05, 3)
    weights = TensorSpec((30, 100), TensorType.INT8, 0.01, 0, data=rng.integers(-127, 128, (30, 100)))
    model = single_op_model("FULLY_CONNECTED", [x, weights], [TensorSpec((4, 30), TensorType.INT8, 0.3, -5)])
    invoke = [rng.integers(-128, 128, (4, 100)).astype(np.int8)]
    native = run_oracle("tflite", model, [invoke]).outputs[0][0]
    assert run(model, [invoke], "fast")[0][0].tobytes() == native.tobytes()


def test_the_modes_differ() -> None:
    # else all of the above would say nothing
    rng = np.random.default_rng(0)
    x, weights = rng.standard_normal((4, 1000), np.float32), rng.standard_normal((30, 1000), np.float32)
    layer = Layer("FULLY_CONNECTED", x, weights, None, (4, 30), {})
    assert layer.ours("fast").tobytes() != layer.ours("exact").tobytes()


def test_refuses_an_unknown_mode() -> None:
    layer = Layer("FULLY_CONNECTED", np.zeros((1, 1)), np.zeros((1, 1)), None, (1, 1), {})
    with pytest.raises(TensorError, match="exact, fast"):
        Interpreter(model_content=layer.model(), float_mode="quick")  # type: ignore[arg-type]
