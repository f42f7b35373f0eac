"""Arrays that only get moved: every bit of them must arrive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from microinterp.model.ir import NUMPY_TYPES, TensorType
from microinterp.runtimes import RUNTIMES
from tests.draw import zero_points
from tests.single_op import TensorSpec

# Hypothesis' draw, in a composite strategy or of a data object.
Draw = Callable[..., Any]

_COMPARABLE = {
    "tflm": {
        *(TensorType.FLOAT32, TensorType.FLOAT64, TensorType.INT8, TensorType.UINT8, TensorType.INT16),
        *(TensorType.INT32, TensorType.INT64, TensorType.UINT32, TensorType.UINT64, TensorType.BOOL),
        *(TensorType.FLOAT16, TensorType.COMPLEX64, TensorType.COMPLEX128),
    }
}
_COMPARABLE["tflite"] = {*_COMPARABLE["tflm"], TensorType.UINT16, TensorType.INT4, TensorType.STRING}

_QUANTIZED = (TensorType.INT8, TensorType.UINT8, TensorType.INT16)


def movable_kinds(operator: str) -> dict[str, tuple[str, ...]]:
    """The kinds of a generator: element types by runtime, as far as the native Python APIs can feed them."""
    return {
        name: tuple(t.name for t in runtime.element_types.get(operator, ()) if t in _COMPARABLE[name])
        for name, runtime in RUNTIMES.items()
    }


def some_quantization(draw: Draw, element_type: TensorType) -> dict[str, Any]:
    """Scale and zero point for a type that may have them, or nothing."""
    if element_type not in _QUANTIZED or draw(st.booleans()):
        return {}
    return {
        "scale": draw(st.sampled_from([1e-5, 0.0234, 0.5, 7.0])),
        "zero_point": draw(zero_points(element_type)),
    }


def operand(
    values: Any, element_type: TensorType, *, constant: bool
) -> tuple[TensorSpec, list[NDArray[Any]]]:
    """A tensor of numbers that say where, constant or not, and what to feed for it."""
    array = np.asarray(values, NUMPY_TYPES[element_type])
    if constant:
        return TensorSpec(array.shape, element_type, data=array), []
    return TensorSpec(array.shape, element_type), [array]


def arbitrary_bits(draw: Draw, shape: Sequence[int], element_type: TensorType) -> NDArray[Any]:
    """An array of arbitrary values: NaNs with payloads, infinities, strings with zero bytes, …"""
    return bits_of(draw(st.integers(0, 2**32)), shape, element_type)


def bits_of(seed: int, shape: Sequence[int], element_type: TensorType) -> NDArray[Any]:
    """`arbitrary_bits` outside of Hypothesis."""
    rng = np.random.default_rng(seed)
    dtype = NUMPY_TYPES[element_type]
    if element_type is TensorType.STRING:
        strings = [rng.bytes(int(rng.integers(5))) for _ in range(int(np.prod(shape)))]
        values = np.empty(len(strings), object)
        values[:] = strings
        return values.reshape(shape)
    if element_type is TensorType.BOOL:
        return rng.integers(0, 2, shape).astype(np.bool_)
    if element_type is TensorType.INT4:
        return rng.integers(-8, 8, shape).astype(np.int8)
    size = int(np.prod(shape, dtype=np.int64))
    return np.array(np.frombuffer(rng.bytes(size * dtype.itemsize), dtype).reshape(shape))
