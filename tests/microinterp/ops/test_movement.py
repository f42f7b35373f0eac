"""The operators that move elements, against the native runtimes: what random problems do not meet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from microinterp import Interpreter
from microinterp.errors import InvokeError, MicrointerpError, PrepareError
from microinterp.model.ir import NUMPY_TYPES
from microinterp.model.ir import TensorType as T
from tests.oracles import RUNTIME_NAMES, RuntimeName
from tests.single_op import TensorSpec, check_against_oracle, run_ours, single_op_model
from tests.values import bits_of

FLOAT32, INT8, INT32, INT64 = T.FLOAT32, T.INT8, T.INT32, T.INT64
X = TensorSpec((2, 3), FLOAT32)


def known(*values: Any, type: T = INT32) -> TensorSpec:
    array = np.array(values, NUMPY_TYPES[type])
    return TensorSpec(array.shape, type, data=array)


def feed(inputs: list[TensorSpec]) -> list[NDArray[Any]]:
    return [bits_of(i, spec.shape, spec.type) for i, spec in enumerate(inputs) if spec.data is None]


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize(
    ("operator", "inputs", "output", "options"),
    [
        pytest.param("PAD", [X, known((1, 0))], (3, 3), {}, id="paddings of one dimension"),
        pytest.param("PAD", [X, known((1, 0), (0, 0), type=T.UINT8)], (3, 3), {}, id="type of paddings"),
        pytest.param("PAD", [TensorSpec((1,) * 6, FLOAT32), known(*[(0, 0)] * 6)], (1,) * 6, {}, id="rank"),
        pytest.param("PADV2", [X, known((1, 0), (0, 0)), TensorSpec((2,), FLOAT32)], (3, 3), {}, id="values"),
        pytest.param(
            "PADV2", [X, known((1, 0), (0, 0)), TensorSpec((), INT8)], (3, 3), {}, id="value's type"
        ),
        pytest.param("MIRROR_PAD", [X, known((1, 0))], (3, 3), {}, id="mirrors of one dimension"),
        pytest.param("TRANSPOSE", [X, known(0)], (2, 3), {}, id="axes"),
        pytest.param("TRANSPOSE", [X, known(2, 0)], (2, 3), {}, id="axis"),
        pytest.param("EXPAND_DIMS", [X, known(3)], (2, 3, 1), {}, id="new axis"),
        pytest.param("EXPAND_DIMS", [X, known(0, type=T.INT16)], (1, 2, 3), {}, id="type of an axis"),
        pytest.param("SQUEEZE", [X], (2,), {"squeeze_dims": (1,)}, id="not of size 1"),
        pytest.param("FILL", [known(2, 2), TensorSpec((1,), FLOAT32)], (2, 2), {}, id="value of rank 1"),
        pytest.param("FILL", [known((2, 2)), TensorSpec((), FLOAT32)], (2, 2), {}, id="matrix of dimensions"),
        pytest.param("BROADCAST_TO", [X, known(2, 4)], (2, 4), {}, id="not 1"),
        pytest.param("BROADCAST_TO", [X, known(3)], (3,), {}, id="fewer dimensions"),
        pytest.param(
            "BROADCAST_ARGS", [known((1, 2)), TensorSpec((1,), INT32)], (2,), {}, id="matrix of shapes"
        ),
        pytest.param(
            "BROADCAST_ARGS", [TensorSpec((1,), INT64), TensorSpec((1,), INT32)], (1,), {}, id="shapes"
        ),
        pytest.param("REVERSE_V2", [X, known(0, 1, 1)], (2, 3), {}, id="more axes than dimensions"),
        pytest.param("REVERSE_V2", [TensorSpec((2, 2, 2), FLOAT32), known(0, 2)], (2, 2, 2), {}, id="apart"),
        pytest.param("SPACE_TO_DEPTH", [X], (2, 3), {"block_size": 1}, id="rank of an image"),
        pytest.param(
            "DYNAMIC_UPDATE_SLICE",
            [X, TensorSpec((3, 3), FLOAT32), known(0, 0)],
            (2, 3),
            {},
            id="large update",
        ),
        pytest.param("DYNAMIC_UPDATE_SLICE", [X, X, known(0)], (2, 3), {}, id="start"),
        pytest.param("SLICE", [X, known(0, 0)], (2, 3), {}, id="no size"),
    ],
)
def test_refusals(
    runtime: RuntimeName,
    operator: str,
    inputs: list[TensorSpec],
    output: tuple[int, ...],
    options: dict[str, Any],
) -> None:
    type = INT32 if operator == "BROADCAST_ARGS" else FLOAT32
    version = 2 if operator == "BROADCAST_TO" else 1
    model = single_op_model(operator, list(inputs), [TensorSpec(output, type)], options, version)
    assert not check_against_oracle(model, [feed(inputs)], runtime)


@pytest.mark.parametrize("operator", ["PAD", "FILL", "TRANSPOSE", "EXPAND_DIMS", "BROADCAST_TO"])
def test_tflm_needs_constant_operands(operator: str) -> None:
    where = TensorSpec((2, 2) if operator == "PAD" else (1,) if operator == "EXPAND_DIMS" else (2,), INT32)
    inputs = [where, TensorSpec((), FLOAT32)] if operator == "FILL" else [X, where]
    version = 2 if operator == "BROADCAST_TO" else 1
    model = single_op_model(operator, list(inputs), [TensorSpec((2, 3), FLOAT32)], {}, version)
    assert not check_against_oracle(model, [feed(inputs)], "tflm")


def test_sizes_from_the_graph_change_from_invoke_to_invoke() -> None:
    inputs = [X, TensorSpec((2,), INT32), TensorSpec((2,), INT32)]
    model = single_op_model("SLICE", list(inputs), [TensorSpec((), FLOAT32)])
    x = bits_of(0, (2, 3), FLOAT32)
    pairs = [((0, 1), (2, 2)), ((1, 0), (1, -1)), ((0, 0), (-1, -1))]
    invokes = [[x, *(np.array(v, np.int32) for v in pair)] for pair in pairs]
    assert check_against_oracle(model, invokes, "tflite")


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("type", [FLOAT32, T.STRING])
def test_litert_compares_a_slice_with_the_stored_shape(type: T, constant: bool) -> None:
    specs = [known(0, 1), known(2, 2)] if constant else [TensorSpec((2,), INT32)] * 2
    x, fed = (
        TensorSpec((2, 3), type),
        [] if constant else [np.array([0, 1], np.int32), np.array([2, 2], np.int32)],
    )
    for stored in ((2, 2), (4,)):
        model = single_op_model("SLICE", [x, *specs], [TensorSpec(stored, type)])
        accepted = stored == (2, 2) or (type is T.STRING and not constant)
        assert check_against_oracle(model, [[*feed([x]), *fed]], "tflite") is accepted


def test_a_range_adds_step_by_step() -> None:
    model = single_op_model("RANGE", [TensorSpec((), FLOAT32) for _ in range(3)], [TensorSpec((1,), FLOAT32)])
    values = [np.array(v, np.float32) for v in (0.1, 700.0, 0.1)]
    assert check_against_oracle(model, [values], "tflite")
    for start, limit, delta in [(0, 1, 0), (0, 1, -1), (1, 0, 1), (0, np.nan, 1)]:
        assert not check_against_oracle(
            model, [[np.array(v, np.float32) for v in (start, limit, delta)]], "tflite"
        )
    with pytest.raises(InvokeError, match="too many"):
        run_ours(model, [[np.array(v, np.float32) for v in (0, np.inf, 1)]], "tflite")


@pytest.mark.parametrize("zero_point", [-128, 0, 5])
@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_a_pad_value_is_quantized_like_the_output(runtime: RuntimeName, zero_point: int) -> None:
    model = single_op_model(
        "PADV2",
        [
            TensorSpec((2,), INT8, 0.5, 5),
            known((1, 1)),
            TensorSpec((), INT8, 0.5, zero_point, data=7),
        ],
        [TensorSpec((4,), INT8, 0.5, 5)],
    )
    assert check_against_oracle(model, [[bits_of(0, (2,), INT8)]], runtime) is (zero_point == 5)


@pytest.mark.parametrize(
    "operator", ["EXPAND_DIMS", "FILL", "MIRROR_PAD", "SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND"]
)
def test_litert_wants_equal_quantization(operator: str) -> None:
    x = TensorSpec((1, 2, 1), INT8, 0.5, 5)
    inputs, output = {
        "EXPAND_DIMS": ([x, known(0)], (1, 1, 2, 1)),
        "FILL": ([known(2), TensorSpec((), INT8, 0.5, 5)], (2,)),
        "MIRROR_PAD": ([x, known((0, 0), (0, 0), (0, 0))], (1, 2, 1)),
        "SPACE_TO_BATCH_ND": ([x, known(1), known((0, 0))], (1, 2, 1)),
        "BATCH_TO_SPACE_ND": ([x, known(1), known((0, 0))], (1, 2, 1)),
    }[operator]
    for zero_point in (5, 6):
        model = single_op_model(operator, list(inputs), [TensorSpec(output, INT8, 0.5, zero_point)])
        assert check_against_oracle(model, [feed(inputs)], "tflite") is (zero_point == 5)
        if operator in {"FILL", "MIRROR_PAD", "BATCH_TO_SPACE_ND"}:
            assert check_against_oracle(model, [feed(inputs)], "tflm")


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize(
    ("operator", "inputs", "output"),
    [
        pytest.param("TRANSPOSE", [X, known(0, 0)], (2, 2), id="axis named twice"),
        pytest.param("TRANSPOSE", [X, known(1, 0, type=INT64)], (3, 2), id="int64"),
        pytest.param("PAD", [X, known((-1, 0), (0, 0))], (1, 3), id="negative paddings"),
        pytest.param("MIRROR_PAD", [X, known((3, 0), (0, 0))], (5, 3), id="more than there is"),
        pytest.param("BROADCAST_TO", [TensorSpec((1,), T.INT4), known(4)], (4,), id="int4"),
    ],
)
def test_native_bugs_are_refused(
    runtime: RuntimeName, operator: str, inputs: list[TensorSpec], output: tuple[int, ...]
) -> None:
    version = 2 if operator == "BROADCAST_TO" else 1
    model = single_op_model(operator, list(inputs), [TensorSpec(output, inputs[0].type)], {}, version)
    with pytest.raises(PrepareError):
        run_ours(model, [feed(inputs)], runtime)


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_native_bugs_are_not_imitated(runtime: RuntimeName) -> None:
    x = np.arange(3, dtype=np.float32)
    model = single_op_model(
        "REVERSE_V2", [TensorSpec((3,), FLOAT32), TensorSpec((0,), INT32)], [TensorSpec((3,), FLOAT32)]
    )
    assert run_ours(model, [[x, np.zeros(0, np.int32)]], runtime)[0][0].tolist() == [0, 1, 2]
    shapes = [TensorSpec((1,), INT32)] * 2
    model = single_op_model("BROADCAST_ARGS", list(shapes), [TensorSpec((1,), INT32)])
    with pytest.raises(InvokeError, match="do not broadcast"):
        run_ours(model, [[np.array([2], np.int32), np.array([3], np.int32)]], runtime)


def test_sequences_that_are_too_long_are_refused() -> None:
    model = single_op_model("REVERSE_SEQUENCE", [X, known(3, 4)], [X], {"seq_dim": 1, "batch_dim": 0})
    with pytest.raises(InvokeError, match="said to have 4"):
        run_ours(model, [feed([X])], "tflite")


@pytest.mark.parametrize("operator", ["FILL", "TILE", "BROADCAST_TO", "RANGE"])
def test_outputs_of_absurd_sizes_are_refused(operator: str) -> None:
    sizes, huge = TensorSpec((2,), INT32), np.array([2**31 - 1, 2**31 - 1], np.int32)
    inputs = {
        "FILL": [sizes, TensorSpec((), FLOAT32)],
        "TILE": [TensorSpec((1, 1), FLOAT32), sizes],
        "BROADCAST_TO": [TensorSpec((1, 1), FLOAT32), sizes],
        "RANGE": [TensorSpec((), INT64) for _ in range(3)],
    }[operator]
    arrays = [huge if spec is sizes else np.ones(spec.shape, np.float32) for spec in inputs]
    type = FLOAT32
    if operator == "RANGE":
        arrays, type = [np.array(v) for v in (0, 2**60, 1)], INT64
    version = 2 if operator == "BROADCAST_TO" else 1
    model = single_op_model(operator, list(inputs), [TensorSpec((1,), type)], {}, version)
    with pytest.raises(MicrointerpError, match=r"too (large|many)"):
        run_ours(model, [arrays], "tflite")


def test_samples_are_stacked_where_the_first_axis_stays() -> None:
    """Batches of PAD, TRANSPOSE and TILE equal single invokes, whichever axes they work on."""
    cases: list[tuple[str, list[Any], tuple[int, ...]]] = [
        ("PAD", [(0, 0), (1, 2)], (2, 6)),
        ("PAD", [(1, 0), (0, 0)], (3, 3)),
        ("TRANSPOSE", [0, 1], (2, 3)),
        ("TRANSPOSE", [1, 0], (3, 2)),
        ("TILE", [1, 2], (2, 6)),
        ("TILE", [2, 1], (4, 3)),
    ]
    for operator, where, output in cases:
        model = single_op_model(operator, [X, known(*where)], [TensorSpec(output, FLOAT32)])
        samples = bits_of(3, (5, 2, 3), FLOAT32)
        batch = Interpreter(model_content=model).run_batch((samples,), batch_size=4, workers=1)
        singles = run_ours(model, [[sample] for sample in samples], "tflite")
        assert batch.tobytes() == np.stack([outputs[0] for outputs in singles]).tobytes()
