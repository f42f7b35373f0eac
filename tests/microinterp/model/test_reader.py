"""What the reader makes of files that say things in unusual ways."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from microinterp.model.ir import Operator, OperatorCode, Subgraph
from microinterp.model.reader import read_model
from microinterp.model.schema import CUSTOM, Padding, default_options
from microinterp.model.writer import write_model
from tests.oracles import RUNTIME_NAMES, available, run_oracle
from tests.raw_file import RawFile
from tests.same_model import assert_same
from tests.sample_models import add_model


def read_operator(code: OperatorCode, **fields: Any) -> Operator:
    """An operator without tensors, after it was written and read."""
    graph = Subgraph((), (), (), (Operator(0, **fields),))
    model = read_model(write_model(add_model(subgraphs=(graph,), operator_codes=(code,))))
    assert_same(read_model(write_model(model)), model)
    return model.subgraphs[0].operators[0]


CONV_2D, LOGISTIC = OperatorCode(3), OperatorCode(14)


def test_options_cannot_be_changed() -> None:
    for table in (None, "Conv2DOptions"):
        options: Any = read_operator(CONV_2D, options={"stride_w": 2}, options_table=table).options
        with pytest.raises(TypeError):
            options["stride_w"] = 3


def test_without_a_table_options_have_their_defaults() -> None:
    operator = read_operator(CONV_2D)
    assert operator.options_table is None
    assert operator.options == default_options("Conv2DOptions")
    assert operator.options["dilation_w_factor"] == 1
    assert operator.options["padding"] is Padding.SAME


def test_the_table_of_another_operator_is_ignored() -> None:
    operator = read_operator(CONV_2D, options={"axis": 3}, options_table="ConcatenationOptions")
    assert operator.options_table == "ConcatenationOptions"
    assert operator.options == default_options("Conv2DOptions")


def test_an_operator_that_has_no_table_takes_any() -> None:
    operator = read_operator(LOGISTIC, options={"axis": 3}, options_table="PackOptions")
    assert operator.options == {"values_count": 0, "axis": 3}


@pytest.mark.parametrize("table", ["BuiltinOptions#200", "BuiltinOptions2#77"])
def test_tables_to_come(table: str) -> None:
    operator = read_operator(OperatorCode(4000), options_table=table)
    assert operator.options_table == table
    assert operator.options == {}


def test_enum_values_to_come_are_numbers() -> None:
    operator = read_operator(CONV_2D, options={"padding": 9}, options_table="Conv2DOptions")
    assert operator.options["padding"] == 9
    assert not isinstance(operator.options["padding"], Padding)


def test_the_larger_code_counts() -> None:
    model = read_model(write_model(add_model(operator_codes=(OperatorCode(0, deprecated_builtin_code=41),))))
    assert model.operator_codes[0].name == "SUB"
    assert model.operator_codes[0].deprecated_builtin_code == 41


@pytest.mark.parametrize("own_comes_second", [False, True])
def test_of_two_tables_the_own_counts(own_comes_second: bool) -> None:
    raw = RawFile(1024)
    dilate, pack = 18, 59  # in BuiltinOptions2 and BuiltinOptions
    code = raw.table({}, {3: 203 if own_comes_second else 83})
    tables = {4: raw.table({}, {1: 5}), 12: raw.table()}
    operator = raw.table(tables, {3: pack, 11: dilate})
    file = raw.finish(
        [code], raw.vector([raw.table({0: raw.vector([]), 3: raw.vector([operator])})]), [raw.table()]
    )
    read = read_model(file).subgraphs[0].operators[0]
    assert read.options_table == ("DilateOptions" if own_comes_second else "PackOptions")
    assert read.options == ({} if own_comes_second else {"values_count": 0, "axis": 5})


def test_custom_options_that_are_no_map_are_kept_as_bytes() -> None:
    operator = read_operator(OperatorCode(CUSTOM, custom_code="X"), custom_options=b"anything")
    assert operator.custom_options == b"anything"
    assert operator.options == {}
    assert isinstance(operator.options, MappingProxyType)


def test_names_that_are_not_utf8() -> None:
    name = b"\xff\xfe name".decode("utf-8", "surrogateescape")
    model = add_model(description=name)
    read = read_model(write_model(model))
    assert read.description == name
    assert_same(read, model)


def test_the_size_of_a_table_in_its_vtable_is_not_relied_on() -> None:
    """`flatbuffers` 24.3 shares a vtable between tables of different sizes, and the native runtimes do not mind."""
    file = bytearray(write_model(add_model()))
    root = int.from_bytes(file[:4], "little")
    vtable = root - int.from_bytes(file[root : root + 4], "little", signed=True)
    file[vtable + 2 : vtable + 4] = (4).to_bytes(2, "little")
    assert_same(read_model(bytes(file)), add_model())
    for runtime in RUNTIME_NAMES:
        if available(runtime) is None:
            run_oracle(runtime, bytes(file), [])
