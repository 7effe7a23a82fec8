"""What makes a number simple to a person: the order in which failures are reduced."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import floor, log10
from typing import final

import numpy as np

from gradcheck_sym.sampling.ordinals import Floats, round_to

SIMPLE = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0, -3.0, 4.0, -4.0, 5.0, -5.0)

_SMALL = 1000  # integers up to here are ordered by size, larger numbers by their digits
_MOST_DIGITS = 17  # enough for every float64

Cost = tuple[int, int, float, bool]  # compares: the smaller, the simpler


def costs(dtype: str, values: Floats) -> list[Cost]:
    """How far each number of a flat array is from simple; smaller is simpler, NaN is worst.

    First the numbers of SIMPLE in their order, then integers up to 1000 by size, then by the
    digits of the shortest decimal that rounds to the number in its dtype, by the size of its
    power of ten, and by magnitude; of two opposites the positive one is simpler.
    """
    plain = np.isin(values, SIMPLE) | ~np.isfinite(values)
    lengths = np.zeros(len(values))
    lengths[~plain] = digits(dtype, values[~plain])
    return [_cost(float(x), int(n)) for x, n in zip(values, lengths, strict=True)]


def digits(dtype: str, values: Floats) -> Floats:
    """How many significant decimal digits name each number of a flat array in its dtype."""
    needed = np.full(len(values), float(_MOST_DIGITS))
    if not values.size:
        return needed
    for count in range(_MOST_DIGITS - 1, 0, -1):
        short = round_to(dtype, [float(f"{x:.{count - 1}e}") for x in values.tolist()])
        needed = np.where(short == values, count, needed)
    return needed


@final
@dataclass(frozen=True, slots=True)
class Grid:
    """Numbers of so many decimal digits in a row by magnitude; of none, the integers."""

    count: int

    def place(self, magnitude: float) -> int:
        """The number of the last grid point not above a positive magnitude."""
        exact = Fraction(repr(float(magnitude)))  # the decimal that names it
        if self.count == 0:
            return floor(exact)
        power = _power(exact) - self.count + 1
        return power * self._decade + floor(exact / Fraction(10) ** power) - self._first

    def value(self, place: int) -> float:
        """The grid point of that number; inf where no float64 is so large."""
        if self.count == 0:
            return float(place)
        power, offset = divmod(place, self._decade)
        return float(f"{self._first + offset}e{power}")

    @property
    def _first(self) -> int:
        return int(10 ** (self.count - 1))

    @property
    def _decade(self) -> int:
        return 9 * self._first


def grids(magnitude: float) -> Iterator[Grid]:
    """The grids on which a magnitude is reduced, the simplest first."""
    if 1 <= magnitude <= _SMALL:
        yield Grid(0)
    for count in range(1, 7):
        yield Grid(count)


def _cost(value: float, length: int) -> Cost:
    negative = bool(np.signbit(value))
    if not np.isfinite(value):
        return len(SIMPLE) + 3 * _MOST_DIGITS, 0, 0.0, negative
    if value in SIMPLE:
        return SIMPLE.index(value), 0, 0.0, negative
    magnitude = abs(value)
    if magnitude <= _SMALL and magnitude == floor(magnitude):
        return len(SIMPLE), 0, magnitude, negative
    return len(SIMPLE) + length, abs(floor(log10(magnitude))), magnitude, negative


def _power(exact: Fraction) -> int:
    """The exponent k of 10**k <= exact < 10**(k + 1)."""
    power = floor(log10(exact.numerator) - log10(exact.denominator))
    while Fraction(10) ** power > exact:
        power -= 1
    while Fraction(10) ** (power + 1) <= exact:
        power += 1
    return power
