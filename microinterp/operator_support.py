"""Which operators the native runtimes have, in which versions.

The facts are those of the registrations in LiteRT's and TFLite Micro's sources of August 2026; the wheels
ai-edge-litert 2.3.0 and tflite-micro 0.dev20261023182759 agree, asked for every operator and version.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from .model.schema import CUSTOM, OPERATOR_NAMES, operator_code

# Name; versions in LiteRT's BUILTIN_REF; versions in LiteRT's default resolver; whether TFLite Micro has it (it
# does not look at versions). Builtin operators first, in the order of their codes, then custom ones. Operators
# that no runtime has are left out; `ethos-u` runs in builds of TFLite Micro for that processor only.
_TABLE = """
    ADD                                   1-5   1-6  yes
    AVERAGE_POOL_2D                       1-3   1-3  yes
    CONCATENATION                         1-7   1-7  yes
    CONV_2D                               1-8   1-8  yes
    DEPTHWISE_CONV_2D                     1-6   1-7  yes
    DEPTH_TO_SPACE                          1   1-2  yes
    DEQUANTIZE                            1-9   1-9  yes
    EMBEDDING_LOOKUP                      1-5   1-5  yes
    FLOOR                                   1     1  yes
    FULLY_CONNECTED                      1-14  1-14  yes
    HASHTABLE_LOOKUP                        1     1  -
    L2_NORMALIZATION                      1-2   1-2  yes
    L2_POOL_2D                              1     1  yes
    LOCAL_RESPONSE_NORMALIZATION            1     1  -
    LOGISTIC                              1-3   1-3  yes
    LSH_PROJECTION                          1     1  -
    LSTM                                  1-4   1-4  -
    MAX_POOL_2D                           1-3   1-3  yes
    MUL                                   1-7   1-8  yes
    RELU                                  1-3   1-3  yes
    RELU_N1_TO_1                            1     1  -
    RELU6                                 1-3   1-3  yes
    RESHAPE                                 1     1  yes
    RESIZE_BILINEAR                       1-4   1-4  yes
    RNN                                   1-3   1-3  -
    SOFTMAX                               1-3   1-4  yes
    SPACE_TO_DEPTH                        1-2   1-2  yes
    SVDF                                  1-4   1-4  yes
    TANH                                  1-3   1-3  yes
    SKIP_GRAM                               1     1  -
    EMBEDDING_LOOKUP_SPARSE                 1     1  -
    PAD                                   1-6   1-6  yes
    UNIDIRECTIONAL_SEQUENCE_RNN           1-3   1-3  -
    GATHER                                1-8   1-8  yes
    BATCH_TO_SPACE_ND                     1-4   1-4  yes
    SPACE_TO_BATCH_ND                     1-4   1-4  yes
    TRANSPOSE                             1-8   1-9  yes
    MEAN                                  1-3   1-3  yes
    SUB                                   1-5   1-5  yes
    DIV                                   1-2   1-2  yes
    SQUEEZE                                 1   1-2  yes
    UNIDIRECTIONAL_SEQUENCE_LSTM          1-3   1-4  yes
    STRIDED_SLICE                         1-4   1-8  yes
    BIDIRECTIONAL_SEQUENCE_RNN            1-3   1-3  -
    EXP                                   1-2   1-2  yes
    TOPK_V2                               1-3   1-3  -
    SPLIT                                 1-5   1-5  yes
    LOG_SOFTMAX                           1-2   1-2  yes
    BIDIRECTIONAL_SEQUENCE_LSTM           1-3   1-3  -
    CAST                                  1-9   1-9  yes
    PRELU                                   1     1  yes
    MAXIMUM                               1-4   1-4  yes
    ARG_MAX                               1-2   1-3  yes
    MINIMUM                               1-4   1-4  yes
    LESS                                  1-3   1-3  yes
    NEG                                     1     1  yes
    PADV2                                 1-6   1-6  yes
    GREATER                               1-2   1-2  yes
    GREATER_EQUAL                         1-3   1-3  yes
    LESS_EQUAL                            1-2   1-2  yes
    SELECT                                1-4   1-4  -
    SLICE                                 1-8   1-8  yes
    SIN                                     1   1-2  yes
    TRANSPOSE_CONV                        1-5   1-5  yes
    SPARSE_TO_DENSE                       1-3   1-3  -
    TILE                                  1-2   1-3  -
    EXPAND_DIMS                             1     1  yes
    EQUAL                                 1-5   1-5  yes
    NOT_EQUAL                             1-4   1-4  yes
    LOG                                   1-2   1-2  yes
    SUM                                   1-2   1-2  yes
    SQRT                                  1-2   1-2  yes
    RSQRT                                 1-3   1-3  yes
    SHAPE                                   1     1  yes
    POW                                     1     1  -
    ARG_MIN                               1-2   1-3  yes
    FAKE_QUANT                            1-2   1-2  -
    REDUCE_PROD                           1-2   1-2  -
    REDUCE_MAX                            1-3   1-3  yes
    PACK                                  1-5   1-5  yes
    LOGICAL_OR                              1     1  yes
    ONE_HOT                                 1     1  -
    LOGICAL_AND                             1     1  yes
    LOGICAL_NOT                             1     1  yes
    UNPACK                                1-6   1-6  yes
    REDUCE_MIN                            1-3   1-3  yes
    FLOOR_DIV                             1-3   1-3  yes
    REDUCE_ANY                              1     1  -
    SQUARE                                  1     1  yes
    ZEROS_LIKE                              1     1  yes
    FILL                                  1-5   1-5  yes
    FLOOR_MOD                             1-2   1-2  yes
    RANGE                                   1   1-2  -
    RESIZE_NEAREST_NEIGHBOR               1-4   1-4  yes
    LEAKY_RELU                            1-2   1-2  yes
    SQUARED_DIFFERENCE                    1-2   1-2  yes
    MIRROR_PAD                            1-3   1-3  yes
    ABS                                   1-3   1-5  yes
    SPLIT_V                               1-3   1-3  yes
    UNIQUE                                  1     1  -
    CEIL                                    -     1  yes
    REVERSE_V2                            1-4   1-4  yes
    ADD_N                                   1     1  yes
    GATHER_ND                             1-6   1-6  yes
    COS                                     1   1-2  yes
    WHERE                                 1-2   1-2  -
    RANK                                    1     1  -
    ELU                                     -     1  yes
    REVERSE_SEQUENCE                        1     1  -
    MATRIX_DIAG                             1     1  -
    QUANTIZE                              1-6   1-6  yes
    MATRIX_SET_DIAG                         1     1  -
    ROUND                                   -     1  yes
    HARD_SWISH                              1     1  yes
    IF                                      1     1  yes
    WHILE                                   1     1  yes
    NON_MAX_SUPPRESSION_V4                  1     1  -
    NON_MAX_SUPPRESSION_V5                  1     1  -
    SCATTER_ND                              1     1  -
    SELECT_V2                             1-2   1-2  yes
    DENSIFY                                 1     1  -
    SEGMENT_SUM                             -     1  -
    BATCH_MATMUL                          1-4   1-4  yes
    CUMSUM                                  1     1  yes
    CALL_ONCE                               1     1  yes
    BROADCAST_TO                          2-4   2-4  yes
    RFFT2D                                  1     1  -
    CONV_3D                                 1     1  -
    IMAG                                    1     1  -
    REAL                                    1     1  -
    COMPLEX_ABS                             1     1  -
    HASHTABLE                               -     1  -
    HASHTABLE_FIND                          -     1  -
    HASHTABLE_IMPORT                        -     1  -
    HASHTABLE_SIZE                          -     1  -
    REDUCE_ALL                              1     1  yes
    CONV_3D_TRANSPOSE                       1     1  -
    VAR_HANDLE                              1     1  yes
    READ_VARIABLE                           1     1  yes
    ASSIGN_VARIABLE                         1     1  yes
    BROADCAST_ARGS                          1     1  yes
    RANDOM_STANDARD_NORMAL                  1     1  -
    BUCKETIZE                               1     1  -
    RANDOM_UNIFORM                          1     1  -
    MULTINOMIAL                             1     1  -
    GELU                                  1-2   1-3  -
    DYNAMIC_UPDATE_SLICE                  1-6   1-6  yes
    RELU_0_TO_1                             1     1  -
    UNSORTED_SEGMENT_PROD                   1     1  -
    UNSORTED_SEGMENT_MAX                    1     1  -
    UNSORTED_SEGMENT_SUM                    1     1  -
    ATAN2                                   1     1  -
    UNSORTED_SEGMENT_MIN                    1     1  -
    SIGN                                  1-2   1-2  -
    BITCAST                                 1     1  -
    BITWISE_XOR                             1     1  -
    RIGHT_SHIFT                             1     1  -
    STABLEHLO_ADD                           1     1  -
    STABLEHLO_MULTIPLY                      1     1  -
    STABLEHLO_MAXIMUM                       1     1  -
    STABLEHLO_AND                           -     1  -
    STABLEHLO_MINIMUM                       1     1  -
    STABLEHLO_SCATTER                       1     1  -
    STABLEHLO_PAD                           1     1  -
    STABLEHLO_REDUCE_WINDOW                 1     1  -
    STABLEHLO_GATHER                        1     1  -
    DILATE                                  1     1  -
    STABLEHLO_RNG_BIT_GENERATOR             1     1  -
    REDUCE_WINDOW                           1     1  -
    STABLEHLO_COMPOSITE                     1     1  -
    STABLEHLO_SHIFT_LEFT                    -     1  -
    STABLEHLO_CASE                          -     1  -
    NumericVerify                           1     1  -
    Mfcc                                    1     1  -
    AudioSpectrogram                        1     1  -
    TFLite_Detection_PostProcess            1     1  yes
    aeq.hadamard_rotation                   -     1  -
    CIRCULAR_BUFFER                         -     -  yes
    TFLM_DECODE                             -     -  yes
    SignalDelay                             -     -  yes
    SignalEnergy                            -     -  yes
    SignalFftAutoScale                      -     -  yes
    SignalFilterBank                        -     -  yes
    SignalFilterBankLog                     -     -  yes
    SignalFilterBankSquareRoot              -     -  yes
    SignalFilterBankSpectralSubtraction     -     -  yes
    SignalFramer                            -     -  yes
    SignalIrfft                             -     -  yes
    SignalOverlapAdd                        -     -  yes
    SignalPCAN                              -     -  yes
    SignalRfft                              -     -  yes
    SignalStacker                           -     -  yes
    SignalWindow                            -     -  yes
    ethos-u                                 -     -  -
