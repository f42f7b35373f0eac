"""The schema as data equals the one that the `tflite` package was generated from, as far as that one goes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tflite

from microinterp.model import ir
from microinterp.model.ir import OperatorCode, TensorType
from microinterp.model.reader import read_model
from microinterp.model.schema import (
    CUSTOM,
    ENUMS,
    OPERATOR_NAMES,
    UNIONS,
    default_options,
    fields,
    operator_code,
    options_table,
)
from microinterp.model.writer import write_model
from tests.sample_models import everything_model
from tests.shared import model_paths, requires_shared

# What the schema has gained since the `tflite` package's 2.18.
NEWER_TABLES = {"StablehloCaseOptions", "BlockwiseQuantization", "MultiAxisQuantization"}
NEWER_FIELDS = {"external_buffer", "external_buffer_groups", "external_buffers"}


def numbers(enum: type) -> dict[str, int]:
    return {name: value for name, value in vars(enum).items() if not name.startswith("_")}


def test_operators() -> None:
    known = numbers(tflite.BuiltinOperator)
    assert {name: number for number, name in enumerate(OPERATOR_NAMES)} == {**known, "STABLEHLO_CASE": 209}
    assert OPERATOR_NAMES[CUSTOM] == "CUSTOM"


@pytest.mark.parametrize("name", [name for name in ENUMS if hasattr(tflite, name)])
def test_enums(name: str) -> None:
    ours = {member.name: member.value for member in ENUMS[name]}
    assert ours.items() >= numbers(getattr(tflite, name)).items()


def test_element_types_that_the_package_lacks() -> None:
    newer = {t.name for t in TensorType} - set(numbers(tflite.TensorType))
    assert newer == {"INT2", "UINT4", "FLOAT8_E4M3FN", "FLOAT8_E5M2"}


@pytest.mark.parametrize("union", UNIONS)
def test_unions(union: str) -> None:
    ours = {member: i + 1 for i, member in enumerate(UNIONS[union])}
    known = {name: number for name, number in numbers(getattr(tflite, union)).items() if number}
    assert ours.items() >= known.items()
    assert set(ours) - set(known) <= NEWER_TABLES


def camel_case(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))


ALL_TABLES = [
    (
        "Model",
        "SubGraph",
        "Tensor",
        "Operator",
        "OperatorCode",
        "Buffer",
        "Metadata",
        "SignatureDef",
        "TensorMap",
    ),
    ("QuantizationParameters", "SparsityParameters", "DimensionMetadata", "VariantSubType"),
    *UNIONS.values(),
]


@pytest.mark.parametrize("table", sorted({t for tables in ALL_TABLES for t in tables} - NEWER_TABLES))
def test_tables_have_the_same_fields(table: str) -> None:
    accessors = {name for name in vars(getattr(tflite, table)) if name[0].isupper()}
    accessors -= {name for name in accessors if name.startswith("GetRootAs")}
    accessors -= {"Init", f"{table}BufferHasIdentifier"}
    ours = set()
    for field in fields(table):
        if field.deprecated or field.name in NEWER_FIELDS:
            continue
        name = camel_case(field.name)
        ours.add(name)
        if field.type in UNIONS:
            ours.add(name + "Type")
        if field.is_vector:
            ours |= {name + "Length", name + "IsNone"}
            if field.scalar is not None:
                ours.add(name + "AsNumpy")
    assert accessors == ours


def generated_value(table: Any, name: str, is_vector: bool) -> Any:
    """What the `tflite` package's class for a table gives for a field."""
    accessor = getattr(table, camel_case(name))
    if not is_vector:
        return accessor()
    if getattr(table, camel_case(name) + "IsNone")():
        return None
    return tuple(accessor(i) for i in range(getattr(table, camel_case(name) + "Length")()))


def plain(value: Any) -> Any:
    """Our value as the generated classes give it."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    if isinstance(value, bytes):
        return tuple(value)
    return value


def check_table(table_name: str, generated: Any, ours: Any) -> None:
    """Every field of ours that is a scalar, a string or a vector of scalars equals the generated reader's."""
    for field in fields(table_name):
        if field.deprecated or field.name in NEWER_FIELDS:
            continue
        if field.scalar is None and (field.type != "string" or field.is_vector):
            continue
        value = ours[field.name]
        theirs = generated_value(generated, field.name, field.is_vector)
        if isinstance(value, np.ndarray):
            value = tuple(value.tolist())
        assert plain(value) == theirs, f"{table_name}.{field.name}"


