"""The generalized gradient of a point that is not regular, and claims held against it.

Clarke's generalized gradient is the hull of the limits of gradients next to a point (Optimization
and Nonsmooth Analysis, 2.5.1). Which limits there are is found by approaching along straight
lines: for one element both sides, and that is all there is; for more, some patterns, and then
towards and away from what separates a claim from the hull so far. In a convex or a concave
function that direction leads to the limit that reaches farthest towards the claim, so that the
hull grows until it holds the claim or the claim is proved to be outside.

Where several values share an element, a backward may take a member of each for itself.

Where the value jumps there is no generalized gradient. The limits of the gradient on both sides
are what they are, and whoever gives an element of their hull has done what is sensible. NaN is
outside if the value exists at the point; whatever else is given there is left undecided.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, final

from gradcheck_sym.spec.dtypes import Format
from gradcheck_sym.symbolic import directions, words
from gradcheck_sym.symbolic.apart import apart, contained_apart, too_many
from gradcheck_sym.symbolic.blocks import Block, blocks
from gradcheck_sym.symbolic.careful import Careful
from gradcheck_sym.symbolic.combinations import combined
from gradcheck_sym.symbolic.contained import (
    Claim,
    Contained,
    Membership,
    Outcome,
    Slopes,
    contained,
)
from gradcheck_sym.symbolic.faces import Face, faces
from gradcheck_sym.symbolic.limits import DEPTHS, Approach, Direction, Limit
from gradcheck_sym.symbolic.members import member

if TYPE_CHECKING:
    from gradcheck_sym.symbolic.derivation import Derivation

_ROUNDS = 8  # of looking towards what separates a claim from the hull, and one more per element
_AT_ONCE = 8  # directions that are looked along before it is asked whether the claim is inside
_LAST_LOOK = 32  # generic directions, with their opposites, before a claim is called outside
_MOST_SENSITIVE = 64  # limits of one block whose sensitivity is worked out


def generalized(derivation: Derivation, row: Sequence[float], dtype: Format) -> Generalized:
    """The generalized gradient at one point; row holds the joint program's inputs, exact."""
    moving = derivation.moving()
    approach = Approach(derivation.joint, derivation.values, moving, row, dtype, derivation.still)
    fed = range(len(derivation.forward.inputs), len(derivation.joint.inputs))
    return Generalized(approach, fed)


