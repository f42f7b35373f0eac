"""The mel filter bank of TFLM's audio front end, and what follows it: square root, noise, gain, logarithm.

Source of the formulas: TFLM's `signal/src` (`filter_bank*.cc`, `square_root_*.cc`, `pcan_argc_fixed.cc`, `log.cc`).
Channels are 1-D arrays. Unsigned numbers wrap around, as in C.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Int16s = NDArray[np.int16]
UInt32s = NDArray[np.uint32]
UInt64s = NDArray[np.uint64]

# The number of entries that PCAN's gain table needs: three per binary order of magnitude, one apart by four.
PCAN_GAIN_TABLE_SIZE = 125

_PCAN_SNR_BITS = 12
_PCAN_OUTPUT_BITS = 6

# log2(1 + i/128) − i/128, the bend of the logarithm between two powers of 2, with 16 bits of fraction. The last
# entry stands for i = 129, which is multiplied by zero.
_LOG_SEGMENT_BITS = 7
_LOG_BEND = np.array(
    [math.floor(65536 * (math.log2(1 + i / 128) - i / 128) + 0.5) for i in range(129)] + [0], np.int64
)
_LN_2 = 45426  # with 16 bits of fraction


class FilterBank:
    """Sums of a spectrum's energies, weighted by overlapping filters.

    Segment i of the spectrum starts at `frequency_starts[i]`, its weights at `weight_starts[i]`, and it is
    `widths[i]` wide. Channel c gets segment c + 1 times `weights`, plus segment c times `unweights`.

    Args:
        weights: (w,) int16; `unweights` the same.
        unweights: see `weights`.
        frequency_starts: int16, of at least num_channels + 1 elements; `weight_starts` and `widths` the same.
        weight_starts: see `frequency_starts`.
        widths: see `frequency_starts`.
        num_channels: number of channels that come out.
        num_frequencies: size of the spectrum.

    Raises:
        ValueError: a table is too short, or a segment leaves the spectrum or the weights.
    """

    def __init__(
        self,
        weights: Int16s,
        unweights: Int16s,
        frequency_starts: Int16s,
        weight_starts: Int16s,
        widths: Int16s,
        *,
        num_channels: int,
        num_frequencies: int,
    ) -> None:
        tables = (frequency_starts, weight_starts, widths)
        if num_channels < 0 or any(table.size <= num_channels for table in tables):
            raise ValueError(f"the tables of {num_channels} channels must have {num_channels + 1} elements")
        starts, offsets, sizes = (table[: num_channels + 1].astype(np.int64) for table in tables)
        sizes = np.maximum(sizes, 0)
        ends = np.cumsum(sizes)
        within = np.arange(ends[-1]) - np.repeat(ends - sizes, sizes)
        self._frequencies = np.repeat(starts, sizes) + within
        places = np.repeat(offsets, sizes) + within
        if not _in_range(self._frequencies, num_frequencies):
            raise ValueError(f"a segment leaves the spectrum of {num_frequencies} frequencies")
        if not _in_range(places, min(weights.size, unweights.size)):
            raise ValueError("a segment leaves the weights")
        # int16 → uint64 keeps the sign, modulo 2^64
        self._weights = np.stack([weights[places], unweights[places]]).astype(np.uint64)
        self._bounds = np.concatenate([np.zeros(1, np.int64), ends])

    def __call__(self, energies: UInt32s) -> UInt64s:
        """The channels, uint64, of a spectrum's energies, uint32."""
        products = self._weights * energies[self._frequencies].astype(np.uint64)
        # Differences of running sums, exact modulo 2^64, whatever the widths (zero too).
        running = np.zeros((2, products.shape[1] + 1), np.uint64)
        np.cumsum(products, axis=1, out=running[:, 1:])
        at_bounds = running[:, self._bounds]
        weighted, unweighted = at_bounds[:, 1:] - at_bounds[:, :-1]
        sums: UInt64s = weighted[1:] + unweighted[:-1]
        return sums


def _in_range(indices: NDArray[np.int64], size: int) -> bool:
    return indices.size == 0 or bool(indices.min() >= 0 and indices.max() < size)


def filter_bank_square_root_uint64(x: UInt64s, scale_bits: int) -> UInt32s:
    """The square root, rounded to the nearest, shifted right by `scale_bits` (modulo 32, as x86 does).

    Below 2^32 TFLM computes in 16 bits, and above in 32: the largest number of each is not rounded up.
    """
    root = np.minimum(np.sqrt(x.astype(np.float64)), np.float64(2**32 - 1)).astype(np.uint64)
    # float64 has too few bits: its root may be off by one
    root -= root * root > x
    root += x - root * root > 2 * root
    is_largest = (root == 2**16 - 1) | (root == 2**32 - 1)
    root += (x - root * root > root) & ~is_largest
    shifted: UInt32s = root.astype(np.uint32) >> np.uint32(scale_bits & 31)
    return shifted


