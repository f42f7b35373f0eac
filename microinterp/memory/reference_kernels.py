"""The requests of TFLM's reference kernels (`tensorflow/lite/micro/kernels`, `signal/micro/kernels`)."""

from __future__ import annotations

from math import prod

import numpy as np

from ..model.ir import NUMPY_TYPES, Tensor, TensorType
from .kernel_memory import (
    FLOATS,
    KernelContext,
    KernelLibrary,
    KernelRule,
    elements,
    same,
    scale_count,
    temps,
    tensor_bytes,
    variable_key,
)

_INT8_OR_16 = (TensorType.INT8, TensorType.INT16)


def rank(tensor: Tensor) -> int:
    """Number of dimensions."""
    return len(tensor.shape or ())


def dimension(tensor: Tensor, i: int) -> int:
    """The i-th dimension; 1 where the shape has fewer, so that odd models still get an answer."""
    shape = tensor.shape or ()
    return shape[i] if -len(shape) <= i < len(shape) else 1


def per_channel(k: KernelContext, channels: int) -> None:
    """Multipliers and shifts, int32 each."""
    k.persistent(4 * channels)
    k.persistent(4 * channels)


def unpacked_filter(k: KernelContext) -> None:
    """Scratch for an INT4 filter, unpacked to a byte per element."""
    weights = k.required(1)
    if weights.type == TensorType.INT4:
        k.scratch(elements(weights))


def conv_2d(k: KernelContext) -> None:
    """`ConvPrepare`: the per-channel arrays are there for float, too. INT4's scratch comes last."""
    k.temps("o0 i0 i1")
    per_channel(k, dimension(k.required(1), 0))
    k.temps("i0 i1 i2 o0")
    unpacked_filter(k)


def depthwise_conv_2d(k: KernelContext) -> None:
    """`DepthwiseConvPrepare`: here INT4's scratch comes in between."""
    k.temps("o0 i0 i1")
    per_channel(k, dimension(k.required(1), 3))
    unpacked_filter(k)
    k.temps("i0 i1 i2 o0")


def fully_connected(k: KernelContext) -> None:
    """`FullyConnectedPrepare`."""
    k.temps("i0 i1 i2 o0")
    unpacked_filter(k)
    scales = scale_count(k.required(1))
    if k.required(0).type not in FLOATS and scales > 1:
        per_channel(k, scales)


def transpose_conv(k: KernelContext) -> None:
    """`TransposeConvPrepare`."""
    k.temps("o0 i2 i1")
    per_channel(k, dimension(k.required(1), 0))
    type_ = k.required(2).type
    if type_ == TensorType.INT8:
        k.scratch(4 * elements(k.output()))
    elif type_ == TensorType.INT16:
        k.scratch(8 * elements(k.output()))
    transpose_conv_end(k)


def transpose_conv_end(k: KernelContext) -> None:
    """What reference and CMSIS-NN do alike: quantization data, and a widened INT16 bias."""
    if k.required(2).type in FLOATS:
        return
    k.temps("i2 i1 i3 o0")
    bias = k.input(3)
    if bias is not None and k.required(2).type == TensorType.INT16 and bias.type == TensorType.INT16:
        k.scratch(8 * elements(bias))


def add_n(k: KernelContext) -> None:
    """`AddNPrepare`."""
    k.temps("i0 o0")
    k.temps(" ".join(f"i{i}" for i in range(1, len(k.operator.inputs))))
    if k.output().type == TensorType.INT8:
        k.persistent(40)
    k.scratch(k.target.pointer * len(k.operator.inputs))


def softmax(k: KernelContext) -> None:
    """`SoftmaxPrepare`: INT16 has two tables of 513 int16."""
    k.temps("i0 o0")
    if k.required(0).type == TensorType.INT16:
        k.persistent(1026)
        k.persistent(1026)


def log_softmax(k: KernelContext) -> None:
    """`LogSoftmaxPrepare`."""
    k.temps("i0 o0")
    if k.required(0).type == TensorType.INT8:
        k.persistent(40 if k.target.pointer == 8 else 28)


def concatenation(k: KernelContext) -> None:
    """`ConcatenationPrepare`: the first input twice."""
    k.temps("i0 o0")
    k.temps(" ".join(f"i{i}" for i in range(len(k.operator.inputs))))


