"""How large `tensor_arena` must be for a model on a target: TFLM's allocations, replayed to the byte.

The order of the steps is that of `MicroInterpreter`'s constructor and `AllocateTensors` at `targets.TFLM_COMMIT`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from ..errors import ArenaError
from ..model.ir import Model, Operator, Tensor
from .cmsis_nn_kernels import CMSIS_NN
from .cursors import ArenaCursors, Section
from .greedy import plan_greedy
from .kernel_memory import (
    KernelContext,
    KernelLibrary,
    KernelRule,
    MissingTensorError,
    UnsizedTensorError,
    VariableBuffers,
    scale_count,
    tensor_bytes,
    variable_key,
)
from .lifetimes import UNUSED, Lifetimes
from .offline import offline_offsets
from .plan import Buffer, Plan, align_up
from .reference_kernels import REFERENCE
from .targets import TARGETS, Target

KERNEL_LIBRARIES = {library.name: library for library in (REFERENCE, CMSIS_NN)}

Planner = Callable[[Sequence[Buffer]], Plan]

_SPARE_SCRATCH_REQUESTS = 12


@dataclass(frozen=True)
class OperatorMemory:
    """What one operator costs: bytes of the tail (option struct and kernel), scratch requests in the head."""

    subgraph: int
    index: int
    operator: str
    persistent: int
    scratch: tuple[int, ...]
    known: bool = True


@dataclass(frozen=True)
class PlannedBuffer:
    """A buffer in the head. `index` is a tensor's index, or the number of a scratch request."""

    kind: str
    subgraph: int
    index: int
    name: str
    size: int
    first_use: int
    last_use: int
    offset: int


@dataclass(frozen=True)
class Peak:
    """Where the head is fullest: an operator, and the buffers alive while it runs."""

    subgraph: int
    operator_index: int
    operator: str
    live_bytes: int
    buffers: tuple[PlannedBuffer, ...]


@dataclass(frozen=True)
class ArenaReport:
    """The arena of one model on one target. All sizes are in bytes.

    Attributes:
        target, kernels, tflm_commit: what was asked.
        total: `arena_used_bytes()`, head + tail.
        head: planned tensors and scratch buffers.
        tail: what stays allocated.
        min_arena: the smallest `tensor_arena`, a multiple of 16, that surely works.
        min_arena_lower_bound: no smaller one can work; between the two it depends on luck.
        sections: the recording allocator's figures by its own names (`requested`, `used`, `count`).
        recording_total: `total` with a recording interpreter.
        operators: what each operator costs.
        plan: every buffer of the head.
        plan_lower_bound: no plan can have a smaller head: the largest sum of live buffers.
        peak: where that is, None for a model without planned buffers.
        unknown: operators whose memory is not known; then every size above counts only what is known.
    """

    target: str
    kernels: str
    tflm_commit: str
    total: int
    head: int
    tail: int
    min_arena: int
    min_arena_lower_bound: int
    sections: dict[str, Section]
    recording_total: int
    operators: tuple[OperatorMemory, ...]
    plan: tuple[PlannedBuffer, ...]
    plan_lower_bound: int
    peak: Peak | None
    unknown: tuple[str, ...] = field(default=())

    @property
    def exact(self) -> bool:
        """Whether everything could be counted."""
        return not self.unknown

    def headroom(self, arena_size: int) -> int:
        """Bytes left over in an arena of this size; negative if the model does not fit."""
        return arena_size - self.min_arena


def find_target(name: str) -> Target:
    """The target of that name.

    Raises:
        ArenaError: there is none; the message lists all.
    """
    if name not in TARGETS:
        raise ArenaError(f"target {name!r} is unknown; choose one of: {', '.join(TARGETS)}")
    return TARGETS[name]


def find_kernels(name: str) -> KernelLibrary:
    """The kernel library of that name.

    Raises:
        ArenaError: there is none; the message lists all.
    """
    if name not in KERNEL_LIBRARIES:
        raise ArenaError(f"kernel library {name!r} is unknown; choose one of: {', '.join(KERNEL_LIBRARIES)}")
    return KERNEL_LIBRARIES[name]


def find_build(target: str | Target, kernels: str | KernelLibrary) -> tuple[Target, KernelLibrary]:
    """A target and the kernels that run there, by their names if need be.

    Raises:
        ArenaError: there is none of that name, or the library is not for the target.
    """
    target = find_target(target) if isinstance(target, str) else target
    kernels = find_kernels(kernels) if isinstance(kernels, str) else kernels
    if kernels is CMSIS_NN and target.pointer != 4:
        raise ArenaError(f"CMSIS-NN is for Arm Cortex-M, not for {target.name}: use the reference kernels")
    return target, kernels


