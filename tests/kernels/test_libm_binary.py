"""The C library's functions of two numbers against the machine's own C library (see test_libm.py)."""

from __future__ import annotations

import numpy as np
import pytest

from microinterp_kernels.libm import Float32s
from microinterp_kernels.libm_binary import atan2f, powf
from tests.kernels.test_libm import native_function

FUNCTIONS = {"powf": powf, "atan2f": atan2f}
SPECIAL = (
    *(0.0, 1e-45, 1e-40, 2.0**-126, 0.4375, 0.5, 0.99999994, 1.0, 1.0000001, 1.5, 2.0, 2.5, 3.0, 149.5),
    *(16777215.0, 2.0**24, 2.0**24 + 2, 2.0**25, 3e38, np.inf, np.nan),
)


def pairs_all_over(seed: int) -> tuple[Float32s, Float32s]:
    """Special numbers with each other, any bits, numbers whose powers are finite, and numbers close to 1."""
    rng = np.random.default_rng(seed)
    signed = np.array([*SPECIAL, *(-v for v in SPECIAL)], np.float32)
    special = np.array(np.meshgrid(signed, signed), np.float32).reshape(2, -1)
    bits = rng.integers(0, 2**32, (2, 40_000), np.uint32) | np.uint32(1 << 22)  # no NaN is a signaling one
    middling = np.array([rng.uniform(0, 20, 40_000), rng.normal(0, 12, 40_000)], np.float32)
    close = np.array([1 + rng.normal(0, 0.01, 40_000), rng.normal(0, 1000, 40_000)], np.float32)
    x, y = np.concatenate([special, bits.view(np.float32), middling, close], axis=1)
    return x, y


@pytest.mark.parametrize("name", FUNCTIONS)
def test_equals_the_c_library(name: str) -> None:
    native = native_function(name, 2)
    x, y = pairs_all_over(seed=len(name))
    expected = np.array([native(a, b) for a, b in zip(x.tolist(), y.tolist(), strict=True)], np.float32)
    actual = FUNCTIONS[name](x, y)
    wrong = np.flatnonzero(actual.view(np.uint32) != expected.view(np.uint32))
    assert wrong.size == 0, f"{name}({x[wrong[0]]!r}, {y[wrong[0]]!r}) is {expected[wrong[0]]!r}"


# (x, y, bits of the result), from glibc 2.36 on x86-64 with FMA
VECTORS = {
    "powf": [
        (0.9769294, 2266.7273, 0x194BC4EA),  # one less with products rounded before they are added
        (-2.0, 3.0, 0xC1000000),
        (-0.0, -3.0, 0xFF800000),
        (-0.0, 0.5, 0x00000000),
        (-1.0, float("inf"), 0x3F800000),
        (float("nan"), 0.0, 0x3F800000),
        (-8.0, 0.25, 0xFFC00000),
    ],
    "atan2f": [
        (0.0, -0.0, 0x40490FDB),
        (-0.0, -1.0, 0xC0490FDB),
        (float("inf"), -3.0, 0x3FC90FDB),
        (float("inf"), float("-inf"), 0x4016CBE4),
        (33554432.0, 1.0, 0x3FC90FDB),
        (33554432.0, -1.0, 0x3FC90FDA),
    ],
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_equals_recorded_results(name: str) -> None:
    x, y, bits = zip(*VECTORS[name], strict=True)
    actual = FUNCTIONS[name](np.array(x, np.float32), np.array(y, np.float32)).view(np.uint32)
    assert [hex(b) for b in actual] == [hex(b) for b in bits]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_broadcasts(name: str) -> None:
    x = np.arange(6, dtype=np.float32).reshape(2, 3, 1)
    for y in (np.array([0.5, 2, -1], np.float32), np.array(0.5, np.float32)):
        whole = FUNCTIONS[name](x, y)
        pairs = [FUNCTIONS[name](a, b) for a, b in np.broadcast(x, y)]
        assert whole.shape == np.broadcast_shapes(x.shape, y.shape)
        assert whole.tobytes() == np.array(pairs, np.float32).tobytes()
