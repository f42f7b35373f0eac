"""CAST against the native runtimes: what random problems rarely meet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from microinterp.model.ir import NUMPY_TYPES, Model, Operator, OperatorCode, Subgraph, Tensor, TensorType
from microinterp.model.writer import write_model
from microinterp.runtimes import RUNTIMES
from tests.draw import Array, Shape
from tests.oracles import RUNTIME_NAMES, RuntimeName
from tests.problems.conversions import EDGES, NARROW
from tests.single_op import TensorSpec, check_against_oracle, single_op_model

# The native Python APIs neither take nor return numbers of other types.
READABLE = (
    *(TensorType.FLOAT32, TensorType.FLOAT16, TensorType.FLOAT64, TensorType.COMPLEX64, TensorType.BOOL),
    *(TensorType.INT8, TensorType.UINT8, TensorType.INT16, TensorType.INT32, TensorType.UINT32),
    *(TensorType.INT64, TensorType.UINT64),
)
ACCEPTED = [(runtime, type) for runtime in RUNTIME_NAMES for type in RUNTIMES[runtime].element_types["CAST"]]


@pytest.mark.parametrize(("runtime", "output"), [case for case in ACCEPTED if case[1] in READABLE])
def test_floats_at_the_edges(runtime: RuntimeName, output: TensorType) -> None:
    for type in (TensorType.FLOAT32, TensorType.FLOAT64, TensorType.FLOAT16, TensorType.COMPLEX64):
        if type not in RUNTIMES[runtime].element_types["CAST"]:
            continue
        with np.errstate(over="ignore"):
            # twice: vector code and what is left over by it
            x = np.array(EDGES * 2).astype(NUMPY_TYPES[type])
        model = single_op_model("CAST", [TensorSpec(x.shape, type)], [TensorSpec(x.shape, output)])
        assert check_against_oracle(model, [[x]], runtime)


@pytest.mark.parametrize("output", [TensorType.FLOAT32, TensorType.FLOAT16, TensorType.INT8])
def test_every_float16(output: TensorType) -> None:
    x = np.arange(65536, dtype=np.uint16).view(np.float16)
    model = single_op_model("CAST", [TensorSpec(x.shape, TensorType.FLOAT16)], [TensorSpec(x.shape, output)])
    assert check_against_oracle(model, [[x]], "tflite")


def chain(types: Sequence[TensorType], shape: Shape) -> bytes:
    """A model that casts from type to type."""
    tensors = tuple(Tensor(f"t{i}", type, shape) for i, type in enumerate(types))
    casts = tuple(Operator(0, (i,), (i + 1,)) for i in range(len(types) - 1))
    subgraph = Subgraph(tensors, (0,), (len(types) - 1,), casts, "main")
    return write_model(Model((subgraph,), (OperatorCode(53),), (None,)))


def test_bfloat16_at_the_edges() -> None:
    bits = np.random.default_rng(1).integers(0, 2**32, 20000, np.uint64).astype(np.uint32)
    x: Array = np.concatenate(
        [np.array([e for e in EDGES if abs(e) != 1e300], np.float32), bits.view(np.float32)]
    )
    ties = bits[:1000] & 0xFFFF0000 | 0x8000
    x = np.concatenate([x, ties.view(np.float32), (ties ^ 0x10000).view(np.float32)])
    for last in (TensorType.FLOAT32, TensorType.INT32):
        assert check_against_oracle(
            chain([TensorType.FLOAT32, TensorType.BFLOAT16, last], x.shape), [[x]], "tflite"
        )


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_refuses_what_native_refuses(runtime: RuntimeName) -> None:
    accepted = RUNTIMES[runtime].element_types["CAST"]
    for x in READABLE:
        for output in (*READABLE, *NARROW):
            if x in accepted and output in accepted and (output not in NARROW or x is TensorType.FLOAT32):
                continue
            if runtime == "tflm" and output in NARROW:
                continue  # cannot be read, so the oracle does not answer
            model = single_op_model("CAST", [TensorSpec((3,), x)], [TensorSpec((3,), output)])
            assert not check_against_oracle(model, [[np.ones(3, NUMPY_TYPES[x])]], runtime)
