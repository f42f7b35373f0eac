"""The fast convolutions against their definition, on tiles so small that every image has many."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from microinterp_kernels import convolution as kernels
from microinterp_kernels import ordered_product
from microinterp_kernels.convolution import Convolution, Geometry, MatrixConvolution, TapConvolution, convolve
from microinterp_kernels.padding import Padding

Array = NDArray[Any]


@st.composite
def geometries(draw: st.DrawFn) -> Geometry:
    image = draw(st.tuples(*[st.integers(1, n) for n in (3, 9, 9, 6)]))
    pairs = [draw(st.tuples(st.integers(1, n), st.integers(1, n))) for n in (4, 3, 3)]
    padding: Padding = draw(st.sampled_from(["SAME", "VALID"]))
    kernel, stride, dilation = pairs
    return Geometry.fit((image[0], image[1], image[2], image[3]), kernel, padding, stride, dilation)


def run(convolution: Convolution, image: Array) -> Array:
    """All tiles of the sums."""
    acc = np.full(convolution.shape, np.nan)
    for where, tile in convolution(image):
        assert np.isnan(acc[where]).all()
        acc[where] = tile
        tile[...] = np.nan  # it is ours
    return acc


def random_filters(rng: np.random.Generator, groups: int, per_group: int, geometry: Geometry) -> Array:
    return rng.integers(-99, 99, (groups, per_group, *geometry.kernel, geometry.image[3] // groups))


@pytest.mark.parametrize("kind", [MatrixConvolution, TapConvolution])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(geometry=geometries(), seed=st.integers(0, 2**32), tile=st.sampled_from([1, 20, 100, 1000, 10**6]))
def test_integers(
    kind: type[MatrixConvolution | TapConvolution], dtype: Any, geometry: Geometry, seed: int, tile: int
) -> None:
    rng = np.random.default_rng(seed)
    channels = geometry.image[3]
    groups = channels if kind is TapConvolution else rng.choice([g for g in range(1, 7) if channels % g == 0])
    filters = random_filters(rng, int(groups), int(rng.integers(1, 4)), geometry)
    border = int(rng.integers(-128, 128))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "_TILE", tile)
        if kind is TapConvolution:
            convolution: Convolution = TapConvolution(filters, geometry, dtype, border, in_order=False)
        else:
            convolution = MatrixConvolution(filters, geometry, dtype, border, in_order=False)
    for _ in range(2):
        image = rng.integers(-128, 128, geometry.image).astype(np.int8)
        expected = convolve(image.astype(np.int64) - border, filters, geometry)
        actual = run(convolution, image) - border * filters.sum(axis=(2, 3, 4)).reshape(-1)
        np.testing.assert_array_equal(actual.reshape(expected.shape), expected)


@pytest.mark.parametrize("einsum_keeps_order", [True, False])
@pytest.mark.parametrize("kind", [MatrixConvolution, TapConvolution])
@given(geometry=geometries(), seed=st.integers(0, 2**32), tile=st.sampled_from([1, 20, 100, 1000, 10**6]))
def test_float32_in_order(
    kind: type[MatrixConvolution | TapConvolution],
    einsum_keeps_order: bool,
    geometry: Geometry,
    seed: int,
    tile: int,
) -> None:
    rng = np.random.default_rng(seed)
    channels = geometry.image[3]
    groups = channels if kind is TapConvolution else rng.choice([g for g in range(1, 7) if channels % g == 0])
    per_group = int(rng.choice([1, 2, 5, 40]))
    shape = (int(groups), per_group, *geometry.kernel, channels // int(groups))
    filters = rng.standard_normal(shape, np.float32)
    if kind is TapConvolution and groups * per_group == 1:
        return  # a single channel is no case of it: `prepare_convolution` takes the other
    image = rng.standard_normal(geometry.image, np.float32)
    expected = convolve(image, filters, geometry)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "_TILE", tile)
        if not einsum_keeps_order:
            patch.setattr(kernels, "einsum_keeps_order", lambda: False)
            patch.setattr(ordered_product, "einsum_keeps_order", lambda: False)
        if kind is TapConvolution:
            convolution: Convolution = TapConvolution(filters, geometry, np.float32, 0.0, in_order=True)
        else:
            convolution = MatrixConvolution(filters, geometry, np.float32, 0.0, in_order=True)
        actual = run(convolution, image).reshape(expected.shape)
    np.testing.assert_array_equal(actual, expected)


@given(
    m=st.integers(1, 70),
    k=st.one_of(st.integers(1, 9), st.integers(60, 300)),
    n=st.integers(1, 70),
    seed=st.integers(0, 2**32),
)
def test_ordered_product(m: int, k: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((m, k), np.float32), rng.standard_normal((k, n), np.float32)
    expected = np.add.accumulate(a[:, :, None] * b, axis=1)[:, -1]
    np.testing.assert_array_equal(ordered_product.add_products(a, b), expected)
    np.testing.assert_array_equal(ordered_product.ordered_product(a, b), expected)
    transposed = ordered_product.ordered_product(np.asfortranarray(a), np.asfortranarray(b))
    np.testing.assert_array_equal(transposed, expected)


def test_einsum_is_in_order_here() -> None:
    # else float32 convolutions are slow on this machine, and half of the tests above compare the definition with itself
    assert ordered_product.einsum_keeps_order()


def test_what_is_used_for_what() -> None:
    geometry = Geometry.fit((1, 5, 5, 4), (3, 3), "SAME")
    rng = np.random.default_rng(0)
    for groups, kind in ((1, MatrixConvolution), (2, MatrixConvolution), (4, TapConvolution)):
        filters = random_filters(rng, groups, 2, geometry)
        for in_order in (False, True):
            convolution = kernels.prepare_convolution(filters, geometry, np.float32, in_order=in_order)
            assert type(convolution) is kind
    one_channel = Geometry.fit((1, 5, 5, 1), (3, 3), "SAME")
    filters = random_filters(rng, 1, 2, one_channel)
    assert (
        type(kernels.prepare_convolution(filters, one_channel, np.float32, in_order=False))
        is MatrixConvolution
    )
