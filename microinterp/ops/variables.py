"""Resource variables, which outlive an invoke and are shared by all subgraphs, and CALL_ONCE, which initializes them.

A handle is a tensor that holds the variable's number. In TFLM a variable is a number of bytes; see
`Runtime.allocates_resources_at_prepare`.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from .node import Invocation, Node, Resources, RuntimeTensor, SubgraphRunner

_HANDLE_TYPES = (TensorType.RESOURCE, TensorType.INT32)


def prepare_var_handle(node: Node) -> Invocation:
    """VAR_HANDLE: the handle of the variable of a container and a shared name."""
    node.require_counts(0, 1)
    output = node.output()
    node.require_type(output, *_HANDLE_TYPES)
    number = _number(node, node.options["container"], node.options["shared_name"] or "")
    node.resources.handles[output] = number
    return Invocation(partial(_write_handle, number), (output,), number)


def _number(node: Node, container: str | None, shared_name: str) -> int:
    ids = node.resources.ids
    if node.runtime.allocates_resources_at_prepare:
        # TFLM's Python API makes room for one variable per shared name, and no container matches any
        for (known_container, known_name), number in ids.items():
            if known_name == shared_name:
                node.require(
                    container in {known_container, None},
                    f"the variable {shared_name!r} is in two containers, {known_container!r} and {container!r}",
                )
                return number
    return ids.setdefault((container or "", shared_name), len(ids))


def _write_handle(number: int, output: Array) -> None:
    output[...] = number


def prepare_assign_variable(node: Node) -> Invocation:
    """ASSIGN_VARIABLE: gives a variable a value."""
    node.require_counts(2, 0)
    handle, value = _handle(node), node.input(1)
    resources = node.resources
    if not node.runtime.allocates_resources_at_prepare:
        return Invocation(partial(_assign, resources), (handle, value))
    number = resources.handles.get(handle)
    if number is None and handle.constant is not None:
        number = int(handle.constant.flat[0])
        node.require(number in resources.ids.values(), f"{handle}: there is no variable {number}")
    if number is not None and number not in resources.values:
        fill = value.zero_point & 0xFF
        resources.default_bytes[number] = fill
        resources.values[number] = np.full(value.size * value.dtype.itemsize, fill, np.uint8)
    return Invocation(partial(_assign_bytes, resources), (handle, value))


def prepare_read_variable(node: Node) -> Invocation:
    """READ_VARIABLE: the value of a variable."""
    node.require_counts(1, 1)
    handle, output = _handle(node), node.output()
    resources = node.resources
    if node.runtime.allocates_resources_at_prepare:
        return Invocation(partial(_read_bytes, resources), (handle, output))
    if not output.definition.shape:  # LiteRT cannot tell a scalar from an unknown shape
        read = partial(_read, resources, output.dtype)
        return Invocation(read, (handle,), dynamic=(output,))
    return Invocation(partial(_read_elements, resources), (handle, output))


def _handle(node: Node) -> RuntimeTensor:
    handle = node.input(0)
    node.require_type(handle, *_HANDLE_TYPES)
    node.require(handle.size == 1, f"{handle} must have one element")
    return handle


def _assign(resources: Resources, handle: Array, value: Array) -> None:
    resources.values[int(handle.flat[0])] = value.copy()


def _assign_bytes(resources: Resources, handle: Array, value: Array) -> None:
    memory = _value(resources, handle)
    _require_size(memory, value)
    memory[...] = value.reshape(-1).view(np.uint8)


def _read(resources: Resources, dtype: np.dtype[np.generic], handle: Array) -> Array:
    value = _value(resources, handle)
    if value.dtype != dtype:
        raise InvokeError(f"the variable holds {value.dtype}, it is read as {dtype}")
    copy: Array = value.copy()
    return copy


def _read_elements(resources: Resources, handle: Array, output: Array) -> None:
    value = _value(resources, handle)
    if value.dtype != output.dtype or value.size < output.size:
        raise InvokeError(
            f"the variable holds {value.dtype}{list(value.shape)}, it is read as {output.dtype}{list(output.shape)}"
        )
    # LiteRT does not compare the shapes
    output.reshape(-1)[...] = value.reshape(-1)[: output.size]


def _read_bytes(resources: Resources, handle: Array, output: Array) -> None:
    memory = _value(resources, handle)
    _require_size(memory, output)
    output.reshape(-1).view(np.uint8)[...] = memory


def _value(resources: Resources, handle: Array) -> Array:
    value = resources.values.get(int(handle.flat[0]))
    if value is None:
        raise InvokeError("the variable is used before anything is assigned to it")
    return value


def _require_size(memory: Array, array: Array) -> None:
    if memory.size != array.nbytes:
        raise InvokeError(f"the variable has {memory.size} bytes, not {array.nbytes}")


def prepare_call_once(node: Node) -> Invocation:
    """CALL_ONCE: runs a subgraph without inputs and outputs, the first time only."""
    node.require_counts(0, 0)
    index = node.options["init_subgraph_index"]
    subgraph = node.subgraph(index)
    node.require(
        not subgraph.inputs and not subgraph.outputs, f"subgraph {index} must not have inputs or outputs"
    )
    key = index if node.runtime.calls_once_per_subgraph else node
    return Invocation(partial(_call_once, node.resources.called_once, key, subgraph), ())


def _call_once(called: set[object], key: object, subgraph: SubgraphRunner) -> None:
    if key in called:
        return
    called.add(key)  # now, so that a subgraph that calls itself comes to an end
    try:
        subgraph.allocate(())
        subgraph.invoke()
    except BaseException:
        called.discard(key)
        raise
