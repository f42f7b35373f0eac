"""CUMSUM, L2_NORMALIZATION and LOCAL_RESPONSE_NORMALIZATION."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from microinterp.model.ir import NUMPY_TYPES, TensorType
from tests.draw import numbers, scales, zero_points
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model

FLOAT32, INT8, INT32 = TensorType.FLOAT32, TensorType.INT8, TensorType.INT32


@generator("L2_NORMALIZATION", tflite=("FLOAT32", "INT8", "UINT8"), tflm=("FLOAT32", "INT8"))
def l2_normalization(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    least = 0 if runtime == "tflite" and draw(st.integers(0, 9)) == 0 else 1
    shape = draw(
        st.one_of(
            hnp.array_shapes(
                min_dims=1, max_dims=6 if runtime == "tflite" else 4, min_side=least, max_side=5
            ),
            st.tuples(st.integers(1, 3), st.integers(1, 300)),
        )
    )
    x = y = TensorSpec(shape, type)
    if type is not FLOAT32:
        x = TensorSpec(shape, type, draw(scales(-12, 4)), draw(zero_points(type)))
        y = TensorSpec(shape, type, 1 / 128, 0 if type is INT8 else 128)
    model = single_op_model("L2_NORMALIZATION", [x], [y])
    return Problem(model, [[draw(numbers(type, shape))] for _ in range(draw(st.integers(1, 2)))])


@generator("LOCAL_RESPONSE_NORMALIZATION", tflite=("FLOAT32",))
def local_response_normalization(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    least = 0 if draw(st.integers(0, 9)) == 0 else 1
    shape = (*draw(st.tuples(*[st.integers(least, 3)] * 3)), draw(st.integers(1, 20)))
    options = {
        "radius": draw(st.integers(-1, 8) | st.just(100)),
        "bias": draw(st.sampled_from([0.0, 1.0, 2.0, 0.7, 1e-3])),
        "alpha": draw(st.sampled_from([0.0, 1.0, 1e-4, 0.3, 1e5])),
        "beta": draw(st.sampled_from([0.0, 0.5, 0.75, 1.0, 2.0, -1.3])),
    }
    x = TensorSpec(shape, FLOAT32)
    model = single_op_model("LOCAL_RESPONSE_NORMALIZATION", [x], [x], options)
    return Problem(model, [[draw(numbers(FLOAT32, shape))] for _ in range(draw(st.integers(1, 2)))])


@generator("CUMSUM", tflite=("FLOAT32", "INT32", "INT64"), tflm=("FLOAT32", "INT8"))
def cumsum(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    least = 0 if runtime == "tflite" and draw(st.integers(0, 9)) == 0 else 1
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=5, min_side=least, max_side=6))
    axis = np.array(draw(st.integers(-len(shape), len(shape) - 1)), np.int32)
    known = draw(st.booleans())
    x = y = TensorSpec(shape, type)
    if type is INT8:
        scale = draw(scales(-8, 4))
        x = TensorSpec(shape, type, scale, draw(zero_points(type)))
        y = TensorSpec(
            shape, type, float(np.float32(scale * draw(st.floats(2.0**-15, 64)))), draw(zero_points(type))
        )
    model = single_op_model(
        "CUMSUM",
        [x, TensorSpec((), INT32, data=axis if known else None)],
        [y],
        {"exclusive": draw(st.booleans()), "reverse": draw(st.booleans())},
    )
    fed = [] if known else [axis.astype(NUMPY_TYPES[INT32])]
    return Problem(model, [[draw(numbers(type, shape)), *fed] for _ in range(draw(st.integers(1, 2)))])
