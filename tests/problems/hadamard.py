"""aeq.hadamard_rotation."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from microinterp.model.custom_options import encode_custom_options
from microinterp.model.ir import TensorType
from tests.draw import numbers
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model


@generator("aeq.hadamard_rotation", tflite=("FLOAT32", "INT32"))
def hadamard_rotation(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    size = 2 ** draw(st.integers(0, 9))
    count = draw(st.integers(0, 3))
    outer = tuple(draw(st.lists(st.integers(0, 3), min_size=1, max_size=2)))
    shape = (*outer, count * size)
    if draw(st.integers(0, 4)) == 0:
        shape = (*draw(st.sampled_from([(2,), (2, 3), (2, 5, 2)])), draw(st.integers(0, 99)))
        size = draw(st.sampled_from([size, size, 3, 12, -4]))
    options = {"hadamard_size": size, "random_binary_vector": [1, -1] * (size // 2)}
    model = single_op_model(
        "aeq.hadamard_rotation",
        [TensorSpec(shape, TensorType[kind])],
        [TensorSpec(shape, draw(st.sampled_from([TensorType.FLOAT32, TensorType[kind]])))],
        custom_options=encode_custom_options(options),
    )
    values = draw(numbers(TensorType.FLOAT32, shape))
    # of two different NaNs a sum has now the first, now the second: let all be the one that inf − inf has
    values[np.isnan(values)] = np.copysign(np.float32(np.nan), np.float32(-1))
    return Problem(model, [[values.view(np.int32) if kind == "INT32" else values]])
