"""Damaged and nonsensical models through the whole interpreter: a clean run, or our error."""

from __future__ import annotations

import random
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microinterp import Interpreter, MicrointerpError
from microinterp.model.reader import read_model
from microinterp.ops.registry import implemented_operators
from microinterp.runtimes import RuntimeName
from microinterp_tools.inputs import InputError, random_values
from microinterp_tools.models import EXAMPLES, open_model
from tests.fuzz import mutations, nonsense, nonsensical_operator
from tests.oracles import RUNTIME_NAMES
from tests.problems import all_generators
from tests.shared import model_paths

MOST_TENSOR_BYTES = 16_000_000  # a model may well ask for more; running it would only take long

MODELS = [open_model(name).content for name in EXAMPLES]
MODELS += [path.read_bytes() for path in model_paths() if path.stat().st_size < 60_000]


def run(model: bytes, runtime: RuntimeName) -> None:
    interpreter = Interpreter(model_content=model, runtime=runtime)
    interpreter.allocate_tensors()
    arrays = [t.array for s in interpreter._graph.subgraphs for t in s.tensors if t.array is not None]
    if sum(array.nbytes for array in arrays) > MOST_TENSOR_BYTES:
        return
    for detail in interpreter.get_input_details():
        try:
            interpreter.set_tensor(detail["index"], random_values(detail, np.random.default_rng(0)))
        except InputError:
            pass  # an element type of which there are no random values
    interpreter.invoke()


@pytest.mark.parametrize("runtime", ["tflite", "tflm"])
@given(st.data())
def test_a_damaged_model_runs_or_is_refused(runtime: RuntimeName, data: st.DataObject) -> None:
    try:
        run(data.draw(mutations(data.draw(st.sampled_from(MODELS)))), runtime)
    except MicrointerpError:
        pass


@pytest.mark.parametrize("runtime", ["tflite", "tflm"])
@given(st.data())
def test_a_nonsensical_model_runs_or_is_refused(runtime: RuntimeName, data: st.DataObject) -> None:
    try:
        run(data.draw(nonsense(read_model(data.draw(st.sampled_from(MODELS))))), runtime)
    except MicrointerpError:
        pass


MOST_SECONDS = 10
MOST_BYTES = 2**30

MODELS_OF_AN_OPERATOR = settings().max_examples // 2  # there are many operators


@contextmanager
def limits() -> Iterator[None]:
    """Fail what takes too long, or asks for more memory than there is, which it has little of."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"took more than {MOST_SECONDS} s")

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MOST_BYTES, hard))
    previous = signal.signal(signal.SIGALRM, stop)
    signal.alarm(MOST_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@pytest.mark.parametrize("operator", sorted(implemented_operators()))
def test_a_nonsensical_operator_runs_or_is_refused(operator: str) -> None:
    for seed in range(MODELS_OF_AN_OPERATOR):
        model = nonsensical_operator(operator, random.Random(seed))
        for runtime in RUNTIME_NAMES:
            with limits():
                try:
                    run(model, runtime)
                except MicrointerpError:
                    pass


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@given(st.data())
def test_a_nonsensical_problem_is_solved_or_refused(runtime: RuntimeName, data: st.DataObject) -> None:
    # a nonsensical WHILE may rightly run for ever
    generators = [g for g in all_generators() if g.kinds[runtime] and g.operator != "WHILE"]
    generator = data.draw(st.sampled_from(generators))
    kind = data.draw(st.sampled_from(generator.kinds[runtime]))
    model = data.draw(nonsense(read_model(data.draw(generator.problems(kind, runtime)).model)))
    with limits():
        try:
            run(model, runtime)
        except MicrointerpError:
            pass
