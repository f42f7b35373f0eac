"""GATHER and GATHER_ND against the native runtimes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from microinterp.errors import MicrointerpError
from microinterp.model.ir import NUMPY_TYPES, TensorType
from microinterp.runtimes import RUNTIMES
from tests.oracles import RUNTIME_NAMES, RuntimeName
from tests.single_op import TensorSpec, check_against_oracle, run_ours, single_op_model
from tests.values import Draw, arbitrary_bits, movable_types

FLOAT32, INT32, INT4 = TensorType.FLOAT32, TensorType.INT32, TensorType.INT4


def draw_indices(
    draw: Draw, shape: list[int], limits: Any, runtime: RuntimeName
) -> tuple[TensorType, np.ndarray[Any, Any]]:
    """Indices below `limits`; every fifth time one of them is out of range."""
    index_type = draw(st.sampled_from(RUNTIMES[runtime].index_types))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    indices = rng.integers(0, np.maximum(limits, 1), shape).astype(NUMPY_TYPES[index_type])
    if indices.size and draw(st.integers(0, 4)) == 0:
        wrong = draw(st.integers(-3, 5) | st.sampled_from([-(2**15), 2**15 - 1]))
        indices.flat[draw(st.integers(0, indices.size - 1))] = wrong
    return index_type, indices


def check(
    operator: str,
    draw: Draw,
    runtime: RuntimeName,
    element_type: TensorType,
    shape: list[int],
    indices: tuple[TensorType, np.ndarray[Any, Any]],
    output_shape: list[int],
    options: dict[str, Any] | None = None,
) -> bool:
    index_type, values = indices
    x = arbitrary_bits(draw, shape, element_type)
    known_x = element_type is not TensorType.STRING and draw(st.integers(0, 3)) == 0
    # LiteRT computes what is constant at prepare, and its Python API cannot read the result if it is empty.
    known_indices = draw(st.booleans()) and not (known_x and 0 in output_shape)
    model = single_op_model(
        operator,
        [
            TensorSpec(shape, element_type, data=x if known_x else None),
            TensorSpec(values.shape, index_type, data=values if known_indices else None),
        ],
        [TensorSpec(output_shape, element_type)],
        options,
    )
    fed = [*([] if known_x else [x]), *([] if known_indices else [values])]
    return check_against_oracle(model, [fed, fed], runtime)


def in_range(indices: np.ndarray[Any, Any], limits: Any) -> bool:
    return bool(((indices >= 0) & (indices < limits)).all())


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@given(st.data())
def test_gather(runtime: RuntimeName, data: st.DataObject) -> None:
    draw = data.draw
    element_type = draw(movable_types(runtime, "GATHER"))
    least = 0 if runtime == "tflite" and draw(st.integers(0, 9)) == 0 else 1
    most = 1 if element_type is TensorType.STRING else 5
    shape = draw(st.lists(st.integers(least, 4), min_size=1, max_size=most))
    axis = draw(st.integers(0, len(shape) - 1))
    batch_dims = draw(st.integers(0, axis))
    inner = draw(st.lists(st.integers(least, 3), max_size=3))
    if element_type is INT4:  # the native kernel copies whole bytes
        assume(np.prod(shape[axis + 1 :]) % 2 == 0)
    index_type, positions = draw_indices(draw, shape[:batch_dims] + inner, shape[axis], runtime)
    if runtime == "tflm":  # it reads beyond the tensor
        positions = positions.clip(0, shape[axis] - 1).astype(positions.dtype)
    output = shape[:axis] + inner + shape[axis + 1 :]
    if least == 0:  # LiteRT does not look at positions for which there is nothing to copy
        assume(0 not in shape or in_range(positions, shape[axis]))
    options = {
        "axis": axis - draw(st.sampled_from([0, len(shape)])),
        # negative ones are counted from the end of the positions' dimensions
        "batch_dims": batch_dims
        - (draw(st.sampled_from([0, positions.ndim])) if batch_dims < positions.ndim else 0),
    }
    accepted = check("GATHER", draw, runtime, element_type, shape, (index_type, positions), output, options)
    assert accepted is in_range(positions, shape[axis])


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@given(st.data())
def test_gather_nd(runtime: RuntimeName, data: st.DataObject) -> None:
    draw = data.draw
    element_type = draw(movable_types(runtime, "GATHER_ND"))
    least = 0 if runtime == "tflite" and draw(st.integers(0, 9)) == 0 else 1
    shape = draw(st.lists(st.integers(least, 4), min_size=1, max_size=6))
    outer = draw(st.lists(st.integers(least, 3), max_size=3))
    components = draw(st.integers(0, len(shape)))
    indices = draw_indices(draw, [*outer, components], shape[:components], runtime)
    accepted = check("GATHER_ND", draw, runtime, element_type, shape, indices, outer + shape[components:])
    if in_range(indices[1], shape[:components]) and 0 < components <= 5 and 0 not in shape:
        assert accepted


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize(
    ("shape", "positions", "index_type", "options"),
    [
        pytest.param((3, 4), (2,), INT32, {"axis": 2}, id="no such axis"),
        pytest.param((3, 4), (2,), INT32, {"axis": -3}, id="no such negative axis"),
        pytest.param((3, 4), (2,), TensorType.INT8, {}, id="index type"),
        pytest.param((3, 4), (3, 2), INT32, {"axis": 0, "batch_dims": 1}, id="batch beyond axis"),
        pytest.param((3, 4), (2, 2), INT32, {"axis": 1, "batch_dims": 1}, id="batch sizes"),
        pytest.param((3, 4), (), INT32, {"axis": 1, "batch_dims": 1}, id="batch beyond positions"),
        pytest.param((3, 4), (2,), INT32, {"axis": 1, "batch_dims": -2}, id="negative batch"),
        pytest.param((), (2,), INT32, {}, id="scalar"),
    ],
)
def test_gather_refuses(
    runtime: RuntimeName,
    shape: tuple[int, ...],
    positions: tuple[int, ...],
    index_type: TensorType,
    options: dict[str, int],
) -> None:
    model = single_op_model(
        "GATHER",
        [TensorSpec(shape, FLOAT32), TensorSpec(positions, index_type)],
        [TensorSpec((2, 4), FLOAT32)],
        options,
    )
    arrays = [np.zeros(shape, np.float32), np.zeros(positions, NUMPY_TYPES[index_type])]
    assert not check_against_oracle(model, [arrays], runtime)


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
@pytest.mark.parametrize(
    ("shape", "indices", "index_type"),
    [
        pytest.param((3, 4), (2, 3), INT32, id="components"),
        pytest.param((), (2, 1), INT32, id="scalar"),
        pytest.param((3, 4), (), INT32, id="scalar index"),
        pytest.param((3, 4), (2, 1), TensorType.UINT8, id="index type"),
    ],
)
def test_gather_nd_refuses(
    runtime: RuntimeName, shape: tuple[int, ...], indices: tuple[int, ...], index_type: TensorType
) -> None:
    model = single_op_model(
        "GATHER_ND",
        [TensorSpec(shape, FLOAT32), TensorSpec(indices, index_type)],
        [TensorSpec((2, 4), FLOAT32)],
    )
    arrays = [np.zeros(shape, np.float32), np.zeros(indices, NUMPY_TYPES[index_type])]
    assert not check_against_oracle(model, [arrays], runtime)


def test_tflm_takes_an_index_beyond_its_dimension() -> None:
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    model = single_op_model(
        "GATHER_ND", [TensorSpec((3, 4), FLOAT32), TensorSpec((3, 2), INT32)], [TensorSpec((3,), FLOAT32)]
    )
    for indices, accepted in [([[0, 5], [1, -1], [2, 3]], True), ([[0, 0], [2, 4], [0, 0]], False)]:
        arrays = [x, np.array(indices, np.int32)]
        assert check_against_oracle(model, [arrays], "tflm") is accepted
        assert not check_against_oracle(model, [arrays], "tflite")


@pytest.mark.parametrize("constant", [True, False])
def test_positions_that_tflm_would_read_anywhere_are_refused(constant: bool) -> None:
    # TFLM does not check them: no oracle.
    wrong = np.array([0, 3], np.int32)
    model = single_op_model(
        "GATHER",
        [TensorSpec((3, 4), FLOAT32), TensorSpec((2,), INT32, data=wrong if constant else None)],
        [TensorSpec((2, 4), FLOAT32)],
    )
    with pytest.raises(MicrointerpError, match="index 3 is out of range, there are 3"):
        run_ours(model, [[np.zeros((3, 4), np.float32), *([] if constant else [wrong])]], "tflm")
