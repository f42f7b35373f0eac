"""What an operator sees while it is prepared: its tensors, its options, and the runtime it must equal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import InvokeError, PrepareError
from ..model.ir import NUMPY_TYPES, Array, OperatorCode, Quantization, Tensor, TensorType
from ..runtimes import FloatMode, Runtime


@dataclass(slots=True, eq=False)
class RuntimeTensor:
    """A tensor as the interpreter holds it: its definition in the model, its current shape, its memory.

    `constant` holds the values of a constant tensor. `array` is the tensor's memory, bound once the arena is
    planned (the constant itself for a constant tensor). `dynamic` says that its shape is only known once the
    operator that makes it has run; `array` is then new after each invoke.
    """

    index: int
    definition: Tensor
    shape: tuple[int, ...]
    constant: Array | None = None
    dynamic: bool = False
    array: Array | None = None

    @property
    def name(self) -> str:
        """The tensor's name in the model ("" where it has none)."""
        return self.definition.name or ""

    @property
    def type(self) -> TensorType:
        """The element type; `Graph` has made sure that it is one we know."""
        return TensorType(self.definition.type)

    @property
    def dtype(self) -> np.dtype[Any]:
        """What one element is in NumPy."""
        return NUMPY_TYPES[self.type]

    @property
    def is_variable(self) -> bool:
        """Whether the tensor keeps its value from one invoke to the next."""
        return self.definition.is_variable

    @property
    def quantization(self) -> Quantization | None:
        """The quantization parameters as the model has them."""
        return self.definition.quantization

    @property
    def is_quantized(self) -> bool:
        """Whether the tensor has at least one scale."""
        q = self.quantization
        return q is not None and q.scale is not None and q.scale.size > 0

    @property
    def scale(self) -> float:
        """The first scale as a float holding a float32 value; 0.0 without quantization, as in TFLite."""
        q = self.quantization
        return float(q.scale[0]) if q is not None and q.scale is not None and q.scale.size else 0.0

    @property
    def zero_point(self) -> int:
        """The first zero point, cut to int32; 0 without quantization, as in TFLite."""
        q = self.quantization
        if q is None or q.zero_point is None or q.zero_point.size == 0:
            return 0
        return int(q.zero_point[0].astype(np.int32))

    @property
    def scales(self) -> NDArray[np.float32]:
        """All scales, one or one per channel; empty without quantization."""
        q = self.quantization
        return q.scale if q is not None and q.scale is not None else np.zeros(0, np.float32)

    @property
    def size(self) -> int:
        """Number of elements."""
        n = 1
        for d in self.shape:
            n *= d
        return n

    @property
    def nbytes(self) -> int:
        """Number of bytes of all elements."""
        return self.size * self.dtype.itemsize

    def store(self, values: Array) -> None:
        """Copy values into the tensor's memory; strings, as bytes, replace those it had."""
        if self.type is not TensorType.STRING:
            assert self.array is not None, "it is allocated"
            self.array[...] = values
            return
        self.array = np.empty(values.shape, object)
        for i, item in np.ndenumerate(values):
            self.array[i] = item if isinstance(item, bytes) else str(item).encode()

    def __str__(self) -> str:
        return f"tensor {self.index} {self.name!r} ({self.type.name}{list(self.shape)})"


@dataclass(frozen=True, slots=True)
class Invocation:
    """A prepared operator: `function` is called with the arrays of `arguments`, in their order, at each invoke.

    Output tensors stand among the arguments; the function writes into their arrays. For `dynamic` outputs it
    is the other way round: they do not stand among the arguments, and the function returns their new arrays
    (one array, or a tuple of them in the order of `dynamic`). A None argument is passed on as None.
    `op_data` is the named object that holds what prepare computed (TFLM's `OpData`), for people to look at.
    `reset` sets back what the operator itself keeps from one invoke to the next (TFLM's `reset`).
    """

    function: Callable[..., Any]
    arguments: tuple[RuntimeTensor | None, ...]
    op_data: object = None
    dynamic: tuple[RuntimeTensor, ...] = ()
    reset: Callable[[], None] | None = None


class EndOfRun(Exception):  # noqa: N818 - it is no error, and does not leave the interpreter
    """Raised by an operator that ends the run early, outputs as they are (TFLM's kTfLiteAbort)."""


class SubgraphRunner(Protocol):
    """A subgraph that a control-flow operator can run."""

    @property
    def index(self) -> int:
        """The subgraph's number."""

    @property
    def inputs(self) -> Sequence[RuntimeTensor]:
        """The subgraph's input tensors; they have memory once it is allocated."""

    @property
    def outputs(self) -> Sequence[RuntimeTensor]:
        """The subgraph's output tensors; their shapes are right once it is allocated."""

    @property
    def operators(self) -> Sequence[str]:
        """The names of the subgraph's operators, in order."""

    @property
    def has_dynamic_tensors(self) -> bool:
        """Whether shapes depend on values; known once it is allocated."""

    def allocate(self, shapes: Sequence[tuple[int, ...]]) -> None:
        """Prepare the subgraph for inputs of these shapes, unless it is."""

    def invoke(self) -> None:
        """Run the operators once."""


@dataclass(slots=True)
class HashTable:
    """A table that outlives an invoke; its values by key, None until it is filled."""

    key_type: TensorType
    values: dict[Any, Any] | None = None


