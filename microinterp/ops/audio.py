"""LiteRT's custom operators for audio, AudioSpectrogram and Mfcc."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from microinterp_kernels.mfcc import Mfcc

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from .node import Invocation, Node

Float32s = NDArray[np.float32]


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
        output[...] = known[sample_rate](spectra.reshape(-1, bins)).reshape(output.shape)

    return Invocation(invoke, (spectra, rate, output))
