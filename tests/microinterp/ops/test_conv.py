"""CONV_2D against the native runtimes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.microinterp.ops.convolutions import FORMS, convolutions
from tests.oracles import RuntimeName
from tests.single_op import check_against_oracle

CASES = [("tflite", form) for form in FORMS] + [
    ("tflm", form) for form in ("float32", "int8", "int8_int4", "int16", "int16_int32", "uint8", "hybrid")
]


@pytest.mark.parametrize(("runtime", "form"), CASES)
@given(data=st.data())
def test_equals_the_native_runtime(runtime: RuntimeName, form: str, data: st.DataObject) -> None:
    model, invokes = data.draw(convolutions("CONV_2D", runtime, FORMS[form]))
    check_against_oracle(model, invokes, runtime)
