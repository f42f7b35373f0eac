"""Models made by our writer: small ones, and one that uses everything the schema has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microinterp.model.custom_options import decode_custom_options, encode_custom_options
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
from microinterp.model.schema import (
    CUSTOM,
    ENUMS,
    OPERATOR_NAMES,
    UNIONS,
    DimensionType,
    default_options,
    fields,
    options_table,
)


def data(values: Any, dtype: str = "u1") -> NDArray[np.uint8]:
    """A buffer with these values."""
    return np.frombuffer(np.asarray(values, dtype).tobytes(), np.uint8)


def strings(*values: bytes) -> NDArray[np.uint8]:
    """A buffer in TFLite's format for strings."""
    ends = np.cumsum([4 * (len(values) + 2), *map(len, values)])
    return data([*data([len(values), *ends], "<i4"), *b"".join(values)])


def add_model(**changes: Any) -> Model:
    """y = x + c, with int8 tensors: the smallest useful model. `changes` replace fields of the model."""
    per_tensor = Quantization(scale=np.array([0.5], np.float32), zero_point=np.array([-3], np.int64))
    tensors = tuple(
        Tensor(name=name, type=TensorType.INT8, shape=(1, 4), buffer=buffer, quantization=per_tensor)
        for name, buffer in (("x", 0), ("c", 1), ("y", 0))
    )
    add = Operator(
        0, inputs=(0, 1), outputs=(2,), options=default_options("AddOptions"), options_table="AddOptions"
    )
    parts: dict[str, Any] = {
        "subgraphs": (Subgraph(tensors=tensors, inputs=(0,), outputs=(2,), operators=(add,), name="main"),),
        "operator_codes": (OperatorCode(builtin_code=0, version=2),),
        "buffers": (None, data([1, 2, 3, 4])),
    }
    return Model(**{**parts, **changes})


def model_of_one_operator(
    name: str,
    tensors: tuple[Tensor, ...],
    inputs: tuple[int, ...],
    outputs: tuple[int, ...],
    buffer: Sequence[int] = (),
) -> Model:
    """A model of one operator without options; `buffer` is the data of buffer 1."""
    operator = Operator(0, inputs=inputs, outputs=outputs, options_table=options_table(name))
    variable = tuple(i for i in inputs if tensors[i].buffer == 0)
    graph = Subgraph(tensors=tensors, inputs=variable, outputs=outputs, operators=(operator,))
    return Model((graph,), (OperatorCode(OPERATOR_NAMES.index(name)),), (None, data(buffer)))


# The sparse matrix of LiteRT's documentation of the format: 4 × 4 in blocks of 2 × 2, of which three are stored.
SPARSE_VALUES = (1, 0, 0, 4, 2, 3, 0, 0, 5, 0, 0, 6)
SPARSE_MATRIX = ((1, 0, 2, 3), (0, 4, 0, 0), (0, 0, 5, 0), (0, 0, 0, 6))


def _dense_level(size: int) -> dict[str, Any]:
    return {"format": DimensionType.DENSE, "dense_size": size, "array_segments": None, "array_indices": None}


SPARSITY: Mapping[str, Any] = {
    "traversal_order": (0, 1, 2, 3),
    "block_map": (0, 1),
    "dim_metadata": (
        _dense_level(2),
        {
            "format": DimensionType.SPARSE_CSR,
            "dense_size": 0,
            "array_segments": ("Uint8Vector", {"values": bytes([0, 2, 3])}),
            "array_indices": ("Uint16Vector", {"values": (0, 1, 1)}),
        },
        _dense_level(2),
        _dense_level(2),
    ),
}


def filled_options(table: str, subgraph: int) -> Mapping[str, Any]:
    """An options table whose fields all have values of their own, none the default."""
    options: dict[str, Any] = {}
    for i, field in enumerate(f for f in fields(table) if not f.deprecated):
        value: Any
        if "subgraph" in field.name or field.name == "called_computations":
            value = subgraph
        elif field.type in ENUMS:
            value = max(ENUMS[field.type])
        elif field.type == "bool":
            value = not field.default
        elif field.type == "float":
            value = 0.5 + i
        elif field.type == "string":
            value = f"string {i}"
        else:
            value = 100 + i
        if field.is_vector:
            value = bytes([1, 2, 3]) if field.type == "ubyte" else (value, value)
        options[field.name] = value
    return MappingProxyType(options)


