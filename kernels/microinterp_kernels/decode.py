"""Compressed weights of TFLM, as its operator DECODE expands them: by a table, with gaps, or of Huffman codes.

Source of the formats: TFLM's `tensorflow/lite/micro/kernels/decode_state_lut.cc`, `decode_state_prune.cc` and
`decode_state_huffman.cc`. Bits count from the highest of each byte on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Bytes = NDArray[np.uint8]
Channels = NDArray[np.intp]


def decode_lut(codes: Bytes, table: Array, width: int, channels: Channels, stride: int) -> Array:
    """Values whose places in a table are the codes of `width` bits, one after the other.

    `channels` (n,) says the channel of each value; the values of channel c begin at c · stride.

    Raises:
        ValueError: there are less than n codes, or a code is beyond the table.
    """
    n = channels.size
    bits = _bits(codes, n * width).reshape(n, width)
    places = bits @ (1 << np.arange(width)[::-1]) + stride * channels
    if n and places.max() >= table.size:
        raise ValueError(f"a code leads beyond the table of {table.size} values")
    values: Array = table[places]
    return values


def decode_prune(codes: Bytes, table: Array, fill: Array) -> Array:
    """The values of the table, in order, where a bit is set, and those of `fill` (n,) elsewhere.

    Raises:
        ValueError: there are less than n bits, or more are set than there are values.
    """
    is_kept = _bits(codes, fill.size).astype(np.bool_)
    count = int(is_kept.sum())
    if count > table.size:
        raise ValueError(f"{count} values are kept, but there are {table.size}")
    values = fill.copy()
    values[is_kept] = table[:count]
    return values


def _bits(codes: Bytes, count: int) -> Bytes:
    if codes.size * 8 < count:
        raise ValueError(f"{codes.size} bytes are too few for {count} bits")
    return np.unpackbits(codes, count=count)


def decode_huffman(
    codes: Bytes, table: NDArray[np.uint16] | NDArray[np.uint32], width: int, n: int
) -> list[int]:
    """The symbols of `n` Huffman codes, as unsigned numbers.

    `table` holds several tables. The first is looked up with `width` bits. The highest bit of an entry says that it
    is a symbol; the next four count the bits that its code has in this table, or say how many bits, less one, the
    table that follows is looked up with. That table begins as far behind the entry as the rest of the bits says.

    Raises:
        ValueError: the codes end too early, or lead beyond the table.
    """
    entries = table.tolist()
    value_bits = 8 * table.itemsize - 5
    length = 8 * codes.size
    # any place is read with up to 16 bits, from 24; the last code may be looked up with more bits than there are
    stream = codes.tobytes() + bytes(4)
    symbols = []
    position = 0
    for _ in range(n):
        used, place, entry = width, 0, 0
        while True:
            if position > length:
                raise ValueError(f"{codes.size} bytes are too few for {n} codes")
            word = int.from_bytes(stream[position >> 3 : (position >> 3) + 3], "big")
            place += (word >> (24 - (position & 7) - used)) & ((1 << used) - 1)
            position += used
            if place >= len(entries):
                raise ValueError(f"a code leads beyond the table of {len(entries)} entries")
            entry = entries[place]
            count = (entry >> value_bits) & 0xF
            if entry >> (value_bits + 4):
                break
            used = count + 1
            place += entry & ((1 << value_bits) - 1)
        symbols.append(entry & ((1 << value_bits) - 1))
        position -= max(0, used - count)
    if position > length:
        raise ValueError(f"{codes.size} bytes are too few for {n} codes")
    return symbols
