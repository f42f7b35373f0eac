"""What LiteRT's `InterpreterBuilder` refuses before any operator is prepared, used tensors or not."""

from __future__ import annotations

from .errors import ModelFormatError
from .model.ir import NUMPY_TYPES, Model, Operator, Quantization, Subgraph, Tensor, TensorType
from .model.schema import default_options, options_table

_WITHOUT_SIZE = (TensorType.STRING, TensorType.RESOURCE, TensorType.VARIANT)


def check_model(model: Model) -> None:
    """Refuse inconsistent tensors, and operators that write to what they read.

    Raises:
        ModelFormatError: naming the first.
    """
    for s, subgraph in enumerate(model.subgraphs):
        for t, tensor in enumerate(subgraph.tensors):
            problem = _tensor_problem(model, tensor) or _quantization_problem(subgraph, tensor)
            if problem is not None:
                raise ModelFormatError(f"subgraph {s}, tensor {t} {tensor.name!r}: LiteRT refuses {problem}")
        for o, operator in enumerate(subgraph.operators):
            both = _tensors_read_and_written(model, operator)
            if both:
                raise ModelFormatError(
                    f"subgraph {s}, operator {o} ({model.operator_code(operator).name}): LiteRT refuses an operator "
                    f"that reads and writes tensor {min(both)}"
                )


def _tensor_problem(model: Model, tensor: Tensor) -> str | None:
    data = model.buffers[tensor.buffer] if tensor.buffer else None
    if tensor.is_variable and data is not None:
        return "a variable tensor with a buffer"
    if tensor.is_variable and tensor.type in _WITHOUT_SIZE:
        return f"a variable tensor of {TensorType(tensor.type).name}"
    if (
        data is not None
        and data.size == 0
        and 0 not in (tensor.shape or ())
        and tensor.type in NUMPY_TYPES
        and tensor.type not in _WITHOUT_SIZE
        and tensor.sparsity is None
        and tensor.external_buffer == 0
    ):
        return "a buffer without bytes for a tensor that has elements"
    return None


def _quantization_problem(subgraph: Subgraph, tensor: Tensor) -> str | None:
    q = tensor.quantization
    if q is None:
        return None
    kind = q.details[0] if q.details is not None else None
    rank = len(tensor.shape or ())
    if kind == "MultiAxisQuantization":
        return _multi_axis_problem(q, rank, len(subgraph.tensors))
    if kind == "BlockwiseQuantization" or q.scale is None or q.scale.size == 0:
        return None
    zero_points = 0 if q.zero_point is None else q.zero_point.size
    if zero_points != q.scale.size:
        return f"its quantization: {q.scale.size} scales but {zero_points} zero points"
    dimension = q.quantized_dimension
    if dimension < 0 or 0 < rank <= dimension:
        return (
            f"its quantization: quantized_dimension must be in range [0, {rank}), but is {dimension}. "
            f'TFLite Micro does not check it: runtime="tflm" may run the model'
        )
    size = tensor.shape[dimension] if tensor.shape else q.scale.size
    if q.scale.size not in (1, size):
        return f"its quantization: dimension {dimension} needs 1 or {size} scales, but has {q.scale.size}"
    return None


def _multi_axis_problem(q: Quantization, rank: int, tensors: int) -> str | None:
    assert q.details is not None
    details = q.details[1]
    dimensions = details["quantized_dimensions"]
    if not dimensions:
        return "its quantization along several axes, which names no dimension"
    if not 0 <= details["scales"] < tensors or not -1 <= details["zero_points"] < tensors:
        return f"its quantization along several axes: scales and zero points must be among {tensors} tensors"
    if details["block_size"] < 0:
        return f"its quantization along several axes, in blocks of {details['block_size']}"
    if any(d < 0 or 0 < rank <= d for d in dimensions):
        return f"its quantization along several axes: dimensions {list(dimensions)}, but there are {rank}"
    return None


def _tensors_read_and_written(model: Model, operator: Operator) -> set[int]:
    """Those of a builtin operator that has options; LiteRT does not look at others."""
    code = model.operator_code(operator)
    if code.custom_code is not None or not default_options(options_table(code.name)):
        return set()
    return {t for t in operator.inputs if t >= 0} & set(operator.outputs)
