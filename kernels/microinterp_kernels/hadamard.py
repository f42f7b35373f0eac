"""The Walsh–Hadamard transform of LiteRT's `aeq.hadamard_rotation`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float32s = NDArray[np.float32]


def hadamard_rotation_float32(x: Float32s) -> Float32s:
    """The transforms of rows, (n, size) with a power of 2 for size, over the root of the size.

    Source of the order of additions: LiteRT's `kernels/hadamard_rotation.cc`.
    """
    size = x.shape[1]
    values = x
    half = 1
    with np.errstate(over="ignore", invalid="ignore"):
        while half < size:
            pairs = values.reshape(-1, 2, half)
            values = np.empty(pairs.shape, np.float32)
            np.add(pairs[:, 0], pairs[:, 1], out=values[:, 0])
            np.subtract(pairs[:, 0], pairs[:, 1], out=values[:, 1])
            half *= 2
        scaled: Float32s = values.reshape(x.shape) * np.float32(1 / np.sqrt(size))
    return scaled
