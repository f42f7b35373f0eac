"""SHAPE, RANK, FILL and RANGE."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from microinterp.model.ir import NUMPY_TYPES, TensorType
from microinterp.runtimes import RUNTIMES
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model
from tests.values import arbitrary_bits, movable_kinds, operand, some_quantization

INT32, INT64 = TensorType.INT32, TensorType.INT64
DATA_TYPES = st.sampled_from([TensorType.FLOAT32, TensorType.INT8, INT32, TensorType.BOOL])


@generator("SHAPE", tflite=("INT32", "INT64"), tflm=("INT32",))
def shape(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    """No scalars: LiteRT's Python API cannot read the empty constant, and TFLM has no empty tensors."""
    type, output = draw(DATA_TYPES), TensorType[kind]
    shape = draw(st.lists(st.integers(0 if runtime == "tflite" else 1, 5), min_size=1, max_size=7))
    options = {"out_type": draw(st.sampled_from([output] * 9 + [TensorType.FLOAT32]))}
    model = single_op_model("SHAPE", [TensorSpec(shape, type)], [TensorSpec((len(shape),), output)], options)
    return Problem(model, [[arbitrary_bits(draw, shape, type)] for _ in range(2)])


@generator("RANK", tflite=("INT32",))
def rank(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type = draw(DATA_TYPES)
    shape = draw(st.lists(st.integers(0, 3), max_size=8))
    model = single_op_model("RANK", [TensorSpec(shape, type)], [TensorSpec((), INT32)])
    return Problem(model, [[arbitrary_bits(draw, shape, type)]])


@generator("FILL", **movable_kinds("FILL"))
def fill(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type, tflm = TensorType[kind], runtime == "tflm"
    constant = tflm or draw(st.booleans())
    least = 0 if constant and not tflm else 1
    shape = draw(st.lists(st.integers(least, 5), min_size=1, max_size=6))
    wanted = list(shape)
    if draw(st.integers(0, 19)) == 7:
        wanted[0] = -1
    sizes, fed = operand(
        wanted, draw(st.sampled_from(RUNTIMES[runtime].operand_types["FILL"])), constant=constant
    )
    quantization = some_quantization(draw, type) if type is not TensorType.INT16 else {}
    value = arbitrary_bits(draw, (), type)
    # LiteRT's Python API sets a scalar string to something else
    is_known = type is TensorType.STRING or draw(st.integers(0, 3)) == 0
    model = single_op_model(
        "FILL",
        [sizes, TensorSpec((), type, data=value if is_known else None, **quantization)],
        [TensorSpec(shape, type, **quantization)],
    )
    return Problem(model, [[*fed, *([] if is_known else [value])]] * 2)


@generator("RANGE", tflite=("FLOAT32", "INT32", "INT64"))
def range_(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    if type is TensorType.FLOAT32:
        near = st.floats(-300, 300, width=32)
        start, delta = (
            draw(near),
            draw(near.filter(lambda d: abs(d) > 0.1) | st.sampled_from([0.1, -0.3, np.inf])),
        )
    else:
        start = draw(st.integers(-300, 300) | st.sampled_from([-(2**31), 2**31 - 200]))
        delta = draw(st.integers(1, 20)) * draw(st.sampled_from([1, -1]))
        delta *= draw(st.integers(0, 19)) != 7
        if start == -(2**31):
            delta = abs(delta)  # LiteRT's Python API cannot return an output that never had memory
    steps = draw(st.integers(1, 100))
    limit = start + (delta if np.isfinite(delta) else 3) * steps
    if type is TensorType.FLOAT32:
        limit += draw(st.floats(-0.5, 0.5, width=32))
    if type is INT32:
        limit = min(max(limit, -(2**31)), 2**31 - 1)
        if abs(limit - start) > 2**30:
            limit = start
    values = [np.array(v).astype(NUMPY_TYPES[type]) for v in (start, limit, delta)]
    known = [True] * 3 if draw(st.booleans()) else [draw(st.booleans()) for _ in values]
    pairs = [operand(v, type, constant=k) for v, k in zip(values, known, strict=True)]
    model = single_op_model("RANGE", [spec for spec, _ in pairs], [TensorSpec((1,), type)])
    return Problem(model, [[array for _, arrays in pairs for array in arrays]] * 2)
