"""SPLIT, SPLIT_V and UNPACK against the native runtimes: what random problems do not meet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from microinterp.model.ir import TensorType
from tests.single_op import TensorSpec, check_against_oracle, single_op_model
from tests.values import bits_of, operand

FLOAT32, INT8, INT32, INT64 = TensorType.FLOAT32, TensorType.INT8, TensorType.INT32, TensorType.INT64


@pytest.mark.parametrize("constant", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize(
    ("sizes", "axis", "options"),
    [
        pytest.param([2, 3], 2, {}, id="no such axis"),
        pytest.param([2, 3], -3, {}, id="no such negative axis"),
        pytest.param([2, 2], 0, {}, id="too little"),
        pytest.param([3, 3], 0, {}, id="too much"),
        pytest.param([6, -1], 0, {}, id="too much for a rest"),
        pytest.param([-1, -1], 0, {}, id="two rests"),
        pytest.param([7, -2], 0, {}, id="negative"),
        pytest.param([2, 3], 0, {"num_splits": 3}, id="outputs"),
    ],
)
def test_split_v_refuses(sizes: list[int], axis: int, options: dict[str, Any], constant: bool) -> None:
    size_splits, fed_sizes = operand(sizes, INT32, constant=constant)
    where, fed_axis = operand(axis, INT32, constant=constant)
    model = single_op_model(
        "SPLIT_V",
        [TensorSpec((5, 2), FLOAT32), size_splits, where],
        [TensorSpec((2, 2), FLOAT32), TensorSpec((3, 2), FLOAT32)],
        {"num_splits": 2, **options},
    )
    arrays = [bits_of(0, (5, 2), FLOAT32), *fed_sizes, *fed_axis]
    assert not check_against_oracle(model, [arrays], "tflite")


@pytest.mark.parametrize("constant", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize(
    ("axis", "options", "element_type"),
    [
        pytest.param(2, {}, FLOAT32, id="no such axis"),
        pytest.param(-3, {}, FLOAT32, id="no such negative axis"),
        pytest.param(1, {}, FLOAT32, id="uneven"),
        pytest.param(0, {"num_splits": 1}, FLOAT32, id="outputs"),
        pytest.param(0, {"num_splits": 0}, FLOAT32, id="no pieces"),
        pytest.param(0, {}, TensorType.BOOL, id="type"),
    ],
)
def test_split_refuses(axis: int, options: dict[str, Any], element_type: TensorType, constant: bool) -> None:
    where, fed = operand(axis, INT32, constant=constant)
    model = single_op_model(
        "SPLIT",
        [where, TensorSpec((4, 3), element_type)],
        [TensorSpec((2, 3), element_type)] * 2,
        {"num_splits": 2, **options},
    )
    assert not check_against_oracle(model, [[*fed, bits_of(0, (4, 3), element_type)]], "tflite")


@pytest.mark.parametrize("operator", ["SPLIT", "SPLIT_V"])
def test_tflm_refuses_an_unknown_axis(operator: str) -> None:
    x, sizes, axis = TensorSpec((4, 3), FLOAT32), TensorSpec((2,), INT32, data=[2, 2]), TensorSpec((), INT32)
    values = bits_of(0, (4, 3), FLOAT32)
    inputs = [axis, x] if operator == "SPLIT" else [x, sizes, axis]
    fed = [np.int32(0), values] if operator == "SPLIT" else [values, np.int32(0)]
    model = single_op_model(operator, list(inputs), [TensorSpec((2, 3), FLOAT32)] * 2, {"num_splits": 2})
    assert not check_against_oracle(model, [[np.asarray(v) for v in fed]], "tflm")


@pytest.mark.parametrize(
    ("x", "piece", "options"),
    [
        pytest.param(((2, 3), FLOAT32), ((3,), FLOAT32), {"axis": 2}, id="no such axis"),
        pytest.param(((2, 3), FLOAT32), ((3,), FLOAT32), {"axis": -3}, id="no such negative axis"),
        pytest.param(((2, 3), FLOAT32), ((3,), FLOAT32), {"axis": 1}, id="count"),
        pytest.param(((2, 3), FLOAT32), ((3,), FLOAT32), {"num": 3}, id="outputs"),
        pytest.param(((2, 0), FLOAT32), ((0,), FLOAT32), {}, id="empty"),
        pytest.param(((), FLOAT32), ((), FLOAT32), {}, id="scalar"),
        pytest.param(((2, 3), INT64), ((3,), INT64), {}, id="type"),
        pytest.param(((2, 3), FLOAT32), ((3,), INT32), {}, id="another output type"),
        pytest.param(((2, 3), INT8, 0.5, 1), ((3,), INT8, 0.5, 2), {}, id="zero point"),
        pytest.param(((2, 3), INT8, 0.5, 1), ((3,), INT8, 0.25, 1), {}, id="scale"),
    ],
)
def test_unpack_refuses(x: tuple[Any, ...], piece: tuple[Any, ...], options: dict[str, Any]) -> None:
    model = single_op_model(
        "UNPACK", [TensorSpec(*x)], [TensorSpec(*piece)] * 2, {"axis": 0, "num": 2, **options}
    )
    assert not check_against_oracle(model, [[bits_of(0, x[0], x[1])]], "tflite")


def test_tflm_unpacks_whatever_the_quantization() -> None:
    model = single_op_model(
        "UNPACK",
        [TensorSpec((2, 3), INT8, 0.5, 1)],
        [TensorSpec((3,), INT8, 0.25, 2)] * 2,
        {"axis": 0, "num": 2},
    )
    assert check_against_oracle(model, [[bits_of(0, (2, 3), INT8)]], "tflm")
