"""LiteRT's AudioSpectrogram and Mfcc."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from microinterp.model.custom_options import encode_custom_options
from microinterp.model.ir import TensorType
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model

FLOAT32, INT32 = TensorType.FLOAT32, TensorType.INT32


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
