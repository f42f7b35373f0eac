"""The façades against the originals: what every method returns and raises, asked of both."""

from __future__ import annotations

import inspect
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import microinterp
from microinterp import Interpreter, StateError, micro
from microinterp_tools.models import open_model
from tests.microinterp.same_behaviour import Action, assert_same_behaviour
from tests.oracles import available
from tests.shared import model_paths, requires_shared

ROOT = Path(__file__).parents[2]
NATIVE_DETAILS = """
import pickle, sys
sys.path.insert(0, sys.argv[2])
from tests.microinterp.test_drop_in import details
from ai_edge_litert.interpreter import Interpreter, OpResolverType
i = Interpreter(model_path=sys.argv[1], experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
before = details(i)
i.allocate_tensors()
sys.stdout.buffer.write(pickle.dumps((before, details(i))))
"""
# LiteRT refuses or crashes on these: there is nothing to compare with.
NOT_IN_LITERT = (
    "audio_preprocessor_float",
    "audio_preprocessor_int8",
    "keyword_scrambled_8bit",
    "person_detect",
)


def details(i: Interpreter) -> dict[str, Any]:
    return {
        "inputs": i.get_input_details(),
        "outputs": i.get_output_details(),
        "tensors": [i.get_tensor_details(s) for s in range(i.num_subgraphs())],
        "operators": i._get_ops_details(),
        "signatures": i.get_signature_list(),
        "full_signatures": i._get_full_signature_list(),
    }


def assert_same(ours: Any, native: Any, where: str) -> None:
    if isinstance(native, dict):
        assert list(ours) == list(native), where
        for key in native:
            assert_same(ours[key], native[key], f"{where}[{key!r}]")
    elif isinstance(native, list | tuple):
        assert type(ours) is type(native), where
        assert len(ours) == len(native), where
        for i, (a, b) in enumerate(zip(ours, native, strict=True)):
            assert_same(a, b, f"{where}[{i}]")
    elif isinstance(native, np.ndarray):
        assert isinstance(ours, np.ndarray), where
        assert ours.dtype == native.dtype, where
        np.testing.assert_array_equal(ours, native, err_msg=where)
    else:
        assert type(ours) is type(native), where
        assert ours == native, where


@requires_shared
@pytest.mark.parametrize(
    "path", [p for p in model_paths() if p.stem not in NOT_IN_LITERT], ids=lambda p: p.stem
)
def test_details_are_litert_s(path: Path) -> None:
    missing = available("tflite")
    if missing is not None:
        pytest.skip(missing)
    process = subprocess.run(
        [sys.executable, "-c", NATIVE_DETAILS, str(path), str(ROOT)],
        capture_output=True,
        check=True,
        timeout=120,
    )
    before, after = pickle.loads(process.stdout)
    ours = Interpreter(model_path=path)
    assert_same(details(ours), before, "before allocate_tensors")
    ours.allocate_tensors()
    for native, subgraph in zip(after["tensors"], details(ours)["tensors"], strict=True):
        # LiteRT appends its kernels' temporary tensors, which have no name
        del native[len(subgraph) :]
    assert_same(details(ours), after, "after allocate_tensors")


@pytest.mark.parametrize("ours", [Interpreter, microinterp.SignatureRunner])
def test_every_public_method_and_argument_is_there(ours: type) -> None:
    missing = available("tflite")
    if missing is not None:
        pytest.skip(missing)
    from ai_edge_litert import interpreter as native_module

    assert_same_signatures(ours, getattr(native_module, ours.__name__))


def test_every_public_method_and_argument_of_tflm_is_there() -> None:
    missing = available("tflm")
    if missing is not None:
        pytest.skip(missing)
    from tflite_micro import runtime

    assert_same_signatures(micro.Interpreter, runtime.Interpreter)
    assert [c.name for c in micro.InterpreterConfig] == [c.name for c in runtime.InterpreterConfig]


def assert_same_signatures(ours: type, native: type) -> None:
    names = [n for n in vars(native) if not n.startswith("_")] + ["__init__"]
    for name in names:
        assert hasattr(ours, name), name
        original = getattr(native, name)
        if callable(original):
            wanted = list(inspect.signature(original).parameters)
            given = list(inspect.signature(getattr(ours, name)).parameters)
            assert given[: len(wanted)] == wanted, name


def sine(cls: Any, allocate: bool = True, **arguments: Any) -> Any:
    interpreter = cls(model_content=open_model("sine").content, **arguments)
    if allocate:
        interpreter.allocate_tensors()
    return interpreter


def held_view(cls: Any, call: Callable[[Any], Any]) -> Any:
    interpreter = sine(cls)
    view = interpreter.tensor(0)()
    try:
        return call(interpreter)
    finally:
        del view


