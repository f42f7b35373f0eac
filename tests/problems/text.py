"""LSH_PROJECTION, SKIP_GRAM and the HASHTABLE family."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from microinterp.model.ir import TensorType
from microinterp.model.schema import LSHProjectionType
from tests.draw import numbers
from tests.graphs import Graph, Step, graph_model
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model
from tests.values import arbitrary_bits

Array = np.ndarray[Any, Any]


@generator("LSH_PROJECTION", tflite=("FLOAT32", "INT8", "UINT8", "INT16", "INT32", "INT64", "BOOL"))
def lsh_projection(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    is_sparse = draw(st.booleans())
    # LSH_PROJECTION: several sparse hashes of 32 bits (docs/native-bugs.md)
    seeds = (draw(st.integers(1, 4)), draw(st.integers(0, 8)) or draw(st.sampled_from([30, 31, 32])))
    seeds = (1, 32) if is_sparse and seeds[1] == 32 else seeds
    items = (draw(st.integers(1, 4)), *draw(hnp.array_shapes(min_dims=0, max_dims=2, max_side=16)))
    weighted = draw(st.booleans())
    count = seeds[0] if is_sparse else seeds[0] * seeds[1]
    model = single_op_model(
        "LSH_PROJECTION",
        [
            TensorSpec(seeds, TensorType.FLOAT32),
            TensorSpec(items, type),
            *([TensorSpec(items[:1], TensorType.FLOAT32)] if weighted else []),
        ],
        [TensorSpec((count,), TensorType.INT32)],
        {"type": LSHProjectionType.SPARSE if is_sparse else LSHProjectionType.DENSE},
    )

    def feed() -> list[Array]:
        values = [arbitrary_bits(draw, seeds, TensorType.FLOAT32), arbitrary_bits(draw, items, type)]
        return [*values, *([draw(numbers(TensorType.FLOAT32, items[:1]))] if weighted else [])]

    return Problem(model, [feed() for _ in range(draw(st.integers(1, 2)))])


@generator("SKIP_GRAM", tflite=("STRING",))
def skip_gram(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    shape = draw(st.sampled_from([(1,), (2,), (1, 2)]))  # scalars of strings (docs/native-bugs.md)
    model = single_op_model(
        "SKIP_GRAM",
        [TensorSpec(shape, TensorType.STRING)],
        [TensorSpec((1,), TensorType.STRING)],
        {
            "ngram_size": draw(st.integers(1, 4)),
            "max_skip_size": draw(st.integers(-1, 3)),
            "include_all_ngrams": draw(st.booleans()),
        },
    )

    def text() -> bytes:
        parts = draw(
            st.lists(
                st.sampled_from([b"a", b"word", b"\xc3\xa9", b" ", b" ", b"\t", b"  ", b"x\n"]), max_size=14
            )
        )
        return b"".join(parts)

    def feed() -> Array:
        texts = np.empty(shape, object)
        for i in np.ndindex(shape):
            texts[i] = text()
        return texts

    return Problem(model, [[feed()] for _ in range(draw(st.integers(1, 2)))])


def _keys(draw: st.DrawFn, type: TensorType, shape: tuple[int, ...]) -> Array:
    """Few different ones."""
    drawn = np.empty(shape, object if type is TensorType.STRING else np.int64)
    for i in np.ndindex(shape):
        number = draw(st.sampled_from([0, 1, 2, 3, -1, 2**62]))
        drawn[i] = str(number % 5).encode() * (number % 3) if type is TensorType.STRING else number
    return drawn


@generator("HASHTABLE", "HASHTABLE_FIND", "HASHTABLE_IMPORT", "HASHTABLE_SIZE", tflite=("INT64", "STRING"))
def hashtable(draw: st.DrawFn, operator: str, kind: str, runtime: RuntimeName) -> Problem:
    """A table that is made, filled and read; the problems of all four operators differ in what they leave out."""
    key_type = TensorType[kind]
    value_type = TensorType.INT64 if key_type is TensorType.STRING else TensorType.STRING
    # scalars of strings (docs/native-bugs.md)
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=2, max_side=5))
    wanted = draw(hnp.array_shapes(min_dims=key_type is TensorType.STRING, max_dims=2, max_side=5))
    handle, number = TensorSpec((1,), TensorType.RESOURCE), TensorSpec((1,), TensorType.INT64)
    tensors = {
        "table": handle,
        "keys": TensorSpec(shape, key_type),
        "values": TensorSpec(shape, value_type),
        "wanted": TensorSpec(wanted, key_type),
        "default": TensorSpec((draw(st.integers(1, 2)),), value_type),
        "found": TensorSpec(wanted, value_type),
        "size": number,
        "size_before": number,
    }
    table = draw(st.integers(-3, 3))
    make = Step(
        "HASHTABLE", (), ("table",), {"table_id": table, "key_dtype": key_type, "value_dtype": value_type}
    )
    fill = Step("HASHTABLE_IMPORT", ("table", "keys", "values"))
    find = Step("HASHTABLE_FIND", ("table", "wanted", "default"), ("found",))
    measure = [Step("HASHTABLE_SIZE", ("table",), (name,)) for name in ("size_before", "size")]
    chosen = draw(
        st.sampled_from(["all", "no find", "all", "nothing in it" if draw(st.integers(0, 9)) == 7 else "all"])
    )
    steps, inputs, outputs = (
        [make, measure[0], fill, measure[1], find],
        ["keys", "values"],
        ["size_before", "size"],
    )
    if chosen == "no find":
        steps.remove(find)
    else:
        inputs += ["wanted", "default"]
        outputs += ["found"]
    if chosen == "nothing in it":
        steps.remove(fill)
    model = graph_model(Graph(tensors, inputs, outputs, steps))

    def values(name: str) -> Array:
        spec = tensors[name]
        if name in ("keys", "wanted"):
            return _keys(draw, key_type, tuple(spec.shape))
        return arbitrary_bits(draw, spec.shape, spec.type)

    return Problem(model, [[values(name) for name in inputs] for _ in range(draw(st.integers(1, 2)))])