def check_model(data: bytes) -> None:
    """Read by the `tflite` package and by us, a model is the same."""
    ours, theirs = read_model(data), tflite.Model.GetRootAs(data)
    assert theirs.SubgraphsLength() == len(ours.subgraphs)
    for s, graph in enumerate(ours.subgraphs):
        their_graph = theirs.Subgraphs(s)
        assert their_graph.TensorsLength() == len(graph.tensors)
        for t, tensor in enumerate(graph.tensors):
            their_tensor = their_graph.Tensors(t)
            check_table("Tensor", their_tensor, content(tensor))
            quantization = their_tensor.Quantization()
            assert (quantization is None) == (tensor.quantization is None)
            if tensor.quantization is not None:
                check_table("QuantizationParameters", quantization, content(tensor.quantization))
        assert their_graph.OperatorsLength() == len(graph.operators)
        for o, operator in enumerate(graph.operators):
            their_operator = their_graph.Operators(o)
            ours_of = content(operator)
            ours_of |= {"large_custom_options_offset": 0, "large_custom_options_size": 0}
            for vector in ("inputs", "outputs"):
                if getattr(their_operator, camel_case(vector) + "IsNone")():
                    ours_of[vector] = None  # we read an absent list as an empty one
            check_table("Operator", their_operator, ours_of)
            check_options(their_operator, operator)
    for b, buffer in enumerate(ours.buffers):
        assert (None if buffer is None else buffer.size) == (
            None if theirs.Buffers(b).DataIsNone() else theirs.Buffers(b).DataLength()
        )


def content(thing: Any) -> dict[str, Any]:
    return {field.name: getattr(thing, field.name) for field in dataclasses.fields(thing)}


def check_options(theirs: Any, operator: ir.Operator) -> None:
    table = operator.options_table
    first, second = theirs.BuiltinOptionsType(), theirs.BuiltinOptions2Type()
    if table is None:
        assert first == second == 0
        return
    union, options = (
        (UNIONS["BuiltinOptions"][first - 1], theirs.BuiltinOptions())
        if first
        else (UNIONS["BuiltinOptions2"][second - 1], theirs.BuiltinOptions2())
    )
    assert union == table
    if table not in NEWER_TABLES:
        generated = getattr(tflite, table)()
        generated.Init(options.Bytes, options.Pos)
        check_table(table, generated, operator.options)


@requires_shared
@pytest.mark.parametrize("path", model_paths(), ids=lambda path: path.stem)
def test_real_models_read_as_the_generated_code_reads_them(path: Path) -> None:
    check_model(path.read_bytes())


def test_a_model_with_every_field_reads_as_the_generated_code_reads_it() -> None:
    check_model(write_model(everything_model()))


@pytest.mark.parametrize(
    "table", sorted({*UNIONS["BuiltinOptions"], *UNIONS["BuiltinOptions2"]} - NEWER_TABLES)
)
def test_defaults_of_options(table: str) -> None:
    generated = getattr(tflite, table)()
    # a table that has a vtable with no fields, in which every field is absent
    generated.Init(bytes([4, 0, 4, 0, 4, 0, 0, 0]), 4)
    check_table(table, generated, default_options(table))


def test_names() -> None:
    assert OperatorCode(3).name == "CONV_2D"
    assert OperatorCode(209).name == "STABLEHLO_CASE"
    assert OperatorCode(4000).name == "BUILTIN_4000"
    assert OperatorCode(-1).name == "BUILTIN_-1"
    assert OperatorCode(CUSTOM, custom_code="SignalWindow").name == "SignalWindow"
    assert operator_code("CONV_2D") == 3
    assert operator_code("SignalWindow") == CUSTOM
    assert options_table("CONV_2D") == "Conv2DOptions"
    assert options_table("LOGISTIC") is None
    assert options_table("SignalWindow") is None
