"""Damaged models: bytes of a sound model with some of its structure overwritten, cut or repeated."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from hypothesis import strategies as st

from microinterp.model.ir import Model
from microinterp.model.reader import read_model

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
