"""The members of a generalized gradient that have a name, where infinities are among the limits."""

from __future__ import annotations

from fractions import Fraction

import pytest

from gradcheck_sym.symbolic.limits import Limit
from gradcheck_sym.symbolic.members import _average

UP, DOWN = (Limit(Fraction(0), Fraction(0), sign) for sign in (1, -1))
ONE, FOUR = Limit(Fraction(1), Fraction(1, 8)), Limit(Fraction(4), Fraction(1, 4))


@pytest.mark.parametrize(
    "slopes, mean",
    [
        ([ONE, FOUR], Limit(Fraction(5, 2), Fraction(1, 4))),
        ([ONE], ONE),
        ([UP, ONE], UP),
        ([DOWN, DOWN], DOWN),
        ([UP, DOWN], None),
        ([UP, ONE, DOWN], None),
    ],
)
def test_the_mean_of_limits(slopes: list[Limit], mean: Limit | None) -> None:
    """One infinity outweighs all numbers; two that differ have no mean."""
    assert _average(slopes) == mean
