"""SOFTMAX and LOG_SOFTMAX."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from microinterp.model.ir import NUMPY_TYPES, TensorType
from tests.draw import Array, zero_points
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model

FLOATS = (TensorType.FLOAT32, TensorType.FLOAT16)
SPECIAL_FLOATS = [
    *(0.0, 1e-45, 1e-40, 2.0**-126, 3.4028235e38, np.inf, np.nan),
    # the short cuts of LOGISTIC, the ends of expf and tanhf
    *(16.619047, 16.619049, 9.0, 8.999999, 88.72283, 88.72284, 87.336, 103.97208, 104.0, 22.0, 21.999998),
]


def floats(shape: tuple[int, ...]) -> st.SearchStrategy[Array]:
    """Any floats, NaNs of both signs among them."""
    some = st.sampled_from([np.float32(sign) * np.float32(v) for v in SPECIAL_FLOATS for sign in (1, -1)])
    return hnp.arrays(
        np.float32, shape, elements=st.one_of(some, st.floats(-20, 20, width=32), st.floats(width=32))
    )


@st.composite
def integers(draw: st.DrawFn, shape: tuple[int, ...], type: TensorType) -> Array:
    """Integers of the whole range, or close to each other."""
    limits = np.iinfo(NUMPY_TYPES[type])
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    spread = draw(st.sampled_from([1, 20, limits.max - limits.min]))
    middle = draw(st.sampled_from([limits.min, 0, limits.max]))
    return np.clip(middle + rng.integers(-spread, spread + 1, shape), limits.min, limits.max).astype(
        limits.dtype
    )


def values(shape: tuple[int, ...], type: TensorType) -> st.SearchStrategy[Array]:
    if type not in FLOATS:
        return integers(shape, type)
    return floats(shape).map(lambda array: as_type(array, type))


@np.errstate(over="ignore")  # large numbers become infinite
def as_type(array: Array, type: TensorType) -> Array:
    return array.astype(NUMPY_TYPES[type])


def scales(least_exponent: float, largest_exponent: float) -> st.SearchStrategy[float]:
    """Scales of these powers of two, and some that almost are one (TFLite forgives 0.07 %)."""
    powers = st.floats(least_exponent, largest_exponent).map(lambda e: 2.0**e)
    whole_powers = st.integers(int(least_exponent), int(largest_exponent)).map(lambda e: 2.0**e)
    pot_scales = st.builds(lambda e, d: 2.0**e * (1 + d), st.integers(-14, -9), st.floats(-1.5e-3, 1.5e-3))
    return st.one_of(powers, whole_powers, pot_scales).map(lambda s: float(np.float32(s)))


@st.composite
def shapes(draw: st.DrawFn) -> tuple[int, ...]:
    """Shapes of several rows, some of them long."""
    depth = draw(st.one_of(st.integers(1, 8), st.sampled_from([31, 100, 256, 257, 500])))
    most = 2 if depth > 8 else 4
    return (*draw(hnp.array_shapes(min_dims=0, max_dims=most, max_side=3)), depth)


def softmax_output(type: TensorType, output_type: TensorType) -> tuple[float, int]:
    if type is TensorType.INT16:
        return 1 / 32768, 0
    limits = np.iinfo(NUMPY_TYPES[output_type])
    return 2.0**-limits.bits, limits.min


@generator(
    "SOFTMAX",
    tflite=("FLOAT32", "FLOAT16", "INT8", "INT8 to INT16", "UINT8", "UINT8 to INT16", "INT16"),
    tflm=("FLOAT32", "INT8", "INT8 to INT16", "INT16"),
)
def softmax(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    first, _, last = kind.partition(" to ")
    type, output_type = TensorType[first], TensorType[last or first]
    shape = draw(shapes())
    beta = draw(st.one_of(st.just(1.0), st.floats(2.0**-6, 2.0**6)))
    x, y = TensorSpec(shape, type), TensorSpec(shape, output_type)
    if type not in FLOATS:
        # 8 bits: both runtimes abort if beta · scale is not above 2^-26 (test_tiny_scales_abort).
        # int16: above 2^31 · 10 / 65535 they shift an int32 by 32 and more, which C++ leaves undefined.
        x = TensorSpec(shape, type, draw(scales(-19, 12)), draw(zero_points(type)))
        y = TensorSpec(shape, output_type, *softmax_output(type, output_type))
    model = single_op_model("SOFTMAX", [x], [y], {"beta": beta})
    return Problem(model, [[draw(values(shape, type))] for _ in range(draw(st.integers(1, 2)))])


@generator("LOG_SOFTMAX", tflite=("FLOAT32", "INT8", "UINT8"), tflm=("FLOAT32", "INT8"))
def log_softmax(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    shape = draw(shapes())
    x = y = TensorSpec(shape, type)
    if type is not TensorType.FLOAT32:
        # both runtimes abort if the scale is not above 2^-26
        x = TensorSpec(shape, type, draw(scales(-25, 4)), draw(zero_points(type)))
        y = TensorSpec(shape, type, 1 / 16, 127 if type is TensorType.INT8 else 255)
    model = single_op_model("LOG_SOFTMAX", [x], [y])
    return Problem(model, [[draw(values(shape, type))] for _ in range(draw(st.integers(1, 2)))])
