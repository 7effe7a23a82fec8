"""The members of a generalized gradient that have a name."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from gradcheck_sym.symbolic import directions
from gradcheck_sym.symbolic.contained import Slopes
from gradcheck_sym.symbolic.faces import Face
from gradcheck_sym.symbolic.hull import Vector, nearest
from gradcheck_sym.symbolic.limits import Limit, Way

_ROUNDS = 8  # of looking towards the origin, and one more per element
_OTHERS = 6  # generic pairs of directions that must show nothing new before a mean is that of all

Member = Sequence[Limit | None]


def member(face: Face, name: str) -> Member:
    """The slopes of a block's member of that name; None for each where there is none."""
    if not face.limits:
        return [None] * face.size
    if face.regular:
        return face.points[0]
    match name:
        case "left" | "right":
            sign = -1 if name == "left" else 1
            return [face.side(place, sign) for place in range(face.size)]
        case "mean":
            return _mean(face)
        case "minimum norm":
            return _least(face)
    raise ValueError(f"a member is left, right, mean or minimum norm, not {name!r}")


def _mean(face: Face) -> Member:
    """The mean of all limits if they are finitely many, or else of each two opposite ones."""
    grown = face.size > 1 and face.look(list(directions.generic(face.size, _OTHERS, seed=2)))
    middles = {_key(_even(pair)): _even(pair) for pair in _pairs(face)}
    if len(middles) == 1:
        return next(iter(middles.values()))
    return [None] * face.size if grown or face.open else _even(face.points)


def _pairs(face: Face) -> list[tuple[Slopes, Slopes]]:
    """The limits along opposite directions, where both have one."""
    found = []
    for direction, line in face.lines.items():
        other = face.lines.get(directions.opposite(direction))
        if other is not None and line.way is other.way is Way.LIMIT:
            found.append((line.slopes, other.slopes))
    return found


def _even(points: Sequence[Slopes]) -> Member:
    return [_average(slopes) for slopes in zip(*points, strict=True)]


def _average(slopes: Sequence[Limit]) -> Limit | None:
    """The mean of limits; None of two infinities that differ."""
    signs = {slope.infinite for slope in slopes} - {0}
    if signs:
        return Limit(Fraction(0), Fraction(0), signs.pop()) if len(signs) == 1 else None
    count = len(slopes)
    middle = sum((slope.middle for slope in slopes), Fraction(0)) / count
    return Limit(middle, max(slope.error for slope in slopes))


def _key(slopes: Member) -> tuple[tuple[int, Fraction] | None, ...]:
    return tuple(slope and (slope.infinite, slope.middle) for slope in slopes)


def _least(face: Face) -> Member:
    """The member of least Euclidean norm; an element that is infinite on one side alone is one."""
    found, normal = _nearest(face)
    for _ in range(_ROUNDS + face.size if face.size > 1 else 0):
        direction = directions.towards(normal)
        if direction is None:
            break
        if not face.look([direction, directions.opposite(direction)]):
            break
        found, normal = _nearest(face)
    return found


def _nearest(face: Face) -> tuple[Member, Vector]:
    """The least member of the limits so far, and the way to it from the origin."""
    points = face.points
    signs = [{slopes[k].infinite for slopes in points} for k in range(face.size)]
    finite = [k for k in range(face.size) if 0 in signs[k]]
    support = [slopes for slopes in points if not any(slopes[k].infinite for k in finite)]
    if not support:
        return [None] * face.size, ()
    rays = [
        tuple(Fraction(sign * (place == k)) for place in finite)
        for k in finite
        for sign in signs[k] - {0}
    ]
    least = nearest([tuple(slopes[k].middle for k in finite) for slopes in support], rays)
    values = dict(zip(finite, least.point, strict=True))
    error = [max(slopes[k].error for slopes in support) for k in range(face.size)]
    slopes = [
        Limit(values[k], error[k]) if k in values else _one_sided(signs[k])
        for k in range(face.size)
    ]
    return slopes, tuple(values.get(k, Fraction(0)) for k in range(face.size))


def _one_sided(signs: set[int]) -> Limit:
    """An infinity, or between two of them the number in the middle."""
    return Limit(Fraction(0), Fraction(0), sum(signs))
