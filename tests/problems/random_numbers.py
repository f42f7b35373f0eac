"""RANDOM_UNIFORM, RANDOM_STANDARD_NORMAL, MULTINOMIAL and STABLEHLO_RNG_BIT_GENERATOR."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from microinterp.model.ir import TensorType
from tests.draw import numbers
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model
from tests.values import arbitrary_bits

FLOAT32, INT32, UINT64 = TensorType.FLOAT32, TensorType.INT32, TensorType.UINT64

_SEEDS = st.tuples(
    st.integers(0, 9) | st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1)
).filter(
    # with two seeds of 0 nothing can be foreseen, and 32 bits of a seed count
    lambda seeds: any(seed % 2**32 for seed in seeds)
)


@generator("RANDOM_UNIFORM", "RANDOM_STANDARD_NORMAL", tflite=("FLOAT32",))
def random(draw: st.DrawFn, operator: str, kind: str, runtime: RuntimeName) -> Problem:
    shape = np.array(draw(st.lists(st.integers(0, 9), max_size=4)), np.int32)
    if draw(st.booleans()):
        shape = np.append(shape[:2], 50).astype(np.int32)
    seed, seed2 = draw(_SEEDS)
    is_constant = draw(st.booleans())
    model = single_op_model(
        operator,
        [TensorSpec(shape.shape, INT32, data=shape if is_constant else None)],
        [TensorSpec(shape.tolist(), TensorType[kind])],
        {"seed": seed, "seed2": seed2},
    )
    return Problem(model, [[] if is_constant else [shape]] * 3)


@generator("MULTINOMIAL", tflite=("INT64", "INT32"))
def multinomial(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    shape = (draw(st.integers(1, 5)), draw(st.integers(0, 20).map(lambda n: n or 1) | st.just(300)))
    count = np.array(draw(st.integers(0, 40)), np.int32)
    seed, seed2 = draw(_SEEDS)
    constant = draw(st.tuples(st.booleans(), st.booleans()))
    logits = draw(numbers(FLOAT32, shape))
    if draw(st.booleans()):
        logits = np.clip(np.nan_to_num(logits), -3, 3).astype(np.float32)
    values = (logits, count)
    model = single_op_model(
        "MULTINOMIAL",
        [
            TensorSpec(value.shape, type, data=value if is_constant else None)
            for value, type, is_constant in zip(values, (FLOAT32, INT32), constant, strict=True)
        ],
        [TensorSpec((shape[0], int(count)), TensorType[kind])],
        {"seed": seed, "seed2": seed2},
    )
    fed = [value for value, is_constant in zip(values, constant, strict=True) if not is_constant]
    return Problem(model, [fed] * 3)


@generator("STABLEHLO_RNG_BIT_GENERATOR", tflite=("INT32", "INT64", "UINT32", "UINT64"))
def rng_bit_generator(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    algorithm = draw(st.integers(0, 2))
    size = 2 if algorithm == 2 else draw(st.sampled_from([2, 3]))
    if draw(st.integers(0, 19)) == 0:
        size = draw(st.integers(1, 4))  # LiteRT refuses all others
    shape = draw(st.lists(st.integers(0, 9), max_size=4))
    state = TensorSpec((size,), UINT64)
    model = single_op_model(
        "STABLEHLO_RNG_BIT_GENERATOR",
        [state],
        [state, TensorSpec(shape, TensorType[kind])],
        {"algorithm": algorithm},
    )
    states = [arbitrary_bits(draw, (size,), UINT64) for _ in range(2)]
    for values in states:
        if draw(st.booleans()):
            values[1:2] |= np.uint64(2**64 - 4)  # its lower half runs over, or all of it
            if draw(st.booleans()):
                values[1:2] &= np.uint64(2**32 - 1)
    return Problem(model, [[values] for values in states])
