"""Clamping as C does it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: The bits of −0.0 as integers, by their size: the least of all.
_NEGATIVE_ZEROS = {size: np.iinfo(f"i{size}").min for size in (2, 4, 8)}


def clamp(x: NDArray[Any], low: Any, high: Any) -> NDArray[Any]:
    """`std::min(std::max(x, low), high)` in place; `low` and `high` are scalars of the type of `x`.

    What `np.clip` leaves open is settled: −0.0 stays when clamped to zero. A NaN stays, bit for bit.
    """
    if low == 0 and x.dtype.kind == "f":
        bits = x.view(f"i{x.itemsize}")
        least = _NEGATIVE_ZEROS[x.itemsize]
        if bits.min(initial=0) == least:
            negative_zeros = bits == least
            x.clip(low, high, out=x)
            np.copyto(x, -low, where=negative_zeros)
            return x
    x.clip(low, high, out=x)
    return x
