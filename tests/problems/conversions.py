"""CAST, QUANTIZE and DEQUANTIZE."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from microinterp.model.ir import TensorType
from microinterp.runtimes import RUNTIMES
from tests.draw import Array, Shape, numbers, scales, shapes
from tests.graphs import Graph, Step, graph_model
from tests.oracles import RUNTIME_NAMES, RuntimeName
from tests.problems import Problem, generator
from tests.problems.unary import any_shape
from tests.single_op import TensorSpec, single_op_model

#: Types below a byte, which are cast from and to FLOAT32 only.
NARROW = (TensorType.INT4, TensorType.UINT4, TensorType.INT2)
# Around where integer types end, and what is no integer.
EDGES = [
    *(
        sign * (2.0**bits + offset)
        for bits in (7, 8, 15, 16, 31, 32, 63)
        for offset in (-1, -0.5, 0, 1)
        for sign in (1, -1)
    ),
    *(0.0, -0.0, 0.5, -0.5, 1e-45, 65519.0, 65520.0, 3.4e38, 1e300, -1e300, np.inf, -np.inf, np.nan, -np.nan),
]


def _kinds(operator: str) -> dict[RuntimeName, list[str]]:
    return {runtime: [t.name for t in RUNTIMES[runtime].element_types[operator]] for runtime in RUNTIME_NAMES}


def cast_types(runtime: RuntimeName) -> list[TensorType]:
    """The types that the runtime casts between and its Python API takes and returns."""
    types = RUNTIMES[runtime].element_types["CAST"]
    return [t for t in types if t not in NARROW and t is not TensorType.BFLOAT16]


@generator("CAST", **_kinds("CAST"))
def cast(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type, shape = TensorType[kind], any_shape(draw, runtime)
    if type is TensorType.BFLOAT16:
        return _cast_by_bfloat16(draw, shape)
    values = [_castable(draw, type, shape) for _ in range(2)]
    # LiteRT's Python API takes no 2-bit inputs, nor empty constants
    constant = type is TensorType.INT2
    if constant:
        shape = draw(shapes())
        values = [draw(numbers(type, shape))]
    outputs = [TensorType.FLOAT32] if type in NARROW else cast_types(runtime)
    if type is TensorType.FLOAT32 and runtime == "tflite":
        outputs += [TensorType.INT4, TensorType.UINT4]
    output = draw(st.sampled_from(outputs))
    x = TensorSpec(shape, type, data=values[0] if constant else None)
    model = single_op_model("CAST", [x], [TensorSpec(shape, output)])
    return Problem(model, [[]] if constant else [[array] for array in values])


def _castable(draw: st.DrawFn, type: TensorType, shape: Shape) -> Array:
    """Numbers, for floats those around the ends of integer types among them."""
    values = draw(numbers(type, shape))
    if values.dtype.kind not in "fc" or draw(st.booleans()):
        return values
    edges = np.random.default_rng(draw(st.integers(0, 2**32))).choice(EDGES, shape)
    with np.errstate(over="ignore"):
        return np.asarray(edges).astype(values.dtype)


def _cast_by_bfloat16(draw: st.DrawFn, shape: Shape) -> Problem:
    """To it, to itself and from it: LiteRT's Python API has no bfloat16."""
    types = [t for t in cast_types("tflite") if t is not TensorType.UINT16]
    first, last = draw(st.sampled_from(types)), draw(st.sampled_from(types))
    narrow = TensorSpec(shape, TensorType.BFLOAT16)
    graph = Graph(
        {"x": TensorSpec(shape, first), "a": narrow, "b": narrow, "y": TensorSpec(shape, last)},
        ["x"],
        ["y"],
        [Step("CAST", ["x"], ["a"]), Step("CAST", ["a"], ["b"]), Step("CAST", ["b"], ["y"])],
    )
    return Problem(graph_model(graph), [[_castable(draw, first, shape)]])


def any_zero_points(type: TensorType, runtime: RuntimeName) -> st.SearchStrategy[int]:
    """Zero points, also beyond the type's own numbers."""
    if type in (TensorType.INT16, TensorType.INT32) and RUNTIMES[runtime].int16_is_symmetric:
        return st.just(0)
    return st.one_of(st.integers(-128, 127), st.integers(-70000, 70000))


