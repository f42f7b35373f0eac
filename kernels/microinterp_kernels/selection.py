"""Which elements: the largest ones, the distinct ones, the bucket of each."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Indices = NDArray[np.intp]


def top_k(rows: Array, k: int) -> Indices:
    """The indices of the k largest elements along the last axis, largest first.

    Of equal ones (0.0 and −0.0, too) the first comes first; NaNs come last. Source: LiteRT's `topk_v2.cc`.
    """
    # reversed order without negation, which could overflow
    keys = -rows if rows.dtype.kind == "f" else ~rows
    return np.argsort(keys, axis=-1, kind="stable")[..., :k]


def unique(x: Array) -> tuple[Array, Indices]:
    """The distinct elements of a vector in the order of their first occurrence, and for each element which it is.

    0.0 and −0.0 are the same, each NaN is another.
    """
    _, first, inverse = np.unique(x, return_index=True, return_inverse=True, equal_nan=False)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    return x[first[order]], rank[inverse.reshape(-1)]


def bucketize(x: Array, boundaries: NDArray[np.float32]) -> Indices:
    """How many boundaries each number reaches; for a NaN, all.

    Integers are compared as float32, as C++ converts them (`std::upper_bound` in LiteRT's `bucketize.cc`).
    """
    numbers = x.astype(np.float32) if x.dtype.kind == "i" else x
    return np.searchsorted(boundaries, numbers, side="right")
