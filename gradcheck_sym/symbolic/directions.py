"""Directions to approach a point from: integers in units of 1/UNIT, the same in every run."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product

from gradcheck_sym.symbolic.limits import UNIT, Direction

_ALL_SIGNS = 4  # elements of which every pattern of signs is tried before one gives up
_FEW = 3  # elements of which each is moved alone to begin with
_BOTH_SIDES = 16  # elements of which each is moved alone, up and down
_EACH_ELEMENT = 64  # elements of which each is moved alone at all
_TILT_BITS = 20  # a direction that stays within a kink is tilted by about this small a share


def first(size: int) -> Iterator[Direction]:
    """The directions to begin with, with their opposites; for one element that is all."""
    if size <= _FEW:
        yield from alone(size)
    if size > 1:
        yield from _both((UNIT,) * size)
        yield from generic(size, 1, seed=0)


def alone(size: int) -> Iterator[Direction]:
    """Each element alone, up and down."""
    for sign in (1, -1):
        if size <= (_EACH_ELEMENT if sign > 0 else _BOTH_SIDES):
            yield from (unit(size, place, sign) for place in range(size))


def signs(size: int) -> Iterator[Direction]:
    """All patterns of signs, of a few elements."""
    if size <= _ALL_SIGNS:
        yield from product((UNIT, -UNIT), repeat=size)


def generic(size: int, pairs: int, seed: int) -> Iterator[Direction]:
    """Directions without any pattern, each followed by its opposite."""
    draw = random.Random(seed * 1_000_003 + size)
    for _ in range(pairs):
        yield from _both(tuple(round(draw.gauss(0, 1) * UNIT) for _ in range(size)))


def unit(size: int, place: int, sign: int) -> Direction:
    """One element alone, up or down."""
    return tuple(sign * UNIT * (k == place) for k in range(size))


def towards(vector: Sequence[Fraction]) -> Direction | None:
    """The direction of a vector, its largest element scaled to 1; None of the zero vector."""
    largest = max(map(abs, vector), default=Fraction(0))
    if not largest:
        return None
    return tuple(round(part / largest * UNIT) for part in vector)


def opposite(direction: Direction) -> Direction:
    """The other way."""
    return tuple(-step for step in direction)


def tilted(direction: Direction) -> Direction:
    """A direction next to one that stays within a kink, away from all patterns."""
    draw = random.Random(len(direction))
    largest = max(map(abs, direction)) >> _TILT_BITS
    return tuple(step + round(draw.gauss(0, 1) * largest) for step in direction)


def flipped(direction: Direction) -> Iterator[Direction]:
    """The directions that differ in the sign of one element."""
    for place, step in enumerate(direction):
        if step:
            yield tuple(-s if k == place else s for k, s in enumerate(direction))


def worded(direction: Direction, names: Sequence[str]) -> str:
    """A direction for people: +x[0] -x[1], or its elements; a tilt is not told."""
    largest = max(map(abs, direction))
    shares = [Fraction(step, largest) for step in direction]
    seen = [0.0 if abs(share) < 2.0 ** (3 - _TILT_BITS) else float(share) for share in shares]
    if all(share == 0 or math.isclose(abs(share), 1, rel_tol=1e-4) for share in seen):
        parts = [f"{'+' if share > 0 else '-'}{names[k]}" for k, share in enumerate(seen) if share]
        if len(parts) <= 4:
            return " ".join(parts)
        if len({share > 0 for share in seen if share}) == 1 and len(parts) == len(direction):
            return "the diagonal, upwards" if seen[0] > 0 else "the diagonal, downwards"
    if len(seen) <= 4:
        return f"({', '.join(f'{share:.3g}' for share in seen)})"
    return "a generic direction"


def _both(direction: Direction) -> Iterator[Direction]:
    yield direction
    yield opposite(direction)
