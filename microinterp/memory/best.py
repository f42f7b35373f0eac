"""A smaller head than TFLM's greedy planner gives: other orders of placing, and of independent operators.

TFLM can be told of a plan only by `OfflineMemoryAllocation` metadata, which has an offset for each tensor but none for
scratch buffers: those its greedy planner puts around the tensors. The search therefore judges a plan by what TFLM
makes of it: tensors where the plan says, then scratch buffers greedily.
"""

from __future__ import annotations

import random
from bisect import insort
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..model.ir import Metadata, Model, Operator, Subgraph
from .arena import ArenaReport, PlannedBuffer, estimate_arena
from .kernel_memory import KernelLibrary, UnsizedTensorError, tensor_bytes
from .lifetimes import called_subgraphs
from .offline import METADATA_NAME, offline_offsets
from .plan import align_up
from .targets import Target
from .wheel import WHEEL_KERNELS, WHEEL_TARGET

Progress = Callable[[float], None]
Offsets = Mapping[tuple[int, int], int]
"""Subgraph and tensor → offset in the head."""

_PLAN_VERSION = 1
_PLACEMENTS = 60_000  # buffers placed, in all: about two seconds
_SCHEDULED = 6_000  # operators scheduled, in all: about two seconds
_MOST_SCHEDULES = 64
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


class _Judge:
    """Keeps the best model so far.

    A plan made for one kernel library may fit the scratch buffers of another badly. So that the model can run anywhere,
    one that needs more than before with the reference kernels on a 64-bit host (the tflite_micro wheel) is refused.
    """

    def __init__(self, model: Model, target: str | Target, kernels: str | KernelLibrary) -> None:
        self._target, self._kernels = target, kernels
        before = estimate_arena(model, target, kernels)
        self._host_before = estimate_arena(model, WHEEL_TARGET, WHEEL_KERNELS)
        # at worst the model keeps its plan; one without gets a plan that leaves every tensor to TFLM
        unchanged = model if offline_offsets(model) else _embed(model, {})
        self.best = BestPlan(unchanged, before, before, reordered=False)

    def consider(self, model: Model, *, reordered: bool) -> None:
        """Take the model if it is better than the best so far."""
        best = self.best
        after = estimate_arena(model, self._target, self._kernels)
        if (after.min_arena, after.head) >= (best.after.min_arena, best.after.head):
            return
        if reordered and after.min_arena == best.before.min_arena:
            return  # other orders are for arenas that shrink, not for a smaller head in the same arena
        host = estimate_arena(model, WHEEL_TARGET, WHEEL_KERNELS)
        if host.head <= self._host_before.head and host.min_arena <= self._host_before.min_arena:
            self.best = BestPlan(model, best.before, after, reordered)


