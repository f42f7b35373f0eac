"""TFLM's audio operators against TFLM, one by one and in its two audio preprocessors on recordings."""

from __future__ import annotations

import contextlib
import wave
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from microinterp import Interpreter
from microinterp.errors import InvokeError, MicrointerpError, PrepareError
from microinterp.micro import Interpreter as MicroInterpreter
from microinterp.model.custom_options import encode_custom_options
from microinterp.model.ir import NUMPY_TYPES, Model, Operator, OperatorCode, Subgraph, Tensor, TensorType
from microinterp.model.schema import operator_code
from microinterp.model.writer import write_model
from tests.oracles import available, run_oracle
from tests.problems.signal import (
    BOOL,
    FFT_LENGTHS,
    FLOAT32,
    INT8,
    INT16,
    INT32,
    UINT32,
    UINT64,
    Array,
    fft_auto_scale_model,
    framer_model,
    integers,
    overlap_add_model,
    rfft_model,
    signal_model,
    spectral_subtraction_model,
    stacker_model,
)
from tests.shared import SHARED, requires_shared
from tests.single_op import TensorSpec, assert_same_bytes, check_against_oracle, run_ours


def must_run(model: bytes, invokes: list[list[Array]]) -> None:
    assert check_against_oracle(model, invokes, "tflm")


