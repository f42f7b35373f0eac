"""The audio kernels by themselves, against what they approximate: for where no native runtime is installed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microinterp_kernels.filter_bank import (
    FilterBank,
    SpectralSubtraction,
    filter_bank_log_uint32,
    filter_bank_square_root_uint64,
)
from microinterp_kernels.real_fft import InverseRealFft, RealFft, fft_radices
from microinterp_kernels.signal import energy_int16, fft_auto_scale_int16, window_int16
from microinterp_kernels.split_radix_fft import SplitRadixFft, SplitRadixRealFft

LENGTHS = [n for n in range(4, 400, 2) if max(fft_radices(n // 2)) <= 5]


@pytest.mark.parametrize(
    ("dtype", "largest", "error"),
    [(np.int16, 2**15 - 1, 6), (np.int32, 2**31 - 1, 6), (np.float32, 1.0, 3e-7)],
)
def test_real_fft_is_one(dtype: Any, largest: float, error: float) -> None:
    rng = np.random.default_rng(3)
    for length in LENGTHS:
        signals = (rng.uniform(-1, 1, (2, length)) * largest).astype(dtype)
        spectra = RealFft(length, dtype)(signals)
        assert spectra.dtype == dtype
        exact = np.fft.rfft(signals.astype(np.float64))
        # In fixed point the spectrum is divided by the length.
        exact /= length if dtype is not np.float32 else 1
        scale = 1 if dtype is not np.float32 else length
        assert np.abs(spectra[:, 0::2] - exact.real).max() <= error * scale, length
        assert np.abs(spectra[:, 1::2] - exact.imag).max() <= error * scale, length


def test_inverse_real_fft_is_one() -> None:
    rng = np.random.default_rng(3)
    for length in LENGTHS:
        signals = rng.uniform(-1, 1, (2, length)).astype(np.float32)
        back = InverseRealFft(length, np.float32)(RealFft(length, np.float32)(signals))
        assert np.abs(back - signals).max() <= 1e-6, length


@pytest.mark.parametrize("n", [2**i for i in range(14)])
def test_split_radix_fft_is_one(n: int) -> None:
    rng = np.random.default_rng(3)
    z = rng.standard_normal((2, 3, n))
    real, imaginary = SplitRadixFft(n)(z)
    exact = np.fft.ifft(z[0] + 1j * z[1]) * n
    assert np.abs(real + 1j * imaginary - exact).max() <= 1e-12
    x = rng.standard_normal((3, 2 * n))
    packed = SplitRadixRealFft(2 * n)(x)
    spectra = np.fft.rfft(x).conj()
    assert np.abs(packed[:, 1] - spectra[:, -1].real).max() <= 1e-12
    packed[:, 1] = 0
    assert np.abs(packed[:, ::2] + 1j * packed[:, 1::2] - spectra[:, :-1]).max() <= 1e-12


@pytest.mark.parametrize("length", [-2, 0, 2, 5, 14, 2 * 49, 2 * 31])
def test_real_fft_of_other_lengths_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="products of 2, 3 and 5"):
        RealFft(length, np.int16)


def rounded_square_root(x: int) -> int:
    """The nearest integer; the largest of 16 and of 32 bits are not exceeded."""
    root = math.isqrt(x)
    largest = 2**16 - 1 if x < 2**32 else 2**32 - 1
    return min(root + (x > root * root + root), largest)


@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 2**32 - 1), min_size=1), st.integers(0, 31))
def test_square_root(numbers: list[int], bits: int) -> None:
    # and around their squares, where the root changes and where rounding does
    near = [n % 2**32 for n in numbers]
    numbers = numbers + [
        min(max(n * n + m * n + d, 0), 2**64 - 1) for n in near for m in (0, 1) for d in (-1, 0, 1, 2)
    ]
    result = filter_bank_square_root_uint64(np.array(numbers, np.uint64), bits)
    assert result.tolist() == [rounded_square_root(n) >> bits for n in numbers]


def test_window_saturates() -> None:
    x = np.array([[1000, -1000, 32767], [-32768, 5, -5]], np.int16)
    weights = np.array([4096, 2048, 32767], np.int16)
    assert window_int16(x, weights, 12).tolist() == [[1000, -500, 32767], [-32768, 2, -40]]


def test_auto_scale_fills_the_range() -> None:
    for largest in range(1, 32768, 7):
        scaled, bits = fft_auto_scale_int16(np.array([0, -largest, 1], np.int16))
        assert scaled.tolist() == [0, -largest << bits, 1 << bits]
        assert 2**14 <= largest << bits < 2**15
    assert fft_auto_scale_int16(np.zeros(3, np.int16))[1] == 0


def test_energy() -> None:
    spectrum = np.array([3, -4, -32768, -32768, 0, 1], np.int16)
    assert energy_int16(spectrum).tolist() == [25, 2**31, 1]


def test_filter_bank_is_two_sums_per_channel() -> None:
    rng = np.random.default_rng(4)
    energies = rng.integers(0, 2**32, 10, np.uint32)
    weights, unweights = rng.integers(-5, 4096, (2, 10)).astype(np.int16)
    starts, widths = [0, 3, 3, 7], [3, 0, 4, 3]
    bank = FilterBank(
        weights,
        unweights,
        *(np.array(table, np.int16) for table in (starts, starts, widths)),
        num_channels=3,
        num_frequencies=10,
    )

    def total(factors: Any, segment: int) -> int:
        indices = range(starts[segment], starts[segment] + widths[segment])
        return sum(int(factors[i]) * int(energies[i]) for i in indices)

    expected = [(total(weights, c + 1) + total(unweights, c)) % 2**64 for c in range(3)]
    assert bank(energies).tolist() == expected


def test_logarithm_is_close() -> None:
    x = np.array([2, 3, 10, 1000, 123456, 2**24 + 1], np.uint32)
    result = filter_bank_log_uint32(x, 1600, 3)
    assert np.abs(result - 1600 * np.log(x * 8.0)).max() < 2
    assert filter_bank_log_uint32(np.array([0, 1, 2**29], np.uint32), 64, 0).tolist()[:2] == [0, 0]
    assert filter_bank_log_uint32(np.array([2**29], np.uint32), 64, 3).tolist() == [0]  # shifted out
    assert filter_bank_log_uint32(np.array([2**31], np.uint32), 2000, 0).tolist() == [32767]


@pytest.mark.parametrize("clamping", [False, True])
def test_steady_noise_is_subtracted(clamping: bool) -> None:
    subtraction = SpectralSubtraction(
        num_channels=2,
        smoothing=1 << 12,
        one_minus_smoothing=3 << 12,
        alternate_smoothing=1 << 13,
        alternate_one_minus_smoothing=1 << 13,
        min_signal_remaining=1 << 10,
        smoothing_bits=4,
        spectral_subtraction_bits=14,
        clamping=clamping,
    )
    x = np.array([1600, 1600], np.uint32)
    # A quarter, or half, of what is left of the noise is learned each time; a 16th always remains.
    assert subtraction(x).tolist() == [1200, 800]
    assert subtraction(x).tolist() == [900, 400]
    for _ in range(30):
        remaining = subtraction(x)
    assert remaining.tolist() == [100, 100]
    quiet = np.array([16, 16], np.uint32)
    subtraction(quiet)
    assert (subtraction.noise_estimate.tolist() == [256, 256]) is clamping
    subtraction.reset()
    assert subtraction(x).tolist() == [1200, 800]
