"""Numbers as people know them: 2, 1/3, sqrt(2*pi); the simplest one in a range; sizes by name."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction

_CONSTANTS = {
    "pi": math.pi,
    "e": math.e,
    "sqrt(2)": math.sqrt(2),
    "sqrt(pi)": math.sqrt(math.pi),
    "sqrt(2*pi)": math.sqrt(2 * math.pi),
    "sqrt(2/pi)": math.sqrt(2 / math.pi),
    "sqrt(3)": math.sqrt(3),
    "ln(2)": math.log(2),
    "ln(10)": math.log(10),
    "(pi/180)": math.pi / 180,
}
_LARGEST = 12  # numerator and denominator of a fraction that explains anything
_SMALL = 3  # of one beside a constant
_CHANCE = 1 / 16  # that a number taken at random would be given a name as complicated


def ratio_name(ratio: float, spread: float) -> str:
    """A number that is known up to a relative spread: "2", "1/3", "2*pi", or its first digits."""
    for tried, (value, name) in enumerate(_known(), start=1):
        if abs(ratio - value) <= spread * abs(value):
            return name if tried * 2 * spread <= _CHANCE else digits(ratio, spread)
    return digits(ratio, spread)


def _known() -> Iterator[tuple[float, str]]:
    """The numbers that have a name, the simplest first, with both signs."""
    for fraction in _fractions(_LARGEST):
        for sign in (1, -1):
            yield sign * float(fraction), str(sign * fraction)
    for fraction in _fractions(_SMALL):
        for name, constant in _CONSTANTS.items():
            for sign, mark in ((1, ""), (-1, "-")):
                yield sign * float(fraction) * constant, mark + _product(fraction, name)
                yield sign * float(fraction) / constant, mark + _quotient(fraction, name)


def _fractions(largest: int) -> list[Fraction]:
    every = {Fraction(p, q) for p in range(1, largest + 1) for q in range(1, largest + 1)}
    return sorted(every, key=lambda each: (each.numerator + each.denominator, each))


def _product(factor: Fraction, name: str) -> str:
    top = name if factor.numerator == 1 else f"{factor.numerator}*{name}"
    return top if factor.denominator == 1 else f"{top}/{factor.denominator}"


def _quotient(factor: Fraction, name: str) -> str:
    if name == "(pi/180)":
        name, factor = "pi", factor * 180
    below = name if factor.denominator == 1 else f"({factor.denominator}*{name})"
    return f"{factor.numerator}/{below}"


def digits(value: float, spread: float) -> str:
    """As many digits as a number is known to."""
    known = 17 if spread <= 0 else max(1, min(17, 1 + math.floor(-math.log10(spread))))
    return f"{value:.{known}g}"


def simplest(low: float, high: float) -> float:
    """The decimal number of the fewest digits in [low, high]; 0 where it lies inside."""
    if not low < high or low <= 0 <= high:
        return low if low == high else 0.0
    if high < 0:
        return -simplest(-high, -low)
    width = 10.0 ** math.floor(math.log10(high))
    while True:
        rounded = math.ceil(low / width) * width
        if rounded <= high or width <= high * 1e-17:
            return float(f"{min(rounded, high):.15g}")
        width /= 10


def sizes_told(dims: Mapping[str, int]) -> str:
    """Sizes as a report states them: "m = 3, n = 4"."""
    return ", ".join(f"{name} = {size}" for name, size in dims.items())
