"""Where the time of a model goes, per operator and per phase: `python -m benchmarks.profile MODEL`.

Nothing is added to the kernels. Three kinds of runs, the first two in turns:

* plain invokes: their median is the total;
* invokes with a clock around each operator, whose own cost is measured and taken off: the time per operator;
* invokes under a timer that makes `faulthandler` write down the Python stack, from C, at the very instruction at work:
  the share of each phase in each operator. Which line of a stack stands for which phase, `PHASES` says.

A NumPy call belongs to the phase of the line that calls it, with all that the call costs. `other` is the arithmetic
of operators without products, and whatever no rule knows. `overhead` is the rest: the Python code that ties the
phases together, calls of operators, the loop over them. A large array that is freed as an operator returns shows at
the line `step()` here: pages given back to the system each time, and taken anew by whatever writes to them next.
"""

from __future__ import annotations

import faulthandler
import itertools
import linecache
import re
import resource
import signal
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape

from microinterp import Interpreter, MicrointerpError, PrepareError
from microinterp.graph import PreparedSubgraph
from microinterp.multiply_accumulates import multiply_accumulates
from microinterp.ops.node import Node, RuntimeTensor
from microinterp.runtimes import RUNTIMES, FloatMode, RuntimeName
from microinterp.stacked import StackedSubgraph, can_stack
from microinterp_tools.inputs import random_values
from microinterp_tools.models import NamedModel

from .common import cells, console, new_table, open_models, tracked, write_json

_ROUNDS = 24
_HOT_LINES = 12
_MOST_ATTEMPTS = 20
_SAMPLING_SECONDS = 0.00097  # between two looks at the stack
_OPERATOR = "operator_"  # the name of an operator's function on the stack goes on with its number


class Rule(NamedTuple):
    """Regular expressions that a frame of the stack must match; an empty one matches everything.

    `module` matches the whole name of a kernel's module, the others are searched for.
    """

    phase: str
    module: str = ""
    function: str = ""
    line: str = ""


OVERHEAD, OTHER = "overhead", "other"
#: The phases, in the order of the tables.
PHASES = ("gather/pad", "product", "requantize", "bias/activation", OTHER, OVERHEAD)
# Modules whose lines and functions tell the phase; what no rule knows of their `__call__` is overhead.
_MIXED = "conv|convolution|fully_connected"
#: From the innermost frame outwards, the first rule that matches decides.
RULES = (
    Rule("requantize", module="requantize|rounding|fixed_point|gemmlowp|hybrid"),
    Rule("product", module="ordered_product|integer_product|hybrid_product"),
    Rule("bias/activation", module="clamp|activations|recurrent_activations"),
    Rule("gather/pad", module="padding"),
    Rule("product", line=r"\b(matmul|dot|einsum|tensordot|ordered_product|add_products)\(|\w @ \w"),
    Rule("product", module=_MIXED, line=r"taps\[.*\] \* filters"),
    Rule("requantize", module=_MIXED, function="finish|quantize"),
    Rule("bias/activation", module=_MIXED, line=r"clamp\(|\.clip\(|biases|np\.m..imum"),
    Rule("gather/pad", module=_MIXED, function="fill|gather|pad|_view"),
    Rule("gather/pad", module="convolution", line=r"\.reshape\("),
    Rule("gather/pad", module=_MIXED, line=r"\[\.\.\.\] =|ascontiguousarray|astype|copyto"),
)


class Frame(NamedTuple):
    """One line of a stack."""

    path: str
    line: int
    function: str


@dataclass
class HotLine:
    """A line of code, and the microseconds of an invoke that are spent at it."""

    phase: str
    place: str
    text: str
    us: float


@dataclass
class OperatorProfile:
    """One operator: microseconds in an invoke, and the parts of them that belong to each phase."""

    index: int
    name: str
    shapes: str
    macs: int
    us: float = 0.0
    phases: dict[str, float] = field(default_factory=dict)

    @property
    def gmacs(self) -> float | None:
        """Billions of multiply-accumulates per second; None without any."""
        return self.macs / self.us / 1e3 if self.macs and self.us else None


@dataclass
class Profile:
    """Where the time of a model goes; `invoke_us` is without any instruments."""

    model: str
    runtime: str
    batch: int
    invoke_us: float
    operators: list[OperatorProfile]
    lines: list[HotLine]
    samples: int

    @property
    def between_us(self) -> float:
        """What an invoke takes beyond its operators."""
        return self.invoke_us - sum(o.us for o in self.operators)

    @property
    def phases(self) -> dict[str, float]:
        """Microseconds per phase; together they are `invoke_us`."""
        sums = {phase: sum(o.phases[phase] for o in self.operators) for phase in PHASES}
        sums[OVERHEAD] += self.between_us
        return sums


