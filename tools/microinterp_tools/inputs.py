"""Input tensors from files: .npy, .npz, images, .wav, raw bytes; or seeded random values."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Details = dict[str, Any]

_CHANNELS = {1: "L", 3: "RGB", 4: "RGBA"}
IMAGES = (".png", ".bmp", ".jpg", ".jpeg", ".gif", ".pgm", ".ppm")


class InputError(ValueError):
    """An input cannot be read, or does not fit the tensor it is meant for."""


@dataclass
class ModelInput:
    """The array for one input, where it came from, and what was done to make it fit."""

    name: str
    array: Array
    source: str
    notes: list[str] = field(default_factory=list)


def load_inputs(details: Sequence[Details], arguments: Sequence[str], seed: int) -> list[ModelInput]:
    """One array per input of the model.

    Args:
        details: the inputs, as `Interpreter.get_input_details` lists them.
        arguments: `FILE` for the inputs in their order, or `name=FILE` (or `index=FILE`) for one of them. An `.npz`
            file gives every input whose name it has.
        seed: of the random values for inputs that no argument gives.

    Raises:
        InputError: an argument names no input, a file cannot be read, or what it holds does not fit.
    """
    found: dict[int, tuple[Array, str, str]] = {}
    for argument in arguments:
        target, path = _split(details, argument)
        for position, array, kind in _read(path, details, target, found):
            found[position] = (array, str(path), kind)
    random = np.random.default_rng(seed)
    inputs = []
    for position, detail in enumerate(details):
        if position in found:
            array, source, kind = found[position]
            inputs.append(_fit(array, detail, source, kind))
        else:
            inputs.append(ModelInput(detail["name"], random_values(detail, random), f"random, seed {seed}"))
    return inputs


class LazySamples:
    """The samples of a data set for one input, made into its element type slice by slice.

    Args:
        detail: the input.
        values: the samples along the first axis, with an axis of their own or one after the other; mostly a memory
            map.
        source: where they are from, for people.

    Raises:
        InputError: the values do not fit the input.
    """

    def __init__(self, detail: Details, values: Array, source: str) -> None:
        own = tuple(int(d) for d in detail["shape"])
        size = int(np.prod(own, dtype=np.int64))
        fits = values.ndim == len(own) + 1 or (values.ndim == len(own) and values.shape[1:] == own[1:])
        if not fits and values.ndim and values.size == len(values) * size:
            values = values.reshape(len(values), *(own[1:] if own[:1] == (1,) else own))
        self.name, self.source, self.notes = str(detail["name"]), source, list[str]()
        self.shape, self.dtype = values.shape, np.dtype(detail["dtype"])
        self._detail, self._values = detail, values
        if values.dtype != self.dtype:
            _convert(values[:1], detail, self.notes)  # to know what it takes, or that it does not go

    def __getitem__(self, part: slice) -> Array:
        values = np.asarray(self._values[part])
        return values if values.dtype == self.dtype else _convert(values, self._detail, [])


def load_samples(details: Sequence[Details], arguments: Sequence[str]) -> list[LazySamples]:
    """The samples for each input of the model, from `.npy` and `.npz` files; arguments as for `load_inputs`.

    Raises:
        InputError: an argument names no input, a file cannot be read or does not fit, or an input is not given.
    """
    found: dict[int, tuple[Array, str, str]] = {}
    for argument in arguments:
        target, path = _split(details, argument)
        if path.suffix.lower() not in (".npy", ".npz"):
            raise InputError(f"{path}: the samples of a batch come from .npy and .npz files")
        for position, array, kind in _read(path, details, target, found):
            found[position] = (array, str(path), kind)
    for position, detail in enumerate(details):
        if position not in found:
            raise InputError(f"input {detail['name']!r} has no samples: give a file with --input")
    return [LazySamples(detail, *found[position][:2]) for position, detail in enumerate(details)]


def sample_values(sample: dict[str, Any], detail: Details) -> Array:
    """A sample of a built-in example as the input stores it."""
    real = np.array(sample["input"], np.float32)
    return real if detail["dtype"] is np.float32 else quantize(real, detail)


def random_values(detail: Details, random: np.random.Generator) -> Array:
    """Values over the whole range of an integer type; within [−1, 1) for floats."""
    dtype, shape = np.dtype(detail["dtype"]), tuple(detail["shape"])
    if dtype.kind in "iu":
        limits = np.iinfo(detail["dtype"])
        return random.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    if dtype.kind == "b":
        return random.integers(0, 2, shape).astype(np.bool_)
    if dtype.kind in "fc":
        return random.uniform(-1, 1, shape).astype(dtype)
    raise InputError(f"input {detail['name']!r} holds {dtype.name}: give it a file with --input")


def quantize(values: Array, detail: Details) -> Array:
    """Real values as the tensor stores them: round(x / scale) + zero_point, saturated.

    The formula of TFLite's QUANTIZE: float32 division, halves away from zero.
    """
    scale, zero_point = detail["quantization"]
    dtype: type[np.integer[Any]] = detail["dtype"]
    limits = np.iinfo(dtype)
    scaled = values.astype(np.float32) / np.float32(scale)
    rounded = np.trunc(scaled + np.copysign(np.float32(0.5), scaled)).astype(np.float64) + zero_point
    stored: Array = np.clip(np.nan_to_num(rounded), limits.min, limits.max).astype(dtype)
    return stored


def _split(details: Sequence[Details], argument: str) -> tuple[int | None, Path]:
    """`name=FILE` → the input's position; `FILE` → None."""
    name, equals, rest = argument.partition("=")
    if not equals or Path(argument).exists():
        path = Path(argument)
        position = None
    else:
        path = Path(rest)
        names = [str(d["name"]) for d in details]
        if name in names:
            position = names.index(name)
        elif name.isdecimal() and int(name) < len(details):
            position = int(name)
        else:
            raise InputError(f"the model has no input {name!r}; it has: {', '.join(names)}")
    if not path.is_file():
        raise InputError(f"there is no file {str(path)!r}")
    return position, path


