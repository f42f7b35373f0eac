"""The C library's functions against the machine's own C library where it is a glibc that computes the same."""

from __future__ import annotations

import ctypes
import platform
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from microinterp_kernels.libm import Float32s, expf, expm1f, logf, round_half_away, tanhf
from microinterp_kernels.libm_error_function import erfcf
from microinterp_kernels.libm_trigonometry import cosf, sinf

FUNCTIONS = {
    "cosf": cosf,
    "erfcf": erfcf,
    "expf": expf,
    "expm1f": expm1f,
    "logf": logf,
    "sinf": sinf,
    "tanhf": tanhf,
}


def native_function(name: str, arguments: int = 1) -> Callable[..., float]:
    """A function of the machine's C library; skips the test where that is known or liable to compute another."""
    library, version = platform.libc_ver()
    if library != "glibc" or not (2, 28) <= tuple(int(part) for part in version.split(".")[:2]) <= (2, 40):
        pytest.skip(f"compares with glibc 2.28 to 2.40; this is {library or 'another C library'} {version}")
    if platform.machine() != "x86_64" or " fma " not in Path("/proc/cpuinfo").read_text():
        pytest.skip(
            "glibc's expf for CPUs without FMA differs at two numbers, and other architectures were not tried"
        )
    function = getattr(ctypes.CDLL("libm.so.6"), name)
    function.restype = ctypes.c_float
    function.argtypes = (ctypes.c_float,) * arguments
    result: Callable[..., float] = function
    return result


def all_over(seed: int) -> NDArray[np.uint32]:
    """Bits of floats: of each sign and exponent the ends and some between, and many of middling size."""
    generator = np.random.default_rng(seed)
    exponents = np.arange(512, dtype=np.uint32)[:, None] << 23
    mantissas = generator.integers(0, 1 << 23, (512, 400), dtype=np.uint32)
    mantissas[:, :4] = [0, 1, (1 << 23) - 1, 1 << 22]
    middling = generator.uniform(-110, 110, 100_000).astype(np.float32).view(np.uint32)
    bits = np.concatenate([(exponents | mantissas).ravel(), middling])
    # a signaling NaN does not survive the way through ctypes
    return np.where(np.isnan(bits.view(np.float32)), bits | (1 << 22), bits)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_equals_the_c_library(name: str) -> None:
    native = native_function(name)
    x = all_over(seed=len(name)).view(np.float32)
    expected = np.array([native(v) for v in x.tolist()], np.float32)
    actual = FUNCTIONS[name](x)
    wrong = np.flatnonzero(actual.view(np.uint32) != expected.view(np.uint32))
    assert wrong.size == 0, f"{name}({x[wrong[0]]!r}) is {expected[wrong[0]]!r}, not {actual[wrong[0]]!r}"


