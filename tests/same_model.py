"""Deep comparison of models, whose arrays have no useful `==`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np


def assert_same(actual: Any, expected: Any, where: str = "model") -> None:
    """Assert equal types and values all the way down; NaN equals itself."""
    if isinstance(expected, Mapping):
        assert isinstance(actual, Mapping), where
        assert list(actual) == list(expected), where
        for key in expected:
            assert_same(actual[key], expected[key], f"{where}[{key!r}]")
        return
    assert type(actual) is type(expected), f"{where}: {actual!r} is not {expected!r}"
    if dataclasses.is_dataclass(expected):
        for field in dataclasses.fields(expected):
            assert_same(getattr(actual, field.name), getattr(expected, field.name), f"{where}.{field.name}")
    elif isinstance(expected, np.ndarray):
        assert actual.dtype == expected.dtype, where
        assert actual.shape == expected.shape, where
        assert actual.tobytes() == expected.tobytes(), where
    elif isinstance(expected, tuple):
        assert len(actual) == len(expected), where
        for i, (a, e) in enumerate(zip(actual, expected, strict=True)):
            assert_same(a, e, f"{where}[{i}]")
    else:
        same_nan = isinstance(expected, float) and actual != actual and expected != expected  # noqa: PLR0124
        assert actual == expected or same_nan, f"{where}: {actual!r} is not {expected!r}"