@st.composite
def floats_of(draw: st.DrawFn, shape: Shape, scale: float) -> Array:
    """Numbers to be quantized: any, and such that halves of steps and the ends of int32 are met."""
    if draw(st.booleans()):
        return draw(numbers(TensorType.FLOAT32, shape))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    steps = rng.integers(-600, 600, shape) / 2
    far = rng.choice([2.0**31, -(2.0**31), 2147483520.0, 1e30], shape)
    with np.errstate(over="ignore"):
        return np.asarray(np.where(rng.random(shape) < 0.1, far, steps) * scale, np.float32)


def channels(draw: st.DrawFn, type: TensorType) -> TensorSpec:
    """A tensor with scales and zero points per channel."""
    shape = draw(shapes().filter(lambda shape: len(shape) > 0 and max(shape) > 1))
    axis = draw(st.sampled_from([i for i, size in enumerate(shape) if size > 1]))
    count = shape[axis]
    some_scales = draw(st.lists(scales(-20, 10), min_size=count, max_size=count))
    points = draw(st.lists(st.integers(-200, 200), min_size=count, max_size=count))
    return TensorSpec(shape, type, some_scales, points, axis)


PER_CHANNEL = (TensorType.INT8, TensorType.UINT8, TensorType.INT16)


def _quantize_kinds() -> dict[RuntimeName, list[str]]:
    kinds = {
        runtime: [
            f"{x.name} to {y.name}"
            for x, outputs in RUNTIMES[runtime].quantized_types.items()
            for y in outputs
        ]
        for runtime in RUNTIME_NAMES
    }
    kinds["tflite"] += [f"FLOAT32 to {type.name}, per channel" for type in PER_CHANNEL]
    return kinds


@generator("QUANTIZE", **_quantize_kinds())
def quantize(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    types, _, per_channel = kind.partition(", ")
    type, output = (TensorType[name] for name in types.split(" to "))
    if type is TensorType.FLOAT32:
        if per_channel:
            y = channels(draw, output)
        else:
            # LiteRT ignores zero points of int16 here
            zero_point = draw(any_zero_points(output, "tflm"))
            y = TensorSpec(any_shape(draw, runtime), output, draw(scales(-30, 30)), zero_point)
        model = single_op_model("QUANTIZE", [TensorSpec(y.shape, type)], [y])
        scale = float(np.max(y.scale or 0))
        return Problem(model, [[draw(floats_of(tuple(y.shape), scale))] for _ in range(2)])
    # small ones are computed, large ones of int16 looked up in a table
    shape = (5000,) if draw(st.integers(0, 4)) == 0 else any_shape(draw, runtime)
    scale = draw(scales(-20, 10))
    ratio = draw(st.one_of(st.just(1.0), scales(-25, 25)))
    model = single_op_model(
        "QUANTIZE",
        [TensorSpec(shape, type, scale, draw(any_zero_points(type, runtime)))],
        [TensorSpec(shape, output, scale * ratio, draw(any_zero_points(output, runtime)))],
    )
    return Problem(model, [[draw(numbers(type, shape))] for _ in range(2)])


def _dequantize_kinds() -> dict[RuntimeName, list[str]]:
    kinds = _kinds("DEQUANTIZE")
    for names in kinds.values():
        names += [f"{name}, per channel" for name in names if name not in ("FLOAT16", "INT16")]
    kinds["tflm"].append("INT16, per channel")
    return kinds


@generator("DEQUANTIZE", **_dequantize_kinds())
def dequantize(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    name, _, per_channel = kind.partition(", ")
    type = TensorType[name]
    if per_channel:
        x = channels(draw, type)
    elif type is TensorType.FLOAT16:
        x = TensorSpec(any_shape(draw, runtime), type)
    else:
        # LiteRT's Python API cannot read empty constants
        shape = draw(shapes()) if type is TensorType.INT2 else any_shape(draw, runtime)
        x = TensorSpec(shape, type, draw(scales(-140, 127)), draw(any_zero_points(type, runtime)))
    values = draw(numbers(type, tuple(x.shape)))
    # LiteRT's Python API takes no 2-bit inputs
    constant = type is TensorType.INT2 or (values.size > 0 and draw(st.booleans()))
    if constant:
        x = replace(x, data=values)
    model = single_op_model("DEQUANTIZE", [x], [TensorSpec(x.shape, TensorType.FLOAT32)])
    return Problem(model, [[] if constant else [values]] * 2)
