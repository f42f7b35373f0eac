"""Operators that find, pick and place elements: what random problems do not meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from microinterp.model.custom_options import encode_custom_options
from microinterp.model.ir import NUMPY_TYPES, TensorType
from microinterp.model.reader import read_model
from microinterp.model.writer import write_model
from tests.graphs import Graph, Step, graph_model
from tests.oracles import RuntimeName
from tests.sample_models import strings
from tests.single_op import Array, TensorSpec, check_against_oracle, run_ours, single_op_model

T = TensorType
F32, I8, I32, I64, BOOL = T.FLOAT32, T.INT8, T.INT32, T.INT64, T.BOOL
Spec = TensorSpec
NAN = float("nan")


def ints(*values: int) -> Array:
    return np.array(values, np.int32)


def floats(*values: float) -> Array:
    return np.array(values, np.float32)


def zeros(model_inputs: Sequence[TensorSpec | None]) -> list[Array]:
    """Zeros (empty strings) for every input that is not constant."""
    return [
        np.full(s.shape, b"", object) if s.type is T.STRING else np.zeros(s.shape, NUMPY_TYPES[s.type])
        for s in model_inputs
        if s is not None and s.data is None
    ]


def known(type: TensorType, values: Any) -> TensorSpec:
    """A constant."""
    array = np.asarray(values)
    return Spec(array.shape, type, data=array)


def f32(*shape: int) -> TensorSpec:
    return Spec(shape, F32)


def i8(*shape: int) -> TensorSpec:
    return Spec(shape, I8)


def i32(*shape: int) -> TensorSpec:
    return Spec(shape, I32)


def i64(*shape: int) -> TensorSpec:
    return Spec(shape, I64)


def bools(*shape: int) -> TensorSpec:
    return Spec(shape, BOOL)


# operator, inputs, outputs, options; where it is refused is up to the native runtime
REFUSALS: dict[str, tuple[str, list[TensorSpec | None], list[TensorSpec], dict[str, Any]]] = {
    "scatter: index types": ("SCATTER_ND", [i64(2, 1), f32(2), known(I64, [4])], [f32(4)], {}),
    "scatter: index types, unknown shape": ("SCATTER_ND", [i64(2, 1), f32(2), i64(1)], [f32(4)], {}),
    "scatter: other shape type": ("SCATTER_ND", [i32(2, 1), f32(2), known(I64, [4])], [f32(4)], {}),
    "scatter: updates": ("SCATTER_ND", [i32(2, 1), f32(2, 3), known(I32, [4, 2])], [f32(4, 2)], {}),
    "scatter: int16": (
        "SCATTER_ND",
        [i32(2, 1), Spec((2,), T.INT16), known(I32, [4])],
        [Spec((4,), T.INT16)],
        {},
    ),
    "scatter: negative": ("SCATTER_ND", [i32(2, 1), f32(2), known(I32, [-4])], [f32(4)], {}),
    "sparse: rank": ("SPARSE_TO_DENSE", [i32(1, 1, 1), known(I32, [4]), f32(), f32()], [f32(4)], {}),
    "sparse: values": ("SPARSE_TO_DENSE", [i32(2), known(I32, [4]), f32(1), f32()], [f32(4)], {}),
    "sparse: components": ("SPARSE_TO_DENSE", [i32(2, 2), known(I32, [4]), f32(2), f32()], [f32(4)], {}),
    "where: scalar": ("WHERE", [bools()], [i64(1, 0)], {}),
    "where: constant scalar": ("WHERE", [known(BOOL, True)], [i64(1, 0)], {}),
    "where: int16": ("WHERE", [Spec((2,), T.INT16)], [i64(1, 1)], {}),
    "unique: matrix": ("UNIQUE", [f32(2, 2)], [f32(1), i32(2)], {"idx_out_type": I32}),
    "unique: index type": ("UNIQUE", [f32(2)], [f32(1), i8(2)], {"idx_out_type": I8}),
    "unique: bool": ("UNIQUE", [bools(2)], [bools(1), i32(2)], {"idx_out_type": I32}),
    "topk: bool": ("TOPK_V2", [bools(2), known(I32, 1)], [bools(1), i32(1)], {}),
    "topk: k type": ("TOPK_V2", [f32(2), known(I64, 1)], [f32(1), i32(1)], {}),
    "topk: index type": ("TOPK_V2", [f32(2), known(I32, 1)], [f32(1), i64(1)], {}),
    "topk: long rows": ("TOPK_V2", [i8(2**15), known(I32, 1)], [i8(1), Spec((1,), T.INT16)], {}),
    "topk: two k": ("TOPK_V2", [f32(2), known(I32, [1, 1])], [f32(1), i32(1)], {}),
    "topk: scalar": ("TOPK_V2", [f32(), known(I32, 1)], [f32(1), i32(1)], {}),
    "bucketize: order": ("BUCKETIZE", [f32(2)], [i32(2)], {"boundaries": [1.0, 0.0]}),
    "bucketize: int8": ("BUCKETIZE", [i8(2)], [i32(2)], {"boundaries": [1.0]}),
    "one_hot: axis": ("ONE_HOT", [i32(2), known(I32, 2), f32(), f32()], [f32(2, 2)], {"axis": 2}),
    "one_hot: negative axis": ("ONE_HOT", [i32(2), known(I32, 2), f32(), f32()], [f32(2, 2)], {"axis": -2}),
    "one_hot: depth": ("ONE_HOT", [i32(2), known(I32, -1), f32(), f32()], [f32(2, 2)], {}),
    "one_hot: int16": (
        "ONE_HOT",
        [i32(2), known(I32, 2), Spec((), T.INT16), Spec((), T.INT16)],
        [Spec((2, 2), T.INT16)],
        {"axis": -1},
    ),
    "matrix_diag: scalar": ("MATRIX_DIAG", [f32()], [f32(1)], {}),
    "matrix_set_diag: vector": ("MATRIX_SET_DIAG", [f32(2), f32(1)], [f32(2)], {}),
    "embedding: lookup": ("EMBEDDING_LOOKUP", [i64(2), f32(2, 2)], [f32(2, 2)], {}),
    "embedding: vector": ("EMBEDDING_LOOKUP", [i32(2), f32(2)], [f32(2)], {}),
    "embedding: zero point": (
        "EMBEDDING_LOOKUP",
        [i32(1), Spec((2, 2), I8, scale=1.0, zero_point=1)],
        [f32(1, 2)],
        {},
    ),
    "embedding: scales per column": (
        "EMBEDDING_LOOKUP",
        [i32(1), Spec((2, 2), I8, scale=[1.0, 2.0], zero_point=[0, 0], quantized_dimension=1)],
        [f32(1, 2)],
        {},
    ),
    "embedding: scales of what stays": (
        "EMBEDDING_LOOKUP",
        [i32(1), Spec((2, 2), I8, scale=[1.0, 2.0], zero_point=[0, 0])],
        [i8(1, 2)],
        {},
    ),
    "hashtable_lookup: keys": (
        "HASHTABLE_LOOKUP",
        [i32(2), i32(3), f32(2, 2)],
        [f32(2, 2), Spec((2,), T.UINT8)],
        {},
    ),
    "hashtable_lookup: hits": ("HASHTABLE_LOOKUP", [i32(2), i32(2), f32(2, 2)], [f32(2, 2), i8(2)], {}),
    "hashtable_lookup: nothing": (
        "HASHTABLE_LOOKUP",
        [i32(2), i32(0), f32(0, 2)],
        [f32(2, 2), Spec((2,), T.UINT8)],
        {},
    ),
    "segment_sum: count": ("SEGMENT_SUM", [f32(3), known(I32, [0, 1])], [f32(2)], {}),
    "segment_sum: int64": ("SEGMENT_SUM", [i64(2), known(I32, [0, 1])], [i64(2)], {}),
    "unsorted: shapes": (
        "UNSORTED_SEGMENT_SUM",
        [f32(2, 3), known(I32, [0, 1, 1]), known(I32, 2)],
        [f32(2, 3)],
        {},
    ),
    "unsorted: negative": (
        "UNSORTED_SEGMENT_SUM",
        [f32(2), known(I32, [-1, -1]), known(I32, -1)],
        [f32(2)],
        {},
    ),
    "lsh: kind": ("LSH_PROJECTION", [f32(1, 2), i32(2)], [i32(2)], {"type": 0}),
    "lsh: bits": ("LSH_PROJECTION", [f32(1, 33), i32(2)], [i32(33)], {"type": 2}),
    "lsh: weights": ("LSH_PROJECTION", [f32(1, 2), i32(2), f32(3)], [i32(2)], {"type": 2}),
    "skip_gram: numbers": ("SKIP_GRAM", [i32(2)], [i32(2)], {}),
    "nms: columns": (
        "NON_MAX_SUPPRESSION_V4",
        [f32(2, 3), f32(2), known(I32, 2), f32(), f32()],
        [i32(2), i32()],
        {},
    ),
    "nms: outputs": (
        "NON_MAX_SUPPRESSION_V5",
        [f32(2, 4), f32(2), known(I32, 2), *[f32()] * 3],
        [i32(2), i32()],
        {},
    ),
    "nms: negative": (
        "NON_MAX_SUPPRESSION_V4",
        [f32(2, 4), f32(2), known(I32, -2), f32(), f32()],
        [i32(2), i32()],
        {},
    ),
    "densify: dense": ("DENSIFY", [known(F32, [1, 2])], [f32(2)], {}),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refuses_what_litert_refuses(name: str) -> None:
    operator, inputs, outputs, options = REFUSALS[name]
    model = single_op_model(operator, inputs, outputs, options)
    assert not check_against_oracle(model, [zeros(inputs)], "tflite")


ACCEPTED: dict[str, tuple[str, list[TensorSpec | None], list[TensorSpec], dict[str, Any], list[Array]]] = {
    "no k": ("TOPK_V2", [f32(2, 3), known(I32, 0)], [f32(2, 0), i32(2, 0)], {}, []),
    "negative k": ("TOPK_V2", [f32(2, 3), known(I32, -2)], [f32(2, 0), i32(2, 0)], {}, []),
    "many equal": (
        "TOPK_V2",
        [i8(5, 3000), known(I32, 2000)],
        [i8(5, 2000), i32(5, 2000)],
        {},
        [np.random.default_rng(0).integers(-3, 3, (5, 3000)).astype(np.int8)],
    ),
    "int64 depth": ("ONE_HOT", [i32(2), known(I64, 2**32 + 2), f32(), f32()], [f32(2, 2)], {"axis": -1}, []),
    "no segments": (
        "UNSORTED_SEGMENT_MAX",
        [f32(2, 3), known(I32, [-1, -1]), known(I32, 0)],
        [f32(0, 3)],
        {},
        [],
    ),
    "NaNs and infinities": (
        "UNSORTED_SEGMENT_MAX",
        [f32(6), known(I32, [0, 0, 1, 1, 2, 2]), known(I32, 3)],
        [f32(3)],
        {},
        [floats(-np.inf, NAN, -0.0, 0.0, NAN, -1)],
    ),
    "no lookups": (
        "EMBEDDING_LOOKUP_SPARSE",
        [i32(0), i32(0, 2), known(I32, [3, 1]), f32(0), f32(2, 2)],
        [f32(3, 2)],
        {"combiner": 1},
        [],
    ),
    "no words": ("SKIP_GRAM", [Spec((1,), T.STRING)], [Spec((1,), T.STRING)], {"ngram_size": 0}, []),
    "boxes without area": (
        "NON_MAX_SUPPRESSION_V4",
        [f32(2, 4), f32(2), known(I32, 5), known(F32, 0.5), known(F32, 0.0)],
        [i32(5), i32()],
        {},
        [np.zeros((2, 4), np.float32), floats(1, 1)],
    ),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_equals_litert(name: str) -> None:
    operator, inputs, outputs, options, arrays = ACCEPTED[name]
    model = single_op_model(operator, inputs, outputs, options)
    assert check_against_oracle(model, [arrays or zeros(inputs)], "tflite")


def test_many_boxes() -> None:
    rng = np.random.default_rng(0)
    boxes, scores = rng.random((400, 4)).astype(np.float32), np.round(rng.random(400), 2).astype(np.float32)
    scalars = [Spec((), F32, data=v) for v in (0.4, 0.2, 0.3)]
    model = single_op_model(
        "NON_MAX_SUPPRESSION_V5",
        [Spec((400, 4), F32), Spec((400,), F32), Spec((), I32, data=100), *scalars],
        [Spec((100,), I32), Spec((100,), F32), Spec((), I32)],
    )
    assert check_against_oracle(model, [[boxes, scores]], "tflite")


def test_fills_a_table_once() -> None:
    """As TensorFlow's converter has it: a subgraph that CALL_ONCE runs imports constants."""
    make = Step("HASHTABLE", (), ("table",), {"table_id": 4, "key_dtype": T.STRING, "value_dtype": I64})
    handle, keys = Spec((1,), T.RESOURCE), strings(b"a", b"b", b"a")
    main = Graph(
        {"table": handle, "wanted": Spec((3,), T.STRING), "nothing": known(I64, [-1]), "found": i64(3)},
        ("wanted",),
        ("found",),
        [
            Step("CALL_ONCE", (), (), {"init_subgraph_index": 1}),
            make,
            Step("HASHTABLE_FIND", ("table", "wanted", "nothing"), ("found",)),
        ],
    )
    fill = Graph(
        {"table": handle, "keys": known(T.UINT8, keys), "values": known(I64, [7, 8, 9])},
        (),
        (),
        [make, Step("HASHTABLE_IMPORT", ("table", "keys", "values"))],
    )
    model = read_model(graph_model(main, fill))
    tensors = [
        replace(t, type=T.STRING, shape=(3,)) if t.name == "keys" else t for t in model.subgraphs[1].tensors
    ]
    subgraphs = (model.subgraphs[0], replace(model.subgraphs[1], tensors=tuple(tensors)))
    arrays = [np.array([b"a", b"b", b""], object)]
    content = write_model(replace(model, subgraphs=subgraphs))
    assert check_against_oracle(content, [arrays, arrays], "tflite")
    assert run_ours(content, [arrays], "tflite")[0][0].tolist() == [7, 8, -1]


