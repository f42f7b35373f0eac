"""QUANTIZE and DEQUANTIZE against the native runtimes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microinterp.model.ir import NUMPY_TYPES, TensorType
from microinterp.runtimes import RUNTIMES
from tests.draw import FEWER_EXAMPLES, Array, Shape, numbers, scales, shapes
from tests.oracles import RUNTIME_NAMES, RuntimeName
from tests.single_op import TensorSpec, check_against_oracle, single_op_model

FROM_FLOAT = [
    (runtime, output)
    for runtime in RUNTIME_NAMES
    for output in RUNTIMES[runtime].quantized_types[TensorType.FLOAT32]
]
REQUANTIZE = [
    (runtime, x, output)
    for runtime in RUNTIME_NAMES
    for x, outputs in RUNTIMES[runtime].quantized_types.items()
    for output in outputs
    if x is not TensorType.FLOAT32
]
DEQUANTIZE = [
    (runtime, type) for runtime in RUNTIME_NAMES for type in RUNTIMES[runtime].element_types["DEQUANTIZE"]
]
PER_CHANNEL = (TensorType.INT8, TensorType.UINT8, TensorType.INT16)
EIGHT_BITS_OR_LESS = (TensorType.INT8, TensorType.UINT8, TensorType.INT4, TensorType.UINT4, TensorType.INT2)


def any_zero_points(type: TensorType, runtime: RuntimeName) -> st.SearchStrategy[int]:
    """Zero points, also beyond the type's own numbers."""
    if type in (TensorType.INT16, TensorType.INT32) and RUNTIMES[runtime].int16_is_symmetric:
        return st.just(0)
    return st.one_of(st.integers(-128, 127), st.integers(-70000, 70000))


@st.composite
def floats_of(draw: st.DrawFn, shape: Shape, scale: float) -> Array:
    """Numbers to be quantized: any, and such that halves of steps and the ends of int32 are met."""
    if draw(st.booleans()):
        return draw(numbers(TensorType.FLOAT32, shape))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    steps = rng.integers(-600, 600, shape) / 2
    far = rng.choice([2.0**31, -(2.0**31), 2147483520.0, 1e30], shape)
    with np.errstate(over="ignore"):
        return np.asarray(np.where(rng.random(shape) < 0.1, far, steps) * scale, np.float32)


@pytest.mark.parametrize(("runtime", "output"), FROM_FLOAT)
@FEWER_EXAMPLES
@given(data=st.data())
def test_quantize(runtime: RuntimeName, output: TensorType, data: st.DataObject) -> None:
    shape = data.draw(shapes(0 if runtime == "tflite" else 1))
    scale = data.draw(scales(-30, 30))
    model = single_op_model(
        "QUANTIZE",
        [TensorSpec(shape, TensorType.FLOAT32)],
        [TensorSpec(shape, output, scale, data.draw(any_zero_points(output, "tflm")))],
    )
    assert check_against_oracle(model, [[data.draw(floats_of(shape, scale))] for _ in range(2)], runtime)


@pytest.mark.parametrize("output", PER_CHANNEL)
@FEWER_EXAMPLES
@given(data=st.data())
def test_quantize_per_channel(output: TensorType, data: st.DataObject) -> None:
    shape, axis, channel_scales, channel_zero_points = data.draw(channels(output))
    model = single_op_model(
        "QUANTIZE",
        [TensorSpec(shape, TensorType.FLOAT32)],
        [TensorSpec(shape, output, channel_scales, channel_zero_points, axis)],
    )
    x = data.draw(floats_of(shape, channel_scales[0]))
    assert check_against_oracle(model, [[x]], "tflite")
    assert not check_against_oracle(model, [[x]], "tflm")


@st.composite
def channels(draw: st.DrawFn, type: TensorType) -> tuple[Shape, int, list[float], list[int]]:
    shape = draw(shapes().filter(lambda shape: len(shape) > 0 and max(shape) > 1))
    axis = draw(st.sampled_from([i for i, size in enumerate(shape) if size > 1]))
    count = shape[axis]
    return (
        shape,
        axis,
        draw(st.lists(scales(-20, 10), min_size=count, max_size=count)),
        draw(st.lists(st.integers(-200, 200), min_size=count, max_size=count)),
    )


@pytest.mark.parametrize(("runtime", "x", "output"), REQUANTIZE)
@given(data=st.data())
@FEWER_EXAMPLES
def test_requantize(runtime: RuntimeName, x: TensorType, output: TensorType, data: st.DataObject) -> None:
    # small ones are computed, large ones of int16 looked up in a table
    shape = data.draw(st.one_of(shapes(0 if runtime == "tflite" else 1), st.just((5000,))))
    scale = data.draw(scales(-20, 10))
    ratio = data.draw(st.one_of(st.just(1.0), scales(-25, 25)))
    model = single_op_model(
        "QUANTIZE",
        [TensorSpec(shape, x, scale, data.draw(any_zero_points(x, runtime)))],
        [TensorSpec(shape, output, scale * ratio, data.draw(any_zero_points(output, runtime)))],
    )
    assert check_against_oracle(model, [[data.draw(numbers(x, shape))] for _ in range(2)], runtime)


