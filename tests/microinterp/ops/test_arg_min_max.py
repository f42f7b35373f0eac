"""ARG_MAX and ARG_MIN against the native runtimes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from microinterp.errors import MicrointerpError
from microinterp.model.ir import TensorType
from microinterp.runtimes import RUNTIMES
from tests.draw import FEWER_EXAMPLES, Array, Shape, numbers
from tests.oracles import RUNTIME_NAMES, RuntimeName
from tests.single_op import TensorSpec, check_against_oracle, run_ours, single_op_model

INT32, INT64 = TensorType.INT32, TensorType.INT64
CASES = [
    (operator, runtime, type)
    for operator in ("ARG_MAX", "ARG_MIN")
    for runtime in RUNTIME_NAMES
    for type in RUNTIMES[runtime].element_types[operator]
]


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


@pytest.mark.parametrize(("operator", "runtime", "type"), CASES)
@given(data=st.data())
@FEWER_EXAMPLES
def test_equals_native(operator: str, runtime: RuntimeName, type: TensorType, data: st.DataObject) -> None:
    # long rows for LiteRT's vector code: four lanes of floats, 16 of bytes
    shape = data.draw(
        st.one_of(
            hnp.array_shapes(min_dims=1, max_dims=5, max_side=5),
            st.tuples(st.integers(1, 3), st.integers(1, 50)),
            st.tuples(st.integers(1, 3), st.integers(1, 20), st.just(1)),
        )
    )
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    types = (INT32,) if runtime == "tflm" else (INT32, INT64)
    axis_type, output_type = data.draw(st.sampled_from(types)), data.draw(st.sampled_from(types))
    constant = data.draw(st.booleans())
    positive = axis % len(shape)
    output = shape[:positive] + shape[positive + 1 :]
    model = model_of(
        operator, TensorSpec(shape, type), axis if constant else None, output, axis_type, output_type
    )
    invokes = []
    for _ in range(2):
        axes = [] if constant else [np.array([axis], np.int32 if axis_type is INT32 else np.int64)]
        invokes.append([data.draw(few_numbers(type, shape)), *axes])
    assert check_against_oracle(model, invokes, runtime)


def test_the_shape_follows_the_axis() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    model = model_of("ARG_MAX", TensorSpec(x.shape, TensorType.FLOAT32), None, (2, 3), INT32, INT32)
    assert check_against_oracle(model, [[x, np.array([axis], np.int32)] for axis in (0, 1, 2, -2)], "tflite")


@pytest.mark.parametrize("axis", [2, -3, 1000, 2**31 - 1])
@pytest.mark.parametrize("constant", [True, False])
def test_refuses_an_axis_that_is_not_there(axis: int, constant: bool) -> None:
    model = model_of(
        "ARG_MAX", TensorSpec((2, 3), TensorType.FLOAT32), axis if constant else None, (2,), INT32, INT32
    )
    inputs = [np.ones((2, 3), np.float32), *([] if constant else [np.array([axis], np.int32)])]
    assert not check_against_oracle(model, [inputs], "tflite")
    with pytest.raises(MicrointerpError):
        run_ours(model, [inputs], "tflm")  # natively TFLM reads beyond the tensor


@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 2)])
@pytest.mark.parametrize("axis", [0, -1])
def test_empty_tensors(shape: Shape, axis: int) -> None:
    output = shape[1:] if axis == 0 else shape[:-1]
    model = model_of("ARG_MIN", TensorSpec(shape, TensorType.INT8), axis, output, INT32, INT32)
    computes = check_against_oracle(model, [[np.ones(shape, np.int8)]], "tflite")
    assert computes == (shape[axis] != 0)


def test_refuses() -> None:
    x = TensorSpec((2, 3), TensorType.FLOAT32)
    values = np.ones((2, 3), np.float32)
    for axis, output, options in (
        (TensorSpec((2,), INT32, data=[0, 0]), TensorSpec((3,), INT32), {"output_type": INT32}),
        (TensorSpec((0,), INT32, data=[]), TensorSpec((3,), INT32), {"output_type": INT32}),
        (TensorSpec((1,), TensorType.INT16, data=[0]), TensorSpec((3,), INT32), {"output_type": INT32}),
        (TensorSpec((1,), INT32, data=[0]), TensorSpec((3,), INT32), {}),
        (
            TensorSpec((1,), INT32, data=[0]),
            TensorSpec((3,), TensorType.INT8),
            {"output_type": TensorType.INT8},
        ),
    ):
        model = single_op_model("ARG_MAX", [x, axis], [output], options)
        assert not check_against_oracle(model, [[values]], "tflite")
    scalar = model_of("ARG_MAX", TensorSpec((), TensorType.FLOAT32), 0, (), INT32, INT32)
    assert not check_against_oracle(scalar, [[np.array(1, np.float32)]], "tflite")