@pytest.mark.parametrize(
    ("stored", "is_accepted"), [((4, 2), True), ((2, 2, 1), True), ((1, 2), False), ((2,), False)]
)
def test_an_embedding_in_tflm_fits_into_the_shape_of_the_model(
    stored: tuple[int, ...], is_accepted: bool
) -> None:
    table = known(F32, floats(1, 2, 3, 4, 5, 6).reshape(3, 2))
    model = single_op_model("EMBEDDING_LOOKUP", [i32(2), table], [f32(*stored)])
    assert check_against_oracle(model, [[ints(2, 0)]], "tflm") == is_accepted


# What docs/native-bugs.md says of these operators.


def run(
    operator: str,
    inputs: list[TensorSpec | None],
    outputs: list[TensorSpec],
    arrays: list[Array],
    **options: Any,
) -> list[Any]:
    model = single_op_model(operator, inputs, outputs, options)
    return [output.tolist() for output in run_ours(model, [arrays], "tflite")[0]]


def test_narrow_rows_begin_where_they_are() -> None:
    table = Spec((2, 3), T.INT4, scale=1.0, zero_point=0, data=[[1, 2, 3], [4, 5, 6]])
    assert run("EMBEDDING_LOOKUP", [Spec((1,), I32), table], [Spec((1, 3), F32)], [ints(1)]) == [[[4, 5, 6]]]


