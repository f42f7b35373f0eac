"""The sizes of TFLM's own structures on a target, as data: sizeof and alignof as a compiler printed them.

Measured from TFLM commit `TFLM_COMMIT` with g++ 12.2 (x86-64) and arm-none-eabi-g++ 12.2 (short enums, as bare-metal
ARM has them, and `-fno-short-enums`, as most other 32-bit toolchains do it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

TFLM_COMMIT = "90b983c2b3f1480642e040bbd2ddb37b998f3424"

Layout = tuple[int, int]
"""sizeof and alignof, in bytes."""

_STRUCTS = (
    "SingleArenaBufferAllocator",
    "GreedyMemoryPlanner",
    "MicroAllocator",
    "MicroBuiltinDataAllocator",
    "SubgraphAllocations",
    "TfLiteEvalTensor",
    "NodeAndRegistration",
    "TfLiteTensor",
    "TfLiteAffineQuantization",
    "ScratchBufferHandle",
    "ScratchBufferRequest",
    "AllocationInfo",
    "MicroResourceVariables",
    "MicroResourceVariable",
    "RecordingSingleArenaBufferAllocator",
    "RecordingMicroAllocator",
)


def _structs(pointer: int, *sizes: int) -> Mapping[str, Layout]:
    return {name: (size, pointer) for name, size in zip(_STRUCTS, sizes, strict=True)}


_X86_64 = _structs(8, 72, 72, 72, 16, 16, 24, 64, 64, 24, 8, 16, 32, 16, 40, 104, 248)
_ARM = _structs(4, 36, 44, 36, 8, 8, 12, 32, 32, 12, 4, 12, 24, 12, 20, 52, 124)
_INT_ENUMS = {**_ARM, "TfLiteTensor": (40, 4)}

# Option structs of the builtin operators: 64-bit, 32-bit with short enums, 32-bit with enums of int's size.
_OPTIONS: dict[str, tuple[Layout, Layout, Layout]] = {
    "ADD": ((8, 4), (2, 1), (8, 4)),
    "ARG_MAX": ((4, 4), (1, 1), (4, 4)),
    "ARG_MIN": ((4, 4), (1, 1), (4, 4)),
    "AVERAGE_POOL_2D": ((40, 4), (40, 4), (40, 4)),
    "BATCH_MATMUL": ((3, 1), (3, 1), (3, 1)),
    "CALL_ONCE": ((4, 4), (4, 4), (4, 4)),
    "CAST": ((8, 4), (2, 1), (8, 4)),
    "CONCATENATION": ((8, 4), (8, 4), (8, 4)),
    "CONV_2D": ((28, 4), (28, 4), (28, 4)),
    "CUMSUM": ((2, 1), (2, 1), (2, 1)),
    "DEPTHWISE_CONV_2D": ((28, 4), (28, 4), (28, 4)),
    "DEPTH_TO_SPACE": ((4, 4), (4, 4), (4, 4)),
    "DIV": ((4, 4), (1, 1), (4, 4)),
    "FULLY_CONNECTED": ((16, 4), (5, 1), (16, 4)),
    "GATHER": ((8, 4), (8, 4), (8, 4)),
    "IF": ((8, 4), (8, 4), (8, 4)),
    "L2_NORMALIZATION": ((4, 4), (1, 1), (4, 4)),
    "L2_POOL_2D": ((40, 4), (40, 4), (40, 4)),
    "LEAKY_RELU": ((4, 4), (4, 4), (4, 4)),
    "MAX_POOL_2D": ((40, 4), (40, 4), (40, 4)),
    "MEAN": ((1, 1), (1, 1), (1, 1)),
    "MIRROR_PAD": ((4, 4), (1, 1), (4, 4)),
    "MUL": ((4, 4), (1, 1), (4, 4)),
    "PACK": ((8, 4), (8, 4), (8, 4)),
    "REDUCE_ALL": ((1, 1), (1, 1), (1, 1)),
    "REDUCE_MAX": ((1, 1), (1, 1), (1, 1)),
    "REDUCE_MIN": ((1, 1), (1, 1), (1, 1)),
    "RESHAPE": ((36, 4), (36, 4), (36, 4)),
    "RESIZE_BILINEAR": ((2, 1), (2, 1), (2, 1)),
    "RESIZE_NEAREST_NEIGHBOR": ((2, 1), (2, 1), (2, 1)),
    "SHAPE": ((4, 4), (1, 1), (4, 4)),
    "SOFTMAX": ((4, 4), (4, 4), (4, 4)),
    "SPACE_TO_DEPTH": ((4, 4), (4, 4), (4, 4)),
    "SPLIT": ((4, 4), (4, 4), (4, 4)),
    "SPLIT_V": ((4, 4), (4, 4), (4, 4)),
    "SQUEEZE": ((36, 4), (36, 4), (36, 4)),
    "STRIDED_SLICE": ((24, 4), (24, 4), (24, 4)),
    "SUB": ((8, 4), (2, 1), (8, 4)),
    "SUM": ((1, 1), (1, 1), (1, 1)),
    "SVDF": ((12, 4), (8, 4), (12, 4)),
    "TRANSPOSE_CONV": ((20, 4), (16, 4), (20, 4)),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": ((16, 4), (16, 4), (16, 4)),
    "UNPACK": ((8, 4), (8, 4), (8, 4)),
    "VAR_HANDLE": ((16, 8), (8, 4), (8, 4)),
    "WHILE": ((8, 4), (8, 4), (8, 4)),
}


@dataclass(frozen=True)
class Target:
    """A CPU and its ABI, as far as the arena depends on them.

    Attributes:
        name: as the command line has it.
        pointer: bytes of a pointer and of `size_t`.
        structs: layout of TFLM's structures, by name.
        options: layout of the option structs, by operator; operators that are not here have none.
        vector: which SIMD instructions CMSIS-NN uses there.
        tflm: the version of TFLM whose structures these are.
    """

    name: str
    pointer: int
    structs: Mapping[str, Layout]
    options: Mapping[str, Layout]
    vector: Literal["none", "dsp", "mve"] = "none"
    tflm: str = TFLM_COMMIT


def _options(column: int) -> Mapping[str, Layout]:
    return {operator: layouts[column] for operator, layouts in _OPTIONS.items()}


def _cortex_m(name: str, vector: Literal["none", "dsp", "mve"]) -> Target:
    return Target(name, 4, _ARM, _options(1), vector)


TARGETS: Mapping[str, Target] = {
    target.name: target
    for target in (
        Target("x86-64", 8, _X86_64, _options(0)),
        _cortex_m("cortex-m0", "none"),
        _cortex_m("cortex-m3", "none"),
        _cortex_m("cortex-m4", "dsp"),
        _cortex_m("cortex-m7", "dsp"),
        _cortex_m("cortex-m33", "dsp"),
        _cortex_m("cortex-m55", "mve"),
        _cortex_m("cortex-m85", "mve"),
        # Xtensa (ESP32), RISC-V, arm-linux: 32 bits, enums as large as int
        Target("generic-32", 4, _INT_ENUMS, _options(2)),
    )
}
