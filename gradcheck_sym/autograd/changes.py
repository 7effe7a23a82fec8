"""What comes out otherwise in one run than in another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import final

import numpy as np

from gradcheck_sym.autograd.trace import Trace

PATH, LITERALS = -1, -2  # in place of a comparison: which operations run, on which literals


@final
@dataclass(frozen=True, slots=True)
class Change:
    """Something that differs between two runs, as a number that changes its sign."""

    place: int  # of a comparison among those of a run, or PATH, or LITERALS
    reading: Callable[[Trace], float]  # NaN where it can't be told


def changes(before: Trace, after: Trace) -> Iterator[Change]:
    """All that differs; of a comparison, the first element that does."""
    if before.operations != after.operations:
        yield Change(PATH, lambda seen: -1.0 if seen.operations == before.operations else 1.0)
        return
    if before.literals != after.literals:
        yield Change(LITERALS, _Which(before.literals, after.literals))
    pairs = zip(before.comparisons, after.comparisons, strict=False)
    for place, (left, right) in enumerate(pairs):
        if left.above.shape == right.above.shape:
            differs = (np.sign(left.above) != np.sign(right.above)).reshape(-1)
            if differs.any():
                element = int(differs.argmax())
                yield Change(place, _Above(before.operations, place, element))


@final
@dataclass(frozen=True, slots=True)
class _Which:
    """Which of two sets of literals a run has: -1 or 1; NaN for others still."""

    before: tuple[tuple[float, ...], ...]
    after: tuple[tuple[float, ...], ...]

    def __call__(self, seen: Trace) -> float:
        if seen.literals == self.before:
            return -1.0
        return 1.0 if seen.literals == self.after else np.nan


@final
@dataclass(frozen=True, slots=True)
class _Above:
    """How far one number is above what it is compared with; NaN where other operations run."""

    operations: tuple[str, ...]
    place: int
    element: int

    def __call__(self, seen: Trace) -> float:
        if seen.operations != self.operations or self.place >= len(seen.comparisons):
            return np.nan
        above = seen.comparisons[self.place].above.reshape(-1)
        return float(above[self.element]) if self.element < above.size else np.nan


def dips(before: Trace, between: Trace, after: Trace) -> Iterator[tuple[int, float]]:
    """The comparisons that come closest to another outcome in between, but do not change.

    Each with how close it comes.
    """
    if not before.operations == between.operations == after.operations:
        return
    pairs = (before, between), (between, after)
    changed = {change.place for pair in pairs for change in changes(*pair)}
    for place in range(len(between.comparisons)):
        left, closest, right = (nearest(seen, place) for seen in (before, between, after))
        if place not in changed and closest <= min(left, right) and closest < max(left, right):
            yield place, closest


def nearest(seen: Trace, place: int) -> float:
    """How close the numbers of a comparison come to what they are compared with."""
    if place >= len(seen.comparisons) or not seen.comparisons[place].above.size:
        return np.inf
    return float(np.abs(seen.comparisons[place].above).min())
