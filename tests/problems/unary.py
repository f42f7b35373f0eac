"""Operators of one tensor, element by element, but for activations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from hypothesis import strategies as st

from microinterp.model.ir import NUMPY_TYPES, TensorType
from tests.draw import Array, numbers, scales, shapes, zero_points
from tests.graphs import Graph, Step, graph_model
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model
from tests.values import bits_of


def any_shape(draw: st.DrawFn, runtime: RuntimeName) -> tuple[int, ...]:
    """A shape of up to six dimensions; LiteRT's may have sizes of zero (TFLM takes such tensors for dynamic ones)."""
    return draw(shapes(0 if runtime == "tflite" else 1, most_dims=6))


def any_numbers(draw: st.DrawFn, type: TensorType, shape: tuple[int, ...]) -> Array:
    """Numbers; the NaNs of an array of floats have one sign or the other."""
    values = draw(numbers(type, shape))
    return -values if values.dtype.kind == "f" and draw(st.booleans()) else values


def invokes(draw: st.DrawFn, type: TensorType, shape: tuple[int, ...]) -> list[list[Array]]:
    """Inputs for one or two invokes."""
    return [[any_numbers(draw, type, shape)] for _ in range(draw(st.integers(1, 2)))]


def plain(
    draw: st.DrawFn, operator: str, kind: str, runtime: RuntimeName, options: Mapping[str, Any] | None = None
) -> Problem:
    """A problem whose input and output are alike and not quantized."""
    type, shape = TensorType[kind], any_shape(draw, runtime)
    if type is TensorType.BFLOAT16:
        return _of_bfloat16(draw, operator, shape)
    spec = TensorSpec(shape, type)
    return Problem(single_op_model(operator, [spec], [spec], options), invokes(draw, type, shape))


def _of_bfloat16(draw: st.DrawFn, operator: str, shape: tuple[int, ...]) -> Problem:
    """Between two CASTs: LiteRT's Python API has no bfloat16."""
    single, narrow = TensorSpec(shape, TensorType.FLOAT32), TensorSpec(shape, TensorType.BFLOAT16)
    graph = Graph(
        {"x": single, "a": narrow, "b": narrow, "y": single},
        ["x"],
        ["y"],
        [Step("CAST", ["x"], ["a"]), Step(operator, ["a"], ["b"]), Step("CAST", ["b"], ["y"])],
    )
    return Problem(graph_model(graph), invokes(draw, single.type, shape))


def quantized(
    draw: st.DrawFn,
    operator: str,
    type: TensorType,
    runtime: RuntimeName,
    scale: float,
    output_scale: float,
    options: Mapping[str, Any] | None = None,
    takes_zero_points: bool = False,
) -> Problem:
    """A problem of quantized tensors; of negative numbers roots are mostly refused, so they are rare there."""
    limits = np.iinfo(NUMPY_TYPES[type])
    every_number = draw(st.integers(0, 3)) == 0
    shape = (limits.max - limits.min + 1,) if every_number else any_shape(draw, runtime)
    points = [draw(zero_points(type)) for _ in range(2)]
    if type is TensorType.INT16 and draw(st.integers(0, 1 if takes_zero_points else 19)) == 0:
        points = [draw(st.integers(-9, 9)) for _ in range(2)]  # mostly refused
    x, y = (TensorSpec(shape, type, s, z) for s, z in zip((scale, output_scale), points, strict=True))
    given = invokes(draw, type, shape)
    if every_number:
        given = [[np.arange(limits.min, limits.max + 1).astype(limits.dtype)]]
    if operator in ("RSQRT", "SQRT") and draw(st.integers(0, 9)):
        given = [[np.maximum(array, NUMPY_TYPES[type].type(points[0]))] for (array,) in given]
    return Problem(single_op_model(operator, [x], [y], options), given)


@generator("CEIL", "SQUARE", tflite=("FLOAT32",), tflm=("FLOAT32",))
def rounded_up_or_squared(draw: st.DrawFn, operator: str, kind: str, runtime: RuntimeName) -> Problem:
    return plain(draw, operator, kind, runtime)


@generator("COS", "SIN", tflite=("FLOAT32", "FLOAT16"), tflm=("FLOAT32",))
def trigonometric(draw: st.DrawFn, operator: str, kind: str, runtime: RuntimeName) -> Problem:
    return plain(draw, operator, kind, runtime)


@generator("FLOOR", "ROUND", tflite=("FLOAT32", "FLOAT16", "BFLOAT16"), tflm=("FLOAT32",))
def rounded(draw: st.DrawFn, operator: str, kind: str, runtime: RuntimeName) -> Problem:
    return plain(draw, operator, kind, runtime)