def estimate_arena(
    model: Model,
    target: str | Target = "cortex-m4",
    kernels: str | KernelLibrary = "reference",
    *,
    planner: Planner = plan_greedy,
    end_offset: int = 0,
) -> ArenaReport:
    """Size the tensor arena that TFLM needs for a model.

    A model that TFLM refuses gets an answer, too: what its allocations would be.

    Args:
        model: the model.
        target: a name of `TARGETS`, or a target of your own.
        kernels: a name of `KERNEL_LIBRARIES`, or a library of your own.
        planner: places the buffers of the head; TFLM's greedy planner unless you say otherwise.
        end_offset: the address of the arena's end modulo 16. The base is taken as aligned to 16.

    Raises:
        ArenaError: unknown target or kernels, or an offline plan that does not fit the model.
    """
    target, kernels = find_build(target, kernels)
    replay = _Replay(model, target, kernels, planner, end_offset)
    replay.run(recording=False)
    recorded = _Replay(model, target, kernels, planner, end_offset)
    recorded.run(recording=True)
    plan = replay.planned_buffers()
    cursors = replay.cursors
    return ArenaReport(
        target=target.name,
        kernels=kernels.name,
        tflm_commit=target.tflm,
        total=cursors.head + cursors.tail,
        head=cursors.head,
        tail=cursors.tail,
        min_arena=cursors.smallest_arena,
        min_arena_lower_bound=cursors.smallest_arena_lower_bound,
        sections=recorded.cursors.sections,
        recording_total=recorded.cursors.head + recorded.cursors.tail,
        operators=tuple(replay.operators),
        plan=plan,
        plan_lower_bound=_largest_live_sum(replay.plan.buffers)[1],
        peak=_peak(model, replay.lifetimes, plan),
        unknown=tuple(replay.unknown),
    )


def kernel_memory(model: Model) -> tuple[frozenset[tuple[int, int]], tuple[tuple[int, int, int], ...]]:
    """What TFLM's reference kernels on x86-64 do to the plan.

    Returns:
        The (subgraph, tensor) pairs that hold resource handles and are not planned, and the scratch buffers:
        (subgraph, operator, bytes) in the order of the requests.
    """
    replay = _Replay(model, TARGETS["x86-64"], REFERENCE, plan_greedy, 0)
    replay.run(recording=False)
    return frozenset(replay.variables.handles), tuple(replay.scratch_owners)


@dataclass
class _OperatorRequests:
    """Collects what a kernel's rule asks for while it replays it."""

    replay: _Replay
    persistent_bytes: int = 0
    scratch_sizes: list[int] = field(default_factory=list)

    def persistent_buffer(self, size: int) -> None:
        self.persistent_bytes += self.replay.cursors.persistent(size, 16, "PersistentBufferData")

    def scratch(self, size: int) -> None:
        self.scratch_sizes.append(size)

    def temp_tensor(self, tensor: Tensor) -> None:
        cursors, structs = self.replay.cursors, self.replay.target.structs
        cursors.take_temp(*structs["TfLiteTensor"])
        scales = scale_count(tensor)
        if scales:
            cursors.take_temp(*structs["TfLiteAffineQuantization"])
            cursors.take_temp(4 + 4 * scales, 4)


