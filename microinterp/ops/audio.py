"""LiteRT's RFFT2D, and its custom operators for audio, AudioSpectrogram and Mfcc."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microinterp_kernels.mfcc import Mfcc
from microinterp_kernels.spectra import AudioSpectrogram, Rfft2d

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from .node import Invocation, Node
from .shapes import Movement, prepare_movement

Float32s = NDArray[np.float32]

# The constants of more would take minutes to compute.
_LONGEST_FFT = 2**20


def prepare_rfft2d(node: Node) -> Invocation:
    """RFFT2D: spectra […, height, width / 2 + 1] of float32 […, rows, columns], for a height and a width."""
    node.require_counts(2, 1)
    x, lengths, output = node.input(0), node.input(1), node.output()
    node.require(len(x.shape) >= 2, f"{x} must have at least two dimensions")
    node.require_type(x, TensorType.FLOAT32)
    node.require_rank(lengths, 1)
    node.require(lengths.shape == (2,), f"{lengths} must have two elements")
    node.require_type(lengths, TensorType.INT32)
    node.require_type(output, TensorType.COMPLEX64)
    *outer, rows, columns = x.shape

    def rule(lengths: Array) -> Movement:
        height, width = lengths.tolist()
        if any(n <= 0 or n & (n - 1) or n > _LONGEST_FFT for n in (height, width)):
            raise InvokeError(f"{height} and {width} must be powers of 2, up to {_LONGEST_FFT}")
        fft = Rfft2d(height, width)

        def move(x: Float32s, output: Array) -> None:
            output[...] = fft(x.reshape(prod(outer), rows, columns)).reshape(output.shape)

        return (*outer, height, width // 2 + 1), move

    return prepare_movement(node, rule, (x,), (lengths,))


def prepare_audio_spectrogram(node: Node) -> Invocation:
    """AudioSpectrogram: magnitudes [channels, windows, frequencies] of samples [n, channels], float32."""
    node.require_counts(1, 1)
    x, output = node.input(0), node.output()
    node.require_rank(x, 2)
    node.require_type(output, TensorType.FLOAT32)
    node.require_type(x, TensorType.FLOAT32)
    size, stride = _integer(node, "window_size"), _integer(node, "stride")
    node.require(2 <= size <= _LONGEST_FFT, f"window_size must be from 2 to {_LONGEST_FFT}, but is {size}")
    node.require(stride >= 1, f"stride must be positive, but is {stride}")
    spectrogram = AudioSpectrogram(size, stride, bool(node.options.get("magnitude_squared")))
    output.shape = (x.shape[1], spectrogram.num_windows(x.shape[0]), spectrogram.num_frequencies)

    def invoke(x: Float32s, output: Float32s) -> None:
        output[...] = spectrogram(x.T)

    return Invocation(invoke, (x, output), spectrogram)


def _integer(node: Node, name: str) -> int:
    """An option as FlexBuffers' `AsInt64` reads it: cut off, 0 if it is missing."""
    value: Any = node.options.get(name, 0)
    return int(value) if isinstance(value, (int, float)) and abs(value) < 2**31 else 0


def prepare_mfcc(node: Node) -> Invocation:
    """Mfcc: coefficients [channels, frames, dct_coefficient_count] of spectra [channels, frames, bins], float32."""
    node.require_counts(2, 1)
    spectra, rate, output = node.input(0), node.input(1), node.output()
    node.require_rank(spectra, 3)
    node.require(rate.size == 1, f"{rate} must have one element")
    node.require_type(output, TensorType.FLOAT32)
    node.require_type(spectra, TensorType.FLOAT32)
    node.require_type(rate, TensorType.INT32)
    count, channels = _integer(node, "dct_coefficient_count"), _integer(node, "filterbank_channel_count")
    node.require(count >= 0, f"dct_coefficient_count must not be negative, but is {count}")
    lower, upper = (float(np.float32(_integer(node, f"{end}_frequency_limit"))) for end in ("lower", "upper"))
    *outer, bins = spectra.shape
    output.shape = (*outer, count)
    known: dict[int, Mfcc] = {}

    def invoke(spectra: Float32s, rate: Array, output: Float32s) -> None:
        if output.size == 0:
            return
        sample_rate = int(rate.flat[0])
        if sample_rate not in known:
            known.clear()
            try:
                known[sample_rate] = Mfcc(bins, sample_rate, lower, upper, channels, count)
            except ValueError as error:
                raise InvokeError(str(error)) from None
        output[...] = known[sample_rate](spectra.reshape(prod(outer), bins)).reshape(output.shape)

    return Invocation(invoke, (spectra, rate, output))
