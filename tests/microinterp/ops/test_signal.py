"""TFLM's audio operators against TFLM, one by one and in its two audio preprocessors on recordings."""

from __future__ import annotations

import contextlib
import math
import wave
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from microinterp import Interpreter
from microinterp.errors import InvokeError, MicrointerpError, PrepareError
from microinterp.micro import Interpreter as MicroInterpreter
from microinterp.model.custom_options import encode_custom_options
from microinterp.model.ir import NUMPY_TYPES, TensorType
from tests.oracles import available, run_oracle
from tests.shared import SHARED, requires_shared
from tests.single_op import TensorSpec, assert_same_bytes, check_against_oracle, run_ours, single_op_model

Array = NDArray[Any]
Draw = Callable[..., Any]

INT16, INT32, UINT32, UINT64 = TensorType.INT16, TensorType.INT32, TensorType.UINT32, TensorType.UINT64
FLOAT32 = TensorType.FLOAT32


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


def sometimes_constant(draw: Draw, values: Array, element_type: TensorType) -> tuple[TensorSpec, list[Array]]:
    """A tensor with these values, constant or not, and what to feed to the graph for it."""
    if draw(st.booleans()):
        return TensorSpec(values.shape, element_type, data=values), []
    return TensorSpec(values.shape, element_type), [values]


def must_run(model: bytes, invokes: list[list[Array]]) -> None:
    assert check_against_oracle(model, invokes, "tflm")


@given(st.data())
def test_window(data: st.DataObject) -> None:
    draw = data.draw
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
    must_run(model, [[integers(draw, shape, INT16), *fed] for _ in range(2)])


@given(st.data())
def test_fft_auto_scale(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 40))
    model = signal_model(
        "SignalFftAutoScale",
        [TensorSpec((size,), INT16)],
        [TensorSpec((size,), INT16), TensorSpec((), INT32)],
    )
    quiet = integers(data.draw, (size,), INT16) >> data.draw(st.integers(0, 15))
    must_run(model, [[quiet], [integers(data.draw, (size,), INT16)]])


@given(
    st.lists(st.sampled_from([-32768, -32767, -300, -200, -100, -3, -2, -1, 0, 1, 2, 150, 32767]), min_size=1)
)
@example([-32768, -3, -2, -1])
@example([-32768, -3, -2, -2])
@example([-32768, -3, 100])
@example([100, -32768])
def test_fft_auto_scale_of_the_least_number(values: list[int]) -> None:
    size = len(values)
    model = signal_model(
        "SignalFftAutoScale",
        [TensorSpec((size,), INT16)],
        [TensorSpec((size,), INT16), TensorSpec((), INT32)],
    )
    must_run(model, [[np.array(values, np.int16)]])


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


@pytest.mark.parametrize("element_type", [INT16, INT32, FLOAT32])
@given(data=st.data())
def test_rfft(element_type: TensorType, data: st.DataObject) -> None:
    draw = data.draw
    length = draw(st.sampled_from(FFT_LENGTHS))
    samples = draw(st.integers(1, length) | st.just(length))
    shape = (*draw(st.sampled_from([(), (1,), (3,), (2, 2)])), samples)

    def values() -> Array:
        return floats(draw, shape) if element_type is FLOAT32 else integers(draw, shape, element_type)

    # the second run must not see what the first left behind the samples
    must_run(rfft_model(shape, length, element_type), [[values()], [values()]])


@pytest.mark.parametrize("special", [[np.inf], [np.inf, -np.inf], [np.nan], [3e38]])
def test_rfft_beyond_the_numbers(special: list[float]) -> None:
    if reason := available("tflm"):
        pytest.skip(reason)
    rng = np.random.default_rng(2)
    for length in (12, 32, 60, 90):
        values = rng.standard_normal(length).astype(np.float32)
        values[rng.random(length) < 0.2] = rng.choice(special)
        model = rfft_model((length,), length, FLOAT32)
        (native,) = run_oracle("tflm", model, [[values]]).outputs[0]
        (ours,) = run_ours(model, [[values]], "tflm")[0]
        # The signs of NaNs depend on how the compiler turned a + −b around; all else must be equal.
        assert_same_bytes(np.isnan(ours), np.isnan(native), "NaNs")
        assert_same_bytes(
            np.nan_to_num(ours, posinf=1e9, neginf=-1e9),
            np.nan_to_num(native, posinf=1e9, neginf=-1e9),
            "rest",
        )