class _Replay:
    """One run of constructor and `AllocateTensors`."""

    def __init__(
        self, model: Model, target: Target, kernels: KernelLibrary, planner: Planner, end_offset: int
    ) -> None:
        self.model = model
        self.target = target
        self.kernels = kernels
        self.planner = planner
        self.cursors = ArenaCursors(end_offset)
        self.lifetimes = Lifetimes(model)
        self.variables = VariableBuffers()
        self.shapes: dict[tuple[int, int], tuple[int, ...]] = {}
        self.operators: list[OperatorMemory] = []
        self.unknown: list[str] = []
        self.scratch_owners: list[tuple[int, int, int]] = []  # subgraph, operator, size

    def run(self, *, recording: bool) -> None:
        self._create(recording)
        self._persistent("MicroBuiltinDataAllocator")
        self._resize_head_for_scratch_requests()
        subgraphs = self.model.subgraphs
        self._array("SubgraphAllocations", len(subgraphs))
        for subgraph in subgraphs:
            self._array("TfLiteEvalTensor", len(subgraph.tensors), "TfLiteEvalTensorData")
        for subgraph in subgraphs:
            self._array("NodeAndRegistration", len(subgraph.operators), "NodeAndRegistrationArray")
        options = [self._take_options(operator) for subgraph in subgraphs for operator in subgraph.operators]
        self._prepare_operators(options)
        if self.scratch_owners:
            self._array("ScratchBufferHandle", len(self.scratch_owners))
        self._plan()
        self._persistent_io(subgraphs[0].inputs)
        self._persistent_io(subgraphs[0].outputs)

    def _create(self, recording: bool) -> None:
        self._persistent("RecordingSingleArenaBufferAllocator" if recording else "SingleArenaBufferAllocator")
        self._persistent("GreedyMemoryPlanner")
        self._persistent("RecordingMicroAllocator" if recording else "MicroAllocator")
        variables = {
            variable_key(o)
            for s in self.model.subgraphs
            for o in s.operators
            if self.model.operator_code(o).name == "VAR_HANDLE"
        }
        if variables:  # the application makes MicroResourceVariables of as many as the model has
            size, _ = self.target.structs["MicroResourceVariables"]
            self.cursors.persistent(size, 16, "PersistentBufferData")
            size, _ = self.target.structs["MicroResourceVariable"]
            self.cursors.persistent(size * len(variables), 16, "PersistentBufferData")

    def _persistent(self, struct: str) -> None:
        self.cursors.persistent(*self.target.structs[struct])

    def _array(self, struct: str, count: int, section: str | None = None) -> None:
        size, alignment = self.target.structs[struct]
        self.cursors.persistent(size * count, alignment, section, count)

    def _resize_head_for_scratch_requests(self) -> None:
        size, _ = self.target.structs["ScratchBufferRequest"]
        self.cursors.resize_head(size * (len(self.scratch_owners) + _SPARE_SCRATCH_REQUESTS))

    def _take_options(self, operator: Operator) -> int:
        layout = self.target.options.get(self.model.operator_code(operator).name)
        return self.cursors.persistent(*layout) if layout is not None else 0

    def _prepare_operators(self, option_bytes: Sequence[int]) -> None:
        work = []
        for s, subgraph in enumerate(self.model.subgraphs):
            for o, operator in enumerate(subgraph.operators):
                name = self.model.operator_code(operator).name
                requests = _OperatorRequests(self)
                context = KernelContext(
                    self.model, s, operator, self.target, requests, self.variables, self.shapes
                )
                work.append((s, o, name, self.kernels.rules.get(name), requests, context))
        known = {id(w[4]): self._try(w[3], w[5], w[2], w[1], init=True) for w in work}
        for (s, o, name, rule, requests, context), options in zip(work, option_bytes, strict=True):
            is_known = known[id(requests)] and self._try(rule, context, name, o, init=False)
            self.scratch_owners += [(s, o, size) for size in requests.scratch_sizes]
            self.cursors.reset_temp()
            self._resize_head_for_scratch_requests()
            self.operators.append(
                OperatorMemory(
                    s,
                    o,
                    name,
                    options + requests.persistent_bytes,
                    tuple(requests.scratch_sizes),
                    is_known,
                )
            )

    def _try(
        self, rule: KernelRule | None, context: KernelContext, name: str, index: int, *, init: bool
    ) -> bool:
        """Run a rule; False, and a line in `unknown`, if there is none or the model does not fit it."""
        where = f"{name} (subgraph {context.subgraph}, operator {index})"
        if rule is None:
            self.unknown.append(f"{where}: {self.kernels.name} has no figures for it")
            return False
        try:
            if init:
                rule.run_init(context)
            else:
                rule.prepare(context)
        except (MissingTensorError, KeyError, ValueError) as error:
            self.unknown.append(f"{where}: TFLM cannot prepare it: {error}")
            return False
        return True

    def _plan(self) -> None:
        cursors, structs, subgraphs = self.cursors, self.target.structs, self.model.subgraphs
        cursors.take_temp(self.target.pointer * len(subgraphs), self.target.pointer)
        size, alignment = structs["AllocationInfo"]
        tensors = sum(len(s.tensors) for s in subgraphs)
        cursors.take_temp(size * (tensors + len(self.scratch_owners)), alignment)
        offline = offline_offsets(self.model)
        buffers: list[Buffer] = []
        self.labels: list[tuple[str, str]] = []
        # TFLM looks for a variable's offset as if each subgraph's tensors were the model's first
        flat = [offset for offsets in offline or [] for offset in offsets]
        for s, subgraph in enumerate(subgraphs):
            for t, tensor in enumerate(subgraph.tensors):
                size = self._tensor_bytes(s, t, tensor)
                offset = offline[s][t] if offline else None
                if tensor.is_variable and (not flat or flat[t] is None):
                    cursors.persistent(size, 16, "TfLiteTensorVariableBufferData")
                if self._is_planned(s, t, tensor, size, offset):
                    first, last = self.lifetimes.first[s][t], self.lifetimes.last[s][t]
                    buffers.append(Buffer(s, t, size, first, last, offset))
                    self.labels.append(("tensor", tensor.name or ""))
        for number, (s, o, size) in enumerate(self.scratch_owners):
            start, end = self.lifetimes.operator_spans.get((s, o), (UNUSED, UNUSED))
            buffers.append(Buffer(s, number, size, start, end))
            self.labels.append(("scratch", f"{self.model.operator_code(subgraphs[s].operators[o]).name} {o}"))
        self.plan = self.planner(buffers)
        cursors.take_planner_work_area(len(buffers))
        cursors.resize_head(0)
        cursors.resize_head(self.plan.size)

    def _tensor_bytes(self, subgraph: int, index: int, tensor: Tensor) -> int:
        """0, and a line in `unknown`, for a tensor that TFLM has no size for."""
        try:
            return tensor_bytes(replace(tensor, shape=self.shapes.get((subgraph, index), tensor.shape)))
        except UnsizedTensorError as error:
            self.unknown.append(f"tensor {index} (subgraph {subgraph}): TFLM cannot allocate it: {error}")
            return 0

    def _is_planned(self, subgraph: int, index: int, tensor: Tensor, size: int, offset: int | None) -> bool:
        if tensor.is_variable:
            return offset is not None
        data = self.model.buffers[tensor.buffer]
        has_data = data is not None and data.size > 0
        return not has_data and (subgraph, index) not in self.variables.handles and size != 0

    def _persistent_io(self, indices: Sequence[int]) -> None:
        cursors, structs = self.cursors, self.target.structs
        cursors.persistent(self.target.pointer * len(indices), 16, "PersistentBufferData")
        for index in indices:
            cursors.persistent(*structs["TfLiteTensor"], "PersistentTfLiteTensorData")
            scales = scale_count(self.model.subgraphs[0].tensors[index])
            if scales:
                section = "PersistentTfLiteTensorQuantizationData"
                cursors.persistent(*structs["TfLiteAffineQuantization"], section)
                cursors.persistent(4 + 4 * scales, 4, section)

    def planned_buffers(self) -> tuple[PlannedBuffer, ...]:
        return tuple(
            PlannedBuffer(kind, b.subgraph, b.index, name, b.size, b.first_use, b.last_use, offset)
            for (kind, name), b, offset in zip(self.labels, self.plan.buffers, self.plan.offsets, strict=True)
        )


