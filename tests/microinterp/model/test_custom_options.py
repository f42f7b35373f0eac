"""Custom options: equal to what the `flatbuffers` package makes of sound ones, harmless where they are not."""

from __future__ import annotations

import array
import time
from typing import Any

import pytest
from flatbuffers import flexbuffers
from hypothesis import given
from hypothesis import strategies as st

from microinterp.model import load
from microinterp.model.custom_options import decode_custom_options, encode_custom_options
from tests.shared import model_paths, requires_shared

KEYS = st.text(st.characters(min_codepoint=1, max_codepoint=127), min_size=1)
# flatbuffers' encoder raises OverflowError just above the largest float32 (3.4028235677973366e+38).
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(-1e38, 1e38) | st.booleans()
LEAVES = st.none() | NUMBERS | st.text() | st.binary()
VALUES = st.recursive(
    LEAVES, lambda v: st.lists(v, max_size=4) | st.dictionaries(KEYS, v, max_size=4), max_leaves=8
)


def as_tuples(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(as_tuples(v) for v in value)
    if isinstance(value, dict):
        return {key: as_tuples(v) for key, v in value.items()}
    return value


@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_maps(options: dict[str, Any]) -> None:
    encoded = encode_custom_options(options)
    assert decode_custom_options(encoded) == as_tuples(options)
    assert decode_custom_options(encoded) == as_tuples(flexbuffers.Loads(encoded))


@pytest.mark.parametrize("typecode", "bhilqBHILQfd")
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5])
def test_typed_vectors(typecode: str, count: int) -> None:
    values = array.array(typecode, range(count))
    assert decode_custom_options(encode_custom_options({"v": values}))["v"] == tuple(values)


@pytest.mark.parametrize("values", [[1, 2], [1, -2, 3], [1, 2, 3, 4], [0.5, 1.0], [0.5, 1.0, 2.0, 4.0]])
def test_fixed_vectors(values: list[Any]) -> None:
    builder = flexbuffers.Builder()
    with builder.Map():
        builder.FixedTypedVectorFromElements("v", values)
        builder.IndirectInt("i", -5)
        builder.IndirectUInt("u", 5)
        builder.IndirectFloat("f", 0.25)
        builder.TypedVectorFromElements("k", ["a", "b"], flexbuffers.Type.KEY)
        builder.TypedVectorFromElements("b", [True, False], flexbuffers.Type.BOOL)
    decoded = decode_custom_options(bytes(builder.Finish()))
    expected = {"v": tuple(values), "i": -5, "u": 5, "f": 0.25, "k": ("a", "b"), "b": (True, False)}
    assert decoded == expected


@pytest.mark.parametrize("value", [None, 1, 0.5, "text", [1, 2], b"bytes"])
def test_what_is_not_a_map_has_no_options(value: Any) -> None:
    assert decode_custom_options(bytes(flexbuffers.Dumps(value))) == {}


@pytest.mark.parametrize("value", [b"", b"\0", b"\0\0", b"\xff" * 40, bytes(40), b"not a flexbuffer at all"])
def test_what_is_not_a_flexbuffer_has_no_options(value: bytes) -> None:
    assert decode_custom_options(value) == {}


SOUND = encode_custom_options({"a": [1, 2.5, "x", [None, True]], "b": {"c": b"123", "d": "y"}, "e": 2**40})


@given(st.lists(st.tuples(st.integers(0, len(SOUND) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_damage_is_harmless(changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(SOUND)
    for position, value in changes:
        damaged[position] = value
    assert isinstance(decode_custom_options(bytes(damaged)), dict)


def test_vectors_that_hold_each_other_over_and_over() -> None:
    """Each vector refers twice to the one before it: read naively, the last has 2⁴⁰ leaves."""
    vector_type = 10 << 2
    data = bytearray([1, 0, 0])  # a vector of one null: its size, its element, the type of that
    previous = 1
    for _ in range(40):
        start = len(data) + 1
        data += bytes([2, start - previous, start + 1 - previous, vector_type, vector_type])
        previous = start
    # a map of one key, "k", to the last vector
    key = len(data)
    data += b"k\0"
    data += bytes([1, len(data) + 1 - key])  # the vector of keys
    keys = len(data) - 1
    data += bytes([len(data) - keys, 1, 1])  # where the keys are, their width, the size of the map
    data += bytes([len(data) - previous, vector_type])
    data += bytes([2, 9 << 2, 1])
    started = time.perf_counter()
    assert decode_custom_options(bytes(data)) == {}
    assert time.perf_counter() - started < 1


@requires_shared
def test_options_of_real_models() -> None:
    found = 0
    for path in model_paths():
        for subgraph in load(path).subgraphs:
            for operator in subgraph.operators:
                if operator.custom_options:
                    assert operator.options == as_tuples(flexbuffers.Loads(operator.custom_options))
                    found += 1
    assert found > 10
