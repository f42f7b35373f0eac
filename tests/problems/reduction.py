"""MEAN, SUM, REDUCE_ALL, REDUCE_ANY, REDUCE_MAX, REDUCE_MIN and REDUCE_PROD."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from microinterp.model.ir import TensorType
from tests.draw import Array, Shape, numbers, scales, zero_points
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model

SMALL_INTEGERS = (TensorType.INT8, TensorType.UINT8, TensorType.INT16)


def reduce_model(
    operator: str,
    x: TensorSpec,
    axes: list[int] | Shape | int,
    output_scale: float | None = None,
    output_zero_point: int | None = None,
    *,
    keep_dims: bool = False,
    known: bool = True,
) -> tuple[bytes, list[Array]]:
    """The model, and what to feed for the axes if they are not known."""
    operand = np.array(axes, np.int32)
    along = {int(a) % len(x.shape) for a in operand.flat} if x.shape else set()
    shape = [1 if i in along else d for i, d in enumerate(x.shape) if keep_dims or i not in along]
    model = single_op_model(
        operator,
        [x, TensorSpec(operand.shape, TensorType.INT32, data=operand if known else None)],
        [TensorSpec(shape, x.type, output_scale, output_zero_point)],
        {"keep_dims": keep_dims},
    )
    return model, [] if known else [operand]


def reductions(draw: st.DrawFn, operator: str, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind.split(maxsplit=1)[0]]
    quantized = type in SMALL_INTEGERS and not kind.endswith("without scales")
    known = draw(st.integers(0, 4)) > 0
    # TFLM has no empty tensors; LiteRT's Python API cannot read those that get their size at invoke, and
    # REDUCE_PROD leaves products of no quantized numbers unwritten (docs/native-bugs.md).
    may_be_empty = known and runtime == "tflite" and not (operator == "REDUCE_PROD" and quantized)
    least = 0 if may_be_empty and draw(st.integers(0, 9)) == 0 else 1
    shape = draw(
        st.one_of(
            hnp.array_shapes(min_dims=0, max_dims=5, min_side=least, max_side=5),
            st.tuples(st.integers(1, 2), st.integers(1, 40), st.integers(1, 6)),
        )
    )
    # LiteRT allows axes to be named twice; TFLM's MEAN of floats copies them into an array of four
    axes: list[int] | int = (
        draw(st.lists(st.integers(-len(shape), len(shape) - 1), max_size=4)) if shape else [0]
    )
    if isinstance(axes, list) and len(axes) == 1 and draw(st.booleans()):
        axes = axes[0]
    scale = zero_point = output_scale = output_zero_point = None
    if quantized:
        scale, zero_point = draw(scales(-12, 4)), draw(zero_points(type))
        output_scale, output_zero_point = scale, zero_point
        if operator in ("MEAN", "SUM", "REDUCE_PROD"):
            output_scale = draw(
                st.one_of(st.just(scale), st.just(scale).map(lambda s: s * 1.5), scales(-12, 4))
            )
            output_zero_point = draw(zero_points(type))
    model, fed = reduce_model(
        operator,
        TensorSpec(shape, type, scale, zero_point),
        axes,
        output_scale,
        output_zero_point,
        keep_dims=draw(st.booleans()),
        known=known,
    )
    return Problem(model, [[draw(numbers(type, shape)), *fed] for _ in range(draw(st.integers(1, 2)))])


@generator(
    "MEAN", tflite=("FLOAT32", "INT8", "UINT8", "INT16", "INT32", "INT64"), tflm=("FLOAT32", "INT8", "INT16")
)
def mean(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    return reductions(draw, "MEAN", kind, runtime)


# SUM of int8 and int16 reads other bytes in LiteRT (docs/native-bugs.md)
@generator("SUM", tflite=("FLOAT32", "UINT8", "INT32", "INT64", "BOOL"), tflm=("FLOAT32", "INT8", "INT16"))
def sum(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    return reductions(draw, "SUM", kind, runtime)


@generator("REDUCE_ALL", tflite=("BOOL",), tflm=("BOOL",))
def reduce_all(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    return reductions(draw, "REDUCE_ALL", kind, runtime)


@generator("REDUCE_ANY", tflite=("BOOL",))
def reduce_any(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    return reductions(draw, "REDUCE_ANY", kind, runtime)


@generator(
    "REDUCE_MAX",
    "REDUCE_MIN",
    tflite=("FLOAT32", "INT8", "UINT8", "INT16", "INT32", "INT64", "BOOL"),
    tflm=("FLOAT32", "INT8"),
)
def extremes(draw: st.DrawFn, operator: str, kind: str, runtime: RuntimeName) -> Problem:
    return reductions(draw, operator, kind, runtime)


@generator(
    "REDUCE_PROD",
    tflite=(
        *("FLOAT32", "INT8", "INT16", "INT32", "INT64", "BOOL"),
        *("INT8 without scales", "UINT8 without scales", "INT16 without scales"),
    ),
)
def reduce_prod(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    return reductions(draw, "REDUCE_PROD", kind, runtime)
