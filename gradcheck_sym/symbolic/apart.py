"""The generalized gradients of several values, each for itself.

A backward knows nothing of the values that another one feeds: where cat([relu(x), relu(-x)]) has
the slope 0 at 0 in both, each is a member of its own generalized gradient, though their sum with
weights has none such. What comes of members of each is the sum of their hulls, which holds the
generalized gradient of the sum (Clarke, Optimization and Nonsmooth Analysis, 2.3.3 and 2.6.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import product

from gradcheck_sym.symbolic import directions
from gradcheck_sym.symbolic.contained import Slopes
from gradcheck_sym.symbolic.faces import Face, faces
from gradcheck_sym.symbolic.limits import Limit

_MOST_VALUES = 8  # with a kink, in one block
_MOST = 256  # sums of a limit of each


def apart(face: Face, fed: Sequence[int]) -> list[Slopes]:
    """Sums of one limit of each value in a block; their hull holds what members of each make.

    Empty where there is one value only, or too many, or one jumps or has an infinite slope.

    Args:
        face: the block at the point.
        fed: where among the program's inputs the cotangent of each value is.
    """
    approach = face.approach
    roots = {*face.block.roots}
    own = [
        place
        for place, root in zip(fed, approach.program.outputs[: approach.values], strict=True)
        if root in roots and approach.row[place]
    ]
    if not 2 <= len(own) <= _MOST_VALUES:
        return []
    sums: list[Slopes] = [tuple(Limit(Fraction(0), Fraction(0)) for _ in face.block.columns)]
    for place in own:
        limits = _limits(face, {*fed} - {place})
        if not limits or len(sums) * len(limits) > _MOST:
            return []
        added = (_sum(one, other) for one, other in product(sums, limits))
        sums = list({tuple(limit.middle for limit in each): each for each in added}.values())
    return sums


def _limits(face: Face, silent: set[int]) -> list[Slopes]:
    """The limits of a block's gradient where some cotangents are 0; none if they cannot be had."""
    approach = face.approach
    row = [0.0 if place in silent else value for place, value in enumerate(approach.row)]
    (alone,) = faces(replace(approach, row=row, _base=None), [face.block])
    if not alone.regular:
        alone.look([*directions.alone(alone.size), *directions.signs(alone.size)])
    finite = not any(slope.infinite for slopes in alone.points for slope in slopes)
    return alone.points if finite and not alone.jumps else []


def _sum(one: Slopes, other: Slopes) -> Slopes:
    return tuple(
        Limit(a.middle + b.middle, a.error + b.error) for a, b in zip(one, other, strict=True)
    )
