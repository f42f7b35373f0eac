"""The basic kernel of LSTM."""

from __future__ import annotations

from collections.abc import Sequence

from microinterp_kernels.activations import checked_log2
from microinterp_kernels.lstm_basic import BasicLstmFloat32, BasicLstmUint8

from ..model.ir import Array, TensorType
from .node import Invocation, Node
from .recurrent import Kernel, build_once_if_constant

_FLOAT32, _UINT8, _INT16 = TensorType.FLOAT32, TensorType.UINT8, TensorType.INT16
# of input, output state, weights, bias, cell state; output, cells, input and state, sums
_UINT8_TYPES = (_UINT8, _UINT8, _UINT8, TensorType.INT32, _INT16, _UINT8, _INT16, _UINT8, _INT16)
_CELL_POWER = -11


def prepare_basic_lstm(node: Node) -> Invocation:
    """LSTM with `kernel_type` BASIC: float32 and uint8. The states are inputs, which it changes, and outputs too."""
    node.require_counts(5, 4)
    x, state, weights, bias, cell_state = (node.input(i) for i in range(5))
    for tensor in (x, state):
        node.require_rank(tensor, 2)
    batch, inputs = x.shape
    cells = state.shape[1]
    shapes = ((batch, cells), (4 * cells, inputs + cells), (4 * cells,), (batch, cells))
    for tensor, shape in zip((state, weights, bias, cell_state), shapes, strict=True):
        node.require(tensor.shape == shape, f"{tensor} must have the shape {list(shape)}")
        node.require(tensor.size > 0, f"{tensor} has no elements")
    for tensor in (state, cell_state):
        node.require(tensor.constant is None, f"{tensor}, a state, must not be constant")
    sizes = (cells, cells, inputs + cells, 4 * cells)
    for output, size in zip(node.outputs, sizes, strict=True):
        output.shape = (batch, size)

    types = tuple(tensor.type for tensor in (x, state, weights, bias, cell_state, *node.outputs))
    is_float = types == (_FLOAT32,) * 9
    node.require(
        is_float or types == _UINT8_TYPES,
        f"has tensors of types that it does not take together: {', '.join(t.name for t in types)}",
        at_invoke=True,
    )
    cell_scale = node.output(1).scale
    node.require(
        is_float or (cell_scale > 0 and checked_log2(cell_scale) == _CELL_POWER),
        f"{node.output(1)} must have a scale of 2^{_CELL_POWER}",
        at_invoke=True,
    )

    def build(arrays: Sequence[Array | None]) -> Kernel:
        weight_values, bias_values = arrays
        assert weight_values is not None
        assert bias_values is not None
        if is_float:
            return BasicLstmFloat32(weight_values, bias_values, batch)
        return BasicLstmUint8(weight_values, weights.zero_point, bias_values, bias.scale)

    return build_once_if_constant(build, (weights, bias), (x, state, cell_state, *node.outputs))
