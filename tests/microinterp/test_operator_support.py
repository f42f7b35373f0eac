"""What the table says of the native runtimes is what they say themselves."""

from __future__ import annotations

import json

import pytest

from microinterp import Interpreter
from microinterp.errors import PrepareError, UnsupportedOperatorError
from microinterp.model.ir import Model, Operator, OperatorCode, Subgraph, Tensor, TensorType
from microinterp.model.schema import CUSTOM, OPERATOR_NAMES, default_options, options_table
from microinterp.model.writer import write_model
from microinterp.operator_support import NativeSupport, native_operators, native_support
from microinterp.ops.registry import implemented_operators
from tests.oracles import RUNTIME_NAMES, OracleCrashed, OracleRefused, RuntimeName, available, run_oracle
from tests.shared import SHARED, requires_shared

X, Y = (Tensor(name, TensorType.FLOAT32, (1,)) for name in "xy")


@requires_shared
def test_equals_the_survey_of_the_sources() -> None:
    assert SHARED is not None
    survey = json.loads((SHARED / "operators.json").read_text())
    names = set()
    for entry in survey:
        if entry["name"] == "CUSTOM":
            continue  # it stands for all custom operators and is none itself
        support = native_support(entry["name"])
        assert support is not None
        names.add(support.name)
        assert support.code == entry["code"]
        assert support.is_custom == entry["custom"]
        for versions, registered in (
            (support.litert_reference, entry["tflite_ref"]),
            (support.litert_default, entry["tflite"]),
        ):
            assert versions == (registered and (registered["min"], registered["max"])), entry["name"]
        # the survey has it for the sake of builds for that processor; the wheel does not
        assert support.tflm == (entry["tflm"] and entry["name"] != "ethos-u")
        assert support.tflm_adder == entry["tflm_adder"]
    assert names == {support.name for support in native_operators()}


def model_of(support: NativeSupport, version: int, operators: int) -> bytes:
    """A model that has the operator's code, and this many operators of it."""
    custom = support.name if support.is_custom else None
    code = OperatorCode(support.code, version, custom, min(support.code, 127))
    table = None if support.is_custom else options_table(support.name)
    calls = {option: 1 for option in default_options(table) if "subgraph" in option}
    options = {**default_options(table), **calls}
    operator = Operator(0, inputs=(0,), outputs=(1,), options=options, options_table=table)
    main = Subgraph((X, Y), inputs=(0,), outputs=(1,), operators=(operator,) * operators)
    called = Subgraph((X,), inputs=(0,), outputs=(0,), operators=())
    return write_model(Model((main, called), (code,), (None,)))


def native_message(runtime: RuntimeName, model: bytes) -> str:
    """Why the native runtime refuses the model; empty if it does not, or dies of it."""
    missing = available(runtime)
    if missing:
        pytest.skip(missing)
    try:
        run_oracle(runtime, model, [])
    except OracleRefused as refusal:
        return str(refusal)
    except OracleCrashed:
        return ""
    return ""


@pytest.mark.parametrize(
    "code", [c for c in range(len(OPERATOR_NAMES)) if c != CUSTOM], ids=OPERATOR_NAMES.__getitem__
)
def test_versions_in_litert(code: int) -> None:
    support = native_support(OPERATOR_NAMES[code])
    assert support is not None
    first, last = support.litert_reference or (1, 0)
    for version in range(last + 3):
        message = native_message("tflite", model_of(support, version, operators=0))
        assert ("Didn't find op for builtin opcode" not in message) == (first <= version <= last), version


CUSTOM_OPERATORS = [support for support in native_operators() if support.is_custom]


@pytest.mark.parametrize("support", CUSTOM_OPERATORS, ids=lambda support: support.name)
def test_custom_operators_in_litert(support: NativeSupport) -> None:
    first, last = support.litert_reference or (1, 0)
    for version in range(last + 2):
        message = native_message("tflite", model_of(support, version, operators=1))
        assert ("unresolved custom op" not in message) == (first <= version <= last), version


@pytest.mark.parametrize("support", native_operators(), ids=lambda support: support.name)
def test_operators_in_tflm(support: NativeSupport) -> None:
    message = native_message("tflm", model_of(support, 1, operators=1))
    assert ("Failed to get registration from op code" not in message) == support.tflm


# ethos-u is for another processor, and says so
NOWHERE = [s for s in native_operators() if not s.is_anywhere and not s.is_custom]


def test_what_is_nowhere() -> None:
    names = {support.name for support in NOWHERE}
    assert {"CALL", "CONCAT_EMBEDDINGS", "DELEGATE", "PLACEHOLDER_FOR_GREATER_OP_CODES"} <= names
    assert not names & implemented_operators()


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize("support", NOWHERE, ids=lambda support: support.name)
def test_an_operator_that_is_nowhere_is_named(support: NativeSupport, runtime: RuntimeName) -> None:
    model = model_of(support, 1, operators=1)
    with pytest.raises(UnsupportedOperatorError, match=f"none of the native runtimes has {support.name};"):
        Interpreter(model_content=model, runtime=runtime)
    assert native_message(runtime, model)


def test_every_other_operator_is_there() -> None:
    assert implemented_operators() == {s.name for s in native_operators() if s.is_anywhere}


def test_unknown_operators() -> None:
    assert native_support("NO_SUCH_OPERATOR") is None
    assert native_support("CUSTOM") is None


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_ethos_u_is_refused_with_the_reason(runtime: RuntimeName) -> None:
    support = native_support("ethos-u")
    assert support is not None
    interpreter = Interpreter(model_content=model_of(support, 1, 1), runtime=runtime)
    with pytest.raises(PrepareError, match=r"operator 0 \(ethos-u v1\): .* the model that Vela was given"):
        interpreter.allocate_tensors()