def reshape(k: KernelContext) -> None:
    """`PrepareReshapeReference`: new dimensions where the stored ones leave one open."""
    k.temps("i0 o0")
    shape = k.output().shape or ()
    if -1 in shape:
        k.dims(k.output())
        known = max(prod(n for n in shape if n != -1), 1)
        k.resize_output(tuple(elements(k.required(0)) // known if n == -1 else n for n in shape))


def mirror_pad(k: KernelContext) -> None:
    """`MirrorPadPrepare`."""
    k.temps("i0 i1 o0")
    size = 4 * rank(k.required(0))
    k.scratch(size)
    k.scratch(size)


def with_dims(names: str) -> KernelRule:
    """Kernels that copy their output's dimensions to the arena."""

    def prepare(k: KernelContext) -> None:
        k.temps(names)
        k.dims(k.output())

    return KernelRule(prepare=prepare)


def embedding_lookup(k: KernelContext) -> None:
    """`EmbeddingLookupPrepare`."""
    k.temps("i0 i1 o0")
    k.dims(k.output())
    k.persistent(2 * k.target.pointer)


def cumsum(k: KernelContext) -> None:
    """`CumSumPrepare`."""
    k.temps("i0 i1 o0")
    if k.required(0).type == TensorType.INT8:
        k.persistent(36)


def _reduction_scratch(k: KernelContext) -> None:
    k.scratch(4 * rank(k.required(0)))
    k.scratch(4 * elements(k.required(1)))


def mean_or_sum(k: KernelContext) -> None:
    """`PrepareMeanOrSumHelper`."""
    k.temps("i0 o0 i1")
    if k.required(0).type in _INT8_OR_16:
        k.scratch(4 * elements(k.output()))
    _reduction_scratch(k)
    k.temps("i0 i1")
    if k.required(0).type == TensorType.INT8:
        k.temps("o0")


def reduce_max_or_min(k: KernelContext) -> None:
    """`PrepareMinMaxHelper`."""
    k.temps("i0 i1")
    if k.required(0).type == TensorType.INT8:
        k.temps("o0")
    k.temps("i0 o0 i1")
    _reduction_scratch(k)


def reduce_all(k: KernelContext) -> None:
    """`PrepareAllHelper`."""
    k.temps("i0 o0 i1 i0 i1")
    _reduction_scratch(k)


def transposed_operands(k: KernelContext) -> None:
    """Persistent copies of the operands that BATCH_MATMUL needs transposed."""
    for tensor, needed in ((k.required(0), k.options["adj_x"]), (k.required(1), not k.options["adj_y"])):
        if needed:
            k.requests.persistent_buffer(k.target.structs["TfLiteEvalTensor"][0])
            k.dims(tensor)
            k.persistent(tensor_bytes(tensor))


def batch_matmul(k: KernelContext) -> None:
    """`BatchMatMulPrepare`."""
    k.temps("i0 i1 o0")
    if k.required(0).type in _INT8_OR_16:
        k.persistent(28)
    transposed_operands(k)
    k.dims(k.output())


def svdf(k: KernelContext) -> None:
    """`PrepareSvdf`."""
    k.temps("i0 i1 i2 i3 i4 o0")
    batch, filters = dimension(k.required(0), 0), dimension(k.required(1), 0)
    k.scratch(4 * batch * filters)
    if k.required(0).type == TensorType.INT8:
        k.scratch(4 * batch * (filters // max(k.options["rank"], 1)))


def lstm_temps(k: KernelContext) -> None:
    """`LstmTensors`: all inputs that are there, and the output."""
    k.temps(" ".join(f"i{i}" for i in range(24)))
    k.temps("o0")


def lstm_scratch(k: KernelContext, count: int) -> None:
    """Gate buffers of batch × state cells."""
    cells = dimension(k.required(0), 1 if k.options["time_major"] else 0) * dimension(k.required(18), 1)
    for _ in range(count):
        k.scratch(cells * NUMPY_TYPES[TensorType(k.required(19).type)].itemsize)


def unidirectional_sequence_lstm(k: KernelContext) -> None:
    """`UnidirectionalSequenceLstmPrepare`."""
    lstm_temps(k)
    lstm_scratch(k, 4)


def var_handle(k: KernelContext) -> None:
    """`VarHandlePrepare`: from here on the output tensor holds the handle, and needs no place in the plan."""
    k.variables.handles[k.subgraph, k.operator.outputs[0]] = variable_key(k.operator)


def assign_variable(k: KernelContext) -> None:
    """`AssignVariablePrepare`: the first assignment to a variable allocates it."""
    k.temps("i1")
    handle = k.variables.handles.get((k.subgraph, k.operator.inputs[0]))
    if handle is not None and handle not in k.variables.allocated:
        k.variables.allocated.add(handle)
        k.persistent(tensor_bytes(k.required(1)))


def detection_postprocess(k: KernelContext) -> None:
    """`DetectionPostProcessPrepare`; B boxes, D detections."""
    k.temps("i0 i1 i2")
    boxes, predictions = dimension(k.required(0), 1), k.required(1)
    detections = int(k.options["max_detections"])
    scores = dimension(predictions, 1) * dimension(predictions, 2)
    most = max(int(k.options["num_classes"]), detections)
    for size in (
        boxes,
        16 * boxes,
        4 * scores,
        4 * boxes,
        4 * boxes,
        4 * detections * boxes,
        4 * detections * boxes,
        4 * boxes,
        4 * detections * boxes,
        4 * most * boxes,
        4 * min(boxes, detections) * boxes,
    ):
        k.scratch(size)


# The first byte of a tensor's ancillary data names its decoder: look-up table, Huffman, pruning. Bytes of its
# state on 64 and 32 bits.
_DECODERS = {0: (72, 36), 1: (56, 28), 2: (80, 40)}
_PRUNING = 2


def decode(k: KernelContext) -> None:
    """`decode.cc`'s Prepare: inputs are pairs of encoded and ancillary data. No alternate decompression memory."""
    k.persistent(k.target.pointer * len(k.operator.outputs))
    for i in range(len(k.operator.outputs)):
        k.temps(f"i{2 * i} i{2 * i + 1} o{i}")
        data = k.model.buffers[k.required(2 * i + 1).buffer]
        decoder = -1 if data is None or not data.size else int(data[0])
        if decoder not in _DECODERS:
            raise ValueError(f"output {i} has no decoder: its ancillary data begins with {decoder}")
        k.persistent(_DECODERS[decoder][0 if k.target.pointer == 8 else 1])
        quantization = k.output(i).quantization
        channels = scale_count(k.output(i))
        if (
            decoder == _PRUNING
            and channels > 1
            and quantization is not None
            and np.any(quantization.zero_point)
        ):
            k.persistent(channels)


# --- signal library ----------------------------------------------------------------------------


def _fft_state(k: KernelContext) -> int:
    """kissfft's real FFT of fft_length points, complex numbers of twice the element's size."""
    item = NUMPY_TYPES[TensorType(k.required(0).type)].itemsize
    n, c = int(k.options["fft_length"]) // 2, 2 * item
    return 3 * k.target.pointer + 264 + c + c * (n - 1) + c * (3 * n // 2)


def _circular_buffer(k: KernelContext, capacity: int) -> int:
    return (40 if k.target.pointer == 8 else 24) + 4 * capacity


def _outer_dims(k: KernelContext, inner: int) -> int:
    return elements(k.required(0)) // max(inner, 1)


def rfft(k: KernelContext) -> None:
    """`RfftPrepare`."""
    k.temps("i0 o0")
    k.scratch(int(k.options["fft_length"]) * NUMPY_TYPES[TensorType(k.required(0).type)].itemsize)


def irfft_init(k: KernelContext) -> None:
    """`IrfftInit`: the float one keeps the length beside the FFT's state (`irfft_float.cc`)."""
    is_float = k.required(0).type == TensorType.FLOAT32
    k.persistent(_fft_state(k) + (2 * k.target.pointer if is_float else 0))


def framer(k: KernelContext) -> None:
    """`FramerPrepare`: per outer dimension a circular buffer of the frame, rounded up to whole steps."""
    k.temps("i0 o0 o1")
    outer = _outer_dims(k, dimension(k.required(0), -1))
    size, step = int(k.options["frame_size"]), max(int(k.options["frame_step"]), 1)
    _state_buffers(k, outer, -(-size // step) * step)


def delay(k: KernelContext) -> None:
    """`DelayPrepare`."""
    k.temps("i0 o0")
    frame = dimension(k.required(0), -1)
    _state_buffers(k, _outer_dims(k, frame), frame + int(k.options["delay_length"]))


def _state_buffers(k: KernelContext, outer: int, capacity: int) -> None:
    k.persistent(k.target.pointer * outer)
    k.persistent(k.target.pointer * outer)
    for _ in range(outer):
        k.persistent(_circular_buffer(k, capacity))


def overlap_add(k: KernelContext) -> None:
    """`OverlapAddPrepare`."""
    k.temps("i0 o0")
    tensor = k.required(0)
    frame, frames = dimension(tensor, -1), dimension(tensor, -2)
    outer = _outer_dims(k, frame * frames)
    k.persistent(k.target.pointer * outer)
    for _ in range(outer):
        k.persistent(frame * NUMPY_TYPES[TensorType(tensor.type)].itemsize)


def _stacker_init(k: KernelContext) -> None:
    context = int(k.options["stacker_left_context"]) + int(k.options["stacker_right_context"]) + 1
    k.persistent(_circular_buffer(k, int(k.options["num_channels"]) * context))


_NOTHING = KernelRule()
_LOOKS = {
    "i0 o0": "SIN COS LOG SQRT SQUARE LOGICAL_NOT CEIL ROUND EXP CAST ZEROS_LIKE SQUEEZE BATCH_TO_SPACE_ND",
    "i0 i1 o0": "FLOOR_DIV FLOOR_MOD TRANSPOSE BROADCAST_TO BROADCAST_ARGS EXPAND_DIMS FILL REVERSE_V2 "
    "RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR",
    "i0 i1 i2 o0": "SLICE DYNAMIC_UPDATE_SLICE",
    "i0": "SPLIT READ_VARIABLE",
    "i2": "SPLIT_V",
    "": "MAXIMUM MINIMUM NEG FLOOR LOGICAL_AND LOGICAL_OR PACK UNPACK ARG_MAX ARG_MIN SHAPE",
}
# user data of the kernels whose Prepare only looks at tensors: (64-bit, 32-bit) bytes, tensors
_USER_DATA: dict[str, tuple[tuple[int, int], str]] = {
    "ADD": (same(60), "i0 i1 o0"),
    "SUB": (same(52), "i0 i1 o0"),
    "MUL": (same(36), "i0 i1 o0"),
    "DIV": (same(28), "i0 i1 o0"),
    "SQUARED_DIFFERENCE": (same(112), "i0 i1 o0"),
    "AVERAGE_POOL_2D": (same(32), "i0 o0"),
    "MAX_POOL_2D": (same(32), "i0 o0"),
    "LOGISTIC": (same(16), "i0 o0"),
    "TANH": (same(16), "i0 i0 o0"),
    "ELU": (same(256), "i0 o0"),
    "RELU": (same(28), "i0 o0"),
    "RELU6": (same(8), "i0"),
    "LEAKY_RELU": (same(24), "i0 o0"),
    "PRELU": (same(28), "i0 i1 o0"),
    "HARD_SWISH": (same(20), "i0 o0"),
    "ABS": (same(28), "i0 o0"),
    "RSQRT": (same(28), "i0 o0"),
    "SPACE_TO_BATCH_ND": (same(4), "i0 o0"),
    "L2_NORMALIZATION": (same(4), "i0 o0"),
    "QUANTIZE": (same(32), "i0 o0"),
    "DEQUANTIZE": (same(32), "i0 o0"),
    "EQUAL": (same(32), "i0 i1"),
    "NOT_EQUAL": (same(32), "i0 i1"),
    "GREATER": (same(32), "i0 i1"),
    "GREATER_EQUAL": (same(32), "i0 i1"),
    "LESS": (same(32), "i0 i1"),
    "LESS_EQUAL": (same(32), "i0 i1"),
    "PAD": (same(56), "i0 i1 o0"),
    "PADV2": (same(56), "i0 i1 i2 o0"),
    "STRIDED_SLICE": (same(84), "i0 i1 i2 i3 o0"),
    "SELECT_V2": (same(1), "i0 i1 i2 o0"),
    "IF": (same(8), "i0"),
    "WHILE": (same(8), ""),
    "CALL_ONCE": (same(8), ""),
    "CIRCULAR_BUFFER": (same(8), "i0 o0"),
    "SignalWindow": (same(8), "i0 i1 o0"),
    "SignalEnergy": (same(8), "i0 o0"),
    "SignalFilterBankLog": (same(8), "i0 o0"),
    "SignalFftAutoScale": (same(0), "i0 o0 o1"),
    "SignalFilterBankSquareRoot": (same(0), "i0 i1 o0"),
    "SignalPCAN": (same(4), "i0 i1 i2 o0"),
}

REFERENCE = KernelLibrary(
    "reference",
    {
        **{
            name: KernelRule(prepare=temps(looks))
            for looks, names in _LOOKS.items()
            for name in names.split()
        },
        **{name: KernelRule(init, temps(looks)) for name, (init, looks) in _USER_DATA.items()},
        "CONV_2D": KernelRule((72, 56), conv_2d),
        "DEPTHWISE_CONV_2D": KernelRule((72, 56), depthwise_conv_2d),
        "FULLY_CONNECTED": KernelRule((64, 48), fully_connected),
        "TRANSPOSE_CONV": KernelRule((80, 72), transpose_conv),
        "ADD_N": KernelRule(prepare=add_n),
        "L2_POOL_2D": with_dims("o0 i0"),
        "SOFTMAX": KernelRule((80, 56), softmax),
        "LOG_SOFTMAX": KernelRule(prepare=log_softmax),
        "CONCATENATION": KernelRule((40, 24), concatenation),
        "RESHAPE": KernelRule(prepare=reshape),
        "MIRROR_PAD": KernelRule(same(20), mirror_pad),
        "GATHER": with_dims("i0 i1 o0"),
        "GATHER_ND": with_dims("i0 i1 o0"),
        "SPACE_TO_DEPTH": with_dims("i0 o0"),
        "DEPTH_TO_SPACE": with_dims("i0 o0"),
        "EMBEDDING_LOOKUP": KernelRule(prepare=embedding_lookup),
        "CUMSUM": KernelRule(prepare=cumsum),
        "MEAN": KernelRule(same(44), mean_or_sum),
        "SUM": KernelRule(same(44), mean_or_sum),
        "REDUCE_MAX": KernelRule(same(44), reduce_max_or_min),
        "REDUCE_MIN": KernelRule(same(44), reduce_max_or_min),
        "REDUCE_ALL": KernelRule(same(44), reduce_all),
        "BATCH_MATMUL": KernelRule((32, 16), batch_matmul),
        "SVDF": KernelRule(same(36), svdf),
        "UNIDIRECTIONAL_SEQUENCE_LSTM": KernelRule(same(688), unidirectional_sequence_lstm),
        "VAR_HANDLE": KernelRule(same(4), var_handle),
        "ASSIGN_VARIABLE": KernelRule(prepare=assign_variable),
        "TFLite_Detection_PostProcess": KernelRule(same(112), detection_postprocess),
        "TFLM_DECODE": KernelRule(prepare=decode),
        "SignalRfft": KernelRule((48, 32), rfft, lambda k: k.persistent(_fft_state(k))),
        "SignalIrfft": KernelRule((32, 24), temps("i0 o0"), irfft_init),
        "SignalFilterBank": KernelRule(
            (64, 36),
            temps("i0 i1 i2 i3 i4 i5 o0"),
            lambda k: k.persistent(8 * (int(k.options["num_channels"]) + 1)),
        ),
        "SignalFilterBankSpectralSubtraction": KernelRule(
            (56, 44), temps("i0 o0 o1"), lambda k: k.persistent(4 * int(k.options["num_channels"]))
        ),
        "SignalFramer": KernelRule((40, 28), framer),
        "SignalDelay": KernelRule((32, 20), delay),
        "SignalOverlapAdd": KernelRule((32, 24), overlap_add),
        "SignalStacker": KernelRule((56, 36), temps("i0 o0 o1"), _stacker_init),
    },
)
