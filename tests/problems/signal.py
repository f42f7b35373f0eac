"""TFLM's audio operators: from samples to the logarithms of mel channels, and streams of samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from microinterp.model.custom_options import encode_custom_options
from microinterp.model.ir import NUMPY_TYPES, TensorType
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model

Array = NDArray[Any]
Draw = Callable[..., Any]

BOOL, INT8, INT16, INT32 = TensorType.BOOL, TensorType.INT8, TensorType.INT16, TensorType.INT32
UINT32, UINT64, FLOAT32 = TensorType.UINT32, TensorType.UINT64, TensorType.FLOAT32


def signal_model(
    operator: str,
    inputs: list[TensorSpec],
    outputs: list[TensorSpec],
    options: Mapping[str, Any] | None = None,
) -> bytes:
    encoded = encode_custom_options(options) if options is not None else b""
    return single_op_model(operator, list(inputs), outputs, custom_options=encoded)


def integers(draw: Draw, shape: tuple[int, ...], element_type: TensorType) -> Array:
    """Values of every magnitude, the ends of the range among them."""
    limits = np.iinfo(NUMPY_TYPES[element_type])
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    size = math.prod(shape)
    values = rng.integers(limits.min, limits.max, size, limits.dtype, endpoint=True)
    ends = np.array([limits.max, limits.min], limits.dtype)[(values & 1).astype(np.intp)]
    style = draw(st.sampled_from(["all", "magnitudes", "ends", "near ends", "least"]))
    if style == "magnitudes":
        values >>= rng.integers(0, limits.bits, size).astype(limits.dtype)
    elif style == "ends":
        values = ends
    elif style == "near ends":
        values = ends + (values >> 1 & 1) - (values >> 2 & 1)
    elif style == "least":
        values = np.full(size, limits.min, limits.dtype)
    return values.reshape(shape)


def floats(draw: Draw, shape: tuple[int, ...]) -> Array:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    values = rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 4, shape)
    values *= draw(st.sampled_from([1.0, 1e-44, 1e30]))
    special = draw(st.sampled_from([[], [0.0], [-0.0], [0.0, -0.0, 1.0]]))
    if special:
        values = np.where(
            rng.random(shape) < draw(st.sampled_from([0.2, 1.0])), rng.choice(special, shape), values
        )
    return values.astype(np.float32)


def numbers(draw: Draw, shape: tuple[int, ...], element_type: TensorType) -> Array:
    return floats(draw, shape) if element_type is FLOAT32 else integers(draw, shape, element_type)


def sometimes_constant(draw: Draw, values: Array, element_type: TensorType) -> tuple[TensorSpec, list[Array]]:
    """A tensor with these values, constant or not, and what to feed to the graph for it."""
    if draw(st.booleans()):
        return TensorSpec(values.shape, element_type, data=values), []
    return TensorSpec(values.shape, element_type), [values]


def outer_shape(draw: Draw) -> tuple[int, ...]:
    shape: tuple[int, ...] = draw(st.sampled_from([(), (1,), (3,), (2, 2)]))
    return shape


@generator("SignalWindow", tflm=("INT16",))
def window(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    size = draw(st.integers(1, 40))
    shape = draw(
        st.sampled_from([(size,), (1, size), (3, size), (2, 2, size), (2 * size,), (2, size, 1), (size, 2)])
    )
    weights, fed = sometimes_constant(draw, integers(draw, (size,), INT16), INT16)
    model = signal_model(
        "SignalWindow",
        [TensorSpec(shape, INT16), weights],
        [TensorSpec(shape, INT16)],
        {"shift": draw(st.integers(0, 31))},
    )
    return Problem(model, [[integers(draw, shape, INT16), *fed] for _ in range(2)])


def fft_auto_scale_model(size: int) -> bytes:
    outputs = [TensorSpec((size,), INT16), TensorSpec((), INT32)]
    return signal_model("SignalFftAutoScale", [TensorSpec((size,), INT16)], outputs)


@generator("SignalFftAutoScale", tflm=("INT16",))
def fft_auto_scale(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    size = draw(st.integers(1, 40))
    quiet = integers(draw, (size,), INT16) >> draw(st.integers(0, 15))
    return Problem(fft_auto_scale_model(size), [[quiet], [integers(draw, (size,), INT16)]])


FFT_LENGTHS = sorted(
    2 * 2**a * 3**b * 5**c
    for a in range(10)
    for b in range(4)
    for c in range(3)
    if 2 < 2 * 2**a * 3**b * 5**c <= 1024
)


def rfft_model(shape: tuple[int, ...], length: int, element_type: TensorType) -> bytes:
    return signal_model(
        "SignalRfft",
        [TensorSpec(shape, element_type)],
        [TensorSpec((*shape[:-1], length + 2), element_type)],
        {"T": int(element_type), "fft_length": length},
    )


@generator("SignalRfft", tflm=("INT16", "INT32", "FLOAT32"))
def rfft(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    element_type = TensorType[kind]
    length = draw(st.sampled_from(FFT_LENGTHS))
    samples = draw(st.integers(1, length) | st.just(length))
    shape = (*outer_shape(draw), samples)
    # the second run must not see what the first left behind the samples
    runs = [[numbers(draw, shape, element_type)] for _ in range(2)]
    return Problem(rfft_model(shape, length, element_type), runs)


def irfft_model(shape: tuple[int, ...], length: int, element_type: TensorType) -> bytes:
    return signal_model(
        "SignalIrfft",
        [TensorSpec(shape, element_type)],
        [TensorSpec((*shape[:-1], length), element_type)],
        {"T": int(element_type), "fft_length": length},
    )


@generator("SignalIrfft", tflm=("INT16", "INT32", "FLOAT32"))
def irfft(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    element_type = TensorType[kind]
    length = draw(st.sampled_from(FFT_LENGTHS))
    shape = (*outer_shape(draw), length + 2 + draw(st.sampled_from([0, 0, 2, 6])))
    runs = [[numbers(draw, shape, element_type)] for _ in range(2)]
    return Problem(irfft_model(shape, length, element_type), runs)


@generator("SignalEnergy", tflm=("INT16",))
def energy(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    size = draw(st.integers(1, 41))
    options = {name: draw(st.integers(0, size // 2)) for name in ("start_index", "end_index")}
    model = signal_model(
        "SignalEnergy", [TensorSpec((size,), INT16)], [TensorSpec((size // 2,), UINT32)], options
    )
    return Problem(model, [[integers(draw, (size,), INT16)]])


@generator("SignalFilterBank", tflm=("UINT32",))
def filter_bank(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    channels = draw(st.integers(1, 12))
    frequencies, weights = draw(st.integers(1, 60)), draw(st.integers(1, 60))
    longest = min(frequencies, weights)
    segments = channels + 1 + draw(st.integers(0, 2))
    widths = draw(st.lists(st.integers(-3, longest), min_size=segments, max_size=segments))
    tables = [
        integers(draw, (weights,), INT16),
        integers(draw, (weights + draw(st.integers(0, 2)),), INT16),
        np.array([draw(st.integers(0, frequencies - max(w, 0))) for w in widths], np.int16),
        np.array([draw(st.integers(0, weights - max(w, 0))) for w in widths], np.int16),
        np.array(widths, np.int16),
    ]
    constant = draw(st.booleans())
    model = signal_model(
        "SignalFilterBank",
        [
            TensorSpec((frequencies,), UINT32),
            *(TensorSpec(t.shape, INT16, data=t if constant else None) for t in tables),
        ],
        [TensorSpec((channels,), UINT64)],
        {"num_channels": channels},
    )
    fed = [] if constant else tables
    return Problem(model, [[integers(draw, (frequencies,), UINT32), *fed] for _ in range(2)])


@generator("SignalFilterBankSquareRoot", tflm=("UINT64",))
def filter_bank_square_root(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    size = draw(st.integers(1, 40))
    model = signal_model(
        "SignalFilterBankSquareRoot",
        [TensorSpec((size,), UINT64), TensorSpec((), INT32)],
        [TensorSpec((size,), UINT32)],
    )
    # squares, and where rounding up begins: n² + n + 1
    roots = integers(draw, (size,), UINT32).astype(np.uint64)
    around = np.array(draw(st.lists(st.integers(-2, 2), min_size=size, max_size=size)))
    near = roots * roots + around.astype(np.uint64)
    values = draw(st.sampled_from([integers(draw, (size,), UINT64), near, near + roots]))
    bits = draw(st.integers(0, 31) | st.integers(-(2**31), 2**31 - 1))
    return Problem(model, [[values, np.array(bits, np.int32)]])


_COEFFICIENTS = st.integers(0, 2**14) | st.integers(-(2**31), 2**31 - 1)


def spectral_subtraction_model(channels: int, **options: Any) -> bytes:
    real = {
        "alternate_one_minus_smoothing": 15401,
        "alternate_smoothing": 983,
        "clamping": False,
        "min_signal_remaining": 819,
        "num_channels": channels,
        "one_minus_smoothing": 15975,
        "smoothing": 409,
        "smoothing_bits": 10,
        "spectral_subtraction_bits": 14,
    }
    spec = TensorSpec((channels,), UINT32)
    return signal_model("SignalFilterBankSpectralSubtraction", [spec], [spec, spec], {**real, **options})


@generator("SignalFilterBankSpectralSubtraction", tflm=("UINT32",))
def filter_bank_spectral_subtraction(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    channels = draw(st.integers(1, 20))
    options = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "alternate_one_minus_smoothing": _COEFFICIENTS,
                "alternate_smoothing": _COEFFICIENTS,
                "clamping": st.booleans(),
                "min_signal_remaining": _COEFFICIENTS,
                "one_minus_smoothing": _COEFFICIENTS,
                "smoothing": _COEFFICIENTS,
                "smoothing_bits": st.integers(0, 31),
                "spectral_subtraction_bits": st.integers(0, 63),
            },
        )
    )
    model = spectral_subtraction_model(channels, **options)
    return Problem(model, [[integers(draw, (channels,), UINT32)] for _ in range(5)])


@generator("SignalPCAN", tflm=("UINT32",))
def pcan(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    channels = draw(st.integers(1, 20))
    noises = channels + draw(st.integers(0, 2))
    table, fed = sometimes_constant(draw, integers(draw, (125,), INT16), INT16)
    model = signal_model(
        "SignalPCAN",
        [TensorSpec((channels,), UINT32), TensorSpec((noises,), UINT32), table],
        [TensorSpec((channels,), UINT32)],
        {"snr_shift": draw(st.integers(0, 20) | st.integers(0, 63))},
    )
    noise = integers(draw, (noises,), UINT32)
    return Problem(model, [[integers(draw, (channels,), UINT32), noise, *fed] for _ in range(2)])


@generator("SignalFilterBankLog", tflm=("UINT32",))
def filter_bank_log(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    size = draw(st.integers(1, 60))
    scale = draw(st.integers(0, 4000) | st.integers(-(2**31), 2**31 - 1))
    model = signal_model(
        "SignalFilterBankLog",
        [TensorSpec((size,), UINT32)],
        [TensorSpec((size,), INT16)],
        {"output_scale": scale, "input_correction_bits": draw(st.integers(0, 31))},
    )
    return Problem(model, [[integers(draw, (size,), UINT32)], [np.arange(size, dtype=np.uint32)]])


@generator("SignalDelay", tflm=("INT16",))
def delay(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    shape = (*outer_shape(draw), draw(st.integers(1, 12)))
    spec = TensorSpec(shape, INT16)
    model = signal_model("SignalDelay", [spec], [spec], {"delay_length": draw(st.integers(0, 40))})
    return Problem(model, [[integers(draw, shape, INT16)] for _ in range(5)])


# Outputs that are not written at first: as variables they are zero then, else whatever TFLM's arena has held before.
_KEPT: dict[str, Any] = {"is_variable": True}


def framer_model(shape: tuple[int, ...], size: int, step: int, prefill: bool) -> bytes:
    return signal_model(
        "SignalFramer",
        [TensorSpec(shape, INT16)],
        [TensorSpec((*shape[:-1], shape[-1] // step, size), INT16, **_KEPT), TensorSpec((), BOOL)],
        {"frame_size": size, "frame_step": step, "prefill": prefill},
    )


@generator("SignalFramer", tflm=("INT16",))
def framer(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    step, prefill = draw(st.integers(1, 9)), draw(st.booleans())
    size = draw(st.integers(step if prefill else 1, 30))
    shape = (*outer_shape(draw), step * draw(st.integers(1, 4)))
    model = framer_model(shape, size, step, prefill)
    return Problem(model, [[integers(draw, shape, INT16)] for _ in range(6)])


def overlap_add_model(shape: tuple[int, ...], step: int, element_type: TensorType) -> bytes:
    return signal_model(
        "SignalOverlapAdd",
        [TensorSpec(shape, element_type)],
        [TensorSpec((*shape[:-2], shape[-2] * step), element_type)],
        {"T": int(element_type), "frame_step": step},
    )


@generator("SignalOverlapAdd", tflm=("INT16", "FLOAT32"))
def overlap_add(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    element_type = TensorType[kind]
    shape = (*outer_shape(draw), draw(st.integers(1, 4)), draw(st.integers(1, 20)))
    model = overlap_add_model(shape, draw(st.integers(1, shape[-1])), element_type)
    runs = [numbers(draw, shape, element_type) for _ in range(4)]
    if element_type is FLOAT32 and draw(st.booleans()):
        rng = np.random.default_rng(draw(st.integers(0, 2**32)))
        for values in runs:  # the NaN is the one that inf − inf gives
            chosen = rng.random(shape) < 0.2
            values[chosen] = rng.choice(np.array([np.inf, -np.inf, -np.nan, 3e38], np.float32), shape)[chosen]
    return Problem(model, [[values] for values in runs])


def stacker_model(inputs: int, channels: int, left: int, right: int, step: int) -> bytes:
    return signal_model(
        "SignalStacker",
        [TensorSpec((inputs,), INT16)],
        [TensorSpec((channels * (left + right + 1),), INT16, **_KEPT), TensorSpec((), BOOL)],
        {
            "num_channels": channels,
            "stacker_left_context": left,
            "stacker_right_context": right,
            "stacker_step": step,
        },
    )


@generator("SignalStacker", tflm=("INT16",))
def stacker(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    channels, left, right = draw(st.integers(1, 6)), draw(st.integers(0, 3)), draw(st.integers(0, 3))
    inputs = channels + draw(st.sampled_from([0, 0, 2]))
    model = stacker_model(inputs, channels, left, right, draw(st.integers(1, left + right + 1)))
    return Problem(model, [[integers(draw, (inputs,), INT16)] for _ in range(9)])


def circular_buffer_model(
    batches: int, slots: int, shape: tuple[int, int], cycles: int | None, is_variable: bool = True
) -> bytes:
    return signal_model(
        "CIRCULAR_BUFFER",
        [TensorSpec((batches, 1, *shape), INT8, 0.5, 3)],
        [TensorSpec((batches, slots, *shape), INT8, 0.5, 3, is_variable=is_variable)],
        None if cycles is None else {"cycles_max": cycles},
    )


@generator("CIRCULAR_BUFFER", tflm=("INT8",))
def circular_buffer(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    batches, shape = draw(st.sampled_from([1, 1, 2])), (draw(st.integers(1, 3)), draw(st.integers(1, 5)))
    slots = draw(st.integers(1, 6) | st.sampled_from([13, 25]))
    cycles = draw(st.none() | st.integers(-1, 3))
    model = circular_buffer_model(batches, slots, shape, cycles, draw(st.booleans()))
    return Problem(model, [[integers(draw, (batches, 1, *shape), INT8)] for _ in range(5)])
