"""Custom operators' options: a FlexBuffer map, usually."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flatbuffers import flexbuffers

# What options are: a handful of values, lists of values, perhaps a map of them.
_DEEPEST = 8


class _TooMuchError(Exception):
    """The bytes describe more than they can honestly hold."""


def decode_custom_options(data: bytes) -> dict[str, Any]:
    """The map that the bytes hold; empty if they hold anything else.

    Numbers, booleans and strings come as such, vectors as tuples, blobs as bytes. The bytes are not trusted.
    """
    try:
        root = flexbuffers.GetRoot(data)
        if not root.IsMap:
            return {}
        value = _Decoder(len(data)).value(root, 0)
    except (_TooMuchError, ValueError, IndexError, TypeError, KeyError, OverflowError, ArithmeticError):
        return {}
    except Exception as error:
        if type(error).__module__ == "struct":
            return {}
        raise
    result: dict[str, Any] = value
    return result


def encode_custom_options(options: Mapping[str, Any]) -> bytes:
    """The options as a FlexBuffer map."""
    return bytes(flexbuffers.Dumps(dict(options)))


class _Decoder:
    """Walks a FlexBuffer; each value that it visits must be paid with a byte of the data."""

    def __init__(self, budget: int) -> None:
        self.budget = budget

    def value(self, ref: Any, depth: int) -> Any:
        self.budget -= 1
        if self.budget < 0 or depth > _DEEPEST:
            raise _TooMuchError
        if ref.IsMap:
            values = ref.AsMap
            keys = values.Keys
            if len(keys) > self.budget:
                raise _TooMuchError
            return {keys[i].AsKey: self.value(values.Values[i], depth + 1) for i in range(len(keys))}
        if ref.IsVector or ref.IsTypedVector or ref.IsFixedTypedVector:
            vector = (
                ref.AsVector
                if ref.IsVector
                else ref.AsTypedVector
                if ref.IsTypedVector
                else ref.AsFixedTypedVector
            )
            if len(vector) > self.budget:
                raise _TooMuchError
            return tuple(self.value(vector[i], depth + 1) for i in range(len(vector)))
        if ref.IsNull:
            return None
        return ref.Value
