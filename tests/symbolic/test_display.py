"""Derivatives for people: short, in the spec's own names, or not at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gradcheck_sym.spec.records import Dim
from gradcheck_sym.symbolic.display import derivative_text

NAMES: dict[str, tuple[int, ...]] = {"x": (), "beta": (), "E": (), "S": ()}


@pytest.mark.parametrize(
    "formula, text",
    [
        ("x**3", "3*x**2"),
        ("x", "1"),
        ("beta*E*S*x", "E*S*beta"),
        ("tanh(x)", "cosh(x)**(-2)"),
        ("abs(log(x))", "sign(log(x))/x"),
        ("erfc(x)", "-2*exp(-x**2)/sqrt(pi)"),
        ("beta", "0"),
        ("7", ""),
        ("maximum(x, 0)", ""),
        ("where(x > 0, x, 0)", ""),
        ("x > 0", ""),
        ("detach(x)", ""),
        ("detach(x)*x", ""),
        ("floor(x)", ""),
        ("x*sign(x)", ""),
        ("inf*x", ""),
        ("sum([" + ", ".join(f"sin({k}*x)" for k in range(1, 90)) + "])", ""),
        ("sum([" + ", ".join(f"x**{k}*cos(x)" for k in range(1, 30)) + "])", ""),
    ],
)
def test_derivatives_by_name(formula: str, text: str, spec_of: Any) -> None:
    """What branches, is constant or long has no text; the rest is SymPy's."""
    assert derivative_text(spec_of(formula, NAMES), "x") == text


def test_arrays_show_their_first_elements(spec_of: Any) -> None:
    """d value[0] / d input[0] at the smallest sizes."""
    spec = spec_of("x*x*sum(x)", {"x": (1,)})
    spec = replace(
        spec,
        inputs=(replace(spec.inputs[0], shape=("n",)),),
        dims=(Dim("n", 1, 4, declared=False),),
    )
    assert derivative_text(spec, "x") == "3*x[0]**2"
    assert derivative_text(spec_of("x[1]*x[0]", {"x": (2,)}), "x") == "x[1]"