"""


# Methods of TFLM's `MicroMutableOpResolver` that are not `Add` and the operator's name in camel case.
_ADDERS = {
    "BATCH_MATMUL": "AddBatchMatMul",
    "CUMSUM": "AddCumSum",
    "PADV2": "AddPadV2",
    "TFLM_DECODE": "AddDecode",
    "TFLite_Detection_PostProcess": "AddDetectionPostprocess",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "AddUnidirectionalSequenceLSTM",
    "ethos-u": "AddEthosU",
}


#: What to say of operators that only hardware can run.
ONLY_IN_HARDWARE = {
    "ethos-u": "its commands are for an Ethos-U processor, and nothing else can run them: use the model that Vela was "
    "given to compile"
}


class NativeSupport(NamedTuple):
    """Where one operator runs natively. Versions are from the first to the last, None where there are none."""

    name: str
    code: int
    litert_reference: tuple[int, int] | None
    litert_default: tuple[int, int] | None
    tflm: bool

    @property
    def is_custom(self) -> bool:
        """Whether a model names it by its `custom_code`."""
        return self.code == CUSTOM

    @property
    def is_anywhere(self) -> bool:
        """Whether any of the runtimes has it, in some version; else only the schema does."""
        return self.litert_reference is not None or self.litert_default is not None or self.tflm

    @property
    def tflm_adder(self) -> str | None:
        """The method of `MicroMutableOpResolver` that adds it; None if TFLM, Ethos-U builds included, lacks it."""
        if self.name in _ADDERS:
            return _ADDERS[self.name]
        if not self.tflm:
            return None
        if self.name.startswith("Signal"):
            return "Add" + self.name.removeprefix("Signal")
        words = self.name.split("_")
        return "Add" + "".join("2D" if word == "2D" else word.capitalize() for word in words)


def native_support(name: str) -> NativeSupport | None:
    """Where an operator runs natively; None for a name that is no operator's that we know of."""
    return _all_support().get(name)


def native_operators() -> tuple[NativeSupport, ...]:
    """All builtin operators, in the order of their codes, then the custom ones that a runtime has."""
    return tuple(_all_support().values())


@cache
def _all_support() -> dict[str, NativeSupport]:
    support = {
        name: NativeSupport(name, code, None, None, False)
        for code, name in enumerate(OPERATOR_NAMES)
        if code != CUSTOM
    }
    for line in _TABLE.split("\n")[1:-1]:
        name, reference, default, tflm = line.split()
        support[name] = NativeSupport(
            name, operator_code(name), _versions(reference), _versions(default), tflm == "yes"
        )
    return support


def _versions(text: str) -> tuple[int, int] | None:
    if text == "-":
        return None
    first, _, last = text.partition("-")
    return int(first), int(last or first)
