"""SPLIT, SPLIT_V and UNPACK."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from numpy.typing import NDArray

from microinterp.model.ir import TensorType
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model
from tests.values import arbitrary_bits, movable_kinds, operand, some_quantization


def _shape(draw: st.DrawFn, least: int) -> tuple[list[int], int]:
    """A shape and an axis of it."""
    shape = draw(st.lists(st.integers(least, 4), min_size=1, max_size=6))
    return shape, draw(st.integers(-len(shape), len(shape) - 1))


def _least_size(runtime: RuntimeName, constant: bool) -> int:
    """TFLM has no empty tensors, and LiteRT's Python API cannot read those that get their size at invoke."""
    return 0 if runtime == "tflite" and constant else 1


def _numbers(draw: st.DrawFn, values: Any, constant: bool) -> tuple[TensorSpec, list[NDArray[Any]]]:
    return operand(values, draw(st.sampled_from([TensorType.INT32, TensorType.INT64])), constant=constant)


def _with_size(shape: list[int], axis: int, size: int) -> list[int]:
    result = list(shape)
    result[axis] = size
    return result


@generator("SPLIT", **movable_kinds("SPLIT"))
def split(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    constant = runtime == "tflm" or draw(st.booleans())
    least = _least_size(runtime, constant)
    shape, axis = _shape(draw, least)
    count = draw(st.integers(1, 4))
    size = draw(st.integers(least, 3))
    shape = _with_size(shape, axis, count * size)
    where, fed = _numbers(draw, draw(st.sampled_from([axis, [axis]])), constant)
    model = single_op_model(
        "SPLIT",
        [where, TensorSpec(shape, type)],
        [TensorSpec(_with_size(shape, axis, size), type)] * count,
        {"num_splits": count},
    )
    return Problem(model, [[*fed, arbitrary_bits(draw, shape, type)] for _ in range(2)])


@generator("SPLIT_V", **movable_kinds("SPLIT_V"))
def split_v(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    constant_sizes, constant_axis = draw(st.booleans()), runtime == "tflm" or draw(st.booleans())
    least = _least_size(runtime, constant_sizes and constant_axis)
    shape, axis = _shape(draw, least)
    sizes = draw(st.lists(st.integers(least, 3), min_size=1, max_size=4))
    shape = _with_size(shape, axis, sum(sizes))
    given_sizes = list(sizes)
    if draw(st.booleans()):
        given_sizes[draw(st.integers(0, len(sizes) - 1))] = -1
    size_splits, fed_sizes = _numbers(draw, given_sizes, constant_sizes)
    where, fed_axis = _numbers(draw, axis, constant_axis)
    model = single_op_model(
        "SPLIT_V",
        [TensorSpec(shape, type), size_splits, where],
        [TensorSpec(_with_size(shape, axis, size), type) for size in sizes],
        {"num_splits": len(sizes)},
    )
    return Problem(model, [[arbitrary_bits(draw, shape, type), *fed_sizes, *fed_axis] for _ in range(2)])


@generator("UNPACK", **movable_kinds("UNPACK"))
def unpack(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=6))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    piece = list(shape)
    count = piece.pop(axis)
    quantization = some_quantization(draw, type)
    model = single_op_model(
        "UNPACK",
        [TensorSpec(shape, type, **quantization)],
        [TensorSpec(piece, type, **quantization)] * count,
        {"axis": axis, "num": count},
    )
    return Problem(model, [[arbitrary_bits(draw, shape, type)] for _ in range(2)])
