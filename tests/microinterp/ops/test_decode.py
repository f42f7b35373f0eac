"""What TFLM's DECODE refuses."""

from __future__ import annotations

import numpy as np
import pytest

from microinterp.errors import PrepareError
from microinterp.model.ir import TensorType
from tests.problems.decode import HUFFMAN, LUT, PRUNE, ancillary, decode_model
from tests.single_op import TensorSpec, check_against_oracle, run_ours, single_op_model

INT8, INT16, INT32, UINT8 = TensorType.INT8, TensorType.INT16, TensorType.INT32, TensorType.UINT8
SPEC = TensorSpec((2, 4), INT8, 0.5, 0)


def along(axis: int, type: TensorType = INT8, zero_point: int = 0) -> TensorSpec:
    return TensorSpec((2, 4, 3), type, [0.5] * (2, 4, 3)[axis], [zero_point] * (2, 4, 3)[axis], axis)


@pytest.mark.parametrize(
    ("spec", "header"),
    [
        pytest.param(SPEC, ancillary(LUT, 1, 0, b"12", (2, 1)), id="version"),
        pytest.param(SPEC, ancillary(LUT, 1, 0, b"12", (1, 0)), id="version of LUT"),
        pytest.param(SPEC, ancillary(HUFFMAN, 1, 0, b"12", (1, 0)), id="version of Huffman"),
        pytest.param(SPEC, ancillary(PRUNE, 1, 0, b"12", (1, 0)), id="version of prune"),
        pytest.param(SPEC, ancillary(3, 1, 0, b"12"), id="format"),
        pytest.param(SPEC, ancillary(127, 1, 0, b"12"), id="custom format"),
        pytest.param(along(1), ancillary(LUT, 1, 0, b"12"), id="LUT along the middle"),
        pytest.param(along(1), ancillary(PRUNE, 1, 0, b"12"), id="prune along the middle"),
        pytest.param(TensorSpec((2, 4), UINT8), ancillary(LUT, 1, 0, b"12"), id="LUT of UINT8"),
        pytest.param(TensorSpec((2, 4), UINT8), ancillary(PRUNE, 1, 0, b"12"), id="prune of UINT8"),
        pytest.param(
            TensorSpec((2, 4), INT32), ancillary(HUFFMAN, 1, 0, bytes(16)), id="wide Huffman of INT32"
        ),
        pytest.param(TensorSpec((2, 4), INT16), ancillary(HUFFMAN, 0, 0, bytes(16)), id="Huffman of INT16"),
        pytest.param(along(0, INT16, 3), ancillary(PRUNE, 1, 0, b"12"), id="zero points of INT16"),
    ],
)
def test_refusals(spec: TensorSpec, header: bytes) -> None:
    assert not check_against_oracle(decode_model([(bytes(8), header, spec)]), [[]], "tflm")


@pytest.mark.parametrize("constant", [(True, False), (False, True)])
def test_compressed_data_must_be_constant(constant: tuple[bool, bool]) -> None:
    data = [np.frombuffer(bytes(8), np.uint8), np.frombuffer(ancillary(LUT, 1, 2, b"12"), np.uint8)]
    inputs = [TensorSpec(d.shape, UINT8, data=d if c else None) for d, c in zip(data, constant, strict=True)]
    fed = [d for d, c in zip(data, constant, strict=True) if not c]
    assert not check_against_oracle(single_op_model("TFLM_DECODE", inputs, [SPEC]), [fed], "tflm")


@pytest.mark.parametrize(
    ("codes", "header", "reason"),
    [
        (bytes(8), b"\0\1\0\0\1\1", "no header"),
        (b"", ancillary(LUT, 1, 0, b"12"), "must not be empty"),
        (b"\x12", ancillary(LUT, 2, 0, b"1234"), "too few"),
        (b"\xff", ancillary(LUT, 1, 0, b"1"), "beyond the table of 1"),
        (b"\xff", ancillary(PRUNE, 0, 0, b"12"), "8 values are kept, but there are 2"),
        (bytes(1), ancillary(HUFFMAN, 0x10, 0, b"\1\x90" * 4), "are too few for 8 codes"),
        (b"\xff", ancillary(HUFFMAN, 0, 0, b"\1\x88"), "beyond the table of 1"),
        (b"\xff" * 8, ancillary(HUFFMAN, 0, 0, b"\0\0\0\0"), "beyond the table of 2"),
    ],
)
def test_what_tflm_reads_beyond_its_tensors_is_refused(codes: bytes, header: bytes, reason: str) -> None:
    # TFLM checks none of this: no oracle.
    with pytest.raises(PrepareError, match=reason):
        run_ours(decode_model([(codes, header, SPEC)]), [[]], "tflm")