@generator(
    "NEG",
    tflite=("FLOAT32", "FLOAT16", "BFLOAT16", "INT8", "INT16", "INT32", "INT64"),
    tflm=("FLOAT32",),
)
def negated(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    return plain(draw, "NEG", kind, runtime)


@generator("SIGN", tflite=("FLOAT32", "FLOAT64", "INT32"))
def signs(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    return plain(draw, "SIGN", kind, runtime)


@generator("LOGICAL_NOT", tflite=("BOOL",), tflm=("BOOL",))
def inverted(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    return plain(draw, "LOGICAL_NOT", kind, runtime)


@generator("ZEROS_LIKE", tflite=("FLOAT32", "INT32", "INT64"), tflm=("FLOAT32", "INT8", "INT32", "INT64"))
def zeros(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    return plain(draw, "ZEROS_LIKE", kind, runtime)


@generator(
    "ABS",
    tflite=("FLOAT32", "INT8", "INT16", "INT16, not quantized", "INT32"),
    tflm=("FLOAT32", "INT8", "INT16", "INT16, not quantized"),
)
def absolute(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    if kind not in ("INT8", "INT16"):
        return plain(draw, "ABS", kind.partition(",")[0], runtime)
    scale = draw(scales(-20, 20))
    output_scale = draw(st.one_of(st.just(scale), scales(-12, 12).map(lambda ratio: scale / ratio)))
    return quantized(draw, "ABS", TensorType[kind], runtime, scale, output_scale)


@generator("EXP", tflite=("FLOAT32", "INT8", "INT16"), tflm=("FLOAT32",))
def exponential(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    if kind == "FLOAT32":
        return plain(draw, "EXP", kind, runtime)
    largest = 0 if kind == "INT8" else -8
    scale = draw(scales(-20, largest))
    return quantized(draw, "EXP", TensorType[kind], runtime, scale, draw(scales(-20, 20)))


@generator("LOG", tflite=("FLOAT32", "INT8", "INT16"), tflm=("FLOAT32",))
def logarithm(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    if kind == "FLOAT32":
        return plain(draw, "LOG", kind, runtime)
    return quantized(draw, "LOG", TensorType[kind], runtime, draw(scales(-30, 30)), draw(scales(-20, 20)))


@generator("RSQRT", tflite=("FLOAT32", "INT8", "INT16"), tflm=("FLOAT32", "INT8", "INT16"))
def reciprocal_root(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    if kind == "FLOAT32":
        return plain(draw, "RSQRT", kind, runtime)
    return quantized(draw, "RSQRT", TensorType[kind], runtime, draw(scales(-20, 12)), draw(scales(-12, 6)))


@generator("SQRT", tflite=("FLOAT32", "INT8", "INT16"), tflm=("FLOAT32",))
def root(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    if kind == "FLOAT32":
        return plain(draw, "SQRT", kind, runtime)
    # the least output scales make the quotient leave int32
    return quantized(draw, "SQRT", TensorType[kind], runtime, draw(scales(-20, 20)), draw(scales(-35, 10)))


@generator("COMPLEX_ABS", "IMAG", "REAL", tflite=("COMPLEX64", "COMPLEX128"))
def parts(draw: st.DrawFn, operator: str, kind: str, runtime: RuntimeName) -> Problem:
    type, shape = TensorType[kind], any_shape(draw, runtime)
    part = {TensorType.COMPLEX64: TensorType.FLOAT32, TensorType.COMPLEX128: TensorType.FLOAT64}[type]
    model = single_op_model(operator, [TensorSpec(shape, type)], [TensorSpec(shape, part)])
    return Problem(model, invokes(draw, type, shape))


_BITCAST = (
    "FLOAT32",
    "FLOAT16",
    "FLOAT64",
    "INT8",
    "UINT8",
    "INT16",
    "UINT16",
    "INT32",
    "UINT32",
    "INT64",
    "UINT64",
)


@generator("BITCAST", tflite=(*_BITCAST, "COMPLEX64"))
def reinterpreted(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type, output = TensorType[kind], TensorType[draw(st.sampled_from((*_BITCAST, "COMPLEX64")))]
    shape = draw(shapes(0, most_dims=4))
    size, output_size = NUMPY_TYPES[type].itemsize, NUMPY_TYPES[output].itemsize
    if size < output_size and draw(st.integers(0, 19)):
        shape = (*shape, output_size // size)
    model = single_op_model("BITCAST", [TensorSpec(shape, type)], [TensorSpec((), output)])
    return Problem(model, [[bits_of(draw(st.integers(0, 2**32)), shape, type)]])