def test_each_nan_is_unique() -> None:
    values, indices = run(
        "UNIQUE",
        [Spec((5,), F32)],
        [Spec((1,), F32), Spec((5,), I32)],
        [floats(3, NAN, 1, NAN, 3)],
        idx_out_type=I32,
    )
    np.testing.assert_array_equal(values, [3, NAN, 1, NAN])
    assert indices == [0, 1, 2, 3, 0]


def test_buckets_that_are_not_there_are_left_out() -> None:
    specs: list[TensorSpec | None] = [
        Spec((2,), I32),
        Spec((2, 2), I32),
        Spec((2,), I32),
        Spec((2,), F32),
        Spec((2, 1), F32),
    ]
    arrays = [
        ints(0, 1),
        np.array([[0, 0], [1000, 0]], np.int32),
        ints(2, 1),
        floats(2, 2),
        floats(3, 4)[:, None],
    ]
    assert run("EMBEDDING_LOOKUP_SPARSE", specs, [Spec((2, 1), F32)], arrays, combiner=1) == [[[3], [0]]]


def test_equal_sparse_hashes_of_32_bits() -> None:
    seeds = np.tile(np.arange(32, dtype=np.float32), (2, 1))
    ((first, second),) = run(
        "LSH_PROJECTION", [Spec((2, 32), F32), Spec((1,), I32)], [Spec((2,), I32)], [seeds, ints(5)], type=1
    )
    assert first == second


