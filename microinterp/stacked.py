"""A prepared subgraph that runs many samples at once.

Each tensor holds a batch of samples, one after the other, and most operators are called once for all of them;
`ops.batching` has the rules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .errors import PrepareError
from .graph import MISFITS, Graph, PreparedSubgraph, Step, aligned_zeros, run_steps
from .memory.greedy import plan_greedy
from .memory.lifetimes import Lifetimes
from .memory.plan import Buffer
from .model.ir import Array, Model, TensorType
from .ops.batching import Batching, find_batching
from .ops.node import Invocation, Node, RuntimeTensor
from .ops.registry import find_prepare


def can_stack(subgraph: PreparedSubgraph) -> bool:
    """Whether the operators can run for many samples before the next operator runs."""
    if len(subgraph.invocations) < len(subgraph.nodes) or any(i.dynamic for i in subgraph.invocations):
        return False
    if any(t.type is TensorType.STRING for t in subgraph.tensors):
        return False
    variables = Counter(
        t.index for node in subgraph.nodes for t in set(node.inputs) if t is not None and t.is_variable
    )
    if any(count > 1 for count in variables.values()):
        return False
    whole = (Batching.IN_TURN, Batching.SHARED_STATE)
    return all(find_batching(node) not in whole for node in subgraph.nodes)


def keeps_state(graph: Graph) -> bool:
    """Whether a sample's results may depend on the samples before it."""
    return any(
        any(t.is_variable for t in subgraph.tensors)
        or any(invocation.reset is not None for invocation in subgraph.invocations)
        or any(find_batching(node) is Batching.SHARED_STATE for node in subgraph.nodes)
        for subgraph in graph.subgraphs
    )


class StackedSubgraph:
    """A subgraph that is prepared for one sample, run for `n` of them at once.

    Its tensors hold n samples each. Variables, and what operators keep to themselves, are those of `subgraph`, so
    that state goes on from one sample to the next.
    """

    def __init__(self, model: Model, subgraph: PreparedSubgraph, n: int) -> None:
        self._nodes = subgraph.nodes
        self._n = n
        self._tensors = [
            tensor if tensor.constant is not None or tensor.is_variable else _stack(tensor, n)
            for tensor in subgraph.tensors
        ]
        self._place(model, subgraph)
        self._steps: list[Step] = []
        #: The operator that each step belongs to.
        self._step_nodes: list[Node] = []
        for node, invocation in zip(subgraph.nodes, subgraph.invocations, strict=True):
            steps = self._steps_of(node, invocation)
            self._steps += steps
            self._step_nodes += [node] * len(steps)
        self._inputs = [self._samples(t) for t in subgraph.inputs]
        self._outputs = [self._samples(t) for t in subgraph.outputs]

    def __call__(self, inputs: Sequence[Array]) -> list[Array]:
        """Run a batch.

        Args:
            inputs: [samples, *shape of the input] for each input. There may be fewer samples than n; then the rest
                is run on whatever there was before.

        Returns:
            [samples, *shape of the output] for each output, valid until the next call.

        Raises:
            InvokeError: an operator refuses the values it was given.
        """
        count = len(inputs[0])
        for memory, values in zip(self._inputs, inputs, strict=True):
            memory[:count] = values
        run_steps(self._steps, self._step_nodes)
        return [output[:count] for output in self._outputs]

    def _place(self, model: Model, subgraph: PreparedSubgraph) -> None:
        lifetimes = Lifetimes(model, subgraph.index, follow_calls=False)
        first, last = lifetimes.first[subgraph.index], lifetimes.last[subgraph.index]
        placed = [self._tensors[t.index] for t in subgraph.planned_tensors()]
        plan = plan_greedy(
            [Buffer(subgraph.index, t.index, t.nbytes, first[t.index], last[t.index]) for t in placed]
        )
        arena = aligned_zeros(plan.size)
        for tensor, buffer, offset in zip(placed, plan.buffers, plan.offsets, strict=True):
            tensor.array = arena[offset : offset + buffer.size].view(tensor.dtype).reshape(tensor.shape)

    def _samples(self, tensor: RuntimeTensor) -> Array:
        """The memory of all samples of a tensor, [n, *shape for one]."""
        own = self._tensors[tensor.index]
        assert own.array is not None
        if own is tensor:  # constant, or a variable
            # not broadcast_to: it must be writable
            return as_strided(own.array, (self._n, *own.shape), (0, *own.array.strides))
        return own.array.reshape(self._n, *tensor.shape)

    def _steps_of(self, node: Node, invocation: Invocation) -> list[Step]:
        """An operator, prepared for one sample by `invocation`, as calls without arguments for all of them."""
        if all(t.constant is not None for t in node.outputs) and node.outputs:
            return []  # computed at prepare
        batching = find_batching(node)
        if batching is Batching.COPIED:
            source, target = (
                self._samples(node.input(0)).reshape(-1),
                self._samples(node.output()).reshape(-1),
            )
            return [partial(np.copyto, target, source)]
        if batching is Batching.STACKED and (step := self._stacked_step(node)) is not None:
            return [step]
        arguments = [None if t is None else self._samples(t) for t in invocation.arguments]
        return [
            partial(invocation.function, *(None if a is None else a[i, ...] for a in arguments))
            for i in range(self._n)
        ]

    def _stacked_step(self, node: Node) -> Step | None:
        """The operator prepared for the stacked tensors; None where it refuses them, or does not fit them."""
        stacked = replace(
            node,
            inputs=tuple(None if t is None else self._tensors[t.index] for t in node.inputs),
            outputs=tuple(self._tensors[t.index] for t in node.outputs),
        )
        shapes = [t.shape for t in stacked.outputs]
        prepare = find_prepare(node.name)
        assert prepare is not None, "it has been prepared for one sample"
        try:
            invocation = prepare(stacked)
        except (PrepareError, *MISFITS):
            invocation = None
        fits = [t.shape for t in stacked.outputs] == shapes
        for tensor, shape in zip(stacked.outputs, shapes, strict=True):
            tensor.shape = shape
        if invocation is None or invocation.dynamic or not fits:
            return None
        return partial(invocation.function, *(None if t is None else t.array for t in invocation.arguments))


def _stack(tensor: RuntimeTensor, n: int) -> RuntimeTensor:
    """The tensor for n samples, along its first axis."""
    shape = (n * tensor.shape[0], *tensor.shape[1:]) if tensor.shape else (n,)
    return RuntimeTensor(tensor.index, replace(tensor.definition, shape=shape), shape)
