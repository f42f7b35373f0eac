"""`microinterp run --batch`, as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from microinterp import Interpreter
from microinterp.model.ir import TensorType as T
from microinterp_tools.models import open_model
from tests.single_op import TensorSpec, single_op_model
from tests.tools.command import Command

Array = NDArray[Any]


def images(count: int) -> Array:
    return np.random.default_rng(0).integers(-128, 128, (count, 8, 8, 1)).astype(np.int8)


def test_the_samples_of_an_example(command: Command) -> None:
    result = command("run", "digits", "--batch")
    assert result.code == 0
    assert "from the 10 samples of digits" in result.out
    assert "right: 10 of 10" in result.out
    assert "10 samples in" in result.out


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_outputs_are_those_of_single_invokes(command: Command, tmp_path: Path, suffix: str) -> None:
    samples, saved = images(20), tmp_path / f"scores{suffix}"
    np.save(tmp_path / "images.npy", samples)
    result = command(
        *("run", "digits", "--batch", "--input", str(tmp_path / "images.npy"), "--output", str(saved)),
        *("--batch-size", "7", "--workers", "2"),
    )
    assert result.code == 0
    assert f"wrote {saved}" in result.out.replace("\n", "")
    assert "int8[20, 10]" in result.out
    interpreter = Interpreter(model_content=open_model("digits").content)
    expected = np.concatenate([interpreter(sample[None]) for sample in samples])
    loaded = np.load(saved)
    assert np.array_equal(loaded if suffix == ".npy" else loaded["scores"], expected)


def test_real_values_are_quantized_and_shapes_fitted(command: Command, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 17, (5, 8, 8)).astype(np.float32)
    np.save(tmp_path / "pixels.npy", pixels)
    result = command("run", "digits", "--batch", "--input", str(tmp_path / "pixels.npy"), "--json")
    described = json.loads(result.out)
    assert described["samples"] == 5
    assert described["inputs"][0]["shape"] == [5, 8, 8, 1]
    assert "real values quantized" in described["inputs"][0]["notes"][0]
    np.save(tmp_path / "one.npy", pixels[3])
    single = json.loads(command("run", "digits", "--input", str(tmp_path / "one.npy"), "--json").out)
    assert described["outputs"][0]["values"][3] == single["outputs"][0]["values"][0]


def test_several_inputs_by_name(command: Command, tmp_path: Path) -> None:
    spec = TensorSpec((2,), T.FLOAT32)
    (tmp_path / "add.tflite").write_bytes(single_op_model("ADD", [spec, spec], [spec]))
    a, b = np.random.default_rng(0).random((2, 3, 2), np.float32)
    np.savez(tmp_path / "both.npz", input_1=b, input_0=a)
    result = command(
        "run", str(tmp_path / "add.tflite"), "--batch", "--input", str(tmp_path / "both.npz"), "--json"
    )
    assert np.array_equal(np.array(json.loads(result.out)["outputs"][0]["values"], np.float32), a + b)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--sample", "1"), 2, "--batch runs all of them"),
        (("--output", "x.csv"), 1, ".npz"),
        (("--output", "nowhere/x.npy"), 1, "no folder"),
        (("--input", "{}/image.png"), 1, ".npy and .npz"),
        (("--input", "{}/wrong.npy"), 1, "do not fit"),
        (("--input", "{}/words.npy"), 1, "do not fit"),
        (("--batch-size", "0"), 2, "batch-size"),
    ],
)
def test_wrong_usage(
    command: Command, tmp_path: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    (tmp_path / "image.png").write_bytes(b"")
    np.save(tmp_path / "wrong.npy", images(4)[:, :7])
    np.save(tmp_path / "words.npy", np.array(["a", "b"]))
    result = command("run", "digits", "--batch", *(a.format(tmp_path) for a in arguments))
    assert result.code == code
    assert message in " ".join(result.err.split())


def test_options_of_batches_need_batch(command: Command) -> None:
    result = command("run", "digits", "--output", "x.npy")
    assert result.code == 2
    assert "need --batch" in result.err
