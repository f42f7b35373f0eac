"""Mel-frequency cepstral coefficients as LiteRT's custom operator Mfcc computes them, in float64.

Source of the formulas: LiteRT's `kernels/internal/mfcc.cc`, `mfcc_mel_filterbank.cc` and `mfcc_dct.cc`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Float32s = NDArray[np.float32]
Float64s = NDArray[np.float64]

_FLOOR = 1e-12


class Mfcc:
    """Coefficients of spectra of `bins` squared magnitudes, from 0 to half the sample rate.

    The magnitudes are summed up in triangular windows (`channels`, equally wide on the mel scale between two
    frequencies); the cosine transform of their logarithms is what comes out.

    Raises:
        ValueError: no such filter bank or transform exists.
    """

    def __init__(
        self,
        bins: int,
        sample_rate: int,
        lower_frequency: float,
        upper_frequency: float,
        channels: int,
        count: int,
    ) -> None:
        if not 1 <= count <= channels:
            raise ValueError(f"cannot make {count} coefficients of {channels} channels")
        if sample_rate <= 0 or bins < 2:
            raise ValueError(f"there is no spectrum of {bins} bins at {sample_rate} samples per second")
        if not 0 <= lower_frequency < upper_frequency:
            raise ValueError(f"there are no frequencies between {lower_frequency} and {upper_frequency}")
        low, high = _mel(lower_frequency), _mel(upper_frequency)
        spacing = (high - low) / (channels + 1)
        centers = [low + spacing * (i + 1) for i in range(channels + 1)]
        hertz = 0.5 * sample_rate / (bins - 1)
        self._first, last = int(1.5 + lower_frequency / hertz), int(upper_frequency / hertz)
        #: Whether the spectra reach up to the upper frequency; if not, everything is zero.
        self._is_complete = last < bins
        self._end = max(self._first, last + 1) if self._is_complete else self._first
        self._channels = channels
        # the channel on whose falling side each bin lies, −1 before the first center
        self._channel: list[int] = []
        weights = []
        channel = 0
        for i in range(self._first, self._end):
            mel = _mel(i * hertz)
            while channel < channels and centers[channel] < mel:
                channel += 1
            self._channel.append(channel - 1)
            left = low if channel == 0 else centers[channel - 1]
            weights.append((centers[channel] - mel) / (centers[channel] - left))
        self._weights = np.array(weights)
        norm, step = math.sqrt(2.0 / channels), math.pi / channels
        self._cosines = np.array(
            [[norm * math.cos(i * step * (j + 0.5)) for i in range(count)] for j in range(channels)]
        )

    def __call__(self, spectra: Float32s) -> Float32s:
        """The coefficients, (n, count), of spectra (n, bins)."""
        totals: Float64s = np.zeros((self._cosines.shape[1], len(spectra)))
        if self._is_complete:
            with np.errstate(invalid="ignore", over="ignore"):
                for cosines, logarithms in zip(self._cosines, _log(self._sums(spectra)), strict=True):
                    totals += cosines[:, np.newaxis] * logarithms
        return totals.T.astype(np.float32)

    def _sums(self, spectra: Float32s) -> Float64s:
        """The magnitudes in each window, (channels, n)."""
        magnitudes = np.sqrt(spectra[:, self._first : self._end].T.astype(np.float64))
        falling = magnitudes * self._weights[:, np.newaxis]
        rising = magnitudes - falling
        sums = np.zeros((self._channels, len(spectra)))
        for i, channel in enumerate(self._channel):
            if channel >= 0:
                sums[channel] += falling[i]
            if channel + 1 < self._channels:
                sums[channel + 1] += rising[i]
        sums[sums < _FLOOR] = _FLOOR
        return sums


def _log(x: Float64s) -> Float64s:
    """The C library's logarithms: NumPy's may have another last bit, which may be all that the cosines leave."""
    return np.fromiter(map(math.log, x.ravel().tolist()), np.float64, x.size).reshape(x.shape)


def _mel(frequency: float) -> float:
    return 1127.0 * math.log1p(frequency / 700.0)
