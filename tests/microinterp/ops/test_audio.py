"""RFFT2D, AudioSpectrogram and Mfcc: large sizes, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from microinterp.errors import PrepareError
from microinterp.model.custom_options import encode_custom_options
from microinterp.model.ir import NUMPY_TYPES, TensorType
from tests.single_op import TensorSpec, check_against_oracle, run_ours, single_op_model

FLOAT32, INT32, INT64, COMPLEX64 = (
    TensorType.FLOAT32,
    TensorType.INT32,
    TensorType.INT64,
    TensorType.COMPLEX64,
)


def rfft2d_model(
    shape: tuple[int, ...], lengths: list[int], type: TensorType = FLOAT32, length_type: TensorType = INT32
) -> bytes:
    return single_op_model(
        "RFFT2D",
        [TensorSpec(shape, type), TensorSpec((len(lengths),), length_type, data=lengths)],
        [TensorSpec((1, 1), COMPLEX64)],
    )


def audio_model(operator: str, inputs: list[TensorSpec], options: dict[str, Any] | None) -> bytes:
    encoded = encode_custom_options({} if options is None else options)
    return single_op_model(operator, list(inputs), [TensorSpec((1, 1, 1), FLOAT32)], custom_options=encoded)


def zeros(specs: list[TensorSpec]) -> list[np.ndarray[Any, Any]]:
    return [np.zeros(spec.shape, NUMPY_TYPES[spec.type]) for spec in specs]


@pytest.mark.parametrize("lengths", [[1, 2**16], [2**15, 2], [256, 512]])
def test_large_ffts(lengths: list[int]) -> None:
    x = np.random.default_rng(1).standard_normal(lengths).astype(np.float32)
    assert check_against_oracle(rfft2d_model(x.shape, lengths), [[x]], "tflite")


@pytest.mark.parametrize(
    ("shape", "lengths", "type", "length_type"),
    [
        ((4,), [4, 4], FLOAT32, INT32),
        ((4, 4), [4], FLOAT32, INT32),
        ((4, 4), [4, 4, 4], FLOAT32, INT32),
        ((4, 4), [4, 4], INT32, INT32),
        ((4, 4), [4, 4], FLOAT32, INT64),
        ((4, 4), [4, 6], FLOAT32, INT32),
        ((4, 4), [0, 4], FLOAT32, INT32),
        ((4, 4), [4, -4], FLOAT32, INT32),
    ],
)
def test_rfft2d_refuses(
    shape: tuple[int, ...], lengths: list[int], type: TensorType, length_type: TensorType
) -> None:
    model = rfft2d_model(shape, lengths, type, length_type)
    assert not check_against_oracle(model, [[np.zeros(shape, NUMPY_TYPES[type])]], "tflite")


def test_ffts_that_would_take_for_ever_are_refused() -> None:
    with pytest.raises(PrepareError, match="powers of 2, up to"):
        run_ours(rfft2d_model((4, 4), [2**30, 2]), [[np.zeros((4, 4), np.float32)]], "tflite")


SPECTROGRAM = {"window_size": 4, "stride": 2, "magnitude_squared": True}
MFCC = {
    "upper_frequency_limit": 4000,
    "lower_frequency_limit": 20,
    "filterbank_channel_count": 10,
    "dct_coefficient_count": 5,
}
RATE = TensorSpec((1,), INT32)


@pytest.mark.parametrize(
    ("operator", "inputs", "options"),
    [
        ("AudioSpectrogram", [TensorSpec((9,), FLOAT32)], SPECTROGRAM),
        ("AudioSpectrogram", [TensorSpec((9, 1), INT32)], SPECTROGRAM),
        ("AudioSpectrogram", [TensorSpec((9, 1), FLOAT32)] * 2, SPECTROGRAM),
        ("AudioSpectrogram", [TensorSpec((9, 1), FLOAT32)], {**SPECTROGRAM, "stride": 0}),
        ("AudioSpectrogram", [TensorSpec((9, 1), FLOAT32)], {**SPECTROGRAM, "window_size": 1}),
        ("AudioSpectrogram", [TensorSpec((9, 1), FLOAT32)], None),
        ("Mfcc", [TensorSpec((2, 9), FLOAT32), RATE], MFCC),
        ("Mfcc", [TensorSpec((1, 2, 9), INT32), RATE], MFCC),
        ("Mfcc", [TensorSpec((1, 2, 9), FLOAT32), TensorSpec((1,), FLOAT32)], MFCC),
        ("Mfcc", [TensorSpec((1, 2, 9), FLOAT32), TensorSpec((2,), INT32)], MFCC),
        ("Mfcc", [TensorSpec((1, 2, 9), FLOAT32)], MFCC),
        ("Mfcc", [TensorSpec((1, 2, 9), FLOAT32), RATE], MFCC),  # no samples per second
        ("Mfcc", [TensorSpec((1, 2, 9), FLOAT32), RATE], {**MFCC, "dct_coefficient_count": -1}),
    ],
)
def test_audio_refuses(operator: str, inputs: list[TensorSpec], options: dict[str, Any] | None) -> None:
    assert not check_against_oracle(audio_model(operator, inputs, options), [zeros(inputs)], "tflite")


def test_mfcc_without_options_has_no_coefficients() -> None:
    inputs = [TensorSpec((1, 2, 9), FLOAT32), RATE]
    assert check_against_oracle(audio_model("Mfcc", inputs, None), [zeros(inputs)], "tflite")
