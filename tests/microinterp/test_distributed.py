"""Data sets on Dask: the results are those of `run_batch`, also when workers are lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from microinterp import Interpreter, InvokeError, ModelFormatError, TensorError
from microinterp.distributed import run_dataset
from microinterp.model.ir import TensorType as T
from microinterp_tools.models import open_model
from tests.single_op import TensorSpec, assert_same_bytes, single_op_model

pytest.importorskip("distributed", reason='Dask is not installed: pip install "microinterp[dask]"')

Array = NDArray[Any]

DIGITS = open_model("digits").content
IMAGES = np.random.default_rng(0).integers(-128, 128, (40, 8, 8, 1), np.int8)
SCORES = Interpreter(model_content=DIGITS).run_batch(IMAGES)

ADD = single_op_model(
    "ADD", [TensorSpec((2, 3), T.FLOAT32), TensorSpec((2, 3), T.FLOAT32)], [TensorSpec((2, 3), T.FLOAT32)]
)
GATHER = single_op_model(
    "GATHER",
    [TensorSpec((1, 4), T.FLOAT32), TensorSpec((1,), T.INT32)],
    [TensorSpec((1, 1), T.FLOAT32)],
    {"axis": 1},
)
RESHAPE = single_op_model(
    "RESHAPE", [TensorSpec((6,), T.FLOAT32), TensorSpec((2,), T.INT32)], [TensorSpec((0, 0), T.FLOAT32)]
)
#: The state holds the last sample: the output is the sum of the sample and the one before.
SVDF = single_op_model(
    "SVDF",
    [
        TensorSpec((1, 1), T.FLOAT32),
        TensorSpec((1, 1), T.FLOAT32, data=[[1]]),
        TensorSpec((1, 2), T.FLOAT32, data=[[1, 1]]),
        None,
        TensorSpec((1, 2), T.FLOAT32, is_variable=True),
    ],
    [TensorSpec((1, 1), T.FLOAT32)],
    {"rank": 1},
)


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Two processes with a thread each."""
    import dask
    from distributed import Client, LocalCluster

    with (
        # How long Dask tries to get a result or the model from a worker that was killed, before it makes it anew.
        dask.config.set({"distributed.comm.timeouts.connect": "3s"}),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.mark.parametrize("batch_size", [1, 7, 100, None])
def test_results_are_those_of_run_batch(client: Any, batch_size: int | None) -> None:
    outputs = run_dataset(DIGITS, IMAGES, scheduler=client, batch_size=batch_size)
    assert_same_bytes(outputs, SCORES, "digits")


def test_the_metric_gets_outputs_and_labels_of_each_batch(client: Any) -> None:
    labels = list(range(40))
    results = run_dataset(
        DIGITS,
        IMAGES,
        metric=lambda outputs, labels: (outputs, labels),
        labels=labels,
        scheduler=client,
        batch_size=16,
    )
    assert [part for _, part in results] == [labels[:16], labels[16:32], labels[32:]]
    assert_same_bytes(np.concatenate([part for part, _ in results]), SCORES, "digits")
    assert run_dataset(DIGITS, IMAGES, metric=len, scheduler=client, batch_size=16) == [16, 16, 8]


def test_several_inputs_in_both_forms(client: Any) -> None:
    a, b = np.random.default_rng(0).random((2, 7, 2, 3), np.float32)
    stacked = run_dataset(ADD, (a, b), scheduler=client, batch_size=3)
    assert_same_bytes(stacked, a + b, "an axis of their own")
    named = {"input_1": b.reshape(14, 3), "input_0": a.reshape(14, 3)}
    joined = run_dataset(ADD, named, scheduler=client, batch_size=3)
    assert_same_bytes(joined, (a + b).reshape(14, 3), "along the first axis")


def test_no_samples(client: Any) -> None:
    assert run_dataset(DIGITS, IMAGES[:0], scheduler=client).shape == (0, 10)


def test_outputs_of_different_shapes_are_a_list(client: Any) -> None:
    values = np.arange(18, dtype=np.float32).reshape(3, 6)
    shapes = np.array([[2, 3], [2, 3], [3, 2]], np.int32)
    for data in ((values, shapes), (values.reshape(-1), shapes.reshape(-1))):
        outputs = run_dataset(RESHAPE, data, scheduler=client, batch_size=2)
        assert isinstance(outputs, list)
        assert [o.shape for o in outputs] == [(2, 3), (2, 3), (3, 2)]
        assert_same_bytes(np.concatenate([o.reshape(-1) for o in outputs]), values.reshape(-1), "reshaped")


def test_files(client: Any, tmp_path: Path) -> None:
    files = [tmp_path / f"{i}.npy" for i in range(4)]
    bounds = [0, 3, 4, 20, 40]
    for file, start, stop in zip(files, bounds, bounds[1:], strict=False):
        np.save(file, IMAGES[start:stop])
    assert_same_bytes(run_dataset(DIGITS, files, scheduler=client), SCORES, "digits")
    counts = run_dataset(
        DIGITS, files, metric=lambda outputs, path: (len(outputs), path), labels=files, scheduler=client
    )
    assert counts == list(zip([3, 1, 16, 20], files, strict=True))


def test_files_of_other_kinds(client: Any, tmp_path: Path) -> None:
    (tmp_path / "images.raw").write_bytes(IMAGES.tobytes())
    outputs = run_dataset(
        DIGITS,
        [str(tmp_path / "images.raw")],
        load=lambda path: np.fromfile(path, np.int8).reshape(-1, 8, 8, 1),
        scheduler=client,
    )
    assert_same_bytes(outputs, SCORES, "by load")
    a = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    np.savez(tmp_path / "a.npz", input_0=a, input_1=a)
    assert_same_bytes(run_dataset(ADD, [tmp_path / "a.npz"], scheduler=client), a + a, "npz")


def test_memory_maps_are_read_a_few_batches_ahead(client: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", IMAGES)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    most_ahead = done = taken = 0

    class Spy:
        shape, dtype = mapped.shape, mapped.dtype

        def __getitem__(self, part: slice) -> Array:
            nonlocal most_ahead, taken
            taken += part.stop - part.start
            most_ahead = max(most_ahead, taken - done)
            array: Array = mapped[part]
            return array

    def count(samples: int, total: int) -> None:
        nonlocal done
        assert done < samples <= total == 40
        done = samples

    outputs = run_dataset(DIGITS, Spy(), scheduler=client, batch_size=1, progress=count)
    assert_same_bytes(outputs, SCORES, "digits")
    assert done == taken == 40
    assert most_ahead <= 9  # four for each thread, and the one just taken


def test_dask_arrays(client: Any) -> None:
    da = pytest.importorskip("dask.array")
    images = da.from_array(IMAGES, chunks=(9, 4, 8, 1))
    assert_same_bytes(run_dataset(DIGITS, images, scheduler=client), SCORES, "its chunks")
    assert_same_bytes(run_dataset(DIGITS, images, scheduler=client, batch_size=16), SCORES, "batches")
    labels = da.arange(40, chunks=10)
    parts = run_dataset(
        DIGITS, images, metric=lambda outputs, labels: labels, labels=labels, scheduler=client
    )
    assert [part.tolist() for part in parts] == [
        list(range(i, j)) for i, j in ((0, 9), (9, 18), (18, 27), (27, 36), (36, 40))
    ]
    rows = da.ones((14, 3), chunks=(3, 3), dtype=np.float32)
    with pytest.raises(TensorError, match="a sample is 2 rows of the dask array"):
        run_dataset(ADD, (rows, rows), scheduler=client)
    outputs = run_dataset(ADD, (rows, np.ones((14, 3), np.float32)), scheduler=client, batch_size=3)
    assert_same_bytes(outputs, np.full((14, 3), 2, np.float32), "rows")
    with pytest.raises(TensorError, match="compute_chunk_sizes"):
        run_dataset(DIGITS, images[da.ones(40, chunks=9) > 0], scheduler=client)


def deadly(folder: Path, victims: set[int]) -> Callable[[Array, Array], Array]:
    """A metric that kills its worker, but only the first time that it sees each of these labels."""

    def metric(outputs: Array, labels: Array) -> Array:
        for victim in victims.intersection(labels.tolist()):
            marker = folder / f"killed_by_{victim}"
            if not marker.exists():
                marker.touch()
                os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
                time.sleep(60)
        return outputs

    return metric


@pytest.mark.parametrize("victims", [{5}, {0, 14, 39}])
def test_a_lost_worker_loses_no_samples(client: Any, tmp_path: Path, victims: set[int]) -> None:
    """With three killed, no worker is left that had the model at first."""
    results = run_dataset(
        DIGITS,
        IMAGES,
        metric=deadly(tmp_path, victims),
        labels=np.arange(40),
        scheduler=client,
        batch_size=4,
    )
    assert len(list(tmp_path.iterdir())) == len(victims)
    assert_same_bytes(np.concatenate(results), SCORES, "digits")


def test_lost_chunks_of_dask_arrays_are_computed_again(client: Any, tmp_path: Path) -> None:
    da = pytest.importorskip("dask.array")
    results = run_dataset(
        DIGITS,
        da.from_array(IMAGES, chunks=(4, 8, 8, 1)),
        metric=deadly(tmp_path, {13}),
        labels=da.arange(40, chunks=40),
        scheduler=client,
    )
    assert len(list(tmp_path.iterdir())) == 1
    assert_same_bytes(np.concatenate(results), SCORES, "digits")


@pytest.mark.parametrize("batch_size", [2, 8])
def test_errors_name_the_sample_and_are_not_tried_again(client: Any, batch_size: int) -> None:
    indices = np.zeros((8, 1), np.int32)
    indices[5] = 9
    data = (np.zeros((8, 1, 4), np.float32), indices)
    with pytest.raises(InvokeError, match=r"^sample 5: operator 0 \(GATHER"):
        run_dataset(GATHER, data, scheduler=client, batch_size=batch_size, retries=10**9)


def test_errors_name_the_file(client: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "good.npy", IMAGES)
    np.save(tmp_path / "bad.npy", IMAGES[:, :7])
    files = [tmp_path / "good.npy", tmp_path / "bad.npy"]
    with pytest.raises(TensorError, match=r"bad\.npy: .*\[40, 7, 8, 1\] do not fit"):
        run_dataset(DIGITS, files, scheduler=client)


def fails(times: int, marker: Path) -> Callable[[Array], int]:
    def metric(outputs: Array) -> int:
        with marker.open("a") as file:
            file.write("x")
        if marker.stat().st_size <= times:
            raise LookupError("the metric failed")
        return len(outputs)

    return metric


def test_errors_of_the_metric_are_tried_again_if_the_user_says_so(client: Any, tmp_path: Path) -> None:
    assert run_dataset(
        DIGITS, IMAGES, metric=fails(2, tmp_path / "a"), scheduler=client, batch_size=40, retries=2
    ) == [40]
    with pytest.raises(LookupError, match="the metric failed") as caught:
        run_dataset(DIGITS, IMAGES, metric=fails(1, tmp_path / "b"), scheduler=client, batch_size=40)
    if sys.version_info >= (3, 11):
        assert caught.value.__notes__ == ["while running samples 0 to 39"]
    assert (tmp_path / "b").stat().st_size == 1


def test_an_error_ends_what_is_still_to_do(client: Any) -> None:
    def fail_at_once(outputs: Array, labels: Array) -> None:
        if labels[0] == 0:
            raise LookupError
        time.sleep(0.05)

    started = time.monotonic()
    with pytest.raises(LookupError):
        run_dataset(
            DIGITS,
            np.tile(IMAGES, (50, 1, 1, 1)),
            metric=fail_at_once,
            labels=np.arange(2000),
            scheduler=client,
            batch_size=1,
        )
    assert client.submit(abs, -1, pure=False).result() == 1
    assert time.monotonic() - started < 5  # of 50 s


def test_a_model_is_prepared_once_per_thread(client: Any) -> None:
    def prepare_slowly(dask_worker: Any = None) -> None:
        from microinterp import distributed

        original = distributed._allocated
        distributed.calls = 0  # type: ignore[attr-defined]

        def counted(*arguments: Any) -> Any:
            distributed.calls += 1  # type: ignore[attr-defined]
            return original(*arguments)

        distributed._allocated = counted  # type: ignore[assignment]

    client.run(prepare_slowly)
    run_dataset(DIGITS, IMAGES, scheduler=client, batch_size=1)

    def calls() -> Any:
        from microinterp import distributed

        return distributed.calls  # type: ignore[attr-defined]

    assert set(client.run(calls).values()) <= {0, 1}


def test_models_that_keep_state_are_refused_unless_batches_begin_anew(client: Any) -> None:
    samples = np.array([[1], [2], [4], [8], [16]], np.float32)
    with pytest.raises(TensorError, match="keeps state"):
        run_dataset(SVDF, samples, scheduler=client)
    outputs = run_dataset(SVDF, samples, fresh_state=True, scheduler=client, batch_size=2)
    assert outputs.reshape(-1).tolist() == [1, 3, 4, 12, 16]


def test_the_embedded_cluster_and_an_address(client: Any, tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(DIGITS)
    model = tmp_path / "model.tflite"
    address = client.scheduler.address
    assert_same_bytes(run_dataset(model, IMAGES, scheduler=address), SCORES, "an address")
    settings = run_dataset(
        model,
        IMAGES,
        metric=lambda _: os.environ["OPENBLAS_NUM_THREADS"],
        batch_size=20,
    )
    assert settings == ["1", "1"]


def test_the_progress_bar_is_for_terminals(client: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run_dataset(DIGITS, IMAGES, scheduler=client, progress=True)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (IMAGES[:, :7], {}, "do not fit"),
        (IMAGES, {"labels": [1]}, "labels are for a metric"),
        (IMAGES, {"labels": [1], "metric": len}, "1 labels for 40 samples"),
        (["a.npy"], {"labels": [1, 2], "metric": len}, "2 labels for 1 files"),
        (["a.npy"], {"batch_size": 3}, "each file is a batch"),
        (IMAGES, {"batch_size": 0}, "batch_size must be a positive number"),
        (IMAGES, {"runtime": "tf"}, "runtime 'tf' is unknown"),
    ],
)
def test_wrong_arguments(data: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(TensorError, match=message):
        run_dataset(DIGITS, data, **options)


def test_damaged_and_missing_models(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError):
        run_dataset(b"TFL3", IMAGES)
    with pytest.raises(FileNotFoundError):
        run_dataset(tmp_path / "model.tflite", IMAGES)


def test_without_dask_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r'pip install "microinterp\[dask\]"'):
        run_dataset(DIGITS, IMAGES)


def test_microinterp_does_not_import_dask() -> None:
    code = (
        "import sys, microinterp.distributed; sys.exit('dask' in sys.modules or 'distributed' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
