"""The order of simplicity, and the grids on which numbers are reduced."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck_sym.sampling.simple import Grid, costs, digits, grids

POSITIVE = st.floats(min_value=5e-324, allow_infinity=False)


def test_order() -> None:
    """From zero through small integers and short decimals to numbers of many digits."""
    wanted = [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 3.0, 7.0, -7.0, 19.0, 0.3, 0.001, 1e10, 0.25, math.pi]
    ranked = costs("float64", np.array(wanted))
    assert ranked == sorted(ranked)
    assert len(set(ranked)) == len(ranked)


def test_nan_and_infinity_are_the_worst() -> None:
    """What is no number is less simple than any number."""
    inf, nan, long = costs("float64", np.array([math.inf, math.nan, 1.2345678901234567e-300]))
    assert min(inf, nan) > long


@pytest.mark.parametrize(
    "dtype, value, length",
    [
        ("float64", 0.1, 1),
        ("float32", 0.10000000149011612, 1),
        ("bfloat16", 0.10009765625, 1),
        ("float64", 0.10000000149011612, 17),
        ("float64", 5e-324, 1),
        ("float16", 65504.0, 3),
        ("float64", math.nextafter(18, 20), 17),
    ],
)
def test_digits(dtype: str, value: float, length: int) -> None:
    """Digits are counted in the dtype: 0.1 is short in all of them."""
    assert digits(dtype, np.array([value])).tolist() == [length]


@settings(deadline=None, derandomize=True, max_examples=200)
@given(POSITIVE, st.integers(1, 6))
def test_a_number_lies_between_grid_points(value: float, count: int) -> None:
    """The grid point of a number does not exceed it, and the next one does; short decimals."""
    grid = Grid(count)
    place = grid.place(value)
    low, high = grid.value(place), grid.value(place + 1)
    assert low <= value
    assert value < high or low == high  # subnormal decimals may fall together
    assert len(f"{low:.{count - 1}e}".split("e")[0].replace(".", "")) == count


@settings(deadline=None, derandomize=True, max_examples=100)
@given(st.integers(-2000, 2000), st.integers(1, 4))
def test_places_and_values_are_inverse(place: int, count: int) -> None:
    """The place of a grid point's value is that place, but for rounding to float64."""
    grid = Grid(count)
    assert abs(grid.place(grid.value(place)) - place) <= 1
    assert grid.value(place) < grid.value(place + 1)


def test_grid_of_integers() -> None:
    """Without digits the grid is the integers, offered up to 1000."""
    assert (Grid(0).place(37.9), Grid(0).value(37)) == (37, 37.0)
    assert [grid.count for grid in grids(37.0)] == [0, 1, 2, 3, 4, 5, 6]
    assert [grid.count for grid in grids(0.5)] == [1, 2, 3, 4, 5, 6]


def test_beyond_the_largest_float() -> None:
    """A grid point too large for float64 is infinite, not an error."""
    grid = Grid(1)
    assert grid.value(grid.place(1.7e308) + 1) == math.inf
