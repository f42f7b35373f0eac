"""The start of TFLM's audio front end: window, scaling before a fixed-point FFT, energy of a spectrum.

Source of the formulas: TFLM's `signal/src` (`window.cc`, `fft_auto_scale.cc`, `max_abs.cc`, `energy.cc`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .fixed_point import clip_to

Int16s = NDArray[np.int16]


def window_int16(x: Int16s, weights: Int16s, shift: int) -> Int16s:
    """Each frame of `weights.size` samples of `x`, times the weights, shifted right by `shift` and saturated.

    `x` has any shape, and a size that is a multiple of the weights'; `shift` is 0 to 31.
    """
    frames = x.reshape(-1, weights.size).astype(np.int32)
    return clip_to((frames * weights) >> np.int32(shift), np.int16).reshape(x.shape)


def fft_auto_scale_int16(x: Int16s) -> tuple[Int16s, int]:
    """`x` (1-D) shifted left as far as its largest magnitude allows, and by how many bits."""
    largest = _max_abs_int16(x)
    bits = 15 - largest.bit_length() if largest else 0
    return x << np.int16(bits), bits


def _max_abs_int16(x: Int16s) -> int:
    """The largest magnitude as TFLM finds it, which −32768 leads astray.

    TFLM keeps the maximum in an int16. The magnitude of −32768 overflows it to the least of all numbers, so the
    next value is taken as it is, sign included, and so on until a value or its negative is larger.
    """
    least = np.flatnonzero(x == -32768)
    if least.size:
        rest = x[least[-1] + 1 :]
        recovers = rest >= 0
        recovers[1:] |= rest[1:] <= rest[:-1]
        first = int(recovers.argmax()) if recovers.any() else rest.size
        x = rest[first:]
    return int(np.abs(x).max(initial=0))


def energy_int16(spectrum: Int16s) -> NDArray[np.uint32]:
    """real² + imag² of a spectrum of interleaved complex numbers, (2·n,) → (n,)."""
    parts = spectrum.astype(np.int64).reshape(-1, 2)
    squares: NDArray[Any] = parts * parts
    energies: NDArray[np.uint32] = (squares[:, 0] + squares[:, 1]).astype(np.uint32)
    return energies
