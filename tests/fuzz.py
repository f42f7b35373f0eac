"""Damaged models, in three ways.

`mutations` overwrites, cuts and repeats bytes of a sound model: the file is damaged. `nonsense` changes numbers,
lists and options of a sound model and writes it again: the file is sound, but what it says is not.
`nonsensical_operator` draws all that one operator is given: its tensors, their number, and its options.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from hypothesis import strategies as st

from microinterp.model.custom_options import encode_custom_options
from microinterp.model.ir import (
    NUMPY_TYPES,
    Model,
    Operator,
    OperatorCode,
    Quantization,
    Subgraph,
    Tensor,
    TensorType,
)
from microinterp.model.reader import read_model
from microinterp.model.schema import default_options, operator_code, options_table
from microinterp.model.writer import write_model

# Numbers that checks forget: around zero, and where 8, 16, 32 bits and their signs end.
_NASTY = (0, 1, 2, 3, 4, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)


@dataclass(frozen=True)
class Mutation:
    """One change to a file; what `value` means depends on the kind."""

    kind: str
    position: int
    value: int

    def apply(self, data: bytearray) -> None:
        """Make the change, in place."""
        position = min(self.position, max(len(data) - 1, 0))
        if self.kind == "byte":
            data[position : position + 1] = bytes([self.value & 0xFF])
        elif self.kind == "word":
            position &= ~3
            data[position : position + 4] = (self.value & 0xFFFFFFFF).to_bytes(4, "little")
        elif self.kind == "offset":
            # an offset from here to some other place
            position &= ~3
            target = self.value % (len(data) + 1)
            data[position : position + 4] = ((target - position) & 0xFFFFFFFF).to_bytes(4, "little")
        elif self.kind == "copy":
            source = self.value % (len(data) + 1)
            piece = data[source : source + 16]
            data[position : position + len(piece)] = piece
        elif self.kind == "delete":
            del data[position : position + self.value % 16]
        else:
            assert self.kind == "truncate"
            del data[position:]


_KINDS = ("byte", "byte", "word", "word", "offset", "copy", "delete", "truncate")


def read_all(data: bytes) -> Model:
    """Read a model and all its constants."""
    model = read_model(data)
    for subgraph in model.subgraphs:
        for tensor in subgraph.tensors:
            model.constant(tensor)
    return model


@cache
def structure(data: bytes) -> tuple[int, ...]:
    """The positions of a sound model's bytes that are not in a large constant."""
    keep = np.ones(len(data), bool)
    start = np.frombuffer(data, np.uint8).__array_interface__["data"][0]
    for buffer in read_model(data).buffers:
        if buffer is not None and buffer.size > 64:
            offset = buffer.__array_interface__["data"][0] - start
            keep[offset : offset + buffer.size] = False
    positions: list[int] = np.flatnonzero(keep).tolist()
    return tuple(positions)


def mutate(data: bytes, mutations: Sequence[Mutation]) -> bytes:
    """The bytes after all the changes."""
    changed = bytearray(data)
    for mutation in mutations:
        mutation.apply(changed)
    return bytes(changed)


def mutations(data: bytes) -> st.SearchStrategy[bytes]:
    """Damaged versions of a sound model."""
    values = st.one_of(st.sampled_from(_NASTY), st.integers(0, 64), st.integers(0, len(data)))
    mutation = st.builds(Mutation, st.sampled_from(_KINDS), st.sampled_from(structure(data)), values)
    return st.lists(mutation, min_size=1, max_size=4).map(lambda changes: mutate(data, changes))


def random_mutation(data: bytes, source: random.Random) -> bytes:
    """One damaged version, for loops that run longer than Hypothesis is made for."""
    positions = structure(data)
    changes = []
    for _ in range(source.choice((1, 1, 1, 2, 4))):
        value = source.choice((source.choice(_NASTY), source.randrange(64), source.randrange(len(data))))
        changes.append(Mutation(source.choice(_KINDS), source.choice(positions), value))
    return mutate(data, changes)