def everything_model() -> Model:
    """A model in which every table and every field of the schema has a value."""
    buffers: list[NDArray[np.uint8] | None] = [None, data([])]

    def buffer(values: NDArray[np.uint8]) -> int:
        buffers.append(values)
        return len(buffers) - 1

    tensors = [
        Tensor(name=None, type=TensorType.FLOAT32, shape=None),
        Tensor(name="", type=TensorType.FLOAT32, shape=(), buffer=1, quantization=Quantization()),
        Tensor(
            name="per channel ä",
            type=TensorType.INT8,
            shape=(2, 3),
            buffer=buffer(data(range(6))),
            quantization=Quantization(
                scale=np.array([0.5, 0.25, 2], np.float32),
                zero_point=np.array([1, -2, 3], np.int64),
                quantized_dimension=1,
                min=np.array([-1], np.float32),
                max=np.array([], np.float32),
            ),
            shape_signature=(-1, 3),
            has_rank=True,
        ),
        Tensor(name="variable", type=TensorType.INT16, shape=(3,), is_variable=True),
        Tensor(
            name="sparse",
            type=TensorType.INT8,
            shape=(4, 4),
            buffer=buffer(data(SPARSE_VALUES)),
            sparsity=SPARSITY,
        ),
        Tensor(name="string", type=TensorType.STRING, shape=(2,), buffer=buffer(strings(b"ab", b""))),
        Tensor(name="external", type=TensorType.FLOAT32, shape=(2,), external_buffer=7),
        Tensor(
            name="variant",
            type=TensorType.VARIANT,
            shape=(),
            variant_tensors=({"shape": (2, 3), "type": TensorType.INT32, "has_rank": True},),
        ),
    ]
    for details in (
        ("CustomQuantization", {"custom": b"abc"}),
        ("BlockwiseQuantization", {"scales": 1, "zero_points": -1, "block_size": 32}),
        (
            "MultiAxisQuantization",
            {"scales": 1, "zero_points": 2, "block_size": 4, "quantized_dimensions": (0, 1)},
        ),
    ):
        quantization = Quantization(details=details)
        tensors.append(Tensor(details[0], TensorType.FLOAT32, shape=(4, 4), quantization=quantization))
    for element_type in TensorType:
        tensors.append(Tensor(f"of type {element_type.name}", element_type, shape=(2,)))
    tensors.append(Tensor(name="of a type to come", type=99, shape=(2,)))

    codes = [
        OperatorCode(builtin_code=CUSTOM, version=3, custom_code="Custom", deprecated_builtin_code=CUSTOM)
    ]
    custom_options = encode_custom_options({"axis": 1, "weights": [0.5, 2]})
    operators = [
        Operator(
            0,
            inputs=(0, -1),
            outputs=(3,),
            options=MappingProxyType(decode_custom_options(custom_options)),
            custom_options=custom_options,
            mutating_variable_inputs=(True, False),
            intermediates=(6,),
            debug_metadata_index=5,
        )
    ]
    for number, name in enumerate(OPERATOR_NAMES):
        if number != CUSTOM:
            table = options_table(name)
            options = filled_options(table, subgraph=1) if table else MappingProxyType({})
            operators.append(Operator(len(codes), options=options, options_table=table))
            codes.append(OperatorCode(builtin_code=number, deprecated_builtin_code=min(number, 127)))
    used = {operator.options_table for operator in operators}
    assert used >= {*UNIONS["BuiltinOptions"], *UNIONS["BuiltinOptions2"]}
    main = Subgraph(
        tensors=tuple(tensors),
        inputs=(0, 2),
        outputs=(3,),
        operators=tuple(operators),
        name="main",
        debug_metadata_index=2,
    )
    called = Subgraph(tensors=(), inputs=(), outputs=(), operators=())
    return Model(
        subgraphs=(main, called),
        operator_codes=tuple(codes),
        buffers=tuple(buffers),
        description="everything",
        metadata=(Metadata("min_runtime_version", 1), Metadata(None, 0)),
        metadata_buffer=(1, 0),
        signature_defs=(
            SignatureDef("serving_default", {"x": 0, "z": 2}, {"y": 3}),
            SignatureDef(None, {}, {}, subgraph_index=1),
        ),
        external_buffer_groups=("weights.bin", None),
        external_buffers=({"id": 7, "group": 1, "offset": 2**40, "length": 8, "packing": "raw"},),
    )
