"""CONV_3D and CONV_3D_TRANSPOSE."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from microinterp.model.ir import TensorType
from microinterp.model.schema import Padding
from tests.draw import Array, factors
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.problems.transpose_conv import size_before
from tests.single_op import TensorSpec, single_op_model

FLOAT32, INT32 = TensorType.FLOAT32, TensorType.INT32


@generator("CONV_3D", "CONV_3D_TRANSPOSE", tflite=("FLOAT32",))
def conv_3d(draw: st.DrawFn, operator: str, kind: str, runtime: RuntimeName) -> Problem:
    transposed = operator == "CONV_3D_TRANSPOSE"
    batch, channels, outputs = draw(st.integers(1, 2)), draw(st.integers(1, 4)), draw(st.integers(1, 4))
    counts, kernel = draw(st.tuples(*[st.integers(1, 3)] * 3)), draw(st.tuples(*[st.integers(1, 3)] * 3))
    stride, dilation = draw(st.tuples(*[st.integers(1, 3)] * 3)), draw(st.tuples(*[st.integers(1, 2)] * 3))
    padding = draw(st.sampled_from(Padding))
    sizes = tuple(
        size_before(padding, counts[i], (kernel[i] - 1) * dilation[i] + 1, stride[i], draw(st.integers(0, 2)))
        for i in range(3)
    )
    few, many = (batch, *counts), (batch, *sizes)
    image = (*(few if transposed else many), channels)
    output = (*(many if transposed else few), outputs)
    weights_shape = (*kernel, outputs, channels) if transposed else (*kernel, channels, outputs)

    def operand(shape: tuple[int, ...]) -> tuple[TensorSpec, list[Array]]:
        data, known = draw(factors(FLOAT32, shape)), draw(st.booleans())
        return TensorSpec(shape, FLOAT32, data=data if known else None), [] if known else [data]

    weights, fed_weights = operand(weights_shape)
    bias, fed_bias = operand((outputs,)) if draw(st.booleans()) else (None, [])
    options = {"padding": padding, "fused_activation_function": draw(st.integers(0, 3))}
    for i, axis in enumerate("dhw"):
        options[f"stride_{axis}"], options[f"dilation_{axis}_factor"] = stride[i], dilation[i]
    inputs: list[TensorSpec | None] = [TensorSpec(image, FLOAT32), weights]
    fed_shape: list[Array] = []
    if transposed:
        shape, known = np.array(output, np.int32), draw(st.booleans())
        fed_shape = [] if known else [shape]
        inputs = [TensorSpec((5,), INT32, data=shape if known else None), weights, inputs[0]]
    inputs += [] if bias is None and draw(st.booleans()) else [bias]
    model = single_op_model(operator, inputs, [TensorSpec(output, FLOAT32)], options)
    invokes = []
    for _ in range(draw(st.integers(1, 2))):
        x = draw(factors(FLOAT32, image))
        invokes.append(
            [*fed_shape, *fed_weights, x, *fed_bias] if transposed else [x, *fed_weights, *fed_bias]
        )
    return Problem(model, invokes)
