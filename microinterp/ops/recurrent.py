"""What the preparation of SVDF, RNN and LSTM shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..model.ir import Array, TensorType
from ..model.schema import ActivationFunctionType
from .node import Invocation, Node, RuntimeTensor

Kernel = Callable[..., None]
Build = Callable[[Sequence[Array | None]], Kernel]

#: The types of the weights that LiteRT's hybrid kernels take for int8.
BYTES = (TensorType.INT8, TensorType.UINT8)


def build_once_if_constant(
    build: Build, parameters: Sequence[RuntimeTensor | None], arguments: tuple[RuntimeTensor | None, ...]
) -> Invocation:
    """The invocation of the kernel that `build` makes of the parameters' values, called with `arguments`.

    If all parameters are constant the kernel is built now, else at each invoke.
    """
    if all(tensor is None or tensor.constant is not None for tensor in parameters):
        kernel = build([None if tensor is None else tensor.constant for tensor in parameters])
        return Invocation(kernel, arguments, kernel)
    count = len(arguments)

    def invoke(*arrays: Any) -> None:
        build(arrays[count:])(*arrays[:count])

    return Invocation(invoke, (*arguments, *parameters), build)


def activation_name(node: Node) -> str:
    """The fused activation by its name in the schema; one that it lacks is "NONE", as TFLite reads it."""
    try:
        return ActivationFunctionType(node.options["fused_activation_function"]).name
    except ValueError:
        return "NONE"


def time_first(x: Array, time_major: bool) -> Array:
    """x [batch, time, …], or [time, batch, …] if it is `time_major`, as the latter."""
    return x if time_major else x.swapaxes(0, 1)


def real_aux(
    node: Node, x: RuntimeTensor, aux: RuntimeTensor | None, has_weights: bool
) -> tuple[RuntimeTensor | None, bool]:
    """The auxiliary input of a bidirectional layer, checked, and whether it is the backward cell's only input.

    It is that if it has no weights of its own.
    """
    if aux is None:
        node.require(not has_weights, "has auxiliary weights but no auxiliary input")
        return None, False
    node.require_type(aux, x.type)
    wanted = x.shape if not has_weights else (*x.shape[:2], *aux.shape[-1:])
    node.require(aux.shape == wanted, f"{aux} must have the shape {list(wanted)}")
    return aux, not has_weights
