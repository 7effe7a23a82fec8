"""The generalized gradients of several values, each for itself.

A backward knows nothing of the values that another one feeds: where cat([relu(x), relu(-x)]) has
the slope 0 at 0 in both, each is a member of its own generalized gradient, though their sum with
weights has none such. What comes of members of each is the sum of their hulls, which holds the
generalized gradient of the sum (Clarke, Optimization and Nonsmooth Analysis, 2.3.3 and 2.6.2).

A layer of n neurons has n values that share its weights, and a sum of hulls as many corners as
there are choices of a limit of each. None but those are made that a claim asks for: the corner that
reaches farthest in one direction is the sum of the limits that each reach farthest there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import chain

from gradcheck_sym.symbolic import directions
from gradcheck_sym.symbolic.blocks import Block, columns_of
from gradcheck_sym.symbolic.contained import Claim, Contained, Outcome, Slopes, contained
from gradcheck_sym.symbolic.faces import Face, faces
from gradcheck_sym.symbolic.hull import Vector, dot
from gradcheck_sym.symbolic.limits import Limit

_MOST_VALUES = 64  # in one block
_ROUNDS = 128  # corners of the sum that are made for one claim


def too_many(face: Face, fed: Sequence[int]) -> bool:
    """Whether a block has more values than are looked at, each for itself."""
    return len(_fed_values(face, fed)) > _MOST_VALUES


def apart(face: Face, fed: Sequence[int]) -> list[list[Slopes]]:
    """The limits of each value in a block; sums of members of these are what each may make.

    Empty where there is one value only, or too many, or one jumps or has an infinite slope.

    Args:
        face: the block at the point.
        fed: where among the program's inputs the cotangent of each value is.
    """
    own = _fed_values(face, fed)
    if not 2 <= len(own) <= _MOST_VALUES:
        return []
    found = []
    for place in own:
        limits = _limits(face, fed, place)
        if not limits:
            return []
        found.append(limits)
    return found


def contained_apart(each: Sequence[Sequence[Slopes]], inside: Sequence[int], claim: Claim) -> bool:
    """Whether a claim is the sum of one member of each hull, as far as some elements go.

    It is Wolfe's search for the element next to the claim, each corner made as it is asked for.
    Where none reaches beyond the plane between the claim and those made so far, there is none.
    """
    corners = {_corner(each, ()): None}
    for _ in range(_ROUNDS):
        where: Contained = contained([tuple(c[k] for k in inside) for c in corners], claim)
        if where.outcome is Outcome.MEMBER:
            return True
        normal = [Fraction(0)] * len(each[0][0])
        for place, part in zip(inside, where.gap, strict=False):
            normal[place] = part
        corner = _corner(each, tuple(normal))
        if corner in corners:
            break
        corners[corner] = None
    return False


def _corner(each: Sequence[Sequence[Slopes]], normal: Vector) -> Slopes:
    """The sum of those limits that reach farthest along a normal; of the first without one."""
    chosen = [
        max(limits, key=lambda slopes: dot([slope.middle for slope in slopes], normal))
        if any(normal)
        else limits[0]
        for limits in each
    ]
    return tuple(
        Limit(
            sum((s.middle for s in column), Fraction(0)),
            sum((s.error for s in column), Fraction(0)),
        )
        for column in zip(*chosen, strict=True)
    )


def _fed_values(face: Face, fed: Sequence[int]) -> list[int]:
    """The places of the cotangents of a block's values, those that are 0 left out."""
    approach, roots = face.approach, {*face.block.roots}
    return [
        place
        for place, root in zip(fed, approach.program.outputs[: approach.values], strict=True)
        if root in roots and approach.row[place]
    ]


def _limits(face: Face, fed: Sequence[int], place: int) -> list[Slopes]:
    """The limits of a block's gradient where one value alone is fed; none if they cannot be had.

    Only what that value depends on moves: all other slopes of it are 0.
    """
    approach = face.approach
    root = approach.program.outputs[fed.index(place)]
    columns = columns_of(approach.program, root, approach.moving)
    silent = {*fed} - {place}
    row = [0.0 if place in silent else value for place, value in enumerate(approach.row)]
    (alone,) = faces(replace(approach, row=row, _base=None), [Block((root,), columns)])
    if not alone.regular:
        alone.look([*directions.alone(alone.size), *directions.signs(alone.size)])
    points = alone.points
    if alone.jumps or any(slope.infinite for slope in chain(*points)):
        return []
    zero = Limit(Fraction(0), Fraction(0))
    whole = [dict(zip(columns, slopes, strict=True)) for slopes in points]
    return [tuple(slopes.get(column, zero) for column in face.block.columns) for slopes in whole]
