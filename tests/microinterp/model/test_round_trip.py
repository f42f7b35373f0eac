"""Reading what was written gives the same model, and other readers see what we wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microinterp.model.ir import Model, Operator, OperatorCode, Subgraph
from microinterp.model.reader import read_model
from microinterp.model.schema import ENUMS, OPERATOR_NAMES, Field, fields, options_table
from microinterp.model.writer import write_model
from tests.oracles import RUNTIME_NAMES, OracleRefused, RuntimeName, available, run_oracle
from tests.same_model import assert_same
from tests.sample_models import add_model, everything_model
from tests.shared import SHARED, model_paths, requires_shared

SYNTHETIC = sorted(SHARED.glob("arena/synth/*.tflite")) if SHARED else []


@requires_shared
@pytest.mark.parametrize("path", [*model_paths(), *SYNTHETIC], ids=lambda path: path.stem)
def test_real_models_survive(path: Path) -> None:
    model = read_model(path.read_bytes())
    written = write_model(model)
    assert_same(read_model(written), model)
    assert write_model(read_model(written)) == written


def test_every_field_of_the_schema_survives() -> None:
    model = everything_model()
    assert_same(read_model(write_model(model)), model)


RANGES = {"B": (0, 2**8 - 1), "i": (-(2**31), 2**31 - 1), "I": (0, 2**32 - 1), "q": (-(2**63), 2**63 - 1)}


def values_of(field: Field) -> st.SearchStrategy[Any]:
    """What a field of an options table may hold; None where it may be absent."""
    one: st.SearchStrategy[Any]
    if field.type in ENUMS:
        one = st.sampled_from(list(ENUMS[field.type]))
    elif field.type == "bool":
        one = st.booleans()
    elif field.type == "float":
        one = st.floats(width=32, allow_nan=False)
    elif field.type == "string":
        # surrogate escapes stand for bytes that are not UTF-8
        one = st.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape"))
    else:
        least, most = RANGES[field.scalar or ""]
        one = st.integers(least, most)
    if field.is_vector:
        return st.none() | (st.binary() if field.type == "ubyte" else st.lists(one).map(tuple))
    return st.none() | one if field.type == "string" else one


WITH_OPTIONS = [name for name in OPERATOR_NAMES if fields(options_table(name) or "")]


@pytest.mark.parametrize("name", WITH_OPTIONS)
@given(draw=st.data())
def test_options_survive(name: str, draw: st.DataObject) -> None:
    table = options_table(name)
    assert table is not None
    options = {
        field.name: draw.draw(values_of(field), label=field.name)
        for field in fields(table)
        if not field.deprecated and "subgraph" not in field.name and field.name != "called_computations"
    }
    model = model_of_operator(name, options)
    read = read_model(write_model(model)).subgraphs[0].operators[0]
    assert {key: read.options[key] for key in options} == options
    assert read.options_table == table


def model_of_operator(name: str, options: dict[str, Any]) -> Model:
    """A model of one operator without tensors; an index of a subgraph that is not given is that of another."""
    table = options_table(name)
    calls = {f.name: 1 for f in fields(table or "") if "subgraph" in f.name and not f.is_vector}
    operator = Operator(0, options={**calls, **options}, options_table=table)
    main, other = (Subgraph((), (), (), operators) for operators in ((operator,), ()))
    return add_model(subgraphs=(main, other), operator_codes=(OperatorCode(OPERATOR_NAMES.index(name)),))


def test_tensor_data_is_aligned_within_the_file() -> None:
    for model in (everything_model(), add_model()):
        written = write_model(model)
        start = np.frombuffer(written, np.uint8).__array_interface__["data"][0]
        for buffer in read_model(written).buffers:
            if buffer is not None and buffer.size:
                assert (buffer.__array_interface__["data"][0] - start) % 16 == 0


def test_buffers_that_share_memory_are_written_once() -> None:
    block = np.arange(256, dtype=np.uint8).repeat(256)
    model = add_model(buffers=(None, *[block] * 20))
    written = write_model(model)
    assert len(written) < 2 * block.size
    assert_same(read_model(written), model)


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_native_runtimes_load_what_we_write(runtime: RuntimeName) -> None:
    missing = available(runtime)
    if missing:
        pytest.skip(missing)
    zeros = np.full((1, 4), -3, np.int8)
    result = run_oracle(runtime, write_model(add_model()), [[zeros]])
    # 0.5 · (-3 + 3) + 0.5 · (c + 3), in units of 0.5 with zero point -3
    np.testing.assert_array_equal(result.outputs[0][0], [[1, 2, 3, 4]])


@requires_shared
@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize("path", model_paths(), ids=lambda path: path.stem)
def test_native_runtimes_load_real_models_that_we_wrote(path: Path, runtime: RuntimeName) -> None:
    missing = available(runtime)
    if missing:
        pytest.skip(missing)
    original = path.read_bytes()
    try:
        run_oracle(runtime, original, [])
    except OracleRefused:
        with pytest.raises(OracleRefused):
            run_oracle(runtime, write_model(read_model(original)), [])
    else:
        run_oracle(runtime, write_model(read_model(original)), [])
