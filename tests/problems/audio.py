"""LiteRT's RFFT2D, AudioSpectrogram and Mfcc."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from microinterp.model.custom_options import encode_custom_options
from microinterp.model.ir import TensorType
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model

FLOAT32, INT32 = TensorType.FLOAT32, TensorType.INT32


def signal(draw: st.DrawFn, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Noise, or few different numbers: then sums cancel."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    special = draw(st.sampled_from([[], [], [0.0], [-0.0], [1.0], [0.0, 1.0], [1e-44, -1.0], [3e38]]))
    if special:
        return np.asarray(rng.choice(special, shape), np.float32)
    scale = draw(st.sampled_from([1.0, 1e-30, 1e18]))
    return np.asarray(rng.standard_normal(shape) * scale, np.float32)


@generator("RFFT2D", tflite=("FLOAT32",))
def rfft2d(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    lengths = np.array([2 ** draw(st.integers(0, 8)), 2 ** draw(st.integers(0, 10))], np.int32)
    if lengths.prod() > 2**14:
        lengths[draw(st.integers(0, 1))] = 1
    if draw(st.integers(0, 14)) == 0:
        lengths[draw(st.integers(0, 1))] = draw(st.sampled_from([0, 3, -4, 12]))  # LiteRT refuses these
    outer = tuple(draw(st.lists(st.integers(1, 2), max_size=2)))
    shape = (*outer, *(max(0, int(n) + draw(st.sampled_from([0, 0, 0, -1, -5, 2]))) for n in lengths))
    is_constant = draw(st.booleans())
    model = single_op_model(
        "RFFT2D",
        [TensorSpec(shape, FLOAT32), TensorSpec((2,), INT32, data=lengths if is_constant else None)],
        [TensorSpec((*shape[:-2], 1, 1), TensorType.COMPLEX64)],
    )
    fed = [] if is_constant else [lengths]
    return Problem(model, [[signal(draw, shape), *fed] for _ in range(2)])


@generator("AudioSpectrogram", tflite=("FLOAT32",))
def audio_spectrogram(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    size = draw(
        st.integers(2, 40) | st.sampled_from([64, 100, 128, 200, 256, 400, 512, 640, 1024, 2048, 4096])
    )
    if draw(st.integers(0, 19)) == 0:
        size = draw(st.integers(-1, 1))  # LiteRT refuses these
    stride = draw(st.integers(1, max(1, size) + 5))
    shape = (
        max(0, size + draw(st.sampled_from([-1, 0])) + draw(st.integers(0, 4)) * stride),
        draw(st.integers(1, 3)),
    )
    options = {"window_size": size, "stride": stride, "magnitude_squared": draw(st.booleans())}
    model = single_op_model(
        "AudioSpectrogram",
        [TensorSpec(shape, FLOAT32)],
        [TensorSpec((shape[1], 1, 1), FLOAT32)],
        custom_options=encode_custom_options(options),
    )
    return Problem(model, [[signal(draw, shape)] for _ in range(2)])


@generator("Mfcc", tflite=("FLOAT32",))
def mfcc(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    shape = (draw(st.integers(1, 2)), draw(st.integers(1, 5)), draw(st.integers(2, 40) | st.just(257)))
    channels = draw(st.integers(1, 40))
    rate = np.array(draw(st.sampled_from([1, 999, 8000, 16000, 44100])), np.int32)
    count = draw(st.integers(1, channels))
    lower = draw(st.integers(0, 300))
    upper = lower + draw(st.integers(1, max(1, int(rate) // 2)))
    if draw(st.integers(0, 9)) == 0:  # LiteRT refuses some of these
        count, upper = draw(st.integers(0, channels + 1)), draw(st.integers(0, 20000))
    options = {
        "upper_frequency_limit": draw(st.sampled_from([upper, float(upper) + 0.7])),
        "lower_frequency_limit": lower,
        "filterbank_channel_count": channels,
        "dct_coefficient_count": count,
    }
    is_constant = draw(st.booleans())
    model = single_op_model(
        "Mfcc",
        [
            TensorSpec(shape, FLOAT32),
            TensorSpec((1,), INT32, data=rate.reshape(1) if is_constant else None),
        ],
        [TensorSpec((*shape[:2], count), FLOAT32)],
        custom_options=encode_custom_options(options),
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    spectra = np.abs(rng.standard_normal(shape) * 10.0 ** rng.integers(-20, 9, shape)).astype(np.float32)
    special = draw(st.sampled_from([[], [0.0], [0.0, 1.0], [1e-44, 3e38], [1.0], [np.inf]]))
    if special:
        chosen = rng.random(shape) < draw(st.sampled_from([0.1, 1.0]))
        spectra[chosen] = rng.choice(special, shape)[chosen]
    fed = [] if is_constant else [rate.reshape(1)]
    return Problem(model, [[spectra, *fed], [np.zeros(shape, np.float32), *fed]])
