"""GELU: x times the normal distribution's cumulative function, or an approximation of that by tanh.

Source of the formulas: TFLite's `reference/gelu.h`, checked against LiteRT. Its float kernels are Eigen's expressions;
its 8- and 16-bit tables hold what the C library computes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import eigen
from .cast import make_nans_canonical
from .eigen_error_function import erfc, erfc_scalar
from .libm import Float32s, tanhf
from .libm_error_function import erfcf

Array = NDArray[Any]

_MINUS_SQRT_HALF = -math.sqrt(0.5)
_SQRT_2_BY_PI = math.sqrt(2 / math.pi)
_CUBIC = 0.044715


@np.errstate(all="ignore")
def gelu_float32(x: Float32s, approximate: bool) -> Float32s:
    """GELU of a float32 array of any shape that starts at an aligned address."""
    half_x: Float32s = np.float32(0.5) * x
    if not approximate:
        return half_x * erfc(x * np.float32(_MINUS_SQRT_HALF))
    inner: Float32s = np.float32(_SQRT_2_BY_PI) * (x + np.float32(_CUBIC) * (x * x * x))
    return half_x * (np.float32(1) + eigen.tanh(inner))


@np.errstate(all="ignore")
def gelu_float16(x: NDArray[np.float16], approximate: bool) -> NDArray[np.float16]:
    """GELU of a float16 array: each step is rounded to float16."""
    half_x = np.float16(0.5) * x
    if not approximate:
        inner = x * np.float16(_MINUS_SQRT_HALF)
        y = half_x * erfc_scalar(inner.astype(np.float32)).astype(np.float16)
    else:
        inner = np.float16(np.float32(_SQRT_2_BY_PI)) * (x + np.float16(_CUBIC) * (x * x * x))
        y = half_x * (np.float16(1) + tanhf(inner.astype(np.float32)).astype(np.float16))
    result: NDArray[np.float16] = np.asarray(y)
    make_nans_canonical(result)
    return result


@np.errstate(all="ignore")
def gelu_for_table(x: Float32s, approximate: bool) -> Float32s:
    """GELU of a float32 array as LiteRT's tables for quantized numbers hold it."""
    half_x: Float32s = np.float32(0.5) * x
    if not approximate:
        return half_x * erfcf(x * np.float32(_MINUS_SQRT_HALF))
    inner: Float32s = np.float32(_SQRT_2_BY_PI) * (x + np.float32(_CUBIC) * x * x * x)
    return half_x * (np.float32(1) + tanhf(inner))