@final
class Generalized:
    """The generalized gradient of sum(cotangent*value) at a point, as far as it was looked at.

    Columns count the gradient's elements from 0.
    """

    __slots__ = ("_apart", "_approach", "_faces", "_fed")

    def __init__(self, approach: Approach, fed: Sequence[int]) -> None:
        found = blocks(approach.program, approach.values, approach.moving)
        self._approach = approach
        self._fed = fed if len(fed) == approach.values else ()  # places of the cotangents
        self._faces = faces(approach, found)
        self._apart: dict[Block, list[list[Slopes]]] = {}  # limits of each value, where asked for

    @property
    def jumps(self) -> bool:
        """Whether the value at the point is not what it tends to, or does not exist."""
        return any(face.jumps for face in self._faces if not face.regular)

    @property
    def sizes(self) -> list[float]:
        """For each column the largest finite limit, in absolute value."""
        found = [0.0] * len(self._approach.moving)
        for face in self._faces:
            for slopes in face.points:
                for column, slope in zip(face.block.columns, slopes, strict=True):
                    if not slope.infinite:
                        found[column] = max(found[column], abs(slope.value))
        return found

    @property
    def regular(self) -> frozenset[int]:
        """The columns with which there is nothing special: only others are at a kink."""
        faces = (face for face in self._faces if face.regular)
        return frozenset(column for face in faces for column in face.block.columns)

    def is_single(self, columns: Sequence[int]) -> bool:
        """Whether there is a gradient after all, as far as some columns go: all limits are one.

        The values tend to those at the point, and the slopes to one finite limit along every line
        that is looked along. By the mean value theorem that is the derivative.
        """
        asked = [face for face in self._faces if {*columns} & {*face.block.columns}]
        for face in asked:
            if face.size > 1 and not face.regular and len(face.limits) == 1:
                face.look([*directions.signs(face.size), *directions.alone(face.size)])
        return all(
            len(face.limits) == 1
            and not any(slope.infinite for slope in face.points[0])
            and (face.regular or not (face.jumps or face.open))
            for face in asked
        )

    def sensitivities(self) -> list[float]:
        """For each column what one rounding of every input and constant moves a limit by.

        It is the largest over the limits. Infinite limits count as insensitive.
        """
        found = [0.0] * len(self._approach.moving)
        for rank in range(_MOST_SENSITIVE):
            at = {
                k: list(face.limits.values())[rank]
                for k, face in enumerate(self._faces)
                if rank < len(face.limits)
            }
            if not at:
                break
            moved = self._sensitive({k: direction for k, (_, direction) in at.items()})
            for k, (slopes, _) in at.items():
                for column, slope in zip(self._faces[k].block.columns, slopes, strict=True):
                    if not slope.infinite:
                        found[column] = max(found[column], moved[column])
        return found

    def _sensitive(self, chosen: Mapping[int, Direction]) -> list[float]:
        """The sensitivities next to the point, each face a step along its own direction."""
        approach = self._approach
        whole = [0] * len(approach.moving)
        for k, direction in chosen.items():
            for column, step in zip(self._faces[k].block.columns, direction, strict=True):
                whole[column] = step
        near = approach.sample(tuple(whole), DEPTHS[0], [self._faces[k].block for k in chosen])
        careful = Careful(approach.program, approach.values)
        return careful.sensitivities(near.row, approach.dtype, near.precision)[approach.values :]

    def judge(
        self, claim: Sequence[float], allowed: Sequence[float], columns: Sequence[int] | None = None
    ) -> Membership:
        """Whether a claim lies within what is allowed of the generalized gradient.

        Args:
            claim: one slope per column, NaN and infinities included.
            allowed: the error that each may have.
            columns: which columns those are; all, in order, where not given. What the others are
                does not matter then.
        """
        places = self._places(columns)
        found: list[tuple[Face, Membership]] = []
        for face in self._faces:
            inside = [k for k, column in enumerate(face.block.columns) if column in places]
            if inside:
                at = [places[face.block.columns[k]] for k in inside]
                one = self._judge(face, inside, [claim[k] for k in at], [allowed[k] for k in at])
                found.append((face, one))
        return words.together(
            found, [[places[c] for c in face.block.columns if c in places] for face, _ in found]
        )

    def _places(self, columns: Sequence[int] | None) -> dict[int, int]:
        """Where each judged column stands in a claim."""
        chosen = range(len(self._approach.moving)) if columns is None else columns
        return {column: place for place, column in enumerate(chosen)}

    def _judge(
        self, face: Face, inside: list[int], values: list[float], allowed: list[float]
    ) -> Membership:
        unknown = (math.nan,) * len(values)
        if not face.limits:
            return Membership(Outcome.UNKNOWN, "no limit of the gradient was found", unknown)
        if any(map(math.isnan, values)):
            outcome = Outcome.OUTSIDE if face.exists else Outcome.UNKNOWN
            return Membership(outcome, words.range_of(face, inside), words.any_limit(face, inside))
        bounds = tuple(Fraction(a) if math.isfinite(a) else Fraction(0) for a in allowed)
        claimed = Claim(tuple(values), bounds, self._approach.dtype.max)
        where, certain = _search(face, inside, claimed)
        if where.outcome is Outcome.MEMBER:
            return Membership(
                where.outcome, words.which(face, inside, claimed, where), where.nearest
            )
        outside = where.outcome is Outcome.OUTSIDE and not face.jumps
        if outside and self._is_member_of_each(face, inside, claimed):
            return Membership(Outcome.MEMBER, "a member for each value alone", tuple(values))
        text = words.range_of(face, inside)
        doubt = _doubt(face, where, certain, allowed)
        if not doubt and self._fed and too_many(face, self._fed):
            doubt = "more values meet there than are looked at, each for itself"
        if doubt:
            return Membership(Outcome.UNKNOWN, f"{doubt}; {text}", where.nearest)
        return Membership(Outcome.OUTSIDE, text, where.nearest)

    def _is_member_of_each(self, face: Face, inside: list[int], claim: Claim) -> bool:
        """Whether a claim is the sum of a member for each of several values."""
        if face.block not in self._apart:
            self._apart[face.block] = apart(face, self._fed) if self._fed else []
        each = self._apart[face.block]
        return bool(each) and contained_apart(each, inside, claim)

    def named(self, name: str) -> list[Limit | None]:
        """The member of that name, one slope per column; None where there is none.

        Args:
            name: "left", "right", "mean" or "minimum norm". Left and right are the limits of each
                slope as its own element alone comes from there; the mean is that of all limits, or
                of each two opposite ones where those means agree; the minimum norm is the member
                of least Euclidean norm.
        """
        found: list[Limit | None] = [None] * len(self._approach.moving)
        for face in self._faces:
            for column, slope in zip(face.block.columns, member(face, name), strict=True):
                found[column] = slope
        return found

    def is_named(
        self,
        name: str,
        claim: Sequence[float],
        allowed: Sequence[float],
        columns: Sequence[int] | None = None,
    ) -> bool | None:
        """Whether a claim is the member of that name; None where the point has no such member."""
        every, places = self.named(name), self._places(columns)
        wanted = [every[column] for column in places]
        slopes = tuple(slope for slope in wanted if slope is not None)
        if len(slopes) < len(wanted):
            return None
        if any(map(math.isnan, claim)):
            return False
        bounds = tuple(Fraction(a) if math.isfinite(a) else Fraction(0) for a in allowed)
        return Claim(tuple(claim), bounds, self._approach.dtype.max).matches(slopes)


