"""Operators that run other subgraphs: IF, WHILE, STABLEHLO_COMPOSITE, STABLEHLO_CASE.

In LiteRT a called subgraph takes the shapes of the values that it is given, and is prepared for them; where its
outputs do not have one shape for good, those of the operator are dynamic. In TFLM all shapes are the model's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from .node import Invocation, Node, RuntimeTensor, SubgraphRunner

#: The values of the operator's inputs → those of its outputs.
Run = Callable[..., Sequence[Array]]


def prepare_if(node: Node) -> Invocation:
    """IF: one of two subgraphs, as the first input says; the others are its inputs."""
    node.require(bool(node.inputs), "needs a condition")
    condition, inputs = node.input(0), _inputs(node, 1)
    node.require_type(condition, TensorType.BOOL)
    node.require(condition.size == 1, f"{condition} must have one element")
    indices = [node.options["then_subgraph_index"], node.options["else_subgraph_index"]]
    branches = [_call(node, index, inputs) for index in indices]
    return _choose(node, condition, inputs, branches, lambda value: 0 if value else 1)


def prepare_stablehlo_case(node: Node) -> Invocation:
    """STABLEHLO_CASE: the subgraph whose number the first input says, the last one for any other number."""
    node.require(bool(node.inputs), "needs an index")
    index, inputs = node.input(0), _inputs(node, 1)
    node.require_type(index, TensorType.INT32)
    node.require(index.size == 1, f"{index} must have one element")
    indices = node.options["branch_subgraph_indices"]
    node.require(indices is not None and len(indices) > 0, "needs branches")
    branches = [_call(node, int(i), inputs) for i in indices]
    last = len(branches) - 1
    return _choose(node, index, inputs, branches, lambda value: int(value) if 0 <= value <= last else last)


def prepare_stablehlo_composite(node: Node) -> Invocation:
    """STABLEHLO_COMPOSITE: the subgraph that an operator without a kernel decomposes into."""
    node.require(bool(node.inputs), "needs inputs")
    node.require(node.options["composite_attributes"] is not None, "needs the option composite_attributes")
    inputs = _inputs(node, 0)
    subgraph = _call(node, node.options["decomposition_subgraph_index"], inputs)
    return _choose(node, None, inputs, [subgraph], lambda _: 0)


def prepare_while(node: Node) -> Invocation:
    """WHILE: a body subgraph, again and again, as long as a condition subgraph says so."""
    inputs = _inputs(node, 0)
    node.require(len(node.outputs) == len(inputs), "needs as many outputs as inputs")
    numbers = node.options["cond_subgraph_index"], node.options["body_subgraph_index"]
    takes_shapes = node.runtime.called_subgraphs_take_shapes
    node.require(
        not takes_shapes or numbers[0] != numbers[1], "condition and body must be different subgraphs"
    )
    condition, body = _call(node, numbers[0], inputs), _call(node, numbers[1], inputs)
    _require_outputs(node, body)
    node.require(
        len(condition.outputs) == 1 or (bool(condition.outputs) and not takes_shapes),
        f"subgraph {numbers[0]}, the condition, must have one output",
    )
    if not takes_shapes:
        loop = partial(_loop, _Call(condition), _Call(body))
        return Invocation(partial(_write, loop, len(inputs)), (*inputs, *node.outputs))
    if not condition.has_dynamic_tensors:
        problem = _check_condition(condition.outputs[0])
        node.require(problem is None, f"subgraph {numbers[0]}, the condition: {problem}")
    for source, result in zip(body.inputs, body.outputs, strict=True):
        node.require(source.type is result.type, f"{result} must have the element type of {source}")
    keeps_shapes = not body.has_dynamic_tensors and all(
        _are_same(i.shape, o.shape) for i, o in zip(body.inputs, body.outputs, strict=True)
    )
    loop = partial(_loop, _Call(condition, keeps_shapes), _Call(body, keeps_shapes))
    if not keeps_shapes:
        return Invocation(partial(_return, loop), inputs, dynamic=node.outputs)
    for output, result in zip(node.outputs, body.outputs, strict=True):
        output.shape = result.shape
    return Invocation(partial(_write, loop, len(inputs)), (*inputs, *node.outputs))


def _inputs(node: Node, first: int) -> tuple[RuntimeTensor, ...]:
    return tuple(node.input(i) for i in range(first, len(node.inputs)))


def _call(node: Node, index: int, inputs: Sequence[RuntimeTensor]) -> SubgraphRunner:
    """A subgraph that is given these inputs; prepared for their shapes, if it takes them."""
    subgraph = node.subgraph(index)
    node.require(
        len(subgraph.inputs) == len(inputs),
        f"subgraph {index} has {len(subgraph.inputs)} inputs, but is given {len(inputs)}",
    )
    for given, taken in zip(inputs, subgraph.inputs, strict=True):
        node.require(
            given.type is taken.type, f"{given} must have the element type of {taken} of subgraph {index}"
        )
    if node.runtime.called_subgraphs_take_shapes:
        subgraph.allocate([t.shape for t in inputs])
    return subgraph


def _require_outputs(node: Node, subgraph: SubgraphRunner) -> None:
    node.require(
        len(subgraph.outputs) == len(node.outputs),
        f"a subgraph that it calls has {len(subgraph.outputs)} outputs, it has {len(node.outputs)}",
    )


def _choose(
    node: Node,
    selector: RuntimeTensor | None,
    inputs: Sequence[RuntimeTensor],
    branches: Sequence[SubgraphRunner],
    pick: Callable[[Any], int],
) -> Invocation:
    """The invocation of one of several subgraphs; `pick` makes its number of the value of `selector`."""
    for branch in branches:
        _require_outputs(node, branch)
    calls = [_Call(branch) for branch in branches]
    arguments = (*(() if selector is None else (selector,)), *inputs)

    def run(*values: Array) -> Sequence[Array]:
        if selector is None:
            return calls[0](values)
        return calls[pick(values[0].flat[0])](values[1:])

    if node.runtime.called_subgraphs_take_shapes:
        shapes = [[t.shape for t in branch.outputs] for branch in branches]
        if any(branch.has_dynamic_tensors for branch in branches) or any(s != shapes[0] for s in shapes):
            return Invocation(partial(_return, run), arguments, dynamic=node.outputs)
        for output, shape in zip(node.outputs, shapes[0], strict=True):
            output.shape = shape
    return Invocation(partial(_write, run, len(arguments)), (*arguments, *node.outputs))


class _Call:
    """A call of a subgraph; with `keeps_shapes` its inputs have the shapes of the first values for good."""

    def __init__(self, subgraph: SubgraphRunner, keeps_shapes: bool = True) -> None:
        self.subgraph = subgraph
        self._shapes = [t.shape for t in subgraph.inputs] if keeps_shapes else None

    def __call__(self, values: Sequence[Array]) -> list[Array]:
        """The subgraph's outputs for these inputs, as copies."""
        subgraph = self.subgraph
        # others may have called it with other shapes in the meantime
        subgraph.allocate([v.shape for v in values] if self._shapes is None else self._shapes)
        for tensor, value in zip(subgraph.inputs, values, strict=True):
            if value.size != tensor.size:
                raise InvokeError(
                    f"{value.dtype}{list(value.shape)} does not fit {tensor} of subgraph {subgraph.index}"
                )
            tensor.store(value.reshape(tensor.shape))
        subgraph.invoke()
        return [t.array.copy() for t in subgraph.outputs if t.array is not None]


