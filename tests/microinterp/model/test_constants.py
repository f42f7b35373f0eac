"""Constants: views of the file where the element type allows, unpacked where not."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from microinterp.model import load
from microinterp.model.ir import NUMPY_TYPES, Model, Tensor, TensorType
from microinterp.model.reader import read_model
from microinterp.model.writer import write_model
from tests.oracles import available, run_oracle
from tests.sample_models import (
    SPARSE_MATRIX,
    SPARSE_VALUES,
    SPARSITY,
    add_model,
    data,
    everything_model,
    model_of_one_operator,
    strings,
)
from tests.shared import model_paths, requires_shared

PACKED = (TensorType.INT4, TensorType.UINT4, TensorType.INT2)
OPAQUE = (TensorType.RESOURCE, TensorType.VARIANT)
WHOLE_BYTES = [t for t in TensorType if t not in (*PACKED, *OPAQUE, TensorType.STRING)]


def model_of_tensor(tensor: Tensor, buffer: NDArray[np.uint8] | None) -> Model:
    """A model, read from bytes, that holds one tensor with this buffer."""
    model = add_model()
    graph = replace(model.subgraphs[0], tensors=(tensor,), inputs=(), outputs=(), operators=())
    return read_model(write_model(replace(model, subgraphs=(graph,), buffers=(None, buffer))))


def constant(element_type: TensorType, shape: tuple[int, ...] | None, buffer: Any, **fields: Any) -> Any:
    """What the constant of a tensor with this buffer is, once written and read."""
    model = model_of_tensor(Tensor("c", element_type, shape, buffer=1, **fields), buffer)
    return model.constant(model.subgraphs[0].tensors[0])


@pytest.mark.parametrize("element_type", WHOLE_BYTES, ids=lambda t: t.name)
def test_dense_constants_are_views(element_type: TensorType) -> None:
    dtype = NUMPY_TYPES[element_type]
    values = np.arange(6).astype(dtype).reshape(2, 3)
    model = model_of_tensor(Tensor("c", element_type, (2, 3), buffer=1), data(values, dtype.str))
    read = model.constant(model.subgraphs[0].tensors[0])
    assert read is not None
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, values)
    assert np.shares_memory(read, model.buffers[1])
    with pytest.raises(ValueError, match="read-only"):
        read[0, 0] = 0


def test_buffers_are_views_of_the_bytes() -> None:
    file = write_model(add_model())
    model = read_model(file)
    whole = np.frombuffer(file, np.uint8)
    assert model.buffers[1] is not None
    assert np.shares_memory(model.buffers[1], whole)
    quantization = model.subgraphs[0].tensors[0].quantization
    assert quantization is not None
    assert quantization.scale is not None
    assert quantization.zero_point is not None
    assert np.shares_memory(quantization.scale, whole)
    assert np.shares_memory(quantization.zero_point, whole)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda b: np.frombuffer(b, np.uint8)])
def test_any_bytes_like_object_will_do(kind: Any) -> None:
    model = load(kind(write_model(add_model())))
    c = model.constant(model.subgraphs[0].tensors[1])
    np.testing.assert_array_equal(c, [[1, 2, 3, 4]])


def test_a_path_will_do(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(write_model(add_model()))
    for path in (tmp_path / "m.tflite", str(tmp_path / "m.tflite")):
        assert load(path).subgraphs[0].name == "main"


@requires_shared
def test_constants_of_real_models_take_no_memory() -> None:
    for path in model_paths():
        file = path.read_bytes()
        model, whole = load(file), np.frombuffer(file, np.uint8)
        for subgraph in model.subgraphs:
            for tensor in subgraph.tensors:
                values = model.constant(tensor)
                if values is not None and values.size:
                    # booleans and numbers narrower than a byte do not occur in these models
                    assert np.shares_memory(values, whole)


@given(st.lists(st.integers(-8, 7)))
def test_int4(values: list[int]) -> None:
    nibbles = np.array([*values, 0], np.int8).astype(np.uint8)[: len(values) + len(values) % 2] & 15
    buffer = nibbles[0::2] | nibbles[1::2] << 4
    np.testing.assert_array_equal(
        constant(TensorType.INT4, (len(values),), buffer), np.array(values, np.int8)
    )


def test_order_of_bits() -> None:
    byte = data([0b11_10_01_00])
    np.testing.assert_array_equal(constant(TensorType.INT4, (2,), byte), np.array([0b0100, -2], np.int8))
    np.testing.assert_array_equal(
        constant(TensorType.UINT4, (2,), byte), np.array([0b0100, 0b1110], np.uint8)
    )
    np.testing.assert_array_equal(constant(TensorType.INT2, (4,), byte), np.array([0, 1, -2, -1], np.int8))
    np.testing.assert_array_equal(constant(TensorType.INT2, (3,), byte), np.array([0, 1, -2], np.int8))
    assert constant(TensorType.UINT4, (2,), byte).dtype == np.uint8


def test_booleans_that_are_not_0_or_1() -> None:
    assert constant(TensorType.BOOL, (3,), data([0, 2, 255])).tolist() == [False, True, True]
    assert constant(TensorType.BOOL, (3,), data([0, 2, 255])).view(np.uint8).tolist() == [0, 1, 1]


def test_strings() -> None:
    read = constant(TensorType.STRING, (2, 2), strings(b"ab", b"", b"\xff\0", b"c"))
    assert read.tolist() == [[b"ab", b""], [b"\xff\0", b"c"]]
    assert constant(TensorType.STRING, (0,), strings()).shape == (0,)


def test_sparse() -> None:
    read = constant(TensorType.INT8, (4, 4), data(SPARSE_VALUES), sparsity=SPARSITY)
    np.testing.assert_array_equal(read, np.array(SPARSE_MATRIX, np.int8))


def csr(shape: tuple[int, int], values: NDArray[np.float32], order: tuple[int, int]) -> tuple[Any, Any]:
    """A matrix as sparse rows (or columns, by the order), and the values that are stored."""
    rows = values if order == (0, 1) else values.T
    segments = [0, *np.cumsum((rows != 0).sum(axis=1)).tolist()]
    stored = rows[rows != 0]
    sparsity = {
        "traversal_order": order,
        "block_map": None,
        "dim_metadata": (
            {"format": 0, "dense_size": shape[order[0]]},
            {
                "format": 1,
                "array_segments": ("Int32Vector", {"values": tuple(segments)}),
                "array_indices": ("Uint16Vector", {"values": tuple(np.nonzero(rows)[1].tolist())}),
            },
        ),
    }
    return sparsity, stored


@given(
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.sampled_from([(0, 1), (1, 0)]),
    st.integers(0, 2**32 - 1),
)
def test_sparse_rows_and_columns(shape: tuple[int, int], order: tuple[int, int], seed: int) -> None:
    random = np.random.default_rng(seed)
    values = np.where(random.random(shape) < 0.5, random.normal(size=shape), 0).astype(np.float32)
    sparsity, stored = csr(shape, values, order)
    read = constant(TensorType.FLOAT32, shape, data(stored, "<f4"), sparsity=sparsity)
    np.testing.assert_array_equal(read, values)


def test_litert_densifies_to_the_same() -> None:
    missing = available("tflite")
    if missing:
        pytest.skip(missing)
    sparse = Tensor("s", TensorType.INT8, (4, 4), buffer=1, sparsity=SPARSITY)
    dense = Tensor("d", TensorType.INT8, (4, 4))
    file = write_model(
        model_of_one_operator("DENSIFY", (sparse, dense), inputs=(0,), outputs=(1,), buffer=SPARSE_VALUES)
    )
    native = run_oracle("tflite", file, [[]]).outputs[0][0]
    np.testing.assert_array_equal(native, np.array(SPARSE_MATRIX, np.int8))


def test_what_is_not_constant() -> None:
    for tensor, buffer in (
        (Tensor("no buffer", TensorType.INT8, (2,)), data([1, 2])),
        (Tensor("absent data", TensorType.INT8, (2,), buffer=1), None),
        (Tensor("empty data", TensorType.INT8, (2,), buffer=1), data([])),
        (Tensor("variable", TensorType.INT8, (2,), buffer=1, is_variable=True), data([1, 2])),
        (Tensor("resource", TensorType.RESOURCE, (2,), buffer=1), data(range(8))),
    ):
        model = model_of_tensor(tensor, buffer)
        assert model.constant(model.subgraphs[0].tensors[0]) is None, tensor.name


def test_shapes_of_constants() -> None:
    assert constant(TensorType.INT8, None, data([7])).shape == ()
    assert constant(TensorType.INT8, (), data([7])).item() == 7
    assert constant(TensorType.INT8, (0, 3), data([])).shape == (0, 3)
    # bytes beyond those that the shape needs are ignored, as by the native runtimes
    assert constant(TensorType.INT16, (2,), data([1, 2, 3], "<i2")).tolist() == [1, 2]


def test_element_types_to_come_can_be_read_but_have_no_values() -> None:
    model = model_of_tensor(Tensor("c", 99, (2,), buffer=1), data([1, 2]))
    assert model.subgraphs[0].tensors[0].type == 99
    with pytest.raises(ValueError, match="tensor 'c': its element type 99 is newer than this schema"):
        model.constant(model.subgraphs[0].tensors[0])


def test_misaligned_files() -> None:
    """A file may start anywhere in memory; its constants then have no alignment, but the same values."""
    values = np.arange(4, dtype=np.float32)
    model = add_model(buffers=(None, data(values, "<f4")))
    tensors = tuple(
        replace(t, type=TensorType.FLOAT32, quantization=None) for t in model.subgraphs[0].tensors
    )
    file = write_model(replace(model, subgraphs=(replace(model.subgraphs[0], tensors=tensors),)))
    read = read_model(memoryview(b"x" + file)[1:])
    np.testing.assert_array_equal(read.constant(read.subgraphs[0].tensors[1]), values[np.newaxis])


def test_find_metadata() -> None:
    model = everything_model()
    found = model.find_metadata("min_runtime_version")
    assert found is not None
    assert found.size == 0
    assert model.find_metadata("nothing") is None


def test_reading_does_not_import_what_it_does_not_need() -> None:
    import subprocess

    program = (
        "import sys; from microinterp.model.reader import read_model\n"
        f"read_model({write_model(add_model())!r})\n"
        "print(*(name for name in ('tflite', 'flatbuffers') if name in sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []
