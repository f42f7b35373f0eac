"""FAKE_QUANT, NumericVerify and DENSIFY."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from microinterp.model.custom_options import encode_custom_options
from microinterp.model.ir import NUMPY_TYPES, TensorType
from microinterp.model.reader import read_model
from microinterp.model.schema import DimensionType
from microinterp.model.writer import write_model
from tests.draw import numbers, scales, shapes, zero_points
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model

Array = np.ndarray[Any, Any]


@generator("FAKE_QUANT", tflite=("FLOAT32",))
def fake_quant(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    shape = draw(shapes(least_side=0))
    low, width = draw(st.sampled_from([0.0, -1.0, -6.0, 0.25, -1e-3, -128.0])), draw(scales(-10, 10))
    # FAKE_QUANT: zero points of more than 16 bits (docs/native-bugs.md)
    bits = draw(st.integers(1, 16 if low < 0 else 31))
    options = {
        "min": low,
        "max": low + width,
        "num_bits": bits,
        "narrow_range": draw(st.integers(0, 19)) == 7,
    }
    spec = TensorSpec(shape, TensorType.FLOAT32)
    model = single_op_model("FAKE_QUANT", [spec], [spec], options)
    invokes = []
    for _ in range(2):
        values = draw(numbers(TensorType.FLOAT32, shape))
        ticks = (
            np.random.default_rng(draw(st.integers(0, 2**32))).random(shape) * width * 1.2 + low - 0.1 * width
        )
        invokes.append([np.where(draw(hnp.arrays(np.bool_, shape)), ticks, values).astype(np.float32)])
    return Problem(model, invokes)


@generator("NumericVerify", tflite=("INT8", "UINT8", "INT16", "FLOAT16", "INT8 per channel"))
def numeric_verify(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind.split(maxsplit=1)[0]]
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=4, max_side=4))
    scale, zero_point = draw(scales(-8, 4)), draw(zero_points(type)) if type is not TensorType.FLOAT16 else 0
    quantization: dict[str, Any] = {"scale": scale, "zero_point": zero_point}
    if type is TensorType.FLOAT16:
        quantization = {}
    if "channel" in kind:
        axis = draw(st.integers(0, len(shape) - 1))
        many = [scale * draw(st.sampled_from([1.0, 0.5])) for _ in range(shape[axis])]
        quantization = {"scale": many, "zero_point": [zero_point] * shape[axis], "quantized_dimension": axis}
    options = {
        "tolerance": draw(st.sampled_from([0.0, 0.05, 0.1, 5.0])),
        "log_if_failed": draw(st.integers(0, 3)) == 2,
    }
    reference = (2, *shape) if draw(st.integers(0, 9)) == 7 else shape
    model = single_op_model(
        "NumericVerify",
        [TensorSpec(shape, type, **quantization), TensorSpec(reference, TensorType.FLOAT32)],
        [TensorSpec(shape, TensorType.FLOAT32)],
        custom_options=encode_custom_options(options),
    )

    def feed() -> list[Array]:
        x = draw(numbers(type, shape))
        exact = (x.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)
        near = np.resize(exact, reference) + np.float32(scale * draw(st.sampled_from([0.0, 0.5, 4.0])))
        return [
            x,
            (near if draw(st.booleans()) else draw(numbers(TensorType.FLOAT32, reference))).astype(
                np.float32
            ),
        ]

    return Problem(model, [feed() for _ in range(draw(st.integers(1, 2)))])


@generator("DENSIFY", tflite=("FLOAT32", "FLOAT16", "INT8"))
def densify(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    """A matrix of which some rows, and in them some columns, are stored, in either order of the dimensions."""
    type = TensorType[kind]
    shape = (draw(st.integers(1, 6)), draw(st.integers(1, 6)))
    order = draw(st.permutations((0, 1)))
    dense = draw(numbers(type, tuple(shape[d] for d in order)))
    stored = draw(hnp.arrays(np.bool_, dense.shape))
    stored[0, 0] = True  # a tensor without a buffer is none
    segments = [0, *np.cumsum(stored.sum(axis=1)).tolist()]
    metadata = (
        {
            "format": DimensionType.DENSE,
            "dense_size": dense.shape[0],
            "array_segments": None,
            "array_indices": None,
        },
        {
            "format": DimensionType.SPARSE_CSR,
            "dense_size": 0,
            "array_segments": ("Int32Vector", {"values": tuple(segments)}),
            "array_indices": ("Int32Vector", {"values": tuple(np.nonzero(stored)[1].tolist())}),
        },
    )
    values = dense[stored]
    placeholder = TensorSpec(shape, type, data=np.zeros(shape, NUMPY_TYPES[type]))
    model = read_model(single_op_model("DENSIFY", [placeholder], [TensorSpec(shape, type)]))
    graph = model.subgraphs[0]
    sparse = replace(
        graph.tensors[0],
        sparsity={"traversal_order": tuple(order), "block_map": None, "dim_metadata": metadata},
    )
    graph = replace(graph, tensors=(sparse, *graph.tensors[1:]))
    buffers = tuple(
        np.frombuffer(values.tobytes(), np.uint8) if b is not None and b.size else b for b in model.buffers
    )
    return Problem(write_model(replace(model, subgraphs=(graph,), buffers=buffers)), [[], []])
