"""Many samples at once: the results are those of as many single invokes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from microinterp import Interpreter, InvokeError, MicrointerpError, TensorError
from microinterp.model.ir import TensorType as T
from microinterp.model.writer import write_model
from microinterp.runtimes import RuntimeName
from microinterp.stacked import keeps_state
from microinterp_tools.inputs import random_values
from microinterp_tools.models import EXAMPLES, open_model
from tests.graphs import Graph, Step, graph_model
from tests.random_graphs import random_invokes, random_models
from tests.shared import model_paths, requires_shared
from tests.single_op import TensorSpec, assert_same_bytes, single_op_model

Array = NDArray[Any]
RUNTIMES: tuple[RuntimeName, ...] = ("tflite", "tflm")

ADD = single_op_model(
    "ADD", [TensorSpec((2, 3), T.FLOAT32), TensorSpec((2, 3), T.FLOAT32)], [TensorSpec((2, 3), T.FLOAT32)]
)
GATHER = single_op_model(
    "GATHER",
    [TensorSpec((1, 4), T.FLOAT32), TensorSpec((1,), T.INT32)],
    [TensorSpec((1, 1), T.FLOAT32)],
    {"axis": 1},
)


def invoke_each(interpreter: Interpreter, samples: Sequence[Sequence[Array]]) -> list[list[Array]]:
    """All outputs of single invokes."""
    interpreter.allocate_tensors()
    results = []
    for arrays in samples:
        for detail, array in zip(interpreter.get_input_details(), arrays, strict=True):
            interpreter.set_tensor(detail["index"], array)
        interpreter.invoke()
        results.append([interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()])
    return results


def assert_equals_single_invokes(
    content: bytes, runtime: RuntimeName, samples: Sequence[Sequence[Array]], **options: Any
) -> None:
    """Run the first sample by itself and the others in batches, so that state goes on."""
    expected = invoke_each(Interpreter(model_content=content, runtime=runtime), samples)
    interpreter = Interpreter(model_content=content, runtime=runtime)
    assert len(invoke_each(interpreter, samples[:1])) == 1
    outputs = interpreter.run_batch(tuple(map(np.stack, zip(*samples[1:], strict=True))), **options)
    for j, output in enumerate(outputs if isinstance(outputs, tuple) else (outputs,)):
        assert len(output) == len(samples) - 1
        for i, single in enumerate(expected[1:]):
            assert_same_bytes(output[i, ...], single[j], f"output {j} of sample {i}")


def random_samples(content: bytes, runtime: RuntimeName, count: int) -> list[list[Array]]:
    random = np.random.default_rng(0)
    details = Interpreter(model_content=content, runtime=runtime).get_input_details()
    return [[random_values(d, random) for d in details] for _ in range(count)]


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name: str, runtime: RuntimeName) -> None:
    content = open_model(name).content
    assert_equals_single_invokes(
        content, runtime, random_samples(content, runtime, 12), batch_size=4, workers=2
    )


@requires_shared
@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("path", model_paths(), ids=lambda path: path.stem)
def test_real_models(path: Path, runtime: RuntimeName) -> None:
    content = path.read_bytes()
    try:
        samples = random_samples(content, runtime, 6)
        invoke_each(Interpreter(model_content=content, runtime=runtime), samples[:1])
    except MicrointerpError:
        pytest.skip("this runtime refuses the model, see test_real_models.py")
    assert_equals_single_invokes(content, runtime, samples, batch_size=3, workers=2)


@given(model=random_models(), seed=st.integers(0, 2**32 - 1), size=st.integers(1, 5), data=st.data())
def test_random_graphs(model: Any, seed: int, size: int, data: st.DataObject) -> None:
    """Branches, resource variables, SVDF's state and control flow."""
    content, runtime = write_model(model), data.draw(st.sampled_from(RUNTIMES))
    samples = random_invokes(model, 6, seed)
    try:
        invoke_each(Interpreter(model_content=content, runtime=runtime), samples)
    except MicrointerpError:  # a variable that is read before it is assigned, in LiteRT
        return
    if samples[0]:
        assert_equals_single_invokes(content, runtime, samples, batch_size=size)


def test_samples_have_an_axis_or_lie_along_the_first() -> None:
    interpreter = Interpreter(model_content=ADD)
    a, b = np.random.default_rng(0).random((2, 7, 2, 3), np.float32)
    expected = a + b
    for batch_size in (1, 3, 7, 100, None):
        stacked = interpreter.run_batch((a, b), batch_size=batch_size)
        assert_same_bytes(stacked, expected, "an axis of their own")
        joined = interpreter.run_batch((a.reshape(14, 3), b.reshape(14, 3)), batch_size=batch_size)
        assert_same_bytes(joined, expected.reshape(14, 3), "along the first axis")
    named = interpreter.run_batch({"input_1": b, "input_0": a})
    assert_same_bytes(named, expected, "by name")
    assert interpreter.run_batch((a[:0], b[:0])).shape == (0, 2, 3)


