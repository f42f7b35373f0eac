"""How each operator runs many samples at once: the rules of `Interpreter.run_batch`.

Samples are stacked along the first axis: n tensors of shape [2, 5] become one of [2n, 5] (and n scalars one of
[n]). In memory that is one sample after the other, whatever the shape. An operator that treats the slices of its
first axis each by itself, bit for bit, is prepared once for all samples and called once. A rule says whether it
does so in a given node; every other operator is called once per sample, which is never wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

import numpy as np

from ..model.ir import TensorType
from .node import Node, RuntimeTensor


class Batching(Enum):
    """How to run one operator on many samples."""

    #: One call, with the samples stacked along the first axis of all its tensors that are not constant.
    STACKED = auto()
    #: The elements stay as they are, in their order.
    COPIED = auto()
    #: One call per sample. What the operator keeps from one call to the next must be its own.
    ONE_BY_ONE = auto()
    #: All operators run for one sample before any runs for the next.
    IN_TURN = auto()
    #: The same, because it shares state with others: the samples before decide what becomes of the next.
    SHARED_STATE = auto()


Rule = Callable[[Node], Batching]


def find_batching(node: Node) -> Batching:
    """How to run a prepared operator on many samples; its tensors have their shapes for one."""
    return Batching.ONE_BY_ONE if node.custom_op is not None else RULES[node.name](node)


def _data(node: Node) -> list[RuntimeTensor]:
    """Inputs and outputs that differ from sample to sample."""
    inputs = [t for t in node.inputs if t is not None and t.constant is None]
    return [*inputs, *node.outputs]


def _copied(node: Node) -> Batching:
    """One input that is not constant; the others only say the shape."""
    return (
        Batching.COPIED if len(_data(node)) == 2 and node.input(0).constant is None else Batching.ONE_BY_ONE
    )


def _one_by_one(node: Node) -> Batching:
    return Batching.ONE_BY_ONE


def _in_turn(node: Node) -> Batching:
    return Batching.IN_TURN


def _shared_state(node: Node) -> Batching:
    return Batching.SHARED_STATE


def _by_first_axis(node: Node) -> Batching:
    """The first input and all outputs have a first axis, along which nothing is mixed; the others are constant."""
    varying = _data(node)
    has_axis = all(t.shape for t in varying)
    is_alone = node.input(0).constant is None and len(varying) == 1 + len(node.outputs)
    return Batching.STACKED if has_axis and is_alone else Batching.ONE_BY_ONE


def _but_last_axis(node: Node) -> Batching:
    """As before, but the last axis is one whole."""
    return _by_first_axis(node) if len(node.input(0).shape) > 1 else Batching.ONE_BY_ONE


def _matrices(node: Node) -> Batching:
    """The last two axes are one whole."""
    return _by_first_axis(node) if len(node.input(0).shape) > 2 else Batching.ONE_BY_ONE


def _hadamard(node: Node) -> Batching:
    """The last axis is whole transforms."""
    shape = node.input(0).shape
    is_whole = len(shape) in (2, 3) and shape[-1] % int(node.options["hadamard_size"]) == 0
    return _by_first_axis(node) if is_whole else Batching.ONE_BY_ONE


def _per_tensor(node: Node) -> Batching:
    """Element by element, but for scales along the first axis."""
    if any(
        t.scales.size > 1 and t.quantization and not t.quantization.quantized_dimension for t in _data(node)
    ):
        return Batching.ONE_BY_ONE
    return _by_first_axis(node)


def _fully_connected(node: Node) -> Batching:
    """Each row by itself, if no row reaches beyond a sample, and nothing else depends on the sample as a whole."""
    x, weights, bias = node.input(0), node.input(1), node.optional_input(2)
    rows = node.output().size // max(1, node.output().shape[-1])
    if weights.constant is None or rows * weights.shape[-1] != x.size:
        return Batching.ONE_BY_ONE
    is_hybrid = x.type is TensorType.FLOAT32 and weights.type is not TensorType.FLOAT32
    if (
        is_hybrid
        and bias is not None
        and bias.constant is not None
        and ((bias.constant == 0) & np.signbit(bias.constant)).any()
    ):
        return (
            Batching.ONE_BY_ONE
        )  # a sample of nothing but zeros gives the bias, and −0 with it; zeros added give 0
    return _by_first_axis(node)


def _batch_matmul(node: Node) -> Batching:
    """The first axis of the first input is that of the output, and the second input is constant or has it as well."""
    x, y = node.input(0), node.input(1)
    rank = len(x.shape)
    if y.constant is None:
        together = x.constant is None and rank > 2 and x.shape[0] == y.shape[0] and rank == len(y.shape)
        return Batching.STACKED if together else Batching.ONE_BY_ONE
    shared = len(y.shape) < rank or (len(y.shape) == rank and (rank == 2 or y.shape[0] == 1))
    is_free = shared and (rank > 2 or not node.options["adj_x"])
    return _by_first_axis(node) if is_free else Batching.ONE_BY_ONE


def _elementwise(node: Node) -> Batching:
    """Inputs broadcast, but not along the first axis of the output; constants are there for every slice of it."""
    shape = node.output().shape
    if not shape:
        return Batching.ONE_BY_ONE
    for tensor in node.inputs:
        if tensor is None:
            continue
        if len(tensor.shape) > len(shape):  # a SELECT_V2 of single elements
            return Batching.ONE_BY_ONE
        reaches_first = len(tensor.shape) == len(shape)
        if tensor.constant is None:
            fits = reaches_first and tensor.shape[0] == shape[0]
        else:
            fits = not reaches_first or tensor.shape[0] == 1
        if not fits:
            return Batching.ONE_BY_ONE
    return Batching.STACKED


def _gather(node: Node) -> Batching:
    """Rows of a constant table, or the same constant positions along another axis of each sample."""
    x, positions, axis = node.input(0), node.input(1), node.options["axis"]
    if node.options["batch_dims"] or not node.output().shape:
        return Batching.ONE_BY_ONE
    is_table = x.constant is not None and positions.constant is None and axis in (0, -len(x.shape))
    is_inner = x.constant is None and positions.constant is not None and axis not in (0, -len(x.shape))
    return Batching.STACKED if (is_table and positions.shape) or is_inner else Batching.ONE_BY_ONE


def _along_option_axis(node: Node) -> Batching:
    """Tensors of the rank of the output, none constant, joined along an axis that is not the first."""
    is_first = node.options["axis"] in (0, -len(node.output().shape))
    return _all_vary(node) if not is_first else Batching.ONE_BY_ONE


def _unpack(node: Node) -> Batching:
    is_first = node.options["axis"] in (0, -len(node.input(0).shape))
    return _all_vary(node) if not is_first else Batching.ONE_BY_ONE


def _one_hot(node: Node) -> Batching:
    return _by_first_axis(node) if node.options["axis"] != 0 else Batching.ONE_BY_ONE


def _matrix_set_diag(node: Node) -> Batching:
    x, diagonal = node.input(0), node.input(1)
    is_whole = len(x.shape) > 2 and diagonal.size * max(x.shape[-2:]) == x.size
    return _all_vary(node) if is_whole else Batching.ONE_BY_ONE


def _all_vary(node: Node) -> Batching:
    tensors = _data(node)
    all_vary = len(tensors) == len(node.inputs) + len(node.outputs)
    return Batching.STACKED if all_vary and all(t.shape for t in tensors) else Batching.ONE_BY_ONE


def _of_one_shape(node: Node) -> Batching:
    shapes = {tensor.shape for tensor in (*_data(node), node.input(0))}
    return _all_vary(node) if len(shapes) == 1 else Batching.ONE_BY_ONE


def _pow(node: Node) -> Batching:
    """One exponent for all is computed otherwise; whether there is one must not depend on the number of samples."""
    if node.input(0).shape == node.input(1).shape:
        return _of_one_shape(node)
    return _elementwise(node) if node.input(1).constant is not None else Batching.ONE_BY_ONE


def _gelu(node: Node) -> Batching:
    """What does not fill vectors is computed otherwise; a sample must fill them, or have none."""
    fills = node.input(0).type is not TensorType.FLOAT32 or node.input(0).size % 4 == 0
    return _by_first_axis(node) if fills else Batching.ONE_BY_ONE


def _axis_operand(data: int, axis: int) -> Rule:
    """Input `data` is worked on along the constant axes that input `axis` holds, if the first is not among them."""

    def rule(node: Node) -> Batching:
        axes, rank = node.input(axis).constant, len(node.input(data).shape)
        varying = [node.input(data), *node.outputs]
        if axes is None or any(int(a) in (0, -rank) for a in axes.flat) or len(_data(node)) != len(varying):
            return Batching.ONE_BY_ONE
        return Batching.STACKED if all(t.shape for t in varying) else Batching.ONE_BY_ONE

    return rule


def _slice(node: Node) -> Batching:
    """The first axis is not cut, however long it is."""
    begin, size = node.input(1).constant, node.input(2).constant
    if begin is None or size is None or not begin.size or begin[0] != 0 or size[0] != -1:
        return Batching.ONE_BY_ONE
    return _by_first_axis(node)


def _first_row_is(number: int) -> Rule:
    """The second input is constant, and its first row, of nothing but `number`, leaves the first axis as it is."""

    def rule(node: Node) -> Batching:
        rows = node.input(1).constant
        keeps = rows is not None and rows.size > 0 and bool((rows[0] == number).all())
        return _by_first_axis(node) if keeps else Batching.ONE_BY_ONE

    return rule


#: The rule of every operator.
RULES: dict[str, Rule] = {
    **dict.fromkeys(("ADD", "DIV", "FLOOR_DIV", "MAXIMUM", "MINIMUM", "MUL", "SUB"), _elementwise),
    **dict.fromkeys(("EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "NOT_EQUAL"), _elementwise),
    **dict.fromkeys(("BITWISE_XOR", "FLOOR_MOD", "LOGICAL_AND", "LOGICAL_OR", "RIGHT_SHIFT"), _elementwise),
    **dict.fromkeys(("PRELU", "SELECT_V2", "SQUARED_DIFFERENCE"), _elementwise),
    **dict.fromkeys(("ADD_N", "ATAN2", "STABLEHLO_ADD", "STABLEHLO_AND"), _of_one_shape),
    **dict.fromkeys(("STABLEHLO_MAXIMUM", "STABLEHLO_MINIMUM", "STABLEHLO_MULTIPLY"), _of_one_shape),
    **dict.fromkeys(("SELECT", "STABLEHLO_SHIFT_LEFT"), _of_one_shape),
    "LEAKY_RELU": _by_first_axis,
    "POW": _pow,
    **dict.fromkeys(
        ("ABS", "BITCAST", "CAST", "CEIL", "COMPLEX_ABS", "COS", "ELU", "EXP", "FLOOR"), _by_first_axis
    ),
    **dict.fromkeys(("HARD_SWISH", "IMAG", "LOG", "LOGICAL_NOT", "LOGISTIC", "NEG", "REAL"), _by_first_axis),
    **dict.fromkeys(
        ("RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1", "ROUND", "RSQRT", "SIGN"), _by_first_axis
    ),
    **dict.fromkeys(("SIN", "SQRT", "SQUARE", "TANH", "ZEROS_LIKE"), _by_first_axis),
    "GELU": _gelu,
    **dict.fromkeys(("DEQUANTIZE", "QUANTIZE"), _per_tensor),
    **dict.fromkeys(("CONV_2D", "CONV_3D", "DEPTHWISE_CONV_2D"), _by_first_axis),
    **dict.fromkeys(("AVERAGE_POOL_2D", "L2_POOL_2D", "MAX_POOL_2D"), _by_first_axis),
    **dict.fromkeys(("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"), _by_first_axis),
    **dict.fromkeys(("ARG_MAX", "ARG_MIN", "CUMSUM"), _axis_operand(0, 1)),
    **dict.fromkeys(
        ("MEAN", "REDUCE_ALL", "REDUCE_ANY", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "SUM"),
        _axis_operand(0, 1),
    ),
    **dict.fromkeys(("CONCATENATION", "PACK"), _along_option_axis),
    "BATCH_MATMUL": _batch_matmul,
    "FULLY_CONNECTED": _fully_connected,
    **dict.fromkeys(("BUCKETIZE", "EMBEDDING_LOOKUP", "FAKE_QUANT", "HASHTABLE_LOOKUP"), _by_first_axis),
    **dict.fromkeys(("MATRIX_DIAG", "TOPK_V2"), _but_last_axis),
    "MATRIX_SET_DIAG": _matrix_set_diag,
    "ONE_HOT": _one_hot,
    **dict.fromkeys(("EXPAND_DIMS", "RESHAPE", "SQUEEZE"), _copied),
    **dict.fromkeys(("DEPTH_TO_SPACE", "SPACE_TO_DEPTH"), _by_first_axis),
    "REVERSE_V2": _axis_operand(0, 1),
    "DILATE": _first_row_is(1),
    "MIRROR_PAD": _first_row_is(0),
    "PAD": _first_row_is(0),
    "PADV2": _first_row_is(0),
    "TILE": _first_row_is(1),
    "TRANSPOSE": _first_row_is(0),
    **dict.fromkeys(("L2_NORMALIZATION", "LOG_SOFTMAX", "SOFTMAX"), _but_last_axis),
    "Mfcc": _by_first_axis,
    "RFFT2D": _matrices,
    "aeq.hadamard_rotation": _hadamard,
    "LOCAL_RESPONSE_NORMALIZATION": _by_first_axis,
    "SLICE": _slice,
    "SPLIT": _axis_operand(1, 0),
    "SPLIT_V": _axis_operand(0, 2),
    "UNPACK": _unpack,
    **dict.fromkeys(("ASSIGN_VARIABLE", "CALL_ONCE", "READ_VARIABLE", "VAR_HANDLE"), _shared_state),
    **dict.fromkeys(("HASHTABLE", "HASHTABLE_FIND", "HASHTABLE_IMPORT", "HASHTABLE_SIZE"), _shared_state),
    # they leave outputs as they are, or end the run
    **dict.fromkeys(("CIRCULAR_BUFFER", "SignalFramer", "SignalStacker"), _shared_state),
    # they call subgraphs
    **dict.fromkeys(("IF", "STABLEHLO_CASE", "STABLEHLO_COMPOSITE", "WHILE"), _in_turn),
    "GATHER": _gather,
    # they keep state of their own: the next sample needs what the one before has left
    **dict.fromkeys(("BIDIRECTIONAL_SEQUENCE_LSTM", "LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM"), _one_by_one),
    **dict.fromkeys(
        ("BIDIRECTIONAL_SEQUENCE_RNN", "RNN", "SVDF", "UNIDIRECTIONAL_SEQUENCE_RNN"), _one_by_one
    ),
    **dict.fromkeys(("MULTINOMIAL", "RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM"), _one_by_one),
    **dict.fromkeys(("SignalDelay", "SignalOverlapAdd", "STABLEHLO_RNG_BIT_GENERATOR"), _one_by_one),
    # their first axis means something, or an operand speaks of it
    **dict.fromkeys(("AudioSpectrogram", "BATCH_TO_SPACE_ND", "BROADCAST_ARGS", "BROADCAST_TO"), _one_by_one),
    **dict.fromkeys(("CONV_3D_TRANSPOSE", "DENSIFY", "DYNAMIC_UPDATE_SLICE", "FILL"), _one_by_one),
    **dict.fromkeys(("EMBEDDING_LOOKUP_SPARSE", "GATHER_ND", "LSH_PROJECTION", "NumericVerify"), _one_by_one),
    **dict.fromkeys(("NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5", "RANGE", "RANK"), _one_by_one),
    **dict.fromkeys(("REDUCE_WINDOW", "REVERSE_SEQUENCE", "SCATTER_ND", "SEGMENT_SUM", "SHAPE"), _one_by_one),
    **dict.fromkeys(("SKIP_GRAM", "SPACE_TO_BATCH_ND", "SPARSE_TO_DENSE", "STABLEHLO_GATHER"), _one_by_one),
    **dict.fromkeys(("STABLEHLO_PAD", "STABLEHLO_REDUCE_WINDOW", "STABLEHLO_SCATTER"), _one_by_one),
    **dict.fromkeys(("STRIDED_SLICE", "TFLM_DECODE", "TFLite_Detection_PostProcess"), _one_by_one),
    **dict.fromkeys(
        ("TRANSPOSE_CONV", "UNIQUE", "UNSORTED_SEGMENT_MAX", "UNSORTED_SEGMENT_MIN"), _one_by_one
    ),
    **dict.fromkeys(("UNSORTED_SEGMENT_PROD", "UNSORTED_SEGMENT_SUM", "WHERE"), _one_by_one),
    **dict.fromkeys(("SignalEnergy", "SignalFftAutoScale", "SignalFilterBank", "SignalIrfft"), _one_by_one),
    **dict.fromkeys(("SignalFilterBankLog", "SignalFilterBankSpectralSubtraction"), _one_by_one),
    **dict.fromkeys(("SignalFilterBankSquareRoot", "SignalPCAN", "SignalRfft", "SignalWindow"), _one_by_one),
}
