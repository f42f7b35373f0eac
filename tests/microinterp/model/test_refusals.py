"""Each kind of damage is refused with a message that says what is wrong, and where."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from microinterp.errors import MicrointerpError, ModelFormatError
from microinterp.model import load
from microinterp.model.custom_options import encode_custom_options
from microinterp.model.ir import (
    Metadata,
    Model,
    Operator,
    OperatorCode,
    Quantization,
    SignatureDef,
    Subgraph,
    Tensor,
    TensorType,
)
from microinterp.model.reader import read_model
from microinterp.model.writer import write_model
from tests.fuzz import read_all
from tests.raw_file import RawFile
from tests.same_model import assert_same
from tests.sample_models import SPARSE_VALUES, SPARSITY, add_model, data, strings


def refusal(file: bytes) -> str:
    """The message with which the file, or one of its constants, is refused."""
    with pytest.raises(ModelFormatError) as caught:
        read_all(file)
    assert isinstance(caught.value, MicrointerpError)
    assert isinstance(caught.value, ValueError)
    return str(caught.value)


def test_not_a_model() -> None:
    for file in (b"", b"TFL3", b"\x1c\0\0\0TFL2" + bytes(100), b"PK\x03\x04" + bytes(100), bytes(100)):
        assert refusal(file) == "not a .tflite model: the identifier TFL3 is not at byte 4"


def test_another_version_of_the_schema() -> None:
    assert refusal(write_model(add_model(version=4))) == "the model has schema version 4, needs 3"


def test_every_truncation_is_refused_or_harmless() -> None:
    file = write_model(add_model())
    for length in range(len(file)):
        refusal(file[:length])


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.tflite"):
        load(tmp_path / "none.tflite")
    with pytest.raises(FileNotFoundError, match=r"none\.tflite"):
        load(str(tmp_path / "none.tflite"))


def with_tensor(index: int, **changes: Any) -> Model:
    model = add_model()
    graph = model.subgraphs[0]
    tensors = list(graph.tensors)
    tensors[index] = replace(tensors[index], **changes)
    return replace(model, subgraphs=(replace(graph, tensors=tuple(tensors)),))


def with_graph(**changes: Any) -> Model:
    model = add_model()
    return replace(model, subgraphs=(replace(model.subgraphs[0], **changes),))


def with_operator(**changes: Any) -> Model:
    return with_graph(operators=(replace(add_model().subgraphs[0].operators[0], **changes),))


def scales(count: int, zero_points: int | None = None, dimension: int = 0) -> Quantization:
    return Quantization(
        scale=np.ones(count, np.float32),
        zero_point=np.zeros(count if zero_points is None else zero_points, np.int64),
        quantized_dimension=dimension,
    )


def calls(*edges: tuple[int, int], subgraphs: int = 3) -> Model:
    """Subgraphs that call each other with CALL_ONCE."""
    graphs = []
    for i in range(subgraphs):
        operators = tuple(
            Operator(
                0, options=MappingProxyType({"init_subgraph_index": called}), options_table="CallOnceOptions"
            )
            for caller, called in edges
            if caller == i
        )
        graphs.append(Subgraph(tensors=(), inputs=(), outputs=(), operators=operators))
    return add_model(subgraphs=tuple(graphs), operator_codes=(OperatorCode(129),))


def chain(*operators: tuple[int, int]) -> Model:
    """Operators that each read one tensor and write another, of four in all."""
    tensors = tuple(Tensor(f"t{i}", TensorType.FLOAT32, (2,)) for i in range(4))
    made = tuple(Operator(0, inputs=(i,), outputs=(o,)) for i, o in operators)
    graph = Subgraph(tensors=tensors, inputs=(0,), outputs=(3,), operators=made)
    return add_model(subgraphs=(graph,), operator_codes=(OperatorCode(101),))


SPARSE = {"type": TensorType.INT8, "shape": (4, 4), "quantization": None, "sparsity": SPARSITY}


def with_sparsity(**changes: Any) -> Model:
    return replace(
        with_tensor(1, **{**SPARSE, "sparsity": {**SPARSITY, **changes}}), buffers=(None, data(SPARSE_VALUES))
    )


def with_sparse_level(level: int, **changes: Any) -> Model:
    levels = list(SPARSITY["dim_metadata"])
    levels[level] = {**levels[level], **changes}
    return with_sparsity(dim_metadata=tuple(levels))


def with_strings(buffer: Any) -> Model:
    return replace(
        with_tensor(1, type=TensorType.STRING, shape=(2,), quantization=None), buffers=(None, data(buffer))
    )


def indices(*values: int) -> tuple[str, dict[str, Any]]:
    return "Int32Vector", {"values": values}


# A diagonal matrix in rows.
ROWS = {
    "traversal_order": (0, 1),
    "block_map": None,
    "dim_metadata": (
        SPARSITY["dim_metadata"][0] | {"dense_size": 4},
        {"format": 1, "array_segments": indices(0, 1, 2, 3, 4), "array_indices": indices(0, 1, 2, 3)},
    ),
}

REFUSALS: dict[str, tuple[Model, str]] = {
    "no subgraph": (add_model(subgraphs=()), "the model has no subgraph"),
    "opcode index": (
        with_operator(opcode_index=7),
        "subgraph 0, operator 0: its opcode_index is 7, but the model has 1 operator codes",
    ),
    "custom code": (
        add_model(operator_codes=(OperatorCode(32),)),
        "operator code 0: a custom operator has no name (custom_code)",
    ),
    "input index": (
        with_operator(inputs=(0, 99)),
        "subgraph 0, operator 0 (ADD): input 1 is tensor 99, but the subgraph has 3 tensors",
    ),
    "negative input index": (
        with_operator(inputs=(-2, 1)),
        "subgraph 0, operator 0 (ADD): input 0 is tensor -2, but the subgraph has 3 tensors",
    ),
    "omitted output": (
        with_operator(outputs=(-1,)),
        "subgraph 0, operator 0 (ADD): output 0 is tensor -1, but the subgraph has 3 tensors",
    ),
    "intermediate index": (
        with_operator(intermediates=(2, 3)),
        "subgraph 0, operator 0 (ADD): intermediate 1 is tensor 3, but the subgraph has 3 tensors",
    ),
    "constant output": (with_operator(outputs=(1,)), "operator 0 (ADD): its output, tensor 1, is a constant"),
    "graph input": (
        with_graph(inputs=(0, 3)),
        "subgraph 0: graph input 1 is tensor 3, but the subgraph has 3 tensors",
    ),
    "graph output": (
        with_graph(outputs=(-1,)),
        "subgraph 0: graph output 0 is tensor -1, but the subgraph has 3 tensors",
    ),
    "buffer index": (
        with_tensor(1, buffer=2),
        "subgraph 0, tensor 1 'c': its buffer is 2, but the model has 2 buffers",
    ),
    "negative size": (
        with_tensor(0, shape=(1, -4)),
        "tensor 0 'x': its shape [1, -4] has a negative dimension",
    ),
    "too many dimensions": (with_tensor(0, shape=(1,) * 33), "it has 33 dimensions, more than 32"),
    "overflow": (with_tensor(0, shape=(2**31 - 1,) * 3), "is too large"),
    "overflow beside zero": (with_tensor(0, shape=(0,) + (2**31 - 1,) * 3), "is too large"),
    "short buffer": (
        with_tensor(1, shape=(5,)),
        "tensor 1 'c': its shape [5] of INT8 takes 5 bytes, but its buffer 1 has 4",
    ),
    "short buffer of 4-bit numbers": (
        with_tensor(1, shape=(9,), type=TensorType.INT4),
        "its shape [9] of INT4 takes 5 bytes, but its buffer 1 has 4",
    ),
    "zero points": (
        with_tensor(1, quantization=scales(4, zero_points=3, dimension=1)),
        "tensor 1 'c': it has 4 scales, but 3 zero points",
    ),
    "scales": (
        with_tensor(1, quantization=scales(3, dimension=1)),
        "tensor 1 'c': it has 3 scales for dimension 1 of its shape [1, 4]",
    ),
    "scales of another dimension": (
        with_tensor(1, quantization=scales(4, dimension=0)),
        "it has 4 scales for dimension 0 of its shape [1, 4]",
    ),
    "scales of no dimension": (
        with_tensor(1, quantization=scales(3, dimension=7)),
        "it has 3 scales for dimension 7 of its shape [1, 4]",
    ),
    "blockwise scales": (
        with_tensor(1, quantization=Quantization(details=("BlockwiseQuantization", {"scales": 9}))),
        "tensor 1 'c': its scales are tensor 9, but the subgraph has 3 tensors",
    ),
    "blockwise zero points": (
        with_tensor(1, quantization=Quantization(details=("BlockwiseQuantization", {"zero_points": -2}))),
        "its zero_points are tensor -2, but the subgraph has 3 tensors",
    ),
    "quantized dimensions": (
        with_tensor(
            1, quantization=Quantization(details=("MultiAxisQuantization", {"quantized_dimensions": (0, 2)}))
        ),
        "it is quantized along dimension 2 of its shape [1, 4]",
    ),
    "metadata": (
        add_model(metadata=(Metadata("a", 1), Metadata("b", 2))),
        "metadata 1 'b': its buffer is 2, but the model has 2 buffers",
    ),
    "metadata buffer": (
        add_model(metadata_buffer=(-1,)),
        "metadata buffer 0 is buffer -1, but the model has 2 buffers",
    ),
    "signature's subgraph": (
        add_model(signature_defs=(SignatureDef("serve", {}, {}, subgraph_index=1),)),
        "signature 0 'serve': it is for subgraph 1, but the model has 1",
    ),
    "signature's tensor": (
        add_model(signature_defs=(SignatureDef("serve", {"x": 0}, {"y": 3}),)),
        "signature 0 'serve': output 'y' is tensor 3, but the subgraph has 3 tensors",
    ),
    "order": (
        chain((1, 2), (0, 1)),
        "subgraph 0, operator 0 (ABS): it reads tensor 1, which only operator 1 makes: the operators are not in "
        "an order in which they can run",
    ),
    "reading the own output": (chain((1, 1)), "it reads tensor 1, which only operator 0 makes"),
    "called subgraph": (calls((0, 3)), "operator 0 (CALL_ONCE): it calls subgraph 3, but the model has 3"),
    "negative subgraph": (
        calls((0, -1)),
        "operator 0 (CALL_ONCE): it calls subgraph -1, but the model has 3",
    ),
    "recursion of an operator without options": (
        replace(with_operator(), operator_codes=(OperatorCode(118),)),
        "subgraphs call each other in a circle: among [0]",
    ),
    "recursion": (calls((0, 0)), "subgraphs call each other in a circle: among [0]"),
    "recursion by a detour": (
        calls((0, 1), (1, 2), (2, 1)),
        "subgraphs call each other in a circle: among [1, 2]",
    ),
    "deep calls": (calls(*((i, i + 1) for i in range(40)), subgraphs=41), "is called 33 levels deep"),
    "sparse order": (
        with_sparsity(traversal_order=(0, 1, 2, 2)),
        "tensor 'c': sparsity parameters are not consistent: the order of storage is not one of all the dimensions",
    ),
    "sparse without order": (with_sparsity(traversal_order=None), "the order of storage"),
    "sparse levels": (with_sparsity(dim_metadata=SPARSITY["dim_metadata"][:3]), "the order of storage"),
    "sparse block map": (with_sparsity(block_map=(0, 0)), "the blocks are not of different dimensions"),
    "sparse block dimension": (with_sparsity(block_map=(0, 2)), "the blocks are not of different dimensions"),
    "sparse block size": (
        with_sparse_level(2, dense_size=3),
        "blocks of 3 do not fill dimension 0 of [4, 4]",
    ),
    "sparse block of nothing": (with_sparse_level(2, dense_size=0), "blocks of 0 do not fill dimension 0"),
    "sparse block format": (with_sparse_level(3, format=1), "its blocks are not dense"),
    "sparse size": (with_sparse_level(0, dense_size=4), "dimension 0 has another size or format"),
    "sparse format": (with_sparse_level(0, format=2), "dimension 0 has another size or format"),
    "sparse without segments": (with_sparse_level(1, array_segments=None), "lacks its segments or indices"),
    "sparse segments": (with_sparse_level(1, array_segments=indices(0, 2, 2)), "the segments do not match"),
    "sparse segments of others": (
        with_sparse_level(1, array_segments=indices(0, 3)),
        "segments do not match",
    ),
    "sparse segments that fall": (
        with_sparse_level(1, array_segments=indices(0, 4, 3)),
        "segments or indices are out of range",
    ),
    "sparse indices": (with_sparse_level(1, array_indices=indices(0, 2, 1)), "are out of range"),
    "sparse negative indices": (with_sparse_level(1, array_indices=indices(0, -1, 1)), "are out of range"),
    "sparse indices twice": (with_sparse_level(1, array_indices=indices(1, 1, 1)), "not in ascending order"),
    "sparse blocks": (
        replace(with_sparsity(), buffers=(None, data(SPARSE_VALUES[:-1]))),
        "the dense dimensions have more elements than are stored",
    ),
    "sparse values": (
        replace(with_sparsity(**ROWS), buffers=(None, data([1, 2, 3]))),
        "there should be 4 values, but the buffer has 3",
    ),
    "strings without a header": (
        with_strings([1, 0, 0]),
        "tensor 'c': its strings are shorter than their own",
    ),
    "strings with a short header": (with_strings([2, 0, 0, 0, 16, 0, 0, 0]), "shorter than their own header"),
    "number of strings": (
        with_strings(strings(b"a")),
        "tensor 'c': it holds 1 strings, but its shape needs 2",
    ),
    "strings beyond the end": (with_strings(strings(b"a", b"b")[:-1]), "lead out of their buffer"),
    "strings that overlap": (
        with_strings(np.array([2, 18, 16, 16], "<i4").view("u1")),
        "lead out of their buffer",
    ),
}


@pytest.mark.parametrize(("model", "message"), REFUSALS.values(), ids=REFUSALS.keys())
def test_refusal(model: Model, message: str) -> None:
    assert message in refusal(write_model(model))


def word(file: bytes | bytearray, position: int) -> int:
    return int.from_bytes(file[position : position + 4], "little")


def follow(file: bytes | bytearray, position: int) -> int:
    """Where the offset at `position` leads."""
    return position + word(file, position)


def vtable(file: bytes | bytearray, table: int) -> int:
    return table - int(struct.unpack_from("<i", file, table)[0])


def field(file: bytes | bytearray, table: int, slot: int) -> int:
    """The position of a field of a table."""
    return table + int(struct.unpack_from("<H", file, vtable(file, table) + 4 + 2 * slot)[0])


def element(file: bytes | bytearray, vector_field: int, index: int = 0) -> int:
    """The position of a table in a vector of tables, of which the position of the field is given."""
    return follow(file, follow(file, vector_field) + 4 + 4 * index)


SUBGRAPHS, TENSORS, NAME = 2, 0, 3


def test_damaged_offsets() -> None:
    sound = write_model(add_model())
    root = follow(sound, 0)
    subgraphs = field(sound, root, SUBGRAPHS)
    tensor = element(sound, field(sound, element(sound, subgraphs), TENSORS), 1)

    def refusal_after(position: int, value: int, size: int = 4) -> str:
        file = bytearray(sound)
        file[position : position + size] = value.to_bytes(size, "little")
        return refusal(bytes(file))

    assert refusal_after(0, 2**32 - 1) == "offset 4294967295 at byte 0 leads out of the file"
    assert refusal_after(0, 0) == "offset 0 at byte 0 leads out of the file"
    assert "table Model has its vtable at byte -" in refusal_after(root, 10**6)
    assert "table Model has a damaged vtable at byte" in refusal_after(vtable(sound, root), 3, 2)
    assert "table Model has a damaged vtable at byte" in refusal_after(vtable(sound, root), 60000, 2)
    assert "table Model at byte" in refusal_after(vtable(sound, root) + 4, 60000, 2)
    vector = follow(sound, subgraphs)
    assert f"vector of 1000000 elements at byte {vector} runs over the end" in refusal_after(vector, 10**6)
    assert f"at byte {vector} has offsets that lead out of the file" in refusal_after(vector + 4, 2**31)
    assert f"at byte {vector} has offsets that lead out of the file" in refusal_after(vector + 4, 0)
    name = field(sound, tensor, NAME)
    assert refusal_after(name, 2**31) == (
        f"subgraph 0, tensor 1: offset 2147483648 at byte {name} leads out of the file"
    )
    text = follow(sound, name)
    assert refusal_after(text, 2**31) == (
        f"subgraph 0, tensor 1: vector of 2147483648 elements at byte {text} runs over the end of the file"
    )


def repeated_subgraph(times: int, tensors: int) -> bytes:
    """A small file whose list of subgraphs names one subgraph over and over, and that one tensor."""
    raw = RawFile(1024)
    subgraph = raw.table({0: raw.vector([raw.table()] * tensors)})
    return raw.finish([], raw.vector([subgraph] * times), [raw.table()])


def test_sharing_is_allowed_but_not_to_fill_the_memory() -> None:
    assert len(read_model(repeated_subgraph(3, 1)).subgraphs) == 3
    assert "lead to the same data over and over" in refusal(repeated_subgraph(1000, 1000))
    assert "lead to the same data over and over" in refusal(repeated_subgraph(10, 100_000))


def with_data_outside(offset: int, size: int) -> bytes:
    """A buffer and custom options that are not in the FlatBuffer, but elsewhere in the file."""
    raw = RawFile(1024)
    name = raw.CreateString("Custom")
    code = raw.table({1: name}, {3: 32})
    operator = raw.table({}, {9: offset, 10: size})
    subgraph = raw.table({0: raw.vector([]), 3: raw.vector([operator])})
    buffers = [raw.table(), raw.table({}, {1: offset, 2: size})]
    return raw.finish([code], raw.vector([subgraph]), buffers)


def test_data_outside_the_flatbuffer() -> None:
    length = len(with_data_outside(2, 1))
    options = encode_custom_options({"axis": 3})
    model = read_model(with_data_outside(length, len(options)) + options)
    assert model.buffers[1] is not None
    assert model.buffers[1].tobytes() == options
    operator = model.subgraphs[0].operators[0]
    assert operator.custom_options == options
    assert operator.options == {"axis": 3}
    # what is read is written inside
    again = read_model(write_model(model))
    assert_same(again, model)

    assert read_model(with_data_outside(1, 4)).buffers[1] is None
    message = f"its 5 bytes at byte {length} run over the end of the file"
    assert refusal(with_data_outside(length, 5) + bytes(4)) == f"subgraph 0, operator 0, Custom: {message}"
    assert "run over the end of the file" in refusal(with_data_outside(2**64 - 1, 2**64 - 1))


@pytest.mark.parametrize("share_data", [False, True])
def test_constants_that_share_a_buffer_may_not_fill_the_memory(share_data: bool) -> None:
    """Neither by the same buffer nor by buffers that have the same data."""
    data = np.zeros(2**15, np.uint8)
    tensors = tuple(
        Tensor("w", TensorType.INT4, (2**16,), buffer=i if share_data else 1) for i in range(1, 2001)
    )
    graph = Subgraph(tensors=tensors, inputs=(), outputs=(), operators=())
    file = write_model(add_model(subgraphs=(graph,), buffers=(None, *[data] * 2000)))
    assert len(file) < 8 * data.size
    assert f"the constants unpack to 131072000 bytes, but the file has only {len(file)}" in refusal(file)


def test_a_sparse_constant_may_not_fill_the_memory() -> None:
    level = {"format": 1, "array_segments": indices(0, 1), "array_indices": indices(0)}
    sparsity = {"traversal_order": (0,), "dim_metadata": (level,)}
    huge = with_tensor(1, type=TensorType.INT8, shape=(2**30,), quantization=None, sparsity=sparsity)
    assert "unpack to 1073741824 bytes" in refusal(write_model(huge))


def test_custom_options_outside_may_not_fill_the_memory() -> None:
    raw = RawFile(1024)
    code = raw.table({1: raw.CreateString("Custom")}, {3: 32})
    operators = raw.vector([raw.table({}, {9: 8, 10: 4000})] * 100)
    subgraph = raw.table({0: raw.vector([]), 3: operators})
    file = raw.finish([code], raw.vector([subgraph]), [raw.table()])
    assert "lead to the same data over and over" in refusal(file + bytes(4000))