def test_resized_inputs() -> None:
    interpreter = Interpreter(model_content=ADD)
    for index in (0, 1):
        interpreter.resize_tensor_input(index, [4, 3])
    a, b = np.random.default_rng(0).random((2, 5, 4, 3), np.float32)
    assert_same_bytes(interpreter.run_batch((a, b), batch_size=2, workers=2), a + b, "resized")


def test_one_interpreter_runs_batches_of_many_sizes_and_shapes() -> None:
    """What was prepared for the batches before is used again only where it fits."""
    interpreter = Interpreter(model_content=ADD)
    for rows in (2, 5):
        for index in (0, 1):
            interpreter.resize_tensor_input(index, [rows, 3])
        for count, batch_size, workers in ((9, 4, 2), (3, None, 1), (40, 16, 3), (40, 2, 2), (1, None, None)):
            a, b = np.random.default_rng(count).random((2, count, rows, 3), np.float32)
            outputs = interpreter.run_batch((a, b), batch_size=batch_size, workers=workers)
            assert_same_bytes(outputs, a + b, f"{count} samples of {rows} rows")
            assert np.array_equal(interpreter(a[0], b[0]), a[0] + b[0])


def test_a_memory_map_is_read_batch_by_batch(tmp_path: Path) -> None:
    a = np.random.default_rng(0).random((9, 2, 3), np.float32)
    np.save(tmp_path / "a.npy", a)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")

    class Spy:
        shape, dtype = mapped.shape, mapped.dtype
        taken: list[int] = []  # noqa: RUF012

        def __getitem__(self, part: slice) -> Array:
            self.taken.append(part.stop - part.start)
            taken: Array = mapped[part]
            return taken

    outputs = Interpreter(model_content=ADD).run_batch((Spy(), mapped), batch_size=4, workers=1)
    assert_same_bytes(outputs, a + a, "from a file")
    assert Spy.taken == [4, 4, 1]


def test_lists_of_numbers() -> None:
    outputs = Interpreter(model_content=open_model("sine-float").content).run_batch(
        np.zeros((3, 1), np.float32)
    )
    assert outputs.shape == (3, 1)
    with pytest.raises(TensorError, match="array of float32"):
        Interpreter(model_content=open_model("sine-float").content).run_batch([[0], [1]])


def test_outputs_of_different_shapes_are_a_list() -> None:
    """RESHAPE to a shape that is an input."""
    model = single_op_model(
        "RESHAPE", [TensorSpec((6,), T.FLOAT32), TensorSpec((2,), T.INT32)], [TensorSpec((0, 0), T.FLOAT32)]
    )
    values = np.arange(12, dtype=np.float32).reshape(2, 6)
    interpreter = Interpreter(model_content=model)
    outputs = interpreter.run_batch((values, np.array([[2, 3], [3, 2]], np.int32)))
    assert isinstance(outputs, list)
    assert [o.shape for o in outputs] == [(2, 3), (3, 2)]
    same = interpreter.run_batch((values, np.array([[2, 3], [2, 3]], np.int32)), workers=2, batch_size=1)
    assert_same_bytes(same, values.reshape(2, 2, 3), "all of one shape")


def test_strings() -> None:
    model = single_op_model(
        "RESHAPE", [TensorSpec((2,), T.STRING)], [TensorSpec((1, 2), T.STRING)], {"new_shape": (1, 2)}
    )
    samples = np.array([[b"a", b"bc"], [b"", b"d"]], object)
    assert Interpreter(model_content=model).run_batch(samples).tolist() == [[[b"a", b"bc"]], [[b"", b"d"]]]


def test_progress() -> None:
    calls: list[tuple[int, int]] = []
    a = np.zeros((10, 2, 3), np.float32)
    Interpreter(model_content=ADD).run_batch((a, a), batch_size=4, progress=lambda *call: calls.append(call))
    assert [total for _, total in calls] == [10] * 3
    assert sorted(done for done, _ in calls) == [done for done, _ in calls]
    assert calls[-1] == (10, 10)


