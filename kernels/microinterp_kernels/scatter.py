"""Many values into fewer places, in their order: sums, products, largest and smallest ones.

Source of the formulas: LiteRT's `reference_ops.h` (`ScatterNd`, `SegmentSum`, `UnsortedSegmentRef`) and
`stablehlo_scatter.cc`. In all of these `places` is a flat array with room for the result, which holds the initial
values; `targets` are indices into it, one per value, in range; a place may be named often.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Indices = NDArray[np.int64]
Scatter = Callable[[Array, Indices, Array], None]


def flat_targets(slices: Indices, width: int) -> Indices:
    """The indices of all elements of slices of `width` elements, which are given by their numbers."""
    targets: Indices = slices.reshape(-1, 1) * width + np.arange(width, dtype=np.int64)
    return targets.ravel()


def assign(places: Array, targets: Indices, values: Array) -> None:
    """The last value stays."""
    places[targets] = values


@np.errstate(all="ignore")
def add(places: Array, targets: Indices, values: Array) -> None:
    """places[t] += v, one after the other; integers wrap."""
    np.add.at(places, targets, values)


@np.errstate(all="ignore")
def multiply(places: Array, targets: Indices, values: Array) -> None:
    """places[t] *= v, one after the other; integers wrap."""
    np.multiply.at(places, targets, values)


def keep_largest(places: Array, targets: Indices, values: Array) -> None:
    """C++'s std::max(place, v), one after the other: of equal ones the first stays, and so does a NaN in a place.

    NaNs among the values change nothing.
    """
    _keep(np.maximum, np.greater, places, targets, values)


def keep_smallest(places: Array, targets: Indices, values: Array) -> None:
    """C++'s std::min(place, v), as `keep_largest`."""
    _keep(np.minimum, np.less, places, targets, values)


@np.errstate(invalid="ignore")
def _keep(choose: np.ufunc, beats: np.ufunc, places: Array, targets: Indices, values: Array) -> None:
    if places.dtype.kind != "f":
        choose.at(places, targets, values)
        return
    usable = ~np.isnan(values)
    targets, values = targets[usable], values[usable]
    best = places.copy()
    choose.at(best, targets, values)
    # which of 0.0 and −0.0 remains is decided by the order alone
    is_zero = values == 0
    first_zero = np.zeros_like(places)
    first_zero[targets[is_zero][::-1]] = values[is_zero][::-1]
    best = np.where(best == 0, first_zero, best)
    np.copyto(places, best, where=beats(best, places))