class _Bench:
    """A prepared model whose steps can be exchanged; for a batch, it is prepared as `run_batch` does it."""

    def __init__(self, model: NamedModel, runtime: RuntimeName, batch: int, float_mode: FloatMode) -> None:
        interpreter = Interpreter(model_content=model.content, runtime=runtime, float_mode=float_mode)
        interpreter.allocate_tensors()
        details = interpreter.get_input_details()
        random = np.random.default_rng(0)
        graph = interpreter._graph
        self.nodes = graph.subgraphs[0].nodes
        self._holder: PreparedSubgraph | StackedSubgraph = graph.subgraphs[0]
        self._run: Callable[[], Any]
        if batch == 1:
            inputs = [(d["index"], random_values(d, random)) for d in details]
            #: The operator that each step belongs to.
            self.step_nodes = self.nodes

            def set_inputs() -> None:
                for index, value in inputs:
                    interpreter.set_tensor(index, value)

            self._set_inputs, self._run = set_inputs, interpreter.invoke
        else:
            if not can_stack(graph.subgraphs[0]):
                raise PrepareError("its operators run for one sample after the other, also in run_batch")
            self._holder = stacked = StackedSubgraph(graph.model, graph.subgraphs[0], batch)
            samples = [np.stack([random_values(d, random) for _ in range(batch)]) for d in details]
            self.step_nodes = stacked._step_nodes
            self._set_inputs, self._run = lambda: None, lambda: stacked(samples)  # it copies them itself
        self._plain = list(self._holder._steps)

    def exchange_steps(self, wrap: Callable[[int, Callable[[], Any]], Callable[[], Any]]) -> None:
        """Put `wrap(number, step)` in the place of each step."""
        self._holder._steps = [wrap(i, step) for i, step in enumerate(self._plain)]

    def restore_steps(self) -> None:
        """Take the wrappers away again."""
        self._holder._steps = list(self._plain)

    def invoke(self, seconds: float) -> Iterator[float]:
        """Invoke for so long, at least three times; gives the seconds of each invoke but the first."""
        until = time.perf_counter() + seconds
        for i in itertools.count():
            self._set_inputs()
            started = time.perf_counter()
            self._run()
            ended = time.perf_counter()
            if i > 0:
                yield ended - started
            if i > 1 and ended > until:
                return


def profile(
    model: NamedModel,
    runtime: RuntimeName,
    *,
    batch: int = 1,
    seconds: float = 8.0,
    float_mode: FloatMode = "exact",
) -> Profile:
    """Profile a model for so many seconds.

    Raises:
        MicrointerpError: the model is refused, or cannot run a batch at once.
    """
    bench = _Bench(model, runtime, batch, float_mode)
    operators = [
        OperatorProfile(node.index, node.name, _shapes(node), batch * _macs(node)) for node in bench.nodes
    ]
    share = seconds / 2 / _ROUNDS
    plain: list[float] = []
    times: list[list[float]] = [[] for _ in bench.step_nodes]
    for _ in tracked(range(_ROUNDS), lambda _: f"profile of {model.name}"):
        plain += bench.invoke(share / 2)
        bench.exchange_steps(lambda i, step: _timed(step, times[i]))
        list(bench.invoke(share / 2))
        bench.restore_steps()
    stacks = _look(model, runtime, batch, float_mode, seconds / 2)
    cost = _clock_cost()
    for node, measured in zip(bench.step_nodes, times, strict=True):
        if measured:  # not behind a dynamic tensor
            operators[node.index].us += max(0.0, statistics.median(measured) - cost) * 1e6
    looks: list[Counter[tuple[str, Frame]]] = [Counter() for _ in operators]
    for stack in stacks:
        inner = list(itertools.takewhile(lambda frame: not frame.function.startswith(_OPERATOR), stack))
        if len(inner) < len(stack):  # else it is outside all operators
            number = int(stack[len(inner)].function.removeprefix(_OPERATOR))
            looks[number][classify(inner), _kernel_frame(inner) or stack[0]] += 1
    lines: defaultdict[tuple[str, Frame], float] = defaultdict(float)
    for operator, counts in zip(operators, looks, strict=True):
        # the time of an operator so short that no look at the stack has met it goes to no known phase
        operator.phases = {phase: 0.0 if counts or phase != OTHER else operator.us for phase in PHASES}
        for (phase, frame), count in counts.items():
            us = operator.us * count / counts.total()
            operator.phases[phase] += us
            lines[phase, frame] += us
    hot = [
        HotLine(phase, f"{Path(frame.path).name}:{frame.line} {frame.function}", _text(frame), us)
        for (phase, frame), us in sorted(lines.items(), key=lambda item: -item[1])[:_HOT_LINES]
    ]
    total = statistics.median(plain) * 1e6
    return Profile(model.name, runtime, batch, total, operators, hot, sum(c.total() for c in looks))


