"""LiteRT's RFFT2D and AudioSpectrogram: float64 FFTs of float32 numbers.

Source of the formulas: LiteRT's `kernels/rfft2d.cc`, `kernels/audio_spectrogram.cc` and
`kernels/internal/spectrogram.cc`; `rdft2d` of Ooura's `fftsg2d.c`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .split_radix_fft import SplitRadixFft, SplitRadixRealFft

Float32s = NDArray[np.float32]
Float64s = NDArray[np.float64]
Complex64s = NDArray[np.complex64]


class Rfft2d:
    """FFTs of matrices of real numbers, cut off or padded with zeros to a height and width: powers of 2."""

    def __init__(self, height: int, width: int) -> None:
        self._height, self._width = height, width
        # a row of one number counts as one of two, whose second is 0
        self._rows = SplitRadixRealFft(max(width, 2))
        self._columns = SplitRadixFft(height)

    def __call__(self, x: Float32s) -> Complex64s:
        """The spectra, (n, height, width / 2 + 1), of matrices x (n, …, …)."""
        height, width = self._height, self._width
        a = np.zeros((len(x), height, width + 2))
        a[:, : x.shape[1], : min(width, x.shape[2])] = x[:, :height, :width]
        with np.errstate(over="ignore", invalid="ignore"):
            row = max(width, 2)
            a[:, :, :row] = self._rows(a[:, :, :row])
            if width > 1:  # columns of complex numbers
                columns = a[:, :, :width].reshape(len(x), height, width // 2, 2).transpose(3, 0, 2, 1)
                a[:, :, :width] = self._columns(columns).transpose(1, 3, 2, 0).reshape(len(x), height, width)
            self._separate(a)
            self._unpack(a)
            a[:, :, 1::2] *= -1
            parts = a[:, :, : width // 2 * 2 + 2].astype(np.float32)
        spectra: Complex64s = parts.view(np.complex64)
        return spectra

    def _separate(self, a: Float64s) -> None:
        """The first and the last column of real FFTs, which have been transformed as one of complex numbers."""
        half = self._height // 2
        upper, lower = a[:, 1:half], a[:, :-half:-1] if half > 1 else a[:, :0]
        lower[..., 0] = 0.5 * (upper[..., 0] - lower[..., 0])
        upper[..., 0] -= lower[..., 0]
        lower[..., 1] = 0.5 * (upper[..., 1] + lower[..., 1])
        upper[..., 1] -= lower[..., 1]

    def _unpack(self, a: Float64s) -> None:
        """Write the last column out, and the other half of the first."""
        half, width = self._height // 2, self._width
        upper, lower = a[:, 1:half], a[:, :-half:-1] if half > 1 else a[:, :0]
        real, imaginary = lower[..., 0].copy(), lower[..., 1].copy()
        lower[..., width], lower[..., width + 1] = imaginary, real
        upper[..., width], upper[..., width + 1] = imaginary, -real
        lower[..., 0], lower[..., 1] = upper[..., 0], -upper[..., 1]
        last = a[:, 0, 1].copy()
        a[:, 0, width + 1] = 0
        a[:, 0, 1] = 0
        a[:, half, width] = a[:, half, 1]
        a[:, half, width + 1] = 0
        a[:, half, 1] = 0
        a[:, 0, width] = last


class AudioSpectrogram:
    """Spectra of windows of `window_size` samples, one every `stride`, tapered off by a Hann window."""

    def __init__(self, window_size: int, stride: int, magnitude_squared: bool) -> None:
        self._size, self._stride, self._is_squared = window_size, stride, magnitude_squared
        self._window = np.array(
            [0.5 - 0.5 * math.cos((2.0 * math.pi * i) / window_size) for i in range(window_size)]
        )
        self._length = 1 << (window_size - 1).bit_length()
        self._fft = SplitRadixRealFft(self._length)
        self.num_frequencies = 1 + self._length // 2

    def num_windows(self, num_samples: int) -> int:
        """How many windows fit."""
        return 0 if num_samples < self._size else 1 + (num_samples - self._size) // self._stride

    def __call__(self, samples: Float32s) -> Float32s:
        """Magnitudes, (channels, windows, frequencies), of samples (channels, n)."""
        starts = self._stride * np.arange(self.num_windows(samples.shape[1]))
        windows = samples[:, starts[:, np.newaxis] + np.arange(self._size)]
        padded = np.zeros((*windows.shape[:2], self._length))
        padded[..., : self._size] = windows * self._window
        with np.errstate(over="ignore", invalid="ignore"):
            packed = self._fft(padded)
            squares: Float32s = np.empty((*windows.shape[:2], self.num_frequencies), np.float32)
            real, imaginary = packed[..., ::2], packed[..., 1::2]
            squares[..., 0] = real[..., 0] * real[..., 0]
            squares[..., -1] = imaginary[..., 0] * imaginary[..., 0]
            squares[..., 1:-1] = real[..., 1:] * real[..., 1:] + imaginary[..., 1:] * imaginary[..., 1:]
            return squares if self._is_squared else np.sqrt(squares)
