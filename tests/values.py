"""Arrays that only get moved: every bit of them must arrive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from microinterp.model.ir import NUMPY_TYPES, TensorType
from microinterp.runtimes import RUNTIMES
from tests.oracles import RuntimeName

# Hypothesis' draw, in a composite strategy or of a data object.
Draw = Callable[..., Any]

# LiteRT's Python API has no NumPy type for bfloat16, and hands 8-bit floats out as int8 (microinterp: uint8).
_NOT_COMPARABLE = {TensorType.BFLOAT16, TensorType.FLOAT8_E4M3FN, TensorType.FLOAT8_E5M2}


def movable_types(runtime: RuntimeName, operator: str) -> st.SearchStrategy[TensorType]:
    """The element types of a runtime's operator, as far as tests can feed them."""
    return st.sampled_from([t for t in RUNTIMES[runtime].element_types[operator] if t not in _NOT_COMPARABLE])


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
