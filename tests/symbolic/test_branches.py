"""The branches that rounding may take: next to thresholds that a dtype has not, and only there."""

from __future__ import annotations

import math
from typing import Any

import pytest

from gradcheck_sym.spec.dtypes import format_of
from gradcheck_sym.symbolic import branches
from gradcheck_sym.symbolic.rounded import rounded

FLOAT64, FLOAT32 = format_of("float64"), format_of("float32")


def other_branches(program: Any, row: list[float], dtype: Any) -> list[list[Any]]:
    """The ways that rounding may take, with the constants as the dtype has them."""
    return branches.other_branches(program, rounded(program, dtype) or program, row, dtype)


@pytest.mark.parametrize(
    "formula, x, others",
    [
        ("where(x > 0.1, x, 20)", 0.1, [20.0]),
        ("where(x > 0.1, x, 20)", math.nextafter(0.1, 1), []),
        ("where(x > 0.1, x, 20)", math.nextafter(0.1, 0), []),
        ("where(x > 20, x, 3)", 20.0, []),
        ("where(x > 20, x, 3)", math.nextafter(20, 30), []),
        ("where(1.5*x > 2.1 and x < 7, x, 3)", 1.4, [1.4]),
        ("where(not (x <= 0.1) or x > 3, 5, 7)", 0.1, [7.0]),
        ("floor(10*x)", 0.3, [3.0]),
        ("floor(10*x)", 0.25, []),
        ("ceil(10*x)", 0.7, [8.0]),
        ("ceil(10*x)", 0.75, []),
        ("sign(x - 0.7)", 0.7, [0.0, 1.0]),
        ("sign(x - 0.5)", 0.5, []),
        ("minimum(x, 0.7)", 0.7, [0.7]),
        ("x + 0.1", 0.3, []),
    ],
)
def test_what_rounding_may_decide(
    formula: str, x: float, others: list[float], program_of: Any
) -> None:
    """A threshold is as far off as the dtype rounds it, and no further."""
    found = other_branches(program_of(formula), [x], FLOAT64)
    assert sorted(float(ball) for (ball,) in found) == pytest.approx(sorted(others))


def test_one_decision_is_taken_alike_everywhere(derived: Any) -> None:
    """A value and its slope are of one branch."""
    joint = derived("maximum(x, 0.3) + maximum(x, 0.3)**2").joint
    found = other_branches(joint, [0.3, 1.0], FLOAT64)
    assert [[float(ball) for ball in way] for way in found] == [pytest.approx([0.39, 1.6])]


def test_a_dtype_has_thresholds_of_its_own(program_of: Any) -> None:
    """float32's 0.1 is a number like any other in float64."""
    single = 0.10000000149011612
    assert other_branches(program_of("where(x > 0.1, x, 20)"), [single], FLOAT64) == []
    ((ball,),) = other_branches(program_of("where(x > 0.1, x, 20)"), [single], FLOAT32)
    assert float(ball) == 20.0


def test_many_open_decisions_are_not_followed_for_ever(program_of: Any) -> None:
    """Some of the ways are."""
    shapes = {"x": (20,)}
    found = other_branches(program_of("maximum(x, 0.3)", shapes), [0.3] * 20, FLOAT64)
    assert 0 < len(found) <= 64
