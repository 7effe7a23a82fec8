"""Ways to move a point through its domain along one number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import final

import numpy as np

from gradcheck_sym.autograd.ledger import Array

Bounds = Mapping[str, tuple[float, float]]
Point = Mapping[str, Array]  # a value for every input

_POWERS = 10.0 ** np.arange(-12, 13, 2)
_DECADES = 10.0 ** np.arange(-12, 13)
_STEPS = 16  # of a bounded domain, evenly


@final
@dataclass(frozen=True, slots=True)
class Move:
    """A point as a function of one number, and numbers at which to look first."""

    what: str  # which element of which input is moved, to tell moves from others
    name: str  # the input whose elements take the number as it is; "" where they are scaled by it
    to: Callable[[float], Point]
    steps: tuple[float, ...]  # ascending


def moves(start: Point, bounds: Bounds) -> Iterator[Move]:
    """Each input's first and last element alone, all its elements alike, its scale, every scale."""
    movable = {name: start[name] for name in bounds if start[name].size}
    for name, array in movable.items():
        steps = _steps(bounds[name], array)
        for place in sorted({0, array.size - 1}):
            yield Move(f"{name}.{place}", name, _one(start, name, place), steps)
        if array.size > 1:
            yield Move(name, name, _all(start, name), steps)
        yield _scale(start, bounds, (name,))
    if len(movable) > 1:
        yield _scale(start, bounds, tuple(movable))


def _one(start: Point, name: str, place: int) -> Callable[[float], Point]:
    def to(number: float) -> Point:
        array = start[name].copy()
        array.reshape(-1)[place] = number
        return {**start, name: array}

    return to


def _all(start: Point, name: str) -> Callable[[float], Point]:
    return lambda number: {**start, name: np.full_like(start[name], number)}


def _scale(start: Point, bounds: Bounds, names: tuple[str, ...]) -> Move:
    def to(factor: float) -> Point:
        return {**start, **{name: start[name] * factor for name in names}}

    inside = [
        factor
        for factor in _DECADES.tolist()
        if all(_inside(start[name] * factor, bounds[name]) for name in names)
    ]
    return Move(f"scale of {' '.join(names)}", "", to, tuple(inside))


def _inside(array: Array, ends: tuple[float, float]) -> bool:
    return bool((array >= ends[0]).all() and (array <= ends[1]).all())


def _steps(ends: tuple[float, float], array: Array) -> tuple[float, ...]:
    """Numbers of all sizes in a domain, its ends, and the elements that there are: ties."""
    low, high = ends
    some: Iterable[float] = [*_POWERS, 0.0, *-_POWERS, *array.reshape(-1)[:_STEPS]]
    if np.isfinite(high - low):
        some = [*some, *np.linspace(low, high, _STEPS + 1)]
    return tuple(sorted({float(number) for number in some if low <= number <= high}))
