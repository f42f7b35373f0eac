"""A smaller head than TFLM's greedy planner gives: other orders of placing, and of independent operators.

TFLM can be told of a plan only by `OfflineMemoryAllocation` metadata, which has an offset for each tensor but none for
scratch buffers: those its greedy planner puts around the tensors. The search therefore judges a plan by what TFLM
makes of it: tensors where the plan says, then scratch buffers greedily.
"""

from __future__ import annotations

import random
from bisect import insort
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..model.ir import Metadata, Model, Operator, Subgraph
from .arena import ArenaReport, PlannedBuffer, estimate_arena
from .kernel_memory import KernelLibrary
from .lifetimes import called_subgraphs
from .offline import METADATA_NAME
from .plan import align_up
from .targets import Target

Progress = Callable[[float], None]

_PLAN_VERSION = 1
_PLACEMENTS = 60_000  # buffers placed, in all: about two seconds
_SCHEDULES = 64
_ONLINE = -1


@dataclass(frozen=True)
class BestPlan:
    """What the search found. `model` is the given one with its operators reordered and the plan embedded."""

    model: Model
    before: ArenaReport
    after: ArenaReport
    reordered: bool

    @property
    def saved(self) -> int:
        """Bytes of the smallest arena saved."""
        return self.before.min_arena - self.after.min_arena


def search_best_plan(
    model: Model, target: str | Target, kernels: str | KernelLibrary, progress: Progress = lambda done: None
) -> BestPlan:
    """Search for a plan with a smaller head.

    The result is never worse than the greedy plan: if nothing better turns up, it is the greedy plan itself.

    Args:
        model: the model; an offline plan that it has is left out of account and replaced.
        target: see `estimate_arena`.
        kernels: see `estimate_arena`.
        progress: called now and then with the fraction done.
    """
    plain = without_offline_plan(model)
    before = estimate_arena(plain, target, kernels)
    best = BestPlan(_embed(plain, before.plan), before, before, reordered=False)
    generator = random.Random(0)  # the same answer every time
    candidates = _schedules(plain, generator)
    ranked = sorted(candidates, key=lambda m: estimate_arena(m, target, kernels).plan_lower_bound)[:2]
    budget = _PLACEMENTS // len(ranked)
    for number, candidate in enumerate(ranked):
        report = before if candidate is plain else estimate_arena(candidate, target, kernels)
        for fraction, tensors in _placements(report.plan, budget, generator):
            progress((number + fraction) / len(ranked))
            embedded = _embed(candidate, tensors)
            after = estimate_arena(embedded, target, kernels)
            if (after.min_arena, after.head) < (best.after.min_arena, best.after.head):
                best = BestPlan(embedded, before, after, candidate is not plain)
        if best.after.head == report.plan_lower_bound:
            break
    progress(1.0)
    return best


def without_offline_plan(model: Model) -> Model:
    """The model without `OfflineMemoryAllocation` metadata."""
    kept = tuple(entry for entry in model.metadata or () if entry.name != METADATA_NAME)
    return model if len(kept) == len(model.metadata or ()) else replace(model, metadata=kept or None)


def _embed(model: Model, plan: Sequence[PlannedBuffer]) -> Model:
    """The model with the tensors' offsets as metadata."""
    offsets = {(b.subgraph, b.index): b.offset for b in plan if b.kind == "tensor"}
    words = [_PLAN_VERSION, len(model.subgraphs), sum(len(s.tensors) for s in model.subgraphs)]
    for s, subgraph in enumerate(model.subgraphs):
        words += [offsets.get((s, t), _ONLINE) for t in range(len(subgraph.tensors))]
    data = np.frombuffer(np.array(words, "<i4").tobytes(), np.uint8)
    entry = Metadata(METADATA_NAME, len(model.buffers))
    return replace(model, buffers=(*model.buffers, data), metadata=(*(model.metadata or ()), entry))


# --- orders of placing -------------------------------------------------------------------------


def _placements(
    plan: Sequence[PlannedBuffer], budget: int, generator: random.Random
) -> Iterator[tuple[float, list[PlannedBuffer]]]:
    """Ever smaller placements of the tensors, each with the fraction of the budget that is spent."""
    buffers = [b for b in plan if b.kind == "tensor"]
    if not buffers:
        return
    floor = _live_bytes(buffers)
    # scratch buffers are placed last by TFLM, but room for them must be kept: let them take part
    everyone = list(plan)
    spent, smallest, best_order = 0, None, everyone
    attempt = 0
    starts = list(_starting_orders(everyone))
    while spent < budget:
        if attempt < len(starts):
            order = starts[attempt]
        else:
            order = best_order.copy()
            for _ in range(generator.randint(1, 3)):
                i, j = generator.randrange(len(order)), generator.randrange(len(order))
                order.insert(j, order.pop(i))
        attempt += 1
        placed, size = _place(order)
        spent += len(order)
        if smallest is None or size < smallest or (size == smallest and attempt > len(starts)):
            improved = smallest is None or size < smallest
            smallest, best_order = size, order
            if improved:
                yield spent / budget, [b for b in placed if b.kind == "tensor"]
        if smallest <= floor and attempt >= len(starts):
            return


