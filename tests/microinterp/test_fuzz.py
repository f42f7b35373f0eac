"""Damaged and nonsensical models through the whole interpreter: a clean run, or our error."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microinterp import Interpreter, MicrointerpError
from microinterp.model.reader import read_model
from microinterp.runtimes import RuntimeName
from microinterp_tools.inputs import InputError, random_values
from microinterp_tools.models import EXAMPLES, open_model
from tests.fuzz import mutations, nonsense
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