def _read(
    path: Path, details: Sequence[Details], position: int | None, taken: dict[int, tuple[Array, str, str]]
) -> list[tuple[int, Array, str]]:
    """(position, array, kind of source) for each input that the file gives."""
    kind = path.suffix.lower()
    if kind == ".npz" and position is None:
        with _numpy_file(path) as archive:
            names = [str(d["name"]) for d in details]
            matches = [(names.index(key), archive[key], "array") for key in archive.files if key in names]
            if matches:
                return matches
            if len(archive.files) != 1:
                raise InputError(
                    f"{path}: none of its arrays ({', '.join(archive.files)}) is named as an input is"
                )
            position = _first_free(details, taken, path)
            return [(position, archive[archive.files[0]], "array")]
    if position is None:
        position = _first_free(details, taken, path)
    detail = details[position]
    if kind == ".npz":
        with _numpy_file(path) as archive:
            if len(archive.files) != 1:
                raise InputError(
                    f"{path} has {len(archive.files)} arrays; name them as the inputs are, or save one"
                )
            return [(position, archive[archive.files[0]], "array")]
    if kind == ".npy":
        return [(position, _numpy_file(path), "array")]
    if kind in IMAGES:
        return [(position, _image(path, detail), "image")]
    if kind == ".wav":
        return [(position, _wave(path), "wave")]
    return [(position, _raw(path, detail), "raw")]


def _first_free(details: Sequence[Details], taken: dict[int, tuple[Array, str, str]], path: Path) -> int:
    free = [i for i in range(len(details)) if i not in taken]
    if not free:
        raise InputError(f"{path}: the model has {len(details)} inputs, and all are given already")
    return free[0]


def _numpy_file(path: Path) -> Any:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path} is not a NumPy file that holds plain arrays: {error}") from error


def _raw(path: Path, detail: Details) -> Array:
    dtype, shape = np.dtype(detail["dtype"]), tuple(detail["shape"])
    data = path.read_bytes()
    wanted = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if len(data) != wanted:
        raise InputError(
            f"{path} is read as raw bytes and has {len(data)} of them; input {detail['name']!r} "
            f"({dtype.name}{list(shape)}) needs {wanted}"
        )
    return np.frombuffer(data, dtype).reshape(shape)


