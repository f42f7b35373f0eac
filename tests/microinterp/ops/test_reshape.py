"""RESHAPE against the native runtimes: what random problems do not meet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microinterp.errors import InvokeError, ModelFormatError, PrepareError
from microinterp.model.ir import NUMPY_TYPES
from microinterp.model.ir import TensorType as T
from tests.oracles import RUNTIME_NAMES, OracleRefused, RuntimeName, available, run_oracle
from tests.problems.reshaping import reshape_model
from tests.single_op import TensorSpec, check_against_oracle, run_ours

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]


def numbers(shape: Shape, type: T = T.FLOAT32) -> Array:
    values = np.random.default_rng(len(shape)).integers(
        0, 256, (*shape, NUMPY_TYPES[type].itemsize), np.uint8
    )
    if type is T.BOOL:
        values &= 1
    return values.view(NUMPY_TYPES[type])[..., 0]


def vector(values: Sequence[int], *, constant: bool = True) -> TensorSpec:
    return TensorSpec((len(values),), T.INT32, data=np.array(values, np.int32) if constant else None)


def _to_shape(sizes: list[int]) -> Shape:
    return tuple(sizes)


def small_shapes(least: int) -> st.SearchStrategy[Shape]:
    return st.lists(st.integers(least, 4), max_size=3).map(_to_shape)


@given(shape=small_shapes(0), wanted=small_shapes(-2), from_graph=st.booleans())
def test_litert_finds_the_shape(shape: Shape, wanted: Shape, from_graph: bool) -> None:
    """Mostly shapes that do not fit, sizes of zero among them."""
    stored = tuple(max(d, 0) for d in wanted)
    model = reshape_model(shape, stored, vector(wanted, constant=not from_graph))
    inputs = [numbers(shape)] + ([np.array(wanted, np.int32)] if from_graph else [])
    fits = math.prod(shape) == math.prod(wanted) and min(wanted, default=0) >= 0
    assert check_against_oracle(model, [inputs], "tflite") or not fits


@given(shape=small_shapes(1), stored=small_shapes(0))
def test_tflm_goes_by_the_output_alone(shape: Shape, stored: Shape) -> None:
    model = reshape_model(shape, stored, vector([9, 9]), (5, 5))
    assert check_against_oracle(model, [[numbers(shape)]], "tflm") == (math.prod(shape) == math.prod(stored))


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize("stored", [(), (0,)])
@pytest.mark.parametrize("new_shape", [None, (), (0,)])
@pytest.mark.parametrize("shape", [(), (1,), (1, 1), (2,)])
def test_scalars(runtime: RuntimeName, shape: Shape, new_shape: Shape | None, stored: Shape) -> None:
    model = reshape_model(shape, stored, new_shape=new_shape)
    assert check_against_oracle(model, [[numbers(shape)]], runtime) == (shape != (2,))


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize("from_graph", [False, True])
@pytest.mark.parametrize(
    "wanted",
    [
        TensorSpec((2,), T.INT64, data=np.array([6, 1])),
        TensorSpec((1, 2), T.INT32, data=np.array([6, 1])),
        TensorSpec((), T.INT32, data=np.array(6)),
        TensorSpec((2,), T.INT16, data=np.array([6, 1])),
    ],
)
def test_only_vectors_of_int32_decide(runtime: RuntimeName, wanted: TensorSpec, from_graph: bool) -> None:
    inputs = [numbers((2, 3))]
    if from_graph:
        inputs.append(np.asarray(wanted.data, NUMPY_TYPES[wanted.type]).reshape(wanted.shape))
        wanted = TensorSpec(wanted.shape, wanted.type)
    assert check_against_oracle(reshape_model((2, 3), (3, 2), wanted, (3, 2)), [inputs], runtime)
    without_options = reshape_model((2, 3), (3, 2), wanted)
    assert check_against_oracle(without_options, [inputs], runtime) == (runtime == "tflm")


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize("with_tensor", [False, True])
def test_many_dimensions(runtime: RuntimeName, with_tensor: bool) -> None:
    shape = (*[1] * 8, 2)
    options = reshape_model((2,), shape, vector(shape) if with_tensor else None, shape)
    assert not check_against_oracle(options, [[numbers((2,))]], runtime)  # the options hold eight
    assert check_against_oracle(reshape_model((2,), shape, vector(shape)), [[numbers((2,))]], runtime)


@pytest.mark.parametrize("constant", [False, True])
def test_strings(constant: bool) -> None:
    x = np.array([[b"a", b"bc"], [b"", b"def"]], object)
    model = reshape_model((2, 2), (4,), vector([4], constant=constant), type=T.STRING)
    inputs = [x] if constant else [x, np.array([4], np.int32)]
    assert check_against_oracle(model, [inputs, inputs], "tflite")


@pytest.mark.parametrize("type", [T.STRING, T.VARIANT, T.INT2, T.UINT4])
def test_types_that_tflm_does_not_know(type: T) -> None:
    model = reshape_model((2, 2), (4,), vector([4]), type=type)
    if missing := available("tflm"):
        pytest.skip(missing)
    with pytest.raises(OracleRefused):
        run_oracle("tflm", model, [])
    with pytest.raises(ModelFormatError):
        run_ours(model, [], "tflm")


def test_refuses_more_dimensions_than_numpy_has() -> None:
    shape = [1] * 40
    with pytest.raises(PrepareError):
        run_ours(reshape_model((1,), (1,), vector(shape)), [[numbers((1,))]], "tflite")
    model = reshape_model((1,), (1,), TensorSpec((40,), T.INT32))
    with pytest.raises(InvokeError):
        run_ours(model, [[numbers((1,)), np.array(shape, np.int32)]], "tflite")


def test_shapes_from_the_graph_change_from_invoke_to_invoke() -> None:
    model = reshape_model((2, 6), (12,), vector([0, 0], constant=False))
    wanted = [(3, 4), (12, 1), (-1, 2), (3, 4)]
    invokes = [[numbers((2, 6)), np.array(w, np.int32)] for w in wanted]
    assert check_against_oracle(model, invokes, "tflite")


def test_refuses_to_change_the_type() -> None:
    model = reshape_model((2, 3), (3, 2), vector([3, 2]), type=T.FLOAT32, output_type=T.INT16)
    assert not check_against_oracle(model, [[numbers((2, 3))]], "tflm")
    with pytest.raises(PrepareError):  # LiteRT writes 24 bytes into an output of 12
        run_ours(model, [[numbers((2, 3))]], "tflite")
