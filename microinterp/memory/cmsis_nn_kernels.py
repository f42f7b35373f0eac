"""The requests of TFLM's CMSIS-NN kernels, built for speed with GCC; other operators are the reference ones.

The sizes of the scratch buffers are those of CMSIS-NN's `arm_*_get_buffer_size` functions
(commit 4ab83cc3cc98fb85ed6dafb55e8ca02f1628dcae).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..model.ir import TensorType
from ..model.schema import Padding
from .kernel_memory import (
    FLOATS,
    KernelContext,
    KernelLibrary,
    KernelRule,
    elements,
    same,
    scale_count,
    temps,
)
from .plan import align_up
from .reference_kernels import (
    REFERENCE,
    dimension,
    lstm_scratch,
    lstm_temps,
    per_channel,
    softmax,
    svdf,
    transpose_conv_end,
    transposed_operands,
)

_INT8_OR_16 = (TensorType.INT8, TensorType.INT16)


@dataclass(frozen=True)
class _Convolution:
    """The numbers of a convolution that its scratch depends on."""

    batch: int
    in_h: int
    in_w: int
    channels_in: int
    filter_h: int
    filter_w: int
    filter_channels: int
    channels_out: int
    out_w: int
    stride_w: int
    dilation_h: int
    dilation_w: int
    pad_h: int
    pad_w: int


def _convolution(k: KernelContext) -> _Convolution:
    image, weights, output = k.required(0), k.required(1), k.output()
    options = k.options
    sizes = []
    for axis in ("h", "w"):
        i = 1 if axis == "h" else 2
        stride = max(int(options[f"stride_{axis}"]), 1)
        dilation = int(options[f"dilation_{axis}_factor"])
        size, kernel = dimension(image, i), dimension(weights, i)
        span = (-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1
        pad = max(span - size, 0) // 2 if options["padding"] == Padding.SAME else 0
        sizes.append((size, kernel, stride, dilation, pad))
    (in_h, filter_h, _, dilation_h, pad_h), (in_w, filter_w, stride_w, dilation_w, pad_w) = sizes
    return _Convolution(
        batch=dimension(image, 0),
        in_h=in_h,
        in_w=in_w,
        channels_in=dimension(image, 3),
        filter_h=filter_h,
        filter_w=filter_w,
        filter_channels=dimension(weights, 3),
        channels_out=dimension(output, 3),
        out_w=dimension(output, 2),
        stride_w=stride_w,
        dilation_h=dilation_h,
        dilation_w=dilation_w,
        pad_h=pad_h,
        pad_w=pad_w,
    )


def _im2col_int8(k: KernelContext, row: int) -> int:
    """Bytes that hold one convolution window as the vector code reads it."""
    if k.target.vector == "mve":
        return 4 * align_up(row, 16)
    return 4 * align_up(row, 4)


def _conv_int8_bytes(k: KernelContext, c: _Convolution) -> int:
    """`arm_convolve_wrapper_s8_get_buffer_size`."""
    row = c.channels_in * c.filter_h * c.filter_w
    undilated = c.dilation_h == 1 and c.dilation_w == 1
    whole = c.channels_in == c.filter_channels
    if c.filter_h == c.filter_w == 1 and c.pad_h == c.pad_w == 0 and undilated and whole:
        return 0
    one_row = c.in_h == 1 and c.filter_h == 1 and c.dilation_w == 1
    if one_row and (c.stride_w * c.channels_in) % 4 == 0 and whole and k.target.vector == "mve":
        return _conv_1_x_n_bytes(k, c)
    return _im2col_int8(k, row)


def _conv_1_x_n_bytes(k: KernelContext, c: _Convolution) -> int:
    """`arm_convolve_1_x_n_s8_get_buffer_size_mve`."""
    total = (c.out_w - 1) * c.stride_w + c.filter_w - c.in_w
    asymmetry = abs(total) % 2 * (1 if total >= 0 else -1)
    right = max(1, (c.pad_w + asymmetry + c.stride_w - 1) // c.stride_w) if c.pad_w + asymmetry != 0 else 0
    left = max(1, (c.pad_w + c.stride_w - 1) // c.stride_w) if c.pad_w != 0 else 0
    unpadded = max(c.out_w - left - right, 0)
    if left + unpadded + right != c.out_w:
        return _im2col_int8(k, c.channels_in * c.filter_h * c.filter_w)
    end = right * c.channels_in if asymmetry else c.pad_w * c.channels_in
    return max(c.filter_w * c.channels_in + c.pad_w * c.channels_in, (c.filter_w - 1) * c.channels_in + end)


def conv_2d(k: KernelContext) -> None:
    """`cmsis_nn/conv.cc`: no arrays for float."""
    k.temps("i0 i1 o0")
    type_ = k.required(0).type
    if type_ in _INT8_OR_16:
        per_channel(k, dimension(k.required(1), 0))
    k.temps("i0 i1 i2 o0")
    c = _convolution(k)
    if type_ == TensorType.INT8:
        _scratch_if_any(k, _conv_int8_bytes(k, c))
    elif type_ == TensorType.INT16:
        row = c.channels_in * c.filter_h * c.filter_w
        _scratch_if_any(k, 8 * align_up(row, 8) if k.target.vector == "mve" else 4 * row)


def _scratch_if_any(k: KernelContext, size: int) -> None:
    if size > 0:
        k.scratch(size)


def _depthwise_bytes(k: KernelContext, c: _Convolution) -> int:
    """`arm_depthwise_conv_wrapper_s8_get_buffer_size` (and `_s4`)."""
    vector = k.target.vector
    if vector == "mve" and c.channels_in == 1 and c.channels_out > 1:
        as_conv = _conv_int8_bytes(k, replace(c, filter_channels=1))
        return as_conv + c.channels_out * c.filter_h * c.filter_w
    plain = c.channels_in == c.channels_out and c.batch == 1 and c.dilation_h == c.dilation_w == 1
    if not plain or vector == "none":
        return 0
    if vector == "mve":
        return 496 * c.filter_h * c.filter_w
    small = c.filter_h == c.filter_w == 3 and c.pad_h <= 1 and c.pad_w <= 1
    if small and k.required(1).type != TensorType.INT4:
        return 0
    return 2 * c.channels_in * c.filter_h * c.filter_w


def depthwise_conv_2d(k: KernelContext) -> None:
    """`cmsis_nn/depthwise_conv.cc`."""
    k.temps("i0 i1 o0")
    type_ = k.required(0).type
    if type_ in _INT8_OR_16:
        per_channel(k, dimension(k.required(1), 3))
    k.temps("i0 i1 i2 o0")
    if type_ == TensorType.INT8:
        _scratch_if_any(k, _depthwise_bytes(k, _convolution(k)))


def fully_connected(k: KernelContext) -> None:
    """`cmsis_nn/fully_connected.cc`."""
    k.temps("i0 i1 i2 o0")
    image, weights, bias, output = k.required(0), k.required(1), k.input(2), k.output()
    scales = scale_count(weights)
    if image.type not in FLOATS and scales > 1:
        per_channel(k, scales)
    if image.type != TensorType.INT8 or weights.type == TensorType.INT4:
        return
    outputs = dimension(output, -1)
    if len(output.shape or ()) > 2 and dimension(weights, -1) % 4 == 0:  # runs as a 1 × 1 convolution
        if scales == 1:
            k.scratch(8 * outputs)
    elif k.target.vector == "mve":  # sums of the weights, once and for all where they are constant
        constants = [k.model.buffers[t.buffer] for t in (weights, bias) if t is not None]
        if all(data is not None and data.size for data in constants):
            k.persistent(4 * outputs)
        else:
            k.scratch(4 * outputs)


def transpose_conv(k: KernelContext) -> None:
    """`cmsis_nn/transpose_conv.cc`."""
    k.temps("o0 i2 i1")
    weights, image = k.required(1), k.required(2)
    outputs, filter_h, filter_w = (dimension(weights, i) for i in range(3))
    per_channel(k, outputs)
    channels, stride_h, stride_w = dimension(image, 3), int(k.options["stride_h"]), int(k.options["stride_w"])
    if image.type == TensorType.INT8:
        if stride_w <= 2 and stride_h <= 2 and channels > 16:
            k.scratch(_im2col_int8(k, channels * filter_h * filter_w))
            k.scratch(channels * filter_h * filter_w * outputs)
        else:
            width = (dimension(image, 2) - 1) * stride_w + max(filter_w, stride_h)
            k.scratch(4 * width * outputs * max(filter_h, stride_h))
            k.scratch(0)
    elif image.type == TensorType.INT16:
        k.scratch(8 * elements(k.output()))
    transpose_conv_end(k)


def average_pool_2d(k: KernelContext) -> None:
    """`cmsis_nn/pooling.cc`."""
    k.temps("i0 o0 i0 o0")
    if k.required(0).type in _INT8_OR_16 and k.target.vector == "dsp":
        _scratch_if_any(k, 4 * dimension(k.required(0), 3))


def svdf_cmsis(k: KernelContext) -> None:
    """`cmsis_nn/svdf.cc`."""
    svdf(k)
    if k.required(0).type == TensorType.INT8 and k.target.vector == "mve":
        k.persistent(4 * dimension(k.required(1), 0))


def batch_matmul(k: KernelContext) -> None:
    """`cmsis_nn/batch_matmul.cc`."""
    k.temps("i0 i1 o0")
    transposed_operands(k)
    k.dims(k.output())
    if k.required(0).type in FLOATS:
        return
    k.persistent(28)
    if k.required(0).type == TensorType.INT8 and k.target.vector == "mve":
        k.scratch(4 * dimension(k.output(), -1))


def unidirectional_sequence_lstm(k: KernelContext) -> None:
    """`cmsis_nn/unidirectional_sequence_lstm.cc`: effective biases for the integer kernels."""
    lstm_temps(k)
    type_ = k.required(0).type
    integer = k.required(19).type == TensorType.INT16 and type_ in _INT8_OR_16
    if integer:
        for _ in range(8):
            k.persistent(dimension(k.required(18), 1) * (4 if type_ == TensorType.INT8 else 8))
    lstm_scratch(k, 3 if integer else 4)


CMSIS_NN = KernelLibrary(
    "cmsis-nn",
    {
        **REFERENCE.rules,
        "CONV_2D": KernelRule(same(60), conv_2d),
        "DEPTHWISE_CONV_2D": KernelRule(same(60), depthwise_conv_2d),
        "FULLY_CONNECTED": KernelRule(same(72), fully_connected),
        "TRANSPOSE_CONV": KernelRule(same(76), transpose_conv),
        "AVERAGE_POOL_2D": KernelRule(same(36), average_pool_2d),
        "MAX_POOL_2D": KernelRule(same(36), temps("i0 o0")),
        "SOFTMAX": KernelRule(same(64), softmax),
        "SVDF": KernelRule(same(40), svdf_cmsis),
        "BATCH_MATMUL": KernelRule(same(36), batch_matmul),
        "UNIDIRECTIONAL_SEQUENCE_LSTM": KernelRule(same(912), unidirectional_sequence_lstm),
    },
)
