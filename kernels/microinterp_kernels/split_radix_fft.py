"""FFTs of float64 as LiteRT computes them: Ooura's split-radix algorithm, bit for bit.

Source of the algorithm: `fftsg.c` and `fftsg2d.c` of Takuya Ooura's General Purpose FFT Package, in its forward
direction (which is that of exp(+2πi·jk/n)). Complex numbers are arrays whose first axis holds the real and the
imaginary parts; lengths are powers of 2.

An FFT of n points is a tree. A node splits its points into four parts, of n/4 each, down to leaves of 16 or 8 points.
There are two kinds of nodes and leaves: *plain* ones, and *turning* ones, whose points still have to be turned by
the twiddle factors of the node above. The second part of any node is turning; so is the fourth of a turning one.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .real_fft import pair, products

Float64s = NDArray[np.float64]
Complex = NDArray[Any]

_ROOT_HALF = math.cos(math.atan(1.0))


def _turned_sum(a: Complex, b: Complex) -> Complex:
    """a + i·b."""
    return pair(a[0] - b[1], a[1] + b[0])


def _turned_difference(a: Complex, b: Complex) -> Complex:
    """a − i·b."""
    return pair(a[0] + b[1], a[1] - b[0])


def _eighth_turn(z: Complex) -> Complex:
    """z·(1 + i)/√2."""
    turned: Complex = _ROOT_HALF * pair(z[0] - z[1], z[1] + z[0])
    return turned


def _table(parts: int) -> Float64s:
    """Rows j = 0, 4, 8, … < parts of cos x, sin x, cos 3x, −sin 3x, where x is j of `parts` eighths of a turn."""
    delta = math.atan(1.0) / parts
    return np.array(
        [
            (math.cos(delta * j), math.sin(delta * j), math.cos(3 * delta * j), -math.sin(3 * delta * j))
            for j in range(0, parts, 4)
        ]
    )


def _factors(first_half: Float64s, middle: Float64s, second_half: Float64s) -> Complex:
    """(2, q) twiddle factors; the one of point 0 is not used. Halves are (q/2 − 1, 2), the second from its end on."""
    return np.concatenate([np.ones((1, 2)), first_half, middle[np.newaxis], second_half[::-1]]).T.copy()


def _quarters(z: Complex) -> tuple[Complex, Complex, Complex, Complex]:
    q = z.shape[-1] // 4
    return z[..., :q], z[..., q : 2 * q], z[..., 2 * q : 3 * q], z[..., 3 * q :]


_UNUSED = np.zeros(2)


class _PlainNode:
    """The four parts of points (2, …, n). `table` has the factors of its first points, from point 1 on."""

    def __init__(self, table: Float64s) -> None:
        r1, i1, r3, i3 = table.T
        self._first = _factors(np.stack([r1, i1], 1), _UNUSED, np.stack([i1, r1], 1))
        self._third = _factors(np.stack([r3, -i3], 1), _UNUSED, np.stack([i3, -r3], 1))
        self._middle = len(table) + 1

    def __call__(self, z: Complex) -> Complex:
        a, b, c, d = _quarters(z)
        x0, x1, x2, x3 = a + c, a - c, b + d, b - d
        sums, differences = _turned_sum(x1, x3), _turned_difference(x1, x3)
        third, fourth = products(sums, self._first), products(differences, self._third)
        third[..., 0], fourth[..., 0] = sums[..., 0], differences[..., 0]
        third[..., self._middle] = _eighth_turn(sums[..., self._middle])
        r, i = differences[..., self._middle]
        fourth[..., self._middle] = -_ROOT_HALF * pair(r + i, i - r)
        return np.concatenate([x0 + x2, x0 - x2, third, fourth], axis=-1)


class _TurningNode:
    """The four parts of points (2, …, n)."""

    def __init__(self, n: int) -> None:
        table, half = _table(n), n // 8
        r1, i1, r3, i3 = table[1:half].T
        e1, s1, e3, s3 = table[n // 4 - 1 : n // 4 - half : -1].T
        middle = table[half, :2]
        mirrored = middle[::-1]
        self._factors = [
            _factors(np.stack([r1, i1], 1), middle, np.stack([e1, s1], 1)),
            _factors(np.stack([s1, e1], 1), mirrored, np.stack([i1, r1], 1)),
            _factors(np.stack([r3, -i3], 1), mirrored, np.stack([e3, -s3], 1)),
            _factors(np.stack([s3, -e3], 1), middle, np.stack([i3, -r3], 1)),
        ]
        self._middle = half

    def __call__(self, z: Complex) -> Complex:
        a, b, c, d = _quarters(z)
        x0, x1, x2, x3 = (
            _turned_sum(a, c),
            _turned_difference(a, c),
            _turned_sum(b, d),
            _turned_difference(b, d),
        )
        y0, y2, y1, y3 = (products(x, w) for x, w in zip((x0, x2, x1, x3), self._factors, strict=True))
        y0[..., 0], y1[..., 0] = x0[..., 0], x1[..., 0]
        y2[..., 0] = _eighth_turn(x2[..., 0])
        r, i = _eighth_turn(x3[..., 0])
        y3[..., 0] = pair(-i, r)
        y3[..., self._middle] *= -1
        return np.concatenate([y0 + y2, y0 - y2, y1 + y3, y1 - y3], axis=-1)


def _end(x0: Complex, x1: Complex, x2: Complex, x3: Complex) -> list[Complex]:
    return [x0 + x2, x0 - x2, _turned_sum(x1, x3), _turned_difference(x1, x3)]


# an eighth of a half turn, and the factors of the leaves of 16 points that turn
_W8 = np.array([math.cos(math.atan(1.0) / 4 * 2), math.sin(math.atan(1.0) / 4 * 2)])
_W16_1, _W16_3, _W16_2 = _table(16)[1, :2], _table(16)[1, 2:] * (1, -1), _table(16)[2, :2]


def _plain_16(z: Complex) -> Complex:
    w = _W8
    p = np.moveaxis(z, -1, 0)
    y: list[Complex] = [p[0]] * 16
    others = []
    for i in range(4):
        x0, x1, x2, x3 = p[i] + p[i + 8], p[i] - p[i + 8], p[i + 4] + p[i + 12], p[i + 4] - p[i + 12]
        y[i], y[i + 4] = x0 + x2, x0 - x2
        others.append((_turned_sum(x1, x3), _turned_difference(x1, x3)))
    (y[8], y[12]), (u1, v1), (u2, (r, i2)), (u3, v3) = others
    y[9], y[13] = products(u1, w), products(v1, w[::-1])
    y[10], y[14] = _eighth_turn(u2), _ROOT_HALF * pair(r + i2, i2 - r)
    y[11], y[15] = products(u3, w[::-1]), products(v3, w)
    turned, other = _eighth_turn(_turned_sum(y[5], y[7])), _eighth_turn(_turned_difference(y[5], y[7]))
    results = [
        *_end(y[0] + y[2], y[0] - y[2], y[1] + y[3], y[1] - y[3]),
        *_end(_turned_sum(y[4], y[6]), _turned_difference(y[4], y[6]), turned, other),
        *_end(y[8] + y[10], y[8] - y[10], y[9] + y[11], y[9] - y[11]),
        *_end(y[12] - y[14], y[12] + y[14], y[13] - y[15], y[13] + y[15]),
    ]
    return np.stack(results, axis=-1)


def _turning_16(z: Complex) -> Complex:
    w1, w2, w3 = _W16_1, _W16_2, _W16_3
    p = np.moveaxis(z, -1, 0)
    sums = [_turned_sum(p[i], p[i + 8]) for i in range(8)]
    differences = [_turned_difference(p[i], p[i + 8]) for i in range(8)]
    y: list[Complex] = [p[0]] * 16
    x2 = _eighth_turn(sums[4])
    y[0], y[4] = sums[0] + x2, sums[0] - x2
    x2 = _eighth_turn(differences[4])
    y[8], y[12] = _turned_sum(differences[0], x2), _turned_difference(differences[0], x2)
    x1, x2 = products(sums[1], w1), products(sums[5], w3[::-1])
    y[1], y[5] = x1 + x2, x1 - x2
    x1, x2 = products(differences[1], w3), products(differences[5], np.array([w1[0], -w1[1]]))
    y[9], y[13] = x1 - x2, x1 + x2
    x1, x2 = products(sums[2], w2), products(sums[6], w2[::-1])
    y[2], y[6] = x1 + x2, x1 - x2
    x1, x2 = products(differences[2], w2[::-1]), products(differences[6], w2)
    y[10], y[14] = x1 - x2, x1 + x2
    x1, x2 = products(sums[3], w3), products(sums[7], w1[::-1])
    y[3], y[7] = x1 + x2, x1 - x2
    x1, x2 = products(differences[3], np.array([w1[1], -w1[0]])), products(differences[7], w3[::-1])
    y[11], y[15] = x1 + x2, x1 - x2
    pairs = [
        (y[0] + y[2], y[1] + y[3]),
        (y[0] - y[2], y[1] - y[3]),
        (_turned_sum(y[4], y[6]), _eighth_turn(_turned_sum(y[5], y[7]))),
        (_turned_difference(y[4], y[6]), _eighth_turn(_turned_difference(y[5], y[7]))),
        (y[8] + y[10], y[9] - y[11]),
        (y[8] - y[10], y[9] + y[11]),
        (_turned_sum(y[12], y[14]), _eighth_turn(_turned_difference(y[13], y[15]))),
        (_turned_difference(y[12], y[14]), _eighth_turn(_turned_sum(y[13], y[15]))),
    ]
    return _end_of_turning(pairs)


def _end_of_turning(pairs: list[tuple[Complex, Complex]]) -> Complex:
    results = []
    for i, (a, b) in enumerate(pairs):
        if i % 2 == 0:
            results += [a + b, a - b]
        else:
            results += [_turned_sum(a, b), _turned_difference(a, b)]
    return np.stack(results, axis=-1)


def _plain_8(z: Complex) -> Complex:
    p = np.moveaxis(z, -1, 0)
    x0, x1, x2, x3 = p[0] + p[4], p[0] - p[4], p[2] + p[6], p[2] - p[6]
    y0, y1, y2, y3 = x0 + x2, _turned_sum(x1, x3), x0 - x2, _turned_difference(x1, x3)
    x0, x1, x2, x3 = p[1] + p[5], p[1] - p[5], p[3] + p[7], p[3] - p[7]
    y4, y6 = x0 + x2, x0 - x2
    y5, y7 = _eighth_turn(_turned_sum(x1, x3)), _eighth_turn(_turned_difference(x1, x3))
    return _end_of_turning([(y0, y4), (y2, y6), (y1, y5), (y3, y7)])


def _turning_8(z: Complex) -> Complex:
    w = _W8
    p = np.moveaxis(z, -1, 0)
    sums = [_turned_sum(p[i], p[i + 4]) for i in range(4)]
    differences = [_turned_difference(p[i], p[i + 4]) for i in range(4)]
    y0, y1 = sums[0], differences[0]
    y2, y3 = _eighth_turn(sums[2]), _eighth_turn(differences[2])
    y4, y5 = products(sums[1], w), products(differences[1], w[::-1])
    y6, y7 = products(sums[3], w[::-1]), products(differences[3], w)
    return _end_of_turning(
        [
            (y0 + y2, y4 + y6),
            (y0 - y2, y4 - y6),
            (_turned_sum(y1, y3), y5 - y7),
            (_turned_difference(y1, y3), y5 + y7),
        ]
    )


class SplitRadixFft:
    """FFTs of n complex numbers, a power of 2."""

    def __init__(self, n: int) -> None:
        self._levels: list[tuple[_PlainNode, _TurningNode | None]] = []
        size = n
        while size > 16:
            if size == n:
                self._levels.append((_PlainNode(_first_factors(n // 4)), None))
            else:
                self._levels.append((_PlainNode(_table(size // 2)[1:]), _TurningNode(size)))
            size //= 4
        self._leaves = (_plain_16, _turning_16) if size == 16 else (_plain_8, _turning_8)
        bits = n.bit_length() - 1
        self._order = np.array([int(format(i, f"0{bits}b")[::-1], 2) if bits else 0 for i in range(n)])

    def __call__(self, z: Complex) -> Complex:
        """The spectra of z, both (2, …, n)."""
        shape, n = z.shape, z.shape[-1]
        if n <= 4 or not z.size:
            return _small_fft(z)
        z = z.reshape(2, -1, 1, n)
        is_turning = np.zeros(1, np.bool_)
        for plain, turning in self._levels:
            z = _apply(plain, turning, z, is_turning)
            z = z.reshape(2, len(z[0]), -1, z.shape[-1] // 4)
            none = np.zeros_like(is_turning)
            is_turning = np.stack([none, ~none, none, is_turning], axis=1).ravel()
        z = _apply(*self._leaves, z, is_turning)
        spectra: Complex = z.reshape(2, -1, n)[..., self._order].reshape(shape)
        return spectra


def _apply(plain: Any, turning: Any, z: Complex, is_turning: NDArray[np.bool_]) -> Complex:
    result = np.empty_like(z)
    result[:, :, ~is_turning] = plain(z[:, :, ~is_turning])
    if turning is not None:
        result[:, :, is_turning] = turning(z[:, :, is_turning])
    return result


def _first_factors(parts: int) -> Float64s:
    """The factors of the first node, whose table has only every second; the others are means on the unit circle."""
    ends = np.full((2, 4), _ROOT_HALF)
    ends[0] = 1, 0, 1, 0
    ends[1, 2:] *= -1
    even = np.concatenate([ends[:1], _table(parts)[1:], ends[1:]])
    delta = math.atan(1.0) / parts
    scales = np.repeat([0.5 / math.cos(delta * 2), 0.5 / math.cos(delta * 6)], 2)
    table = np.empty((2 * len(even) - 2, 4))
    table[::2] = even[:-1]
    table[1::2] = scales * (even[:-1] + even[1:])
    return table[1:]


def _small_fft(z: Complex) -> Complex:
    """FFTs of 4, 2 or 1 points, or none at all."""
    p = np.moveaxis(z, -1, 0)
    if len(p) == 1 or not z.size:
        return z
    if len(p) == 2:
        return np.stack([p[0] + p[1], p[0] - p[1]], axis=-1)
    first, third, second, fourth = _end(p[0] + p[2], p[0] - p[2], p[1] + p[3], p[1] - p[3])
    return np.stack([first, second, third, fourth], axis=-1)


class SplitRadixRealFft:
    """FFTs of n real numbers, a power of 2 from 2 on."""

    def __init__(self, n: int) -> None:
        self._half = n // 2
        self._fft = SplitRadixFft(max(1, n // 2))
        self._factors = _split_factors(n // 4) if n > 4 else None

    def __call__(self, x: Float64s) -> Float64s:
        """Packed spectra, (…, n), of x (…, n): real and imaginary parts by turns, and at place 1 the last real part."""
        z = np.moveaxis(x.reshape(*x.shape[:-1], self._half, 2), -1, 0)
        z = self._fft(z)
        if self._factors is not None:
            near, far = z[..., 1 : (self._half + 1) // 2], z[..., : self._half // 2 : -1]
            y = products(pair(near[0] - far[0], near[1] + far[1]), self._factors)
            near, far = pair(near[0] - y[0], near[1] - y[1]), pair(far[0] + y[0], far[1] - y[1])
            z[..., 1 : (self._half + 1) // 2] = near
            z[..., : self._half // 2 : -1] = far
        packed = np.moveaxis(z, 0, -1).copy().reshape(x.shape)
        first, second = packed[..., 0].copy(), packed[..., 1].copy()
        packed[..., 0], packed[..., 1] = first + second, first - second
        return packed


def _split_factors(parts: int) -> Complex:
    """(2, parts − 1) factors of the points from 1 on."""
    half = parts // 2
    delta = math.atan(1.0) / half
    table = np.empty(parts)
    table[0] = math.cos(delta * half)
    table[half] = 0.5 * table[0]
    for j in range(1, half):
        table[j], table[parts - j] = 0.5 * math.cos(delta * j), 0.5 * math.sin(delta * j)
    return np.array([0.5 - table[:0:-1], table[1:]])
