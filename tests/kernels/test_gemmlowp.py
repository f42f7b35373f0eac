"""gemmlowp's functions against results of gemmlowp itself."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from microinterp_kernels import gemmlowp
from microinterp_kernels.activations import logistic_fixed_point_int16, tanh_fixed_point_int16
from microinterp_kernels.fixed_point import Int64s
from microinterp_kernels.gemmlowp import (
    exp_on_negative_values,
    one_minus_x_over_one_plus_x_for_x_in_0_1,
    one_over_one_plus_x_for_x_in_0_1,
)

# The checksums are of what gemmlowp's fixedpoint.h (commit 16e8662c) gives for the same inputs, compiled by
# GCC 12 without its SIMD specializations.
ALL_INT16 = np.arange(-32768, 32768).astype(np.int16)
SOME_INT32 = np.concatenate([np.arange(-(2**31), 2**31, 65521), np.arange(-1000, 1000)]).astype(np.int64)


def checksum(values: Int64s, dtype: str) -> int:
    return zlib.crc32(values.astype(dtype).tobytes())


def test_logistic_of_16_bits() -> None:
    assert checksum(logistic_fixed_point_int16(ALL_INT16).astype(np.int64), "<i2") == 0x89B3F38E


@pytest.mark.parametrize(
    ("integer_bits", "expected"),
    list(enumerate([0xA348DAF8, 0xC979DD1D, 0x742F59B7, 0x70B28DFE, 0x215077B2, 0x3A695108, 0x32E074AE])),
)
def test_tanh_of_16_bits(integer_bits: int, expected: int) -> None:
    assert checksum(tanh_fixed_point_int16(ALL_INT16, integer_bits).astype(np.int64), "<i2") == expected


def test_functions_of_32_bits() -> None:
    assert checksum(gemmlowp.logistic(SOME_INT32, 4), "<i4") == 0x76A5FAC8
    assert checksum(gemmlowp.tanh(SOME_INT32, 4), "<i4") == 0x08C965F8
    assert checksum(exp_on_negative_values(SOME_INT32[SOME_INT32 <= 0], 5), "<i4") == 0xE5657BB7
    assert checksum(one_over_one_plus_x_for_x_in_0_1(SOME_INT32[SOME_INT32 >= 0]), "<i4") == 0xEDC69822


def test_reciprocals_of_ints_are_those_of_arrays() -> None:
    a = np.concatenate([np.arange(0, 2**31, 10_000_019), [0, 1, 2**31 - 1]])
    for function in (one_over_one_plus_x_for_x_in_0_1, one_minus_x_over_one_plus_x_for_x_in_0_1):
        assert function(a).tolist() == [function(int(v)) for v in a]
