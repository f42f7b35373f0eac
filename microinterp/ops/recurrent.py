"""What the preparation of SVDF and LSTM shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..model.ir import Array
from ..model.schema import ActivationFunctionType
from .node import Invocation, Node, RuntimeTensor

Kernel = Callable[..., None]
Build = Callable[[Sequence[Array | None]], Kernel]


def build_once_if_constant(
    build: Build, parameters: Sequence[RuntimeTensor | None], arguments: tuple[RuntimeTensor, ...]
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
