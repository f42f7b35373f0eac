"""Whether a model makes sense as a whole: indices, sizes, the order of execution."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

from .constants import constant_buffer, stored_size, unpacked_size
from .damage import Damage, Place
from .ir import NUMPY_TYPES, Model, Operator, Quantization, Subgraph, Tensor, TensorType
from .schema import CUSTOM, operator_name

_MOST_BYTES = 2**63 - 1
_MOST_DIMENSIONS = 32  # NumPy's limit before 2.0

# Constants that have to be unpacked may share a buffer, but not so often that a small file fills the memory.
_MOST_UNPACKED_BYTES_PER_BYTE = 256
_UNPACKED_BYTES_FOR_FREE = 2**20

# Subgraphs that call subgraphs that call …: deeper than any compiler nests them, within Python's stack.
_DEEPEST_CALL = 32

# Options that name subgraphs, by one index or several.
_SUBGRAPH_OPTIONS = (
    "subgraph",
    "then_subgraph_index",
    "else_subgraph_index",
    "cond_subgraph_index",
    "body_subgraph_index",
    "init_subgraph_index",
    "comparator_subgraph_index",
    "update_computation_subgraph_index",
    "decomposition_subgraph_index",
    "branch_subgraph_indices",
    "called_computations",
)


def check_model(model: Model, file_size: int) -> None:
    """Raise `Damage` unless every index, size and order in the model, read from that many bytes, is sound."""
    if not model.subgraphs:
        raise Damage("the model has no subgraph")
    _check_metadata(model)
    unpacked = 0
    calls: list[set[int]] = []
    names = [operator_name(code) for code in model.operator_codes]
    for i, subgraph in enumerate(model.subgraphs):
        with Place(f"subgraph {i}"):
            for t, tensor in enumerate(subgraph.tensors):
                with Place(f"tensor {t} {tensor.name!r}"):
                    unpacked += _check_tensor(model, tensor, len(subgraph.tensors))
            calls.append(_check_graph(model, subgraph, names))
    if unpacked > _MOST_UNPACKED_BYTES_PER_BYTE * file_size + _UNPACKED_BYTES_FOR_FREE:
        raise Damage(f"the constants unpack to {unpacked} bytes, but the file has only {file_size}")
    _check_calls(calls)
    _check_signatures(model)


def _check_tensor(model: Model, tensor: Tensor, tensors: int) -> int:
    """Check one tensor; how many bytes its constant takes beyond the file's own."""
    shape = tensor.shape or ()
    if len(shape) > _MOST_DIMENSIONS:
        raise Damage(f"it has {len(shape)} dimensions, more than {_MOST_DIMENSIONS}")
    if any(size < 0 for size in shape):
        raise Damage(f"its shape {list(shape)} has a negative dimension")
    if tensor.buffer >= len(model.buffers):
        raise Damage(f"its buffer is {tensor.buffer}, but the model has {len(model.buffers)} buffers")
    if tensor.quantization is not None:
        _check_quantization(tensor.quantization, shape, tensors)
    if tensor.type not in NUMPY_TYPES:
        return 0
    element_type = TensorType(tensor.type)
    count = math.prod(shape)
    size = stored_size(element_type, count)
    # NumPy wants the product of the other dimensions to be in range even where one is zero.
    if math.prod(max(d, 1) for d in shape) * NUMPY_TYPES[element_type].itemsize > _MOST_BYTES:
        raise Damage(f"its shape {list(shape)} is too large")
    buffer = constant_buffer(model, tensor)
    if buffer is None:
        return 0
    if element_type is not TensorType.STRING and tensor.sparsity is None and size > buffer.size:
        raise Damage(
            f"its shape {list(shape)} of {element_type.name} takes {size} bytes, but its buffer "
            f"{tensor.buffer} has {buffer.size}"
        )
    return unpacked_size(tensor, count)


def _check_quantization(quantization: Quantization, shape: tuple[int, ...], tensors: int) -> None:
    scale, zero_point = quantization.scale, quantization.zero_point
    scales = 0 if scale is None else scale.size
    zero_points = 0 if zero_point is None else zero_point.size
    if scales and zero_points not in (0, 1, scales):
        raise Damage(f"it has {scales} scales, but {zero_points} zero points")
    dimension = quantization.quantized_dimension
    # TFLite Micro runs files that name a dimension which the tensor lacks, so that is no damage by itself.
    sizes = shape[dimension : dimension + 1] if 0 <= dimension < len(shape) else shape
    if scales > 1 and shape and scales not in sizes:
        raise Damage(f"it has {scales} scales for dimension {dimension} of its shape {list(shape)}")
    if quantization.details is not None:
        details = quantization.details[1]
        for field, optional in (("scales", False), ("zero_points", True)):
            index = details.get(field, 0)
            if not (0 <= index < tensors or (optional and index == -1)):
                raise Damage(f"its {field} are tensor {index}, but the subgraph has {tensors} tensors")
        for dimension in details.get("quantized_dimensions") or ():
            if not 0 <= dimension < max(len(shape), 1):
                raise Damage(f"it is quantized along dimension {dimension} of its shape {list(shape)}")


