"""Matrix products of integers, exact, by the BLAS of floats."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_EXACT_IN_FLOAT32 = 2**24


class IntegerProduct:
    """rows · weightsᵀ for constant integers [n, k] and rows of integers whose magnitude is at most `largest`."""

    def __init__(self, weights: NDArray[np.signedinteger[Any]], largest: int) -> None:
        #: The sums of the weights for each of the n columns, int64.
        self.sums = weights.sum(axis=1, dtype=np.int64)
        #: What no product exceeds in magnitude, for each of the n columns.
        self.reach = np.abs(weights.astype(np.int64)).sum(axis=1) * largest
        dtype = np.float32 if self.reach.max(initial=0) <= _EXACT_IN_FLOAT32 else np.float64
        self.columns: NDArray[Any] = np.ascontiguousarray(weights.T, dtype)

    def __call__(self, rows: NDArray[Any]) -> NDArray[Any]:
        """The products of rows [r, k], [r, n]: integers, in a float type."""
        product: NDArray[Any] = rows.astype(self.columns.dtype) @ self.columns
        return product
