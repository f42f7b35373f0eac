"""BATCH_MATMUL."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from microinterp.model.ir import TensorType
from tests.draw import factors, scales, zero_points
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model

FLOAT32, INT8, INT16, INT32 = TensorType.FLOAT32, TensorType.INT8, TensorType.INT16, TensorType.INT32

# kind → element types of both inputs and of the output
TYPES = {
    "FLOAT32": (FLOAT32, FLOAT32, FLOAT32),
    "INT8": (INT8, INT8, INT8),
    "INT16": (INT16, INT16, INT16),
    "INT8 to INT32": (INT8, INT8, INT32),
    "INT16 by INT8": (INT16, INT8, INT16),
    "FLOAT32 by INT8": (FLOAT32, INT8, FLOAT32),
}


def spec(draw: st.DrawFn, shape: tuple[int, ...], type: TensorType, largest_exponent: int) -> TensorSpec:
    if type in (FLOAT32, INT32):
        return TensorSpec(shape, type)
    return TensorSpec(shape, type, draw(scales(-8, largest_exponent)), draw(zero_points(type)))


@generator("BATCH_MATMUL", tflite=tuple(TYPES), tflm=("FLOAT32", "INT8", "INT16"))
def batch_matmul(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    x_type, y_type, output_type = TYPES[kind]
    is_hybrid = x_type is not y_type and x_type is FLOAT32
    least = 0 if runtime == "tflite" and not is_hybrid and draw(st.integers(0, 19)) == 0 else 1
    rows, columns = draw(st.integers(least, 6)), draw(st.integers(1, 6))
    depth = draw(st.one_of(st.integers(1, 9), st.sampled_from([16, 17, 33, 70])))
    batches = draw(st.lists(st.integers(1, 3), max_size=3))
    x_batches = [draw(st.sampled_from([1, b])) for b in batches]
    y_batches = [
        b if x == 1 else draw(st.sampled_from([1, b])) for b, x in zip(batches, x_batches, strict=True)
    ]
    x_batches = x_batches[draw(st.integers(0, len(batches))) :] if draw(st.booleans()) else x_batches
    if len(x_batches) == len(batches):
        y_batches = y_batches[draw(st.integers(0, len(batches))) :]
    adj_x, adj_y = draw(st.booleans()), draw(st.booleans())
    asymmetric = draw(st.booleans())
    known = draw(st.booleans())
    if is_hybrid:
        # LiteRT takes the scales, zero points and sums of other rows (docs/native-bugs.md)
        x_batches, y_batches = x_batches[-1:], y_batches[-1:]
    x_shape = (*x_batches, depth, rows) if adj_x else (*x_batches, rows, depth)
    y_shape = (*y_batches, columns, depth) if adj_y else (*y_batches, depth, columns)
    # int16: for a product of 2^15 times the scale of the output the runtimes shift by less than 0, which is undefined
    most = 0 if x_type is INT16 else 4
    x, y = spec(draw, x_shape, x_type, most), spec(draw, y_shape, y_type, most)
    if x_type is INT16:
        y = replace(y, zero_point=0)
    if is_hybrid:
        many = draw(st.lists(scales(-8, 4), min_size=columns, max_size=columns))
        per_column = draw(st.booleans())
        y = TensorSpec(
            y_shape,
            y_type,
            many if per_column else many[0],
            [0] * columns if per_column else 0,
            len(y_shape) - (2 if adj_y else 1),
        )
    if known:
        y = replace(y, data=draw(factors(y_type, y_shape)))
    batch_shape = np.broadcast_shapes(tuple(x_batches), tuple(y_batches))
    output = spec(draw, (*batch_shape, rows, columns), output_type, most)
    model = single_op_model(
        "BATCH_MATMUL",
        [x, y],
        [output],
        {"adj_x": adj_x, "adj_y": adj_y, "asymmetric_quantize_inputs": asymmetric},
    )
    # LiteRT sums the rows of a hybrid product once, whatever comes next (docs/native-bugs.md)
    most_invokes = 1 if is_hybrid and not known else 2
    invokes = []
    for _ in range(draw(st.integers(1, most_invokes))):
        fed = [] if known else [draw(factors(y_type, y_shape))]
        invokes.append([draw(factors(x_type, x_shape, finite=is_hybrid)), *fed])
    return Problem(model, invokes)
