"""STABLEHLO_GATHER and STABLEHLO_SCATTER."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from microinterp.model.ir import NUMPY_TYPES, TensorType
from tests.draw import numbers
from tests.graphs import Graph, Step, graph_model
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.problems.indexing import addends
from tests.single_op import TensorSpec
from tests.values import arbitrary_bits

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]

_SIGNED = ("INT8", "INT16", "INT32", "INT64")
_UNSIGNED = ("UINT8", "UINT16", "UINT32", "UINT64")


def _subset(draw: st.DrawFn, count: int, size: int) -> list[int]:
    return draw(st.permutations(range(count)))[:size]


class _Windows:
    """Random dimension numbers of a gather or a scatter."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.shape: Shape = draw(hnp.array_shapes(min_dims=1, max_dims=4, max_side=5))
        rank = len(self.shape)
        self.sizes = [draw(st.integers(1, d)) for d in self.shape]
        self.dropped = sorted(_subset(draw, rank, draw(st.integers(0, rank))))
        for d in self.dropped:
            self.sizes[d] = 1
        self.starts = _subset(draw, rank, draw(st.integers(1, rank)))
        batch = draw(hnp.array_shapes(min_dims=0, max_dims=2, max_side=4))
        # the vectors' own axis; without it (an axis beyond the last) LiteRT reads beyond the tensor
        self.axis = draw(st.integers(0, len(batch)))
        self.indices = (*batch[: self.axis], len(self.starts), *batch[self.axis :])
        window = [s for d, s in enumerate(self.sizes) if d not in self.dropped]
        axes = len(batch) + len(window)
        self.result = _subset(draw, axes, len(window))
        sizes, outer = iter(window), iter(batch)
        self.result_shape: Shape = tuple(
            next(sizes) if a in self.result else next(outer) for a in range(axes)
        )

    def vectors(self, draw: st.DrawFn, type: TensorType) -> Array:
        """Indices of which some leave the tensor."""
        rng = np.random.default_rng(draw(st.integers(0, 2**32)))
        least, most = draw(st.sampled_from([(0, 3), (-2, 6), (-100, 100)]))
        return rng.integers(least, most, self.indices).astype(NUMPY_TYPES[type])


@generator(
    "STABLEHLO_GATHER", tflite=("FLOAT32", "FLOAT16", "FLOAT64", "BOOL", *_SIGNED, *_UNSIGNED, "COMPLEX64")
)
def gather(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    w = _Windows(draw)
    index_type = draw(st.sampled_from([TensorType.INT32, TensorType.INT64]))
    options = {
        "offset_dims": w.result,
        "collapsed_slice_dims": w.dropped,
        "start_index_map": w.starts,
        "index_vector_dim": w.axis,
        "slice_sizes": w.sizes,
    }
    tensors = {
        "x": TensorSpec(w.shape, type),
        "i": TensorSpec(w.indices, index_type),
        "y": TensorSpec(w.result_shape, type),
    }
    model = graph_model(
        Graph(tensors, ("x", "i"), ("y",), [Step("STABLEHLO_GATHER", ("x", "i"), ("y",), options)])
    )
    return Problem(
        model,
        [
            [arbitrary_bits(draw, w.shape, type), w.vectors(draw, index_type)]
            for _ in range(draw(st.integers(1, 2)))
        ],
    )


@generator("STABLEHLO_SCATTER", tflite=("FLOAT32", "FLOAT16", "FLOAT64", "BOOL", *_SIGNED, *_UNSIGNED))
def scatter(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    w = _Windows(draw)
    index_type = draw(st.sampled_from([TensorType.INT32, TensorType.INT64]))
    # the kernel only looks which operator there is, it does not run it
    operator = draw(st.sampled_from(["", "ADD", "MULTIPLY", "MAXIMUM", "MINIMUM"]))
    element = TensorSpec((), TensorType.FLOAT32)
    steps = [Step("STABLEHLO_" + operator, ("a", "b"), ("c",))] if operator else []
    body = Graph({"a": element, "b": element, "c": element}, ("a", "b"), ("c",) if steps else ("b",), steps)
    options = {
        "update_window_dims": w.result,
        "inserted_window_dims": w.dropped,
        "scatter_dims_to_operand_dims": w.starts,
        "index_vector_dim": w.axis,
        "update_computation_subgraph_index": 1,
    }
    tensors = {
        "x": TensorSpec(w.shape, type),
        "i": TensorSpec(w.indices, index_type),
        "u": TensorSpec(w.result_shape, type),
        "y": TensorSpec(w.shape, type),
    }
    main = Graph(
        tensors, ("x", "i", "u"), ("y",), [Step("STABLEHLO_SCATTER", ("x", "i", "u"), ("y",), options)]
    )
    values = addends if operator in ("ADD", "MULTIPLY") else _numbers
    return Problem(
        graph_model(main, body),
        [
            [values(draw, type, w.shape), w.vectors(draw, index_type), values(draw, type, w.result_shape)]
            for _ in range(draw(st.integers(1, 2)))
        ],
    )


def _numbers(draw: st.DrawFn, type: TensorType, shape: Shape) -> Array:
    return draw(numbers(type, shape))
