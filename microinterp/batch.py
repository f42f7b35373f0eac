"""Many samples with one model: what `Interpreter.run_batch` does.

    samples ──slices of batch_size──▶ a stacked subgraph per worker ──▶ outputs, in the order of the samples

Where operators keep state beyond themselves, or shapes depend on values, the samples run one by one instead, as so
many calls of `invoke` would.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from .errors import InvokeError, TensorError
from .graph import Graph, PreparedSubgraph
from .model.ir import Array, TensorType
from .ops.node import EndOfRun, RuntimeTensor
from .stacked import StackedSubgraph, can_stack, keeps_state

#: The tensors of a batch should not need more memory than this: they stay in the caches of most machines.
_ARENA_BYTES = 2**21
_MOST_SAMPLES = 128

#: Called with the number of samples that are done, and of all.
Progress = Callable[[int, int], object]


class Samples:
    """The samples for one input: an array that holds them along its first axis, in one of two forms.

    Args:
        values: an array, or something with `shape`, `dtype` and slices like one (a memory map, an HDF5 data set).
            With one dimension more than the input, its first axis counts samples; with as many, the samples lie one
            after the other along the first axis, as `np.concatenate` would put them.
        tensor: the input.

    Raises:
        TensorError: element type or shape do not fit the input.
    """

    def __init__(self, values: Any, tensor: RuntimeTensor) -> None:
        if not (hasattr(values, "shape") and hasattr(values, "dtype")):
            values = np.asarray(values)
            if values.dtype.kind in "iuf" and values.dtype != tensor.dtype:
                raise TensorError(f"{tensor}: give its samples as an array of {tensor.dtype}")
        self.values, self._tensor = values, tensor
        shape, own = tuple(values.shape), tensor.shape
        #: Whether samples have an axis of their own.
        self.is_stacked = len(shape) == len(own) + 1
        if self.is_stacked and shape[1:] == own:
            #: How many rows of `values` a sample has, and how many samples there are.
            self.rows, self.count = 1, shape[0]
        elif own and len(shape) == len(own) and shape[1:] == own[1:] and own[0] and shape[0] % own[0] == 0:
            self.rows, self.count = own[0], shape[0] // own[0]
        else:
            raise TensorError(
                f"{tensor}: samples of the shape {list(shape)} do not fit; give them as "
                f"[samples, {', '.join(map(str, own))}]"
                + (f", or one after the other along the first axis, [samples · {own[0]}, …]" if own else "")
                + ". For samples of another size call resize_tensor_input first"
            )
        if tensor.type is not TensorType.STRING and values.dtype != tensor.dtype:
            raise TensorError(f"{tensor}: got samples of the element type {values.dtype}")

    def __getitem__(self, samples: slice) -> Array:
        """Some of the samples, [samples, *shape of the input]."""
        part = np.asarray(self.values[samples.start * self.rows : samples.stop * self.rows])
        return part.reshape(samples.stop - samples.start, *self._tensor.shape)


def in_order(inputs: Any, tensors: Sequence[RuntimeTensor]) -> tuple[Any, ...]:
    """One value per input, of what may be a tuple of them, a dictionary by name, or the value of the only input.

    Raises:
        TensorError: another number of them, or other names.
    """
    if isinstance(inputs, Mapping):
        names = [tensor.name for tensor in tensors]
        if set(inputs) != set(names):
            raise TensorError(f"the model's inputs are {', '.join(names)}; got {', '.join(map(str, inputs))}")
        return tuple(inputs[name] for name in names)
    values = inputs if isinstance(inputs, tuple) else (inputs,)
    if len(values) != len(tensors):
        raise TensorError(f"the model has {len(tensors)} inputs, got samples for {len(values)}")
    return values


def check_samples(values: Sequence[Any], subgraph: PreparedSubgraph) -> list[Samples]:
    """The samples of each input, of which there are equally many.

    Raises:
        TensorError: there are not; they do not fit the inputs; or there are no inputs.
    """
    if not subgraph.inputs:
        raise TensorError("the model has no inputs, so that there are no samples to run; call invoke()")
    samples = [Samples(v, tensor) for v, tensor in zip(values, subgraph.inputs, strict=True)]
    count = samples[0].count
    for other, tensor in zip(samples, subgraph.inputs, strict=True):
        if other.count != count:
            raise TensorError(f"{tensor}: got {other.count} samples, but {count} for {subgraph.inputs[0]}")
    return samples


class _Results:
    """The results for one output: an array, or a list where their shapes may differ."""

    def __init__(self, output: RuntimeTensor, count: int) -> None:
        varies = output.dynamic or output.type is TensorType.STRING
        self._values: Any = [None] * count if varies else np.empty((count, *output.shape), output.dtype)

    def store(self, samples: slice, values: Sequence[Array] | Array) -> None:
        """Keep the results of some samples."""
        self._values[samples] = values

    def finish(self, is_stacked: bool) -> Array | list[Array]:
        """All results: with an axis of their own, or one after the other along the first axis."""
        values = self._values
        if isinstance(values, list):
            if len({v.shape for v in values}) != 1:
                return values
            values = np.stack(values)
        if not is_stacked and values.ndim > 1:
            values = values.reshape(-1, *values.shape[2:])
        array: Array = values
        return array


class _Worker:
    """A graph of its own, and its stacked form for batches of up to `size` samples."""

    def __init__(self, graph: Graph) -> None:
        self._model, self._subgraph = graph.model, graph.subgraphs[0]
        self._keeps_state = keeps_state(graph)
        self._can_stack = can_stack(self._subgraph)
        self._size = 1
        self._stacked: StackedSubgraph | None = None

    def fit(self, size: int) -> None:
        """Make ready for batches of so many samples, unless it is ready for not many more."""
        if self._can_stack and not size <= self._size < 2 * size:
            self._stacked = StackedSubgraph(self._model, self._subgraph, size) if size > 1 else None
            self._size = size

    def run(self, batch: Sequence[Array], first: int) -> Sequence[Sequence[Array] | Array]:
        """The results for each output of a batch, whose first sample has that number."""
        n = len(batch[0])
        if self._stacked is None or (self._keeps_state and n < self._size):
            return self._run_one_by_one(batch, n, first)
        try:
            return self._stacked(batch)
        except InvokeError as error:
            if self._keeps_state:
                raise InvokeError(f"samples {first} to {first + n - 1}: {error}") from error
            return self._run_one_by_one(batch, n, first)  # fails at the sample that is to blame

    def _run_one_by_one(self, batch: Sequence[Array], n: int, first: int) -> list[list[Array]]:
        inputs, outputs = self._subgraph.inputs, self._subgraph.outputs
        results: list[list[Array]] = [[] for _ in outputs]
        for i in range(n):
            for tensor, values in zip(inputs, batch, strict=True):
                tensor.store(values[i, ...])  # of strings, too, an array
            try:
                with suppress(EndOfRun):
                    self._subgraph.invoke()
            except InvokeError as error:
                raise InvokeError(f"sample {first + i}: {error}") from error
            for tensor, kept in zip(outputs, results, strict=True):
                assert tensor.array is not None
                kept.append(tensor.array.copy())
        return results


class WorkerPool:
    """The workers for a graph, kept from one run to the next, because it takes a while to prepare them.

    The first one works on the graph itself, so that its state goes on; the others work on twins of it.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._workers = [_Worker(graph)]

    def take(self, count: int, size: int) -> list[_Worker]:
        """So many workers for batches of a size."""
        while len(self._workers) < count:
            self._workers.append(_Worker(self.graph.twin()))
        taken = self._workers[:count]
        for worker in taken:
            worker.fit(size)
        return taken


