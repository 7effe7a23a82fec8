"""The guard on SymPy: a derivative that is not that of the value is noticed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gradcheck_sym.symbolic import guard


@pytest.mark.parametrize("formula", ["sin(x)*exp(x)", "x**3", "log(x)/x"])
def test_a_right_derivative_is_left_in_peace(formula: str, derived: Any) -> None:
    """As Taylor arithmetic has it."""
    assert guard.disagreement(derived(formula), [1.25, 1.5]) == ""


@pytest.mark.parametrize(
    "formula, other", [("sin(x)*exp(x)", "sin(x)*exp(x) + x"), ("x**3", "x**3*(1 + 2**(-60))")]
)
def test_the_derivative_of_another_function_is_noticed(
    formula: str, other: str, derived: Any
) -> None:
    """Also where it is off by less than any float shows."""
    swapped = replace(derived(formula), joint=derived(other).joint)
    said = guard.disagreement(swapped, [1.25, 1.5])
    assert said.startswith("SymPy's derivative gives ")
    assert "Taylor arithmetic" in said


def test_where_there_is_no_derivative_nothing_is_said(derived: Any) -> None:
    """Infinite and undefined slopes are not compared."""
    swapped = replace(derived("sqrt(x)"), joint=derived("x**2").joint)
    assert guard.disagreement(swapped, [0.0, 1.0]) == ""
