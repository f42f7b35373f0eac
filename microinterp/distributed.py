"""Data sets larger than one machine: `run_dataset` runs them on Dask.

    batches of an array ────┐
    chunks of a dask.array ─┼─Dask─▶ run_batch and the metric, on the workers ──▶ results, in order
    files ──────────────────┘

What a batch needs is known to Dask's scheduler, so that it runs again elsewhere when its worker is lost; its result
comes to the client as soon as it is there.
"""

from __future__ import annotations

import math
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import accumulate, islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .batch import (
    Progress,
    WorkerPool,
    available_cores,
    check_samples,
    in_order,
    progress_bar,
    run_batch,
)
from .errors import MicrointerpError, TensorError
from .graph import Graph, PreparedSubgraph
from .interpreter import Interpreter
from .model.ir import Array
from .runtimes import FloatMode, RuntimeName
from .stacked import keeps_state

if TYPE_CHECKING:
    from distributed import Client, Future

#: The samples and results of a batch should not need more memory than this.
_BATCH_BYTES = 2**22
#: The most samples in a batch: even with a tiny model, sending it to a worker takes less time than running it.
_MOST_SAMPLES = 1024
#: How many batches are sent to the workers before their time comes, for each of their threads.
_BATCHES_AHEAD = 4


def run_dataset(
    model: str | os.PathLike[str] | bytes,
    data: Any,
    *,
    metric: Callable[..., Any] | None = None,
    labels: Any = None,
    load: Callable[[Any], Any] | None = None,
    scheduler: str | Client | None = None,
    batch_size: int | None = None,
    runtime: RuntimeName = "tflite",
    float_mode: FloatMode = "exact",
    fresh_state: bool = False,
    retries: int = 0,
    progress: bool | Progress = False,
) -> Any:
    """Run a model over a data set on Dask's workers; results are those of `Interpreter.run_batch`, to the bit.

        hits = run_dataset("model.tflite", images, metric=count_hits, labels=labels, scheduler="tcp://10.0.0.1:8786")
        accuracy = sum(hits) / len(images)

    Each worker process gets the model once and prepares it once per thread. A worker that is lost loses no samples:
    Dask runs its batches elsewhere (a batch whose workers are lost too often, see `distributed.scheduler.
    allowed-failures` in Dask's configuration, ends the run with `distributed.KilledWorker`).

    Args:
        model: path of the model, which only this process must be able to read, or the model's bytes.
        data: the samples, one of:

            - arrays, in every form that `Interpreter.run_batch` takes. Memory maps and HDF5 or Zarr arrays are read
              here, batch by batch, a few batches ahead of the workers.
            - dask arrays, alone or among other arrays. They are computed on the workers.
            - a list of files, which the workers must be able to read; each is a batch. `.npy` and `.npz` (arrays by
              the names of the inputs) are read as they are, others by `load`.
        metric: called on the worker as `metric(outputs)`, or `metric(outputs, labels)`, with the outputs of a batch
            in the form that `run_batch` gives. A function of the script itself is sent to the workers as code; they
            must be able to import one of another module.
        labels: what the metric needs beside the outputs: as many as there are samples, of which it gets those of the
            batch; with files one for each file, as it is. `labels=data` gives it the samples, or the path.
        load: called on the worker with a file of the list; returns its samples as `run_batch` takes them.
        scheduler: address of a Dask scheduler, or a client of one. Default: a cluster of this machine's cores, a
            process with one thread each, for the duration of the call. A script must then have its code below
            `if __name__ == "__main__":`, because the processes import it.
        batch_size: how many samples a batch has. Default: the chunks of a dask array; else as many as fit into
            4 MiB with their results, at most 1024. Must be left out with files.
        runtime: see `Interpreter`.
        float_mode: see `Interpreter`.
        fresh_state: begin each batch or file with the state that the model has when it is loaded. Without it, models
            that keep state are refused, because no sample could run before the one ahead of it is done.
        retries: how often a batch runs again if `load` or `metric` raises, or reading a dask array does.
        progress: show a progress bar on standard error; or a function that is called with the numbers of samples
            (or files) done and of all.

    Returns:
        Without a metric, what `run_batch` returns for all samples. With one, the list of its results, in order.

    Raises:
        ImportError: Dask is not installed.
        TensorError: an argument is wrong, samples do not fit the model, or it keeps state.
        InvokeError: an operator refuses the values of a sample; the message says which, and of which file.
        ModelFormatError, UnsupportedOperatorError, PrepareError: as `Interpreter`.
        OSError: the model cannot be read, or there is no scheduler at the address.
        Exception: whatever `load` or `metric` raise.
    """
    _require_dask()
    if labels is not None and metric is None:
        raise TensorError("labels are for a metric, and there is none")
    content = model if isinstance(model, bytes) else Path(model).read_bytes()
    graph = _allocated(content, runtime, float_mode)
    subgraph, has_state = graph.subgraphs[0], keeps_state(graph)
    if has_state and not fresh_state:
        raise TensorError(
            "the model keeps state: what it gives for a sample may depend on the samples before it, so that they "
            "cannot run on several workers. Use Interpreter.run_batch; or, where batches or files do not depend on "
            "each other, say fresh_state=True"
        )
    if isinstance(data, list) and data and all(isinstance(f, str | os.PathLike) for f in data):
        batches = _batches_of_files(data, labels, batch_size)
    else:
        values = in_order(data, subgraph.inputs)
        batches = _batches_of_arrays(values, labels, subgraph, batch_size)
    with ExitStack() as stack:
        client = stack.enter_context(_client(scheduler, len(batches.sizes)))
        report: Progress | None = progress if callable(progress) else None
        if progress is True:
            report = stack.enter_context(progress_bar(batches.unit))
        job = _Job(content, runtime, float_mode, has_state, metric, load)
        parts = _run(client, job, batches, retries, report)
    if metric is not None:
        return [part.result for part in parts]
    outputs = [_join([(part, part.result[i]) for part in parts]) for i in range(len(subgraph.outputs))]
    return outputs[0] if len(outputs) == 1 else tuple(outputs)


