"""Operators of one tensor, element by element: SQRT."""

from __future__ import annotations

from microinterp_kernels import elementwise
from microinterp_kernels.elementwise_quantized import square_root_quantized
from microinterp_kernels.lookup_table import LookupTable

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from .node import Invocation, Node
from .shapes import require_data_type


def prepare_sqrt(node: Node) -> Invocation:
    """SQRT: float32; LiteRT also int8 and int16, which refuse negative numbers."""
    node.require_counts(1, 1)
    x, output = node.input(0), node.output()
    require_data_type(node, x, output)
    output.shape = x.shape
    if x.type is TensorType.FLOAT32:
        return Invocation(elementwise.square_root, (x, output))
    for tensor in (x, output):
        node.require(tensor.is_quantized, f"{tensor} must be quantized")
        node.require(
            x.type is not TensorType.INT16 or tensor.zero_point == 0, f"the zero point of {tensor} must be 0"
        )

    def square_root(numbers: Array) -> Array:
        result: Array = square_root_quantized(numbers, x.scale, x.zero_point, output.scale, output.zero_point)
        return result

    table = LookupTable(square_root, x.dtype)
    return Invocation(_SquareRoot(table, x.zero_point), (x, output), table)


class _SquareRoot:
    """SQRT of quantized numbers, none of them negative."""

    def __init__(self, table: LookupTable, zero_point: int) -> None:
        self.table, self.zero_point = table, zero_point

    def __call__(self, x: Array, output: Array) -> None:
        if (x < self.zero_point).any():
            raise InvokeError("the square root of a negative number")
        output[...] = self.table(x)
