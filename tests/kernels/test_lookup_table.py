"""Lookup tables are the functions that they were made from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from microinterp_kernels.lookup_table import (
    LookupTable,
    interpolate_int16,
    interpolation_table_int16,
    lookup_table_8bit,
)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16])
def test_a_table_holds_every_input(dtype: Any) -> None:
    limits = np.iinfo(dtype)
    table = LookupTable(lambda x: x.astype(np.int64) * 3 - 7, dtype)
    x = np.arange(limits.min, limits.max + 1).astype(dtype).reshape(16, -1)
    assert (table(x) == x.astype(np.int64) * 3 - 7).all()
    assert (table(x[::-2, 1::3]) == x[::-2, 1::3].astype(np.int64) * 3 - 7).all()
    assert table(x[1, 1]).shape == ()


def test_an_8_bit_table_rounds_halves_away_and_saturates() -> None:
    # one half of q + 1, plus 3
    table = lookup_table_8bit(lambda x: x, np.int8, 0.5, -1, 1.0, 3)
    x = np.array([-128, -4, -3, -2, -1, 0, 1, 2, 127], np.int8)
    assert table(x).tolist() == [-61, 1, 2, 2, 3, 4, 4, 5, 67]
    table = lookup_table_8bit(lambda x: x, np.uint8, 2.0, 100, 1.0, 100)
    assert table(np.array([0, 49, 50, 99, 177, 178, 255], np.uint8)).tolist() == [0, 0, 0, 98, 254, 255, 255]


def test_what_is_no_number_becomes_zero_in_an_8_bit_table() -> None:
    table = lookup_table_8bit(
        lambda x: np.where(x > 0, np.inf, np.nan).astype(np.float32), np.int8, 1.0, 0, 1.0, 5
    )
    assert table(np.array([-3, 3], np.int8)).tolist() == [0, 127]


def test_interpolation_is_exact_for_a_straight_line() -> None:
    line = interpolation_table_int16(
        lambda x: x / np.float64(2),
        (np.float64(-32768), np.float64(32768)),
        (np.float64(-32768), np.float64(32768)),
    )
    x = np.arange(-32768, 32768).astype(np.int16)
    # (slope · offset + 64) >> 7 rounds halves up
    assert (interpolate_int16(x, line) == (x.astype(np.int64) + 1) >> 1).all()
