"""Clamping as C does it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def clamp(x: NDArray[Any], low: Any, high: Any) -> NDArray[Any]:
    """`std::min(std::max(x, low), high)` in place; `low` and `high` are scalars of the type of `x`.

    What `np.clip` leaves open is settled: −0.0 stays when clamped to zero. A NaN stays, bit for bit.
    """
    if low == 0 and x.dtype.kind == "f":
        bits = x.view(f"i{x.itemsize}")
        negative_zeros = bits == np.iinfo(bits.dtype).min
        np.maximum(x, low, out=x)
        if negative_zeros.any():
            np.copyto(x, -low, where=negative_zeros)
    else:
        np.maximum(x, low, out=x)
    np.minimum(x, high, out=x)
    return x
