"""CONV_2D against the native runtimes."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microinterp import Interpreter
from microinterp.errors import MicrointerpError, PrepareError
from microinterp.model.ir import NUMPY_TYPES, TensorType
from microinterp.model.schema import Padding
from microinterp.ops import conv
from tests.draw import FEWER_EXAMPLES
from tests.oracles import RUNTIME_NAMES, RuntimeName
from tests.problems.convolutions import FORMS, convolutions, random_values
from tests.single_op import TensorSpec, check_against_oracle, run_ours, single_op_model


@pytest.mark.parametrize("operator", ["CONV_2D", "DEPTHWISE_CONV_2D"])
@pytest.mark.parametrize("form", ["FLOAT32", "INT8", "INT16", "FLOAT32, INT8 weights"])
@FEWER_EXAMPLES
@given(data=st.data())
def test_as_a_convolution_even_if_so_small(operator: str, form: str, data: st.DataObject) -> None:
    problem = data.draw(convolutions(operator, "tflite", FORMS[form]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conv, "_FEW_OUTPUTS", 0)
        patch.setattr(conv, "_FEW_PRODUCTS", 0)
        check_against_oracle(problem.model, problem.invokes, "tflite")


@pytest.mark.parametrize("form", ["UINT8", "FLOAT32, INT8 weights"])
def test_tflm_has_other_types(form: str) -> None:
    assert not check_against_oracle(*model_of(form), "tflm")


def model_of(
    form: str = "INT8",
    image: tuple[int, ...] = (1, 5, 5, 4),
    weights: tuple[int, ...] = (4, 3, 3, 4),
    output: tuple[int, ...] = (1, 5, 5, 4),
    bias: tuple[int, ...] = (4,),
    weight_scale: float | list[float] | None = 0.01,
    **options: Any,
) -> tuple[bytes, list[list[Any]]]:
    types, rng = FORMS[form], np.random.default_rng(0)
    integer = types.image is not TensorType.FLOAT32
    zero_points = [0] * len(weight_scale) if isinstance(weight_scale, list) else 0
    unquantized = types.weights is TensorType.FLOAT32 or weight_scale is None
    specs = [
        TensorSpec(image, types.image, 0.5 if integer else None, 0 if integer else None),
        TensorSpec(
            weights,
            types.weights,
            None if unquantized else weight_scale,
            None if unquantized else zero_points,
            data=random_values(rng, weights, types.weights),
        ),
        TensorSpec(
            bias, types.bias, 0.005 if integer else None, 0 if integer else None, data=np.arange(bias[-1])
        ),
    ]
    given_options = {"padding": Padding.SAME, "stride_h": 1, "stride_w": 1, **options}
    out = TensorSpec(output, types.image, 1.0 if integer else None, 0 if integer else None)
    model = single_op_model("CONV_2D", specs, [out], given_options, version=5)
    return model, [[random_values(rng, image, types.image)]]


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize("form", ["FLOAT32", "INT8"])
@pytest.mark.parametrize("dilation", [5, 100, 2000])
def test_windows_far_larger_than_the_image(runtime: RuntimeName, form: str, dilation: int) -> None:
    model, invokes = model_of(form, dilation_h_factor=dilation, dilation_w_factor=dilation)
    assert check_against_oracle(model, invokes, runtime)


@pytest.mark.parametrize(
    "changes",
    [
        {"stride_w": 0},
        {"stride_h": -1},
        {"dilation_w_factor": 0},
        {"padding": 2},
        {"weights": (4, 3, 3, 3)},  # channels that do not divide into groups
        {"weights": (5, 3, 3, 2), "bias": (5,), "output": (1, 5, 5, 5)},  # filters that do not
        {"bias": (3,)},
        {"image": (1, 5, 4), "output": (1, 5, 4)},
        {"weights": (4, 9, 9, 4), "padding": Padding.VALID},
        {"weight_scale": [0.01, 0.02]},
        {"weight_scale": None},
        {"form": "UINT8", "weight_scale": [0.01, 0.02, 0.03, 0.04]},
        {
            "form": "FLOAT32, INT8 weights",
            "weights": (4, 3, 3, 2),
        },  # LiteRT reads three scales behind the only one
    ],
)
@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_refuses_what_makes_no_sense(runtime: RuntimeName, changes: dict[str, Any]) -> None:
    # LiteRT refuses most of it; TFLM divides by zero or computes with whatever lies behind the tensors
    model, invokes = model_of(**changes)
    with pytest.raises(MicrointerpError):
        run_ours(model, invokes, runtime)


def test_filters_without_a_scale() -> None:
    assert check_against_oracle(*model_of("FLOAT32, INT8 weights", weight_scale=None), "tflite")


@pytest.mark.parametrize("option", [TensorType.FLOAT32, TensorType.INT32, TensorType.INT64])
@pytest.mark.parametrize("form", ["INT16", "INT16, INT32 bias"])
def test_the_type_of_the_bias_of_int16(form: str, option: TensorType) -> None:
    model, invokes = model_of(form, quantized_bias_type=option)
    assert check_against_oracle(model, invokes, "tflm")
    if form == "INT16, INT32 bias" and option is TensorType.FLOAT32:
        # LiteRT takes this int32 bias for int64, and reads twice its size
        with pytest.raises(PrepareError, match="quantized_bias_type"):
            run_ours(model, invokes, "tflite")
    else:
        agrees = option == FORMS[form].bias or option is TensorType.FLOAT32
        assert check_against_oracle(model, invokes, "tflite") == agrees


@pytest.mark.parametrize("form", ["FLOAT32", "INT8", "INT16", "FLOAT32, INT8 weights"])
def test_a_large_image_needs_little_memory(form: str) -> None:
    image = (1, 700, 700, 4)
    model, invokes = model_of(form, image=image, output=image)
    interpreter = Interpreter(model_content=model)
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, invokes[0][0])
    tracemalloc.start()
    interpreter.invoke()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    whole_image = np.prod(image) * NUMPY_TYPES[FORMS[form].image].itemsize
    # a matrix of all windows would have nine times the image's elements, in floats
    assert peak < 8_000_000 + (4 * whole_image if FORMS[form].is_hybrid else 0)
