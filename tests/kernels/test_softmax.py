"""The softmax kernels, on their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from microinterp_kernels.softmax import Softmax8Bit, SoftmaxInt16, softmax_float32

SHAPES = hnp.array_shapes(min_dims=2, max_dims=4, max_side=6)


@given(
    x=st.sampled_from([np.int8, np.uint8]).flatmap(lambda dtype: hnp.arrays(dtype, SHAPES)),
    scaled_beta=st.floats(2.0**-20, 2.0**10),
    output_type=st.sampled_from([np.int8, np.uint8, np.int16]),
)
def test_one_row_is_computed_as_many(x: Any, scaled_beta: float, output_type: Any) -> None:
    kernel = Softmax8Bit(1.0, scaled_beta, output_type)
    together = kernel(x)
    assert together.dtype == output_type
    for index in np.ndindex(x.shape[:-1]):
        assert together[index].tobytes() == kernel(x[index]).tobytes()


@given(x=hnp.arrays(np.float32, SHAPES, elements=st.floats(-100, 100, width=32)))
def test_one_row_of_floats_is_computed_as_many(x: Any) -> None:
    together = softmax_float32(x, 1.0)
    for index in np.ndindex(x.shape[:-1]):
        assert together[index].tobytes() == softmax_float32(x[index], 1.0).tobytes()


@pytest.mark.parametrize("table_type", [np.float32, np.float64])
def test_equal_numbers_share_alike(table_type: Any) -> None:
    assert softmax_float32(np.zeros(4, np.float32), 1.0).tolist() == [0.25] * 4
    assert Softmax8Bit(1.0, 0.1, np.int8)(np.zeros(4, np.int8)).tolist() == [-64] * 4
    assert SoftmaxInt16(0.001, table_type)(np.zeros(4, np.int16)).tolist() == [8192] * 4


def test_many_equal_numbers_vanish() -> None:
    # 512 times exp(0): there the native kernels abort
    assert (Softmax8Bit(1.0, 0.1, np.int8)(np.full(512, 5, np.int8)) == -128).all()


@pytest.mark.parametrize("beta", [0.0, -1.0, 2.0**-26, float("nan")])
def test_refuses_what_the_native_kernels_abort_on(beta: float) -> None:
    with pytest.raises(ValueError, match=r"must be above 2\^-26"):
        Softmax8Bit(beta, 1.0, np.int8)