@pytest.mark.parametrize(("runtime", "type"), DEQUANTIZE)
@FEWER_EXAMPLES
@given(data=st.data())
def test_dequantize(runtime: RuntimeName, type: TensorType, data: st.DataObject) -> None:
    shape = data.draw(shapes(0 if runtime == "tflite" else 1))
    values = data.draw(numbers(type, shape))
    # 2-bit inputs cannot be handed to the native Python API
    constant = type is TensorType.INT2 or data.draw(st.booleans())
    quantized = type is not TensorType.FLOAT16
    x = TensorSpec(
        shape,
        type,
        data.draw(scales(-140, 127)) if quantized else None,
        data.draw(any_zero_points(type, runtime)) if quantized else None,
        data=values if constant else None,
    )
    model = single_op_model("DEQUANTIZE", [x], [TensorSpec(shape, TensorType.FLOAT32)])
    assert check_against_oracle(model, [[] if constant else [values]] * 2, runtime)


@pytest.mark.parametrize("type", EIGHT_BITS_OR_LESS)
@FEWER_EXAMPLES
@given(data=st.data())
def test_dequantize_per_channel(type: TensorType, data: st.DataObject) -> None:
    shape, axis, channel_scales, channel_zero_points = data.draw(channels(type))
    x = TensorSpec(
        shape, type, channel_scales, channel_zero_points, axis, data=data.draw(numbers(type, shape))
    )
    model = single_op_model("DEQUANTIZE", [x], [TensorSpec(shape, TensorType.FLOAT32)])
    assert check_against_oracle(model, [[]], "tflite")


@pytest.mark.parametrize("type", PER_CHANNEL)
@FEWER_EXAMPLES
@given(data=st.data())
def test_dequantize_per_channel_in_tflm(type: TensorType, data: st.DataObject) -> None:
    shape, axis, channel_scales, channel_zero_points = data.draw(channels(type))
    x = TensorSpec(shape, type, channel_scales, channel_zero_points, axis)
    model = single_op_model("DEQUANTIZE", [x], [TensorSpec(shape, TensorType.FLOAT32)])
    assert check_against_oracle(model, [[data.draw(numbers(type, shape))]], "tflm")


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_refuses_what_native_refuses(runtime: RuntimeName) -> None:
    types = (
        *(TensorType.FLOAT32, TensorType.INT8, TensorType.UINT8, TensorType.INT16, TensorType.INT32),
        *(TensorType.INT64, TensorType.BOOL),
    )
    accepted = RUNTIMES[runtime].quantized_types
    for x in types:
        for output in types:
            if output not in accepted.get(x, ()):
                inputs, outputs = [TensorSpec((3,), x, 0.5, 0)], [TensorSpec((3,), output, 0.5, 0)]
                model = single_op_model("QUANTIZE", inputs, outputs)
                assert not check_against_oracle(model, [[np.ones(3, NUMPY_TYPES[x])]], runtime)
        if x not in RUNTIMES[runtime].element_types["DEQUANTIZE"]:
            inputs, outputs = [TensorSpec((3,), x, 0.5, 0)], [TensorSpec((3,), TensorType.FLOAT32)]
            model = single_op_model("DEQUANTIZE", inputs, outputs)
            assert not check_against_oracle(model, [[np.ones(3, NUMPY_TYPES[x])]], runtime)
    unquantized = single_op_model(
        "QUANTIZE", [TensorSpec((3,), TensorType.FLOAT32)], [TensorSpec((3,), TensorType.INT8)]
    )
    assert not check_against_oracle(unquantized, [[np.ones(3, np.float32)]], runtime)


def test_litert_refuses_zero_points_of_int16() -> None:
    symmetric, shifted = (TensorSpec((3,), TensorType.INT16, 0.5, zero_point) for zero_point in (0, 1))
    x = np.arange(3, dtype=np.int16)
    for model in (
        single_op_model("QUANTIZE", [symmetric], [shifted]),
        single_op_model("QUANTIZE", [shifted], [symmetric]),
        single_op_model("DEQUANTIZE", [shifted], [TensorSpec((3,), TensorType.FLOAT32)]),
    ):
        assert not check_against_oracle(model, [[x]], "tflite")
        assert check_against_oracle(model, [[x]], "tflm")
