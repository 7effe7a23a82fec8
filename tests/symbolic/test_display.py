"""Derivatives for people: short, in the spec's own names, or not at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from flint import ctx

from gradcheck_sym.errors import Position
from gradcheck_sym.spec.parser import parse
from gradcheck_sym.spec.records import Dim, Input
from gradcheck_sym.spec.unparse import unparse
from gradcheck_sym.symbolic.display import derivative_text, formula, slope
from gradcheck_sym.symbolic.interpret import exact
from gradcheck_sym.symbolic.lower import input_array, lower
from gradcheck_sym.symbolic.program import Builder

NAMES: dict[str, tuple[int, ...]] = {"x": (), "beta": (), "E": (), "S": ()}


@pytest.mark.parametrize(
    "formula, text",
    [
        ("x**3", "3*x**2"),
        ("x", "1"),
        ("beta*E*S*x", "E*S*beta"),
        ("tanh(x)", "1/cosh(x)**2"),
        ("abs(log(x))", "sign(log(x))/x"),
        ("erfc(x)", "-2*exp(-x**2)/sqrt(pi)"),
        ("beta", "0"),
        ("7", ""),
        ("sqrt(x)/beta", "1/(2*beta*sqrt(x))"),
        ("1/x", "-1/x**2"),
        ("0.123456789*x", "0.123456789"),
        ("x/3 - x**2*0.25", "1/3 - x/2"),
        ("x*x - x", "2*x - 1"),
        ("1/(1 + exp(-x))", "exp(x)/(exp(x) + 1)**2"),
        (  # factors of polynomials of degree 20000 and 246 would take minutes
            "1/(1 + exp(-10000*(x - 0.5)))",
            "10000*exp(5000 - 10000*x)/(exp(5000 - 10000*x) + 1)**2",
        ),
        (
            "1/(1 + exp(-0.123*x)) + exp(-0.246*x)/(exp(-0.246*x) + exp(-0.369*x))",
            "0.246*exp(-0.123*x)/(1 + exp(-0.123*x))**2",
        ),
        ("maximum(x, 0)", "where(x > 0, 1, 0)"),
        ("minimum(maximum(x, 0), 6)", "where(maximum(x, 0) < 6, where(x > 0, 1, 0), 0)"),
        ("max([x, beta, E])", "where(x > maximum(beta, E), 1, 0)"),
        ("where(x > 0, exp(-x) + 0*x, x*beta)", "where(x > 0, -exp(-x), beta)"),
        ("where((x > 0) and not (x == beta), x, 1)", "where(x > 0 and not x == beta, 1, 0)"),
        ("x > 0", "0"),
        ("detach(x)", "0"),
        ("detach(x*beta)*x", "detach(x*beta)"),
        ("floor(x) + x", "1"),
        ("x*sign(x)", "sign(x)"),
        ("inf*x", "inf"),
        ("digamma(x)", "polygamma(1, x)"),
        ("sum([" + ", ".join(f"sin({k}*x)" for k in range(1, 90)) + "])", ""),
        ("sum([" + ", ".join(f"x**{k}*cos(x)" for k in range(1, 30)) + "])", ""),
    ],
)
def test_derivatives_by_name(formula: str, text: str, spec_of: Any) -> None:
    """The shortest form in the language of specs; of what is constant or long there is none."""
    assert derivative_text(spec_of(formula, NAMES), "x") == text


def _of_n(spec: Any, *, high: int = 4) -> Any:
    """The spec with a first input of n elements."""
    return replace(
        spec,
        inputs=(replace(spec.inputs[0], shape=("n",)), *spec.inputs[1:]),
        dims=(Dim("n", 1, high, declared=False),),
    )


def test_arrays_show_their_first_elements(spec_of: Any) -> None:
    """d value[0] / d input[0] at sizes that are small but show a structure."""
    assert derivative_text(_of_n(spec_of("x*x*sum(x)", {"x": (1,)})), "x") == (
        "x[0]*(3*x[0] + 2*x[1])"
    )
    assert derivative_text(_of_n(spec_of("x*sum(x)", {"x": (1,)}), high=1), "x") == "2*x[0]"
    assert derivative_text(spec_of("x[1]*x[0]", {"x": (2,)}), "x") == "x[1]"


def test_elements_that_matter_are_shown(spec_of: Any) -> None:
    """An element of the input that nothing depends on says nothing of the derivative."""
    found = slope(spec_of("[x[1]*x[2], x[2]**3]", {"x": (3,)}), "x")
    assert found is not None
    assert (unparse(found.of), unparse(found.by), unparse(found.formula)) == (
        "f[0]",
        "x[1]",
        "x[2]",
    )


def test_elementwise_functions_need_no_index(spec_of: Any) -> None:
    """What holds for each element is written for any."""
    found = slope(_of_n(spec_of("exp(f*x)", {"x": (1,), "f": ()})), "x", elementwise=True)
    assert found is not None
    assert (unparse(found.of), unparse(found.by), unparse(found.formula)) == (
        "y",
        "x",
        "f*exp(f*x)",
    )


@pytest.mark.parametrize(
    "formula",
    [
        "x/(1 + exp(-x))",
        "log(1 + exp(x))*tanh(x)",
        "where(x > 1, x**3/7, sin(x)/x)",
        "minimum(maximum(x, -1), 3)*x",
        "max([x, x*x, 3])*min([x, 2])",
        "abs(x - 2)*erf(x)/sqrt(1 + x*x)",
        "x*detach(x*x)*0.7071067811865476",
        "(x - 1)/(x + 1) - 2*x/(x + 1)**2",
        "log(x)**2/lgamma(x + 2) + atan2(x, 3) + 2**x",
        "where(x > 1 and x < 2, x**2, x**3)",
        "where(x < 1 or not (x < 3), sin(x), x*x)",
    ],
)
def test_derivatives_say_what_is_computed(formula: str, derived: Any, spec_of: Any) -> None:
    """The formula for people has the values of the gradient that is judged by."""
    text = derivative_text(spec_of(formula, {"x": ()}), "x")
    assert text
    told = derived(text)
    truth = derived(formula)
    for x in (0.3, 1.75, 2.5, 4.0):
        with ctx.workprec(100):
            (shown,), (wanted,) = exact(told.forward, [x]), truth.exact_gradient([x, 1.0])
            assert float(abs(shown - wanted).upper()) < 1e-20


def test_a_number_as_a_formula() -> None:
    """Simplified; one that would be long is not told."""
    builder = Builder()
    x = input_array(builder, "x", ())
    shown = {"x": Input("x", None, (), None, None, True, Position("a.yaml", 1, 1))}
    (one,) = lower(parse("x*x*x/x"), {"x": x}, builder).reshape(-1)
    found = formula(one, shown)
    assert found is not None
    assert unparse(found) == "x**2"
    (long,) = lower(parse(" + ".join(f"sin({k}*x)" for k in range(2, 40))), {"x": x}, builder).flat
    assert formula(long, shown) is None
