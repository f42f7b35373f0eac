"""The resizing kernels alone, on numbers that one can check by hand; the operators' tests ask the native runtimes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from microinterp_kernels.resize import ResizeBilinearFloat, ResizeBilinearInteger, ResizeNearestNeighbor

PLAIN = {"align_corners": False, "half_pixel_centers": False}
ALIGNED = {"align_corners": True, "half_pixel_centers": False}
CENTRED = {"align_corners": False, "half_pixel_centers": True}


def row(values: Any, dtype: Any) -> np.ndarray[Any, Any]:
    return np.array(values, dtype).reshape(1, 1, -1, 1)


@pytest.mark.parametrize(
    ("options", "expected"),
    # the places of the three new pixels are 0, ⅔, 1⅓; 0, ½, 1; and −⅙, ½, 1⅙, of which there is only [0, 1]
    [(PLAIN, [3, 5, 6]), (ALIGNED, [3, 4.5, 6]), (CENTRED, [3, 4.5, 6])],
    ids=["plain", "aligned", "centred"],
)
def test_bilinear_float(options: dict[str, bool], expected: list[float]) -> None:
    output = row([0, 0, 0], np.float32)
    ResizeBilinearFloat((1, 1, 2, 1), (1, 3), **options)(row([3, 6], np.float32), output)
    np.testing.assert_allclose(output.ravel(), expected, rtol=1e-6)
    halves_up = row([0, 0, 0], np.uint8)
    ResizeBilinearFloat((1, 1, 2, 1), (1, 3), **options)(row([3, 6], np.uint8), halves_up)
    assert halves_up.ravel().tolist() == [int(e + 0.5) for e in expected]


@pytest.mark.parametrize("dtype", [np.int8, np.int16])
def test_bilinear_integer_rounds_halves_away_from_zero(dtype: Any) -> None:
    kernel = ResizeBilinearInteger((1, 1, 2, 1), (1, 3), dtype, **ALIGNED)
    for values, expected in [([3, 6], [3, 5, 6]), ([-3, -6], [-3, -5, -6]), ([-1, 1], [-1, 0, 1])]:
        output = row([0, 0, 0], dtype)
        kernel(row(values, dtype), output)
        assert output.ravel().tolist() == expected


@pytest.mark.parametrize("dtype", [np.int8, np.int16])
@pytest.mark.parametrize("options", [PLAIN, ALIGNED, CENTRED], ids=["plain", "aligned", "centred"])
def test_bilinear_integer_keeps_the_ends_of_the_range(dtype: Any, options: dict[str, bool]) -> None:
    limits = np.iinfo(dtype)
    for size, new_size in [(1, 9), (2, 9), (5, 2), (6, 1)]:
        kernel = ResizeBilinearInteger((2, size, size, 3), (new_size, new_size), dtype, **options)
        for value in (limits.min, limits.max):
            output = np.zeros(kernel.output_shape, dtype)
            kernel(np.full((2, size, size, 3), value, dtype), output)
            assert (output == value).all()


def test_nearest_neighbor() -> None:
    x = np.arange(6, dtype=np.int64).reshape(1, 2, 3, 1)
    output = np.zeros((1, 3, 2, 1), np.int64)
    ResizeNearestNeighbor((2, 3), (3, 2), **PLAIN)(x, output)
    assert output[0, :, :, 0].tolist() == [[0, 1], [0, 1], [3, 4]]
    ResizeNearestNeighbor((2, 3), (3, 2), **ALIGNED)(x, output)
    assert output[0, :, :, 0].tolist() == [[0, 2], [3, 5], [3, 5]]