def _loop(condition: _Call, body: _Call, *values: Array) -> Sequence[Array]:
    """What is left of `values` when the condition no longer holds."""
    current: Sequence[Array] = values
    while True:
        (go_on, *_) = condition(current)
        if go_on.dtype != np.bool_ or go_on.size != 1:
            raise InvokeError(f"the condition must be one BOOL, not {go_on.dtype}{list(go_on.shape)}")
        if not go_on.flat[0]:
            return current
        current = body(current)


def _write(run: Run, inputs: int, *arrays: Array) -> None:
    """Write the results into the output arrays, which follow the inputs."""
    for output, result in zip(arrays[inputs:], run(*arrays[:inputs]), strict=True):
        output[...] = result.reshape(output.shape)


def _return(run: Run, *arrays: Array) -> Any:
    """The results as a dynamic operator returns them."""
    results = tuple(np.array(result) for result in run(*arrays))
    return results[0] if len(results) == 1 else results


def _are_same(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Whether LiteRT takes two shapes for the same: a scalar is as good as one element."""
    return a == b or sum(s[0] for s in (a, b) if s) == 1


def _check_condition(tensor: RuntimeTensor) -> str | None:
    """Why a tensor cannot tell whether to go on; None if it can."""
    if tensor.type is TensorType.BOOL and tensor.shape in ((), (1,)):
        return None
    return f"{tensor} must be one BOOL"
