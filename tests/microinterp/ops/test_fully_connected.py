"""FULLY_CONNECTED against the native runtimes."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microinterp.errors import PrepareError
from microinterp.model.ir import NUMPY_TYPES
from microinterp.model.ir import TensorType as T
from microinterp.model.reader import read_model
from microinterp.model.writer import write_model
from tests.oracles import RUNTIME_NAMES, RuntimeName
from tests.single_op import TensorSpec, check_against_oracle, run_ours, single_op_model

Array = np.ndarray[Any, Any]
Problem = tuple[bytes, list[list[Array]]]

LIMITS = {T.INT4: (-8, 7), T.INT2: (-2, 1)}

# (input, weights, output, bias)
LITERT_INTEGERS = [
    (T.INT8, T.INT8, T.INT8, T.INT32),
    (T.INT8, T.INT4, T.INT8, T.INT32),
    (T.INT8, T.INT2, T.INT8, T.INT32),
    (T.UINT8, T.UINT8, T.UINT8, T.INT32),
    (T.UINT8, T.UINT8, T.INT16, T.INT32),
    (T.INT16, T.INT8, T.INT16, T.INT32),
    (T.INT16, T.INT8, T.INT16, T.INT64),
    (T.INT16, T.INT4, T.INT16, T.INT64),
    (T.INT16, T.INT16, T.INT16, T.INT32),
    (T.INT16, T.INT16, T.INT16, T.INT64),
    (T.INT8, T.INT8, T.INT8, T.INT64),  # taken for int32, word by word
]
TFLM_INTEGERS = [
    (T.INT8, T.INT8, T.INT8, T.INT32),
    (T.INT8, T.INT4, T.INT8, T.INT32),
    (T.INT16, T.INT8, T.INT16, T.INT32),
    (T.INT16, T.INT8, T.INT16, T.INT64),
    (T.INT8, T.INT8, T.INT8, T.INT64),
]
INTEGERS: list[tuple[RuntimeName, tuple[T, T, T, T]]] = [
    *(("tflite", types) for types in LITERT_INTEGERS),
    *(("tflm", types) for types in TFLM_INTEGERS),
]


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
def sizes(draw: st.DrawFn) -> tuple[tuple[int, ...], int, int, int, bool]:
    """The input's shape, rows, k, n, and whether to keep the dimensions."""
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
def integer_problems(draw: st.DrawFn, runtime: RuntimeName, types: tuple[T, T, T, T]) -> Problem:
    x_type, weights_type, output_type, bias_type = types
    shape, rows, k, n, keep = draw(sizes())
    bias_is_constant, weights_are_constant = draw(st.booleans()), draw(st.integers(0, 3)) > 0
    weights_are_constant |= weights_type in LIMITS  # the Python API cannot set packed inputs
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
    tflm_takes_any = runtime == "tflm" and x_type is T.INT16 and draw(st.booleans())
    x = TensorSpec(
        shape, x_type, x_scale, draw(st.integers(-99, 99) if tflm_takes_any else zero_points(x_type))
    )
    weights_zero_point = (
        0 if runtime == "tflite" and weights_type in LIMITS else draw(zero_points(weights_type))
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
    invokes = []
    for _ in range(draw(st.integers(1, 2))):
        arrays = [integers(draw, x_type, shape)]
        if not weights_are_constant:
            arrays.append(integers(draw, weights_type, (n, k)))
        if has_bias and not bias_is_constant:
            arrays.append(biases.reshape(bias.shape))
        invokes.append(arrays)
    return model, invokes


@pytest.mark.parametrize(("runtime", "types"), INTEGERS)
@given(data=st.data())
def test_integers_as_native(data: st.DataObject, runtime: RuntimeName, types: tuple[T, T, T, T]) -> None:
    model, invokes = data.draw(integer_problems(runtime, types))
    assert check_against_oracle(model, invokes, runtime)


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
    return model, invokes


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


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@given(data=st.data())
def test_float32_as_native(data: st.DataObject, runtime: RuntimeName) -> None:
    model, invokes = data.draw(float_problems(T.FLOAT32))
    assert check_against_oracle(model, invokes, runtime)


HYBRID_WEIGHTS = [T.INT8, T.UINT8, T.INT4, T.INT2]


@pytest.mark.parametrize("weights_type", HYBRID_WEIGHTS)
@given(data=st.data())
def test_hybrid_as_native(data: st.DataObject, weights_type: T) -> None:
    model, invokes = data.draw(float_problems(weights_type))
    assert check_against_oracle(model, invokes, "tflite")


def spec(
    type: T, shape: tuple[int, ...], scale: Any = None, zero_point: Any = 0, **others: Any
) -> TensorSpec:
    """A tensor, quantized if there is a scale."""
    return TensorSpec(shape, type, scale, None if scale is None else zero_point, **others)


class Layer:
    """A small layer that both runtimes accept, to change one thing of."""

    def __init__(
        self, runtime: RuntimeName, x: T = T.INT8, weights: T = T.INT8, output: T | None = None
    ) -> None:
        rng = np.random.default_rng(7)
        self.runtime: RuntimeName = runtime
        self.is_float = x is T.FLOAT32
        self.rows, self.k, self.n = 2, 6, 3
        self.types = x, weights, output or x
        self.x_shape: tuple[int, ...] = (self.rows, self.k)
        self.weights_shape: tuple[int, ...] = (self.n, self.k)
        self.output_shape: tuple[int, ...] = (self.rows, self.n)
        self.x_quantization: Any = None if self.is_float else 0.05
        self.weights_quantization: Any = None if weights is T.FLOAT32 else 0.01
        self.output_quantization: Any = None if self.is_float else 0.5
        self.weights_zero_point: Any = 0
        self.quantized_dimension = 0
        self.bias: TensorSpec | None = None
        self.options: dict[str, Any] = {}
        self.rng = rng

    def set_bias(self, type: T, size: int = 3, scale: float = 0.05 * 0.01) -> None:
        values = self.rng.integers(-1000, 1000, size).astype(NUMPY_TYPES[type])
        self.bias = spec(type, (size,), None if type is T.FLOAT32 else scale, data=values)

    def random(self, type: T, shape: tuple[int, ...]) -> Array:
        if type is T.FLOAT32:
            return self.rng.standard_normal(shape).astype(np.float32)
        low, high = limits(type)
        return self.rng.integers(low, high, shape, np.int64, endpoint=True).astype(NUMPY_TYPES[type])

    def build(self) -> Problem:
        x, weights, output = self.types
        data = self.random(weights, self.weights_shape)
        model = fully_connected_model(
            spec(x, self.x_shape, self.x_quantization),
            spec(
                weights,
                self.weights_shape,
                self.weights_quantization,
                self.weights_zero_point,
                quantized_dimension=self.quantized_dimension,
                data=data,
            ),
            self.bias,
            output,
            self.output_shape,
            {} if self.output_quantization is None else {"scale": self.output_quantization, "zero_point": 0},
            **self.options,
        )
        return model, [[self.random(x, self.x_shape)]]

    def is_accepted(self) -> bool:
        """Whether the native runtime accepts it, with our result, rather than refuse it, as we do."""
        return check_against_oracle(*self.build(), self.runtime)

    def is_refused_by_us(self) -> bool:
        """Whether we refuse it, whatever the native runtime does."""
        with pytest.raises(PrepareError):
            run_ours(*self.build(), self.runtime)
        return True


@pytest.mark.parametrize("activation", [4, 5])
@pytest.mark.parametrize("type", [T.INT8, T.FLOAT32])
@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_activations_that_do_not_clamp(runtime: RuntimeName, type: T, activation: int) -> None:
    layer = Layer(runtime, type, type)
    layer.options["fused_activation_function"] = activation
    assert layer.is_accepted() == (runtime == "tflm")


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize(
    ("distance", "accepted"), [(0.0099, True), (-0.0005, True), (0.0101, False), (float("nan"), False)]
)
def test_bias_must_have_the_product_of_the_scales(
    runtime: RuntimeName, distance: float, accepted: bool
) -> None:
    layer = Layer(runtime)
    layer.set_bias(T.INT32, scale=0.05 * 0.01 + distance)
    assert layer.is_accepted() == accepted


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_rows_without_their_own_scale(runtime: RuntimeName) -> None:
    for type in (T.INT8, T.FLOAT32) if runtime == "tflite" else (T.INT8,):
        layer = Layer(runtime, type)
        layer.weights_quantization, layer.weights_zero_point = [0.01, 0.02, 0.03, 0.04, 0.05, 0.06], [0] * 6
        layer.quantized_dimension = 1
        # LiteRT refuses where it requantizes; where it scales floats, and in TFLM, the first scales go to the rows
        assert layer.is_accepted() == (runtime == "tflm" or type is T.FLOAT32)


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_int4_weights(runtime: RuntimeName) -> None:
    layer = Layer(runtime, T.INT8, T.INT4)
    layer.weights_zero_point = 2
    assert layer.is_accepted() == (runtime == "tflm")
    layer.weights_quantization, layer.weights_zero_point = [0.01, 0.02, 0.03], [0] * 3
    assert layer.is_accepted() == (runtime == "tflite")


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize("tensor", ["x_quantization", "weights_quantization", "output_quantization"])
@pytest.mark.parametrize("has_bias", [False, True])
def test_without_quantization(runtime: RuntimeName, tensor: str, has_bias: bool) -> None:
    layer = Layer(runtime)
    setattr(layer, tensor, None)
    if has_bias:
        layer.set_bias(T.INT32)
    if tensor == "output_quantization":
        assert layer.is_accepted() == (not has_bias)
    else:
        assert layer.is_accepted() == (runtime == "tflm")


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize(
    ("bias", "option", "accepted"),
    [
        (None, T.FLOAT32, True),
        (None, T.INT32, True),
        (None, T.INT8, False),
        (T.INT64, T.FLOAT32, True),
        (T.INT64, T.INT64, True),
        (T.INT64, T.INT32, False),
        (T.INT32, T.INT32, True),
        (T.INT32, T.INT64, False),
    ],
)
def test_bias_types_of_int16(runtime: RuntimeName, bias: T | None, option: T, accepted: bool) -> None:
    layer = Layer(runtime, T.INT16)
    layer.output_quantization = 0.003
    if bias is not None:
        layer.set_bias(bias)
    layer.options["quantized_bias_type"] = option
    assert layer.is_accepted() == (accepted or runtime == "tflm")


def test_int32_bias_of_int16_without_the_option() -> None:
    # LiteRT's reference kernel reads int64 from the int32 bias, and beyond its end: no result to compare with. We
    # give what it gives with the option.
    layer, with_option = Layer("tflite", T.INT16), Layer("tflite", T.INT16)
    with_option.options["quantized_bias_type"] = T.INT32
    for each in (layer, with_option):
        each.set_bias(T.INT32)
    model, invokes = with_option.build()
    assert check_against_oracle(model, invokes, "tflite")
    (expected,) = run_ours(model, invokes, "tflite")
    (actual,) = run_ours(*layer.build(), "tflite")
    assert actual[0].tolist() == expected[0].tolist()


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_shapes_that_do_not_fit(runtime: RuntimeName) -> None:
    keeps = Layer(runtime)
    keeps.x_shape, keeps.options = (4, 3), {"keep_num_dims": True}
    assert keeps.is_accepted() == (runtime == "tflm")

    remainder = Layer(runtime)  # two rows of six, and two elements more
    remainder.x_shape = (2, 7)
    assert remainder.is_accepted()

    matrix = Layer(runtime)
    matrix.weights_shape = (1, 3, 6)
    assert matrix.is_refused_by_us()  # TFLM takes it for a matrix

    longer = Layer(runtime)
    longer.set_bias(T.INT32, size=5)
    assert longer.is_accepted() == (runtime == "tflm")

    shorter = Layer(runtime)
    shorter.set_bias(T.INT32, size=2)
    assert shorter.is_refused_by_us()  # TFLM reads beyond its end


def test_tflm_computes_the_output_that_the_model_describes() -> None:
    layer = Layer("tflm")
    layer.output_shape = (2, 1, 3)
    assert layer.is_accepted()
    layer.output_shape = (1, 3)
    assert layer.is_accepted()
    layer.output_shape = (3, 3)
    assert layer.is_refused_by_us()  # TFLM reads beyond the end of the input
    layer.output_shape = (2, 2)
    assert layer.is_refused_by_us()


@pytest.mark.parametrize(
    ("x", "weights", "output"),
    [
        (T.INT8, T.INT8, T.INT16),
        (T.INT16, T.INT8, T.INT8),
        (T.UINT8, T.UINT8, T.INT8),
        (T.UINT8, T.INT8, T.UINT8),
        (T.INT8, T.UINT8, T.INT8),
    ],
)
def test_refuses_types_that_litert_takes_for_others(x: T, weights: T, output: T) -> None:
    # LiteRT goes by the type of the output alone, and takes the bytes of the other tensors for that type
    assert Layer("tflite", x, weights, output).is_refused_by_us()


def test_refuses_what_litert_dies_of() -> None:
    assert Layer("tflite", T.UINT8, T.UINT8, T.INT16).is_refused_by_us()  # without a bias


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize(
    ("x", "weights"), [(T.FLOAT32, T.INT16), (T.INT8, T.INT16), (T.INT32, T.INT32), (T.FLOAT32, T.INT8)]
)
def test_element_types(runtime: RuntimeName, x: T, weights: T) -> None:
    layer = Layer(runtime, x, weights)
    assert layer.is_accepted() == (runtime == "tflite" and (x, weights) == (T.FLOAT32, T.INT8))


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize("types", [(T.INT8, T.INT32), (T.FLOAT32, T.FLOAT32)])
@pytest.mark.parametrize("sizes", [(2, 0, 3), (0, 6, 3), (2, 6, 0)])
def test_sizes_of_zero(runtime: RuntimeName, types: tuple[T, T], sizes: tuple[int, int, int]) -> None:
    rows, k, n = sizes
    layer = Layer(runtime, types[0], types[0])
    layer.x_shape, layer.weights_shape, layer.output_shape = (rows, k), (n, k), (rows, n)
    if n:
        layer.set_bias(types[1])
    # TFLM refuses empty outputs, but sums up nothing to the bias; LiteRT gives zeros then
    assert layer.is_accepted() == (runtime == "tflite" or k == 0)


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize("type", [T.INT8, T.INT16, T.FLOAT32])
@pytest.mark.parametrize(("rows", "k", "n"), [(700, 20, 100), (3, 2100, 40), (1, 5000, 3)])
def test_large_layers(runtime: RuntimeName, type: T, rows: int, k: int, n: int) -> None:
    layer = Layer(runtime, type, T.FLOAT32 if type is T.FLOAT32 else T.INT8)
    layer.x_shape, layer.weights_shape, layer.output_shape = (rows, k), (n, k), (rows, n)
    assert layer.is_accepted()


def test_litert_multiplies_scales_in_float32() -> None:
    # the product of these scales, rounded to float32, gives another 15-bit multiplier than the exact one
    x_scale, weights_scale = 0.00071926805, 0.00051467796
    weights = TensorSpec((1, 1), T.INT16, weights_scale, 0, data=np.array([[32767]]))
    x = TensorSpec((2000, 1), T.INT16, x_scale, 0)
    model = fully_connected_model(x, weights, None, T.INT16, (2000, 1), {"scale": 0.01, "zero_point": 0})
    values = np.linspace(-32768, 32767, 2000).astype(np.int16)[:, None]
    assert check_against_oracle(model, [[values]], "tflite")


def test_hybrid_of_zeros_is_the_bias() -> None:
    weights = TensorSpec((2, 3), T.INT8, 0.01, 0, data=np.ones((2, 3)))
    bias = TensorSpec((2,), T.FLOAT32, data=[-0.0, 1.5])
    model = fully_connected_model(TensorSpec((2, 3), T.FLOAT32), weights, bias, T.FLOAT32, (2, 2))
    zeros, one_row = np.zeros((2, 3), np.float32), np.array([[0, 0, 0], [1, 2, 3]], np.float32)
    assert check_against_oracle(model, [[zeros], [one_row]], "tflite")


@pytest.mark.parametrize("fill", [-128, 127])
def test_hybrid_sums_of_weights_wrap(fill: int) -> None:
    k = 2104
    weights = TensorSpec((3, k), T.INT8, 0.01, 0, data=np.full((3, k), fill))
    x = TensorSpec((2, k), T.FLOAT32)
    model = fully_connected_model(x, weights, None, T.FLOAT32, (2, 3), asymmetric_quantize_inputs=True)
    values = np.random.default_rng(1).uniform(0.5, 1, (2, k)).astype(np.float32)
    assert check_against_oracle(model, [[values]], "tflite")


def test_hybrid_sums_of_weights_are_made_once() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.integers(-127, 128, (2, 3, 20)).astype(np.int8)
    x = rng.uniform(0, 1, (2, 20)).astype(np.float32)
    model = fully_connected_model(
        TensorSpec(x.shape, T.FLOAT32),
        TensorSpec(first.shape, T.INT8, 0.01, 0),
        None,
        T.FLOAT32,
        (2, 3),
        asymmetric_quantize_inputs=True,
    )
    invokes = [[0 * x, second], [x, first], [x, second], [0 * x, second], [x, first]]
    assert check_against_oracle(model, invokes, "tflite")


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_refuses_shuffled_weights(runtime: RuntimeName) -> None:
    layer = Layer(runtime)
    layer.options["weights_format"] = 1
    assert layer.is_refused_by_us()  # TFLM ignores the option, no converter sets it for int8


def with_sparse_weights(model: bytes, k: int) -> bytes:
    """The model, its weights declared to be stored as the last `k - 1` elements of each row."""
    read = read_model(model)
    graph = read.subgraphs[0]
    n = (graph.tensors[1].shape or ())[0]
    sparsity = {
        "traversal_order": (0, 1),
        "block_map": None,
        "dim_metadata": (
            {"format": 0, "dense_size": n},
            {
                "format": 1,
                "array_segments": ("Int32Vector", {"values": tuple(range(0, n * k, k - 1)[: n + 1])}),
                "array_indices": ("Int32Vector", {"values": tuple(range(1, k)) * n}),
            },
        ),
    }
    tensors = (graph.tensors[0], replace(graph.tensors[1], sparsity=sparsity), *graph.tensors[2:])
    return write_model(replace(read, subgraphs=(replace(graph, tensors=tensors),)))


@pytest.mark.parametrize("type", [T.FLOAT32, T.INT8])
@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_sparse_weights(runtime: RuntimeName, type: T) -> None:
    model, invokes = Layer(runtime, type, type).build()
    sparse = with_sparse_weights(model, 6)
    if runtime == "tflite":
        assert check_against_oracle(sparse, invokes, runtime) == (type is T.FLOAT32)
    else:  # TFLM takes what is stored for all there is
        with pytest.raises(PrepareError):
            run_ours(sparse, invokes, runtime)
