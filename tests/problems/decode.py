"""TFLM_DECODE: weights compressed in each of its formats."""

from __future__ import annotations

import heapq
from collections import Counter
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from microinterp.model.ir import NUMPY_TYPES, TensorType
from tests.draw import zero_points
from tests.oracles import RuntimeName
from tests.problems import Problem, generator
from tests.single_op import TensorSpec, single_op_model
from tests.values import arbitrary_bits

Array = NDArray[Any]
Shape = tuple[int, ...]

LUT, HUFFMAN, PRUNE = range(3)
TYPES = ("BOOL", "FLOAT32", "INT8", "INT16", "INT32", "INT64")


def ancillary(
    format: int, parameters: int, stride: int, table: bytes, versions: tuple[int, int] = (1, 1)
) -> bytes:
    return bytes([format, versions[0], 0, 0, versions[1], parameters, stride, *[0] * 9]) + table


def decode_model(outputs: list[tuple[bytes, bytes, TensorSpec]]) -> bytes:
    """A model without inputs, of each output's codes and ancillary data."""
    inputs = [
        TensorSpec((len(data),), TensorType.UINT8, data=np.frombuffer(data, np.uint8))
        for codes, table, _ in outputs
        for data in (codes, table)
    ]
    return single_op_model("TFLM_DECODE", inputs, [spec for _, _, spec in outputs])


def bits_of_codes(codes: Array, width: int) -> bytes:
    bits = (codes[:, np.newaxis] >> np.arange(width)[::-1]) & 1
    return np.packbits(bits.astype(np.uint8)).tobytes()


def _output(draw: st.DrawFn, type: TensorType, has_zero_points: bool) -> tuple[TensorSpec, int]:
    """A tensor, and the number of its channels."""
    shape = tuple(draw(st.lists(st.integers(1, 6), max_size=4)))
    if draw(st.booleans()):
        shape = (*shape[:3], 40)  # long enough for TFLM's unrolled loops
    axis = draw(st.sampled_from([None, 0, -1])) if shape else None
    if type is TensorType.BOOL:
        axis = None
    if axis is None:
        if type is not TensorType.INT8:
            return TensorSpec(shape, type), 1
        return TensorSpec(shape, type, 0.5, draw(zero_points(type)) if has_zero_points else 0), 1
    count = shape[axis]
    if draw(st.booleans()) or type is not TensorType.INT8 or not has_zero_points:
        zeros = [0] * count
    else:
        zeros = draw(st.lists(zero_points(type), min_size=count, max_size=count))
    dimension = axis % len(shape)
    if (
        count == 1 and dimension
    ):  # TFLM refuses what is quantized per tensor along another axis than the first
        dimension = 0
    return TensorSpec(shape, type, [0.5] * count, zeros, dimension), count


def _lut(draw: st.DrawFn, type: TensorType) -> tuple[bytes, bytes, TensorSpec]:
    spec, channels = _output(draw, type, has_zero_points=True)
    width = draw(st.integers(0, 7))
    stride = draw(st.sampled_from([1 << width, 128, 3, 0]))
    table = arbitrary_bits(draw, ((channels - 1) * stride + (1 << width),), type)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    codes = rng.integers(0, 1 << width, int(np.prod(spec.shape)))
    return (
        bits_of_codes(codes, width) or bytes(1),
        ancillary(LUT, width | 8 * draw(st.integers(0, 1)), stride, table.tobytes()),
        spec,
    )


def _prune(draw: st.DrawFn, type: TensorType) -> tuple[bytes, bytes, TensorSpec]:
    spec, _ = _output(draw, type, has_zero_points=True)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kept = rng.random(int(np.prod(spec.shape))) < draw(st.sampled_from([0.0, 0.3, 1.0]))
    table = arbitrary_bits(draw, (int(kept.sum()),), type)
    return bits_of_codes(kept.astype(np.int64), 1), ancillary(PRUNE, 0, 0, table.tobytes()), spec