def test_large_zero_points() -> None:
    spec = Spec((2,), F32)
    (values,) = run("FAKE_QUANT", [spec], [spec], [floats(5, -7)], min=-(2.0**19), max=2.0**19, num_bits=20)
    np.testing.assert_allclose(values, [5, -7], atol=0.5)


def test_verifies_constants_each_time() -> None:
    model = single_op_model(
        "NumericVerify",
        [Spec((1,), I8, scale=1.0, zero_point=0, data=[3]), Spec((1,), F32)],
        [Spec((1,), F32)],
        custom_options=encode_custom_options({"tolerance": 0.0}),
    )
    assert [outputs[0].tolist() for outputs in run_ours(model, [[floats(1)], [floats(2)]], "tflite")] == [
        [2],
        [1],
    ]


def test_gathers_by_scalars() -> None:
    options = {"collapsed_slice_dims": [0], "start_index_map": [0], "index_vector_dim": 1, "slice_sizes": [1]}
    tensors = {"x": Spec((3,), I32), "i": Spec((2,), I32), "y": Spec((2,), I32)}
    model = graph_model(
        Graph(tensors, ("x", "i"), ("y",), [Step("STABLEHLO_GATHER", ("x", "i"), ("y",), options)])
    )
    assert run_ours(model, [[ints(10, 11, 12), ints(2, 1)]], "tflite")[0][0].tolist() == [12, 11]


