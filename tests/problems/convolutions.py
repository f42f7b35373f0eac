"""CONV_2D and DEPTHWISE_CONV_2D."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from microinterp.model.ir import NUMPY_TYPES, TensorType
from microinterp.model.schema import ActivationFunctionType, Padding
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model

Array = NDArray[Any]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Form:
    """The element types of a convolution."""

    image: TensorType
    weights: TensorType
    bias: TensorType

    @property
    def is_hybrid(self) -> bool:
        return self.image is TensorType.FLOAT32 and self.weights is not TensorType.FLOAT32


T = TensorType
FORMS = {
    "FLOAT32": Form(T.FLOAT32, T.FLOAT32, T.FLOAT32),
    "INT8": Form(T.INT8, T.INT8, T.INT32),
    "INT8, INT4 weights": Form(T.INT8, T.INT4, T.INT32),
    "UINT8": Form(T.UINT8, T.UINT8, T.INT32),
    "INT16": Form(T.INT16, T.INT8, T.INT64),
    "INT16, INT32 bias": Form(T.INT16, T.INT8, T.INT32),
    "INT16, INT4 weights": Form(T.INT16, T.INT4, T.INT64),
    "FLOAT32, INT8 weights": Form(T.FLOAT32, T.INT8, T.FLOAT32),
    "FLOAT32, INT4 weights": Form(T.FLOAT32, T.INT4, T.FLOAT32),
}

# The NaN is the one that x86 makes of 0 · ∞ and ∞ − ∞ (with a sign bit). Where NaNs of both signs meet, the one that
# survives depends on the order of operands that a compiler chose: of 1,349 NaNs that LiteRT's CONV_2D gave for such
# inputs, 27 had another sign than the order of operands gives that explains most of them.
_SPECIAL_FLOATS = (0.0, -0.0, np.inf, -np.inf, -np.nan, 3.4028235e38, -3.4028235e38, 1e-45, -1e-45, 1e-38)


def random_values(
    rng: np.random.Generator, shape: Shape, type: TensorType, *, special: bool = False
) -> Array:
    """Values of the whole range of a type; `special` floats too."""
    dtype = NUMPY_TYPES[type]
    if type is T.FLOAT32:
        values = rng.standard_normal(shape, np.float32)
        if special:
            chosen = rng.random(shape) < 0.02
            values[chosen] = rng.choice(np.array(_SPECIAL_FLOATS, np.float32), int(chosen.sum()))
        return values
    low, high = (-8, 7) if type is T.INT4 else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
    return rng.integers(low, high, shape, dtype, endpoint=True)


@generator(
    "CONV_2D",
    tflite=tuple(FORMS),
    tflm=("FLOAT32", "INT8", "INT8, INT4 weights", "INT16", "INT16, INT32 bias"),
)
def full_convolutions(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    return draw(convolutions("CONV_2D", runtime, FORMS[kind]))


@generator(
    "DEPTHWISE_CONV_2D",
    tflite=("FLOAT32", "INT8", "INT8, INT4 weights", "INT16", "UINT8", "FLOAT32, INT8 weights"),
    tflm=("FLOAT32", "INT8", "INT8, INT4 weights", "INT16"),
)
def depthwise_convolutions(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    return draw(convolutions("DEPTHWISE_CONV_2D", runtime, FORMS[kind]))


@st.composite
def convolutions(draw: st.DrawFn, operator: str, runtime: RuntimeName, form: Form) -> Problem:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    depthwise = operator == "DEPTHWISE_CONV_2D"
    batch, height, width = draw(st.integers(1, 3)), draw(st.integers(1, 9)), draw(st.integers(1, 9))
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    stride = draw(st.one_of(st.just((1, 1)), st.tuples(st.integers(1, 3), st.integers(1, 3))))
    dilation = draw(st.one_of(st.just((1, 1)), st.tuples(st.integers(1, 3), st.integers(1, 3))))
    padding = draw(st.sampled_from(Padding))
    groups = draw(st.one_of(st.just(1), st.integers(1, 4)))
    per_group = draw(st.one_of(st.integers(1, 5), st.integers(8, 33)))
    if depthwise:
        channels, outputs = per_group, groups * per_group
        weights_shape: Shape = (1, *kernel, outputs)
    else:
        channels, outputs = (
            groups * per_group,
            groups * draw(st.one_of(st.integers(1, 5), st.integers(8, 20))),
        )
        weights_shape = (outputs, *kernel, per_group)
    counts = [
        size_of_output(size, k, s, d, padding)
        for size, k, s, d in zip((height, width), kernel, stride, dilation, strict=True)
    ]

    integer = form.image is not T.FLOAT32
    image_scale = draw(_scales(-6, 1)) if integer else None
    weight_scales: list[float] | float | None = None
    dimension = 3 if depthwise else 0
    if form.weights is not T.FLOAT32:
        per_channel = form.image is not T.UINT8 and draw(st.booleans())
        if form.is_hybrid and (depthwise or groups > 1):
            per_channel = True  # with one scale LiteRT reads beyond it
        weight_scales = draw(_scales(-9, -3))
        if per_channel:
            weight_scales = [weight_scales * float(f) for f in rng.uniform(0.1, 1, outputs)]
    mean_scale = float(np.mean(weight_scales)) if weight_scales is not None else 1.0

    image_range = 2.0 ** (8 * NUMPY_TYPES[form.image].itemsize - 1)
    weight_range = 8 if form.weights is T.INT4 else 128
    depth = kernel[0] * kernel[1] * (1 if depthwise else per_group)
    typical_sum = image_range / 2 * weight_range / 2 * depth**0.5
    output_scale = None
    if integer:
        # sums of which some saturate, unless the factor is extreme
        assert image_scale is not None
        factor = draw(st.one_of(st.floats(-2, 3), st.floats(-12, 12)))
        output_scale = image_scale * mean_scale * typical_sum / image_range * 2.0**factor

    is_constant = draw(
        st.sampled_from([(True, True), (True, True), (True, True), (True, False), (False, True)])
    )
    weights = TensorSpec(
        weights_shape,
        form.weights,
        weight_scales,
        None if weight_scales is None else _filter_zero_points(draw, form, weight_scales),
        quantized_dimension=dimension if isinstance(weight_scales, list) else 0,
        data=random_values(rng, weights_shape, form.weights, special=draw(st.booleans())),
    )
    image = TensorSpec(
        (batch, height, width, channels), form.image, image_scale, draw(_zero_points(form.image))
    )
    output = TensorSpec((batch, *counts, outputs), form.image, output_scale, draw(_zero_points(form.image)))
    inputs: list[TensorSpec | None] = [image, weights]
    if draw(st.sampled_from([True, True, True, False])):
        bias_scale = None if image_scale is None else image_scale * mean_scale
        if form.bias is T.FLOAT32:
            values = random_values(rng, (outputs,), T.FLOAT32, special=draw(st.booleans()))
        else:
            most = int(typical_sum) if draw(st.integers(0, 9)) else 2**31 - 1
            values = rng.integers(-most, most, outputs, NUMPY_TYPES[form.bias], endpoint=True)
        inputs.append(
            TensorSpec((outputs,), form.bias, bias_scale, None if bias_scale is None else 0, data=values)
        )
    options: dict[str, Any] = {
        "padding": padding,
        "stride_h": stride[0],
        "stride_w": stride[1],
        "dilation_h_factor": dilation[0],
        "dilation_w_factor": dilation[1],
        "fused_activation_function": draw(st.sampled_from(ActivationFunctionType)),
    }
    if depthwise:
        # LiteRT does not look at it; TFLM reads beyond the weights if it is wrong
        options["depth_multiplier"] = groups if runtime == "tflm" else draw(st.sampled_from([groups, 0, 5]))
    elif form.bias is T.INT32 and form.image is T.INT16:
        options["quantized_bias_type"] = T.INT32
    special = draw(st.booleans())
    invokes = [
        [random_values(rng, tuple(image.shape), form.image, special=special and not form.is_hybrid)]
        for _ in range(draw(st.integers(1, 2)))
    ]
    for i, constant in enumerate(is_constant, start=1):
        spec = inputs[i] if i < len(inputs) else None
        # no Python API of a native runtime can set 4-bit values
        if not constant and spec is not None and spec.type is not T.INT4:
            for arrays in invokes:
                arrays.append(np.asarray(spec.data, NUMPY_TYPES[spec.type]))
            inputs[i] = TensorSpec(
                spec.shape, spec.type, spec.scale, spec.zero_point, spec.quantized_dimension
            )
    return Problem(single_op_model(operator, inputs, [output], options, version=5), invokes)


def size_of_output(size: int, kernel: int, stride: int, dilation: int, padding: Padding) -> int:
    """As TensorFlow documents it; 0 where no window fits."""
    if padding is Padding.SAME:
        return -(-size // stride)
    return max(0, -(-(size - (kernel - 1) * dilation) // stride))


def _scales(least_exponent: float, largest_exponent: float) -> st.SearchStrategy[float]:
    powers = st.floats(least_exponent, largest_exponent).map(lambda e: float(np.float32(2.0**e)))
    return st.one_of(powers, st.integers(int(least_exponent), int(largest_exponent)).map(lambda e: 2.0**e))


def _zero_points(type: TensorType) -> st.SearchStrategy[int | None]:
    if type is T.FLOAT32:
        return st.none()
    if type is T.INT16:
        return st.just(0)
    limits = np.iinfo(NUMPY_TYPES[type])
    low, high = int(limits.min), int(limits.max)
    return st.one_of(st.sampled_from([low, 0 if low else 128, high]), st.integers(low, high))


def _filter_zero_points(draw: st.DrawFn, form: Form, scales: list[float] | float) -> list[int] | int | None:
    if isinstance(scales, list):
        return [0] * len(scales)
    return draw(_zero_points(T.UINT8)) if form.weights is T.UINT8 else 0
