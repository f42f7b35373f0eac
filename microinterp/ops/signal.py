"""TFLM's custom operators for audio front ends: from samples to the logarithms of mel channels.

TFLM's kernels take most sizes on trust; where one does not fit, they read or write beyond their tensors. Such
models are refused here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from microinterp_kernels.filter_bank import (
    PCAN_GAIN_TABLE_SIZE,
    FilterBank,
    SpectralSubtraction,
    filter_bank_log_uint32,
    filter_bank_square_root_uint64,
    pcan_uint32,
)
from microinterp_kernels.real_fft import InverseRealFft, RealFft
from microinterp_kernels.signal import energy_int16, fft_auto_scale_int16, window_int16

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from .common import integer_option, require_declared_rank
from .node import Invocation, Node, RuntimeTensor

Int16s = NDArray[np.int16]
Int32s = NDArray[np.int32]
UInt32s = NDArray[np.uint32]
UInt64s = NDArray[np.uint64]

_LONGEST_FFT = 2**20


def _vector(node: Node, tensor: RuntimeTensor, element_type: TensorType) -> RuntimeTensor:
    """The tensor, which must have rank 1 and this type."""
    node.require_rank(tensor, 1)
    node.require_type(tensor, element_type)
    return tensor


def prepare_signal_window(node: Node) -> Invocation:
    """Samples times a window: input (…), weights (n,), both int16; the input's size is a multiple of n."""
    node.require_counts(2, 1)
    x, weights, output = node.input(0), _vector(node, node.input(1), TensorType.INT16), node.output()
    node.require(len(x.shape) >= 1, f"{x} must have at least one dimension")
    node.require_type(x, TensorType.INT16)
    node.require_type(output, TensorType.INT16)
    require_declared_rank(node, output, len(x.shape))
    node.require(
        weights.size > 0 and x.size % weights.size == 0,
        f"the size of {x} must be a multiple of that of {weights}",
    )
    shift = integer_option(node, "shift", 0, 31)
    output.shape = x.shape

    def invoke(x: Int16s, weights: Int16s, output: Int16s) -> None:
        output[...] = window_int16(x, weights, shift)

    return Invocation(invoke, (x, weights, output))


def prepare_signal_fft_auto_scale(node: Node) -> Invocation:
    """Samples (n,) int16 shifted up as far as they go, and by how many bits: a scalar, int32."""
    node.require_counts(1, 2)
    x, output, bits = _vector(node, node.input(0), TensorType.INT16), node.output(0), node.output(1)
    node.require_type(output, TensorType.INT16)
    node.require_type(bits, TensorType.INT32)
    require_declared_rank(node, output, 1)
    require_declared_rank(node, bits, 0)
    output.shape, bits.shape = x.shape, ()

    def invoke(x: Int16s, output: Int16s, bits: Int32s) -> None:
        output[...], bits[...] = fft_auto_scale_int16(x)

    return Invocation(invoke, (x, output, bits))


def prepare_signal_rfft(node: Node) -> Invocation:
    """Signals (…, n), padded with zeros to `fft_length`, to spectra (…, fft_length + 2) of interleaved complex."""
    x, output, length = _fft_tensors(node)
    size = x.shape[-1]
    node.require(size <= length, f"{x} has more samples than fft_length, {length}")
    try:
        fft = RealFft(length, x.dtype)
    except ValueError as error:
        node.fail(str(error))
    output.shape = (*x.shape[:-1], length + 2)
    padded = np.zeros((*x.shape[:-1], length), x.dtype)

    def invoke(x: Array, output: Array) -> None:
        padded[..., :size] = x
        output[...] = fft(padded)

    return Invocation(invoke, (x, output), fft)


def prepare_signal_irfft(node: Node) -> Invocation:
    """Spectra (…, fft_length + 2 or more) of interleaved complex, to signals (…, fft_length)."""
    x, output, length = _fft_tensors(node)
    try:
        fft = InverseRealFft(length, x.dtype)
    except ValueError as error:
        node.fail(str(error))
    size = length + 2
    node.require(
        x.shape[-1] >= size and x.shape[-1] % 2 == 0,
        f"{x} must have complex numbers, at least the {size // 2} of a spectrum of fft_length {length}",
    )
    output.shape = (*x.shape[:-1], length)

    def invoke(x: Array, output: Array) -> None:
        output[...] = fft(x[..., :size])

    return Invocation(invoke, (x, output), fft)


def _fft_tensors(node: Node) -> tuple[RuntimeTensor, RuntimeTensor, int]:
    """The input and the output of an FFT, and its length."""
    node.require_counts(1, 1)
    x, output = node.input(0), node.output()
    length = integer_option(node, "fft_length", 0)
    element_type = integer_option(node, "T")
    node.require(
        element_type in (TensorType.INT16, TensorType.INT32, TensorType.FLOAT32),
        f"option T must be INT16, INT32 or FLOAT32, but is {element_type}",
    )
    node.require_type(x, TensorType(element_type))
    node.require_type(output, TensorType(element_type))
    node.require(len(x.shape) >= 1, f"{x} must have at least one dimension")
    require_declared_rank(node, output, len(x.shape))
    # Far beyond what a microcontroller transforms; the constants of more would take minutes to compute.
    node.require(length <= _LONGEST_FFT, f"fft_length must be at most {_LONGEST_FFT}, but is {length}")
    return x, output, length


