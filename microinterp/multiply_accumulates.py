"""How many multiply-accumulates a model takes: the usual measure of its size."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from .model.ir import Model, Operator, Subgraph

Shape = tuple[int, ...]

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
# The inputs that are weights of products; each weight is used once for each row of the operator's work.
_WEIGHTS = {
    **dict.fromkeys(_CONVOLUTIONS, (1,)),
    "FULLY_CONNECTED": (1,),
    "SVDF": (1, 2),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (*range(1, 9), 16),
}


def multiply_accumulates(operator: str, inputs: Sequence[Shape | None], outputs: Sequence[Shape]) -> int:
    """The multiply-accumulates of an operator, given the shapes of its tensors (None: omitted).

    Those of products with weights: convolutions, FULLY_CONNECTED, SVDF and LSTM; 0 for all others. Elements
    beyond the border of an image count, as is usual.
    """
    weights = [shape for i in _WEIGHTS.get(operator, ()) if (shape := dict(enumerate(inputs)).get(i))]
    if not weights:
        return 0
    # the weights of all others are matrices with as many columns as a row of the first input has elements
    is_convolution = operator in _CONVOLUTIONS
    rows = prod(outputs[0][:-1]) if is_convolution else prod(inputs[0] or ()) // max(1, weights[0][-1])
    return rows * sum(map(prod, weights))


def operator_multiply_accumulates(model: Model, subgraph: Subgraph, operator: Operator) -> int:
    """`multiply_accumulates` of an operator of a model, in the shapes that the model stores."""

    def shape(tensor: int) -> Shape | None:
        return subgraph.tensors[tensor].shape or () if tensor >= 0 else None

    return multiply_accumulates(
        model.operator_code(operator).name,
        [shape(i) for i in operator.inputs],
        [shape(i) or () for i in operator.outputs],
    )


def model_multiply_accumulates(model: Model) -> int:
    """The multiply-accumulates of all subgraphs, each run once, in the shapes that the model stores."""
    return sum(
        operator_multiply_accumulates(model, subgraph, operator)
        for subgraph in model.subgraphs
        for operator in subgraph.operators
    )