def nonsense(model: Model) -> st.SearchStrategy[bytes]:
    """Well-formed files that say something else than this model, mostly nonsense."""
    return st.randoms(use_true_random=False).map(lambda source: random_nonsense(model, source))


def random_nonsense(model: Model, source: random.Random) -> bytes:
    """One such file."""
    while True:
        changed = model
        for _ in range(source.choice((1, 1, 2, 4))):
            changed = _changed(changed, source)
        try:
            return write_model(changed)
        except (TypeError, ValueError, AttributeError, OverflowError, struct.error, DeprecationWarning):
            continue  # a value that does not fit its field; NumPy 1.26 warns where 2 raises


def _changed(value: Any, source: random.Random) -> Any:
    """The value with one change somewhere inside it."""
    if isinstance(value, Model):
        # most of what a model says is in its subgraphs
        name = source.choice(("subgraphs",) * 8 + ("operator_codes", "buffers", "metadata", "signature_defs"))
        return replace(value, **{name: _changed(getattr(value, name), source)})
    if is_dataclass(value) and not isinstance(value, type):
        name = source.choice([field.name for field in fields(value)])
        changed = {name: _changed(getattr(value, name), source)}
        if isinstance(value, Operator) and name == "options" and value.custom_options:
            changed["custom_options"] = encode_custom_options(changed["options"])
        return replace(value, **changed)
    if isinstance(value, Mapping):
        if not value:
            return value
        key = source.choice(list(value))
        return {**value, key: _changed(value[key], source)}
    if isinstance(value, tuple):
        return _changed_tuple(value, source)
    if isinstance(value, np.ndarray):
        if not value.size:
            return value
        copy = value.copy()
        copy.flat[source.randrange(copy.size)] = (
            source.choice((0, 1, 2, 127, 255))
            if copy.dtype.kind == "u"
            else (source.choice((0, 1, -1, 127, 2**31 - 1)))
        )
        return copy
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return source.choice(
            (value + 1, value - 1, -value, 2 * value, source.randrange(64), source.choice(_NASTY))
        )
    if isinstance(value, float):
        return source.choice((0.0, -value, 2 * value, 1e30, float("inf"), float("nan")))
    if isinstance(value, str):
        return source.choice(("", value + "x"))
    return value


def _changed_tuple(value: tuple[Any, ...], source: random.Random) -> tuple[Any, ...]:
    if not value:
        return source.choice(((), (0,), (-1, 1)))
    i = source.randrange(len(value))
    kind = source.choice(("change", "change", "change", "drop", "repeat", "swap"))
    if kind == "drop":
        return value[:i] + value[i + 1 :]
    if kind == "repeat":
        return value[: i + 1] + value[i:]
    if kind == "swap":
        swapped = list(value)
        j = source.randrange(len(value))
        swapped[i], swapped[j] = swapped[j], swapped[i]
        return tuple(swapped)
    return (*value[:i], _changed(value[i], source), *value[i + 1 :])


_SIZES = (0, 1, 1, 2, 2, 3, 4, 5, 8, 16)
_SCALES = (0.0, 1e-30, 1 / 256, 1 / 32768, 0.5, 0.5, 1.0, 7.0, 1e30, -0.5, float("inf"), float("nan"))
_ZERO_POINTS = (0, 0, 0, 1, -1, -128, 127, 128, 255, -32768, 32767, 2**31 - 1, -(2**31), 2**40)
_COMMON_TYPES = (TensorType.FLOAT32, TensorType.INT8, TensorType.INT16, TensorType.INT32, TensorType.UINT8)


def nonsensical_operator(operator: str, source: random.Random) -> bytes:
    """A file with one operator, whose tensors and options are drawn without regard to what it needs."""
    while True:
        try:
            return write_model(_operator_model(operator, source))
        except (TypeError, ValueError, AttributeError, OverflowError, struct.error, DeprecationWarning):
            continue  # a value that does not fit its field


