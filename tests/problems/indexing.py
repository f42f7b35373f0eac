"""Operators that find, pick and place elements by their indices."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from microinterp.model.ir import NUMPY_TYPES, Quantization, Tensor, TensorType
from microinterp.model.reader import read_model
from microinterp.model.schema import CombinerType
from microinterp.model.writer import write_model
from tests.draw import numbers, scales, shapes
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model
from tests.values import arbitrary_bits

Array = np.ndarray[Any, Any]

_MOVED = ("FLOAT32", "INT8", "UINT8", "INT16", "INT32", "INT64")
_SMALL = ("FLOAT32", "INT8", "UINT8", "INT32", "INT64")


def rarely(draw: st.DrawFn) -> bool:
    """Once in twenty times."""
    return draw(st.integers(0, 19)) == 7


def addends(draw: st.DrawFn, type: TensorType, shape: tuple[int, ...]) -> Array:
    """Numbers whose NaNs have the sign that inf − inf gives on x86, so that it does not matter which NaN survives."""
    values = draw(numbers(type, shape))
    return (
        np.where(np.isnan(values), values.dtype.type(-np.nan), values) if values.dtype.kind == "f" else values
    )


def few(draw: st.DrawFn, type: TensorType, shape: tuple[int, ...]) -> Array:
    """Numbers of which many are equal."""
    pool = draw(numbers(type, (4,)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return np.asarray(rng.choice(pool, shape)) if draw(st.booleans()) else draw(numbers(type, shape))


def indices(draw: st.DrawFn, shape: tuple[int, ...], most: int, dtype: Any = np.int32) -> Array:
    """Indices into so many; now and then one is out of range."""
    outside = rarely(draw)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return np.asarray(rng.integers(-outside, max(1, most + outside), shape)).astype(dtype)


def operand(
    draw: st.DrawFn, values: Array, type: TensorType, always: bool = False
) -> tuple[TensorSpec, list[Array]]:
    """A tensor that is constant, or an input, and then what to feed."""
    known = always or draw(st.integers(0, 3)) > 0
    return TensorSpec(values.shape, type, data=values if known else None), [] if known else [values]


@generator("SCATTER_ND", tflite=(*_SMALL, "BOOL"))
def scatter_nd(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=4, max_side=4))
    components = draw(st.integers(0 if draw(st.integers(0, 9)) == 0 else 1, len(shape)))
    outer = draw(hnp.array_shapes(min_dims=1 if components == len(shape) else 0, max_dims=2, max_side=6))
    shape_spec, fed_shape = operand(draw, np.array(shape, np.int32), TensorType.INT32)
    update_shape = (*outer, *shape[components:])

    def feed() -> list[Array]:
        picked = [indices(draw, outer, size) for size in shape[:components]]
        vectors = np.stack(picked, axis=-1) if picked else np.zeros((*outer, 0), np.int32)
        return [vectors, addends(draw, type, update_shape), *fed_shape]

    specs = [
        TensorSpec((*outer, components), TensorType.INT32),
        TensorSpec(update_shape, type),
        shape_spec,
    ]
    model = single_op_model("SCATTER_ND", specs, [TensorSpec(shape, type)])
    return Problem(model, [feed() for _ in range(draw(st.integers(1, 2)))])


@generator("SPARSE_TO_DENSE", tflite=_SMALL)
def sparse_to_dense(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=5 if rarely(draw) else 4, max_side=4))
    index_type, shape_type = (draw(st.sampled_from([TensorType.INT32, TensorType.INT64])) for _ in range(2))
    count = draw(st.integers(1, 6))
    flat = len(shape) == 1 and draw(st.booleans())
    index_shape = draw(st.sampled_from([(count,), ()])) if flat else (count, len(shape))
    count = 1 if index_shape == () else count
    value_shape = draw(st.sampled_from([(), (count,)]))
    dtype = NUMPY_TYPES[index_type]
    shape_spec, fed_shape = operand(draw, np.array(shape, NUMPY_TYPES[shape_type]), shape_type)

    def feed() -> list[Array]:
        vectors = np.stack([indices(draw, (count,), size, dtype) for size in shape], axis=-1)
        fed = [vectors.reshape(index_shape), *fed_shape]
        return [*fed, arbitrary_bits(draw, value_shape, type), arbitrary_bits(draw, (), type)]

    specs = [
        TensorSpec(index_shape, index_type),
        shape_spec,
        TensorSpec(value_shape, type),
        TensorSpec((), type),
    ]
    model = single_op_model("SPARSE_TO_DENSE", specs, [TensorSpec(shape, type)])
    return Problem(model, [feed() for _ in range(draw(st.integers(1, 2)))])


@generator("WHERE", tflite=(*_SMALL, "UINT32", "BOOL"))
def where(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    shape = draw(shapes() if draw(st.integers(0, 9)) == 0 else hnp.array_shapes(max_dims=5, max_side=5))

    def values() -> Array:
        drawn = np.where(draw(arrays_of_bool(shape)), draw(numbers(type, shape)), 0).astype(NUMPY_TYPES[type])
        if (
            shape and drawn.size and not drawn.any()
        ):  # LiteRT's Python API cannot read dynamic tensors without elements
            drawn.flat[0] = 1
        return drawn

    known = draw(st.integers(0, 3)) == 0
    constant = values() if known else None
    model = single_op_model(
        "WHERE", [TensorSpec(shape, type, data=constant)], [TensorSpec((1, len(shape)), TensorType.INT64)]
    )
    return Problem(model, [[] if known else [values()] for _ in range(draw(st.integers(1, 2)))])


def arrays_of_bool(shape: tuple[int, ...]) -> st.SearchStrategy[Array]:
    return hnp.arrays(np.bool_, shape)


@generator("UNIQUE", tflite=_MOVED)
def unique(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    shape = (draw(st.integers(1, 30)),)
    index_type = draw(st.sampled_from([TensorType.INT32, TensorType.INT64]))
    model = single_op_model(
        "UNIQUE",
        [TensorSpec(shape, type)],
        [TensorSpec((1,), type), TensorSpec(shape, index_type)],
        {"idx_out_type": index_type},
    )

    def values() -> Array:
        drawn = few(draw, type, shape)
        return np.where(np.isnan(drawn), 0, drawn).astype(drawn.dtype)  # UNIQUE: NaNs (docs/native-bugs.md)

    return Problem(model, [[values()] for _ in range(draw(st.integers(1, 2)))])


@generator("TOPK_V2", tflite=_MOVED)
def topk(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    shape = draw(
        st.one_of(hnp.array_shapes(max_dims=4, max_side=5), st.tuples(st.integers(1, 3), st.integers(1, 60)))
    )
    k_type, index_type = (draw(st.sampled_from([TensorType.INT32, TensorType.INT16])) for _ in range(2))
    k = np.array(draw(st.integers(1, shape[-1] + (rarely(draw)))), NUMPY_TYPES[k_type])
    k_spec, fed = operand(draw, k.reshape(draw(st.sampled_from([(), (1,)]))), k_type)
    found = (*shape[:-1], int(k))
    model = single_op_model(
        "TOPK_V2", [TensorSpec(shape, type), k_spec], [TensorSpec(found, type), TensorSpec(found, index_type)]
    )
    return Problem(model, [[few(draw, type, shape), *fed] for _ in range(draw(st.integers(1, 2)))])


@generator("BUCKETIZE", tflite=("FLOAT32", "FLOAT64", "INT32", "INT64"))
def bucketize(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    shape = draw(shapes(least_side=0))
    boundaries = few(draw, TensorType.FLOAT32, (draw(st.integers(0, 9)),))
    boundaries = boundaries[~np.isnan(boundaries)]
    if not rarely(draw):
        boundaries = np.sort(boundaries)
    near = [0.0, *(b for b in boundaries.tolist() if abs(b) < 2**31)]  # boundaries that every type can have
    values = [draw(numbers(type, shape)) for _ in range(2)]
    for drawn in values:
        hit = draw(arrays_of_bool(shape))
        drawn[hit] = np.asarray(draw(st.sampled_from(near))).astype(drawn.dtype)
    model = single_op_model(
        "BUCKETIZE",
        [TensorSpec(shape, type)],
        [TensorSpec(shape, TensorType.INT32)],
        {"boundaries": boundaries.tolist()},
    )
    return Problem(model, [[v] for v in values])


@generator("ONE_HOT", tflite=(*_SMALL, "BOOL"))
def one_hot(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    shape = draw(shapes(least_side=0, most_dims=3))
    axis = draw(st.integers(-1, len(shape)))
    depth = draw(st.integers(0 if draw(st.integers(0, 9)) == 0 else 1, 6))
    index_type = draw(st.sampled_from([TensorType.INT32, TensorType.INT64]))
    known = depth == 0 or 0 in shape or draw(st.integers(0, 3)) > 0
    depth_value = np.array(depth, np.int32)
    place = len(shape) if axis == -1 else axis
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))

    def feed() -> list[Array]:
        picked = np.asarray(rng.integers(-2, depth + 2, shape)).astype(NUMPY_TYPES[index_type])
        if index_type is TensorType.INT64 and draw(st.integers(0, 3)) == 0:
            picked = np.asarray(picked + 2**32)
        fed = [picked] if known else [picked, depth_value]
        return [*fed, arbitrary_bits(draw, (), type), arbitrary_bits(draw, (1,), type)]

    model = single_op_model(
        "ONE_HOT",
        [
            TensorSpec(shape, index_type),
            TensorSpec((), TensorType.INT32, data=depth_value if known else None),
            TensorSpec((), type),
            TensorSpec((1,), type),
        ],
        [TensorSpec((*shape[:place], depth, *shape[place:]), type)],
        {"axis": axis},
    )
    return Problem(model, [feed() for _ in range(draw(st.integers(1, 2)))])


@generator("MATRIX_DIAG", tflite=(*_MOVED, "UINT32"))
def matrix_diag(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5))
    model = single_op_model("MATRIX_DIAG", [TensorSpec(shape, type)], [TensorSpec((*shape, shape[-1]), type)])
    return Problem(model, [[arbitrary_bits(draw, shape, type)] for _ in range(draw(st.integers(1, 2)))])


@generator("MATRIX_SET_DIAG", tflite=(*_MOVED, "UINT32"))
def matrix_set_diag(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=4, min_side=0, max_side=5))
    diagonal = (*shape[:-2], min(shape[-2:]) + draw(st.integers(0, 9)) // 9)
    model = single_op_model(
        "MATRIX_SET_DIAG", [TensorSpec(shape, type), TensorSpec(diagonal, type)], [TensorSpec(shape, type)]
    )
    return Problem(
        model,
        [
            [arbitrary_bits(draw, shape, type), arbitrary_bits(draw, diagonal, type)]
            for _ in range(draw(st.integers(1, 2)))
        ],
    )


@generator("SEGMENT_SUM", tflite=("FLOAT32", "INT32"))
def segment_sum(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=5))
    rows = draw(st.integers(1, 12))
    shape = (rows, *shape[1:])
    steps = draw(st.lists(st.integers(0, 1), min_size=rows - 1, max_size=rows - 1))
    ids = np.cumsum([int(rarely(draw)), *steps]).astype(np.int32)
    id_spec, fed = operand(draw, ids, TensorType.INT32)
    known = draw(st.integers(0, 3)) == 0
    constant = addends(draw, type, shape)
    model = single_op_model(
        "SEGMENT_SUM",
        [TensorSpec(shape, type, data=constant if known else None), id_spec],
        [TensorSpec((int(ids[-1]) + 1, *shape[1:]), type)],
    )
    values = [[] if known else [addends(draw, type, shape)] for _ in range(draw(st.integers(1, 2)))]
    return Problem(model, [[*v, *fed] for v in values])


@generator(
    "UNSORTED_SEGMENT_MAX",
    "UNSORTED_SEGMENT_MIN",
    "UNSORTED_SEGMENT_PROD",
    "UNSORTED_SEGMENT_SUM",
    tflite=("FLOAT32", "INT32"),
)
def unsorted_segment(draw: st.DrawFn, operator: str, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=4, max_side=5))
    joined = draw(st.integers(0, len(shape)))
    count = draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    outside = rarely(draw)
    ids = np.asarray(rng.integers(-1, count + outside, shape[:joined])).astype(np.int32)
    id_spec, fed_ids = operand(draw, ids, TensorType.INT32)
    count_value = np.array(count, np.int32).reshape(draw(st.sampled_from([(), (1,)])))
    count_spec, fed_count = operand(draw, count_value, TensorType.INT32)
    model = single_op_model(
        operator, [TensorSpec(shape, type), id_spec, count_spec], [TensorSpec((count, *shape[joined:]), type)]
    )
    values = [addends(draw, type, shape) for _ in range(draw(st.integers(1, 2)))]
    return Problem(model, [[v, *fed_ids, *fed_count] for v in values])


_NARROW = {TensorType.INT4: 2, TensorType.INT2: 4}


@generator(
    "EMBEDDING_LOOKUP",
    tflite=(
        *(
            *_MOVED,
            "FLOAT16",
            "BOOL",
            "INT8 as FLOAT32",
            "UINT8 as FLOAT32",
            "INT4 as FLOAT32",
            "INT2 as FLOAT32",
        ),
        *("INT8 as FLOAT16", "INT4 as FLOAT16", "INT4 in blocks as FLOAT32", "INT2 in blocks as FLOAT16"),
    ),
    tflm=("FLOAT32", "INT8", "INT8 as FLOAT32"),
)
def embedding_lookup(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    in_blocks = "in blocks" in kind
    type, *output_type = (TensorType[name] for name in kind.replace(" in blocks", "").split(" as "))
    shape = draw(
        hnp.array_shapes(min_dims=2, max_dims=2 if in_blocks and not rarely(draw) else 4, max_side=5)
    )
    # EMBEDDING_LOOKUP: rows that do not begin with a byte (docs/native-bugs.md)
    shape = (*shape[:-1], shape[-1] * _NARROW.get(type, 1))
    count = draw(st.integers(1, 6))
    quantization: dict[str, Any] = {}
    if output_type:
        per_row = draw(st.booleans()) and shape[0] > 1
        scale = draw(st.lists(scales(-140, 100), min_size=shape[0], max_size=shape[0]))
        zero_point = int(rarely(draw))
        quantization = {
            "scale": scale if per_row else scale[0],
            "zero_point": [zero_point] * shape[0] if per_row else zero_point,
        }
        quantization = quantization if draw(st.integers(0, 9)) else {}
    values = draw(numbers(type, shape)) if output_type else arbitrary_bits(draw, shape, type)
    known = type in _NARROW or draw(st.booleans())
    table = TensorSpec(shape, type, **quantization, data=values if known else None)
    output = TensorSpec((count, *shape[1:]), output_type[0] if output_type else type)
    model = single_op_model("EMBEDDING_LOOKUP", [TensorSpec((count,), TensorType.INT32), table], [output])
    if in_blocks:
        model = _with_blocks(draw, model, shape, _NARROW[type])
    feeds = [indices(draw, (count,), shape[0]) for _ in range(draw(st.integers(1, 2)))]
    return Problem(model, [[fed] if known else [fed, values] for fed in feeds])


def _with_blocks(draw: st.DrawFn, model: bytes, shape: tuple[int, ...], least: int) -> bytes:
    """The model of an embedding with a table quantized in blocks; their scales are a tensor of their own."""
    # EMBEDDING_LOOKUP: blocks that do not begin with a byte (docs/native-bugs.md)
    size = least * draw(st.integers(1, 2 if rarely(draw) else 1)) if draw(st.booleans()) else shape[-1]
    read = read_model(model)
    graph = read.subgraphs[0]
    scale = np.abs(draw(numbers(TensorType.FLOAT16, (int(np.prod(shape)) // least,))))
    details = ("BlockwiseQuantization", {"scales": len(graph.tensors), "zero_points": 0, "block_size": size})
    table = replace(graph.tensors[1], quantization=Quantization(details=details))
    scales_tensor = Tensor("scales", TensorType.FLOAT16, scale.shape, len(read.buffers))
    graph = replace(graph, tensors=(graph.tensors[0], table, *graph.tensors[2:], scales_tensor))
    buffers = (*read.buffers, np.frombuffer(scale.tobytes(), np.uint8))
    return write_model(replace(read, subgraphs=(graph,), buffers=buffers))


@generator("EMBEDDING_LOOKUP_SPARSE", tflite=("SUM", "MEAN", "SQRTN"))
def embedding_lookup_sparse(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    table_shape = draw(hnp.array_shapes(min_dims=2, max_dims=4, max_side=5))
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=4))
    count = draw(st.integers(0, 12))
    combiner = CombinerType[kind]

    def feed() -> list[Array]:
        rng = np.random.default_rng(draw(st.integers(0, 2**32)))
        # EMBEDDING_LOOKUP_SPARSE: averages of buckets that are not there (docs/native-bugs.md)
        outside = kind == "SUM" and draw(st.integers(0, 4)) == 0
        picked = [rng.integers(-outside, d + outside, count) for d in shape]
        places = np.stack(picked, axis=-1).astype(np.int32)
        if draw(st.integers(0, 3)):
            places = places[np.lexsort(places.T[::-1])]
        ids = indices(draw, (count,), table_shape[0])
        weights = addends(draw, TensorType.FLOAT32, (count,))
        return [
            ids,
            places,
            np.array(shape, np.int32),
            weights,
            addends(draw, TensorType.FLOAT32, table_shape),
        ]

    model = single_op_model(
        "EMBEDDING_LOOKUP_SPARSE",
        [
            TensorSpec((count,), TensorType.INT32),
            TensorSpec((count, len(shape)), TensorType.INT32),
            TensorSpec((len(shape),), TensorType.INT32),
            TensorSpec((count,), TensorType.FLOAT32),
            TensorSpec(table_shape, TensorType.FLOAT32),
        ],
        [TensorSpec((*shape[:-1], *table_shape[1:]), TensorType.FLOAT32)],
        {"combiner": combiner},
    )
    return Problem(model, [feed() for _ in range(draw(st.integers(1, 2)))])


@generator("HASHTABLE_LOOKUP", tflite=(*_MOVED, "FLOAT16", "BOOL", "STRING"))
def hashtable_lookup(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=1 if kind == "STRING" else 3, max_side=8))
    count = draw(st.integers(1, 6))
    far = draw(st.sampled_from([2, 10, 2**31 - 1]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))

    def feed() -> list[Array]:
        keys = rng.integers(-far, far, shape[0], endpoint=True).astype(np.int32)
        if draw(st.integers(0, 4)):
            keys.sort()
        wanted = np.where(rng.random(count) < 0.5, rng.choice(keys, count), rng.integers(-far, far, count))
        return [wanted.astype(np.int32), keys, arbitrary_bits(draw, shape, type)]

    model = single_op_model(
        "HASHTABLE_LOOKUP",
        [
            TensorSpec((count,), TensorType.INT32),
            TensorSpec(shape[:1], TensorType.INT32),
            TensorSpec(shape, type),
        ],
        [TensorSpec((count, *shape[1:]), type), TensorSpec((count,), TensorType.UINT8)],
    )
    return Problem(model, [feed() for _ in range(draw(st.integers(1, 2)))])


@generator("NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5", tflite=("FLOAT32",))
def non_max_suppression(draw: st.DrawFn, operator: str, kind: str, runtime: RuntimeName) -> Problem:
    count = draw(st.integers(1, 20))
    known = draw(st.integers(0, 3)) > 0
    most = np.array(draw(st.integers(1, 24)), np.int32)
    is_soft = operator.endswith("V5")
    thresholds = [
        draw(st.sampled_from([0.0, 0.2, 0.5, 1.0, 1.1])),
        draw(st.sampled_from([-np.inf, -1.0, 0.0, 0.3])),
        *([draw(st.sampled_from([0.0, 0.1, 0.5, 3.0, -1.0 if rarely(draw) else 0.3]))] if is_soft else []),
    ]

    def feed() -> list[Array]:
        rng = np.random.default_rng(draw(st.integers(0, 2**32)))
        boxes = (rng.random((count, 4)) * draw(st.sampled_from([1.0, 100.0]))).astype(np.float32)
        if draw(st.booleans()):  # some have no area, some lie upon each other
            boxes = np.round(boxes * 3) / np.float32(3)
        scores = rng.random(count).astype(np.float32)
        if draw(st.booleans()):  # equal ones
            scores = np.round(scores * 4) / np.float32(4)
        if rarely(draw):
            boxes, scores = (
                draw(numbers(TensorType.FLOAT32, (count, 4))),
                draw(numbers(TensorType.FLOAT32, (count,))),
            )
        return [boxes, scores, *([] if known else [most])]

    constants = [TensorSpec((), TensorType.FLOAT32, data=np.float32(t)) for t in thresholds]
    found = [TensorSpec((int(most),), TensorType.INT32)]
    found += [TensorSpec((int(most),), TensorType.FLOAT32)] if is_soft else []
    model = single_op_model(
        operator,
        [
            TensorSpec((count, 4), TensorType.FLOAT32),
            TensorSpec((count,), TensorType.FLOAT32),
            TensorSpec((), TensorType.INT32, data=most if known else None),
            *constants,
        ],
        [*found, TensorSpec((), TensorType.INT32)],
    )
    return Problem(model, [feed() for _ in range(draw(st.integers(1, 2)))])
