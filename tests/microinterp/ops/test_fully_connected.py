"""FULLY_CONNECTED against the native runtimes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from microinterp.errors import PrepareError
from microinterp.model.ir import NUMPY_TYPES
from microinterp.model.ir import TensorType as T
from microinterp.model.reader import read_model
from microinterp.model.writer import write_model
from tests.oracles import RUNTIME_NAMES, RuntimeName
from tests.problems.fully_connected import fully_connected_model, limits
from tests.single_op import TensorSpec, check_against_oracle, run_ours

Array = np.ndarray[Any, Any]
Problem = tuple[bytes, list[list[Array]]]


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