class SpectralSubtraction:
    """Channels less their noise, which a low-pass filter estimates from call to call, starting at zero.

    Coefficients have `spectral_subtraction_bits` bits of fraction and wrap to uint32; channels of odd number have
    `alternate` ones. Shifts are by 0 to 31 (`smoothing_bits`) and 0 to 63 bits.
    """

    def __init__(
        self,
        num_channels: int,
        smoothing: int,
        one_minus_smoothing: int,
        alternate_smoothing: int,
        alternate_one_minus_smoothing: int,
        min_signal_remaining: int,
        smoothing_bits: int,
        spectral_subtraction_bits: int,
        clamping: bool,
    ) -> None:
        def alternate(even: int, odd: int) -> UInt64s:
            pair = np.array([even & 0xFFFFFFFF, odd & 0xFFFFFFFF], np.uint64)
            return np.resize(pair, num_channels)

        self._smoothing = alternate(smoothing, alternate_smoothing)
        self._one_minus_smoothing = alternate(one_minus_smoothing, alternate_one_minus_smoothing)
        self._min_signal_remaining = np.uint64(min_signal_remaining & 0xFFFFFFFF)
        self._smoothing_bits = np.uint32(smoothing_bits)
        self._bits = np.uint64(spectral_subtraction_bits)
        self._clamping = clamping
        self.noise_estimate: UInt32s = np.zeros(num_channels, np.uint32)

    def reset(self) -> None:
        """Forget the noise."""
        self.noise_estimate.fill(0)

    def __call__(self, x: UInt32s) -> UInt32s:
        """The channels that remain; the noise is in `noise_estimate` afterwards."""
        scaled_up = x << self._smoothing_bits
        filtered = scaled_up * self._smoothing + self.noise_estimate * self._one_minus_smoothing
        estimate = (filtered >> self._bits).astype(np.uint32)
        subtracted = np.minimum(estimate, scaled_up)  # the remainder must not be negative
        self.noise_estimate = subtracted if self._clamping else estimate
        floor = ((x.astype(np.uint64) * self._min_signal_remaining) >> self._bits).astype(np.uint32)
        remainder: UInt32s = np.maximum((scaled_up - subtracted) >> self._smoothing_bits, floor)
        return remainder


def pcan_uint32(x: UInt32s, noise_estimate: UInt32s, gain_table: Int16s, snr_shift: int) -> UInt32s:
    """Channels with their gain controlled by the noise (per-channel amplitude normalization).

    `gain_table` has at least `PCAN_GAIN_TABLE_SIZE` elements; `snr_shift` is 0 to 63.
    """
    # int16 → uint32 → uint64: a negative gain becomes a large number
    gain = _wide_dynamic_function(noise_estimate, gain_table).astype(np.uint32).astype(np.uint64)
    snr = ((x * gain) >> np.uint64(snr_shift)).astype(np.uint32)
    # x²/4 below 2, x − 1 above
    square = (snr * snr) >> np.uint32(2 + 2 * _PCAN_SNR_BITS - _PCAN_OUTPUT_BITS)
    line = (snr >> np.uint32(_PCAN_SNR_BITS - _PCAN_OUTPUT_BITS)) - np.uint32(1 << _PCAN_OUTPUT_BITS)
    shrunk: UInt32s = np.where(snr < 2 << _PCAN_SNR_BITS, square, line)
    return shrunk


def _wide_dynamic_function(x: UInt32s, table: Int16s) -> NDArray[np.int16]:
    """A function by quadratic interpolation, one piece per binary order of magnitude of x."""
    wide = x.astype(np.int64)
    order = _bit_length(wide)
    base = np.where(wide <= 2, wide, 4 * order - 6)
    piece = np.maximum(base, 0)[:, np.newaxis] + np.arange(3)
    value, slope, bend = table[np.minimum(piece, table.size - 1)].astype(np.int64).T
    # the 10 bits after the leading one
    fraction = ((wide << 11) >> order) & 0x3FF
    curve = ((bend * fraction) >> 5) + (slope << 5)
    interpolated = value + ((curve * fraction + (1 << 14)) >> 15)
    result: Int16s = np.where(wide <= 2, value, interpolated).astype(np.int16)
    return result


def filter_bank_log_uint32(x: UInt32s, output_scale: int, correction_bits: int) -> Int16s:
    """ln(x · 2^correction_bits) · output_scale, saturated; zero where the logarithm is not positive.

    `correction_bits` is 0 to 31; bits shifted out of 32 are lost. `output_scale` wraps to uint32.
    """
    scaled = (x << np.uint32(correction_bits)).astype(np.int64)
    positive = np.maximum(scaled, 1)
    whole = _bit_length(positive) - 1
    fraction = ((positive << 16) >> whole) - (1 << 16)
    segment = fraction >> (16 - _LOG_SEGMENT_BITS)
    below, above = _LOG_BEND[segment], _LOG_BEND[segment + 1]
    # TFLM interpolates with the distance as a fraction of 2^16, though a segment is only 2^9 wide.
    within = fraction - (segment << (16 - _LOG_SEGMENT_BITS))
    log2 = (whole << 16) + fraction + below + (((above - below) * within) >> 16)
    ln = (_LN_2 * log2 + (1 << 15)) >> 16
    result = ((ln * (output_scale & 0xFFFFFFFF) + (1 << 15)) & 0xFFFFFFFF) >> 16
    saturated: Int16s = np.where(scaled > 1, np.minimum(result, 32767), 0).astype(np.int16)
    return saturated


def _bit_length(x: NDArray[np.int64]) -> NDArray[np.int64]:
    """The number of bits of numbers from 0 to 2^32 − 1; float64 holds them exactly."""
    return np.frexp(x.astype(np.float64))[1].astype(np.int64)