def _operator_model(operator: str, source: random.Random) -> Model:
    builtin = operator_code(operator)
    is_custom = builtin == operator_code("CUSTOM")
    table = options_table(operator)
    options = {name: _option(value, source) for name, value in default_options(table).items()}
    count = source.choice((0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 24))
    outputs = source.choice((0, 1, 1, 1, 1, 1, 2, 3))
    usual_type = source.choice((*_COMMON_TYPES, source.choice(list(TensorType))))
    usual_shape = _shape(source)
    buffers: list[np.ndarray[Any, Any] | None] = [None]
    tensors = [
        _tensor(usual_type, usual_shape, buffers, source, may_be_constant=i < count)
        for i in range(count + outputs)
    ]
    inputs = tuple(-1 if source.random() < 0.03 else i for i in range(count))
    node = Operator(
        opcode_index=0,
        inputs=inputs,
        outputs=tuple(range(count, count + outputs)),
        options=options,
        options_table=None if source.random() < 0.1 else table,
        custom_options=_octets(source.randrange(40), source).tobytes() if is_custom else None,
    )
    given = [i for i in inputs if i >= 0 and tensors[i].buffer == 0 and not tensors[i].is_variable]
    subgraph = Subgraph(tuple(tensors), tuple(given), node.outputs, (node,), name="main")
    code = OperatorCode(builtin, source.choice((1, 1, 1, 2, 3, 4)), operator if is_custom else None)
    return Model((subgraph,), (code,), tuple(buffers))


def _tensor(
    usual_type: TensorType,
    usual_shape: tuple[int, ...],
    buffers: list[np.ndarray[Any, Any] | None],
    source: random.Random,
    *,
    may_be_constant: bool,
) -> Tensor:
    type = usual_type
    if source.random() < 0.2:
        type = source.choice((TensorType.INT32, source.choice(list(TensorType))))
    shape = usual_shape if source.random() < 0.7 else _shape(source)
    is_constant = may_be_constant and source.random() < 0.3 and max(shape, default=0) < 1000
    if is_constant:
        size = int(np.prod(shape)) * np.dtype(NUMPY_TYPES[type]).itemsize
        if type is TensorType.INT32:  # small numbers are sizes, axes, indices
            small = [source.choice((0, 1, 2, 3, -1, -(2**31), 2**31 - 1)) for _ in range(size // 4)]
            buffers.append(np.array(small, np.int32).view(np.uint8))
        else:
            buffers.append(_octets(size, source))
    scales = source.choice((0, 0, 1, 1, 1, 1, 1, 1, 2, shape[0] if shape and 0 <= shape[0] < 1000 else 1))
    return Tensor(
        name="t",
        type=type,
        shape=shape,
        buffer=len(buffers) - 1 if is_constant else 0,
        quantization=Quantization(
            scale=np.array([source.choice(_SCALES) for _ in range(scales)], np.float32),
            zero_point=np.array([source.choice(_ZERO_POINTS) for _ in range(scales)], np.int64),
            quantized_dimension=0 if source.random() < 0.95 else source.choice((1, 3, -1)),
        ),
        is_variable=not is_constant and source.random() < 0.05,
    )


def _shape(source: random.Random) -> tuple[int, ...]:
    shape = [source.choice(_SIZES) for _ in range(source.choice((0, 1, 1, 2, 2, 3, 4, 4, 4, 5, 6)))]
    if shape and source.random() < 0.02:
        shape[source.randrange(len(shape))] = source.choice((-1, 2**16, 2**31 - 1))
    return tuple(shape)


def _octets(count: int, source: random.Random) -> np.ndarray[Any, Any]:
    return np.frombuffer(source.randbytes(count), np.uint8)


def _option(value: Any, source: random.Random) -> Any:
    if source.random() < 0.3:
        return value
    if isinstance(value, bool):
        return source.random() < 0.5
    if isinstance(value, float):
        return source.choice((*_SCALES, 2.0, -1.0))
    if isinstance(value, int):
        return source.choice((0, 1, 1, 2, 3, -1, -2, 5, 127, 2**16, 2**31 - 1, -(2**31), 2**63 - 1))
    if value is None:
        number = source.randrange(3)
        return source.choice((None, (), (source.choice((-1, 0, 1, 2, 2**31 - 1)),) * number, "", "text"))
    return value
