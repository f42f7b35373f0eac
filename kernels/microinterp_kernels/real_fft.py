"""The FFT of real signals and its inverse as TFLM computes them: kissfft in int16, int32 or float32, bit for bit.

Source of the algorithm: kissfft v130 (`kiss_fft.c`, `tools/kiss_fftr.c`, BSD-3-Clause) as TFLM patches and
builds it. A signal of 2·n numbers is taken as n complex ones; a mixed-radix FFT of these is split up into the
n + 1 bins of the real signal's spectrum. Fixed-point FFTs divide by the radix at each stage, so that their result
is the spectrum divided by 2·n. The inverse goes the same way back, with conjugate twiddle factors.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

# Complex numbers are arrays whose first axis holds the real and the imaginary parts.
Complex = NDArray[Any]


class _Arithmetic(Protocol):
    """How numbers are computed with, in a type that may be wider than the one they are stored in."""

    def widen(self, x: NDArray[Any]) -> NDArray[Any]: ...
    def store(self, x: NDArray[Any]) -> NDArray[Any]:
        """What remains of the numbers in the type that they are stored in."""

    def divide(self, x: NDArray[Any], divisor: int) -> NDArray[Any]: ...
    def multiply(self, a: Complex, b: Complex) -> Complex:
        """Complex numbers times twiddle factors."""

    def scale(self, x: NDArray[Any], factor: Any) -> NDArray[Any]:
        """Numbers times one part of a twiddle factor."""

    def halve(self, x: NDArray[Any]) -> NDArray[Any]: ...
    def twiddles(self, phases: Iterable[float]) -> Complex:
        """Unit vectors with these phases."""


class _FixedPoint:
    """Fractions of 15 or 31 bits, rounded half up, that wrap around where C's integers do."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
        self._largest = int(np.iinfo(dtype).max)
        self._bits = self._largest.bit_length()
        self._wide = np.dtype(np.int32 if dtype == np.int16 else np.int64)
        self._half = self._wide.type(1 << (self._bits - 1))

    def widen(self, x: NDArray[Any]) -> NDArray[Any]:
        return x.astype(self._wide)

    def store(self, x: NDArray[Any]) -> NDArray[Any]:
        return x.astype(self._dtype).astype(self._wide)

    def divide(self, x: NDArray[Any], divisor: int) -> NDArray[Any]:
        return self.scale(x, self._wide.type(self._largest // divisor))

    def multiply(self, a: Complex, b: Complex) -> Complex:
        return self._round(products(a, b))

    def scale(self, x: NDArray[Any], factor: Any) -> NDArray[Any]:
        product: NDArray[Any] = x * factor
        return self._round(product)

    def halve(self, x: NDArray[Any]) -> NDArray[Any]:
        sums = x.astype(np.int32)  # C adds int16 as well as int32 in 32 bits
        halves: NDArray[Any] = sums >> np.int32(1)
        return halves

    def twiddles(self, phases: Iterable[float]) -> Complex:
        parts = [
            [math.floor(0.5 + self._largest * f(phase)) for f in (math.cos, math.sin)] for phase in phases
        ]
        vectors: Complex = np.array(parts, self._wide).reshape(-1, 2).T
        return vectors

    def _round(self, x: NDArray[Any]) -> NDArray[Any]:
        rounded: NDArray[Any] = (x + self._half) >> self._bits
        return rounded


class _Float32:
    """float32 with every operation rounded."""

    def widen(self, x: NDArray[Any]) -> NDArray[Any]:
        return x

    def store(self, x: NDArray[Any]) -> NDArray[Any]:
        return x

    def divide(self, x: NDArray[Any], divisor: int) -> NDArray[Any]:
        return x

    def multiply(self, a: Complex, b: Complex) -> Complex:
        return products(a, b)

    def scale(self, x: NDArray[Any], factor: Any) -> NDArray[Any]:
        product: NDArray[Any] = x * factor
        return product

    def halve(self, x: NDArray[Any]) -> NDArray[Any]:
        return self.scale(x, np.float32(0.5))

    def twiddles(self, phases: Iterable[float]) -> Complex:
        parts = [[math.cos(phase), math.sin(phase)] for phase in phases]
        vectors: Complex = np.array(parts, np.float32).reshape(-1, 2).T
        return vectors


def products(a: Complex, b: Complex) -> Complex:
    """a·b, unrounded in fixed point. NumPy's complex numbers would do, but for their fused multiply-adds."""
    return pair(a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0])


def pair(real: NDArray[Any], imaginary: NDArray[Any]) -> Complex:
    """Complex numbers of their parts: `np.stack`, without the time that it takes to look at its arguments."""
    z: Complex = np.empty((2, *real.shape), real.dtype)
    z[0], z[1] = real, imaginary
    return z


def _quarter_turn(z: Complex) -> Complex:
    """z·(−i)."""
    return pair(z[1], -z[0])


# The small FFT across the `radix` parts of a stage. `roots` are the radix-th roots of unity.


def _butterfly_2(_: _Arithmetic, x: Sequence[Complex], roots: Complex) -> list[Complex]:
    return [x[0] + x[1], x[0] - x[1]]


def _butterfly_3(arithmetic: _Arithmetic, x: Sequence[Complex], roots: Complex) -> list[Complex]:
    total = x[1] + x[2]
    turned = _quarter_turn(arithmetic.scale(x[1] - x[2], roots[1, 1]))
    middle = x[0] - arithmetic.halve(total)
    return [x[0] + total, middle - turned, middle + turned]


def _butterfly_4(_: _Arithmetic, x: Sequence[Complex], roots: Complex) -> list[Complex]:
    even, odd = x[0] + x[2], x[1] + x[3]
    difference, turned = x[0] - x[2], _quarter_turn(x[1] - x[3])
    return [even + odd, difference + turned, even - odd, difference - turned]


def _butterfly_4_inverse(arithmetic: _Arithmetic, x: Sequence[Complex], roots: Complex) -> list[Complex]:
    first, second, third, fourth = _butterfly_4(arithmetic, x, roots)
    return [first, fourth, third, second]


def _butterfly_5(arithmetic: _Arithmetic, x: Sequence[Complex], roots: Complex) -> list[Complex]:
    scale = arithmetic.scale
    (_, a_real, b_real, *_), (_, a_imag, b_imag, *_) = roots
    outer, inner = x[1] + x[4], x[2] + x[3]
    outer_difference, inner_difference = x[1] - x[4], x[2] - x[3]
    a = x[0] + scale(outer, a_real) + scale(inner, b_real)
    b = x[0] + scale(outer, b_real) + scale(inner, a_real)
    outer_a, inner_a = scale(outer_difference, a_imag), scale(inner_difference, a_imag)
    outer_b, inner_b = scale(outer_difference, b_imag), scale(inner_difference, b_imag)
    # Signs stand where C has them: the sign of a zero depends on it.
    turned_a = pair(outer_a[1] + inner_b[1], -outer_a[0] - inner_b[0])
    turned_b = pair(-outer_b[1] + inner_a[1], outer_b[0] - inner_a[0])
    return [x[0] + (outer + inner), a - turned_a, b + turned_b, b - turned_b, a + turned_a]


# The others turn by their roots.
_BUTTERFLIES = {2: _butterfly_2, 3: _butterfly_3, 4: _butterfly_4, 5: _butterfly_5}
_INVERSE_BUTTERFLIES = {**_BUTTERFLIES, 4: _butterfly_4_inverse}


def fft_radices(n: int) -> list[int]:
    """The radices of a complex FFT of n points, outermost first: 4 while it divides, then 2, 3, 5, …"""
    radices = []
    largest = math.isqrt(n)
    radix = 4
    while n > 1:
        while n % radix:
            radix = {4: 2, 2: 3}.get(radix, radix + 2)
            if radix > largest:
                radix = n
        radices.append(radix)
        n //= radix
    return radices


class _Stage(NamedTuple):
    """One stage: FFTs of m points become FFTs of radix·m points."""

    radix: int
    m: int
    twiddles: Complex
    roots: Complex


class _HalfFft:
    """The complex FFT of half the length, and the twiddle factors that lead from it to a real signal's spectrum.

    `sign` is that of the phases: −1, or 1 for the inverse.
    """

    def __init__(self, length: int, dtype: DTypeLike, sign: int) -> None:
        n = length // 2
        radices = fft_radices(n) if length % 2 == 0 and length >= 4 else []
        if not radices or max(radices) not in _BUTTERFLIES:
            raise ValueError(
                f"no FFT of {length} real numbers: only of even products of 2, 3 and 5, from 4 on"
            )
        self.length = length
        self.dtype = np.dtype(dtype)
        self._arithmetic = _Float32() if self.dtype == np.float32 else _FixedPoint(self.dtype)
        self._butterflies = _BUTTERFLIES if sign < 0 else _INVERSE_BUTTERFLIES
        twiddles = self._arithmetic.twiddles(sign * 2 * math.pi * i / n for i in range(n))
        # The innermost FFTs are of every (n/radix)-th number, and so on outwards.
        order: NDArray[np.int64] = np.arange(n)
        self._stages: list[_Stage] = []
        m = n
        for radix in radices:
            m //= radix
            order = order.reshape(-1, m, radix).swapaxes(1, 2)
            steps = (n // (radix * m)) * np.arange(1, radix)[:, np.newaxis] * np.arange(m)
            self._stages.insert(0, _Stage(radix, m, twiddles[:, steps], twiddles[:, :: n // radix]))
        self._order = order.ravel()
        self._split_twiddles = self._arithmetic.twiddles(
            sign * math.pi * ((k + 1) / n + 0.5) for k in range(n // 2)
        )

    def _complex_fft(self, z: Complex) -> Complex:
        """FFTs of z, (2, signals, n), whose numbers are in the order that the innermost stage wants."""
        arithmetic = self._arithmetic
        shape = z.shape
        for radix, m, twiddles, roots in self._stages:
            parts = arithmetic.divide(z.reshape(2, -1, radix, m), radix)
            turned = arithmetic.multiply(parts[:, :, 1:], twiddles)
            x = [parts[:, :, 0], *(turned[:, :, q] for q in range(radix - 1))]
            # The division has made room: only the sums can overflow, when they are stored.
            z = np.empty(parts.shape, parts.dtype)
            for q, part in enumerate(self._butterflies[radix](arithmetic, x, roots)):
                z[:, :, q] = part
            z = arithmetic.store(z)
        return z.reshape(shape)

    def _halves(self, near: Complex, far: Complex) -> tuple[Complex, Complex]:
        """What bins k and n − k, (2, signals, n // 2), say of the even samples and, turned, of the odd ones."""
        arithmetic = self._arithmetic
        divide, store = arithmetic.divide, arithmetic.store
        near, mirrored = divide(near, 2), divide(store(pair(far[0], -far[1])), 2)
        even = store(near + mirrored)
        odd = store(arithmetic.multiply(store(near - mirrored), self._split_twiddles))
        return even, odd


class RealFft(_HalfFft):
    """The FFT of real signals of `length` numbers of type int16, int32 or float32.

    Calling it with signals (…, length) gives spectra (…, length + 2): length/2 + 1 complex numbers, their real and
    imaginary parts interleaved.

    Raises:
        ValueError: the length is not even, at least 4, and a product of 2, 3 and 5. (TFLM crashes on others.)
    """

    def __init__(self, length: int, dtype: DTypeLike) -> None:
        super().__init__(length, dtype, sign=-1)

    def __call__(self, signals: NDArray[Any]) -> NDArray[Any]:
        """The spectra of signals (…, length)."""
        n = self.length // 2
        z = self._arithmetic.widen(signals.reshape(-1, n, 2)[:, self._order])
        with np.errstate(over="ignore", invalid="ignore"):  # float32 may reach infinity
            spectra = self._split(self._complex_fft(z.transpose(2, 0, 1)))
        interleaved: NDArray[Any] = spectra.transpose(1, 2, 0).astype(self.dtype, order="C")
        return interleaved.reshape(*signals.shape[:-1], 2 * n + 2)

    def _split(self, z: Complex) -> Complex:
        """The spectra of the real signals, (2, signals, n + 1), from those of their pairs, (2, signals, n)."""
        halve = self._arithmetic.halve
        n = z.shape[2]
        half = n // 2
        spectra = np.zeros((2, z.shape[1], n + 1), z.dtype)
        real, imaginary = self._arithmetic.divide(z[:, :, 0], 2)
        spectra[0, :, 0] = real + imaginary
        spectra[0, :, n] = real - imaginary
        even, odd = self._halves(z[:, :, 1 : half + 1], z[:, :, n - 1 : n - half - 1 : -1])
        spectra[:, :, 1 : half + 1] = halve(even + odd)
        # In the middle, where both are the same bin of an even n, C writes this one last.
        spectra[0, :, n - 1 : n - half - 1 : -1] = halve(even[0] - odd[0])
        spectra[1, :, n - 1 : n - half - 1 : -1] = halve(odd[1] - even[1])
        return spectra


class InverseRealFft(_HalfFft):
    """The inverse: spectra (…, length + 2) to real signals (…, length), of the same types and lengths.

    In fixed point, where the FFT has divided by the length, the inverse divides once more; float32 signals are
    divided by the length here.

    Raises: as `RealFft`.
    """

    def __init__(self, length: int, dtype: DTypeLike) -> None:
        super().__init__(length, dtype, sign=1)

    def __call__(self, spectra: NDArray[Any]) -> NDArray[Any]:
        """The signals of spectra (…, length + 2)."""
        n = self.length // 2
        bins = self._arithmetic.widen(spectra.reshape(-1, n + 1, 2)).transpose(2, 0, 1)
        with np.errstate(over="ignore", invalid="ignore"):
            z = self._complex_fft(self._join(bins)[:, :, self._order])
            signals: NDArray[Any] = z.transpose(1, 2, 0).astype(self.dtype, order="C")
            if self.dtype == np.float32:
                signals /= np.float32(self.length)
        return signals.reshape(*spectra.shape[:-1], 2 * n)

    def _join(self, bins: Complex) -> Complex:
        """The spectra of pairs, (2, signals, n), from those of the real signals, (2, signals, n + 1)."""
        store = self._arithmetic.store
        n = bins.shape[2] - 1
        half = n // 2
        z = np.empty((2, bins.shape[1], n), bins.dtype)
        first, last = bins[0, :, 0], bins[0, :, n]
        z[:, :, 0] = self._arithmetic.divide(store(pair(first + last, first - last)), 2)
        even, odd = self._halves(bins[:, :, 1 : half + 1], bins[:, :, n - 1 : n - half - 1 : -1])
        z[:, :, 1 : half + 1] = store(even + odd)
        difference = store(even - odd)
        z[0, :, n - 1 : n - half - 1 : -1] = difference[0]
        z[1, :, n - 1 : n - half - 1 : -1] = store(-difference[1])
        return z
