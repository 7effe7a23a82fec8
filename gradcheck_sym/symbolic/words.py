"""What a report says of a claim at a point that is not regular."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from gradcheck_sym.symbolic import directions
from gradcheck_sym.symbolic.contained import Claim, Contained, Membership, Outcome, Slopes
from gradcheck_sym.symbolic.faces import Face
from gradcheck_sym.symbolic.limits import Limit, Way

_MOST_GROUPS = 3  # of elements of which something is said
_MOST_NAMES = 4  # of elements of which the same is said
_WORST = (Outcome.OUTSIDE, Outcome.UNKNOWN, Outcome.MEMBER)


def together(
    found: Sequence[tuple[Face, Membership]], places: Sequence[Sequence[int]]
) -> Membership:
    """The judgement of all blocks: the worst of theirs, in the words of those that are so."""
    outcomes = {one.outcome for _, one in found}
    outcome = next((each for each in _WORST if each in outcomes), Outcome.MEMBER)
    nearest = [math.nan] * sum(map(len, places))
    for (_, one), at in zip(found, places, strict=True):
        for place, value in zip(at, one.nearest, strict=True):
            nearest[place] = value
    told: dict[str, list[str]] = {}
    for face, one in found:
        if one.outcome is outcome and one.words:
            told.setdefault(one.words, []).extend(face.names)
    return Membership(outcome, _grouped(told, len(found)), tuple(nearest))


def _grouped(told: dict[str, list[str]], blocks: int) -> str:
    if not told:
        return "the gradient itself"
    if blocks == 1:
        return next(iter(told))
    parts = [f"{_listed(names)}: {text}" for text, names in list(told.items())[:_MOST_GROUPS]]
    left = len(told) - len(parts)
    return "; ".join(parts) + (f"; and {left} more" if left else "")


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMES])
    return f"{shown} and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else shown


def which(face: Face, inside: Sequence[int], claim: Claim, where: Contained) -> str:
    """Which member a claim is."""
    if face.regular:
        return ""
    if face.size == 1:
        return _of_two_sides(face, claim, where)
    limits = list(face.limits.values())
    if len({_key(slopes, inside) for slopes, _ in limits}) == 1:
        return f"the only limit {_vector(limits[0][0], inside)}"
    for slopes, direction in limits:
        if claim.matches(tuple(slopes[k] for k in inside)):
            return f"the limit along {face.along_words(direction)}"
    if all(abs(v) <= a for v, a in zip(claim.values, claim.allowed, strict=True)):
        return "0, the member of least norm"
    if any(slopes[k].infinite for slopes, _ in limits for k in inside):
        return f"a member between infinite slopes: {range_of(face, inside)}"
    return _mixed([(face.along_words(limits[k][1]), w) for k, w in where.weights.items()])


def _mixed(parts: Sequence[tuple[str, Fraction]]) -> str:
    """A mean of limits, each with its weight."""
    if len({weight for _, weight in parts}) == 1:
        if len(parts) == 2:
            return f"the mean of the limits along {parts[0][0]} and {parts[1][0]}"
        return f"an even mix of {len(parts)} limits"
    if len(parts) > 2:
        return f"a mix of {len(parts)} limits"
    return " and ".join(f"{float(weight):.3g} of the limit along {text}" for text, weight in parts)


def _of_two_sides(face: Face, claim: Claim, where: Contained) -> str:
    """Which member of the slopes on the left and on the right."""
    left, right = (face.side(0, sign) for sign in (-1, 1))
    if left is None or right is None:
        side, slope = ("right", right) if left is None else ("left", left)
        ended = face.lines[directions.unit(1, 0, -1 if left is None else 1)].way is Way.OUTSIDE
        return f"the {side} slope {_number(slope)}{', the only one' if ended else ''}"
    if _same(left, right):
        return f"the only limit {_number(left)}" + (" as on both sides" * bool(left.infinite))
    on_left, on_right = _apart(left, right)
    rising = left.value < right.value
    span = f"[{on_left}, {on_right}]" if rising else f"[{on_right}, {on_left}]"
    for side, slope, number in (("left", left, on_left), ("right", right, on_right)):
        if claim.matches((slope,)):
            return f"the {side} slope {number} of {span}"
    if left.infinite or right.infinite:
        return f"a slope within {span}"
    share = where.weights.get(_place(face, right), Fraction(0))
    if share == Fraction(1, 2):
        return f"the mean of both slopes {on_left} and {on_right}"
    return f"{float(share):.3g} of the way from the left slope {on_left} to {on_right}"


def _place(face: Face, slope: Limit) -> int:
    return next(k for k, slopes in enumerate(face.points) if _same(slopes[0], slope))


def range_of(face: Face, inside: Sequence[int]) -> str:
    """What there is to be a member of: the slopes of each judged element."""
    if face.regular:
        slopes = face.points[0]
        return f"the derivative is {_vector(slopes, inside)}"
    if not face.limits:
        return "no limit of the gradient was found"
    if len(inside) == 1:
        return _span("the slopes are", face.points, inside[0])
    spans = [_span(f"of {face.names[k]}", face.points, k) for k in inside[:_MOST_NAMES]]
    return f"{len(face.points)} limits were found, with slopes {'; '.join(spans)}"


def _span(what: str, points: Sequence[Slopes], k: int) -> str:
    """The slopes of one element: one, two, or from the least to the largest."""
    distinct = {(slopes[k].infinite, slopes[k].middle): slopes[k] for slopes in points}
    ranked = sorted(distinct.values(), key=lambda slope: slope.value)
    ends = _apart(ranked[0], ranked[-1])
    if len(ranked) == 1:
        return f"{what.replace('slopes are', 'slope is')} {ends[0]}"
    return f"{what} {(' and ' if len(ranked) == 2 else ' to ').join(ends)}"


def any_limit(face: Face, inside: Sequence[int]) -> tuple[float, ...]:
    """The first limit, where any is as near as another."""
    return tuple(face.points[0][k].value for k in inside)


def _vector(slopes: Sequence[Limit], inside: Sequence[int]) -> str:
    shown = [_number(slopes[k]) for k in inside]
    return shown[0] if len(shown) == 1 else f"({', '.join(shown)})"


def _key(slopes: Slopes, inside: Sequence[int]) -> tuple[tuple[int, Fraction], ...]:
    return tuple((slopes[k].infinite, slopes[k].middle) for k in inside)


def _same(a: Limit, b: Limit) -> bool:
    return (a.infinite, a.middle) == (b.infinite, b.middle)


def _number(slope: Limit | None) -> str:
    return "?" if slope is None else f"{slope.value:.6g}"


def _apart(*slopes: Limit) -> list[str]:
    """Slopes as numbers of as many digits as it takes to tell them apart."""
    few = [_number(slope) for slope in slopes]
    if len(set(few)) == len({slope.value for slope in slopes}):
        return few
    return [repr(slope.value) for slope in slopes]
