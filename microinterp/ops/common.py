"""What the preparation of several operator families shares: options, the range of a fused activation."""

from __future__ import annotations

from typing import Any

import numpy as np

from .node import Node, RuntimeTensor

# ActivationFunctionType → the real bounds that it clamps to; None is the element type's own bound. TANH and
# SIGN_BIT are not here: the native kernels that take a fused activation treat them as NONE.
_BOUNDS: dict[int, tuple[int | None, int | None]] = {1: (0, None), 2: (-1, 1), 3: (0, 6)}


def activation_range(activation: int, dtype: Any) -> tuple[Any, Any]:
    """The range that a fused activation clamps unquantized values to: two scalars of `dtype`.

    TFLite's `CalculateActivationRange`. NB without an activation a float kernel still clamps to the finite
    numbers, so that infinities become the largest finite ones.
    """
    dtype = np.dtype(dtype)
    limits = np.iinfo(dtype) if np.issubdtype(dtype, np.integer) else np.finfo(dtype)
    low, high = _BOUNDS.get(int(activation), (None, None))
    bounds = (limits.min if low is None else low, limits.max if high is None else high)
    first, last = (np.asarray(bound).astype(dtype)[()] for bound in bounds)  # -1 wraps in an unsigned type
    return first, last


def activation_range_float(activation: int) -> tuple[np.float32, np.float32]:
    """`activation_range` of float32."""
    low, high = activation_range(activation, np.float32)
    return low, high


def activation_range_quantized(node: Node, output: RuntimeTensor, activation: int) -> tuple[int, int]:
    """The range of quantized values that a fused activation clamps `output` (int8, uint8 or int16) to."""
    return quantized_bounds(node, output, *_BOUNDS.get(int(activation), (None, None)))


def quantized_bounds(node: Node, output: RuntimeTensor, low: int | None, high: int | None) -> tuple[int, int]:
    """What real bounds are as numbers of `output` (int8, uint8 or int16); None is the element type's own bound.

    TFLite's `CalculateActivationRangeQuantized`: zero_point + round(bound / scale) in float32, halves away
    from zero, within the element type. Refuses, as TFLite does, a bound that leaves int32 (a scale of zero, say).
    """
    limits = np.iinfo(output.dtype)

    def quantize(bound: int) -> int:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            value = np.float32(bound) / np.float32(output.scale)
            # C's round, kept in float32 (0.49999997 + 0.5 rounds up to 1.0, so compare the rest)
            whole = np.trunc(value)
            rounded = whole + np.sign(value) * np.float32(abs(value - whole) >= 0.5)
        node.require(
            bool(-(2.0**31) <= rounded <= 2.0**31),
            f"{output} cannot represent the bound {bound} of its activation: its scale is {output.scale}",
        )
        return (output.zero_point + int(rounded) + 2**31) % 2**32 - 2**31  # int32 arithmetic

    return (
        limits.min if low is None else max(limits.min, quantize(low)),
        limits.max if high is None else min(limits.max, quantize(high)),
    )


def integer_option(node: Node, name: str, least: int = -(2**31), most: int = 2**31 - 1) -> int:
    """An integer among a custom operator's options, in its range."""
    value = node.options.get(name)
    if not isinstance(value, int) or not least <= value <= most:
        node.fail(f"option {name} must be an integer from {least} to {most}, but is {value!r}")
    return int(value)


def require_declared_rank(node: Node, output: RuntimeTensor, rank: int) -> None:
    """Refuse, as TFLM does, an output that the model gives another rank."""
    declared = len(output.definition.shape or ())
    node.require(declared == rank, f"{output} has rank {declared}, needs {rank}")


def compute_nothing() -> None:
    """What an operator without output elements does."""