def search_best_plan(
    model: Model, target: str | Target, kernels: str | KernelLibrary, progress: Progress = lambda done: None
) -> BestPlan:
    """Search for a plan with a smaller head.

    The result is never worse than what the model needs as it is, neither on the target nor with the reference kernels
    on a 64-bit host.

    Args:
        model: the model; an offline plan that it has is replaced if a better one is found.
        target: see `estimate_arena`.
        kernels: see `estimate_arena`.
        progress: called now and then with the fraction done.

    Raises:
        ArenaError: see `estimate_arena`.
    """
    judge = _Judge(model, target, kernels)
    plain = without_offline_plan(model)
    generator = random.Random(0)  # the same answer every time
    reports = [(m, estimate_arena(m, target, kernels)) for m in _schedules(plain, generator)]
    ranked = sorted(reports, key=lambda candidate: candidate[1].plan_lower_bound)[:2]
    for number, (candidate, report) in enumerate(ranked):
        reordered = candidate is not plain
        judge.consider(_embed(candidate, {}), reordered=reordered)
        for fraction, offsets in _placements(report.plan, _PLACEMENTS // len(ranked), generator):
            progress((number + fraction) / len(ranked))
            judge.consider(_embed(candidate, offsets), reordered=reordered)
        if judge.best.after.head <= report.plan_lower_bound:
            break
    progress(1.0)
    return judge.best


def without_offline_plan(model: Model) -> Model:
    """The model without `OfflineMemoryAllocation` metadata."""
    kept = tuple(entry for entry in model.metadata or () if entry.name != METADATA_NAME)
    return model if len(kept) == len(model.metadata or ()) else replace(model, metadata=kept or None)


def _embed(model: Model, offsets: Offsets) -> Model:
    """The model with the tensors' offsets as metadata; those without one are left to TFLM."""
    tensors = [(s, t) for s, subgraph in enumerate(model.subgraphs) for t in range(len(subgraph.tensors))]
    words = [offsets.get(tensor, _ONLINE) for tensor in tensors]
    for subgraph in model.subgraphs[1:]:
        for t, tensor in enumerate(subgraph.tensors):
            if tensor.is_variable:
                words[t] = (
                    _ONLINE  # TFLM looks here for the variable's offset, as if it were the model's t-th tensor
                )
    words = [_PLAN_VERSION, len(model.subgraphs), len(tensors), *words]
    data = np.frombuffer(np.array(words, "<i4").tobytes(), np.uint8)
    entry = Metadata(METADATA_NAME, len(model.buffers))
    return replace(model, buffers=(*model.buffers, data), metadata=(*(model.metadata or ()), entry))


# --- orders of placing -------------------------------------------------------------------------


def _placements(
    plan: Sequence[PlannedBuffer], budget: int, generator: random.Random
) -> Iterator[tuple[float, Offsets]]:
    """Placements of the tensors, ever smaller, each with the fraction of the budget that is spent.

    TFLM places scratch buffers after the tensors, wherever there is room, but room must be left: they take part here.
    """
    if not plan:
        return
    floor = _live_bytes(plan)
    starts = list(_starting_orders(plan))
    smallest, best_order = None, starts[0]
    spent, attempt = 0, 0
    while spent < budget:
        if attempt < len(starts):
            order = starts[attempt]
        elif smallest is not None and smallest <= floor:
            return
        else:
            order = best_order.copy()
            for _ in range(generator.randint(1, 3)):
                i, j = generator.randrange(len(order)), generator.randrange(len(order))
                order.insert(j, order.pop(i))
        attempt += 1
        spent += len(order)
        placed, size = _place(order)
        if attempt <= len(starts) or smallest is None or size < smallest:
            yield spent / budget, {(b.subgraph, b.index): b.offset for b in placed if b.kind == "tensor"}
        if smallest is None or size <= smallest:
            smallest, best_order = size, order


def _starting_orders(buffers: Sequence[PlannedBuffer]) -> Iterator[list[PlannedBuffer]]:
    """Orders that often place well; with scratch buffers last, the plan suits other kernel libraries, too."""
    duration = {b: b.last_use - b.first_use + 1 for b in buffers}
    for order in (
        sorted(buffers, key=lambda b: (-b.size, -duration[b])),
        sorted(buffers, key=lambda b: (-b.size * duration[b], -b.size)),
        sorted(buffers, key=lambda b: (-duration[b], -b.size)),
        sorted(buffers, key=lambda b: (b.first_use, -b.size)),
        sorted(buffers, key=lambda b: (b.last_use, -b.size)),
    ):
        yield order
        yield sorted(order, key=lambda b: b.kind == "scratch")


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
    before = _predecessors(model, subgraph)
    sizes = [_size(model, subgraph, t) for t in range(len(subgraph.tensors))]
    seen = {tuple(range(len(subgraph.operators)))}
    models = [model]
    for attempt in range(min(_MOST_SCHEDULES, _SCHEDULED // max(len(subgraph.operators), 1))):
        order = _one_schedule(subgraph, before, sizes, generator if attempt else None)
        if order in seen:
            continue
        seen.add(order)
        operators = tuple(subgraph.operators[i] for i in order)
        models.append(
            replace(model, subgraphs=(replace(subgraph, operators=operators), *model.subgraphs[1:]))
        )
    return models


def _size(model: Model, subgraph: Subgraph, index: int) -> int:
    """Bytes of a tensor in the head, more or less: this only guides the search."""
    tensor = subgraph.tensors[index]
    data = model.buffers[tensor.buffer]
    if tensor.is_variable or (data is not None and data.size):
        return 0
    try:
        return tensor_bytes(tensor)
    except UnsizedTensorError:
        return 0


def _predecessors(model: Model, subgraph: Subgraph) -> list[set[int]]:
    """For each operator, those that must run before it.

    Of two that touch the same tensor, at least one of them writing, the first stays the first. So do all that keep
    state or share it. Nothing moves past an operator that may do what its tensors do not tell: run other subgraphs,
    or, being custom, anything (CIRCULAR_BUFFER ends the whole run).
    """
    before: list[set[int]] = []
    writer: dict[int, int] = {}
    readers: dict[int, set[int]] = {}
    last_stateful: int | None = None
    last_barrier: int | None = None
    for i, operator in enumerate(subgraph.operators):
        reads = {t for t in operator.inputs if t >= 0}
        writes = set(operator.outputs)
        needs = {writer[t] for t in reads | writes if t in writer}
        for t in writes:
            needs |= readers.get(t, set())
        if _is_barrier(model, operator):
            needs |= set(range(i))
            last_barrier = i
        elif last_barrier is not None:
            needs.add(last_barrier)
        if _is_stateful(model, subgraph, operator):
            if last_stateful is not None:
                needs.add(last_stateful)
            last_stateful = i
        for t in writes:
            writer[t] = i
            readers[t] = set()
        for t in reads:
            readers.setdefault(t, set()).add(i)
        before.append(needs - {i})
    return before


def _is_barrier(model: Model, operator: Operator) -> bool:
    return model.operator_code(operator).custom_code is not None or bool(called_subgraphs(model, operator))


def _is_stateful(model: Model, subgraph: Subgraph, operator: Operator) -> bool:
    return model.operator_code(operator).name in ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE") or any(
        t >= 0 and subgraph.tensors[t].is_variable for t in (*operator.inputs, *operator.outputs)
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
