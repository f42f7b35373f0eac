"""When each tensor of a model is first and last needed, by TFLM's rules (`AllocationInfoBuilder`)."""

from __future__ import annotations

from ..errors import ModelFormatError
from ..model.ir import Model, Operator

UNUSED = -1

# Subgraphs that call others twice, which call others twice, … would keep the clock ticking for ages.
_MOST_TICKS = 1_000_000

# The options that name the subgraphs an operator calls, in the order in which TFLM visits them.
_CALLED_SUBGRAPHS = {
    "IF": ("then_subgraph_index", "else_subgraph_index"),
    "WHILE": ("cond_subgraph_index", "body_subgraph_index"),
    "CALL_ONCE": ("init_subgraph_index",),
}


def called_subgraphs(model: Model, operator: Operator) -> tuple[int, ...]:
    """The indices of the subgraphs that an operator calls."""
    fields = _CALLED_SUBGRAPHS.get(model.operator_code(operator).name, ())
    return tuple(int(operator.options[field]) for field in fields)


class Lifetimes:
    """First and last use of every tensor, and the span of every operator, on one clock.

    The clock starts at 0 and ticks at each operator and at each subgraph that an operator calls. A subgraph
    called twice has its tensors' lives extended. Tensors that nothing mentions keep `UNUSED` for both.

    Args:
        model: the model.
        root: the subgraph that is invoked.
        follow_calls: whether called subgraphs share the clock (TFLM has one plan for all) or are planned
        alone.
    """

    def __init__(self, model: Model, root: int = 0, *, follow_calls: bool = True) -> None:
        self._model = model
        self._follow_calls = follow_calls
        self._clock = 0
        self.first = [[UNUSED] * len(s.tensors) for s in model.subgraphs]
        self.last = [[UNUSED] * len(s.tensors) for s in model.subgraphs]
        #: (subgraph, operator) → the clock when it starts and when it is done.
        self.operator_spans: dict[tuple[int, int], tuple[int, int]] = {}
        self._mark(root)

    def _mark(self, index: int) -> None:
        subgraph = self._model.subgraphs[index]
        first, last = self.first[index], self.last[index]
        for tensor in subgraph.inputs:
            self._begin(first, tensor)
            last[tensor] = self._clock
        for i, operator in enumerate(subgraph.operators):
            self._clock += 1
            if self._clock > _MOST_TICKS:
                raise ModelFormatError(f"the model's subgraphs call each other more than {_MOST_TICKS} times")
            start = self._clock
            for tensor in operator.outputs:
                self._begin(first, tensor)
            if self._follow_calls:
                for child in called_subgraphs(self._model, operator):
                    self._clock += 1
                    self._mark(child)
            for tensor in (*operator.inputs, *operator.outputs):
                if tensor >= 0:
                    last[tensor] = self._clock
            self.operator_spans[index, i] = (start, self._clock)
        for tensor in subgraph.outputs:
            self._begin(first, tensor)
            last[tensor] = self._clock

    def _begin(self, first: list[int], tensor: int) -> None:
        if first[tensor] == UNUSED:
            first[tensor] = self._clock

    def keep(self, subgraph: int, tensor: int) -> None:
        """Let a tensor live from the start to the end."""
        self.first[subgraph][tensor] = 0
        self.last[subgraph][tensor] = self._clock
