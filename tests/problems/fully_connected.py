"""FULLY_CONNECTED."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from microinterp.model.ir import NUMPY_TYPES
from microinterp.model.ir import TensorType as T
from microinterp.model.reader import read_model
from microinterp.model.writer import write_model
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model

Array = np.ndarray[Any, Any]

LIMITS = {T.INT4: (-8, 7), T.INT2: (-2, 1)}

# Element types of input, weights, output, bias.
INTEGERS = {
    "INT8": (T.INT8, T.INT8, T.INT8, T.INT32),
    "INT8, INT64 bias": (T.INT8, T.INT8, T.INT8, T.INT64),  # taken for int32, word by word
    "INT8, INT4 weights": (T.INT8, T.INT4, T.INT8, T.INT32),
    "INT8, INT2 weights": (T.INT8, T.INT2, T.INT8, T.INT32),
    "UINT8": (T.UINT8, T.UINT8, T.UINT8, T.INT32),
    "UINT8, INT16 output": (T.UINT8, T.UINT8, T.INT16, T.INT32),
    "INT16": (T.INT16, T.INT8, T.INT16, T.INT64),
    "INT16, INT32 bias": (T.INT16, T.INT8, T.INT16, T.INT32),
    "INT16, INT4 weights": (T.INT16, T.INT4, T.INT16, T.INT64),
    "INT16, INT16 weights": (T.INT16, T.INT16, T.INT16, T.INT64),
    "INT16, INT16 weights, INT32 bias": (T.INT16, T.INT16, T.INT16, T.INT32),
}
FLOATS = {
    "FLOAT32": T.FLOAT32,
    **{f"FLOAT32, {weights.name} weights": weights for weights in (T.INT8, T.UINT8, T.INT4, T.INT2)},
}


@generator(
    "FULLY_CONNECTED",
    tflite=(*FLOATS, *INTEGERS, "INT8, sparse weights"),
    tflm=("FLOAT32", "INT8", "INT8, INT64 bias", "INT8, INT4 weights", "INT16", "INT16, INT32 bias"),
)
def layers(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    if kind in FLOATS:
        return draw(float_problems(FLOATS[kind]))
    if kind == "INT8, sparse weights":
        return draw(integer_problems(runtime, INTEGERS["INT8"], are_sparse=True))
    return draw(integer_problems(runtime, INTEGERS[kind]))


def limits(type: T) -> tuple[int, int]:
    """The least and the greatest value of an integer type."""
    info = np.iinfo(NUMPY_TYPES[type])
    return LIMITS.get(type, (int(info.min), int(info.max)))


def integers(draw: st.DrawFn, type: T, shape: tuple[int, ...]) -> Array:
    """Random integers: of the whole range, or with many extremes, or small."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    low, high = limits(type)
    kind = draw(st.sampled_from(["any", "extremes", "small", "lowest"]))
    if kind == "small":
        low, high = max(low, -3), min(high, 3)
    values = rng.integers(low, high, shape, np.int64, endpoint=True)
    if kind == "extremes":
        values = np.where(rng.random(shape) < 0.5, rng.choice([low, high], shape), values)
    if kind == "lowest":
        values = np.full(shape, low)
    return np.asarray(values).astype(NUMPY_TYPES[type])


def floats(draw: st.DrawFn, shape: tuple[int, ...]) -> Array:
    """Random float32: of many magnitudes, zeros of both signs, huge ones, infinities and NaNs among them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    values = rng.standard_normal(shape) * 10.0 ** rng.integers(-2, 3, shape)
    # NaNs have the sign of inf − inf on x86: of two with different signs it is not defined which one survives
    special = draw(
        st.sampled_from([[], [0.0, -0.0], [1e-42, -1e-42], [1e38, -3e38], [np.inf], [np.inf, -np.nan]])
    )
    if special:
        values = np.where(
            rng.random(shape) < draw(st.sampled_from([0.1, 1.0])), rng.choice(special, shape), values
        )
    return values.astype(np.float32)


def zero_points(type: T) -> st.SearchStrategy[int]:
    low, high = limits(type)
    return (
        st.one_of(st.sampled_from([low, 0, high]), st.integers(low, high))
        if type is not T.INT16
        else st.just(0)
    )


@st.composite
def sizes(draw: st.DrawFn, *, has_blocks: bool = False) -> tuple[tuple[int, ...], int, int, int, bool]:
    """The input's shape, rows, k (a multiple of 16 if it has blocks), n, and whether to keep the dimensions."""
    if has_blocks:
        k = 16 * draw(st.integers(1, 5))
    else:
        k = draw(st.one_of(st.integers(1, 9), st.sampled_from([16, 17, 33, 64, 100])))
    n = draw(st.one_of(st.integers(1, 9), st.sampled_from([16, 33])))
    batch = draw(st.lists(st.integers(1, 4), max_size=3))
    rows = math.prod(batch)
    keep = draw(st.booleans())
    if keep:
        return (*batch, k), rows, k, n, True
    shape = draw(st.sampled_from([(*batch, k), (rows * k,), (rows, 1, k), (1, rows, k, 1), (k, rows)]))
    return shape, rows, k, n, False


