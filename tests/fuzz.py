"""Damaged models, in two ways.

`mutations` overwrites, cuts and repeats bytes of a sound model: the file is damaged. `nonsense` changes numbers,
lists and options of a sound model and writes it again: the file is sound, but what it says is not.
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

from microinterp.model.ir import Model
from microinterp.model.reader import read_model
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
        return replace(value, **{name: _changed(getattr(value, name), source)})
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