def _starting_orders(buffers: list[PlannedBuffer]) -> Iterator[list[PlannedBuffer]]:
    """Orders that often place well."""
    duration = {b: b.last_use - b.first_use + 1 for b in buffers}
    yield sorted(buffers, key=lambda b: (-b.size, -duration[b]))
    yield sorted(buffers, key=lambda b: (-b.size * duration[b], -b.size))
    yield sorted(buffers, key=lambda b: (-duration[b], -b.size))
    yield sorted(buffers, key=lambda b: (b.first_use, -b.size))
    yield sorted(buffers, key=lambda b: (b.last_use, -b.size))


def _place(order: Sequence[PlannedBuffer]) -> tuple[list[PlannedBuffer], int]:
    """Each buffer at the lowest offset that is free while it lives."""
    placed: list[tuple[int, int, int, int]] = []
    result, top = [], 0
    for b in order:
        wanted, candidate = align_up(b.size), 0
        for offset, end, first_use, last_use in placed:
            if first_use > b.last_use or last_use < b.first_use:
                continue
            if offset - candidate >= wanted:
                break
            candidate = max(candidate, end)
        insort(placed, (candidate, candidate + wanted, b.first_use, b.last_use))
        top = max(top, candidate + wanted)
        result.append(replace(b, offset=candidate))
    return result, top


def _live_bytes(buffers: Sequence[PlannedBuffer]) -> int:
    times = {b.first_use for b in buffers}
    return max(sum(align_up(b.size) for b in buffers if b.first_use <= t <= b.last_use) for t in times)


# --- orders of operators -----------------------------------------------------------------------


def _schedules(model: Model, generator: random.Random) -> list[Model]:
    """The model as it is, and with the main subgraph's operators in other orders that mean the same."""
    subgraph = model.subgraphs[0]
    before = _dependencies(model, subgraph)
    seen = {tuple(range(len(subgraph.operators)))}
    models = [model]
    sizes = [0 if t.shape is None else int(np.prod(t.shape, dtype=np.int64)) for t in subgraph.tensors]
    for attempt in range(_SCHEDULES):
        order = _one_schedule(subgraph, before, sizes, generator if attempt else None)
        if order in seen:
            continue
        seen.add(order)
        operators = tuple(subgraph.operators[i] for i in order)
        models.append(
            replace(model, subgraphs=(replace(subgraph, operators=operators), *model.subgraphs[1:]))
        )
    return models


def _dependencies(model: Model, subgraph: Subgraph) -> list[set[int]]:
    """For each operator, those that must run before it.

    Operators that keep state or share it (variables, resources, subgraph calls, custom operators) stay in order.
    """
    producer = {t: i for i, o in enumerate(subgraph.operators) for t in o.outputs}
    before: list[set[int]] = []
    last_stateful: int | None = None
    for i, operator in enumerate(subgraph.operators):
        needs = {producer[t] for t in operator.inputs if t in producer and producer[t] != i}
        if _is_stateful(model, subgraph, operator):
            if last_stateful is not None:
                needs.add(last_stateful)
            last_stateful = i
        before.append(needs)
    return before


def _is_stateful(model: Model, subgraph: Subgraph, operator: Operator) -> bool:
    code = model.operator_code(operator)
    resources = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE")
    return (
        code.custom_code is not None
        or code.name in resources
        or bool(called_subgraphs(model, operator))
        or any(t >= 0 and subgraph.tensors[t].is_variable for t in operator.inputs)
    )


def _one_schedule(
    subgraph: Subgraph, before: list[set[int]], sizes: list[int], generator: random.Random | None
) -> tuple[int, ...]:
    """List scheduling: of the operators that could run next, one that leaves the least alive.

    With a generator, ties and now and then the choice itself are random.
    """
    readers: dict[int, int] = {}
    for operator in subgraph.operators:
        for t in set(operator.inputs):
            readers[t] = readers.get(t, 0) + 1
    kept = set(subgraph.outputs)
    produced = {t for o in subgraph.operators for t in o.outputs} | set(subgraph.inputs)
    waiting, done, order = set(range(len(subgraph.operators))), set[int](), list[int]()

    def growth(i: int) -> float:
        operator = subgraph.operators[i]
        freed = sum(
            sizes[t] for t in set(operator.inputs) if t in produced and readers.get(t) == 1 and t not in kept
        )
        made = sum(sizes[t] for t in operator.outputs)
        noise = generator.random() * 0.5 + 0.75 if generator is not None else 1.0
        return (made - freed) * noise

    while waiting:
        ready = sorted(i for i in waiting if before[i] <= done)
        chosen = min(ready, key=lambda i: (growth(i), i))
        waiting.remove(chosen)
        done.add(chosen)
        order.append(chosen)
        for t in set(subgraph.operators[chosen].inputs):
            readers[t] -= 1
    return tuple(order)
