"""Clamping as C does it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def clamp(x: NDArray[Any], low: Any, high: Any) -> NDArray[Any]:
    """`std::min(std::max(x, low), high)` in place; `low` and `high` are scalars of the type of `x`.

    Unlike `np.clip` it says what happens to the values that compare equal or not at all: −0.0 stays when clamped
    to zero, and a NaN stays as it is, bit for bit.
    """
    np.copyto(x, low, where=x < low)
    np.copyto(x, high, where=high < x)
    return x