def classify(stack: Sequence[Frame]) -> str:
    """The phase of a stack that begins with the innermost frame and ends with the operator's."""
    for frame in stack:
        module = Path(frame.path).stem if _is_kernel(frame) else None
        for rule in RULES:
            if (
                (not rule.module or (module and re.fullmatch(rule.module, module)))
                and re.search(rule.function, frame.function)
                and re.search(rule.line, _text(frame))
            ):
                return rule.phase
    kernel = _kernel_frame(stack)
    is_glue = kernel is None or (
        kernel.function == "__call__" and re.fullmatch(_MIXED, Path(kernel.path).stem)
    )
    return OVERHEAD if is_glue else OTHER


def _is_kernel(frame: Frame) -> bool:
    return Path(frame.path).parent.name == "microinterp_kernels"


def _kernel_frame(stack: Sequence[Frame]) -> Frame | None:
    """The innermost frame that is a kernel's: those within are NumPy's."""
    return next(filter(_is_kernel, stack), None)


def _text(frame: Frame) -> str:
    return linecache.getline(frame.path, frame.line).strip()


def _timed(step: Callable[[], Any], times: list[float]) -> Callable[[], Any]:
    clock = time.perf_counter

    def run() -> None:
        started = clock()
        step()
        times.append(clock() - started)

    return run


def _clock_cost() -> float:
    """What `_timed` measures of a step that does nothing."""
    times: list[float] = []
    run = _timed(lambda: None, times)
    for _ in range(2000):
        run()
    return statistics.median(times)


def _named(index: int, step: Callable[[], Any]) -> Callable[[], Any]:
    """The step in a function with a name that tells its number on the stack."""

    def operator() -> None:
        step()

    operator.__code__ = operator.__code__.replace(co_name=f"{_OPERATOR}{index}")
    return operator


def _look(
    model: NamedModel, runtime: RuntimeName, batch: int, float_mode: FloatMode, seconds: float
) -> list[list[Frame]]:
    """Stacks of so many seconds of invokes."""
    stacks: list[list[Frame]] = []
    wanted = int(seconds / _SAMPLING_SECONDS)
    with tempfile.TemporaryDirectory() as folder:
        for attempt in range(_MOST_ATTEMPTS):
            log = Path(folder) / str(attempt)
            rest = max(1, wanted - len(stacks)) * _SAMPLING_SECONDS
            arguments = (model, runtime, batch, float_mode, rest, log)
            process = get_context("spawn").Process(target=_invoke_under_timer, args=arguments)
            process.start()
            process.join()
            code = process.exitcode or 0
            if code > 0:
                raise RuntimeError("invoking under a timer has failed, see above")
            found = list(_parse(log)) if log.exists() else []
            stacks += found[: len(found) + (-1 if code else 0)]  # the last one before a crash is broken
            if code == 0 or len(stacks) >= wanted:
                break
    return stacks


