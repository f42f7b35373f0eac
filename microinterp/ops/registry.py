"""Which function prepares which operator. Modules load when a model needs them, so that import stays light."""

from __future__ import annotations

from importlib import import_module

from .node import Prepare

# module of microinterp.ops → the operators in it. An operator FOO_BAR (or a custom FooBar) is prepared by the
# module's function `prepare_foo_bar`.
_MODULES: dict[str, tuple[str, ...]] = {
    "activations": ("ELU", "GELU", "HARD_SWISH", "LOGISTIC", "LOG_SOFTMAX", "SOFTMAX", "TANH"),
    "arg_min_max": ("ARG_MAX", "ARG_MIN"),
    "add_n": ("ADD_N",),
    "arithmetic": ("ADD", "DIV", "FLOOR_DIV", "MAXIMUM", "MINIMUM", "MUL", "SUB"),
    "broadcast": ("BROADCAST_ARGS", "BROADCAST_TO", "TILE"),
    "binary": (
        *("ATAN2", "BITWISE_XOR", "FLOOR_MOD", "LOGICAL_AND", "LOGICAL_OR", "POW", "RIGHT_SHIFT"),
        *("SQUARED_DIFFERENCE", "STABLEHLO_ADD", "STABLEHLO_AND", "STABLEHLO_MAXIMUM", "STABLEHLO_MINIMUM"),
        *("STABLEHLO_MULTIPLY", "STABLEHLO_SHIFT_LEFT"),
    ),
    "bitcast": ("BITCAST",),
    "batch_matmul": ("BATCH_MATMUL",),
    "audio": ("AudioSpectrogram", "Mfcc", "RFFT2D"),
    "cast": ("CAST",),
    "comparison": ("EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "NOT_EQUAL"),
    "concatenation": ("CONCATENATION", "PACK"),
    "control_flow": ("IF", "STABLEHLO_CASE", "STABLEHLO_COMPOSITE", "WHILE"),
    "conv": ("CONV_2D",),
    "conv_3d": ("CONV_3D", "CONV_3D_TRANSPOSE"),
    "decode": ("TFLM_DECODE",),
    "depthwise_conv": ("DEPTHWISE_CONV_2D",),
    "detection": ("TFLite_Detection_PostProcess",),
    "embedding": ("EMBEDDING_LOOKUP", "EMBEDDING_LOOKUP_SPARSE", "HASHTABLE_LOOKUP"),
    "fake_quant": ("DENSIFY", "FAKE_QUANT", "NumericVerify"),
    "fill": ("FILL", "RANGE", "RANK", "SHAPE"),
    "fully_connected": ("FULLY_CONNECTED",),
    "gather": ("GATHER", "GATHER_ND"),
    "hadamard": ("aeq.hadamard_rotation",),
    "hashtable": ("HASHTABLE", "HASHTABLE_FIND", "HASHTABLE_IMPORT", "HASHTABLE_SIZE"),
    "lstm": ("BIDIRECTIONAL_SEQUENCE_LSTM", "LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM"),
    "matrix_diag": ("MATRIX_DIAG", "MATRIX_SET_DIAG"),
    "non_max_suppression": ("NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5"),
    "pad": ("DILATE", "MIRROR_PAD", "PAD", "PADV2", "STABLEHLO_PAD"),
    "permute": ("REVERSE_SEQUENCE", "REVERSE_V2", "TRANSPOSE"),
    "normalization": ("CUMSUM", "L2_NORMALIZATION", "LOCAL_RESPONSE_NORMALIZATION"),
    "pooling": ("AVERAGE_POOL_2D", "L2_POOL_2D", "MAX_POOL_2D"),
    "quantize": ("DEQUANTIZE", "QUANTIZE"),
    "random": (*("MULTINOMIAL", "RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM", "STABLEHLO_RNG_BIT_GENERATOR"),),
    "reduce_window": ("REDUCE_WINDOW", "STABLEHLO_REDUCE_WINDOW"),
    "reduction": (*("MEAN", "REDUCE_ALL", "REDUCE_ANY", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "SUM"),),
    "rectifiers": ("LEAKY_RELU", "PRELU"),
    "relu": ("RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1"),
    "reshape": ("EXPAND_DIMS", "RESHAPE", "SQUEEZE"),
    "resize": ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"),
    "rnn": ("BIDIRECTIONAL_SEQUENCE_RNN", "RNN", "UNIDIRECTIONAL_SEQUENCE_RNN"),
    "scatter": ("SCATTER_ND", "SPARSE_TO_DENSE"),
    "segments": (
        *("SEGMENT_SUM", "UNSORTED_SEGMENT_MAX", "UNSORTED_SEGMENT_MIN", "UNSORTED_SEGMENT_PROD"),
        "UNSORTED_SEGMENT_SUM",
    ),
    "selection": ("BUCKETIZE", "ONE_HOT", "TOPK_V2", "UNIQUE", "WHERE"),
    "select": ("SELECT", "SELECT_V2"),
    "signal": (
        "SignalEnergy",
        "SignalFftAutoScale",
        "SignalFilterBank",
        "SignalFilterBankLog",
        "SignalFilterBankSpectralSubtraction",
        "SignalFilterBankSquareRoot",
        "SignalIrfft",
        "SignalPCAN",
        "SignalRfft",
        "SignalWindow",
    ),
    "signal_streams": (
        "CIRCULAR_BUFFER",
        "SignalDelay",
        "SignalFramer",
        "SignalOverlapAdd",
        "SignalStacker",
    ),
    "slices": ("DYNAMIC_UPDATE_SLICE", "SLICE"),
    "space": ("BATCH_TO_SPACE_ND", "DEPTH_TO_SPACE", "SPACE_TO_BATCH_ND", "SPACE_TO_DEPTH"),
    "split": ("SPLIT", "SPLIT_V", "UNPACK"),
    "stablehlo_slices": ("STABLEHLO_GATHER", "STABLEHLO_SCATTER"),
    "strided_slice": ("STRIDED_SLICE",),
    "svdf": ("SVDF",),
    "text": ("LSH_PROJECTION", "SKIP_GRAM"),
    "transpose_conv": ("TRANSPOSE_CONV",),
    "unary": (
        *("ABS", "CEIL", "COMPLEX_ABS", "COS", "EXP", "FLOOR", "IMAG", "LOG", "LOGICAL_NOT", "NEG", "REAL"),
        *("ROUND", "RSQRT", "SIGN", "SIN", "SQRT", "SQUARE", "ZEROS_LIKE"),
    ),
    "variables": ("ASSIGN_VARIABLE", "CALL_ONCE", "READ_VARIABLE", "VAR_HANDLE"),
}

_MODULE_OF = {operator: module for module, operators in _MODULES.items() for operator in operators}


def _snake_case(name: str) -> str:
    """`CONV_2D` → `conv_2d`; `SignalPCAN` → `signal_pcan`; `aeq.hadamard_rotation` → `aeq_hadamard_rotation`."""
    if name.isupper():
        return name.lower()
    words = ""
    for i, c in enumerate(name):
        before, after = name[i - 1 : i], name[i + 1 : i + 2]
        starts_word = c.isupper() and before not in ("", "_") and (before.islower() or after.islower())
        words += ("_" if starts_word else "") + c.lower()
    return words.replace(".", "_")


def implemented_operators() -> frozenset[str]:
    """The names of all operators that microinterp can run."""
    return frozenset(_MODULE_OF)


def find_prepare(operator: str) -> Prepare | None:
    """The prepare function of an operator by TFLite's name, or None if microinterp does not have it."""
    module = _MODULE_OF.get(operator)
    if module is None:
        return None
    prepare: Prepare = getattr(import_module(f"microinterp.ops.{module}"), "prepare_" + _snake_case(operator))
    return prepare