def prepare_signal_energy(node: Node) -> Invocation:
    """Energies (n,) uint32 of the bins `start_index` to `end_index` (excluded) of a spectrum (2·n,) int16.

    As in TFLM, the rest of the output stays as it is.
    """
    node.require_counts(1, 1)
    x, output = _vector(node, node.input(0), TensorType.INT16), node.output()
    node.require_type(output, TensorType.UINT32)
    require_declared_rank(node, output, 1)
    bins = x.size // 2
    start, end = integer_option(node, "start_index", 0), integer_option(node, "end_index", 0, bins)
    output.shape = (bins,)

    def invoke(x: Int16s, output: UInt32s) -> None:
        output[start:end] = energy_int16(x[2 * start : 2 * end])

    return Invocation(invoke, (x, output))


def prepare_signal_filter_bank(node: Node) -> Invocation:
    """Weighted sums (num_channels,) uint64 of energies (n,) uint32; see `FilterBank` for the five tables."""
    node.require_counts(6, 1)
    x, output = _vector(node, node.input(0), TensorType.UINT32), node.output()
    tables = tuple(_vector(node, node.input(i), TensorType.INT16) for i in range(1, 6))
    node.require_type(output, TensorType.UINT64)
    require_declared_rank(node, output, 1)
    channels = integer_option(node, "num_channels", 0, x.size + sum(t.size for t in tables))
    output.shape = (channels,)
    if any(table.constant is None for table in tables):

        def invoke_any(x: UInt32s, *rest: Array) -> None:
            *values, output = rest
            try:
                bank = FilterBank(*values, num_channels=channels, num_frequencies=x.size)
            except ValueError as error:
                raise InvokeError(str(error)) from None
            output[...] = bank(x)

        return Invocation(invoke_any, (x, *tables, output))
    try:
        constants = (node.constant(i) for i in range(1, 6))
        bank = FilterBank(*constants, num_channels=channels, num_frequencies=x.size)
    except ValueError as error:
        node.fail(str(error))

    def invoke(x: UInt32s, output: UInt64s) -> None:
        output[...] = bank(x)

    return Invocation(invoke, (x, output), bank)


def prepare_signal_filter_bank_square_root(node: Node) -> Invocation:
    """Square roots (n,) uint32 of channels (n,) uint64, shifted down by a scalar, int32."""
    node.require_counts(2, 1)
    x, bits, output = _vector(node, node.input(0), TensorType.UINT64), node.input(1), node.output()
    node.require_rank(bits, 0)
    node.require_type(bits, TensorType.INT32)
    node.require_type(output, TensorType.UINT32)
    require_declared_rank(node, output, 1)
    output.shape = x.shape

    def invoke(x: UInt64s, bits: Int32s, output: UInt32s) -> None:
        output[...] = filter_bank_square_root_uint64(x, int(bits))

    return Invocation(invoke, (x, bits, output))


def prepare_signal_filter_bank_spectral_subtraction(node: Node) -> Invocation:
    """Channels (n,) uint32 less their noise, and the noise, both (n,) uint32; it is kept from call to call."""
    node.require_counts(1, 2)
    x, output, noise = _vector(node, node.input(0), TensorType.UINT32), node.output(0), node.output(1)
    for tensor in (output, noise):
        node.require_type(tensor, TensorType.UINT32)
        require_declared_rank(node, tensor, 1)
        tensor.shape = x.shape
    subtraction = SpectralSubtraction(
        num_channels=integer_option(node, "num_channels", x.size, x.size),
        smoothing=integer_option(node, "smoothing"),
        one_minus_smoothing=integer_option(node, "one_minus_smoothing"),
        alternate_smoothing=integer_option(node, "alternate_smoothing"),
        alternate_one_minus_smoothing=integer_option(node, "alternate_one_minus_smoothing"),
        min_signal_remaining=integer_option(node, "min_signal_remaining"),
        smoothing_bits=integer_option(node, "smoothing_bits", 0, 31),
        spectral_subtraction_bits=integer_option(node, "spectral_subtraction_bits", 0, 63),
        clamping=bool(integer_option(node, "clamping")),
    )

    def invoke(x: UInt32s, output: UInt32s, noise: UInt32s) -> None:
        output[...] = subtraction(x)
        noise[...] = subtraction.noise_estimate

    return Invocation(invoke, (x, output, noise), subtraction, reset=subtraction.reset)


def prepare_signal_pcan(node: Node) -> Invocation:
    """Channels (n,) uint32 with a gain that depends on their noise (n,) uint32, by a table (125,) int16."""
    node.require_counts(3, 1)
    x, noise = (_vector(node, node.input(i), TensorType.UINT32) for i in range(2))
    table, output = _vector(node, node.input(2), TensorType.INT16), node.output()
    node.require_type(output, TensorType.UINT32)
    require_declared_rank(node, output, 1)
    node.require(noise.size >= x.size, f"{noise} must have as many channels as {x}")
    node.require(table.size >= PCAN_GAIN_TABLE_SIZE, f"{table} must have {PCAN_GAIN_TABLE_SIZE} elements")
    shift = integer_option(node, "snr_shift", 0, 63)
    output.shape = x.shape

    def invoke(x: UInt32s, noise: UInt32s, table: Int16s, output: UInt32s) -> None:
        output[...] = pcan_uint32(x, noise[: x.size], table, shift)

    return Invocation(invoke, (x, noise, table, output))


def prepare_signal_filter_bank_log(node: Node) -> Invocation:
    """Logarithms (n,) int16 of channels (n,) uint32."""
    node.require_counts(1, 1)
    x, output = _vector(node, node.input(0), TensorType.UINT32), node.output()
    node.require_type(output, TensorType.INT16)
    require_declared_rank(node, output, 1)
    scale, bits = integer_option(node, "output_scale"), integer_option(node, "input_correction_bits", 0, 31)
    output.shape = x.shape

    def invoke(x: UInt32s, output: Int16s) -> None:
        output[...] = filter_bank_log_uint32(x, scale, bits)

    return Invocation(invoke, (x, output))
