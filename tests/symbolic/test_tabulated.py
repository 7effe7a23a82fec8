"""Long doubles' erf and erfc: what is cut off, and what is rounded, against Arb."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx

from gradcheck_sym.symbolic.carriers import EXTENDED, to_balls
from gradcheck_sym.symbolic.tabulated import APART, FARTHEST, TERMS, Tabulated, coefficients

pytestmark = pytest.mark.skipif(EXTENDED is None, reason="C's long double is no wider here")

NAMES = ("erf", "erfc")


def _size(name: str, around: Any, at: int) -> Any:
    """The least size of the function around a landmark; beside a zero, of its slope there."""
    if name == "erf" and at == 0:
        return abs(coefficients(name, around, 2)[1]).lower() * APART / 2
    return abs(getattr(around, name)()).lower()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_cut_off_is_far_below_the_last_bit(name: str) -> None:
    """Lagrange's remainder, with the next coefficient all around each landmark."""
    half = APART / 2
    with ctx.workprec(256):
        for at in range(-FARTHEST, FARTHEST + 1):
            around = arb(at * APART) + arb(0, half)
            rest = abs(coefficients(name, around, TERMS + 1)[TERMS]) * arb(half) ** TERMS
            assert rest < _size(name, around, at) * arb(2) ** -70, at


@pytest.mark.parametrize("name", NAMES)
def test_values_are_arbs_to_a_few_units_in_the_last_place(name: str) -> None:
    """In the middle between landmarks, on them, far out, next to 0: within 4 units of 2**-64."""
    rng = np.random.default_rng(5)
    middles = (np.arange(-FARTHEST, FARTHEST) + 0.5) * APART
    points = np.concatenate(
        [
            rng.uniform(-7.2, 7.2, 4000),
            middles,
            np.nextafter(middles, math.inf),
            np.arange(-FARTHEST, FARTHEST + 1) * APART,
            2.0 ** rng.uniform(-1074, 3, 500),
            [0.0, -0.0, 7.03125, 7.03126, -7.03126, 20.0, -30.0, 100.0],
        ]
    ).astype(np.longdouble)
    points[:4000] *= 1 + np.longdouble(2) ** -63  # float64 does not hold these
    found = Tabulated(name)(points)
    with ctx.workprec(300):
        for x, claim in zip(to_balls(points), to_balls(found), strict=True):
            truth = getattr(x, name)()
            reach = abs(truth) * arb(2) ** -62 + arb(2) ** -1074
            assert abs(claim - truth) <= reach, x


def test_what_is_not_finite_has_no_value() -> None:
    """Beside numbers that have one, whatever was met before."""
    erf = Tabulated("erf")
    given = np.array([math.inf, 0.5, -math.inf, math.nan, 1e300], dtype=np.longdouble)
    for _ in range(2):
        found = erf(given)
        assert np.isnan(found[[0, 2, 3]]).all()
        assert float(found[1]) == math.erf(0.5)
        assert found[4] == 1
    assert erf(given[:0]).shape == (0,)