def _wave(path: Path) -> Array:
    """The samples of the first channel of a PCM file, as int16 (8-bit files are widened)."""
    try:
        with wave.open(str(path)) as file:
            width, channels = file.getsampwidth(), file.getnchannels()
            data = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise InputError(f"{path} is not a PCM .wav file: {error}") from error
    if width == 1:
        samples = (np.frombuffer(data, np.uint8).astype(np.int16) - 128) * 256
    elif width == 2:
        samples = np.frombuffer(data, "<i2").astype(np.int16)
    else:
        raise InputError(f"{path} has {8 * width}-bit samples; 8 and 16 bits can be read")
    return samples[::channels]


def _image(path: Path, detail: Details) -> Array:
    """Pixels, uint8, of the height, width and channels that the input wants."""
    shape = [int(d) for d in detail["shape"]]
    layout = shape[1:] if len(shape) == 4 or (len(shape) == 3 and shape[2] not in _CHANNELS) else shape
    if len(layout) == 2:
        layout = [*layout, 1]
    if len(layout) != 3 or layout[2] not in _CHANNELS:
        raise InputError(f"{path} is an image, but input {detail['name']!r} has the shape {shape}")
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise InputError('reading images needs Pillow: pip install "microinterp[images]"') from None
    height, width, channels = layout
    try:
        with Image.open(path) as file:
            image = file.convert(_CHANNELS[channels])
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise InputError(f"{path} is not an image that Pillow can read: {error}") from error
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image, np.uint8).reshape(height, width, channels)


def _fit(array: Array, detail: Details, source: str, kind: str) -> ModelInput:
    """Make what a file holds into the tensor's element type and shape, noting what that took."""
    name, dtype, shape = detail["name"], np.dtype(detail["dtype"]), tuple(int(d) for d in detail["shape"])
    notes: list[str] = []
    if kind == "image" and array.dtype != dtype:
        array = _pixels(array, dtype, notes, name)
    elif kind == "wave":
        array = _samples(array, shape, dtype, notes)
    if array.dtype != dtype:
        array = _convert(array, detail, notes)
    size = int(np.prod(shape, dtype=np.int64))
    if array.size == size and array.shape != shape:
        array = array.reshape(shape)
    if array.ndim != len(shape):
        raise InputError(
            f"{source} has the shape {list(array.shape)}, which does not fit input {name!r} of shape {list(shape)}"
        )
    return ModelInput(name, array, source, notes)


def _pixels(array: Array, dtype: np.dtype[Any], notes: list[str], name: str) -> Array:
    if dtype == np.int8:
        notes.append("pixels 0…255 taken as −128…127")
        return (array.astype(np.int16) - 128).astype(np.int8)
    if dtype.kind == "f":
        notes.append("pixels 0…255 taken as 0…1")
        array = array.astype(np.float32) / np.float32(255)
        return array.astype(dtype)
    if dtype.kind in "iu":
        return array.astype(dtype)
    raise InputError(f"input {name!r} holds {dtype.name}, which an image cannot give")


def _samples(array: Array, shape: tuple[int, ...], dtype: np.dtype[Any], notes: list[str]) -> Array:
    size = int(np.prod(shape, dtype=np.int64))
    if array.size > size:
        notes.append(f"the first {size} of {array.size} samples")
        array = array[:size]
    elif array.size < size:
        notes.append(f"{array.size} samples, then silence")
        array = np.concatenate([array, np.zeros(size - array.size, array.dtype)])
    if dtype.kind == "f":
        notes.append("samples −32768…32767 taken as −1…1")
        array = array.astype(np.float32) / np.float32(32768)
        return array.astype(dtype)
    return array


def _convert(array: Array, detail: Details, notes: list[str]) -> Array:
    dtype = np.dtype(detail["dtype"])
    if array.dtype.kind == "f" and dtype.kind in "iu" and detail["quantization"][0]:
        scale, zero_point = detail["quantization"]
        notes.append(f"real values quantized: scale {scale:.9g}, zero point {zero_point}")
        return quantize(array, detail)
    converted = (
        array.astype(dtype)
        if np.can_cast(array.dtype, dtype, "same_kind") or array.dtype.kind in "iu"
        else None
    )
    if converted is None or (dtype.kind in "iu" and not np.array_equal(converted, array)):
        raise InputError(
            f"{array.dtype.name} values do not fit input {detail['name']!r}, which holds {dtype.name}"
        )
    notes.append(f"{array.dtype.name} converted to {dtype.name}")
    return converted
