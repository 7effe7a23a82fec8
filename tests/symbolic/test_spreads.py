"""Single functions by Arb in many lanes, and the two formats that midpoints are carried in."""

from __future__ import annotations

import math

import numpy as np
import pytest
from flint import arb, ctx

from gradcheck_sym.symbolic.carriers import EXTENDED, PLAIN, Carrier, from_balls, to_balls
from gradcheck_sym.symbolic.program import Instruction
from gradcheck_sym.symbolic.spreads import Quantity, by_balls

CARRIERS = [PLAIN] if EXTENDED is None else [PLAIN, EXTENDED]


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_function_of_two_numbers(carrier: Carrier) -> None:
    """Each lane has its own arguments, one of which all may share."""
    y = Quantity(np.array([1.0, 2.0, -3.0], carrier.format), np.zeros((2, 3)))
    x = Quantity(np.array([2.0], carrier.format), np.array([[0.0], [2.0**-24]]))
    middle, spread = by_balls(Instruction("atan2", (0, 1)), [y, x], 24, carrier)
    wanted = np.arctan2([1.0, 2.0, -3.0], 2.0)
    assert middle.dtype == carrier.format
    assert middle.astype(np.float64) == pytest.approx(wanted, rel=1e-15)
    assert (spread[0] <= np.abs(wanted) * carrier.unit).all()
    slopes = np.abs(np.array([1.0, 2.0, -3.0]) / (np.array([1.0, 4.0, 9.0]) + 4))
    assert spread[1] == pytest.approx(slopes * 2.0**-24, rel=0.01)


def test_lanes_without_a_number_are_left_open() -> None:
    """The others are not."""
    x = Quantity(np.array([np.inf, 1.0, 2.0]), np.array([[0.0, np.nan, 0.0], [0.0, 0.0, 0.0]]))
    middle, spread = by_balls(Instruction("erf", (0,)), [x], 24)
    assert np.isnan(middle[:2]).all()
    assert np.isnan(spread[:, :2]).all()
    assert middle[2] == math.erf(2.0)


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("text", ["0.1", "-3", "1e300", "1e400", "-1e400", "2e-330"])
def test_balls_come_back_as_numbers(text: str, carrier: Carrier) -> None:
    """Off by one rounding of the format; what is beyond float64 is infinite."""
    with ctx.workprec(200):
        number = arb(text)
        (found,) = from_balls([number], carrier.format)
        if abs(number) > 1e308:
            assert found == math.copysign(math.inf, float(number))
            return
        (again,) = to_balls(np.array([found], carrier.format))
        assert abs(again - number) <= abs(number) * carrier.unit + arb(2.0**-1074)