def test_a_progress_bar_is_for_terminals(capsys: pytest.CaptureFixture[str]) -> None:
    a = np.zeros((2, 2, 3), np.float32)
    Interpreter(model_content=ADD).run_batch((a, a), progress=True)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_in_the_callback_ends_the_run(workers: int) -> None:
    def give_up(done: int, total: int) -> None:
        raise KeyboardInterrupt

    a = np.zeros((1000, 2, 3), np.float32)
    with pytest.raises(KeyboardInterrupt):
        Interpreter(model_content=ADD).run_batch((a, a), batch_size=1, workers=workers, progress=give_up)


@pytest.mark.parametrize("batch_size", [1, 3, 8])
@pytest.mark.parametrize("workers", [1, 2])
def test_errors_name_the_sample(batch_size: int, workers: int) -> None:
    indices = np.zeros((8, 1), np.int32)
    indices[5] = 9
    interpreter = Interpreter(model_content=GATHER)
    with pytest.raises(InvokeError, match=r"sample 5: operator 0 \(GATHER"):
        interpreter.run_batch(
            (np.zeros((8, 1, 4), np.float32), indices), batch_size=batch_size, workers=workers
        )


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.zeros((4, 2, 3), np.float32), "2 inputs"),
        ((np.zeros((4, 2, 3), np.float32), np.zeros((5, 2, 3), np.float32)), "5 samples, but 4"),
        ((np.zeros((4, 2, 3)), np.zeros((4, 2, 3))), "element type float64"),
        ((np.zeros((4, 2, 4), np.float32),) * 2, r"\[samples, 2, 3\]"),
        ((np.zeros((5, 3), np.float32),) * 2, "one after the other"),
        ((np.zeros(6, np.float32),) * 2, "resize_tensor_input"),
        ({"x": np.zeros((4, 2, 3), np.float32)}, "inputs are input_0, input_1; got x"),
    ],
)
def test_arrays_that_do_not_fit(inputs: Any, message: str) -> None:
    with pytest.raises(TensorError, match=message):
        Interpreter(model_content=ADD).run_batch(inputs)


@pytest.mark.parametrize("option", ["batch_size", "workers"])
@pytest.mark.parametrize("value", [0, -1, 1.5])
def test_bad_options(option: str, value: Any) -> None:
    a = np.zeros((4, 2, 3), np.float32)
    with pytest.raises(TensorError, match=option):
        Interpreter(model_content=ADD).run_batch((a, a), **{option: value})


def test_a_model_without_inputs_has_no_samples() -> None:
    constant = TensorSpec((2,), T.FLOAT32, data=[1, 2])
    model = graph_model(
        Graph(
            {"a": constant, "b": TensorSpec((2,), T.FLOAT32)}, (), ("b",), [Step("ADD", ("a", "a"), ("b",))]
        )
    )
    with pytest.raises(TensorError, match="no inputs"):
        Interpreter(model_content=model).run_batch(())


def test_constants_and_inputs_as_outputs() -> None:
    spec = TensorSpec((2,), T.FLOAT32)
    model = graph_model(
        Graph(
            {"x": spec, "c": TensorSpec((2,), T.FLOAT32, data=[1, 2]), "y": spec},
            ("x",),
            ("x", "c", "y"),
            [Step("ADD", ("x", "c"), ("y",))],
        )
    )
    x = np.arange(6, dtype=np.float32).reshape(3, 2)
    same, constant, total = Interpreter(model_content=model).run_batch(
        x.reshape(3, 2), batch_size=2, workers=1
    )
    assert_same_bytes(same, x, "the input")
    assert_same_bytes(constant, np.tile(np.array([1, 2], np.float32), (3, 1)), "the constant")
    assert_same_bytes(total, x + np.array([1, 2], np.float32), "the sum")


def test_control_flow_runs_on_several_workers() -> None:
    """A branch per sample; nothing keeps state."""
    x = TensorSpec((2,), T.FLOAT32)
    double = Graph({"x": x, "y": x}, ("x",), ("y",), [Step("ADD", ("x", "x"), ("y",))])
    same = Graph({"x": x}, ("x",), ("x",), [])
    main = Graph(
        {"c": TensorSpec((1,), T.BOOL), "x": x, "y": x},
        ("c", "x"),
        ("y",),
        [Step("IF", ("c", "x"), ("y",), {"then_subgraph_index": 1, "else_subgraph_index": 2})],
    )
    interpreter = Interpreter(model_content=graph_model(main, double, same))
    conditions = np.random.default_rng(0).integers(0, 2, (20, 1)).astype(np.bool_)
    values = np.arange(40, dtype=np.float32).reshape(20, 2)
    outputs = interpreter.run_batch((conditions.reshape(20, 1, 1)[:, 0], values), batch_size=3, workers=2)
    assert_same_bytes(outputs, np.where(conditions, 2 * values, values), "a branch per sample")
    assert not keeps_state(interpreter._graph)