# (x, bits of the result), from glibc 2.36 on x86-64 with FMA
VECTORS = {
    "cosf": [
        (float.fromhex("0x0p+0"), 0x3F800000),
        (float.fromhex("-0x0p+0"), 0x3F800000),
        (float.fromhex("0x1p+0"), 0x3F0A5140),
        (float.fromhex("-0x1p+0"), 0x3F0A5140),
        (float.fromhex("0x1p-12"), 0x3F800000),
        (float.fromhex("0x1.1475bap+4"), 0xB794F770),
        (float.fromhex("0x1.dffffep+6"), 0x3F506E74),
        (float.fromhex("0x1.ep+6"), 0x3F506E2A),
        (float.fromhex("-0x1.ep+6"), 0x3F506E2A),
        (float.fromhex("0x1.2a05f2p+33"), 0x3F5F84C5),
        (float.fromhex("0x1.fffffep+127"), 0x3F5A5F96),
        (float.fromhex("0x1p-149"), 0x3F800000),
    ],
    "erfcf": [
        (float.fromhex("0x0p+0"), 0x3F800000),
        (float.fromhex("-0x0p+0"), 0x3F800000),
        (float.fromhex("0x1.99999ap-3"), 0x3F46FCF6),
        (float.fromhex("0x1p-2"), 0x3F3942AC),
        (float.fromhex("0x1.affffep-1"), 0x3E6E5C68),
        (float.fromhex("0x1.bp-1"), 0x3E6E5C66),
        (float.fromhex("-0x1p+0"), 0x3FEBDD9E),
        (float.fromhex("0x1.4p+0"), 0x3D9DE68A),
        (float.fromhex("0x1.6db6d4p+1"), 0x385F9BF6),
        (float.fromhex("0x1.6db6ep+1"), 0x385F9B79),
        (float.fromhex("-0x1.7ffffep+2"), 0x40000000),
        (float.fromhex("-0x1.8p+2"), 0x40000000),
        (float.fromhex("0x1.2p+3"), 0x030CC6A1),
        (float.fromhex("0x1.433334p+3"), 0x00000000),
        (float.fromhex("0x1.cp+4"), 0x00000000),
        (float.fromhex("inf"), 0x00000000),
        (float.fromhex("-inf"), 0x40000000),
    ],
    "sinf": [
        (float.fromhex("0x0p+0"), 0x00000000),
        (float.fromhex("-0x0p+0"), 0x80000000),
        (float.fromhex("0x1p+0"), 0x3F576AA4),
        (float.fromhex("-0x1p+0"), 0xBF576AA4),
        (float.fromhex("0x1p-12"), 0x39800000),
        (float.fromhex("0x1.1475bap+4"), 0xBF800000),
        (float.fromhex("0x1.dffffep+6"), 0x3F14A287),
        (float.fromhex("0x1.ep+6"), 0x3F14A2EF),
        (float.fromhex("-0x1.ep+6"), 0xBF14A2EF),
        (float.fromhex("0x1.2a05f2p+33"), 0xBEF99A64),
        (float.fromhex("0x1.fffffep+127"), 0xBF0599B3),
        (float.fromhex("0x1p-149"), 0x00000001),
    ],
    "expf": [
        (0.0, 0x3F800000),
        (-0.0, 0x3F800000),
        (1.0, 0x402DF854),
        (-1.0, 0x3EBC5AB2),
        (0.5, 0x3FD3094C),
        (32.564632415771484, 0x56FC9F1C),  # one less without FMA
        (-63.09946060180664, 0x11FA2993),  # one less without FMA
        (float.fromhex("0x1.62e42ep+6"), 0x7F7FFF84),
        (float.fromhex("0x1.62e430p+6"), 0x7F800000),
        (float.fromhex("-0x1.5d58a0p+6"), 0x7FFFE6),
        (float.fromhex("-0x1.9fe368p+6"), 1),
        (float.fromhex("-0x1.9fe36cp+6"), 0),
        (float.fromhex("0x1p-149"), 0x3F800000),
        (float("inf"), 0x7F800000),
        (float("-inf"), 0),
    ],
    "logf": [
        (1.0, 0),
        (2.0, 0x3F317218),
        (10.0, 0x40135D8E),
        (0.5, 0xBF317218),
        (float.fromhex("0x1p-149"), 0xC2CE8ED0),
        (float.fromhex("0x1.fffffcp-127"), 0xC2AEAC50),
        (float.fromhex("0x1.fffffep+127"), 0x42B17218),
        (float.fromhex("0x1.666666p-1"), 0xBEB69E1A),
        (float.fromhex("0x1.000002p+0"), 0x33FFFFFF),
        (float.fromhex("0x1.fffffep-1"), 0xB3800000),
        (0.0, 0xFF800000),
        (-0.0, 0xFF800000),
        (float("inf"), 0x7F800000),
    ],
    "expm1f": [
        (0.0, 0),
        (-0.0, 0x80000000),
        (1.0, 0x3FDBF0A8),
        (-1.0, 0xBF21D2A7),
        (0.5, 0x3F261299),
        (float.fromhex("0x1.5798eep-27"), 0x322BCC77),
        (float.fromhex("0x1.62e430p-2"), 0x3ED413CD),
        (float.fromhex("0x1.0a2b22p+0"), 0x3FEA09E4),
        (float.fromhex("0x1.0a2b24p+0"), 0x3FEA09E6),
        (float.fromhex("-0x1.0a2b24p+0"), 0xBF257D86),
        (float.fromhex("-0x1.2b708ap+4"), 0xBF800000),
        (40.0, 0x5C51106A),
        (float.fromhex("0x1.62e42ep+6"), 0x7F7FFF84),
        (float.fromhex("0x1.62e430p+6"), 0x7F800000),
        (float("inf"), 0x7F800000),
        (float("-inf"), 0xBF800000),
    ],
    "tanhf": [
        (0.0, 0),
        (-0.0, 0x80000000),
        (1.0, 0x3F42F7D6),
        (-1.0, 0xBF42F7D6),
        (0.5, 0x3EEC9A9F),
        (float.fromhex("0x1.79ca10p-67"), 0x1E3CE508),
        (float.fromhex("0x1.99999ap-4"), 0x3DCC1EBC),
        (float.fromhex("0x1.fffffep-1"), 0x3F42F7D5),
        (9.0, 0x3F7FFFFF),
        (22.0, 0x3F800000),
        (float.fromhex("0x1p-149"), 1),
        (float("inf"), 0x3F800000),
        (float("-inf"), 0xBF800000),
    ],
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_equals_recorded_results(name: str) -> None:
    x, bits = zip(*VECTORS[name], strict=True)
    actual = FUNCTIONS[name](np.array(x, np.float32)).view(np.uint32)
    assert [hex(b) for b in actual] == [hex(b) for b in bits]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_is_silent_and_keeps_nan(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(FUNCTIONS[name](np.array([np.nan, -np.nan], np.float32))).all()


def test_the_logarithm_of_a_negative_number_is_nan() -> None:
    assert np.isnan(logf(np.array([-1e-45, -1.0, -np.inf], np.float32))).all()


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (40_000,), (7, 3001)])
def test_any_shape_gives_the_same_as_its_elements(name: str, shape: tuple[int, ...]) -> None:
    x: Float32s = np.asarray(np.random.default_rng(1).uniform(-3, 3, shape), np.float32)
    y = FUNCTIONS[name](x)
    assert np.shape(y) == shape
    assert y.dtype == np.float32
    some = x.reshape(-1)[-5:]
    assert np.asarray(y).reshape(-1)[-5:].tobytes() == FUNCTIONS[name](some).tobytes()


def test_a_view_with_strides() -> None:
    x = np.random.default_rng(2).uniform(-3, 3, (300, 200)).astype(np.float32)
    assert expf(x[::2, ::-3]).tobytes() == expf(np.ascontiguousarray(x[::2, ::-3])).tobytes()


def test_round_half_away() -> None:
    x = [0.5, -0.5, 1.5, 2.5, -2.5, 0.49999997, -0.49999997, 0.0, 8388609.0, 2.0**60, -np.inf, np.inf]
    rounded = [1, -1, 2, 3, -3, 0, -0.0, 0, 8388609, 2.0**60, -np.inf, np.inf]
    assert round_half_away(np.array(x, np.float32)).tobytes() == np.array(rounded, np.float32).tobytes()
    assert round_half_away(np.array(x, np.float64)).tobytes() == np.array(rounded, np.float64).tobytes()
    assert np.isnan(round_half_away(np.array([np.nan], np.float32))).all()
