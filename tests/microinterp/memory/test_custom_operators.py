"""The arena of TFLM's custom operators, of each alone, equals what the wheel prints."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from microinterp import load
from microinterp.memory.arena import estimate_arena
from microinterp.memory.wheel import WHEEL_KERNELS, WHEEL_TARGET
from microinterp.model.custom_options import encode_custom_options
from microinterp.model.ir import TensorType
from tests.single_op import TensorSpec, single_op_model
from tests.wheel_arena import ask_wheel

FLOAT32, INT8, INT16, INT32, BOOL = (
    TensorType[name] for name in ("FLOAT32", "INT8", "INT16", "INT32", "BOOL")
)


def check(operator: str, inputs: list[TensorSpec], outputs: list[TensorSpec], **options: Any) -> None:
    encoded = encode_custom_options(options) if options else b""
    content = single_op_model(operator, inputs, outputs, custom_options=encoded)
    wheel = ask_wheel(content)
    assert wheel is not None, "the wheel refuses it"
    report = estimate_arena(load(content), WHEEL_TARGET, WHEEL_KERNELS)
    assert report.exact
    assert (report.recording_total, report.head) == (wheel.total, wheel.head)
    for name, figures in wheel.sections.items():
        section = report.sections[name]
        assert (section.used, section.requested, section.count) == figures, name


SIZES = st.integers(1, 50)


@given(SIZES, SIZES, st.integers(1, 3))
def test_circular_buffer(slots: int, depth: int, cycles: int) -> None:
    window = TensorSpec([1, slots, 1, depth], INT8, 0.5, 0, is_variable=True)
    check("CIRCULAR_BUFFER", [TensorSpec([1, 1, 1, depth], INT8, 0.5, 0)], [window], cycles_max=cycles)


def decoder_inputs(kind: int) -> list[TensorSpec]:
    """The encoded values and their ancillary data: a header of 16 bytes, then the decoder's table."""
    ancillary = np.zeros(64, np.uint8)
    ancillary[[0, 1, 4, 5, 6]] = kind, 1, 1, 1, 1
    return [
        TensorSpec([8], TensorType.UINT8, data=np.zeros(8, np.uint8)),
        TensorSpec([64], TensorType.UINT8, data=ancillary),
    ]


DECODERS = {"look-up table": 0, "Huffman": 1, "pruning": 2}


@pytest.mark.parametrize("kind", DECODERS.values(), ids=DECODERS.keys())
@pytest.mark.parametrize("zero_point", [0, 5])
@pytest.mark.parametrize("channels", [0, 1, 4])
def test_decode(kind: int, zero_point: int, channels: int) -> None:
    decoded = TensorSpec(
        [4, 4], INT8, [0.5] * channels if channels else None, [zero_point] * channels if channels else None
    )
    check("TFLM_DECODE", decoder_inputs(kind), [decoded])


def test_decode_of_several_tensors() -> None:
    outputs = [TensorSpec([4, 4], INT8, 0.5, 0)] * 3
    inputs = [tensor for kind in DECODERS.values() for tensor in decoder_inputs(kind)]
    check("TFLM_DECODE", inputs, outputs)


def test_decode_by_an_unknown_decoder_is_not_guessed() -> None:
    content = single_op_model("TFLM_DECODE", decoder_inputs(99), [TensorSpec([4], INT8)], custom_options=b"")
    assert ask_wheel(content) is None
    report = estimate_arena(load(content))
    assert not report.exact
    assert "begins with 99" in report.unknown[0]


@given(st.integers(1, 30), st.integers(1, 12), st.integers(1, 5), st.booleans())
def test_detection_postprocess(boxes: int, detections: int, classes: int, background: bool) -> None:
    shown = min(detections, boxes)
    check(
        "TFLite_Detection_PostProcess",
        [
            TensorSpec([1, boxes, 4], FLOAT32),
            TensorSpec([1, boxes, classes + background], FLOAT32),
            TensorSpec([boxes, 4], FLOAT32, data=np.ones((boxes, 4), np.float32)),
        ],
        [TensorSpec(shape, FLOAT32) for shape in ([1, shown, 4], [1, shown], [1, shown], [1])],
        max_detections=detections,
        max_classes_per_detection=1,
        nms_score_threshold=0.1,
        nms_iou_threshold=0.5,
        num_classes=classes,
        y_scale=10.0,
        x_scale=10.0,
        h_scale=5.0,
        w_scale=5.0,
    )


FFT_TYPES = {FLOAT32: 0, INT16: 7, INT32: 2}


@pytest.mark.parametrize("type_", FFT_TYPES, ids=lambda type_: type_.name)
@pytest.mark.parametrize("length", [64, 128, 512])
@pytest.mark.parametrize("operator", ["SignalRfft", "SignalIrfft"])
def test_fft(operator: str, length: int, type_: TensorType) -> None:
    samples, spectrum = TensorSpec([length], type_), TensorSpec([2 * (length // 2 + 1)], type_)
    tensors = (spectrum, samples) if operator == "SignalIrfft" else (samples, spectrum)
    check(operator, [tensors[0]], [tensors[1]], T=FFT_TYPES[type_], fft_length=length)


@given(SIZES, st.integers(1, 20), st.integers(1, 4), st.integers(1, 3))
def test_framer(size: int, step: int, frames: int, outer: int) -> None:
    assume(size >= step)
    check(
        "SignalFramer",
        [TensorSpec([outer, frames * step], INT16)],
        [TensorSpec([outer, frames, size], INT16), TensorSpec([], BOOL)],
        frame_size=size,
        frame_step=step,
        prefill=False,
    )


@given(SIZES, SIZES, st.integers(1, 3))
def test_delay(frame: int, length: int, outer: int) -> None:
    signal = TensorSpec([outer, frame], INT16)
    check("SignalDelay", [signal], [signal], delay_length=length)


@given(st.sampled_from([FLOAT32, INT16]), SIZES, st.integers(1, 3), st.integers(1, 3))
def test_overlap_add(type_: TensorType, size: int, frames: int, outer: int) -> None:
    step = size // 2 + 1
    check(
        "SignalOverlapAdd",
        [TensorSpec([outer, frames, size], type_)],
        [TensorSpec([outer, frames * step], type_)],
        T=FFT_TYPES[type_],
        frame_step=step,
    )


@given(st.integers(1, 40), st.integers(0, 5), st.integers(0, 5), st.integers(1, 3))
def test_stacker(channels: int, left: int, right: int, step: int) -> None:
    check(
        "SignalStacker",
        [TensorSpec([channels], INT16)],
        [TensorSpec([channels * (left + right + 1)], INT16), TensorSpec([], BOOL)],
        num_channels=channels,
        stacker_left_context=left,
        stacker_right_context=right,
        stacker_step=step,
    )
