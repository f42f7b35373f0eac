"""ARG_MAX and ARG_MIN."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from microinterp.model.ir import NUMPY_TYPES, TensorType
from tests.draw import Array, Shape, numbers
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model

INT32, INT64 = TensorType.INT32, TensorType.INT64


def model_of(
    operator: str,
    x: TensorSpec,
    axis: int | None,
    output: Shape,
    axis_type: TensorType,
    output_type: TensorType,
) -> bytes:
    """A model whose axis is constant, or its second input if it is None."""
    return single_op_model(
        operator,
        [x, TensorSpec((1,), axis_type, data=None if axis is None else [axis])],
        [TensorSpec(output, output_type)],
        {"output_type": output_type},
    )


@st.composite
def few_numbers(draw: st.DrawFn, type: TensorType, shape: Shape) -> Array:
    """Numbers that are often equal, NaNs and infinities among floats."""
    if type is not TensorType.FLOAT32 or draw(st.booleans()):
        return draw(numbers(type, shape))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    some = draw(
        st.lists(st.sampled_from([np.nan, 0.0, -0.0, 1.0, -1.0, np.inf, -np.inf]), min_size=1, max_size=4)
    )
    return np.asarray(rng.choice(np.array(some, np.float32), shape))


@generator(
    "ARG_MAX", "ARG_MIN", tflite=("FLOAT32", "INT8", "UINT8", "INT32", "BOOL"), tflm=("FLOAT32", "INT8")
)
def arg_min_max(draw: st.DrawFn, operator: str, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    # long rows for LiteRT's vector code: four lanes of floats, 16 of bytes
    shape = draw(
        st.one_of(
            hnp.array_shapes(min_dims=1, max_dims=5, max_side=5),
            st.tuples(st.integers(1, 3), st.integers(1, 50)),
            st.tuples(st.integers(1, 3), st.integers(1, 20), st.just(1)),
        )
    )
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    types = (INT32,) if runtime == "tflm" else (INT32, INT64)
    axis_type, output_type = draw(st.sampled_from(types)), draw(st.sampled_from(types))
    constant = draw(st.booleans())
    positive = axis % len(shape)
    output = shape[:positive] + shape[positive + 1 :]
    model = model_of(
        operator, TensorSpec(shape, type), axis if constant else None, output, axis_type, output_type
    )
    fed = [] if constant else [np.array([axis], NUMPY_TYPES[axis_type])]
    return Problem(model, [[draw(few_numbers(type, shape)), *fed] for _ in range(2)])
