"""RNN, UNIDIRECTIONAL_SEQUENCE_RNN and BIDIRECTIONAL_SEQUENCE_RNN."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from microinterp.model.ir import NUMPY_TYPES, TensorType
from microinterp.model.schema import ActivationFunctionType
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model

FLOAT32 = TensorType.FLOAT32
KINDS = ("FLOAT32", "FLOAT32, INT8 weights", "FLOAT32, UINT8 weights")


class Numbers:
    """Random numbers for tensors, of a drawn seed and magnitude."""

    def __init__(self, draw: st.DrawFn, kind: str) -> None:
        self.rng = np.random.default_rng(draw(st.integers(0, 2**32)))
        self.magnitude = np.float32(draw(st.sampled_from([1e-3, 0.1, 1.0, 5.0, 1e4])))
        self.weight_type = FLOAT32 if kind == "FLOAT32" else TensorType[kind.split()[1]]
        # Rows are quantized with the range of their numbers, for which these must be finite
        self.special = kind == "FLOAT32" and draw(st.integers(0, 5)) == 0
        self.lowest = draw(st.integers(0, 3)) == 0

    def floats(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Float32 numbers; some rows are all zero."""
        x = self.rng.standard_normal(shape, np.float32) * self.magnitude
        x[self.rng.integers(0, 4, shape[:-1]) == 0] = 0
        if self.special:
            values = np.array([np.inf, -np.inf, 1e-44, -0.0, 3e38], np.float32)
            x = np.where(self.rng.random(shape) < 0.05, self.rng.choice(values, shape), x)
        return x

    def variable(self, *shape: int) -> TensorSpec:
        return TensorSpec(shape, FLOAT32, is_variable=True)

    def bias(self, size: int) -> TensorSpec:
        return TensorSpec((size,), FLOAT32, data=self.rng.standard_normal(size, np.float32) * self.magnitude)

    def weights(self, *shape: int) -> TensorSpec:
        if self.weight_type is FLOAT32:
            return TensorSpec(shape, FLOAT32, data=self.rng.standard_normal(shape, np.float32))
        limits = np.iinfo(np.int8)
        end = limits.min + limits.max // 5 if self.lowest else limits.max + 1
        data = self.rng.integers(limits.min, end, shape).astype(np.int8).view(NUMPY_TYPES[self.weight_type])
        # states that grow without end meet infinities, which rows to be quantized are not compared with
        scale = float(self.rng.uniform(0.1, 1.5)) / (128 * max(1, shape[-1]))
        return TensorSpec(shape, self.weight_type, scale, 0, data=data)


def run_time_options(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "fused_activation_function": draw(st.sampled_from(ActivationFunctionType)),
        "asymmetric_quantize_inputs": draw(st.booleans()),
    }


def sizes(draw: st.DrawFn) -> tuple[int, int]:
    """Those of the input and of the cell."""
    return draw(st.integers(1, 40)), draw(st.integers(1, 20))


@generator("RNN", "UNIDIRECTIONAL_SEQUENCE_RNN", tflite=KINDS)
def one_way(draw: st.DrawFn, operator: str, kind: str, runtime: RuntimeName) -> Problem:
    numbers, (inputs, units) = Numbers(draw, kind), sizes(draw)
    batch, time = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    options = run_time_options(draw)
    leading: tuple[int, ...] = (batch,)
    if operator != "RNN":
        options["time_major"] = draw(st.booleans())
        leading = (time, batch) if options["time_major"] else (batch, time)
    tensors = [
        TensorSpec((*leading, inputs), FLOAT32),
        numbers.weights(units, inputs),
        numbers.weights(units, units),
        numbers.bias(units),
        numbers.variable(batch, units),
    ]
    model = single_op_model(operator, tensors, [TensorSpec((*leading, units), FLOAT32)], options, version=3)
    return Problem(model, [[numbers.floats((*leading, inputs))] for _ in range(3)])


@generator("BIDIRECTIONAL_SEQUENCE_RNN", tflite=KINDS)
def both_ways(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    numbers, (inputs, units) = Numbers(draw, kind), sizes(draw)
    batch, time, backward_units = draw(st.integers(1, 5)), draw(st.integers(1, 4)), draw(st.integers(1, 20))
    aux, merge, time_major = (
        draw(st.sampled_from(["", "backward", "both"])),
        draw(st.booleans()),
        draw(st.booleans()),
    )
    options = {**run_time_options(draw), "merge_outputs": merge, "time_major": time_major}
    # LiteRT steps through the auxiliary input by the size of the first (docs/native-bugs.md)
    is_same_size = aux == "backward" or kind != "FLOAT32" or time_major
    aux_size = inputs if is_same_size else draw(st.integers(1, 40))
    leading = (time, batch) if time_major else (batch, time)
    tensors: list[TensorSpec | None] = [TensorSpec((*leading, inputs), FLOAT32)]
    for n in (units, backward_units):
        tensors += [
            numbers.weights(n, inputs),
            numbers.weights(n, n),
            numbers.bias(n),
            numbers.variable(batch, n),
        ]
    tensors.append(TensorSpec((*leading, aux_size), FLOAT32) if aux else None)
    tensors += [numbers.weights(n, aux_size) if aux == "both" else None for n in (units, backward_units)]
    outputs = [units + backward_units] if merge else [units, backward_units]
    model = single_op_model(
        "BIDIRECTIONAL_SEQUENCE_RNN",
        tensors,
        [TensorSpec((*leading, n), FLOAT32) for n in outputs],
        options,
        version=3,
    )
    arrays = [(*leading, inputs), *([(*leading, aux_size)] if aux else [])]
    return Problem(model, [[numbers.floats(shape) for shape in arrays] for _ in range(3)])