@given(
    st.lists(st.sampled_from([-32768, -32767, -300, -200, -100, -3, -2, -1, 0, 1, 2, 150, 32767]), min_size=1)
)
@example([-32768, -3, -2, -1])
@example([-32768, -3, -2, -2])
@example([-32768, -3, 100])
@example([100, -32768])
def test_fft_auto_scale_of_the_least_number(values: list[int]) -> None:
    must_run(fft_auto_scale_model(len(values)), [[np.array(values, np.int16)]])


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
    "SignalIrfft": ([TensorSpec((10,), INT16)], [TensorSpec((8,), INT16)], {"T": 7, "fft_length": 8}),
    "SignalDelay": ([TensorSpec((8,), INT16)], [TensorSpec((8,), INT16)], {"delay_length": 3}),
    "SignalFramer": (
        [TensorSpec((8,), INT16)],
        [TensorSpec((2, 6), INT16), TensorSpec((), BOOL)],
        {"frame_size": 6, "frame_step": 4, "prefill": True},
    ),
    "SignalOverlapAdd": ([TensorSpec((2, 6), INT16)], [TensorSpec((8,), INT16)], {"T": 7, "frame_step": 4}),
    "SignalStacker": (
        [TensorSpec((4,), INT16)],
        [TensorSpec((8,), INT16), TensorSpec((), BOOL)],
        {"num_channels": 4, "stacker_left_context": 1, "stacker_right_context": 0, "stacker_step": 1},
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
        if operator != "SignalDelay":  # which does not look at ranks
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
        ("SignalIrfft", {"fft_length": 0}, "only of even products"),
        ("SignalIrfft", {"fft_length": 10}, "at least the 6 of a spectrum"),
        ("SignalIrfft", {"T": 9}, "T must be"),
        ("SignalDelay", {"delay_length": -1}, "delay_length"),
        ("SignalFramer", {"frame_size": 0}, "frame_size"),
        ("SignalFramer", {"frame_step": 0}, "frame_step"),
        ("SignalFramer", {"frame_step": 8}, "frame_size must be at least frame_step"),
        ("SignalOverlapAdd", {"T": 2}, "T must be"),
        ("SignalOverlapAdd", {"frame_step": 0}, "frame_step"),
        ("SignalOverlapAdd", {"frame_step": 7}, "frame_step must be an integer from 1 to 6"),
        ("SignalStacker", {"num_channels": 5}, "num_channels must be an integer from 1 to 4"),
        ("SignalStacker", {"stacker_left_context": -1}, "stacker_left_context"),
        ("SignalStacker", {"stacker_step": 3}, "stacker_step must be an integer from 1 to 2"),
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


@pytest.mark.parametrize("cycles", [1, 3])
def test_circular_buffer_ends_the_run(cycles: int) -> None:
    """Operators behind it run every so many invokes only; what they make stays until then."""
    if reason := available("tflm"):
        pytest.skip(reason)
    from tflite_micro import runtime

    tensors = [
        Tensor("x", TensorType.INT8, (1, 1, 1, 2)),
        Tensor("buffer", TensorType.INT8, (1, 3, 1, 2), is_variable=True),
        Tensor("y", TensorType.FLOAT32, (1, 3, 1, 2)),
    ]
    options = encode_custom_options({"cycles_max": cycles})
    cast = {"in_data_type": TensorType.INT8, "out_data_type": TensorType.FLOAT32}
    operators = [
        Operator(0, (0,), (1,), custom_options=options),
        Operator(1, (1,), (2,), options=cast, options_table="CastOptions"),
    ]
    codes = (
        OperatorCode(operator_code("CUSTOM"), custom_code="CIRCULAR_BUFFER"),
        OperatorCode(operator_code("CAST")),
    )
    model = write_model(Model((Subgraph(tuple(tensors), (0,), (2,), tuple(operators)),), codes, (None,)))
    native = runtime.Interpreter.from_bytes(model, arena_size=10_000)
    ours = MicroInterpreter.from_bytes(model, arena_size=10_000)
    batches = Interpreter(model_content=model, runtime="tflm")
    inputs = [np.array([[[[i, -i]]]], np.int8) for i in range(1, 14)]
    outputs = []
    for i, x in enumerate(inputs):
        for interpreter in (native, ours):
            interpreter.set_input(x, 0)
        since_reset = i + 1 if i < 8 else i - 7
        assert ours.invoke() == native.invoke() == (0 if since_reset % cycles == 0 else 15)
        outputs.append(native.get_output(0))
        if i >= cycles - 1:  # before, the output is what TFLM's arena has held before
            assert_same_bytes(ours.get_output(0), outputs[-1], f"invoke {i}")
        if i == 7:
            ours.reset()
            native.reset()
            inputs[i + 1 :] = inputs[: len(inputs) - i - 1]
    batch = batches.run_batch(np.stack(inputs[:8]), batch_size=3)
    assert_same_bytes(batch[cycles - 1 :], np.stack(outputs[cycles - 1 : 8]), "run_batch")


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ((1, 1, 2), (1, 4, 2)),
        ((1, 2, 2, 3), (1, 4, 2, 3)),
        ((1, 1, 2, 3), (2, 4, 2, 3)),
        ((1, 1, 2, 3), (1, 4, 3, 2)),
    ],
)
def test_circular_buffers_of_other_shapes_are_refused(x: tuple[int, ...], y: tuple[int, ...]) -> None:
    model = signal_model("CIRCULAR_BUFFER", [TensorSpec(x, INT8)], [TensorSpec(y, INT8)], {"cycles_max": 1})
    if len(x) == 4:  # else TFLM reads dimensions that are not there
        assert not check_against_oracle(model, [[np.zeros(x, np.int8)]], "tflm")
    with pytest.raises(PrepareError):
        run_ours(model, [[np.zeros(x, np.int8)]], "tflm")


@pytest.mark.parametrize(
    "model",
    [
        framer_model((4,), 9, 2, False),
        stacker_model(3, 3, 0, 2, 2),
        overlap_add_model((2, 6), 4, INT16),
        overlap_add_model((2, 6), 4, FLOAT32),
        signal_model(
            "SignalDelay", [TensorSpec((4,), INT16)], [TensorSpec((4,), INT16)], {"delay_length": 3}
        ),
    ],
)
def test_streams_begin_anew_at_reset(model: bytes) -> None:
    if reason := available("tflm"):
        pytest.skip(reason)
    from tflite_micro import runtime

    native = runtime.Interpreter.from_bytes(model, arena_size=10_000)
    ours = MicroInterpreter.from_bytes(model, arena_size=10_000)
    details = ours.get_input_details(0)
    rng = np.random.default_rng(1)
    for i in range(10):
        x = rng.integers(-999, 999, details["shape"]).astype(details["dtype"])
        for interpreter in (native, ours):
            if i == 5:
                interpreter.reset()
            interpreter.set_input(x, 0)
            interpreter.invoke()
        assert_same_bytes(ours.get_output(0), native.get_output(0), f"invoke {i}")
