"""Sparse tensors, stored in the TACO format that the schema describes: their dense values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .damage import Damage
from .ir import Array, Tensor
from .schema import DimensionType

Indices = NDArray[np.int64]

# With more elements than this per number in the file, a tensor is not sparse but an attack on the memory.
_MOST_ELEMENTS_PER_NUMBER = 256


def densify(tensor: Tensor, values: Array) -> Array:
    """The dense values of a sparse tensor whose stored values are the first of `values`.

    The levels are the dimensions in their order of storage, blocks last. Going down level by level, `flat`
    holds the flat index in the dense tensor of every branch that is stored. Raises `Damage` where sizes or
    indices contradict each other.
    """
    shape = tensor.shape or ()
    levels = _levels(tensor, shape)
    most_branches = max([len(values), *(len(level.segments) for level in levels)])
    flat: Indices = np.zeros(1, np.int64)
    children: int | Indices
    for level in levels:
        if level.is_sparse:
            children, indices = level.sparse_children(len(flat))
        elif len(flat) * level.size > most_branches:
            raise _inconsistent("the dense dimensions have more elements than are stored")
        else:
            children, indices = level.size, np.tile(np.arange(level.size), len(flat))
        flat = np.repeat(flat, children) + indices * level.stride
    if len(flat) > len(values):
        raise _inconsistent(f"there should be {len(flat)} values, but the buffer has {len(values)}")
    numbers = len(flat) + sum(len(level.segments) + len(level.indices) for level in levels)
    if math.prod(shape) > _MOST_ELEMENTS_PER_NUMBER * numbers:
        raise Damage(f"its shape {list(shape)} is too large for the {numbers} numbers that are stored")
    dense = np.zeros(math.prod(shape), values.dtype)
    dense[flat] = values[: len(flat)]
    return dense.reshape(shape)


_NONE: Indices = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class _Level:
    """One level of storage: its size, its step in the dense tensor, and its indices if it is sparse."""

    size: int
    stride: int
    is_sparse: bool = False
    segments: Indices = field(default_factory=lambda: _NONE)
    indices: Indices = field(default_factory=lambda: _NONE)

    def sparse_children(self, parents: int) -> tuple[Indices, Indices]:
        """How many children each of the branches above has, and the children's indices on this level."""
        segments, indices = self.segments, self.indices
        if len(segments) != parents + 1 or segments[0] != 0 or segments[-1] != len(indices):
            raise _inconsistent("the segments do not match the dimensions above, or the indices")
        counts = np.diff(segments)
        if (counts < 0).any() or (len(indices) and not 0 <= indices.min() <= indices.max() < self.size):
            raise _inconsistent("segments or indices are out of range")
        if (np.diff(indices + np.repeat(np.arange(parents), counts) * self.size) <= 0).any():
            raise _inconsistent("indices are not in ascending order")
        return counts, indices


def _levels(tensor: Tensor, shape: tuple[int, ...]) -> list[_Level]:
    sparsity = tensor.sparsity or {}
    order = sparsity["traversal_order"] or ()
    block_map = sparsity["block_map"] or ()
    metadata: tuple[Mapping[str, Any], ...] = sparsity["dim_metadata"] or ()
    rank = len(shape)
    if sorted(order) != list(range(rank + len(block_map))) or len(metadata) != len(order):
        raise _inconsistent("the order of storage is not one of all the dimensions")
    if len(set(block_map)) != len(block_map) or not all(0 <= dimension < rank for dimension in block_map):
        raise _inconsistent("the blocks are not of different dimensions of the tensor")

    strides = [math.prod(shape[i + 1 :]) for i in range(rank)]
    block_sizes = [1] * rank
    for dimension, stored in zip(order, metadata, strict=True):
        if dimension >= rank:
            if stored["format"] != DimensionType.DENSE:
                raise _inconsistent("its blocks are not dense")
            block_sizes[block_map[dimension - rank]] = stored["dense_size"]

    levels = []
    for dimension, stored in zip(order, metadata, strict=True):
        if dimension >= rank:
            outer = block_map[dimension - rank]
            size, stride = block_sizes[outer], strides[outer]
        else:
            block = block_sizes[dimension]
            if block < 1 or shape[dimension] % block:
                raise _inconsistent(f"blocks of {block} do not fill dimension {dimension} of {list(shape)}")
            size, stride = shape[dimension] // block, strides[dimension] * block
        if stored["format"] == DimensionType.SPARSE_CSR:
            segments, indices = _indices(stored["array_segments"]), _indices(stored["array_indices"])
            levels.append(_Level(size, stride, True, segments, indices))
        elif stored["format"] == DimensionType.DENSE and stored["dense_size"] == size:
            levels.append(_Level(size, stride))
        else:
            raise _inconsistent(f"dimension {dimension} has another size or format than its shape needs")
    return levels


def _indices(vector: tuple[str, Mapping[str, Any]] | None) -> Indices:
    """The numbers of a `SparseIndexVector` union."""
    if vector is None or vector[1].get("values") is None:
        raise _inconsistent("a sparse dimension lacks its segments or indices")
    values = vector[1]["values"]
    return np.array(list(values) if isinstance(values, bytes) else values, np.int64)


def _inconsistent(what: str) -> Damage:
    return Damage(f"sparsity parameters are not consistent: {what}")
