"""Whether a claim lies in the hull of limits, some of which may be infinite."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import final

from gradcheck_sym.symbolic.hull import Nearest, Vector, nearest
from gradcheck_sym.symbolic.limits import Limit

_TINY = Fraction(1, 1 << 1200)  # stands for an allowed error of 0: below every subnormal
_WELL_WITHIN = Fraction(1, 2)  # of what is allowed: near enough to look no further

Slopes = tuple[Limit, ...]


@final
class Outcome(StrEnum):
    """Whether a claim is a member of the generalized gradient."""

    MEMBER = "member"
    OUTSIDE = "outside"
    UNKNOWN = "cannot tell"


@final
@dataclass(frozen=True, slots=True)
class Membership:
    """Whether a claim is a member of the generalized gradient, and which."""

    outcome: Outcome
    words: str  # which member; or what there is instead; or why it cannot be told
    nearest: tuple[float, ...]  # the member next to the claim, per judged column; NaN if unknown


@final
@dataclass(frozen=True, slots=True)
class Contained:
    """Where a claim lies next to a hull."""

    outcome: Outcome
    nearest: tuple[float, ...]  # the element of the hull next to the claim; NaN where any will do
    weights: dict[int, Fraction] = field(default_factory=dict)  # of the limits it is a mean of
    gap: Vector = ()  # from the hull to the claim, in a scale that makes it a normal; may be empty


@final
@dataclass(frozen=True, slots=True)
class Claim:
    """Claimed slopes and the error that each may have."""

    values: tuple[float, ...]  # no NaN
    allowed: tuple[Fraction, ...]
    largest: float  # finite number of the dtype: from there on a claim counts as infinite

    def sign(self, place: int) -> int:
        """The sign of a claim that is infinite, or as good as that; else 0."""
        value = self.values[place]
        return int(math.copysign(1, value)) if abs(value) >= self.largest else 0

    def scale(self, place: int) -> Fraction:
        """The allowed error, or what stands for none."""
        return self.allowed[place] or _TINY

    def matches(self, slopes: Slopes) -> bool:
        """Whether the claim is these slopes, for certain."""
        return all(self.matches_at(place, slope) for place, slope in enumerate(slopes))

    def matches_at(self, place: int, slope: Limit) -> bool:
        """Whether one claimed slope is that, for certain."""
        if slope.infinite:
            return self.sign(place) == slope.infinite
        if math.isinf(self.values[place]):
            return False
        gap = abs(Fraction(self.values[place]) - slope.middle)
        return gap + slope.error <= self.allowed[place]


def contained(points: Sequence[Slopes], claim: Claim) -> Contained:
    """Where a claim lies next to the hull of limits; points is not empty.

    An element that tends to an infinity of one sign admits that infinity, and every number beyond
    those that the finite limits give; one that tends to both admits every number. This is no less
    than the closure of the hull.
    """
    size = len(claim.values)
    bounded: list[int] = []
    rays: list[tuple[int, int]] = []
    for place in range(size):
        signs = {slopes[place].infinite for slopes in points} - {0}
        sign = claim.sign(place)
        if sign in signs or signs == {1, -1}:
            continue
        if math.isinf(claim.values[place]):
            return Contained(Outcome.OUTSIDE, _anywhere(points, claim))
        bounded.append(place)
        rays += [(place, each) for each in signs]
    support = [
        k for k, slopes in enumerate(points) if not any(slopes[place].infinite for place in bounded)
    ]
    if not support:
        return Contained(Outcome.OUTSIDE, _anywhere(points, claim))
    if not bounded:
        return Contained(Outcome.MEMBER, claim.values)
    return _measured(points, support, claim, bounded, rays)


def _anywhere(points: Sequence[Slopes], claim: Claim) -> tuple[float, ...]:
    """The slopes of the limit that agrees with the claim in most elements."""

    def agreeing(slopes: Slopes) -> int:
        return sum(claim.matches_at(place, slope) for place, slope in enumerate(slopes))

    return tuple(slope.value for slope in max(points, key=agreeing))


def _measured(
    points: Sequence[Slopes],
    support: Sequence[int],
    claim: Claim,
    bounded: Sequence[int],
    rays: Sequence[tuple[int, int]],
) -> Contained:
    """By the distance in units of what is allowed, and the plane that stands on it."""
    vectors = [
        tuple(
            (points[k][place].middle - Fraction(claim.values[place])) / claim.scale(place)
            for place in bounded
        )
        for k in support
    ]
    away = [tuple(Fraction(sign * (place == at)) for place in bounded) for at, sign in rays]
    found = _at_once(vectors) or nearest(vectors, away)
    errors = [
        max(points[k][place].error for k in support) / claim.scale(place) for place in bounded
    ]
    outcome = _outcome(found.point, errors)
    near = list(claim.values)
    gap = [Fraction(0)] * len(near)
    for place, x in zip(bounded, found.point, strict=True):
        near[place] = float(Fraction(claim.values[place]) + x * claim.scale(place))
        gap[place] = -x / claim.scale(place)
    weights = {support[k]: weight for k, weight in found.weights.items()}
    return Contained(outcome, tuple(near), weights, tuple(gap))


def _at_once(vectors: Sequence[Vector]) -> Nearest | None:
    """One of the vectors, or the even mean of all, where it is well within the unit cube."""
    share = Fraction(1, len(vectors))
    even = tuple(sum(column, Fraction(0)) * share for column in zip(*vectors, strict=True))
    for k, vector in enumerate(vectors):
        if all(abs(x) <= _WELL_WITHIN for x in vector):
            return Nearest(vector, {k: Fraction(1)})
    if all(abs(x) <= _WELL_WITHIN for x in even):
        return Nearest(even, dict.fromkeys(range(len(vectors)), share))
    return None


def _outcome(point: Vector, errors: Sequence[Fraction]) -> Outcome:
    """Whether a hull meets the unit cube, from its element next to the origin.

    The plane through that element, at right angles to it, has the whole hull on its far side, and
    the whole cube on its near side if the element is farther out than the cube's corners.
    """
    if all(abs(x) + e <= 1 for x, e in zip(point, errors, strict=True)):
        return Outcome.MEMBER
    corner = sum(abs(x) * (1 + e) for x, e in zip(point, errors, strict=True))
    return Outcome.OUTSIDE if sum(x * x for x in point) > corner else Outcome.UNKNOWN
