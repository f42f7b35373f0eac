"""The accounting of the `tflite_micro` wheel: other sizes, same rules.

The wheel is built with compression and is newer than `TFLM_COMMIT`. With a recording interpreter these figures are
what its `print_allocations()` prints.
"""

from __future__ import annotations

from dataclasses import replace

from .kernel_memory import KernelLibrary
from .reference_kernels import REFERENCE
from .targets import TARGETS

_X86_64 = TARGETS["x86-64"]

WHEEL_TARGET = replace(
    _X86_64,
    name="x86-64 (tflite_micro wheel)",
    structs={**_X86_64.structs, "SubgraphAllocations": (24, 8), "RecordingMicroAllocator": (272, 8)},
    options={**_X86_64.options, "FULLY_CONNECTED": (32, 8)},
    tflm="tflite_micro 0.dev20261023182759",
)

# user data of the kernels that can read compressed tensors
_INIT_BYTES = {
    "CONV_2D": 80,
    "DEPTHWISE_CONV_2D": 80,
    "FULLY_CONNECTED": 72,
    "CONCATENATION": 80,
    "TRANSPOSE_CONV": 88,
    "ASSIGN_VARIABLE": 4,
}

WHEEL_KERNELS = KernelLibrary(
    "reference (tflite_micro wheel)",
    {
        **REFERENCE.rules,
        **{name: replace(REFERENCE.rules[name], init=(size, 0)) for name, size in _INIT_BYTES.items()},
    },
)
