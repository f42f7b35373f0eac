"""What a TFLM kernel asks of the arena, and how the rules that say so are written.

A rule lists a kernel's requests in the order in which its Init and Prepare make them, through `KernelContext`:
persistent buffers (`AllocatePersistentBuffer`), scratch buffers (`RequestScratchBufferInArena`) and the temporary
`TfLiteTensor`s that Prepare looks at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ..model.ir import NUMPY_TYPES, Model, Operator, Tensor, TensorType
from .targets import Target

FLOATS = (TensorType.FLOAT32, TensorType.FLOAT16, TensorType.FLOAT64)


# Element types that TFLM's `TfLiteTypeSizeOf` does not know.
_UNSIZED = (
    TensorType.STRING,
    TensorType.VARIANT,
    TensorType.INT2,
    TensorType.UINT4,
    TensorType.FLOAT8_E4M3FN,
    TensorType.FLOAT8_E5M2,
)


class UnsizedTensorError(ValueError):
    """A tensor has no size: because of its element type, or of a dimension that is not known."""


def tensor_bytes(tensor: Tensor) -> int:
    """Bytes of a tensor as TFLM counts them: a scalar has one element, INT4 takes a byte per element.

    Raises:
        UnsizedTensorError: TFLM has no size for the element type, or a dimension is negative.
    """
    if tensor.type not in NUMPY_TYPES or tensor.type in _UNSIZED:
        name = getattr(tensor.type, "name", f"number {int(tensor.type)}")
        raise UnsizedTensorError(f"it has no size for the element type {name}")
    if min(tensor.shape or (), default=0) < 0:
        raise UnsizedTensorError(f"its shape {list(tensor.shape or ())} is open")
    return elements(tensor) * NUMPY_TYPES[TensorType(tensor.type)].itemsize


def elements(tensor: Tensor) -> int:
    """Number of elements."""
    n = 1
    for dimension in tensor.shape or ():
        n *= dimension
    return n


def scale_count(tensor: Tensor) -> int:
    """Number of quantization scales; 0 unless there are scales and zero points."""
    q = tensor.quantization
    if q is None or q.scale is None or q.zero_point is None or not q.zero_point.size:
        return 0
    return q.scale.size


class Requests(Protocol):
    """Where a rule's requests go."""

    def persistent_buffer(self, size: int) -> None:
        """`AllocatePersistentBuffer`: `size` bytes aligned to 16 in the tail."""

    def scratch(self, size: int) -> None:
        """`RequestScratchBufferInArena`: `size` bytes in the head while the operator runs."""

    def temp_tensor(self, tensor: Tensor) -> None:
        """A temporary `TfLiteTensor` with its quantization."""


@dataclass(frozen=True)
class KernelContext:
    """One operator while its kernel is initialized and prepared."""

    model: Model
    subgraph: int
    operator: Operator
    target: Target
    requests: Requests
    #: What `VAR_HANDLE` and `ASSIGN_VARIABLE` know of each other; see `reference_kernels`.
    variables: VariableBuffers
    #: Shapes that kernels have given tensors in place of the stored ones, by subgraph and index.
    shapes: dict[tuple[int, int], tuple[int, ...]]

    @property
    def options(self) -> Mapping[str, Any]:
        """The operator's options."""
        return self.operator.options

    def input(self, i: int) -> Tensor | None:
        """The i-th input, None if it is omitted."""
        inputs = self.operator.inputs
        return self._tensor(inputs[i]) if i < len(inputs) and inputs[i] >= 0 else None

    def required(self, i: int) -> Tensor:
        """The i-th input, which the kernel needs."""
        tensor = self.input(i)
        if tensor is None:
            raise MissingTensorError(f"input {i} is missing")
        return tensor

    def output(self, i: int = 0) -> Tensor:
        """The i-th output."""
        if i >= len(self.operator.outputs):
            raise MissingTensorError(f"output {i} is missing")
        return self._tensor(self.operator.outputs[i])

    def _tensor(self, index: int) -> Tensor:
        tensor = self.model.subgraphs[self.subgraph].tensors[index]
        shape = self.shapes.get((self.subgraph, index))
        return tensor if shape is None else replace(tensor, shape=shape)

    def resize_output(self, shape: tuple[int, ...]) -> None:
        """Give the first output another shape than the stored one."""
        self.shapes[self.subgraph, self.operator.outputs[0]] = shape

    def temps(self, names: str) -> None:
        """Temporary tensors in order: `i0`, `o0`, …; omitted inputs cost nothing."""
        for name in names.split():
            i = int(name[1:])
            tensor = self.input(i) if name[0] == "i" else self.output(i)
            if tensor is not None:
                self.requests.temp_tensor(tensor)

    def persistent(self, size: int) -> None:
        """`AllocatePersistentBuffer`."""
        self.requests.persistent_buffer(size)

    def scratch(self, size: int) -> None:
        """`RequestScratchBufferInArena`."""
        self.requests.scratch(size)

    def dims(self, tensor: Tensor) -> None:
        """A copy of a tensor's dimensions, a `TfLiteIntArray`, in the tail."""
        self.persistent(4 + 4 * len(tensor.shape or ()))


class MissingTensorError(Exception):
    """An operator lacks a tensor that its kernel reads: TFLM cannot prepare it."""


VariableKey = tuple[str, str]
"""Container and shared name of a resource variable."""


def variable_key(operator: Operator) -> VariableKey:
    """Which resource variable a VAR_HANDLE is for."""
    return str(operator.options["container"] or ""), str(operator.options["shared_name"] or "")


class VariableBuffers:
    """Which resource variables have a buffer, and which tensors hold a handle by now."""

    def __init__(self) -> None:
        self.handles: dict[tuple[int, int], VariableKey] = {}
        self.allocated: set[VariableKey] = set()


Action = Callable[[KernelContext], None]


@dataclass(frozen=True)
class KernelRule:
    """What a kernel asks for: `init` bytes of user data on 64 and 32 bits, more in Init, then in Prepare."""

    init: tuple[int, int] = (0, 0)
    prepare: Action = lambda context: None
    more_init: Action = lambda context: None

    def run_init(self, context: KernelContext) -> None:
        """The requests of the kernel's Init."""
        size = self.init[0 if context.target.pointer == 8 else 1]
        if size:
            context.persistent(size)
        self.more_init(context)


def same(size: int) -> tuple[int, int]:
    """User data of the same size on 64 and 32 bits."""
    return size, size


def temps(names: str) -> Action:
    """A Prepare that only looks at tensors."""
    return lambda context: context.temps(names)


@dataclass(frozen=True)
class KernelLibrary:
    """A set of kernels: their rules by operator name."""

    name: str
    rules: Mapping[str, KernelRule]
