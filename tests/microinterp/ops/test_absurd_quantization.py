"""Scales and zero points that no converter writes, but of which the native kernels make something definite."""

from __future__ import annotations

import numpy as np
import pytest

from microinterp.model.ir import TensorType
from tests.oracles import RUNTIME_NAMES, RuntimeName
from tests.single_op import TensorSpec, check_against_oracle, single_op_model

INPUT_COUNTS = {"MUL": 2, "QUANTIZE": 1}
NUMBERS = np.arange(-128, 128, dtype=np.int8)


def compare(operator: str, x: TensorSpec, output: TensorSpec, runtime: RuntimeName) -> bool:
    count = INPUT_COUNTS[operator]
    model = single_op_model(operator, [x] * count, [output])
    return check_against_oracle(model, [[np.roll(NUMBERS, 77 * i) for i in range(count)]], runtime)


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize("operator", INPUT_COUNTS)
@pytest.mark.parametrize("shift", [30, 31, 32, 33, 40, 63, 64, 70])
def test_left_shifts_count_modulo_32(operator: str, runtime: RuntimeName, shift: int) -> None:
    scale = 2.0 ** (shift / INPUT_COUNTS[operator])
    x = TensorSpec((256,), TensorType.INT8, scale, 0)
    assert compare(operator, x, TensorSpec((256,), TensorType.INT8, 1.3, 3), runtime)


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize("operator", INPUT_COUNTS)
@pytest.mark.parametrize("zero_point", [2**32, 2**32 + 5, 2**32 - 7, -(2**40) + 3])
def test_zero_points_are_cut_to_int32(operator: str, runtime: RuntimeName, zero_point: int) -> None:
    x = TensorSpec((256,), TensorType.INT8, 0.5, zero_point)
    assert compare(operator, x, TensorSpec((256,), TensorType.INT8, 0.75, zero_point), runtime)
