"""SVDF against the native runtimes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from microinterp.errors import PrepareError
from microinterp.model.ir import NUMPY_TYPES, TensorType
from tests.oracles import RUNTIME_NAMES, RuntimeName
from tests.problems.svdf import FLOAT32, INT8, INT16, INT32, Svdf, svdf_model
from tests.single_op import check_against_oracle, run_ours

PLAIN = Svdf(2, 3, 4, 2, 3, FLOAT32, FLOAT32, FLOAT32, seed=0)
PLAIN_INT8 = Svdf(2, 3, 4, 2, 3, INT8, INT8, INT16, seed=0)


@pytest.mark.parametrize("svdf", [PLAIN, PLAIN_INT8])
@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_weights_that_are_not_constant(svdf: Svdf, runtime: RuntimeName) -> None:
    inputs, output = svdf.tensors()
    values = []
    for i in (1, 2, 3):
        tensor = inputs[i]
        assert tensor is not None
        values.append(np.asarray(tensor.data))
        inputs[i] = replace(tensor, data=None)
    invokes = [[x, *values] for [x] in svdf.invokes(3)]
    invokes[1][1] = values[0][::-1].copy()
    assert check_against_oracle(svdf_model(svdf, inputs, output), invokes, runtime)


REFUSED: dict[str, tuple[Svdf, int, dict[str, Any], tuple[RuntimeName, ...]]] = {
    "rank": (replace(PLAIN, rank=4, units=1), 1, {"shape": (6, 3)}, RUNTIME_NAMES),
    "inputs": (PLAIN, 1, {"shape": (6, 4)}, RUNTIME_NAMES),
    "filters": (PLAIN, 2, {"shape": (5, 4)}, RUNTIME_NAMES),
    "bias": (PLAIN, 3, {"shape": (4,)}, RUNTIME_NAMES),
    "state": (PLAIN, 4, {"shape": (2, 23)}, RUNTIME_NAMES),
    "state_rank": (PLAIN, 4, {"shape": (48,)}, RUNTIME_NAMES),
    "state_is_constant": (PLAIN, 4, {"is_variable": False}, RUNTIME_NAMES),
    "uint8": (PLAIN_INT8, 0, {"type": TensorType.UINT8}, RUNTIME_NAMES),
    "int16": (PLAIN_INT8, 0, {"type": INT16}, RUNTIME_NAMES),
    "hybrid_in_tflm": (replace(PLAIN, weight_type=INT8), 0, {}, ("tflm",)),
    "bias_type_in_tflm": (PLAIN, 3, {"type": INT32}, ("tflm",)),
    "bias_scale_in_tflm": (PLAIN_INT8, 3, {"scale": 0.5}, ("tflm",)),
}


@pytest.mark.parametrize(
    ("case", "runtime"), [(name, runtime) for name, case in REFUSED.items() for runtime in case[3]]
)
def test_refuses_what_the_native_runtime_refuses(case: str, runtime: RuntimeName) -> None:
    svdf, i, fields, _ = REFUSED[case]
    inputs, output = svdf.tensors()
    tensor = inputs[i]
    assert tensor is not None
    if "shape" in fields and tensor.data is not None:
        fields = {**fields, "data": np.resize(np.asarray(tensor.data), fields["shape"])}
    inputs[i] = tensor = replace(tensor, **fields)
    values = [np.zeros(tensor.shape, NUMPY_TYPES[tensor.type])] if i == 0 else svdf.invokes(1)[0]
    if "is_variable" in fields:
        values.append(np.zeros(tensor.shape, np.float32))
    assert not check_against_oracle(svdf_model(svdf, inputs, output), [values], runtime)


@pytest.mark.parametrize(
    ("svdf", "runtime"),
    [
        (replace(PLAIN, has_bias=False), "tflm"),  # TFLM crashes
        (replace(PLAIN_INT8, has_bias=False), "tflm"),
        (replace(PLAIN, rank=0), "tflm"),
        (replace(PLAIN, rank=-1), "tflite"),
    ],
)
def test_refuses_nonsense(svdf: Svdf, runtime: RuntimeName) -> None:
    inputs, output = replace(svdf, rank=2).tensors()
    with pytest.raises(PrepareError):
        run_ours(svdf_model(svdf, inputs, output), [], runtime)
