"""Models of several operators and subgraphs, written down briefly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microinterp.model.ir import Model, Operator, OperatorCode, Subgraph, Tensor
from microinterp.model.schema import default_options, operator_code, options_table
from microinterp.model.writer import write_model
from tests.single_op import TensorSpec


@dataclass(frozen=True)
class Step:
    """A builtin operator; tensors go by name."""

    operator: str
    inputs: Sequence[str] = ()
    outputs: Sequence[str] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Graph:
    """A subgraph: its tensors by name, its inputs and outputs, its operators in order."""

    tensors: Mapping[str, TensorSpec]
    inputs: Sequence[str]
    outputs: Sequence[str]
    steps: Sequence[Step]


def graph_model(*graphs: Graph) -> bytes:
    """A `.tflite` file of these subgraphs."""
    buffers: list[NDArray[np.uint8] | None] = [None]
    codes = sorted({step.operator for graph in graphs for step in graph.steps})
    subgraphs = []
    for graph in graphs:
        names = list(graph.tensors)
        tensors = []
        for name, spec in graph.tensors.items():
            data = spec.buffer()
            if data is not None:
                buffers.append(data)
            tensors.append(
                Tensor(
                    name=name,
                    type=spec.type,
                    shape=tuple(spec.shape),
                    buffer=0 if data is None else len(buffers) - 1,
                    quantization=spec.quantization(),
                )
            )

        def indices(wanted: Sequence[str], known: list[str] = names) -> tuple[int, ...]:
            return tuple(known.index(name) for name in wanted)

        operators = []
        for step in graph.steps:
            table = options_table(step.operator)
            operators.append(
                Operator(
                    codes.index(step.operator),
                    inputs=indices(step.inputs),
                    outputs=indices(step.outputs),
                    options={**default_options(table), **step.options},
                    options_table=table,
                )
            )
        subgraphs.append(
            Subgraph(tuple(tensors), indices(graph.inputs), indices(graph.outputs), tuple(operators))
        )
    return write_model(
        Model(tuple(subgraphs), tuple(OperatorCode(operator_code(name)) for name in codes), tuple(buffers))
    )
