"""Activations that are functions of one number."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from microinterp.model.ir import NUMPY_TYPES, TensorType
from tests.draw import scales, zero_points
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.problems.unary import any_shape, invokes, plain, quantized
from tests.single_op import TensorSpec, single_op_model

# (operator, element type) → scale and zero point of the output
OUTPUTS = {
    ("LOGISTIC", TensorType.INT8): (1 / 256, -128),
    ("LOGISTIC", TensorType.UINT8): (1 / 256, 0),
    ("LOGISTIC", TensorType.INT16): (1 / 32768, 0),
    ("TANH", TensorType.INT8): (1 / 128, 0),
    ("TANH", TensorType.UINT8): (1 / 128, 128),
    ("TANH", TensorType.INT16): (1 / 32768, 0),
}
# Beyond these TFLM's int8 kernels compute 1LL << shift with a shift below 0 or above 62, which C++ leaves undefined.
LEAST_EXPONENT, LARGEST_EXPONENT = -28, 34


def input_scales() -> st.SearchStrategy[float]:
    """Scales, and some that almost are a power of two (TFLite forgives 0.07 %)."""
    almost = st.builds(lambda e, d: 2.0**e * (1 + d), st.integers(-14, -9), st.floats(-1.5e-3, 1.5e-3))
    return st.one_of(scales(LEAST_EXPONENT, LARGEST_EXPONENT), almost).map(lambda s: float(np.float32(s)))


@generator(
    *("LOGISTIC", "TANH"),
    tflite=("FLOAT32", "FLOAT16", "BFLOAT16", "INT8", "UINT8", "INT16"),
    tflm=("FLOAT32", "INT8", "INT16"),
)
def sigmoids(draw: st.DrawFn, operator: str, kind: str, runtime: RuntimeName) -> Problem:
    if kind.endswith(("FLOAT32", "FLOAT16")):
        return plain(draw, operator, kind, runtime)
    type, shape = TensorType[kind], any_shape(draw, runtime)
    scale, zero_point = OUTPUTS[operator, type]
    if operator == "TANH" and type is not TensorType.INT16:
        # LiteRT's table takes any output; TFLM has a fixed one, whatever the tensor says
        scale, zero_point = draw(st.one_of(st.just(scale), scales(-12, 2))), draw(zero_points(type))
    elif type is not TensorType.INT16 and runtime == "tflite":
        zero_point = draw(zero_points(type))
    elif type is TensorType.INT16 and not (operator == "LOGISTIC" and runtime == "tflite"):
        scale = draw(st.floats(scale * 0.9995, scale * 1.0005))
    if draw(st.integers(0, 19)) == 0:  # mostly refused
        scale, zero_point = scale * draw(st.sampled_from([1 + 2.0**-23, 0.9992, 1.0008, 2.0])), zero_point + 1
    x = TensorSpec(shape, type, draw(input_scales()), draw(zero_points(type)))
    y = TensorSpec(shape, type, scale, min(zero_point, int(np.iinfo(NUMPY_TYPES[type]).max)))
    return Problem(single_op_model(operator, [x], [y]), invokes(draw, type, shape))


@generator("ELU", tflite=("FLOAT32", "INT8"), tflm=("FLOAT32", "INT8"))
def elu(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    if kind == "FLOAT32":
        return plain(draw, "ELU", kind, runtime)
    scale = draw(scales(-12, 4))
    return quantized(draw, "ELU", TensorType[kind], runtime, scale, scale * draw(scales(-10, 10)))


@generator(
    "GELU",
    tflite=(
        *("FLOAT32", "FLOAT32, approximate", "FLOAT16", "FLOAT16, approximate", "INT8", "UINT8", "INT16"),
        *("INT8, approximate", "UINT8, approximate", "INT16, approximate"),
    ),
)
def gelu(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    name, _, approximate = kind.partition(", ")
    options, type = {"approximate": bool(approximate)}, TensorType[name]
    if name in ("FLOAT32", "FLOAT16"):
        return plain(draw, "GELU", name, runtime, options)
    scale = draw(scales(-20, -6) if type is TensorType.INT16 else scales(-10, 4))
    return quantized(draw, "GELU", type, runtime, scale, scale * draw(scales(-10, 10)), options, True)


@generator("HARD_SWISH", tflite=("FLOAT32", "INT8", "UINT8"), tflm=("FLOAT32", "INT8"))
def hard_swish(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    if kind == "FLOAT32":
        return plain(draw, "HARD_SWISH", kind, runtime)
    scale = draw(scales(-20, 20))
    # below 1/128 of the input's scale that of the output is refused
    return quantized(draw, "HARD_SWISH", TensorType[kind], runtime, scale, scale * draw(scales(-8, 20)))


@generator("RELU", "RELU6", tflite=("FLOAT32", "INT8", "UINT8", "INT16"), tflm=("FLOAT32", "INT8", "INT16"))
def relu(draw: st.DrawFn, operator: str, kind: str, runtime: RuntimeName) -> Problem:
    if kind == "FLOAT32":
        return plain(draw, operator, kind, runtime)
    scale = draw(scales(-14, 10))
    output_scale = draw(st.one_of(st.just(scale), scales(-12, 12).map(lambda ratio: scale * ratio)))
    return quantized(draw, operator, TensorType[kind], runtime, scale, output_scale)


@generator("RELU_0_TO_1", "RELU_N1_TO_1", tflite=("FLOAT32", "INT8", "UINT8"))
def narrow_relu(draw: st.DrawFn, operator: str, kind: str, runtime: RuntimeName) -> Problem:
    return relu(draw, operator, kind, runtime)
