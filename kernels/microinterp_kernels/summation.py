"""Sums of float32 terms in the orders in which native loops add them: another order gives other last bits.

All functions add along the first axis of `terms`, a float32 array [n, …] in C order, and return a new array […].
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Float32s = NDArray[np.float32]
Sum = Callable[[Float32s], Float32s]

_LANES = 4  # of an SSE register
_PEEL = 8  # so many terms Eigen's unrolled loop takes at once
_MOST_TERMS = 1 << 18  # held at a time by `dot_products`


def sum_in_order(terms: Float32s) -> Float32s:
    """One after the other onto zero, as a plain loop does."""
    if not len(terms):
        return np.zeros(terms.shape[1:], np.float32)
    if terms[0].size > 1:
        total: Float32s = np.add.reduce(terms, axis=0, initial=np.float32(0))
    else:  # NumPy does not reduce a single column in order
        total = np.add.accumulate(terms, axis=0)[-1] + np.float32(0)
    return total


def sum_lanes_in_order(terms: Float32s) -> Float32s:
    """In four lanes, the terms k, k + 4, …, then ((lane 0 + 1) + 2) + 3, then the rest (TFLite's `tensor_utils`)."""
    a, b, c, d = _lanes(terms)
    return _add_rest(((a + b) + c) + d, terms, _LANES)


def sum_lanes_in_halves(terms: Float32s) -> Float32s:
    """In four lanes, the terms k, k + 4, …, then (lane 0 + 2) + (1 + 3), then the rest (Eigen's `predux`)."""
    a, b, c, d = _lanes(terms)
    return _add_rest((a + c) + (b + d), terms, _LANES)


def sum_quarters(terms: Float32s) -> Float32s:
    """In four lanes, the terms k, k + 4, …, then (lane 0 + 1) + (2 + 3), then the rest (Eigen's last rows)."""
    a, b, c, d = _lanes(terms)
    return _add_rest((a + b) + (c + d), terms, _LANES)


def sum_even_and_odd(terms: Float32s) -> Float32s:
    """The even terms plus the odd terms, while there are eight more, then the rest (Eigen's panels of four rows)."""
    whole = len(terms) // _PEEL * _PEEL
    return _add_rest(sum_in_order(terms[0:whole:2]) + sum_in_order(terms[1:whole:2]), terms, _PEEL)


def sum_unrolled_lanes(terms: Float32s) -> Float32s:
    """In four times four lanes, the last first, then (lane 0 + 2) + (1 + 3), then the rest (Eigen's inner product)."""
    whole = len(terms) // _LANES * _LANES
    if not whole:
        return sum_in_order(terms)
    packets = terms[:whole].reshape(-1, _LANES, *terms.shape[1:])
    parts = [sum_in_order(packets[i::4]) for i in range(min(4, len(packets)))]
    total = parts.pop()
    while parts:
        total = parts.pop() + total
    a, b, c, d = total
    return _add_rest((a + c) + (b + d), terms, _LANES)


def _lanes(terms: Float32s) -> Float32s:
    whole = len(terms) // _LANES * _LANES
    return sum_in_order(terms[:whole].reshape(whole // _LANES, _LANES, *terms.shape[1:]))


def _add_rest(total: Float32s, terms: Float32s, block: int) -> Float32s:
    for term in terms[len(terms) // block * block :]:
        total = total + term
    return total


def dot_products(rows: Float32s, columns: Float32s, total: Sum) -> Float32s:
    """rows · columns (float32 [r, k] · [k, n] → [r, n]), each product of k terms added up by `total`."""
    step = max(1, _MOST_TERMS // max(1, columns.size))
    if len(rows) <= step:
        return total(np.multiply(rows.T[:, :, None], columns[:, None, :], order="C"))
    products = np.empty((len(rows), columns.shape[1]), np.float32)
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        terms = np.multiply(some.T[:, :, None], columns[:, None, :], order="C")
        products[start : start + step] = total(terms)
    return products