def _invoke_under_timer(
    model: NamedModel, runtime: RuntimeName, batch: int, float_mode: FloatMode, seconds: float, path: Path
) -> None:
    """Invoke, with the stack written to a file at each tick.

    To be run in a process of its own: a tick may meet CPython in the few instructions in which it exchanges its
    frames, and reading them then ends in a segmentation fault.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    bench = _Bench(model, runtime, batch, float_mode)
    bench.exchange_steps(lambda i, step: _named(bench.step_nodes[i].index, step))
    with path.open("w") as log:
        faulthandler.register(signal.SIGALRM, log, all_threads=False)
        signal.setitimer(signal.ITIMER_REAL, _SAMPLING_SECONDS, _SAMPLING_SECONDS)
        for _ in bench.invoke(seconds):
            pass
        signal.setitimer(signal.ITIMER_REAL, 0)


def _parse(log: Path) -> Iterator[list[Frame]]:
    """The stacks in a file that `faulthandler` has written."""
    stack: list[Frame] = []
    for text in log.read_text("utf-8", "replace").splitlines():
        found = re.match(r'  File "(.*)", line (\d+) in (.*)', text)
        if found:
            stack.append(Frame(found[1], int(found[2]), found[3]))
        elif stack:
            yield stack
            stack = []
    if stack:
        yield stack


def _macs(node: Node) -> int:
    shapes = [None if t is None else t.shape for t in node.inputs]
    return multiply_accumulates(node.name, shapes, [t.shape for t in node.outputs])


def _shapes(node: Node) -> str:
    """1×8×8×1 · 8×3×3×1 → 1×8×8×8: inputs that are not constant, weights, outputs."""
    inputs = [t for t in node.inputs if t is not None and t.constant is None]
    weights = [t for t in node.inputs[1:2] if t is not None and t.constant is not None and _macs(node)]
    left = " · ".join(part for part in (_join(inputs), _join(weights)) if part)
    return f"{left} → {_join(node.outputs)}"


def _join(tensors: Sequence[RuntimeTensor]) -> str:
    return " ".join("×".join(map(str, t.shape)) or "scalar" for t in tensors)


def show(result: Profile, out: Console) -> None:
    """Print the tables."""
    name = f"{escape(result.model)}, {result.runtime}" + (
        f", batch {result.batch}" if result.batch > 1 else ""
    )
    left = ("operator", "inputs · weights → outputs")
    columns = ("#", *left, "µs", "%", "MACs", "GMAC/s", *PHASES)
    table = new_table(f"{name}: µs per operator, and per phase of it", *columns, left=left)
    for o in result.operators:
        table.add_row(
            *(str(o.index), o.name, o.shapes),
            *cells(o.us, 100 * o.us / result.invoke_us, f"{o.macs:,}" if o.macs else "", digits=1),
            *cells(o.gmacs if o.macs else "", digits=2),
            *cells(*(o.phases[p] or "" for p in PHASES), digits=1),
        )
    out.print(table)
    phases = new_table("per phase", "phase", "µs", "%")
    for phase, us in result.phases.items():
        phases.add_row(phase, *cells(us, 100 * us / result.invoke_us, digits=1))
    phases.add_section()
    phases.add_row("invoke", *cells(result.invoke_us, 100.0, digits=1))
    out.print(phases)
    hot = new_table(
        "the lines that take most", "µs", "phase", "place", "line", left=("phase", "place", "line")
    )
    for line in result.lines:
        hot.add_row(*cells(line.us, digits=1), line.phase, escape(line.place), escape(line.text))
    out.print(hot)
    macs = sum(o.macs for o in result.operators)
    per_sample = f", {result.invoke_us / result.batch:.1f} per sample" if result.batch > 1 else ""
    out.print(
        f"operators {result.invoke_us - result.between_us:.1f} µs + between them {result.between_us:.1f} µs = invoke "
        f"without instruments {result.invoke_us:.1f} µs{per_sample}; {macs:,} MACs, "
        f"{macs / result.invoke_us / 1e3:.2f} GMAC/s; {result.samples} looks at the stack",
        soft_wrap=True,
    )


def as_json(result: Profile) -> dict[str, Any]:
    """The figures as plain data."""
    return {**asdict(result), "between_us": result.between_us, "phases": result.phases}


def main(
    model: Annotated[str, typer.Argument(help="A path, an example or a real model's name.")],
    runtime: Annotated[str, typer.Option(help="Whose results to give: tflite or tflm.")] = "tflite",
    batch: Annotated[int, typer.Option(min=1, help="Samples at once, as run_batch does it.")] = 1,
    fast: Annotated[bool, typer.Option("--fast", help='float_mode="fast".')] = False,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long to measure.")] = 8.0,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write the figures to this file.")
    ] = None,
) -> None:
    """Show where the time of a model goes."""
    names: dict[str, RuntimeName] = {name: name for name in RUNTIMES}
    if runtime not in names:
        raise typer.BadParameter(f"{runtime!r} is none of: {', '.join(names)}", param_hint="--runtime")
    try:
        (named,) = open_models([model], ())
        mode: FloatMode = "fast" if fast else "exact"
        result = profile(named, names[runtime], batch=batch, seconds=seconds, float_mode=mode)
    except (OSError, MicrointerpError) as error:
        raise typer.BadParameter(str(error), param_hint="MODEL") from error
    show(result, console())
    write_json(json_file, as_json(result))


if __name__ == "__main__":
    typer.run(main)
