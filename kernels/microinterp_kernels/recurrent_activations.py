"""The activation functions of SVDF and LSTM on float32, by their names in the schema ("NONE" has no function).

They differ from those of other operators in how they treat negative zero and NaN. Sources of the formulas: LiteRT's
`tensor_utils::ApplyActivationToVector`, TFLM's `activation_utils.h`, checked against the native runtimes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from . import eigen
from .libm import tanhf

Float32s = NDArray[np.float32]
Activation = Callable[[Float32s], Float32s]

_ZERO, _ONE, _SIX = np.float32(0), np.float32(1), np.float32(6)


def relu(x: Float32s) -> Float32s:
    """max(0, x); negative zero and NaN become zero."""
    y: Float32s = np.where(x > 0, x, _ZERO)
    return y


def relu_n1_to_1(x: Float32s) -> Float32s:
    """max(−1, min(x, 1)); NaN becomes −1."""
    y: Float32s = np.where(x > -1, np.minimum(x, _ONE), -_ONE)
    return y


def relu6(x: Float32s) -> Float32s:
    """max(0, min(x, 6)); negative zero and NaN become zero."""
    y: Float32s = np.where(x > 0, np.minimum(x, _SIX), _ZERO)
    return y


def sign_bit(x: Float32s) -> Float32s:
    """1 where x is negative, else 0."""
    return np.signbit(x).astype(np.float32)


#: LiteRT's.
ACTIVATIONS: Mapping[str, Activation] = {
    "RELU": relu,
    "RELU_N1_TO_1": relu_n1_to_1,
    "RELU6": relu6,
    "TANH": eigen.tanh,
    "SIGN_BIT": sign_bit,
}


def reference_relu_n1_to_1(x: Float32s) -> Float32s:
    """max(−1, min(x, 1)); NaN becomes 1."""
    return relu_n1_to_1(np.fmin(x, _ONE))


def reference_relu6(x: Float32s) -> Float32s:
    """max(0, min(x, 6)); negative zero becomes zero, NaN 6."""
    return relu6(np.fmin(x, _SIX))


#: TFLM's.
REFERENCE_ACTIVATIONS: Mapping[str, Activation] = {
    **ACTIVATIONS,
    "RELU_N1_TO_1": reference_relu_n1_to_1,
    "RELU6": reference_relu6,
    "TANH": tanhf,
}
