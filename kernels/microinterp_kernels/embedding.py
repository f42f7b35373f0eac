"""Rows of a table, picked by index: dequantized, summed, or found by key.

Source of the formulas: LiteRT's `embedding_lookup.cc`, `embedding_lookup_sparse.cc` and `hashtable_lookup.cc`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Float32s = NDArray[np.float32]
Combiner = Literal["sum", "mean", "sqrtn"]


@np.errstate(all="ignore")
def dequantize_rows(rows: Array, scales: Float32s, bits: int) -> Float32s:
    """rows · scales in float32, where `scales` broadcast; numbers of 4 and 2 bits stand in the upper bits of a byte."""
    factor = 1 << (8 - bits)
    return (rows.astype(np.float32) * np.float32(factor)) * (scales / np.float32(factor))


@np.errstate(all="ignore")
def combine_rows(
    table: Float32s,
    rows: NDArray[np.int32],
    buckets: NDArray[np.int64],
    weights: Float32s,
    output: Float32s,
    combiner: Combiner,
) -> None:
    """Weighted sums of rows of `table` in the rows of `output`.

    Lookups with the same bucket that follow each other are added up in order, then divided by their weight, or by the
    root of the sum of its squares. A bucket that comes again goes on from what it holds; one that is not there is left
    out.
    """
    output[...] = 0
    edges = [0, *(np.flatnonzero(np.diff(buckets)) + 1).tolist(), buckets.size]
    for start, stop in pairwise(edges):
        if start == stop or not 0 <= buckets[start] < len(output):
            continue
        target = output[buckets[start]]
        total = squares = np.float32(0)
        for row, weight in zip(rows[start:stop], weights[start:stop], strict=True):
            total += weight
            squares += weight * weight
            target += table[row] * weight
        if combiner != "sum":
            target /= total if combiner == "mean" else np.sqrt(squares)


def find_sorted(keys: NDArray[np.int32], wanted: NDArray[np.int32]) -> NDArray[np.int64]:
    """For each wanted number the index of one that equals it, −1 where there is none: C's `bsearch`, as glibc does it.

    Of several equal keys, and of keys that are not sorted, it finds what the halving happens to meet.
    """
    low, high = np.zeros(wanted.shape, np.int64), np.full(wanted.shape, keys.size)
    found = np.full(wanted.shape, -1, np.int64)
    while (searching := (low < high) & (found < 0)).any():
        middle = np.minimum((low + high) // 2, keys.size - 1)
        met = keys[middle]
        found = np.where(searching & (met == wanted), middle, found)
        high = np.where(wanted < met, middle, high)
        low = np.where(wanted > met, middle + 1, low)
    return found