INT8 = np.zeros((1, 1), np.int8)
ACTIONS: list[Action] = [
    lambda cls: cls(),
    lambda cls: cls(model_path="a", model_content=b"b"),
    lambda cls: cls(model_content=b"not a model, but long enough to be read"),
    lambda cls: cls(model_path="/there/is/no/such/file"),
    lambda cls: sine(cls, num_threads="2"),
    lambda cls: sine(cls, num_threads=0),
    lambda cls: sine(cls, num_threads=3).num_subgraphs(),
    lambda cls: sine(cls, experimental_op_resolver_type="fast"),
    lambda cls: sine(cls, allocate=False).invoke(),
    lambda cls: sine(cls, allocate=False).get_tensor(0),
    lambda cls: sine(cls, allocate=False).set_tensor(0, INT8),
    lambda cls: sine(cls, allocate=False).tensor(0)(),
    lambda cls: sine(cls).set_tensor(0, np.zeros((1, 1), np.float32)),
    lambda cls: sine(cls).set_tensor(0, np.zeros((1, 2), np.int8)),
    lambda cls: sine(cls).set_tensor(0, np.zeros(1, np.int8)),
    lambda cls: sine(cls).set_tensor(0, [[1]]),
    lambda cls: sine(cls).set_tensor(99, INT8),
    lambda cls: sine(cls).set_tensor(-1, INT8),
    lambda cls: sine(cls).get_tensor(99),
    lambda cls: sine(cls).get_tensor(0, 3),
    lambda cls: sine(cls).get_tensor_details(4),
    lambda cls: sine(cls).resize_tensor_input(77, [1, 1]),
    lambda cls: sine(cls).resize_tensor_input(0, [-1, 1]),
    lambda cls: sine(cls).resize_tensor_input(0, [1, 7], strict=True),
    lambda cls: sine(cls).resize_tensor_input(0, [1, 1, 1], strict=True),
    lambda cls: sine(cls).resize_tensor_input(0, [5, 1], strict=True),
    lambda cls: sine(cls).get_signature_runner("nothing"),
    lambda cls: sine(cls).get_signature_runner()(),
    lambda cls: sine(cls).get_signature_runner()(wrong=INT8),
    lambda cls: sine(cls).get_signature_runner()(x=INT8.astype(np.float32)),
    lambda cls: int(sine(cls).get_signature_runner()(x=INT8)["sine"][0, 0]),
    lambda cls: sine(cls).get_signature_runner()(x=np.zeros((7, 1), np.int8))["sine"].shape,
    lambda cls: list(sine(cls).get_signature_runner().get_input_details()),
    lambda cls: list(sine(cls).get_signature_runner().get_output_details()),
    lambda cls: held_view(cls, lambda i: i.invoke()),
    lambda cls: held_view(cls, lambda i: i.allocate_tensors()),
    lambda cls: held_view(cls, lambda i: i.resize_tensor_input(0, [1, 1])),
    lambda cls: held_view(cls, lambda i: i.set_tensor(0, INT8)),
    lambda cls: sine(cls).reset_all_variables(),
    lambda cls: sine(cls).experimental_compress_quantization_zero_points,
]


def test_every_method_returns_and_raises_as_litert_does() -> None:
    assert_same_behaviour("tflite", Interpreter, ACTIONS, "ai_edge_litert.interpreter", "Interpreter")


def test_a_view_is_the_tensor_and_guards_it() -> None:
    interpreter = sine(Interpreter)
    view = interpreter.tensor(0)()
    view[...] = 7
    assert interpreter.get_tensor(0)[0, 0] == 7
    part = view[:1]
    del view
    with pytest.raises(StateError, match="reference to internal data"):
        interpreter.invoke()
    del part
    interpreter.invoke()


def test_inputs_survive_invoke() -> None:
    interpreter = sine(Interpreter)
    interpreter.set_tensor(0, np.full((1, 1), 42, np.int8))
    for _ in range(2):
        interpreter.invoke()
        assert interpreter.get_tensor(0)[0, 0] == 42


def test_calling_the_interpreter_takes_and_gives_arrays() -> None:
    interpreter = Interpreter(model_content=open_model("digits").content)
    one = interpreter(np.zeros((1, 8, 8, 1), np.int8))
    assert isinstance(one, np.ndarray)
    assert one.shape == (1, 10)
    many = interpreter(np.zeros((5, 8, 8, 1), np.int8))
    assert isinstance(many, np.ndarray)
    np.testing.assert_array_equal(many, np.repeat(one, 5, axis=0))
    with pytest.raises(ValueError, match="has 1 inputs, got 2"):
        interpreter(one, one)
    with pytest.raises(ValueError, match="quantize"):
        interpreter([[0.5]])


def test_constants_cannot_be_overwritten() -> None:
    interpreter = sine(Interpreter)
    with pytest.raises(ValueError, match="constant"):
        interpreter.set_tensor(1, interpreter.get_tensor(1))
    assert not interpreter.tensor(1)().flags.writeable
