"""SPLIT, SPLIT_V and UNPACK against the native runtimes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from microinterp.model.ir import TensorType
from tests.oracles import RUNTIME_NAMES, RuntimeName
from tests.single_op import TensorSpec, check_against_oracle, single_op_model
from tests.values import Draw, arbitrary_bits, bits_of, movable_types

FLOAT32, INT8, INT32, INT64 = TensorType.FLOAT32, TensorType.INT8, TensorType.INT32, TensorType.INT64


def draw_shape(draw: Draw, least: int) -> tuple[list[int], int]:
    """A shape and an axis of it."""
    shape = draw(st.lists(st.integers(least, 4), min_size=1, max_size=6))
    return shape, draw(st.integers(-len(shape), len(shape) - 1))


def least_size(runtime: RuntimeName, dynamic: bool) -> int:
    """TFLM has no empty tensors, and LiteRT's Python API cannot read those that get their size at invoke."""
    return 1 if runtime == "tflm" or dynamic else 0


def numbers(draw: Draw, values: Any, constant: bool) -> tuple[TensorSpec, list[NDArray[Any]]]:
    """A tensor of indices, constant or not, and what to feed for it."""
    return known_or_not(np.array(values, draw(st.sampled_from([np.int32, np.int64]))), constant)


def known_or_not(array: NDArray[Any], constant: bool) -> tuple[TensorSpec, list[NDArray[Any]]]:
    element_type = INT32 if array.dtype == np.int32 else INT64
    if constant:
        return TensorSpec(array.shape, element_type, data=array), []
    return TensorSpec(array.shape, element_type), [array]


def with_size(shape: list[int], axis: int, size: int) -> list[int]:
    result = list(shape)
    result[axis] = size
    return result


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@given(st.data())
def test_split(runtime: RuntimeName, data: st.DataObject) -> None:
    draw = data.draw
    element_type = draw(movable_types(runtime, "SPLIT"))
    constant = runtime == "tflm" or draw(st.booleans())
    least = least_size(runtime, not constant)
    shape, axis = draw_shape(draw, least)
    count = draw(st.integers(1, 4))
    size = draw(st.integers(least, 3))
    shape = with_size(shape, axis, count * size)
    where, fed = numbers(draw, draw(st.sampled_from([axis, [axis]])), constant)
    model = single_op_model(
        "SPLIT",
        [where, TensorSpec(shape, element_type)],
        [TensorSpec(with_size(shape, axis, size), element_type)] * count,
        {"num_splits": count},
    )
    invokes = [[*fed, arbitrary_bits(draw, shape, element_type)] for _ in range(2)]
    assert check_against_oracle(model, invokes, runtime)


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@given(st.data())
def test_split_v(runtime: RuntimeName, data: st.DataObject) -> None:
    draw = data.draw
    element_type = draw(movable_types(runtime, "SPLIT_V"))
    constant_sizes, constant_axis = draw(st.booleans()), runtime == "tflm" or draw(st.booleans())
    least = least_size(runtime, not (constant_sizes and constant_axis))
    shape, axis = draw_shape(draw, least)
    sizes = draw(st.lists(st.integers(least, 3), min_size=1, max_size=4))
    shape = with_size(shape, axis, sum(sizes))
    given_sizes = list(sizes)
    if draw(st.booleans()):
        given_sizes[draw(st.integers(0, len(sizes) - 1))] = -1
    size_splits, fed_sizes = numbers(draw, given_sizes, constant_sizes)
    where, fed_axis = numbers(draw, axis, constant_axis)
    model = single_op_model(
        "SPLIT_V",
        [TensorSpec(shape, element_type), size_splits, where],
        [TensorSpec(with_size(shape, axis, size), element_type) for size in sizes],
        {"num_splits": len(sizes)},
    )
    invokes = [[arbitrary_bits(draw, shape, element_type), *fed_sizes, *fed_axis] for _ in range(2)]
    assert check_against_oracle(model, invokes, runtime)