# --- on the client


@dataclass(frozen=True)
class _Batches:
    """The batches of a data set: what they count, how many of it each has, and the calls that run them."""

    unit: str
    sizes: list[int]
    names: list[str]
    function: Callable[..., _Part]
    #: What `function` is called with after the job, for each batch; made when it is asked for.
    arguments: Iterator[tuple[Any, ...]]
    #: Whether there are parts of dask arrays among the arguments, to be computed before the call.
    has_dask: bool = False


def _batches_of_files(files: list[Any], labels: Any, batch_size: int | None) -> _Batches:
    if batch_size is not None:
        raise TensorError("leave batch_size out: each file is a batch")
    _check_labels(labels, len(files), "files")
    arguments = ((file, () if labels is None else (labels[i],)) for i, file in enumerate(files))
    return _Batches("files", [1] * len(files), [os.fspath(f) for f in files], _run_file, arguments)


def _batches_of_arrays(
    values: tuple[Any, ...], labels: Any, subgraph: PreparedSubgraph, batch_size: int | None
) -> _Batches:
    from dask.base import is_dask_collection

    for array in (*values, labels):
        if is_dask_collection(array) and any(map(math.isnan, array.shape)):
            raise TensorError("a dask array does not know its shape; call its compute_chunk_sizes() first")
    samples = check_samples(values, subgraph)
    count = samples[0].count
    _check_labels(labels, count, "samples")
    by_dask = [s for s in samples if is_dask_collection(s.values)]
    if batch_size is None and by_dask:
        rows = by_dask[0].rows
        if any(chunk % rows for chunk in by_dask[0].values.chunks[0]):
            raise TensorError(
                f"a sample is {rows} rows of the dask array, but its chunks do not hold whole samples; give batch_size"
            )
        sizes = [chunk // rows for chunk in by_dask[0].values.chunks[0] if chunk]
    else:
        size = _default_size(subgraph) if batch_size is None else batch_size
        if not isinstance(size, int) or size < 1:
            raise TensorError(f"batch_size must be a positive number, not {size!r}")
        sizes = [min(size, count - start) for start in range(0, count, size)]
    sizes = sizes or [0]
    firsts = [0, *accumulate(sizes)][:-1]
    inputs = zip(*(_parts(s.values, s.rows, sizes) for s in samples), strict=True)
    labelled = repeat(()) if labels is None else ((part,) for part in _parts(labels, 1, sizes))
    return _Batches(
        "samples",
        sizes,
        [f"samples {first} to {first + size - 1}" for first, size in zip(firsts, sizes, strict=True)],
        _run_samples,
        zip(inputs, labelled, firsts, strict=False),
        has_dask=bool(by_dask) or is_dask_collection(labels),
    )


def _check_labels(labels: Any, count: int, unit: str) -> None:
    if labels is not None and len(labels) != count:
        raise TensorError(f"got {len(labels)} labels for {count} {unit}")


def _default_size(subgraph: PreparedSubgraph) -> int:
    tensors = {*subgraph.inputs, *subgraph.outputs}
    return max(1, min(_MOST_SAMPLES, _BATCH_BYTES // max(1, sum(t.nbytes for t in tensors))))


def _parts(values: Any, rows: int, sizes: list[int]) -> Iterator[Any]:
    """The batches of an array, of which each sample has that many rows."""
    from dask.base import is_dask_collection

    if is_dask_collection(values):
        chunks = (tuple(size * rows for size in sizes), *((d,) for d in values.shape[1:]))
        yield from values.rechunk(chunks).to_delayed().ravel()
        return
    start = 0
    for size in sizes:
        part = values[start : start + size * rows]
        start += size * rows
        yield np.asarray(part) if hasattr(part, "dtype") else part  # not a file that is mapped here


@contextmanager
def _client(scheduler: str | Client | None, most_workers: int) -> Iterator[Client]:
    import dask
    from distributed import Client, LocalCluster

    if isinstance(scheduler, Client):
        if scheduler.asynchronous:
            raise TensorError("the client is asynchronous; give one that is not, or the scheduler's address")
        yield scheduler
    elif scheduler is not None:
        with Client(scheduler, set_as_default=False) as client:
            yield client
    else:
        workers = min(available_cores(), most_workers)
        # Dask gives BLAS one thread in the processes that it starts, which is right. But it has them return freed
        # memory to the system at once, and to get the arrays of every operator anew costs a fifth of the time.
        with (
            dask.config.set({"distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": 2**26}),
            LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
            Client(cluster, set_as_default=False) as client,
        ):
            yield client


def _run(client: Client, job: _Job, batches: _Batches, retries: int, report: Progress | None) -> list[_Part]:
    """What the workers make of each batch."""
    import dask
    from distributed import as_completed

    # Model and batches go through the scheduler, which so can send them again when workers are lost; that is no
    # oversight to warn of.
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 PiB"}):
        sent_job = client.submit(_itself, job, pure=False)
        futures = enumerate(_submit(client, sent_job, batches, retries))
        completed = as_completed(loop=client.loop, with_results=True, raise_errors=False)
        parts: dict[int, _Part] = {}
        running: dict[Future, int] = {}
        done, total = 0, sum(batches.sizes)
        try:
            while True:
                threads = max(1, sum(client.nthreads().values()))  # workers come and go
                for i, future in islice(futures, max(0, _BATCHES_AHEAD * threads - len(running))):
                    running[future] = i
                    completed.add(future)
                if not running:
                    return [parts[i] for i in range(len(batches.sizes))]
                for future, part in completed.next_batch():
                    i = running.pop(future)
                    if future.status != "finished":
                        _raise(future, batches.names[i])
                    if part.error is not None:
                        raise part.error
                    parts[i] = part
                    done += batches.sizes[i]
                    if report is not None:
                        report(done, total)
        finally:
            if running:
                client.cancel([*running, *(future for _, future in futures if batches.has_dask)])


def _submit(client: Client, job: Future, batches: _Batches, retries: int) -> Iterator[Future]:
    """The results of the batches, in order; they are sent to the workers when they are asked for.

    Those with parts of dask arrays are all sent at once: to Dask they are one graph, which it runs in the order that
    needs little memory.
    """
    if not batches.has_dask:
        for arguments in batches.arguments:
            yield client.submit(batches.function, job, *arguments, pure=False, retries=retries)
        return
    from dask import delayed

    function = delayed(batches.function, pure=False)
    futures = deque(client.compute([function(job, *a) for a in batches.arguments], retries=retries))
    while futures:
        yield futures.popleft()


def _raise(future: Future, name: str) -> None:
    """Raise what ended a task, with the name of its batch where Python has notes (3.11)."""
    try:
        future.result()
    except Exception as error:
        if hasattr(error, "add_note"):
            error.add_note(f"while running {name}")
        raise


def _join(results: list[tuple[_Part, Any]]) -> Array | list[Array]:
    """The batches' results for one output as those of one `run_batch`."""
    values = [value for _, value in results]
    if all(isinstance(v, np.ndarray) for v in values) and len({v.shape[1:] for v in values}) == 1:
        return np.concatenate(values)
    samples: list[Array] = []
    for part, value in results:
        samples += list(value) if isinstance(value, list) or part.is_stacked else np.split(value, part.count)
    return samples


def _require_dask() -> None:
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        raise ImportError(
            'run_dataset needs Dask; install it with: pip install "microinterp[dask]"'
        ) from error


# --- on the workers


@dataclass(frozen=True)
class _Part:
    """What a worker makes of a batch: the metric's result or the list of outputs; or the error to raise.

    Dask would run a task that raises again, and there is no use in that for these errors.
    """

    count: int = 0
    is_stacked: bool = False
    result: Any = None
    error: MicrointerpError | None = None


class _Job:
    """What all batches need. Dask keeps one in each worker process; it prepares the model once per thread."""

    def __init__(
        self,
        content: bytes,
        runtime: RuntimeName,
        float_mode: FloatMode,
        has_state: bool,
        metric: Callable[..., Any] | None,
        load: Callable[[Any], Any] | None,
    ) -> None:
        self._arguments = (content, runtime, float_mode, has_state, metric, load)
        self._model = (content, runtime, float_mode)
        self._has_state, self._metric = has_state, metric
        self.load = load or _load_arrays
        self._own = threading.local()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._arguments

    def run(self, inputs: Any, labels: tuple[Any, ...], first: int) -> _Part:
        """Run a batch, whose first sample has that number."""
        own = self._own
        if self._has_state or not hasattr(own, "pool"):
            own.pool = WorkerPool(_allocated(*self._model))
        subgraph = own.pool.graph.subgraphs[0]
        samples = check_samples(in_order(inputs, subgraph.inputs), subgraph)
        values = [s.values for s in samples]
        outputs = run_batch(own.pool, values, None, 1, None, first=first)
        result: Any = outputs
        if self._metric is not None:
            result = self._metric(outputs[0] if len(outputs) == 1 else tuple(outputs), *labels)
        return _Part(samples[0].count, samples[0].is_stacked, result)


def _itself(job: _Job) -> _Job:
    return job


def _run_samples(job: _Job, values: tuple[Any, ...], labels: tuple[Any, ...], first: int) -> _Part:
    try:
        return job.run(values, labels, first)
    except MicrointerpError as error:
        return _Part(error=error)


def _run_file(job: _Job, file: str | os.PathLike[str], labels: tuple[Any, ...]) -> _Part:
    try:
        return job.run(job.load(file), labels, 0)
    except MicrointerpError as error:
        return _Part(error=type(error)(f"{os.fspath(file)}: {error}"))


def _load_arrays(file: str | os.PathLike[str]) -> Any:
    """The array of a `.npy` file, mapped, or the arrays of a `.npz` file by their names."""
    loaded = np.load(file, mmap_mode="r")
    if isinstance(loaded, np.ndarray):
        return loaded
    with loaded:
        return dict(loaded)


def _allocated(content: bytes, runtime: RuntimeName, float_mode: FloatMode) -> Graph:
    interpreter = Interpreter(model_content=content, runtime=runtime, float_mode=float_mode)
    interpreter.allocate_tensors()
    return interpreter._graph
