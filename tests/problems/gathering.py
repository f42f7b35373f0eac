"""GATHER and GATHER_ND."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from microinterp.model.ir import NUMPY_TYPES, TensorType
from microinterp.runtimes import RUNTIMES
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model
from tests.values import arbitrary_bits, movable_kinds, operand

Indices = tuple[TensorType, NDArray[Any]]


def _indices(draw: st.DrawFn, shape: list[int], limits: Any, runtime: RuntimeName) -> Indices:
    """Indices below `limits`; every tenth time one of them is out of range."""
    index_type = draw(st.sampled_from(RUNTIMES[runtime].index_types))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    indices = rng.integers(0, np.maximum(limits, 1), shape).astype(NUMPY_TYPES[index_type])
    if indices.size and draw(st.integers(0, 9)) == 7:
        wrong = draw(st.integers(-3, 5) | st.sampled_from([-(2**15), 2**15 - 1]))
        indices.flat[draw(st.integers(0, indices.size - 1))] = wrong
    return index_type, indices


def _problem(
    draw: st.DrawFn,
    operator: str,
    x: TensorSpec,
    indices: Indices,
    output: list[int],
    options: dict[str, Any] | None = None,
) -> Problem:
    values = arbitrary_bits(draw, x.shape, x.type)
    known = x.type is not TensorType.STRING and draw(st.integers(0, 3)) == 0
    # LiteRT computes what is constant at prepare, and its Python API cannot read the result if it is empty.
    known_indices = draw(st.booleans()) and not (known and 0 in output)
    positions, fed = operand(indices[1], indices[0], constant=known_indices)
    if known:
        x = TensorSpec(x.shape, x.type, data=values)
    model = single_op_model(operator, [x, positions], [TensorSpec(output, x.type)], options)
    fed = [*([] if known else [values]), *fed]
    return Problem(model, [fed, fed])


@generator("GATHER", **movable_kinds("GATHER"))
def gather(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    least = 0 if runtime == "tflite" and draw(st.integers(0, 9)) == 7 else 1
    most = 1 if type is TensorType.STRING else 5
    shape = draw(st.lists(st.integers(least, 4), min_size=1, max_size=most))
    axis = draw(st.integers(0, len(shape) - 1))
    batch_dims = draw(st.integers(0, axis))
    inner = draw(st.lists(st.integers(least, 3), max_size=3))
    if type is TensorType.INT4 and np.prod(shape[axis + 1 :]) % 2:  # the native kernel copies whole bytes
        shape[-1] = 2
        axis = min(axis, len(shape) - 2)
        if axis < 0:
            shape, axis = [*shape, 2], 0
        batch_dims = min(batch_dims, axis)
    index_type, positions = _indices(draw, shape[:batch_dims] + inner, shape[axis], runtime)
    # TFLM reads beyond the tensor; LiteRT does not look at positions for which there is nothing to copy
    if runtime == "tflm" or 0 in shape:
        positions = positions.clip(0, max(0, shape[axis] - 1)).astype(positions.dtype)
        if shape[axis] == 0:
            inner, positions = [0], np.zeros([*shape[:batch_dims], 0], positions.dtype)
    output = shape[:axis] + inner + shape[axis + 1 :]
    # negative ones are counted from the end of the positions' dimensions
    from_end = draw(st.sampled_from([0, positions.ndim])) if batch_dims < positions.ndim else 0
    options = {"axis": axis - draw(st.sampled_from([0, len(shape)])), "batch_dims": batch_dims - from_end}
    return _problem(draw, "GATHER", TensorSpec(shape, type), (index_type, positions), output, options)


@generator("GATHER_ND", **movable_kinds("GATHER_ND"))
def gather_nd(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    type = TensorType[kind]
    least = 0 if runtime == "tflite" and draw(st.integers(0, 9)) == 7 else 1
    shape = draw(st.lists(st.integers(least, 4), min_size=1, max_size=6))
    outer = draw(st.lists(st.integers(least, 3), max_size=3))
    components = draw(st.integers(0 if draw(st.integers(0, 9)) == 7 else 1, len(shape)))
    indices = _indices(draw, [*outer, components], shape[:components], runtime)
    return _problem(draw, "GATHER_ND", TensorSpec(shape, type), indices, outer + shape[components:])
