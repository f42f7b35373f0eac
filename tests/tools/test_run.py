"""`microinterp run`, as a user calls it."""

from __future__ import annotations

import json
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microinterp import Interpreter
from microinterp_tools.models import EXAMPLES, open_model
from tests.tools.command import Command


@pytest.mark.parametrize("example", EXAMPLES)
@pytest.mark.parametrize("runtime", ["tflite", "tflm"])
def test_examples_run(command: Command, example: str, runtime: str) -> None:
    result = command("run", example, "--runtime", runtime)
    assert result.code == 0
    assert f"{example}, runtime {runtime}: load" in result.out
    assert "\x1b" not in result.out  # piped: no colour


def test_digits_shows_the_digit_and_is_right(command: Command) -> None:
    out = command("run", "digits").out
    assert "██" in out
    best = next(line for line in out.splitlines() if "expected" in line)
    assert best.split()[0] == "7"


@pytest.mark.parametrize("sample", range(10))
def test_digits_are_recognized(command: Command, sample: int) -> None:
    result = json.loads(command("run", "digits", "--sample", str(sample), "--json").out)
    assert int(np.argmax(result["outputs"][0]["values"])) == result["label"]


@pytest.mark.parametrize("example", ["sine", "sine-float"])
@pytest.mark.parametrize("sample", range(9))
def test_sine_is_near(command: Command, example: str, sample: int) -> None:
    result = json.loads(command("run", example, "--sample", str(sample), "--json").out)
    output = result["outputs"][0]
    value = np.ravel(output["real_values"] or output["values"])[0]
    assert value == pytest.approx(result["label"], abs=0.1)  # a network's sine, not a runtime's


def test_float_mode(command: Command) -> None:
    exact, fast = (
        json.loads(command("run", "sine-float", "--json", *option).out)
        for option in ([], ["--float-mode", "fast"])
    )
    assert (exact["float_mode"], fast["float_mode"]) == ("exact", "fast")
    ((exact_sine,),), ((fast_sine,),) = (run["outputs"][0]["values"] for run in (exact, fast))
    assert fast_sine == pytest.approx(exact_sine, abs=1e-5)


def test_json_has_everything(command: Command) -> None:
    result = json.loads(command("run", "sine", "--json").out)
    assert result["model"] == "sine"
    assert result["runtime"] == "tflite"
    assert result["inputs"][0]["source"] == "sample 0 of 9"
    assert result["outputs"][0]["dtype"] == "int8"
    assert set(result["timing_ms"]) == {"load", "allocate", "invoke"}


def expected_output(example: str, value: np.ndarray[Any, Any]) -> list[Any]:
    output = Interpreter(model_content=open_model(example).content)(value)
    assert isinstance(output, np.ndarray)
    values: list[Any] = output.tolist()
    return values


def test_an_array_is_taken_as_it_is(command: Command, tmp_path: Path) -> None:
    image = np.arange(-32, 32, dtype=np.int8).reshape(1, 8, 8, 1)
    np.save(tmp_path / "image.npy", image)
    result = json.loads(command("run", "digits", "--input", str(tmp_path / "image.npy"), "--json").out)
    assert result["inputs"][0]["notes"] == []
    assert result["outputs"][0]["values"] == expected_output("digits", image)


def test_real_values_are_quantized_with_a_note(command: Command, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([[1.0]], np.float32))
    result = json.loads(command("run", "sine", "--input", f"x={tmp_path / 'x.npy'}", "--json").out)
    (note,) = result["inputs"][0]["notes"]
    assert note.startswith("real values quantized: scale 0.0246")
    scale = np.float32(2 * np.pi / 255)
    stored = np.array([[round(1.0 / float(scale)) - 128]], np.int8)
    assert result["outputs"][0]["values"] == expected_output("sine", stored)


def test_an_npz_gives_inputs_by_name(command: Command, tmp_path: Path) -> None:
    np.savez(tmp_path / "in.npz", x=np.array([[3]], np.int8), unrelated=np.zeros(3))
    result = json.loads(command("run", "sine", "--input", str(tmp_path / "in.npz"), "--json").out)
    assert result["outputs"][0]["values"] == expected_output("sine", np.array([[3]], np.int8))


