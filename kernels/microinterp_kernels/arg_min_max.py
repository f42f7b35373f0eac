"""Where the largest or smallest numbers along an axis stand: of equal ones the first.

All functions take an array of shape (outer, n, inner), n > 0, and return the indices along its middle axis, of
shape (outer, inner). For floats there are two, for the two ways in which NaNs are treated; for their smallest
numbers hand in the negated ones. Integers have no such trouble: take `np.argmax` and `np.argmin`.

Source: TFLite's `reference/arg_min_max.h` and `optimized/optimized_ops.h`, checked against the native runtimes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float32s = NDArray[np.float32]
Indices = NDArray[np.intp]

_LANES = 4


def arg_max_after_first(x: Float32s) -> Indices:
    """TFLM's rule: NaNs are skipped, but not one at the start, with which every comparison fails."""
    return np.where(np.isnan(x[:, 0]), 0, _arg_max_skipping_nans(x))


def arg_max_in_lanes(x: Float32s) -> Indices:
    """LiteRT's rule: NaNs are skipped, if need be with the index 0; but not always in contiguous numbers.

    Through contiguous numbers (inner = 1), if there are four or more, four lanes run, each skipping its own NaNs.
    Then they are compared in pairs, where the first stays unless the second is greater, so that a lane of NaNs
    may hide others. What remains after the last whole four follows one by one.
    """
    if x.shape[2] > 1 or x.shape[1] < _LANES or not np.isnan(x).any():
        return _arg_max_skipping_nans(x)
    rows = x[:, :, 0]
    whole = rows.shape[1] // _LANES * _LANES
    blocks = rows[:, :whole].reshape(len(rows), -1, _LANES)
    lanes = np.fmax.reduce(blocks, axis=1)
    best = _first_unless_greater(_first_unless_greater(lanes))
    overall = np.fmax.reduce(np.hstack([best, rows[:, whole:]]), axis=1)[:, np.newaxis]
    hits = rows == overall
    # A lane stands for the first of its largest; those that equal the best of the pairs count, if that was not
    # exceeded later.
    in_lanes = (blocks == best[:, np.newaxis]) & (lanes == best)[:, np.newaxis]
    hits[:, :whole] = in_lanes.reshape(len(rows), whole) & (best == overall)
    indices: Indices = np.argmax(hits, axis=1)[:, np.newaxis]
    return indices


def _arg_max_skipping_nans(x: Float32s) -> Indices:
    indices: Indices = np.argmax(x == np.fmax.reduce(x, axis=1, keepdims=True), axis=1)
    return indices


def _first_unless_greater(lanes: Float32s) -> Float32s:
    first, second = lanes[:, ::2], lanes[:, 1::2]
    return np.where(second > first, second, first)
