"""Custom operators' options: usually a FlexBuffer map.

The `flatbuffers` package reads FlexBuffers too, but follows whatever offset it finds, forever if they lead in a
circle; a model is not to be trusted like that.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

# Types of values, by the format's numbers.
_NULL, _INT, _UINT, _FLOAT, _KEY, _STRING = range(6)
_INDIRECT_INT, _INDIRECT_UINT, _INDIRECT_FLOAT, _MAP, _VECTOR, _VECTOR_INT = range(6, 12)
_VECTOR_STRING, _VECTOR_INT2, _VECTOR_FLOAT4, _BLOB, _BOOL = 15, 16, 24, 25, 26
_VECTOR_BOOL = 36

_DEEPEST = 16
_SHARING_LIMIT = 8


def decode_custom_options(data: bytes) -> dict[str, Any]:
    """The map that the bytes hold; empty if they hold anything else.

    Numbers, booleans and strings come as such, vectors as tuples, blobs as bytes.
    """
    try:
        width = data[-1]
        root = _Decoder(data).value(len(data) - 2 - width, width, data[-2], 0)
    except (_NotFlexBuffer, IndexError):
        return {}
    return root if isinstance(root, dict) else {}


def encode_custom_options(options: Mapping[str, Any]) -> bytes:
    """The options as a FlexBuffer map."""
    from flatbuffers import flexbuffers

    return bytes(flexbuffers.Dumps(dict(options)))


class _NotFlexBuffer(Exception):  # noqa: N818 - it does not leave the module
    pass


class _Decoder:
    def __init__(self, data: bytes) -> None:
        self.data = data
        # What may be read in all: shared keys and strings are honest, the same vector over and over is not.
        self.budget = _SHARING_LIMIT * len(data)

    def value(self, position: int, width: int, packed_type: int, depth: int) -> Any:
        """The value at `position`, inline in `width` bytes or behind an offset."""
        kind, own_width = packed_type >> 2, 1 << (packed_type & 3)
        if depth > _DEEPEST:
            raise _NotFlexBuffer
        if kind == _NULL:
            return None
        if kind in (_INT, _UINT, _FLOAT, _BOOL):
            return self.scalar(position, width, kind)
        target = position - self.uint(position, width)
        if kind in (_INDIRECT_INT, _INDIRECT_UINT, _INDIRECT_FLOAT):
            return self.scalar(target, own_width, kind - _INDIRECT_INT + _INT)
        if kind == _KEY:
            return self.key(target)
        if kind == _STRING:
            return self.text(target, target + self.uint(target - own_width, own_width))
        if kind == _BLOB:
            return self.slice(target, target + self.uint(target - own_width, own_width))
        if kind == _MAP:
            return self.map(target, own_width, depth)
        return self.vector(target, own_width, kind, depth)

    def map(self, target: int, width: int, depth: int) -> dict[str, Any]:
        keys_place = target - 3 * width
        keys = keys_place - self.uint(keys_place, width)
        keys_width = self.uint(target - 2 * width, width)
        values = self.vector(target, width, _VECTOR, depth)
        places = [keys + i * keys_width for i in range(len(values))]
        names = [self.key(place - self.uint(place, keys_width)) for place in places]
        return dict(zip(names, values, strict=True))

    def vector(self, target: int, width: int, kind: int, depth: int) -> tuple[Any, ...]:
        if _VECTOR_INT2 <= kind <= _VECTOR_FLOAT4:
            count = 2 + (kind - _VECTOR_INT2) // 3
            element: int | None = _INT + (kind - _VECTOR_INT2) % 3
        else:
            count = self.uint(target - width, width)
            if kind == _VECTOR:
                element = None
            elif kind == _VECTOR_BOOL:
                element = _BOOL
            elif kind == _VECTOR_STRING:
                element = _KEY  # their sizes' width is not known, so they end at the first zero
            elif _VECTOR_INT <= kind < _VECTOR_STRING:
                element = kind - _VECTOR_INT + _INT
            else:
                raise _NotFlexBuffer
        self.spend(target, target + count * width)
        types = target + count * width
        return tuple(
            self.value(
                target + i * width,
                width,
                self.uint(types + i, 1) if element is None else element << 2,
                depth + 1,
            )
            for i in range(count)
        )

    def scalar(self, position: int, width: int, kind: int) -> Any:
        if kind == _UINT:
            return self.uint(position, width)
        if kind == _BOOL:
            return self.uint(position, width) != 0
        data = self.slice(position, position + width)
        if kind == _INT:
            return int.from_bytes(data, "little", signed=True)
        if width not in (2, 4, 8):
            raise _NotFlexBuffer
        return struct.unpack({2: "<e", 4: "<f", 8: "<d"}[width], data)[0]

    def uint(self, position: int, width: int) -> int:
        if width not in (1, 2, 4, 8):
            raise _NotFlexBuffer
        return int.from_bytes(self.slice(position, position + width), "little")

    def key(self, start: int) -> str:
        end = self.data.find(0, start) if 0 <= start < len(self.data) else -1
        return self.text(start, end)

    def text(self, start: int, end: int) -> str:
        return self.slice(start, end).decode("utf-8", "surrogateescape")

    def slice(self, start: int, end: int) -> bytes:
        self.spend(start, end)
        return self.data[start:end]

    def spend(self, start: int, end: int) -> None:
        self.budget -= max(end - start, 0)
        if self.budget < 0 or not 0 <= start <= end <= len(self.data):
            raise _NotFlexBuffer
