"""The directions to approach a point from, and their words."""

from __future__ import annotations

from fractions import Fraction

import pytest

from gradcheck_sym.symbolic import directions
from gradcheck_sym.symbolic.limits import UNIT


def test_one_number_is_approached_from_both_sides() -> None:
    """There are no others."""
    assert list(directions.first(1)) == [(UNIT,), (-UNIT,)]
    assert list(directions.signs(1)) == [(UNIT,), (-UNIT,)]


def test_few_numbers_are_moved_alone_and_together() -> None:
    """Each alone, up and down; all of them; two opposite ones without a pattern."""
    found = list(directions.first(2))
    assert found[:6] == [(UNIT, 0), (0, UNIT), (-UNIT, 0), (0, -UNIT), (UNIT, UNIT), (-UNIT, -UNIT)]
    assert found[6] == directions.opposite(found[7])
    assert len({abs(step) for step in found[6]} | {0, UNIT}) == 4
    assert len(found) == 8


def test_many_numbers_are_moved_less() -> None:
    """Patterns of signs grow too many first, then moves down, then any alone."""
    assert len(list(directions.first(4))) == 4
    assert len(list(directions.signs(4))) == 16
    assert list(directions.signs(5)) == []
    assert len(list(directions.alone(16))) == 32
    assert len(list(directions.alone(17))) == 17
    assert list(directions.alone(65)) == []


def test_a_vector_is_scaled_to_its_largest_part() -> None:
    """What is 0 has no direction."""
    assert directions.towards([Fraction(-4), Fraction(1)]) == (-UNIT, UNIT // 4)
    assert directions.towards([Fraction(0)]) is None
    assert directions.towards([]) is None


def test_a_tilt_is_small_and_breaks_patterns() -> None:
    """It stays next to the direction."""
    tilted = directions.tilted((UNIT, UNIT, 0))
    moved = [abs(new - old) for new, old in zip(tilted, (UNIT, UNIT, 0), strict=True)]
    assert all(0 < step < UNIT >> 16 for step in moved)
    assert len(set(moved)) == 3


def test_one_sign_is_flipped_at_a_time() -> None:
    """Of what is not 0."""
    assert list(directions.flipped((UNIT, 0, -UNIT))) == [(-UNIT, 0, -UNIT), (UNIT, 0, UNIT)]


@pytest.mark.parametrize(
    "direction, words",
    [
        ((1, -1), "+x0 -x1"),
        ((0, -3), "-x1"),
        ((2, 1), "(1, 0.5)"),
        ((2**30, 1), "+x0"),  # a tilt is not told
        ((1,) * 5, "the diagonal, upwards"),
        ((-7,) * 6, "the diagonal, downwards"),
        ((1, 1, 1, 1, -1), "a generic direction"),
        ((1, 1, 1, 1, 1, 0), "a generic direction"),
        ((5, 4, 3, 2, 1), "a generic direction"),
    ],
)
def test_directions_have_words(direction: tuple[int, ...], words: str) -> None:
    """Those that a reader can picture."""
    names = [f"x{place}" for place in range(len(direction))]
    assert directions.worded(direction, names) == words
