"""Prepare, plan, invoke: how a `Model` becomes a flat list of calls on views of one arena.

    Model ──prepare──▶ Invocations ──plan──▶ tensors with memory ──bind──▶ steps ──invoke──▶ results

A `Graph` holds all subgraphs of a model; a `PreparedSubgraph` the tensors and the steps of one of them. Where
the shape of a tensor depends on values (a *dynamic* tensor), the operators from its first reader on are
prepared anew at each invoke, as LiteRT does it, and have memory of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import (
    ArenaError,
    InvokeError,
    MicrointerpError,
    ModelFormatError,
    PrepareError,
    UnsupportedOperatorError,
)
from .litert_checks import check_model
from .memory.greedy import plan_greedy
from .memory.lifetimes import UNUSED, Lifetimes
from .memory.offline import offline_offsets
from .memory.plan import ALIGNMENT, Buffer, Plan
from .model.ir import NUMPY_TYPES, Array, Model, Operator, TensorType
from .model.schema import options_table, zeroed_options
from .operator_support import ONLY_IN_HARDWARE, native_support
from .ops.node import Invocation, Node, Prepare, Resources, RuntimeTensor
from .ops.registry import find_prepare
from .runtimes import RUNTIMES, FloatMode, Runtime

Step = Callable[[], Any]

# What NumPy and Python raise where an operator meets a nonsensical model that no rule of its own has refused.
MISFITS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

_MOST_BYTES = 2**40  # NumPy fails with errors of many kinds beyond


class Refusal:
    """What runs an operator that the native runtime refuses only when it is run."""

    def __init__(self, message: str) -> None:
        self.message = message

    def __call__(self) -> None:
        """Refuse."""
        raise InvokeError(self.message)


class PreparedSubgraph:
    """One subgraph: its tensors with their current shapes, its nodes, and its steps once it is prepared."""

    def __init__(self, graph: Graph, index: int) -> None:
        self._graph = graph
        self.index = index
        model = graph.model
        self.definition = definition = model.subgraphs[index]
        self.tensors: list[RuntimeTensor] = []
        for i, tensor in enumerate(definition.tensors):
            if tensor.type not in NUMPY_TYPES:
                raise ModelFormatError(
                    f"subgraph {index}, tensor {i} {tensor.name!r}: element type {tensor.type} is newer than this "
                    f"version of microinterp knows"
                )
            if tensor.type in graph.runtime.unknown_types:
                raise ModelFormatError(
                    f"subgraph {index}, tensor {i} {tensor.name!r}: the runtime {graph.runtime.name} has no "
                    f"tensors of {TensorType(tensor.type).name}"
                )
            constant = model.constant(tensor)
            self.tensors.append(RuntimeTensor(i, tensor, tensor.shape or (), constant, array=constant))
        self.inputs = [self.tensors[i] for i in definition.inputs]
        self.outputs = [self.tensors[i] for i in definition.outputs]
        self.nodes = [
            Node(
                index=i,
                code=model.operator_code(operator),
                inputs=tuple(self.tensors[t] if t >= 0 else None for t in operator.inputs),
                outputs=tuple(self.tensors[t] for t in operator.outputs),
                intermediates=tuple(self.tensors[t] for t in operator.intermediates or ()),
                tensors=self.tensors,
                options=_native_options(model, operator),
                runtime=graph.runtime,
                float_mode=graph.float_mode,
                resources=graph.resources,
                subgraph=graph.subgraph,
                custom_op=graph.custom_ops.get(model.operator_code(operator).name),
            )
            for i, operator in enumerate(definition.operators)
        ]
        self.invocations: list[Invocation] = []
        #: Outputs that were computed at prepare.
        self._folded: set[RuntimeTensor] = set()
        self._steps: list[Step] = []
        self.is_prepared = False

    @property
    def operators(self) -> list[str]:
        """The names of the operators, in order."""
        return [node.name for node in self.nodes]

    @property
    def has_dynamic_tensors(self) -> bool:
        """Whether the shape of a tensor depends on values."""
        return any(tensor.dynamic for tensor in self.tensors)

    def allocate(self, shapes: Sequence[tuple[int, ...]]) -> None:
        """Allocate the subgraph for inputs of these shapes, unless it is.

        Raises: as `Graph.allocate`, and PrepareError for a subgraph that is about to be prepared.
        """
        if self.index in self._graph.allocating:
            raise PrepareError(f"subgraph {self.index} calls itself, which would never end")
        for tensor, shape in zip(self.inputs, shapes, strict=True):
            if tensor.shape != shape and self._graph.runtime.called_subgraphs_take_shapes:
                tensor.shape = shape
                self.is_prepared = False
        if not self.is_prepared:
            self._graph.allocate(self.index)

    def prepare(self) -> None:
        """Prepare the operators in order, up to the first that reads a dynamic tensor."""
        for tensor in self.tensors:
            tensor.dynamic = False
            if tensor in self._folded:
                tensor.constant = None
            if tensor.constant is None:
                tensor.array = None
        self._folded.clear()
        self.invocations = []
        for node in self.nodes:
            if any(t is not None and t.dynamic for t in node.inputs):
                break
            try:
                invocation = self.prepare_node(node)
            except PrepareError:
                if self._prepares_when_invoked():
                    break
                raise
            is_ours = node.custom_op is None
            if (
                is_ours
                and node.name in self._graph.runtime.folded_operators
                and _depends_on_constants(node, invocation)
            ):
                invocation = self._fold(node, invocation)
            self.invocations.append(invocation)
        # Outputs of operators that wait for a dynamic tensor have no shape yet either.
        for node in self.nodes[len(self.invocations) :]:
            for tensor in node.outputs:
                tensor.dynamic = True
        self.is_prepared = True

    def _prepares_when_invoked(self) -> bool:
        """Whether the runtime only prepares the next operator at invoke.

        LiteRT does so behind every operator with an output outside the arena, but for VAR_HANDLE.
        Ours are prepared as early as they can be: this tells only when a refusal shows.
        """
        nodes = self.nodes[: len(self.invocations)]
        done = (tensor for node in nodes if node.name != "VAR_HANDLE" for tensor in node.outputs)
        return self._graph.runtime.has_dynamic_tensors and any(
            t.dynamic or t.type in (TensorType.STRING, TensorType.RESOURCE, TensorType.VARIANT) for t in done
        )

    def prepare_node(self, node: Node) -> Invocation:
        """Prepare one operator.

        Raises:
            PrepareError: it is not there, or refuses its tensors or options.
        """
        self._graph.check_operator(node)
        prepare = node.custom_op or find_prepare(node.name)
        assert prepare is not None, "it has been checked"
        if node.custom_op is None:
            _set_output_types(node)
        try:
            invocation = prepare(node)
        except InvokeError as refusal:  # of Node.require(at_invoke=True)
            invocation = Invocation(Refusal(str(refusal)), ())
        except MicrointerpError:
            raise
        except MISFITS as error:
            raise PrepareError(f"{node}: its tensors and options do not fit together: {error!r}") from error
        if node.custom_op is not None and not isinstance(invocation, Invocation):
            node.fail(f"its function in custom_ops returned {invocation!r}; it must return an Invocation")
        for tensor in invocation.dynamic:
            tensor.dynamic = True
        if not self._graph.runtime.has_dynamic_tensors:
            for tensor in node.outputs:
                # TFLM takes a size of 0 for one that is not known yet; the shape (0,) once meant a scalar
                node.require(0 not in tensor.shape or tensor.shape == (0,), f"{tensor} is empty")
        return invocation

    def _fold(self, node: Node, invocation: Invocation) -> Invocation:
        """Run an operator now: its outputs are constants for the operators behind it, a shape for RESHAPE, say."""
        for tensor in node.outputs:
            tensor.array = np.zeros(tensor.shape, tensor.dtype)
        try:
            run_steps([_bind(invocation)], [node])
        except InvokeError as error:
            raise PrepareError(str(error)) from error
        for tensor in node.outputs:
            tensor.constant = tensor.array
        self._folded.update(node.outputs)
        return Invocation(_do_nothing, ())

    def planned_tensors(self) -> Iterable[RuntimeTensor]:
        """The tensors that live in the arena."""
        for tensor in self.tensors:
            if tensor.constant is None and not (
                tensor.is_variable or tensor.dynamic or tensor.type is TensorType.STRING
            ):
                yield tensor

    def bind(self) -> None:
        """Give variables and tensors outside the arena their memory, and bind every step to its arrays."""
        for tensor in self.tensors:
            if tensor.is_variable:
                tensor.array = np.empty(tensor.shape, tensor.dtype)
            elif tensor.array is None and not tensor.dynamic:
                tensor.array = np.zeros(tensor.shape, tensor.dtype)
        self.reset_variables()
        self._steps = [_bind(invocation) for invocation in self.invocations]

    def reset_variables(self) -> None:
        """Set the variable tensors to zero: the zero point for int8, as both runtimes do."""
        for tensor in self.tensors:
            if tensor.is_variable and tensor.array is not None:
                # bytewise, as memset does it: a zero point beyond int8 wraps
                tensor.array.reshape(-1).view(np.uint8).fill(
                    tensor.zero_point & 0xFF if tensor.type is TensorType.INT8 else 0
                )

    def invoke(self) -> None:
        """Run every operator once.

        Raises:
            InvokeError: an operator refuses the values it was given.
        """
        run_steps(self._steps, self.nodes)
        late = self.nodes[len(self._steps) :]
        if late:
            run_steps([partial(self._run_late, node) for node in late], late)

    def _run_late(self, node: Node) -> None:
        """Prepare and run an operator behind a dynamic tensor, now that its inputs have shapes."""
        for tensor in node.outputs:
            tensor.dynamic = False
        invocation = self.prepare_node(node)
        for tensor in node.outputs:
            if not tensor.dynamic:
                tensor.array = np.zeros(tensor.shape, tensor.dtype)
        _bind(invocation)()
        for tensor in node.outputs:
            tensor.dynamic = True


def _native_options(model: Model, operator: Operator) -> Mapping[str, Any]:
    """The options as the native kernels see them."""
    code = model.operator_code(operator)
    own = options_table(code.name) if code.custom_code is None else None
    return operator.options if own in {None, operator.options_table} else zeroed_options(own)


def _set_output_types(node: Node) -> None:
    """Give outputs the element types that the runtime gives them."""
    for tensor, source in zip(node.outputs, node.runtime.output_types.get(node.name, ()), strict=False):
        if isinstance(source, str):
            wanted = node.options[source]
        elif isinstance(source, TensorType):
            wanted = source
        else:
            given = node.inputs[source] if source < len(node.inputs) else None
            wanted = tensor.type if given is None else given.type
        if isinstance(wanted, TensorType) and tensor.constant is None:
            tensor.definition = replace(tensor.definition, type=wanted)


def run_steps(steps: Sequence[Step], nodes: Sequence[Node]) -> None:
    """Run steps one after the other; errors name the node that a step belongs to.

    Raises:
        InvokeError: an operator refuses the values it was given.
    """
    done = 0
    try:
        for step in steps:
            step()
            done += 1
    except InvokeError as error:
        raise InvokeError(f"{nodes[done]}: {error}") from None
    except MicrointerpError:
        raise
    except MISFITS as error:
        raise InvokeError(f"{nodes[done]}: its values do not fit together: {error!r}") from error
    except MemoryError as error:
        raise InvokeError(
            f"{nodes[done]}: what it computes does not fit into this machine's memory"
        ) from error


def _depends_on_constants(node: Node, invocation: Invocation) -> bool:
    """Whether no input can change the outputs from one invoke to the next."""
    if isinstance(invocation.function, Refusal):
        return all(t is None or t.constant is not None for t in node.inputs)
    others = [t for t in invocation.arguments if t is not None and t.constant is None]
    return not invocation.dynamic and others == [node.output()] and not node.output().is_variable


def _do_nothing() -> None:
    """Run an operator whose outputs were computed at prepare."""


def _bind(invocation: Invocation) -> Step:
    """An invocation as a call without arguments. The arrays of dynamic tensors and of strings are new each time."""
    if invocation.dynamic:
        return partial(_run_dynamic, invocation)
    if any(t is not None and (t.dynamic or t.type is TensorType.STRING) for t in invocation.arguments):
        return lambda: invocation.function(*_arrays(invocation))
    return partial(invocation.function, *_arrays(invocation))


def _arrays(invocation: Invocation) -> list[Array | None]:
    return [None if t is None else t.array for t in invocation.arguments]


def _run_dynamic(invocation: Invocation) -> None:
    results = invocation.function(*_arrays(invocation))
    if len(invocation.dynamic) == 1:
        results = (results,)
    for tensor, result in zip(invocation.dynamic, results, strict=True):
        tensor.array = result
        tensor.shape = result.shape


class Graph:
    """All subgraphs of a model, ready to be prepared for one runtime.

    Args:
        model: the model.
        runtime: whose results to reproduce.
        preserve_all_tensors: give each tensor its own memory instead of a place in the arena.
        float_mode: whether sums of float32 products keep the runtime's order.
        custom_ops: functions that prepare operators instead of ours, by the operators' names.

    Raises:
        ModelFormatError: a tensor has an element type that we do not know, or quantization that the runtime
        refuses.
    """

    def __init__(
        self,
        model: Model,
        runtime: Runtime,
        *,
        preserve_all_tensors: bool = False,
        float_mode: FloatMode = "exact",
        custom_ops: Mapping[str, Prepare] | None = None,
    ) -> None:
        self.model = model
        self.runtime = runtime
        self.float_mode: FloatMode = float_mode
        self.custom_ops = dict(custom_ops or {})
        #: The subgraphs that are being allocated, each called by the one before it.
        self.allocating: list[int] = []
        self.resources = Resources()
        self._preserve_all_tensors = preserve_all_tensors
        if runtime.checks_tensors:
            check_model(model)
        self.subgraphs = [PreparedSubgraph(self, i) for i in range(len(model.subgraphs))]
        #: The plan of each subgraph that has been allocated; under one plan for all, only subgraph 0 has it.
        self.plans: dict[int, Plan] = {}

    def twin(self) -> Graph:
        """Another graph of the same model, with the same shapes of inputs, allocated; state is not shared.

        Raises: as `allocate`.
        """
        twin = Graph(self.model, self.runtime, float_mode=self.float_mode, custom_ops=self.custom_ops)
        for subgraph, other in zip(self.subgraphs, twin.subgraphs, strict=True):
            for tensor, same in zip(subgraph.inputs, other.inputs, strict=True):
                same.shape = tensor.shape
        twin.allocate()
        return twin

    def subgraph(self, index: int) -> PreparedSubgraph:
        """The subgraph of a number, allocated or not: what an operator that calls it asks for.

        Raises:
            ModelFormatError: there is none.
        """
        if not 0 <= index < len(self.subgraphs):
            raise ModelFormatError(f"the model has no subgraph {index}; it has {len(self.subgraphs)}")
        return self.subgraphs[index]

    def allocate(self, index: int = 0) -> None:
        """Prepare, plan and bind a subgraph; with one plan for the whole model, all of them.

        Raises:
            PrepareError: an operator refuses its tensors or options.
            UnsupportedOperatorError: an operator is not implemented.
            ArenaError: the tensors do not fit into memory, or the offline plan is not valid.
        """
        subgraphs = self.subgraphs if self.runtime.plans_all_subgraphs_together else [self.subgraphs[index]]
        self.allocating.append(index)
        try:
            for subgraph in subgraphs:
                subgraph.is_prepared = (
                    True  # an operator may ask for it while others prepare; all are bound in the end
                )
            for subgraph in subgraphs:
                subgraph.prepare()
            if not self._preserve_all_tensors:
                self._place_tensors(index, subgraphs)
            for subgraph in subgraphs:
                subgraph.bind()
        except MemoryError as error:
            raise ArenaError(
                f"subgraph {index}: its tensors do not fit into this machine's memory"
            ) from error
        except BaseException:
            for subgraph in subgraphs:
                subgraph.is_prepared = False
            raise
        finally:
            self.allocating.pop()

    def _place_tensors(self, root: int, subgraphs: Sequence[PreparedSubgraph]) -> None:
        lifetimes = Lifetimes(self.model, root, follow_calls=self.runtime.plans_all_subgraphs_together)
        if self.runtime.preserves_inputs:
            for subgraph in subgraphs:
                for tensor in subgraph.inputs:
                    lifetimes.keep(subgraph.index, tensor.index)
        offline = offline_offsets(self.model) if self.runtime.honours_offline_plans else None
        handles, scratch = self._kernel_memory()
        placed: list[RuntimeTensor] = []
        buffers: list[Buffer] = []
        for subgraph in subgraphs:
            s = subgraph.index
            for tensor in subgraph.planned_tensors():
                size = tensor.nbytes
                if size == 0 or (s, tensor.index) in handles:
                    continue
                t = tensor.index
                offset = offline[s][t] if offline else None
                placed.append(tensor)
                buffers.append(Buffer(s, t, size, lifetimes.first[s][t], lifetimes.last[s][t], offset))
        for number, (s, o, size) in enumerate(scratch):
            start, end = lifetimes.operator_spans.get((s, o), (UNUSED, UNUSED))
            buffers.append(Buffer(s, number, size, start, end))
        plan = plan_greedy(buffers)
        self.plans[root] = plan
        if plan.size > _MOST_BYTES:
            raise ArenaError(f"the model's tensors need an arena of {plan.size} bytes")
        arena = aligned_zeros(plan.size)
        for tensor, buffer, offset in zip(placed, plan.buffers, plan.offsets, strict=False):
            tensor.array = arena[offset : offset + buffer.size].view(tensor.dtype).reshape(tensor.shape)

    def _kernel_memory(self) -> tuple[AbstractSet[tuple[int, int]], Sequence[tuple[int, int, int]]]:
        """The tensors that hold resource handles, and the scratch buffers that the native kernels ask for.

        Ours need neither, but with them the plan is the native one, to the byte.
        """
        if not self.runtime.plans_scratch_buffers:
            return frozenset(), ()
        from .memory.arena import kernel_memory

        return kernel_memory(self.model)

    def reset_variables(self) -> None:
        """Set the variable tensors of all allocated subgraphs to zero."""
        for subgraph in self.subgraphs:
            subgraph.reset_variables()

    def reset(self) -> None:
        """Set back all state, as TFLM's `MicroInterpreter::Reset` does: operators', variables', resources'."""
        for subgraph in self.subgraphs:
            for invocation in subgraph.invocations:
                if invocation.reset is not None:
                    invocation.reset()
        self.reset_variables()
        self.resources.reset()

    def check_operators(self) -> None:
        """Refuse at once what can be refused before anything is prepared: builtin operators that are not there.

        Custom operators are refused when they are prepared, as in the native runtimes.

        Raises:
            UnsupportedOperatorError: naming all of them.
        """
        missing: dict[str, None] = {}
        for subgraph in self.subgraphs:
            for node in subgraph.nodes:
                if node.code.custom_code is None and (reason := self._refusal(node)) is not None:
                    missing.setdefault(f"{reason} (subgraph {subgraph.index}, operator {node.index})")
        if missing:
            raise UnsupportedOperatorError("; ".join(missing))

    def find_refusals(self) -> list[str]:
        """Everything that the runtime refuses before it runs the model, not only the first; empty if it runs it.

        Operators behind a refused one are checked with the shapes that the model stores.
        """
        refusals = []
        for subgraph in self.subgraphs:
            for node in subgraph.nodes:
                if any(t is not None and t.dynamic for t in node.inputs):
                    break  # they are prepared when the values are known
                try:
                    function = subgraph.prepare_node(node).function
                except MicrointerpError as error:
                    refusals.append(f"subgraph {subgraph.index}, {error}")
                else:
                    if isinstance(function, Refusal):
                        refusals.append(f"subgraph {subgraph.index}, {node}: {function.message}")
        return refusals

    def check_operator(self, node: Node) -> None:
        """Refuse an operator that is not there.

        Raises:
            PrepareError: naming it.
        """
        reason = self._refusal(node)
        if reason is not None:
            node.fail(reason)

    def _refusal(self, node: Node) -> str | None:
        """Why there is no such operator in this runtime, or here; None if there is."""
        if node.custom_op is not None:
            return None
        if node.name in ONLY_IN_HARDWARE:
            return ONLY_IN_HARDWARE[node.name]
        native = native_support(node.name)
        what = f"{node.name} version {node.version}"
        if native is not None and not native.is_anywhere:
            return f"none of the native runtimes has {node.name}; custom_ops can add it"
        if native is None or not self.runtime.supports(native, node.version):
            others = [r.name for r in RUNTIMES.values() if native and r.supports(native, node.version)]
            hint = f'; runtime="{others[0]}" has it' if others else "; custom_ops can add it"
            return f"the runtime {self.runtime.name} does not have {what}{hint}"
        if find_prepare(node.name) is None:
            return f"microinterp does not implement {what} yet"
        return None


def aligned_zeros(size: int) -> NDArray[np.uint8]:
    """`size` zero bytes whose address is a multiple of the arena's alignment."""
    memory = np.zeros(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size]