def code_lengths(counts: Counter[int]) -> dict[int, int]:
    """The lengths of Huffman codes."""
    heap = [(count, symbol, [symbol]) for symbol, count in counts.items()]
    lengths = dict.fromkeys(counts, 0 if len(counts) > 1 else 1)
    heapq.heapify(heap)
    while len(heap) > 1:
        (n, i, first), (m, _, second) = heapq.heappop(heap), heapq.heappop(heap)
        for symbol in first + second:
            lengths[symbol] += 1
        heapq.heappush(heap, (n + m, i, first + second))
    return lengths


def huffman_codes(lengths: dict[int, int]) -> dict[int, str]:
    """Canonical codes of these lengths."""
    codes, code, last = {}, 0, 0
    for symbol, length in sorted(lengths.items(), key=lambda item: item[::-1]):
        code <<= length - last
        codes[symbol] = format(code, f"0{length}b")
        code, last = code + 1, length
    return codes


def huffman_tables(codes: dict[int, str], widths: list[int], value_bits: int) -> list[int]:
    """TFLM's lookup tables: the first of `widths[0]` bits, those behind it of the next, ….

    Entries that no code leads to are symbols, too.
    """
    entries: list[int] = []

    def add(prefix: str, widths: list[int]) -> int:
        start, width = len(entries), widths[0]
        entries.extend([1 << (value_bits + 4)] * (1 << width))
        for i in range(1 << width):
            key = prefix + format(i, f"0{width}b")
            found = [s for s, code in codes.items() if key.startswith(code)]
            if found:
                used = len(codes[found[0]]) - len(prefix)
                symbol = found[0] & ((1 << min(value_bits, 16)) - 1)
                entries[start + i] = 1 << (value_bits + 4) | used << value_bits | symbol
            elif any(code.startswith(key) for code in codes.values()):
                rest = widths[1:] or widths[-1:]
                entries[start + i] = (rest[0] - 1) << value_bits | (add(key, rest) - start - i)
        return start

    add("", widths)
    return entries


def _huffman(draw: st.DrawFn, type: TensorType) -> tuple[bytes, bytes, TensorSpec]:
    spec, _ = _output(draw, type, has_zero_points=False)
    count = int(np.prod(spec.shape))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dtype = NUMPY_TYPES[type]
    alphabet = rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max, draw(st.integers(1, 40)), endpoint=True)
    ranks = np.minimum(rng.geometric(draw(st.sampled_from([0.05, 0.3, 0.6])), count) - 1, len(alphabet) - 1)
    symbols = alphabet[ranks].tolist()
    codes = huffman_codes(code_lengths(Counter(symbols)))
    is_wide = type is TensorType.INT16 or draw(st.booleans())
    widths = draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))
    value_bits = 27 if is_wide else 11
    if type is TensorType.INT8:
        codes = {symbol & 0xFF: code for symbol, code in codes.items()}
    entries = huffman_tables({s & 0xFFFF: c for s, c in codes.items()}, widths, value_bits)
    stream = "".join(codes[s & 0xFF if type is TensorType.INT8 else s] for s in symbols)
    stream += "0" * (-len(stream) % 32)
    data = int(stream, 2).to_bytes(len(stream) // 8, "big")
    table = np.array(entries, np.uint32 if is_wide else np.uint16).tobytes()
    return data, ancillary(HUFFMAN, is_wide | (widths[0] - 1) << 4, 0, table), spec


@generator(
    "TFLM_DECODE",
    tflm=(
        *(f"{format}, {type}" for format in ("LUT", "prune") for type in TYPES),
        *("Huffman, INT8", "Huffman, INT16"),
    ),
)
def decode(draw: st.DrawFn, kind: str, runtime: RuntimeName) -> Problem:
    format, type = kind.split(", ")
    make = {"LUT": _lut, "prune": _prune, "Huffman": _huffman}[format]
    outputs = [make(draw, TensorType[type]) for _ in range(draw(st.integers(1, 2)))]
    return Problem(decode_model(outputs), [[]])
