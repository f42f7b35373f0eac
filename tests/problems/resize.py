"""RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR."""

from __future__ import annotations

from math import ceil, floor
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from numpy.typing import NDArray

from microinterp.model.ir import TensorType
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model
from tests.values import Draw, arbitrary_bits

FLOAT32, UINT8, INT32 = TensorType.FLOAT32, TensorType.UINT8, TensorType.INT32

SIDES = st.integers(1, 7)
# Rounded to 1/1024, the scale of a large magnification is so far off that pixels beyond the row are read.
NEW_SIDES = st.integers(1, 12) | st.sampled_from([31, 33, 65, 70, 100])


def resize_model(
    operator: str, x: TensorSpec, new_size: Any, options: dict[str, bool], *, known: bool = True
) -> tuple[bytes, list[NDArray[Any]]]:
    """The model, and what to feed for the size if it is not known."""
    size = np.array(new_size, np.int32)
    model = single_op_model(
        operator,
        [x, TensorSpec(size.shape, INT32, data=size if known else None)],
        [TensorSpec([x.shape[0], *new_size[:2], x.shape[-1]], x.type, x.scale, x.zero_point)],
        options,
    )
    return model, [] if known else [size]


def last_neighbours(
    size: int, new_size: int, options: dict[str, bool], *, integer: bool = True
) -> tuple[int, int]:
    """The largest places that the native kernel reads along an axis, before and after a pixel."""
    if options["align_corners"] and new_size > 1:
        size_, new_size_ = size - 1, new_size - 1
    else:
        size_, new_size_ = size, new_size
    if (
        not integer
    ):  # only with both options it leaves the image, and then far enough not to need float32 here
        centre = 0.5 * options["half_pixel_centers"]
        real = (new_size - 1 + centre) * size_ / new_size_ - centre
        return floor(max(real, 0)), min(ceil(real), size - 1)
    scale = (1024 * size_ + new_size_ // 2) // new_size_
    place = (new_size - 1) * scale + (scale // 2 - 512 if options["half_pixel_centers"] else 0)
    return max(place, 0) // 1024, min((place + 1023) // 1024, size - 1)


def reads_beyond(shape: list[int], new_size: list[int], options: dict[str, bool], *, integer: bool) -> bool:
    batches, height, width, _ = shape
    rows = max(last_neighbours(height, new_size[0], options, integer=integer))
    columns = max(last_neighbours(width, new_size[1], options, integer=integer))
    return ((batches - 1) * height + rows) * width + columns >= batches * height * width


def draw_options(draw: Draw, *, both: bool) -> dict[str, bool]:
    align_corners, half_pixel_centers = draw(st.booleans()), draw(st.booleans())
    assume(both or not (align_corners and half_pixel_centers))
    return {"align_corners": align_corners, "half_pixel_centers": half_pixel_centers}


def pixels(draw: Draw, shape: list[int], element_type: TensorType) -> NDArray[Any]:
    if element_type is not FLOAT32:
        return arbitrary_bits(draw, shape, element_type)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    values = rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 4, shape)
    values *= draw(st.sampled_from([1.0, 1.0, 1e-41, 1e35]))
    # not NaN: which of two payloads a sum keeps is up to the compiler
    special = rng.choice([0.0, -0.0, np.inf, -np.inf, 3e38], shape)
    values = np.where(rng.random(shape) < draw(st.sampled_from([0.0, 0.0, 0.2])), special, values)
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


@generator("RESIZE_BILINEAR", tflite=("FLOAT32", "INT8", "UINT8", "INT16"), tflm=("FLOAT32", "INT8"))
def resize_bilinear(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    element_type = TensorType[kind]
    known = runtime == "tflm" or draw(st.booleans())
    options = draw_options(draw, both=not known)  # LiteRT does not check a size that it learns at invoke
    shape = [draw(st.integers(1, 3)), draw(SIDES), draw(SIDES), draw(st.integers(1, 5))]
    new_size = [draw(NEW_SIDES), draw(NEW_SIDES)]
    integer = element_type not in {FLOAT32, UINT8}
    # native kernels read beyond the image here, and so give what happens to be there
    assume(not reads_beyond(shape, new_size, options, integer=integer))
    quantization = (None, None) if element_type is FLOAT32 else (0.5, 0)
    x = TensorSpec(shape, element_type, *quantization)
    model, fed = resize_model("RESIZE_BILINEAR", x, new_size, options, known=known)
    return Problem(model, [[pixels(draw, shape, element_type), *fed] for _ in range(2)])


@generator(
    "RESIZE_NEAREST_NEIGHBOR",
    tflite=(*("FLOAT32", "INT8", "UINT8", "BOOL", "INT16", "UINT16", "FLOAT16", "INT32", "UINT32"),),
    tflm=("FLOAT32", "INT8", "INT16"),
)
def resize_nearest_neighbor(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    element_type = TensorType[kind]
    known = runtime == "tflm" or draw(st.booleans())
    # TFLM has no empty tensors; LiteRT's Python API cannot read those that get their size at invoke
    least = 0 if runtime == "tflite" and known and draw(st.integers(0, 9)) == 9 else 1
    options = draw_options(draw, both=True)
    shape = [draw(st.integers(least, 3)), draw(SIDES), draw(SIDES), draw(st.integers(least, 5))]
    new_size = [draw(st.just(0) if least == 0 else NEW_SIDES), draw(NEW_SIDES)]
    model, fed = resize_model(
        "RESIZE_NEAREST_NEIGHBOR", TensorSpec(shape, element_type), new_size, options, known=known
    )
    return Problem(model, [[arbitrary_bits(draw, shape, element_type), *fed] for _ in range(2)])