@pytest.mark.parametrize("constant", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize(
    ("sizes", "axis", "options"),
    [
        pytest.param([2, 3], 2, {}, id="no such axis"),
        pytest.param([2, 3], -3, {}, id="no such negative axis"),
        pytest.param([2, 2], 0, {}, id="too little"),
        pytest.param([3, 3], 0, {}, id="too much"),
        pytest.param([6, -1], 0, {}, id="too much for a rest"),
        pytest.param([-1, -1], 0, {}, id="two rests"),
        pytest.param([7, -2], 0, {}, id="negative"),
        pytest.param([2, 3], 0, {"num_splits": 3}, id="outputs"),
    ],
)
def test_split_v_refuses(sizes: list[int], axis: int, options: dict[str, Any], constant: bool) -> None:
    size_splits, fed_sizes = known_or_not(np.array(sizes, np.int32), constant)
    where, fed_axis = known_or_not(np.array(axis, np.int32), constant)
    model = single_op_model(
        "SPLIT_V",
        [TensorSpec((5, 2), FLOAT32), size_splits, where],
        [TensorSpec((2, 2), FLOAT32), TensorSpec((3, 2), FLOAT32)],
        {"num_splits": 2, **options},
    )
    arrays = [bits_of(0, (5, 2), FLOAT32), *fed_sizes, *fed_axis]
    assert not check_against_oracle(model, [arrays], "tflite")


@pytest.mark.parametrize("constant", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize(
    ("axis", "options", "element_type"),
    [
        pytest.param(2, {}, FLOAT32, id="no such axis"),
        pytest.param(-3, {}, FLOAT32, id="no such negative axis"),
        pytest.param(1, {}, FLOAT32, id="uneven"),
        pytest.param(0, {"num_splits": 1}, FLOAT32, id="outputs"),
        pytest.param(0, {"num_splits": 0}, FLOAT32, id="no pieces"),
        pytest.param(0, {}, TensorType.BOOL, id="type"),
    ],
)
def test_split_refuses(axis: int, options: dict[str, Any], element_type: TensorType, constant: bool) -> None:
    where, fed = known_or_not(np.array(axis, np.int32), constant)
    model = single_op_model(
        "SPLIT",
        [where, TensorSpec((4, 3), element_type)],
        [TensorSpec((2, 3), element_type)] * 2,
        {"num_splits": 2, **options},
    )
    assert not check_against_oracle(model, [[*fed, bits_of(0, (4, 3), element_type)]], "tflite")


@pytest.mark.parametrize("operator", ["SPLIT", "SPLIT_V"])
def test_tflm_refuses_an_unknown_axis(operator: str) -> None:
    x, sizes, axis = TensorSpec((4, 3), FLOAT32), TensorSpec((2,), INT32, data=[2, 2]), TensorSpec((), INT32)
    values = bits_of(0, (4, 3), FLOAT32)
    inputs = [axis, x] if operator == "SPLIT" else [x, sizes, axis]
    fed = [np.int32(0), values] if operator == "SPLIT" else [values, np.int32(0)]
    model = single_op_model(operator, list(inputs), [TensorSpec((2, 3), FLOAT32)] * 2, {"num_splits": 2})
    assert not check_against_oracle(model, [[np.asarray(v) for v in fed]], "tflm")


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@given(st.data())
def test_unpack(runtime: RuntimeName, data: st.DataObject) -> None:
    draw = data.draw
    element_type = draw(movable_types(runtime, "UNPACK"))
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=6))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    piece = list(shape)
    count = piece.pop(axis)
    quantization = (0.5, 3) if element_type is INT8 else (None, None)
    model = single_op_model(
        "UNPACK",
        [TensorSpec(shape, element_type, *quantization)],
        [TensorSpec(piece, element_type, *quantization)] * count,
        {"axis": axis, "num": count},
    )
    invokes = [[arbitrary_bits(draw, shape, element_type)] for _ in range(2)]
    assert check_against_oracle(model, invokes, runtime)


@pytest.mark.parametrize(
    ("x", "piece", "options"),
    [
        pytest.param(((2, 3), FLOAT32), ((3,), FLOAT32), {"axis": 2}, id="no such axis"),
        pytest.param(((2, 3), FLOAT32), ((3,), FLOAT32), {"axis": -3}, id="no such negative axis"),
        pytest.param(((2, 3), FLOAT32), ((3,), FLOAT32), {"axis": 1}, id="count"),
        pytest.param(((2, 3), FLOAT32), ((3,), FLOAT32), {"num": 3}, id="outputs"),
        pytest.param(((2, 0), FLOAT32), ((0,), FLOAT32), {}, id="empty"),
        pytest.param(((), FLOAT32), ((), FLOAT32), {}, id="scalar"),
        pytest.param(((2, 3), INT64), ((3,), INT64), {}, id="type"),
        pytest.param(((2, 3), FLOAT32), ((3,), INT32), {}, id="another output type"),
        pytest.param(((2, 3), INT8, 0.5, 1), ((3,), INT8, 0.5, 2), {}, id="zero point"),
        pytest.param(((2, 3), INT8, 0.5, 1), ((3,), INT8, 0.25, 1), {}, id="scale"),
    ],
)
def test_unpack_refuses(x: tuple[Any, ...], piece: tuple[Any, ...], options: dict[str, Any]) -> None:
    model = single_op_model(
        "UNPACK", [TensorSpec(*x)], [TensorSpec(*piece)] * 2, {"axis": 0, "num": 2, **options}
    )
    assert not check_against_oracle(model, [[bits_of(0, x[0], x[1])]], "tflite")


def test_tflm_unpacks_whatever_the_quantization() -> None:
    model = single_op_model(
        "UNPACK",
        [TensorSpec((2, 3), INT8, 0.5, 1)],
        [TensorSpec((3,), INT8, 0.25, 2)] * 2,
        {"axis": 0, "num": 2},
    )
    assert check_against_oracle(model, [[bits_of(0, (2, 3), INT8)]], "tflm")
