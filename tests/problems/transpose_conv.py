"""TRANSPOSE_CONV."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from microinterp.model.ir import NUMPY_TYPES, TensorType
from microinterp.model.schema import Padding
from tests.draw import Array, factors, scales, zero_points
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model

FLOAT32, UINT8, INT8, INT16 = TensorType.FLOAT32, TensorType.UINT8, TensorType.INT8, TensorType.INT16
INT32, INT64 = TensorType.INT32, TensorType.INT64

# kind → element types of image, weights and bias
TYPES = {
    "FLOAT32": (FLOAT32, FLOAT32, FLOAT32),
    "FLOAT32 by INT8": (FLOAT32, INT8, FLOAT32),
    "INT8": (INT8, INT8, INT32),
    "UINT8": (UINT8, UINT8, INT32),
    "INT16": (INT16, INT8, INT64),
    "INT16, INT32 sums": (INT16, INT8, INT32),
    "INT16, INT16 bias": (INT16, INT8, INT16),
}


def size_before(padding: Padding, count: int, window: int, stride: int, rest: int) -> int:
    """A size of which windows of that stride are `count`: the output of a transposed convolution."""
    if padding is Padding.SAME:
        return count * stride - min(rest, stride - 1)
    return (count - 1) * stride + window + min(rest, stride - 1)


@generator(
    "TRANSPOSE_CONV",
    tflite=("FLOAT32", "FLOAT32 by INT8", "INT8", "UINT8", "INT16", "INT16, INT32 sums"),
    tflm=("FLOAT32", "INT8", "INT16", "INT16, INT16 bias"),
)
def transpose_conv(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type, weights_type, bias_type = TYPES[kind]
    is_hybrid = type is not weights_type and type is FLOAT32
    image = (draw(st.integers(1, 2)), *draw(st.tuples(*[st.integers(1, 5)] * 2)), draw(st.integers(1, 5)))
    kernel, stride = draw(st.tuples(*[st.integers(1, 5)] * 2)), draw(st.tuples(*[st.integers(1, 4)] * 2))
    outputs = draw(st.integers(1, 5))
    padding = draw(st.sampled_from(Padding))
    sizes = [
        size_before(padding, image[1 + i], kernel[i], stride[i], draw(st.integers(0, 3))) for i in (0, 1)
    ]
    output_shape = (image[0], *sizes, outputs)
    x, w = TensorSpec(image, type), TensorSpec((outputs, *kernel, image[3]), weights_type)
    y = TensorSpec(output_shape, type)
    bias_scale: float | None = None
    if weights_type is not FLOAT32:
        per_channel = weights_type is INT8 and draw(st.booleans())
        count = outputs if per_channel else 1
        weight_scales = draw(st.lists(scales(-8, 0), min_size=count, max_size=count))
        zero_point = draw(zero_points(UINT8)) if weights_type is UINT8 else 0
        w = TensorSpec(w.shape, weights_type, weight_scales, [zero_point] * count)
    if not is_hybrid and type is not FLOAT32:
        x = TensorSpec(image, type, draw(scales(-8, 0)), draw(zero_points(type)))
        y = TensorSpec(output_shape, type, draw(scales(-8, 4)), draw(zero_points(type)))
        assert isinstance(x.scale, float)
        bias_scale = float(np.float32(x.scale) * np.float32(weight_scales[0]))

    def operand(
        shape: tuple[int, ...], type: TensorType, **quantization: Any
    ) -> tuple[TensorSpec, list[Array]]:
        data = draw(factors(type, shape))
        if type in (INT32, INT64):
            data = data % (1 << 16)
        known = draw(st.integers(0, 3)) > 0
        return TensorSpec(shape, type, **quantization, data=data if known else None), [] if known else [data]

    weights, fed_weights = operand(tuple(w.shape), weights_type, scale=w.scale, zero_point=w.zero_point)
    bias: TensorSpec | None = None
    fed_bias: list[Array] = []
    if draw(st.booleans()):
        bias, fed_bias = operand(
            (outputs,), bias_type, scale=bias_scale, zero_point=None if bias_scale is None else 0
        )
    known_shape = runtime == "tflm" or draw(st.booleans())
    shape = np.array(output_shape, NUMPY_TYPES[INT32])
    options = {
        "padding": padding,
        "stride_h": stride[0],
        "stride_w": stride[1],
        "fused_activation_function": draw(st.integers(0, 3)),
    }
    if type is INT16:
        options["quantized_bias_type"] = (
            bias_type if bias_type is INT32 else draw(st.sampled_from([FLOAT32, INT64]))
        )
    model = single_op_model(
        "TRANSPOSE_CONV",
        [
            TensorSpec((4,), INT32, data=shape if known_shape else None),
            weights,
            x,
            *([] if bias is None and draw(st.booleans()) else [bias]),
        ],
        [y],
        options,
    )
    fed_shape = [] if known_shape else [shape]
    invokes = [
        [*fed_shape, *fed_weights, draw(factors(type, image, finite=is_hybrid)), *fed_bias]
        for _ in range(draw(st.integers(1, 2)))
    ]
    return Problem(model, invokes)
