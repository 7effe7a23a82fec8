"""Scales of plots: from numbers to places, and which numbers are written beside them."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import final

_LARGEST = sys.float_info.max
_WIDEST = 1e4  # a range of numbers that is shown evenly; wider ones by powers of ten
_HALF_A_LABEL = 10.0
_TINIEST = 1e-300  # steps within a narrower range are no numbers
_NARROWEST = 45.0  # units between the middles of two labels


@final
@dataclass(frozen=True, slots=True)
class Tick:
    """A number written beside an axis."""

    at: float  # its place
    label: str
    anchor: str = "middle"  # which side of the label is there, so that it stays in the picture


@final
@dataclass(frozen=True, slots=True)
class Scale:
    """A stretch of numbers laid out between two places."""

    low: float
    high: float
    start: float  # the place of low
    end: float  # the place of high
    bent: Callable[[float], float]  # monotone; what is shown evenly
    ticks: tuple[Tick, ...] = ()

    def __call__(self, value: float) -> float:
        """The place of a number; of one outside, that of the nearer end."""
        low, high = self.bent(self.low), self.bent(self.high)
        if low == high:  # as far as floats tell them apart
            return (self.start + self.end) / 2
        share = (self.bent(min(max(value, self.low), self.high)) - low) / (high - low)
        return self.start + share * (self.end - self.start)


def of_inputs(values: Sequence[float], start: float, end: float) -> Scale:
    """A scale for what went in: even, or by powers of ten to both sides of 0."""
    low, high = min(values), max(values)
    if low == high:
        half = max(1.0, abs(low) / 2)
        low, high = max(low - half, -_LARGEST), min(high + half, _LARGEST)
    if _TINIEST < high - low <= _WIDEST and max(abs(low), abs(high)) <= 100 * (high - low):
        scale = Scale(low, high, start, end, _same)
        return _ticked(scale, _even(low, high))
    least = min((abs(value) for value in values if value), default=1.0)
    scale = Scale(low, high, start, end, lambda value: _symmetric(value, least))
    return _ticked(scale, _powers(low, high, least))


def of_errors(top: float, start: float, end: float) -> Scale:
    """A scale for errors in ulps, by powers of ten: what is below a tenth lies at its start."""
    decades = max(1, math.ceil(math.log10(max(top, 10.0))))
    scale = Scale(0.1, 10.0**decades, start, end, math.log10)
    step = math.ceil((decades + 1) / 6)
    return _ticked(scale, [10.0**k for k in range(0, decades + 1, step)], closest=0.0)


def _same(value: float) -> float:
    return value


def _symmetric(value: float, least: float) -> float:
    """By powers of ten on both sides of 0, from the least magnitude on."""
    size = abs(value)
    return math.copysign(1 + math.log10(size) - math.log10(least), value) if size else 0.0


def _even(low: float, high: float) -> Iterable[float]:
    """Some five round numbers."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough)
    first = math.ceil(low / step)
    return (step * k for k in range(first, math.floor(high / step) + 1))


def _powers(low: float, high: float, least: float) -> Iterable[float]:
    """0, and powers of ten to both sides of it."""
    yield 0.0
    largest = max(abs(low), abs(high))
    first, last = math.ceil(math.log10(least)), math.floor(math.log10(largest))
    step = max(1, math.ceil((last - first) / 6))
    for exponent in range(-step * (-last // step), first - 1, -step):
        yield from (sign * 10.0**exponent for sign in (1, -1) if abs(exponent) <= 300)


def _ticked(scale: Scale, candidates: Iterable[float], closest: float = _NARROWEST) -> Scale:
    """The scale with those of the candidates that find room, the first ones first."""
    found: list[Tick] = []
    for value in candidates:
        if scale.low <= value <= scale.high:
            at = scale(value)
            if all(abs(at - other.at) >= closest for other in found):
                found.append(Tick(round(at, 1), written(value), _anchor(at, scale)))
    return Scale(scale.low, scale.high, scale.start, scale.end, scale.bent, tuple(found))


def _anchor(at: float, scale: Scale) -> str:
    if abs(at - scale.end) < _HALF_A_LABEL:
        return "end"
    return "start" if abs(at - scale.start) < _HALF_A_LABEL else "middle"


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def written(value: float) -> str:
    """A number of an axis: short, powers of ten as such."""
    if value == 0:
        return "0"
    sign, size = ("−" if value < 0 else ""), abs(value)
    exponent = math.floor(math.log10(size))
    if -4 < exponent < 5:
        return f"{sign}{size:.4f}".rstrip("0").rstrip(".") if size < 1 else f"{sign}{size:.6g}"
    digits = f"{size / 10.0**exponent:.2g}" if exponent > -300 else f"{size:.1e}".partition("e")[0]
    power = f"10{str(exponent).translate(_RAISED)}"
    return f"{sign}{power}" if digits in ("1", "1.0") else f"{sign}{digits}·{power}"
