"""Operators of two or more tensors, element by element, besides arithmetic: comparisons, logic, bits, SELECT, PRELU."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from microinterp.model.ir import TensorType
from tests.draw import Array, Shape, numbers, scales, shapes, zero_points
from tests.oracles import RuntimeName
from tests.problems import Problem
from tests.problems.arithmetic import QUANTIZED, broadcast_shapes, one_operator, register, replace_zeros
from tests.single_op import TensorSpec, single_op_model
from tests.values import arbitrary_bits

_PLAIN = (None, None)


def _strings(draw: st.DrawFn, shape: Shape) -> Array:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    choices = np.array([b"", b"a", b"ab", b"a\x00", b"\xff"], object)
    return np.asarray(rng.choice(choices, shape), object).reshape(shape)


def comparisons(draw: st.DrawFn, operator: str, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    input_shapes, result = broadcast_shapes(draw, runtime)
    if type is TensorType.STRING:  # LiteRT's Python API makes a scalar string an empty one
        input_shapes = [shape or (1,) for shape in input_shapes]
        result = result or (1,)
    quantization: list[tuple[float | None, int | None]] = [_PLAIN, _PLAIN]
    # LiteRT's NOT_EQUAL of plain int16 writes nothing (docs/native-bugs.md)
    if type in QUANTIZED and (type is not TensorType.INT16 or operator == "NOT_EQUAL" or draw(st.booleans())):
        # Scales of 1 and more are not what the native kernels are made for (docs/native-bugs.md)
        x = draw(scales(-14, -1))
        y = draw(st.one_of(st.just(x), scales(-14, -1)))
        quantization = [(scale, draw(zero_points(type))) for scale in (x, y)]
    specs = [
        TensorSpec(shape, type, scale, zero_point)
        for shape, (scale, zero_point) in zip(input_shapes, quantization, strict=True)
    ]
    draw_values = _strings if type is TensorType.STRING else lambda draw, shape: draw(numbers(type, shape))
    invokes = [[draw_values(draw, shape) for shape in input_shapes] for _ in range(2)]
    if type is TensorType.STRING:  # never constant: our writer of models has no strings
        return Problem(single_op_model(operator, specs, [TensorSpec(result, TensorType.BOOL)]), invokes)
    return one_operator(draw, operator, specs, TensorSpec(result, TensorType.BOOL), invokes)


register(comparisons, "EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER_EQUAL")
# with scales that are never set (docs/native-bugs.md)
register(comparisons, "GREATER", without={"tflm": ("INT16",)})


def broadcast(draw: st.DrawFn, operator: str, kind: str, runtime: RuntimeName) -> Problem:
    """A problem of plain numbers that broadcast."""
    type = TensorType[kind]
    input_shapes, result = broadcast_shapes(draw, runtime)
    specs = [TensorSpec(shape, type) for shape in input_shapes]
    invokes = [[draw(numbers(type, shape)) for shape in input_shapes] for _ in range(2)]
    for x, y in invokes:
        if operator == "FLOOR_MOD" and type is not TensorType.FLOAT32:
            replace_zeros(y, 0)
            if type in (TensorType.INT32, TensorType.INT64):
                x[x == np.iinfo(x.dtype).min] = (
                    5  # LiteRT dies of the least number modulo −1 (docs/native-bugs.md)
                )
        if operator == "RIGHT_SHIFT" and draw(st.booleans()):
            y[...] = y % 40
        if operator == "POW" and type is TensorType.INT32:
            x[...], y[...] = x % 30 - 15, abs(y % 12)
        if operator == "POW" and type is TensorType.FLOAT32 and draw(st.booleans()):
            y[...] = np.rint(y)
    return one_operator(draw, operator, specs, TensorSpec(result, type), invokes)


register(broadcast, "LOGICAL_AND", "LOGICAL_OR", "BITWISE_XOR", "RIGHT_SHIFT", "FLOOR_MOD", "POW")


def squared_differences(draw: st.DrawFn, operator: str, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    if type not in QUANTIZED:
        return broadcast(draw, operator, kind, runtime)
    input_shapes, result = broadcast_shapes(draw, runtime)
    x, y = draw(scales(-10, 6)), draw(scales(-10, 6))
    # LiteRT dies of finer scales of the output (docs/native-bugs.md)
    finest = -11.9 if type is TensorType.INT8 else 2.1
    output = float(np.float32(max(x, y) ** 2 * draw(scales(finest if runtime == "tflite" else -14, 12))))
    specs = [
        TensorSpec(shape, type, scale, draw(zero_points(type)))
        for shape, scale in zip((*input_shapes, result), (x, y, output), strict=True)
    ]
    invokes = [[draw(numbers(type, shape)) for shape in input_shapes] for _ in range(2)]
    return one_operator(draw, operator, specs[:2], specs[2], invokes)


register(squared_differences, "SQUARED_DIFFERENCE")


def of_one_shape(draw: st.DrawFn, operator: str, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    shape = draw(shapes(0))
    spec = TensorSpec(shape, type)
    invokes = [[draw(numbers(type, shape)) for _ in range(2)] for _ in range(2)]
    if operator == "STABLEHLO_SHIFT_LEFT":
        for _, counts in invokes:  # others are undefined in C (docs/native-bugs.md)
            counts[...] = abs(counts % 31)
    return one_operator(draw, operator, [spec, spec], spec, invokes)


register(of_one_shape, "ATAN2", "STABLEHLO_ADD", "STABLEHLO_MULTIPLY", "STABLEHLO_MAXIMUM")
register(of_one_shape, "STABLEHLO_MINIMUM", "STABLEHLO_AND", "STABLEHLO_SHIFT_LEFT")


def sums(draw: st.DrawFn, operator: str, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    shape, count = draw(shapes(0 if runtime == "tflite" else 1)), draw(st.integers(2, 6))
    spec = output = TensorSpec(shape, type)
    if type in QUANTIZED:
        scale = draw(scales(-10, 6))
        spec = TensorSpec(shape, type, scale, draw(zero_points(type)))
        # TFLM dies of finer scales of the output (docs/native-bugs.md)
        result = float(np.float32(scale * draw(scales(-18.5, 6))))
        output = TensorSpec(shape, type, result, draw(zero_points(type)))
    invokes = [[draw(numbers(type, shape)) for _ in range(count)] for _ in range(2)]
    return one_operator(draw, operator, [spec] * count, output, invokes)


register(sums, "ADD_N")


def selections(draw: st.DrawFn, operator: str, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    if operator == "SELECT_V2":
        input_shapes, result = broadcast_shapes(draw, runtime, 3)
    else:
        result = draw(shapes(0))
        input_shapes = [draw(st.sampled_from([result, result[:1], ()])), result, result]
    if draw(st.integers(0, 9)) == 0:  # single elements may have any shapes
        input_shapes = [(1,) * draw(st.integers(0, 3)) for _ in range(3)]
        result = (1,) * draw(st.integers(0, 3))
    specs = [TensorSpec(shape, TensorType.BOOL if i == 0 else type) for i, shape in enumerate(input_shapes)]
    invokes = [[arbitrary_bits(draw, spec.shape, spec.type) for spec in specs] for _ in range(2)]
    return one_operator(draw, operator, specs, TensorSpec(result, type), invokes)


register(selections, "SELECT", "SELECT_V2")


def prelus(draw: st.DrawFn, operator: str, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    # TFLM computes with four dimensions of floats, whatever there are (docs/native-bugs.md)
    most = 4 if runtime == "tflm" and type is TensorType.FLOAT32 else 6
    shape = draw(shapes(0 if runtime == "tflite" else 1, most))
    slopes = tuple(draw(st.sampled_from([d, 1])) for d in shape)[draw(st.integers(0, len(shape))) :]
    slope_type = TensorType.INT8 if type is TensorType.INT16 else type
    specs = [TensorSpec(shape, type), TensorSpec(slopes, slope_type), TensorSpec(shape, type)]
    if type in QUANTIZED:
        x, slope = draw(scales(-14, 6)), draw(scales(-14, 6))
        output = float(np.float32(x * draw(scales(-12, 12))))
        specs = [
            TensorSpec(spec.shape, spec.type, scale, draw(zero_points(spec.type)))
            for spec, scale in zip(specs, (x, slope, output), strict=True)
        ]
    invokes = [[draw(numbers(spec.type, tuple(spec.shape))) for spec in specs[:2]] for _ in range(2)]
    return one_operator(draw, operator, specs[:2], specs[2], invokes)


register(prelus, "PRELU")


def leaky_relus(draw: st.DrawFn, operator: str, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    shape = draw(shapes(0 if runtime == "tflite" else 1, 6))
    x = output = TensorSpec(shape, type)
    if type in QUANTIZED:
        scale = draw(scales(-14, 6))
        x = TensorSpec(shape, type, scale, draw(zero_points(type)))
        result = float(np.float32(scale * draw(scales(-12, 12))))
        output = TensorSpec(shape, type, result, draw(zero_points(type)))
    slope = draw(st.one_of(st.sampled_from([0.0, -0.0, 0.01, 0.2, 1.0, 3.0]), st.floats(-8, 8, width=32)))
    invokes = [[draw(numbers(type, shape))] for _ in range(2)]
    return one_operator(draw, operator, [x], output, invokes, {"alpha": slope})


register(leaky_relus, "LEAKY_RELU")
