"""Real inputs: the right answer, and the native runtime's bytes."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from microinterp import Interpreter
from microinterp.runtimes import RuntimeName
from microinterp_tools.inputs import load_inputs
from tests.shared import SHARED, requires_shared
from tests.single_op import check_against_oracle

pytestmark = requires_shared
FOLDER = SHARED or Path()
MODELS, DATA = FOLDER / "models", FOLDER / "data"


def load_image(model: Path, runtime: RuntimeName, image: Path) -> NDArray[Any]:
    """An image as the command gives it to the model."""
    pytest.importorskip("PIL", reason="images need the extra microinterp[images]")
    details = Interpreter(model_path=model, runtime=runtime).get_input_details()
    (given,) = load_inputs(details, [str(image)], seed=0)
    return given.array


def classify(model: Path, runtime: RuntimeName, values: NDArray[Any]) -> int:
    """The model's answer; every output byte is compared with the native runtime's."""
    assert check_against_oracle(model.read_bytes(), [[values]], runtime)
    return int(np.argmax(Interpreter(model_path=model, runtime=runtime)(values)))


@pytest.mark.parametrize(("image", "answer"), [("person.bmp", 1), ("no_person.bmp", 0)])
def test_person_detect(image: str, answer: int) -> None:
    model = MODELS / "tflite-micro" / "person_detect.tflite"
    pixels = load_image(model, "tflm", DATA / "tflite-micro" / image)
    # These two files hold pixel − 128 already, as bytes: TFLM's own test copies them into the input as they are,
    # where a photograph would have 128 subtracted.
    stored = (pixels.view(np.uint8) ^ 0x80).view(np.int8)
    assert classify(model, "tflm", stored) == answer


@pytest.mark.parametrize("digit", [0, 3, 7])
@pytest.mark.parametrize("runtime", ["tflite", "tflm"])
def test_mnist_digits(digit: int, runtime: RuntimeName) -> None:
    model = MODELS / "tflite-micro" / "trained_lstm_int8.tflite"
    image = load_image(model, runtime, DATA / "tflite-micro" / f"mnist_digit_{digit}.png")
    assert classify(model, runtime, image) == digit


def test_mobilenet_sees_a_cat() -> None:
    model = MODELS / "coral" / "mobilenet_v1_0.25_128_quant.tflite"
    labels = (DATA / "coral" / "imagenet_labels.txt").read_text().splitlines()
    answer = labels[classify(model, "tflite", load_image(model, "tflite", DATA / "coral" / "cat.bmp"))]
    assert answer == "Egyptian cat"


def samples(path: Path) -> NDArray[np.int16]:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)


@pytest.mark.parametrize(("word", "answer"), [("yes", 2), ("no", 3)])
def test_micro_speech_understands(word: str, answer: int) -> None:
    """30 ms windows every 20 ms, 40 features each, 49 of them: silence, unknown, yes or no."""
    preprocessor = (MODELS / "tflite-micro" / "audio_preprocessor_int8.tflite").read_bytes()
    recording = samples(DATA / "tflite-micro" / f"{word}_1000ms.wav")
    windows = [recording[None, 320 * i : 320 * i + 480] for i in range(49)]
    assert check_against_oracle(preprocessor, [[w] for w in windows], "tflm")
    interpreter = Interpreter(model_content=preprocessor, runtime="tflm")
    features = np.concatenate([np.ravel(np.asarray(interpreter(w))) for w in windows])[None]
    model = (MODELS / "tflite-micro" / "micro_speech_quantized.tflite").read_bytes()
    runtimes: tuple[RuntimeName, ...] = ("tflite", "tflm")
    for runtime in runtimes:
        assert check_against_oracle(model, [[features]], runtime)
        scores = np.asarray(Interpreter(model_content=model, runtime=runtime)(features))
        assert int(np.argmax(scores)) == answer
