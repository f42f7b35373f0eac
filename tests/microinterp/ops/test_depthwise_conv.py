"""DEPTHWISE_CONV_2D against the native runtimes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from microinterp.errors import MicrointerpError, PrepareError
from microinterp.model.ir import TensorType
from microinterp.model.schema import Padding
from tests.oracles import RUNTIME_NAMES, RuntimeName
from tests.problems.convolutions import FORMS, random_values
from tests.single_op import TensorSpec, check_against_oracle, run_ours, single_op_model


@pytest.mark.parametrize("form", ["UINT8", "FLOAT32, INT8 weights"])
def test_tflm_has_other_types(form: str) -> None:
    assert not check_against_oracle(*model_of(form), "tflm")


def model_of(
    form: str = "INT8",
    weights: tuple[int, ...] = (1, 3, 3, 4),
    bias: tuple[int, ...] = (4,),
    bias_type: TensorType | None = None,
    **options: Any,
) -> tuple[bytes, list[list[Any]]]:
    """A model with two input and four output channels."""
    types, rng = FORMS[form], np.random.default_rng(0)
    integer = types.image is not TensorType.FLOAT32
    float_weights = types.weights is TensorType.FLOAT32
    specs = [
        TensorSpec((1, 5, 5, 2), types.image, 0.5 if integer else None, 0 if integer else None),
        TensorSpec(
            weights,
            types.weights,
            None if float_weights else 0.01,
            None if float_weights else 0,
            data=random_values(rng, weights, types.weights),
        ),
        TensorSpec(
            bias,
            bias_type or types.bias,
            0.005 if integer else None,
            0 if integer else None,
            data=np.arange(bias[-1]),
        ),
    ]
    given_options = {"padding": Padding.SAME, "stride_h": 1, "stride_w": 1, "depth_multiplier": 2, **options}
    out = TensorSpec((1, 5, 5, 4), types.image, 1.0 if integer else None, 0 if integer else None)
    model = single_op_model("DEPTHWISE_CONV_2D", specs, [out], given_options, version=5)
    return model, [[random_values(rng, (1, 5, 5, 2), types.image)]]


@pytest.mark.parametrize("depth_multiplier", [0, 1, 2, 3])
@pytest.mark.parametrize("form", ["FLOAT32", "INT8", "INT16"])
def test_the_option_depth_multiplier(form: str, depth_multiplier: int) -> None:
    model, invokes = model_of(form, depth_multiplier=depth_multiplier)
    assert check_against_oracle(model, invokes, "tflite")
    if depth_multiplier == 2:
        assert check_against_oracle(model, invokes, "tflm")
    else:
        # TFLM leaves some outputs unwritten (all of them for 0), or reads and writes beyond the tensors (for 3)
        with pytest.raises(PrepareError, match="depth_multiplier"):
            run_ours(model, invokes, "tflm")


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize("dilation", [5, 2000])
@pytest.mark.parametrize("form", ["FLOAT32", "INT8"])
def test_windows_far_larger_than_the_image(runtime: RuntimeName, form: str, dilation: int) -> None:
    model, invokes = model_of(form, dilation_h_factor=dilation, dilation_w_factor=dilation)
    assert check_against_oracle(model, invokes, runtime)


@pytest.mark.parametrize(
    "changes",
    [
        {"stride_w": 0},
        {"dilation_h_factor": -1},
        {"padding": 2},
        {"weights": (2, 3, 3, 2)},
        {"weights": (1, 3, 3, 3), "bias": (3,)},
        {"bias": (3,)},
        {"form": "INT16", "bias_type": TensorType.INT32},  # TFLM reads it as int64
        {"form": "FLOAT32, INT8 weights"},  # LiteRT reads three scales behind the only one
    ],
)
@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_refuses_what_makes_no_sense(runtime: RuntimeName, changes: dict[str, Any]) -> None:
    # LiteRT refuses most of it; TFLM divides by zero or computes with whatever lies behind the tensors
    model, invokes = model_of(**changes)
    with pytest.raises(MicrointerpError):
        run_ours(model, invokes, runtime)


def test_dimensions_of_the_bias() -> None:
    model, invokes = model_of(bias=(1, 4))
    assert check_against_oracle(model, invokes, "tflm")
    assert not check_against_oracle(model, invokes, "tflite")