def fully_connected_model(
    x: TensorSpec,
    weights: TensorSpec,
    bias: TensorSpec | None,
    output: T,
    output_shape: tuple[int, ...],
    quantization: dict[str, Any] | None = None,
    **options: Any,
) -> bytes:
    inputs: list[TensorSpec | None] = [x, weights]
    if bias is not None or len(x.shape) % 2:  # without bias, it is now omitted and now missing
        inputs.append(bias)
    return single_op_model(
        "FULLY_CONNECTED", inputs, [TensorSpec(output_shape, output, **(quantization or {}))], options
    )


@st.composite
def integer_problems(
    draw: st.DrawFn, runtime: RuntimeName, types: tuple[T, T, T, T], *, are_sparse: bool = False
) -> Problem:
    x_type, weights_type, output_type, bias_type = types
    shape, rows, k, n, keep = draw(sizes(has_blocks=are_sparse))
    bias_is_constant, weights_are_constant = draw(st.booleans()), draw(st.integers(0, 3)) > 0
    weights_are_constant |= are_sparse or weights_type in LIMITS  # the Python API cannot set packed inputs
    per_channel = (
        n > 1
        and x_type is not T.UINT8
        and not (runtime == "tflm" and weights_type is T.INT4)
        and draw(st.booleans())
    )
    has_bias = draw(st.booleans()) or (x_type, output_type) == (T.UINT8, T.INT16)
    x_scale = draw(st.sampled_from([1.0, 0.5, 0.0235, 0.00390625]))
    weights_scales = [draw(st.sampled_from([0.003, 0.25, 0.0107])) for _ in range(n if per_channel else 1)]
    # from multipliers above one down to such that all outputs are equal; sometimes exact powers of two
    reach = max(1, k) * 2.0 ** (sum(8 * NUMPY_TYPES[t].itemsize for t in (x_type, weights_type)) - 4)
    multiplier = draw(
        st.one_of(
            st.floats(-9, 2).map(lambda e: limits(output_type)[1] * 10**e / reach),
            st.integers(-20, 3).map(lambda e: 2.0**e),
        )
    )
    output_scale = float(np.float32(x_scale * weights_scales[0] / multiplier))
    weights = integers(draw, weights_type, (n, k))
    if are_sparse:  # −128 times −128: docs/native-bugs.md
        weights = np.maximum(weights, np.int8(-127))
    tflm_takes_any = runtime == "tflm" and x_type is T.INT16 and draw(st.booleans())
    x = TensorSpec(
        shape, x_type, x_scale, draw(st.integers(-99, 99) if tflm_takes_any else zero_points(x_type))
    )
    weights_zero_point = (
        0
        if are_sparse or (runtime == "tflite" and weights_type in LIMITS)
        else draw(zero_points(weights_type))
    )
    weights_spec = TensorSpec(
        (n, k),
        weights_type,
        weights_scales,
        [weights_zero_point] * len(weights_scales),
        data=weights if weights_are_constant else None,
    )
    magnitude = draw(st.sampled_from([0, 1000, 10**6, 2**31 - 1, 2**40]))
    if bias_type is T.INT32:
        magnitude = min(magnitude, 2**31 - 1)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    biases = rng.integers(-magnitude, magnitude, n, np.int64, endpoint=True).astype(NUMPY_TYPES[bias_type])
    bias = TensorSpec(
        draw(st.sampled_from([(n,), (1, n)])),
        bias_type,
        x_scale * weights_scales[0],
        0,
        data=biases if bias_is_constant else None,
    )
    options: dict[str, Any] = {
        "fused_activation_function": draw(st.integers(0, 3 if runtime == "tflite" else 5)),
        "keep_num_dims": keep,
    }
    if x_type is T.INT16 and (bias_type is T.INT32 or draw(st.booleans())):
        options["quantized_bias_type"] = bias_type
    elif weights_type is T.INT16 and bias_type is T.INT64:
        pass  # taken for int32, word by word
    model = fully_connected_model(
        x,
        weights_spec,
        bias if has_bias else None,
        output_type,
        (*shape[:-1], n) if keep else (rows, n),
        {
            "scale": output_scale,
            "zero_point": draw(st.integers(-99, 99) if tflm_takes_any else zero_points(output_type)),
        },
        **options,
    )
    if are_sparse:
        model = store_blocks(model, weights, draw(st.integers(0, 2**32)))
    invokes = []
    for _ in range(draw(st.integers(1, 2))):
        arrays = [integers(draw, x_type, shape)]
        if not weights_are_constant:
            arrays.append(integers(draw, weights_type, (n, k)))
        if has_bias and not bias_is_constant:
            arrays.append(biases.reshape(bias.shape))
        invokes.append(arrays)
    return Problem(model, invokes)


