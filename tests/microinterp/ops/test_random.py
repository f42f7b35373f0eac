"""Random numbers: seeds, batches, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from microinterp import Interpreter
from microinterp.model.ir import TensorType
from tests.oracles import available
from tests.single_op import TensorSpec, assert_same_bytes, check_against_oracle, run_ours, single_op_model

FLOAT32, INT32, INT64, UINT64 = TensorType.FLOAT32, TensorType.INT32, TensorType.INT64, TensorType.UINT64
SHAPE = TensorSpec((2,), INT32, data=[3, 5])


def random_model(operator: str = "RANDOM_UNIFORM", type: TensorType = FLOAT32, **seeds: int) -> bytes:
    return single_op_model(operator, [SHAPE], [TensorSpec((3, 5), type)], seeds)


@pytest.mark.parametrize("operator", ["RANDOM_UNIFORM", "RANDOM_STANDARD_NORMAL"])
def test_without_seeds_no_two_streams_are_equal(operator: str) -> None:
    streams = [run_ours(random_model(operator), [[], []], "tflite") for _ in range(2)]
    draws = [draw[0].tobytes() for stream in streams for draw in stream]
    assert len(set(draws)) == 4


def test_streams_begin_anew_where_a_new_shape_is_allocated() -> None:
    if reason := available("tflite"):
        pytest.skip(reason)
    from ai_edge_litert.interpreter import Interpreter as LiteRT

    model = single_op_model(
        "MULTINOMIAL",
        [TensorSpec((2, 9), FLOAT32), TensorSpec((), INT32, data=6)],
        [TensorSpec((2, 6), INT64)],
        {"seed": 8},
    )
    native, ours = LiteRT(model_content=model), Interpreter(model_content=model)
    for size in (2, 2, 3, 2):
        results = []
        for interpreter in (native, ours):
            index = interpreter.get_input_details()[0]["index"]
            interpreter.resize_tensor_input(index, [size, 9])
            interpreter.allocate_tensors()
            interpreter.set_tensor(index, np.zeros((size, 9), np.float32))
            interpreter.invoke()
            results.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
        assert_same_bytes(results[1], results[0], f"size {size}")


def test_a_batch_goes_on_in_the_stream() -> None:
    logits = np.random.default_rng(1).standard_normal((7, 2, 9)).astype(np.float32)
    model = single_op_model(
        "MULTINOMIAL",
        [TensorSpec((2, 9), FLOAT32), TensorSpec((), INT32, data=6)],
        [TensorSpec((2, 6), INT64)],
        {"seed": 8},
    )
    expected = run_ours(model, [[sample] for sample in logits], "tflite")
    batch = Interpreter(model_content=model).run_batch(logits, batch_size=3)
    assert_same_bytes(np.asarray(batch), np.stack([outputs[0] for outputs in expected]), "batch")


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(random_model(type=INT32, seed=1), id="type"),
        pytest.param(
            single_op_model(
                "RANDOM_UNIFORM", [TensorSpec((2,), INT64, data=[3, 5])], [TensorSpec((3, 5), FLOAT32)]
            ),
            id="type of the shape",
        ),
        pytest.param(
            single_op_model("RANDOM_UNIFORM", [TensorSpec((), INT32, data=3)], [TensorSpec((3,), FLOAT32)]),
            id="rank of the shape",
        ),
        pytest.param(
            single_op_model(
                "RANDOM_UNIFORM", [TensorSpec((2,), INT32, data=[3, -5])], [TensorSpec((3, 5), FLOAT32)]
            ),
            id="negative shape",
        ),
    ],
)
def test_refusals(model: bytes) -> None:
    assert not check_against_oracle(model, [[]], "tflite")


def multinomial_model(
    logits: tuple[int, ...], samples: Any, output: TensorType = INT64, shape: tuple[int, ...] = ()
) -> bytes:
    return single_op_model(
        "MULTINOMIAL",
        [TensorSpec(logits, FLOAT32), TensorSpec(shape, INT32, data=samples)],
        [TensorSpec((2, 3), output)],
        {"seed": 1},
    )


@pytest.mark.parametrize(
    ("logits", "model"),
    [
        ((2, 0), multinomial_model((2, 0), 3)),
        ((4,), multinomial_model((4,), 3)),
        ((2, 4, 1), multinomial_model((2, 4, 1), 3)),
        ((2, 4), multinomial_model((2, 4), -3)),
        ((2, 4), multinomial_model((2, 4), [3], shape=(1,))),
        ((2, 4), multinomial_model((2, 4), 3, FLOAT32)),
    ],
)
def test_multinomial_refuses(logits: tuple[int, ...], model: bytes) -> None:
    assert not check_against_oracle(model, [[np.zeros(logits, np.float32)]], "tflite")


@pytest.mark.parametrize(
    ("algorithm", "state", "next_state", "output"),
    [
        (2, (3,), (3,), INT32),
        (1, (4,), (4,), INT32),
        (1, (2,), (3,), INT32),
        (1, (1, 2), (1, 2), INT32),
        (1, (2,), (2,), FLOAT32),
    ],
)
def test_rng_bit_generator_refuses(
    algorithm: int, state: tuple[int, ...], next_state: tuple[int, ...], output: TensorType
) -> None:
    model = single_op_model(
        "STABLEHLO_RNG_BIT_GENERATOR",
        [TensorSpec(state, UINT64)],
        [TensorSpec(next_state, UINT64), TensorSpec((5,), output)],
        {"algorithm": algorithm},
    )
    assert not check_against_oracle(model, [[np.zeros(state, np.uint64)]], "tflite")
