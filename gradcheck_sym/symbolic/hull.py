"""Hulls of finitely many points and rays, in exact rational arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import final

Vector = tuple[Fraction, ...]
Whole = tuple[int, ...]


@final
@dataclass(frozen=True, slots=True)
class Nearest:
    """The element of a hull that is next to the origin."""

    point: Vector
    weights: dict[int, Fraction]  # of the points that it is a mean of, by place; rays left out


def nearest(points: Sequence[Vector], rays: Sequence[Vector] = ()) -> Nearest:
    """The element of hull(points) + cone(rays) of least Euclidean norm, exactly.

    Wolfe's algorithm (Finding the nearest point in a polytope, Mathematical Programming 11, 1976),
    in which a ray is a point whose weight does not count to the sum of 1. It ends, since the norm
    falls with each step. Raises ValueError where there are no points.
    """
    every = [*points, *rays]
    scale = math.lcm(*(part.denominator for vector in every for part in vector))
    whole = [tuple(int(part * scale) for part in vector) for vector in every]
    weights = _Wolfe(whole, len(points)).run()
    element = tuple(
        sum((w * whole[k][i] for k, w in weights.items()), Fraction(0)) / scale
        for i in range(len(every[0]))
    )
    return Nearest(element, {k: w for k, w in weights.items() if k < len(points)})


def dot(a: Sequence[Fraction], b: Sequence[Fraction]) -> Fraction:
    """The inner product."""
    return sum((x * y for x, y in zip(a, b, strict=True)), Fraction(0))


def _inner(a: Whole, b: Whole) -> int:
    return sum(x * y for x, y in zip(a, b, strict=True))


@final
class _Wolfe:
    """One search: vectors of integers, of which the first `points` are points, and the corral."""

    def __init__(self, vectors: Sequence[Whole], points: int) -> None:
        self.vectors = vectors
        self.points = points
        start = min(range(points), key=lambda k: _inner(vectors[k], vectors[k]))
        self.weights = {start: Fraction(1)}

    def run(self) -> dict[int, Fraction]:
        """The weights of the element, of points and rays."""
        while (enters := self._entering()) is not None:
            self.weights[enters] = Fraction(0)
            self._settle()
        return self.weights

    def _entering(self) -> int | None:
        """The vector that leads farthest towards the origin; None where none does."""
        scale = math.lcm(*(weight.denominator for weight in self.weights.values()))
        counts = {k: int(weight * scale) for k, weight in self.weights.items()}
        here = tuple(
            sum(count * self.vectors[k][i] for k, count in counts.items())
            for i in range(len(self.vectors[0]))
        )
        level = _inner(here, here)
        gains = [scale * _inner(here, vector) for vector in self.vectors]
        gains[: self.points] = [gain - level for gain in gains[: self.points]]
        best = min(range(len(gains)), key=gains.__getitem__)
        return best if gains[best] < 0 else None

    def _settle(self) -> None:
        """Moves to the least element of the corral's affine hull, less what stands in the way."""
        while True:
            wanted = self._affine()
            if all(weight > 0 for weight in wanted.values()):
                self.weights = wanted
                return
            share = min(
                self.weights[k] / (self.weights[k] - w) for k, w in wanted.items() if w <= 0
            )
            moved = {k: (1 - share) * self.weights[k] + share * w for k, w in wanted.items()}
            self.weights = {k: weight for k, weight in moved.items() if weight > 0}

    def _affine(self) -> dict[int, Fraction]:
        """The weights of the least element of the corral's affine hull."""
        counted = {place: int(place < self.points) for place in self.weights}
        rows = [
            [_inner(self.vectors[a], self.vectors[b]) + p * q for b, q in counted.items()]
            for a, p in counted.items()
        ]
        solved = solve(rows, list(counted.values()))
        total = sum(x for x, p in zip(solved, counted.values(), strict=True) if p)
        return {place: Fraction(x, total) for place, x in zip(counted, solved, strict=True)}


def solve(rows: Sequence[Sequence[int]], right: Sequence[int]) -> list[int]:
    """The solution of a regular system of equations times its determinant, up to its sign.

    Bareiss's elimination (Mathematics of Computation 22, 1968): every division is exact, so that
    no fractions are needed.
    """
    table = [[*row, value] for row, value in zip(rows, right, strict=True)]
    before = 1
    for k in range(len(table)):
        pivot = next(row for row in range(k, len(table)) if table[row][k])
        table[k], table[pivot] = table[pivot], table[k]
        lead = table[k][k]
        for row in range(len(table)):
            if row != k:
                factor = table[row][k]
                pairs = zip(table[row], table[k], strict=True)
                table[row] = [(a * lead - factor * b) // before for a, b in pairs]
        before = lead
    return [row[-1] for row in table]