def store_blocks(content: bytes, weights: Array, seed: int) -> bytes:
    """The model, of whose weights about half the blocks of 1 × 16 are stored, and the others are zeros."""
    n, blocks = len(weights), weights.shape[1] // 16
    stored = np.random.default_rng(seed).random((n, blocks)) < 0.5
    stored[0, 0] = True  # a buffer without bytes is no constant
    segments = np.concatenate([[0], np.cumsum(stored.sum(axis=1))]).tolist()
    sparsity = {
        "traversal_order": (0, 1, 2),
        "block_map": (1,),
        "dim_metadata": (
            {"format": 0, "dense_size": n},
            {
                "format": 1,
                "array_segments": ("Int32Vector", {"values": tuple(segments)}),
                "array_indices": ("Int32Vector", {"values": tuple(np.nonzero(stored)[1].tolist())}),
            },
            {"format": 0, "dense_size": 16},
        ),
    }
    model = read_model(content)
    (graph,) = model.subgraphs
    tensors, buffers = list(graph.tensors), list(model.buffers)
    buffers[tensors[1].buffer] = np.frombuffer(weights.reshape(n, blocks, 16)[stored].tobytes(), np.uint8)
    tensors[1] = replace(tensors[1], sparsity=sparsity)
    return write_model(
        replace(model, subgraphs=(replace(graph, tensors=tuple(tensors)),), buffers=tuple(buffers))
    )


@st.composite
def float_problems(draw: st.DrawFn, weights_type: T) -> Problem:
    shape, rows, k, n, keep = draw(sizes())
    is_hybrid = weights_type is not T.FLOAT32
    weights_are_constant = weights_type in LIMITS or draw(st.integers(0, 3)) > 0
    bias_is_constant, has_bias = draw(st.booleans()), draw(st.booleans())

    def values() -> Array:
        return integers(draw, weights_type, (n, k)) if is_hybrid else floats(draw, (n, k))

    quantization: dict[str, Any] = {}
    if is_hybrid:
        count = n if draw(st.booleans()) else 1
        scales = [draw(st.sampled_from([0.003, 1.0, 0.0107])) for _ in range(count)]
        quantization = {"scale": scales, "zero_point": [0 if weights_type in LIMITS else 3] * count}
    weights = TensorSpec(
        (n, k), weights_type, **quantization, data=values() if weights_are_constant else None
    )
    biases = floats(draw, (n,))
    bias = TensorSpec((n,), T.FLOAT32, data=biases if bias_is_constant else None)
    model = fully_connected_model(
        TensorSpec(shape, T.FLOAT32),
        weights,
        bias if has_bias else None,
        T.FLOAT32,
        (*shape[:-1], n) if keep else (rows, n),
        fused_activation_function=draw(st.integers(0, 5 if is_hybrid else 3)),
        keep_num_dims=keep,
        asymmetric_quantize_inputs=draw(st.booleans()),
    )
    invokes = []
    for _ in range(draw(st.integers(1, 3))):
        arrays = [draw_activations(draw, shape) if is_hybrid else floats(draw, shape)]
        if not weights_are_constant:
            arrays.append(values())
        if has_bias and not bias_is_constant:
            arrays.append(biases)
        invokes.append(arrays)
    return Problem(model, invokes)


def draw_activations(draw: st.DrawFn, shape: tuple[int, ...]) -> Array:
    """Finite float32 to be quantized: ties, rows of zeros, one sign only, and whole inputs of zeros among them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    values = rng.standard_normal(shape) * 10.0 ** draw(st.integers(-5, 5))
    kind = draw(
        st.sampled_from(
            ["any", "any", "ties", "positive", "negative", "zero rows", "zeros", "negative zeros"]
        )
    )
    if kind == "ties":
        values = rng.integers(-254, 254, shape, endpoint=True) / 2
    elif kind == "positive":
        values = abs(values)
    elif kind == "negative":
        values = -abs(values)
    elif kind == "zero rows":
        values = values * rng.integers(0, 1, (*shape[:-1], 1), endpoint=True)
    elif kind in ("zeros", "negative zeros"):
        values = np.full(shape, 0.0 if kind == "zeros" else -0.0)
    return values.astype(np.float32)
