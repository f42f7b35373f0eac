"""AVERAGE_POOL_2D, L2_POOL_2D and MAX_POOL_2D."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from microinterp.model.ir import NUMPY_TYPES, TensorType
from microinterp.model.schema import Padding
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model


def count(padding: Padding, image: int, window: int, stride: int) -> int:
    """How many windows there are in one direction: the definition, not TFLite's formula."""
    last = image - 1 if padding is Padding.SAME else image - window
    return len(range(0, last + 1, stride))


def pool_model(
    operator: str,
    shape: tuple[int, ...],
    type: TensorType,
    window: tuple[int, int],
    stride: tuple[int, int],
    padding: Padding,
    activation: int = 0,
    quantization: dict[str, Any] | None = None,
    output_quantization: dict[str, Any] | None = None,
) -> bytes:
    quantization = quantization or {}
    sizes = (
        [count(padding, shape[1 + i], window[i], stride[i]) for i in (0, 1)] if min(stride) > 0 else [1, 1]
    )
    return single_op_model(
        operator,
        [TensorSpec(shape, type, **quantization)],
        [TensorSpec((shape[0], *sizes, shape[-1]), type, **(output_quantization or quantization))],
        {
            "padding": padding,
            "stride_h": stride[0],
            "stride_w": stride[1],
            "filter_height": window[0],
            "filter_width": window[1],
            "fused_activation_function": activation,
        },
    )


def values(draw: st.DrawFn, shape: tuple[int, ...], type: TensorType) -> np.ndarray[Any, Any]:
    """Random values of a tensor, extreme ones and ties included."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dtype = NUMPY_TYPES[type]
    if type is not TensorType.FLOAT32:
        limits = np.iinfo(dtype)
        spread = draw(st.sampled_from([1, 3, limits.max]))
        middle = draw(st.sampled_from([limits.min, 0, limits.max]))
        return np.clip(rng.integers(-spread, spread + 1, shape) + middle, limits.min, limits.max).astype(
            dtype
        )
    # NaNs are drawn with the sign that inf − inf has on x86: which of two NaNs with different signs survives their
    # addition depends in NumPy on the element's place in its vector register
    drawn = (rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 4, shape)).astype(np.float32)
    special = draw(
        st.sampled_from([[], [0.0, -0.0], [-0.0], [3e38, -3e38], [np.inf, 1e-44], [np.inf, -np.inf, -np.nan]])
    )
    if special:
        chosen = rng.random(shape) < draw(st.sampled_from([0.1, 1.0]))
        drawn = np.where(chosen, rng.choice(np.array(special, np.float32), shape), drawn)
    return drawn


@generator("L2_POOL_2D", tflite=("FLOAT32",), tflm=("FLOAT32",))
def l2_pools(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    return pools(draw, "L2_POOL_2D", kind, runtime)


@generator(
    "AVERAGE_POOL_2D",
    "MAX_POOL_2D",
    tflite=("FLOAT32", "INT8", "UINT8", "INT16"),
    tflm=("FLOAT32", "INT8", "INT16"),
)
def pools(draw: st.DrawFn, operator: str, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    batches, channels = draw(st.integers(1, 2)), draw(st.sampled_from([1, 2, 3, 8]))
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    padding = draw(st.sampled_from(Padding))
    most = (14, 14) if padding is Padding.SAME else (height, width)
    window = (draw(st.integers(1, most[0])), draw(st.integers(1, most[1])))
    stride = (draw(st.integers(1, 5)), draw(st.integers(1, 5)))
    shape = (batches, height, width, channels)
    quantization = {}
    if type is not TensorType.FLOAT32:
        limits = np.iinfo(NUMPY_TYPES[type])
        zero_point = draw(
            st.one_of(st.sampled_from([limits.min, 0, limits.max]), st.integers(limits.min, limits.max))
        )
        scale = draw(st.sampled_from([1e-5, 0.01, 0.0234, 0.5, 7.0]))
        quantization = {"scale": scale, "zero_point": zero_point}
    activation = draw(st.integers(0, 5))
    model = pool_model(operator, shape, type, window, stride, padding, activation, quantization)
    return Problem(model, [[values(draw, shape, type)] for _ in range(draw(st.integers(1, 2)))])