@dataclass(slots=True)
class Resources:
    """State shared by all subgraphs of one interpreter: the resource variables, and hash tables."""

    #: The numbers of the variables, by container and shared name.
    ids: dict[tuple[str, str], int] = field(default_factory=dict)
    #: The values by number; bare bytes in a runtime with `allocates_resources_at_prepare`.
    values: dict[int, Array] = field(default_factory=dict)
    #: The numbers in the tensors that are known to be handles once they are prepared.
    handles: dict[RuntimeTensor, int] = field(default_factory=dict)
    #: The hash tables by number.
    tables: dict[int, HashTable] = field(default_factory=dict)
    #: What CALL_ONCE has done: indices of subgraphs, or operators (see `Runtime.calls_once_per_subgraph`).
    called_once: set[object] = field(default_factory=set)
    #: What TFLM fills each byte of a variable with at reset: the zero point of what was first assigned.
    default_bytes: dict[int, int] = field(default_factory=dict)
    #: How many CIRCULAR_BUFFERs whose period TFLM guesses have been prepared since it last guessed 1.
    circular_buffers: int = 0

    def reset(self) -> None:
        """Fill every variable with its default, as TFLM's `MicroResourceVariables::ResetAll` does."""
        for i, array in self.values.items():
            array.view(np.uint8).fill(self.default_bytes.get(i, 0) & 0xFF)


#: What prepares an operator; an `Interpreter` takes such functions as `custom_ops`.
Prepare = Callable[["Node"], Invocation]


@dataclass(slots=True, eq=False)
class Node:
    """One operator about to be prepared."""

    index: int
    code: OperatorCode
    inputs: tuple[RuntimeTensor | None, ...]
    outputs: tuple[RuntimeTensor, ...]
    intermediates: tuple[RuntimeTensor, ...]
    #: All tensors of the subgraph: an operator may name some that are neither its inputs nor its outputs.
    tensors: Sequence[RuntimeTensor]
    options: Mapping[str, Any]
    runtime: Runtime
    float_mode: FloatMode
    resources: Resources
    subgraph: Callable[[int], SubgraphRunner]
    #: The user's function that prepares the operator; None: ours does.
    custom_op: Prepare | None = None

    @property
    def name(self) -> str:
        """`CONV_2D`, or the custom operator's name."""
        return self.code.name

    @property
    def adds_in_order(self) -> bool:
        """Whether sums of float32 products must keep the native kernel's order."""
        return self.float_mode == "exact"

    @property
    def version(self) -> int:
        """The operator's version in the model."""
        return self.code.version

    def input(self, i: int) -> RuntimeTensor:
        """The i-th input, which must be there."""
        tensor = self.optional_input(i)
        if tensor is None:
            self.fail(f"input {i} is missing")
        return tensor

    def optional_input(self, i: int) -> RuntimeTensor | None:
        """The i-th input, or None if it is omitted (−1) or beyond the list."""
        return self.inputs[i] if i < len(self.inputs) else None

    def output(self, i: int = 0) -> RuntimeTensor:
        """The i-th output, which must be there."""
        if i >= len(self.outputs):
            self.fail(f"output {i} is missing")
        return self.outputs[i]

    def constant(self, i: int) -> Array:
        """The values of the i-th input, which must be constant."""
        tensor = self.input(i)
        if tensor.constant is None:
            self.fail(f"input {i}, {tensor}, must be constant")
        return tensor.constant

    def require_counts(self, inputs: int | tuple[int, int], outputs: int) -> None:
        """Refuse another number of inputs (one number, or least and most) or outputs."""
        least, most = inputs if isinstance(inputs, tuple) else (inputs, inputs)
        if not least <= len(self.inputs) <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            self.fail(f"has {len(self.inputs)} inputs, needs {wanted}")
        if len(self.outputs) != outputs:
            self.fail(f"has {len(self.outputs)} outputs, needs {outputs}")

    def require_type(self, tensor: RuntimeTensor, *types: TensorType, at_invoke: bool = False) -> None:
        """Refuse a tensor of any other element type; `at_invoke`: when the native kernel does, see `require`."""
        if tensor.type not in types:
            supported = ", ".join(t.name for t in types)
            message = f"{tensor} has an element type that is not supported here; supported: {supported}"
            self.require(False, message, at_invoke=at_invoke)

    def require_rank(self, tensor: RuntimeTensor, least: int, most: int | None = None) -> None:
        """Refuse a tensor of any other rank."""
        most = least if most is None else most
        if not least <= len(tensor.shape) <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            self.fail(f"{tensor} has rank {len(tensor.shape)}, needs {wanted}")

    def require(self, condition: bool, message: str, *, at_invoke: bool = False) -> None:
        """Refuse unless the condition holds; the message says the rule that is broken.

        With `at_invoke` the model can be prepared, and only running the operator fails, as in a native kernel that
        looks no earlier. What is refused at prepare must have been checked, and shapes of outputs set, before.
        """
        if condition:
            return
        if at_invoke:
            raise InvokeError(message)
        self.fail(message)

    def fail(self, message: str) -> NoReturn:
        """Refuse this operator: `PrepareError` that names it and its place."""
        raise PrepareError(f"{self}: {message}")

    def __str__(self) -> str:
        return f"operator {self.index} ({self.name} v{self.version})"