def test_scalar_strings() -> None:
    tensors = {
        "table": Spec((1,), T.RESOURCE),
        "key": Spec((), I64),
        "value": Spec((), T.STRING),
        "found": Spec((), T.STRING),
    }
    steps = [
        Step("HASHTABLE", (), ("table",), {"table_id": 1, "key_dtype": I64, "value_dtype": T.STRING}),
        Step("HASHTABLE_IMPORT", ("table", "key", "value")),
        Step("HASHTABLE_FIND", ("table", "key", "value"), ("found",)),
    ]
    model = graph_model(Graph(tensors, ("key", "value"), ("found",), steps))
    arrays = [np.array(1, np.int64), np.array(b"a", object)]
    # a table is filled once
    results = run_ours(model, [arrays, [arrays[0], np.array(b"b", object)]], "tflite")
    assert [outputs[0].item() for outputs in results] == [b"a", b"a"]


def detect(
    boxes: int, most: int, classes: int, per_box: int, runtime: RuntimeName, **options: Any
) -> list[Array]:
    """Boxes in a row, 10 apart, box by box less certain, class by class more."""
    encoded, anchors = np.zeros((1, boxes, 4), np.float32), np.ones((boxes, 4), np.float32)
    anchors[:, 0] = 10 * np.arange(boxes)
    scores = 0.9 - 0.1 * np.arange(boxes)[:, np.newaxis] + 0.01 * np.arange(classes)
    options = {
        "max_detections": most,
        "max_classes_per_detection": per_box,
        "nms_iou_threshold": 0.5,
        "num_classes": classes,
        **dict.fromkeys(("y_scale", "x_scale", "h_scale", "w_scale"), 1.0),
        **options,
    }
    rows = most * per_box
    model = single_op_model(
        "TFLite_Detection_PostProcess",
        [Spec((1, boxes, 4), F32), Spec((1, boxes, classes), F32), Spec(anchors.shape, F32)],
        [Spec(shape, F32) for shape in ((1, rows, 4), (1, rows), (1, rows), (1,))],
        custom_options=encode_custom_options(options),
    )
    arrays = [encoded, scores[np.newaxis].astype(np.float32), anchors]
    if options.get("use_regular_nms"):
        assert check_against_oracle(model, [arrays], runtime)
    return run_ours(model, [arrays], runtime)[0]


@pytest.mark.parametrize("runtime", ["tflite", "tflm"])
@pytest.mark.parametrize("is_regular", [True, False])
def test_detections_that_are_not_there_are_zero(runtime: RuntimeName, is_regular: bool) -> None:
    boxes, classes, scores, count = detect(2, 4, 1, 1, runtime, use_regular_nms=is_regular)
    assert count == 2
    assert boxes[0, :, 0].tolist() == [-0.5, 9.5, 0, 0]
    assert not classes.any()
    np.testing.assert_allclose(scores[0], [0.9, 0.8, 0, 0])


@pytest.mark.parametrize("runtime", ["tflite", "tflm"])
def test_several_classes_per_detection(runtime: RuntimeName) -> None:
    boxes, classes, _, count = detect(3, 2, 3, 2, runtime)
    assert count == 2
    assert boxes[0, :, 0].tolist() == [-0.5, -0.5, 9.5, 9.5]
    assert classes[0].tolist() == [2, 1, 2, 1]