def test_raw_bytes_must_have_the_tensors_size(command: Command, tmp_path: Path) -> None:
    (tmp_path / "in.bin").write_bytes(bytes(64))
    assert command("run", "digits", "--input", str(tmp_path / "in.bin")).code == 0
    (tmp_path / "in.bin").write_bytes(bytes(63))
    result = command("run", "digits", "--input", str(tmp_path / "in.bin"))
    assert result.code == 1
    assert "63" in result.err
    assert "needs 64" in result.err


def test_a_batch_resizes_the_input(command: Command, tmp_path: Path) -> None:
    np.save(tmp_path / "many.npy", np.zeros((3, 8, 8, 1), np.int8))
    result = json.loads(command("run", "digits", "--input", str(tmp_path / "many.npy"), "--json").out)
    assert result["inputs"][0]["notes"] == ["input resized to [3, 8, 8, 1]"]
    assert result["outputs"][0]["shape"] == [3, 10]


def test_images_are_resized_and_centred(command: Command, tmp_path: Path) -> None:
    image_module = pytest.importorskip("PIL.Image", reason="images need the extra microinterp[images]")
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    for name in ("digit.png", "digit.bmp"):
        image_module.fromarray(pixels).save(tmp_path / name)
        result = json.loads(command("run", "digits", "--input", str(tmp_path / name), "--json").out)
        assert result["inputs"][0]["notes"] == ["pixels 0…255 taken as −128…127"]
        stored = (pixels.astype(np.int16) - 128).astype(np.int8).reshape(1, 8, 8, 1)
        assert result["outputs"][0]["values"] == expected_output("digits", stored)
    image_module.fromarray(np.zeros((100, 50), np.uint8)).save(tmp_path / "large.png")
    assert command("run", "digits", "--input", str(tmp_path / "large.png")).code == 0


def test_a_recording_is_cut_or_filled_with_silence(command: Command, tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "tone.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(np.array([16384, -16384], "<i2").tobytes())
    result = json.loads(command("run", "sine-float", "--input", str(tmp_path / "tone.wav"), "--json").out)
    assert result["inputs"][0]["notes"] == [
        "the first 1 of 2 samples",
        "samples −32768…32767 taken as −1…1",
    ]
    assert result["outputs"][0]["values"] == expected_output("sine-float", np.array([[0.5]], np.float32))


def test_random_inputs_depend_on_the_seed_only(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "digits.tflite"
    path.write_bytes(open_model("digits").content)
    first, again, other = (
        json.loads(command("run", str(path), "--seed", seed, "--json").out)["outputs"] for seed in "110"
    )
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "no-such-model"], 2, "digits, sine"),
        (["run", "digits", "--runtime", "onnx"], 2, "tflite, tflm"),
        (["run", "digits", "--float-mode", "quick"], 2, "exact, fast"),
        (["run"], 2, "MODEL"),
        (["run", "digits", "--sample", "99"], 1, "samples 0 to 9"),
        (["run", "digits", "--input", "nothing.npy"], 1, "no file 'nothing.npy'"),
        (["run", "digits", "--input", "wrong=x.npy"], 1, "no input 'wrong'"),
    ],
)
def test_mistakes_are_explained(command: Command, arguments: list[str], code: int, message: str) -> None:
    result = command(*arguments)
    assert result.code == code
    assert message in " ".join(result.err.replace("│", " ").split())


def test_a_damaged_model_is_a_failed_job(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "broken.tflite"
    path.write_bytes(open_model("digits").content[:1000])
    for verb in ("run", "inspect", "arena"):
        result = command(verb, str(path))
        assert result.code == 1
        assert result.err.startswith("error: ")
        assert result.out == ""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bad.npy", b"not numpy"),
        ("bad.npz", b"not a zip"),
        ("bad.wav", b"RIFF????"),
        ("bad.png", b"\x89PNG but no more"),
        ("pickled.npy", None),
        ("shape.npy", None),
    ],
)
def test_bad_inputs_are_explained(command: Command, tmp_path: Path, name: str, content: bytes | None) -> None:
    path = tmp_path / name
    if name == "pickled.npy":
        np.save(path, np.array([{}], object), allow_pickle=True)
    elif name == "shape.npy":
        np.save(path, np.zeros((3, 3), np.int8))
    else:
        assert content is not None
        path.write_bytes(content)
    result = command("run", "digits", "--input", str(path))
    assert result.code == 1
    assert result.err.startswith("error: ")
    assert name in result.err