@pytest.mark.parametrize("element_type", [INT16, INT32, FLOAT32])
def test_rfft_of_every_length(element_type: TensorType) -> None:
    rng = np.random.default_rng(1)
    for length in range(4, 130, 2):
        values = rng.integers(-32768, 32768, length).astype(NUMPY_TYPES[element_type])
        model = rfft_model((length,), length, element_type)
        if length in FFT_LENGTHS:
            must_run(model, [[values]])
        else:
            # TFLM dies in its generic butterfly, whose memory allocation it has patched away
            with pytest.raises(PrepareError, match="products of 2, 3 and 5"):
                run_ours(model, [[values]], "tflm")


@given(st.data())
def test_energy(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 41))
    start = data.draw(st.integers(0, size // 2))
    end = data.draw(st.integers(0, size // 2))
    model = signal_model(
        "SignalEnergy",
        [TensorSpec((size,), INT16)],
        [TensorSpec((size // 2,), UINT32)],
        {"start_index": start, "end_index": end},
    )
    must_run(model, [[integers(data.draw, (size,), INT16)]])


@given(st.data())
def test_filter_bank(data: st.DataObject) -> None:
    draw = data.draw
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
    must_run(model, [[integers(draw, (frequencies,), UINT32), *fed] for _ in range(2)])


@given(st.data())
def test_square_root(data: st.DataObject) -> None:
    draw = data.draw
    size = draw(st.integers(1, 40))
    model = signal_model(
        "SignalFilterBankSquareRoot",
        [TensorSpec((size,), UINT64), TensorSpec((), INT32)],
        [TensorSpec((size,), UINT32)],
    )
    # squares, and where rounding up begins: n² + n + 1
    roots = integers(draw, (size,), UINT32).astype(np.uint64)
    near = roots * roots + np.array(draw(st.lists(st.integers(-2, 2), min_size=size, max_size=size))).astype(
        np.uint64
    )
    values = draw(st.sampled_from([integers(draw, (size,), UINT64), near, near + roots]))
    bits = draw(st.integers(0, 31) | st.integers(-(2**31), 2**31 - 1))
    must_run(model, [[values, np.array(bits, np.int32)]])


coefficients = st.integers(0, 2**14) | st.integers(-(2**31), 2**31 - 1)


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


@given(st.data())
def test_spectral_subtraction(data: st.DataObject) -> None:
    draw = data.draw
    channels = draw(st.integers(1, 20))
    options = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "alternate_one_minus_smoothing": coefficients,
                "alternate_smoothing": coefficients,
                "clamping": st.booleans(),
                "min_signal_remaining": coefficients,
                "one_minus_smoothing": coefficients,
                "smoothing": coefficients,
                "smoothing_bits": st.integers(0, 31),
                "spectral_subtraction_bits": st.integers(0, 63),
            },
        )
    )
    model = spectral_subtraction_model(channels, **options)
    must_run(model, [[integers(draw, (channels,), UINT32)] for _ in range(5)])


def test_spectral_subtraction_forgets_at_reset() -> None:
    if reason := available("tflm"):
        pytest.skip(reason)
    model = spectral_subtraction_model(3)
    x = np.array([1000, 5000, 70000], np.uint32)
    native = run_oracle("tflm", model, [[x], [x]]).outputs
    assert native[0][1].tobytes() != native[1][1].tobytes()
    ours = MicroInterpreter.from_bytes(model)
    for expected in (*native, native[0]):
        if expected is native[0]:
            ours.reset()
        ours.set_input(x, 0)
        ours.invoke()
        for i in (0, 1):
            assert_same_bytes(ours.get_output(i), expected[i], f"output {i}")


@given(st.data())
def test_pcan(data: st.DataObject) -> None:
    draw = data.draw
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
    must_run(model, [[integers(draw, (channels,), UINT32), noise, *fed] for _ in range(2)])


@given(st.data())
def test_log(data: st.DataObject) -> None:
    draw = data.draw
    size = draw(st.integers(1, 60))
    scale = draw(st.integers(0, 4000) | st.integers(-(2**31), 2**31 - 1))
    model = signal_model(
        "SignalFilterBankLog",
        [TensorSpec((size,), UINT32)],
        [TensorSpec((size,), INT16)],
        {"output_scale": scale, "input_correction_bits": draw(st.integers(0, 31))},
    )
    must_run(model, [[integers(draw, (size,), UINT32)], [np.arange(size, dtype=np.uint32)]])


# One sound model of each operator: inputs, outputs, options.
SOUND: dict[str, tuple[list[TensorSpec], list[TensorSpec], dict[str, Any]]] = {
    "SignalWindow": ([TensorSpec((8,), INT16)] * 2, [TensorSpec((8,), INT16)], {"shift": 12}),
    "SignalFftAutoScale": ([TensorSpec((8,), INT16)], [TensorSpec((8,), INT16), TensorSpec((), INT32)], {}),
    "SignalRfft": ([TensorSpec((8,), INT16)], [TensorSpec((10,), INT16)], {"T": 7, "fft_length": 8}),
    "SignalEnergy": (
        [TensorSpec((10,), INT16)],
        [TensorSpec((5,), UINT32)],
        {"start_index": 0, "end_index": 5},
    ),
    "SignalFilterBank": (
        [
            TensorSpec((4,), UINT32),
            *[TensorSpec((4,), INT16, data=[1, 2, 3, 4])] * 2,
            *[TensorSpec((3,), INT16, data=[0, 1, 2])] * 3,
        ],
        [TensorSpec((2,), UINT64)],
        {"num_channels": 2},
    ),
    "SignalFilterBankSquareRoot": (
        [TensorSpec((4,), UINT64), TensorSpec((), INT32)],
        [TensorSpec((4,), UINT32)],
        {},
    ),
    "SignalFilterBankSpectralSubtraction": (
        [TensorSpec((4,), UINT32)],
        [TensorSpec((4,), UINT32)] * 2,
        {
            "alternate_one_minus_smoothing": 1,
            "alternate_smoothing": 1,
            "clamping": True,
            "min_signal_remaining": 1,
            "num_channels": 4,
            "one_minus_smoothing": 1,
            "smoothing": 1,
            "smoothing_bits": 1,
            "spectral_subtraction_bits": 1,
        },
    ),
    "SignalPCAN": (
        [*[TensorSpec((4,), UINT32)] * 2, TensorSpec((125,), INT16)],
        [TensorSpec((4,), UINT32)],
        {"snr_shift": 6},
    ),
    "SignalFilterBankLog": (
        [TensorSpec((4,), UINT32)],
        [TensorSpec((4,), INT16)],
        {"input_correction_bits": 3, "output_scale": 64},
    ),
}
operators = pytest.mark.parametrize("operator", SOUND)


def zeros(specs: list[TensorSpec]) -> list[Array]:
    return [np.zeros(spec.shape, NUMPY_TYPES[spec.type]) for spec in specs if spec.data is None]


@operators
def test_sound_models_run(operator: str) -> None:
    inputs, outputs, options = SOUND[operator]
    must_run(signal_model(operator, inputs, outputs, options), [zeros(inputs)])


@operators
def test_litert_has_no_such_operator(operator: str) -> None:
    inputs, outputs, options = SOUND[operator]
    assert not check_against_oracle(
        signal_model(operator, inputs, outputs, options), [zeros(inputs)], "tflite"
    )


@operators
def test_wrong_tensors_are_refused_as_natively(operator: str) -> None:
    sound_inputs, sound_outputs, options = SOUND[operator]
    tensors = sound_inputs + sound_outputs
    several_dimensions = {("SignalWindow", 0), ("SignalWindow", 2), ("SignalRfft", 0), ("SignalRfft", 1)}

    def assert_refused(inputs: list[TensorSpec], outputs: list[TensorSpec]) -> None:
        model = signal_model(operator, inputs, outputs, options)
        assert not check_against_oracle(model, [zeros(inputs)], "tflm")

    for i, spec in enumerate(tensors):
        changed = [TensorSpec(spec.shape, FLOAT32, data=None if spec.data is None else np.zeros(spec.shape))]
        deeper = TensorSpec((1, *spec.shape), spec.type, data=spec.data)
        changed.append(deeper)
        if (operator, i) in several_dimensions:
            changed.append(TensorSpec((), spec.type))  # another rank than its counterpart's, or none at all
        for wrong in changed:
            mutated = [*tensors[:i], wrong, *tensors[i + 1 :]]
            assert_refused(mutated[: len(sound_inputs)], mutated[len(sound_inputs) :])
    assert_refused([*sound_inputs, TensorSpec((1,), INT16)], sound_outputs)
    assert_refused(sound_inputs[:-1], sound_outputs)
    assert_refused(sound_inputs, [*sound_outputs, TensorSpec((1,), INT16)])
    assert_refused(sound_inputs, sound_outputs[:-1])


@pytest.mark.parametrize(
    ("operator", "options", "reason"),
    [
        ("SignalWindow", {"shift": 32}, "shift must be an integer from 0 to 31"),
        ("SignalWindow", {"shift": 1.5}, "shift"),
        ("SignalWindow", {"other": 1}, "shift"),
        ("SignalRfft", {"fft_length": 0}, "more samples than fft_length"),
        ("SignalRfft", {"fft_length": 4}, "more samples than fft_length"),
        ("SignalRfft", {"fft_length": 9}, "only of even products"),
        ("SignalRfft", {"fft_length": 2**31 - 2}, "fft_length must be at most"),
        ("SignalRfft", {"T": 9}, "T must be"),
        ("SignalEnergy", {"start_index": -1}, "start_index"),
        ("SignalEnergy", {"end_index": 6}, "end_index must be an integer from 0 to 5"),
        ("SignalFilterBank", {"num_channels": 3}, "tables of 3 channels must have 4 elements"),
        ("SignalFilterBank", {"num_channels": -1}, "num_channels"),
        ("SignalFilterBank", {"num_channels": 2**30}, "num_channels"),
        (
            "SignalFilterBankSpectralSubtraction",
            {"num_channels": 5},
            "num_channels must be an integer from 4 to 4",
        ),
        ("SignalFilterBankSpectralSubtraction", {"smoothing_bits": 32}, "smoothing_bits"),
        (
            "SignalFilterBankSpectralSubtraction",
            {"spectral_subtraction_bits": 64},
            "spectral_subtraction_bits",
        ),
        ("SignalPCAN", {"snr_shift": 64}, "snr_shift"),
        ("SignalFilterBankLog", {"input_correction_bits": 32}, "input_correction_bits"),
    ],
)
def test_options_that_leave_the_tensors_or_the_language_are_refused(
    operator: str, options: dict[str, Any], reason: str
) -> None:
    # TFLM checks none of this: it reads beyond its tensors, shifts by more than there is, or dies.
    inputs, outputs, sound = SOUND[operator]
    changed = options if "other" in options else {**sound, **options}
    with pytest.raises(PrepareError, match=reason):
        run_ours(signal_model(operator, inputs, outputs, changed), [zeros(inputs)], "tflm")


@operators
@given(data=st.data())
def test_absurd_models_are_refused_or_run(operator: str, data: st.DataObject) -> None:
    """No option and no shape makes anything but one of our own errors."""
    draw = data.draw
    inputs, outputs, options = SOUND[operator]
    numbers = st.integers(-3, 40) | st.integers(-(2**63), 2**63 - 1)
    anything = (
        numbers
        | st.booleans()
        | st.none()
        | st.floats(width=32)
        | st.text(max_size=3)
        | st.lists(numbers, max_size=2)
    )
    options = {name: draw(st.just(value) | anything) for name, value in options.items()}
    dimensions = st.integers(0, 9) | st.just(125)
    inputs = [
        TensorSpec([draw(st.just(d) | dimensions) for d in spec.shape], spec.type)
        if draw(st.booleans())
        else spec
        for spec in inputs
    ]
    arrays = [integers(draw, tuple(spec.shape), spec.type) for spec in inputs if spec.data is None]
    model = signal_model(operator, inputs, outputs, options)
    with contextlib.suppress(MicrointerpError):
        run_ours(model, [arrays], "tflm")


@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.parametrize(
    ("table", "values"), [(3, [0, 1, 3]), (3, [0, -1, 0]), (4, [0, 1, 3]), (5, [5, 1, 1])]
)
def test_filter_bank_segments_outside_are_refused(table: int, values: list[int], constant: bool) -> None:
    inputs, outputs, options = SOUND["SignalFilterBank"]
    fed = []
    inputs = list(inputs)
    inputs[table] = TensorSpec((3,), INT16, data=values if constant else None)
    if not constant:
        fed = [np.array(values, np.int16)]
    model = signal_model("SignalFilterBank", inputs, outputs, options)
    with pytest.raises(PrepareError if constant else InvokeError, match="a segment leaves"):
        run_ours(model, [[np.zeros(4, np.uint32), *fed]], "tflm")


@pytest.mark.parametrize("sizes", [(4, 3, 125), (4, 4, 124)])
def test_pcan_tables_that_are_too_short_are_refused(sizes: tuple[int, int, int]) -> None:
    inputs = [TensorSpec((n,), t) for n, t in zip(sizes, (UINT32, UINT32, INT16), strict=True)]
    model = signal_model("SignalPCAN", inputs, [TensorSpec((4,), UINT32)], {"snr_shift": 6})
    with pytest.raises(MicrointerpError, match="must have"):
        run_ours(model, [zeros(inputs)], "tflm")


def test_window_that_does_not_divide_the_input_is_refused() -> None:
    inputs = [TensorSpec((8,), INT16), TensorSpec((3,), INT16)]
    model = signal_model("SignalWindow", inputs, [TensorSpec((8,), INT16)], {"shift": 0})
    with pytest.raises(PrepareError, match="multiple"):
        run_ours(model, [zeros(inputs)], "tflm")


@requires_shared
@pytest.mark.parametrize("name", ["audio_preprocessor_int8", "audio_preprocessor_float"])
@pytest.mark.parametrize("source", ["yes_1000ms.wav", "no_1000ms.wav", "noise"])
def test_audio_preprocessors(name: str, source: str) -> None:
    """Every tensor of every 30 ms frame, 20 ms apart, of a recording."""
    if reason := available("tflm"):
        pytest.skip(reason)
    assert SHARED is not None
    model = (SHARED / "models" / "tflite-micro" / f"{name}.tflite").read_bytes()
    if source == "noise":
        samples = np.random.default_rng(5).integers(-32768, 32768, 16000).astype(np.int16)
    else:
        with wave.open(str(SHARED / "data" / "tflite-micro" / source)) as recording:
            assert recording.getframerate() == 16000
            samples = np.frombuffer(recording.readframes(recording.getnframes()), np.int16)
    frames = [samples[i : i + 480].reshape(1, 480) for i in range(0, samples.size - 479, 320)]
    native = run_oracle("tflm", model, [[frame] for frame in frames])
    preserved = run_oracle("tflm", model, [[frame] for frame in frames], preserve_all_tensors=True)
    ours = Interpreter(model_content=model, runtime="tflm")
    ours_preserved = Interpreter(model_content=model, runtime="tflm", experimental_preserve_all_tensors=True)
    for interpreter in (ours, ours_preserved):
        interpreter.allocate_tensors()
    for i, frame in enumerate(frames):
        for interpreter in (ours, ours_preserved):
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], frame)
            interpreter.invoke()
        output = ours.get_tensor(ours.get_output_details()[0]["index"])
        assert_same_bytes(output, native.outputs[i][0], f"{name}, frame {i}")
        for index, expected in preserved.tensors[i].items():
            assert_same_bytes(
                ours_preserved.get_tensor(index), expected, f"{name}, frame {i}, tensor {index}"
            )