def _check_graph(model: Model, subgraph: Subgraph, names: Sequence[str]) -> set[int]:
    """Check the operators, whose codes have these names, and their order; the subgraphs that they call."""
    tensors = len(subgraph.tensors)
    _check_indices("graph input", subgraph.inputs, tensors)
    _check_indices("graph output", subgraph.outputs, tensors)

    producer: dict[int, int] = {}
    given = set(subgraph.inputs)
    calls: set[int] = set()
    for i, operator in enumerate(subgraph.operators):
        with Place(f"operator {i} ({names[operator.opcode_index]})"):
            _check_indices("input", operator.inputs, tensors, optional=True)
            _check_indices("output", operator.outputs, tensors)
            _check_indices("intermediate", operator.intermediates or (), tensors)
            for called in _called_subgraphs(model, operator):
                if not 0 <= called < len(model.subgraphs):
                    raise Damage(f"it calls subgraph {called}, but the model has {len(model.subgraphs)}")
                calls.add(called)
            for tensor in operator.outputs:
                if constant_buffer(model, subgraph.tensors[tensor]) is not None:
                    raise Damage(f"its output, tensor {tensor}, is a constant")
                producer.setdefault(tensor, i)
    for i, operator in enumerate(subgraph.operators):
        for tensor in operator.inputs:
            if (
                producer.get(tensor, -1) >= i
                and tensor not in given
                and not subgraph.tensors[tensor].is_variable
            ):
                with Place(f"operator {i} ({names[operator.opcode_index]})"):
                    raise Damage(
                        f"it reads tensor {tensor}, which only operator {producer[tensor]} makes: "
                        f"the operators are not in an order in which they can run"
                    )
    return calls


def _check_indices(what: str, indices: Sequence[int], tensors: int, optional: bool = False) -> None:
    for i, index in enumerate(indices):
        if not (0 <= index < tensors or (optional and index == -1)):
            raise Damage(f"{what} {i} is tensor {index}, but the subgraph has {tensors} tensors")


def _called_subgraphs(model: Model, operator: Operator) -> Iterator[int]:
    if model.operator_code(operator).builtin_code == CUSTOM:
        return
    for name in _SUBGRAPH_OPTIONS:
        value = operator.options.get(name)
        if value is not None:
            yield from value if isinstance(value, tuple) else (value,)


def _check_calls(calls: list[set[int]]) -> None:
    """No subgraph may call itself, by whatever detour; and calls may not nest too deep."""
    callers = [0] * len(calls)
    for called in itertools.chain.from_iterable(calls):
        callers[called] += 1
    # From the subgraphs that nobody calls downwards: whoever is never reached is on a cycle.
    depth = [0] * len(calls)
    ready = [subgraph for subgraph, count in enumerate(callers) if count == 0]
    reached = 0
    while ready:
        subgraph = ready.pop()
        reached += 1
        if depth[subgraph] > _DEEPEST_CALL:
            raise Damage(f"subgraph {subgraph} is called {depth[subgraph]} levels deep")
        for called in calls[subgraph]:
            depth[called] = max(depth[called], depth[subgraph] + 1)
            callers[called] -= 1
            if callers[called] == 0:
                ready.append(called)
    if reached < len(calls):
        cyclic = [subgraph for subgraph, count in enumerate(callers) if count]
        raise Damage(f"subgraphs call each other in a circle: among {cyclic[:8]}")


def _check_metadata(model: Model) -> None:
    for i, entry in enumerate(model.metadata or ()):
        if entry.buffer >= len(model.buffers):
            raise Damage(
                f"metadata {i} {entry.name!r}: its buffer is {entry.buffer}, but the model has "
                f"{len(model.buffers)} buffers"
            )
    for i, buffer in enumerate(model.metadata_buffer or ()):
        if not 0 <= buffer < len(model.buffers):
            raise Damage(
                f"metadata buffer {i} is buffer {buffer}, but the model has {len(model.buffers)} buffers"
            )


def _check_signatures(model: Model) -> None:
    for i, signature in enumerate(model.signature_defs or ()):
        with Place(f"signature {i} {signature.signature_key!r}"):
            if signature.subgraph_index >= len(model.subgraphs):
                raise Damage(
                    f"it is for subgraph {signature.subgraph_index}, but the model has {len(model.subgraphs)}"
                )
            tensors = len(model.subgraphs[signature.subgraph_index].tensors)
            for kind, entries in (("input", signature.inputs), ("output", signature.outputs)):
                for name, index in entries.items():
                    if index >= tensors:
                        raise Damage(
                            f"{kind} {name!r} is tensor {index}, but the subgraph has {tensors} tensors"
                        )