def _largest_live_sum(buffers: Sequence[Buffer] | Sequence[PlannedBuffer]) -> tuple[int, int]:
    """The first time at which the live buffers, rounded up as planned, are largest together, and their sum."""
    changes: dict[int, int] = {}
    for b in buffers:
        changes[b.first_use] = changes.get(b.first_use, 0) + align_up(b.size)
        changes[b.last_use + 1] = changes.get(b.last_use + 1, 0) - align_up(b.size)
    best_time, best, live = UNUSED, 0, 0
    for time in sorted(changes):
        live += changes[time]
        if live > best:
            best_time, best = time, live
    return best_time, best


def _peak(model: Model, lifetimes: Lifetimes, plan: Sequence[PlannedBuffer]) -> Peak | None:
    time, live = _largest_live_sum(plan)
    if live == 0 or not lifetimes.operator_spans:
        return None
    spans = lifetimes.operator_spans
    # the innermost operator that runs then; inputs that nobody has read yet wait for the first
    s, o = min(spans, key=lambda at: (not spans[at][0] <= time <= spans[at][1], abs(spans[at][0] - time)))
    return Peak(
        s,
        o,
        model.operator_code(model.subgraphs[s].operators[o]).name,
        live,
        tuple(b for b in plan if b.first_use <= time <= b.last_use),
    )