def _search(face: Face, inside: Sequence[int], claim: Claim) -> tuple[Contained, bool]:
    """Where a claim lies, with limits looked for until it is inside or cannot come closer.

    Also whether that is certain: both sides of one element are all that there is; no combination
    of branches reaches the claim; or every line led to the limit that it pointed towards.
    """
    where = contained(_projected(face.points, inside), claim)
    if face.size == 1 or face.regular or face.jumps:  # where it jumps, nothing is outside
        return where, True
    wider: list[_Look] = [_alone, _towards, _everywhere]
    for _ in range(_ROUNDS + face.size):
        if where.outcome is Outcome.MEMBER:
            return where, True
        grown = _grows(face, inside, claim, wider[0](face, inside, claim, where))
        while len(wider) > 1 and not grown:
            wider.pop(0)
            if wider[0] is _everywhere and _is_beyond(face, inside, claim):
                return where, True
            grown = _grows(face, inside, claim, wider[0](face, inside, claim, where))
        if not grown:
            break
        if wider[0] is _everywhere:
            wider = [_towards]  # from what was found there
        where = contained(_projected(face.points, inside), claim)
    return where, face.curved_one_way()


def _grows(face: Face, inside: Sequence[int], claim: Claim, wanted: Sequence[Direction]) -> bool:
    """Whether limits that are new are found along directions, until the claim is inside."""
    grown = False
    for place in range(0, len(wanted), _AT_ONCE):
        if face.look(wanted[place : place + _AT_ONCE]):
            grown = True
            if contained(_projected(face.points, inside), claim).outcome is Outcome.MEMBER:
                break
    return grown


def _is_beyond(face: Face, inside: Sequence[int], claim: Claim) -> bool:
    """Whether a claim is outside of the hull of all combinations of branches."""
    points = combined(face.approach, face.block)
    return points is not None and (
        contained(_projected(points, inside), claim).outcome is Outcome.OUTSIDE
    )


_Look = Callable[[Face, Sequence[int], Claim, Contained], list[Direction]]


def _alone(face: Face, inside: Sequence[int], claim: Claim, where: Contained) -> list[Direction]:
    """Each element alone."""
    return list(directions.alone(face.size))


def _towards(face: Face, inside: Sequence[int], claim: Claim, where: Contained) -> list[Direction]:
    """The directions along which a limit closer to the claim may be found."""
    itself = [Fraction(v) if math.isfinite(v) else Fraction(0) for v in claim.values]
    found = []
    for vector in (where.gap, itself):
        whole = [Fraction(0)] * face.size
        for place, part in zip(inside, vector, strict=False):
            whole[place] = part
        direction = directions.towards(whole)
        if direction is not None:
            found += [direction, directions.opposite(direction)]
    return found


def _everywhere(
    face: Face, inside: Sequence[int], claim: Claim, where: Contained
) -> list[Direction]:
    """Where to look before a claim is called outside, whatever the function is like."""
    along = _towards(face, inside, claim, where)[:1]
    turned = [other for each in along for other in directions.flipped(each)]
    found = [*directions.signs(face.size), *turned]
    return found + list(directions.generic(face.size, _LAST_LOOK, seed=1))


def _projected(points: Sequence[Slopes], inside: Sequence[int]) -> list[Slopes]:
    return [tuple(slopes[k] for k in inside) for slopes in points]


def _doubt(face: Face, where: Contained, certain: bool, allowed: Sequence[float]) -> str:
    """Why a claim that is outside of the limits found is not called so; empty if it is."""
    doubts = {
        "the value does not exist there": not face.exists,
        "the value jumps there": face.jumps,
        "not every direction could be looked along": face.open,
        "infinitely sensitive": not all(map(math.isfinite, allowed)),
        "too close to the edge to tell": where.outcome is not Outcome.OUTSIDE,
        "there may be limits that were not found": not certain,
    }
    return next((reason for reason, holds in doubts.items() if holds), "")