def run_batch(
    pool: WorkerPool,
    values: Sequence[Any],
    batch_size: int | None,
    workers: int | None,
    progress: Progress | None,
    *,
    first: int = 0,
) -> list[Array | list[Array]]:
    """Run the samples in `values`, one array of them per input, through the allocated subgraph 0.

    See `Interpreter.run_batch`, which describes arguments, results and errors. Errors count the samples from `first`.
    """
    for name, number in (("batch_size", batch_size), ("workers", workers)):
        if number is not None and (not isinstance(number, int) or number < 1):
            raise TensorError(f"{name} must be a positive number, not {number!r}")
    subgraph = pool.graph.subgraphs[0]
    samples = check_samples(values, subgraph)
    count = samples[0].count
    size = batch_size or max(1, min(_MOST_SAMPLES, _ARENA_BYTES // max(1, _tensor_bytes(subgraph))))
    size = min(size, max(1, count))
    workers = 1 if keeps_state(pool.graph) else min(workers or available_cores(), max(1, -(-count // size)))
    results = [_Results(tensor, count) for tensor in subgraph.outputs]
    slices = iter([slice(start, min(start + size, count)) for start in range(0, count, size)])
    lock, done, failed = threading.Lock(), 0, False

    def work(worker: _Worker) -> None:
        nonlocal done
        while not failed:
            with lock:
                part = next(slices, None)
            if part is None:
                return
            outcomes = worker.run([s[part] for s in samples], first + part.start)
            for result, outcome in zip(results, outcomes, strict=True):
                result.store(part, outcome)
            with lock:
                done += part.stop - part.start
                if progress is not None:
                    progress(done, count)

    taken = pool.take(workers, size)
    if workers == 1:
        work(taken[0])
    else:
        with ThreadPoolExecutor(workers) as threads:
            try:
                for future in as_completed([threads.submit(work, worker) for worker in taken]):
                    future.result()
            finally:
                failed = True  # or done, or interrupted: in any case the others are to stop
    return [result.finish(samples[0].is_stacked) for result in results]


def _tensor_bytes(subgraph: PreparedSubgraph) -> int:
    """The largest memory that the tensors of one operator need together for one sample."""
    return max(
        (
            sum(t.nbytes for t in {*node.inputs, *node.outputs} if t is not None and t.constant is None)
            for node in subgraph.nodes
        ),
        default=1,
    )


def available_cores() -> int:
    """How many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


@contextmanager
def progress_bar(description: str) -> Iterator[Progress]:
    """A bar on standard error with rate and remaining time, gone when done; nothing where that is no terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:,.0f}/s")

    errors = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task(description, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
