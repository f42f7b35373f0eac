"""The requantization of a concatenation alone; the operator's test asks LiteRT."""

from __future__ import annotations

import numpy as np

from microinterp_kernels.concatenation import requantization_uint8


def test_requantization_uint8() -> None:
    q = np.array([[0, 10, 11], [13, 100, 255]], np.uint8)
    # (q − 10) · ½, halves away from zero, + 5
    halved = requantization_uint8(0.5, 10, 1.0, 5)
    assert halved(q).tolist() == [[0, 5, 6], [7, 50, 128]]
    assert requantization_uint8(1.0, 10, 0.25, 5)(q).tolist() == [[0, 5, 9], [17, 255, 255]]


def test_what_leaves_int32_becomes_zero() -> None:
    q = np.array([0, 1, 2, 255], np.uint8)
    assert requantization_uint8(1e20, 1, 1e-10, 7)(q).tolist() == [0, 7, 0, 0]
