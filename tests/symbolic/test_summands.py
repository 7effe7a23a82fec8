"""Terms and factors of a derivative, each left out: in words, and as numbers."""

from __future__ import annotations

from math import cos, exp, sin
from typing import Any

import pytest

from gradcheck_sym.symbolic import interpret
from gradcheck_sym.symbolic.summands import summands
from gradcheck_sym.symbolic.variant import Variant

X, Y, FED = 0.5, 1.5, 2.0


def _gradient(derivation: Any, variant: Variant, row: list[float]) -> list[float]:
    """The gradient without the part."""
    outputs = interpret.exact(variant.gradient, row)
    return [float(ball) for ball in outputs[derivation.values :]]


def _left_out(derivation: Any, row: list[float]) -> dict[str, tuple[bool, list[float]]]:
    """The part's words -> whether it is a summand, and the gradient without it."""
    return {
        each.part: (each.summand, _gradient(derivation, each, row)) for each in summands(derivation)
    }


def test_terms_and_factors(derived: Any) -> None:
    """Of a product's derivative either term, and of each the factors, alone and together."""
    found = _left_out(derived("sin(x)*x**2"), [X, FED])
    assert found == {
        f"the {part} of the derivative": (summand, [pytest.approx(FED * slope)])
        for part, summand, slope in [
            ("term x**2*cos(x)", True, 2 * X * sin(X)),
            ("factor x of the term x**2*cos(x)", False, X * cos(X) + 2 * X * sin(X)),
            ("factor cos(x) of the term x**2*cos(x)", False, X**2 + 2 * X * sin(X)),
            ("factor x**2 of the term x**2*cos(x)", False, cos(X) + 2 * X * sin(X)),
            ("factor x*cos(x) of the term x**2*cos(x)", False, X + 2 * X * sin(X)),
            ("term 2*x*sin(x)", True, X**2 * cos(X)),
            ("factor x of the term 2*x*sin(x)", False, 2 * sin(X) + X**2 * cos(X)),
            ("factor sin(x) of the term 2*x*sin(x)", False, 2 * X + X**2 * cos(X)),
            ("factor 2*x of the term 2*x*sin(x)", False, sin(X) + X**2 * cos(X)),
            ("factor 2*sin(x) of the term 2*x*sin(x)", False, X + X**2 * cos(X)),
            ("factor x*sin(x) of the term 2*x*sin(x)", False, 2 + X**2 * cos(X)),
        ]
    }


def test_one_input_at_a_time(derived: Any) -> None:
    """A slope of one term has factors only; a signless constant is no factor."""
    derivation = derived("-exp(x*y)", {"x": (), "y": ()})
    slope = -FED * exp(X * Y)
    found = [
        (each.part.removesuffix(" of the derivative"), _gradient(derivation, each, [X, Y, FED]))
        for each in summands(derivation)
    ]
    assert found == [
        ("the factor y", pytest.approx([slope, 0.0])),
        ("the factor exp(x*y)", pytest.approx([-FED * Y, 0.0])),
        ("the factor x", pytest.approx([0.0, slope])),
        ("the factor exp(x*y)", pytest.approx([0.0, -FED * X])),
    ]


def test_elements_have_their_own_values(derived: Any) -> None:
    """The formula is that of an element; a number that goes into all of them is shared."""
    shapes = {"v": (2,), "s": ()}
    found = _left_out(derived("s*v**2 + v", shapes), [X, Y, 3.0, FED, 5.0])
    wanted = [FED, 5.0, 0.0]
    assert found["the term 2*s*v of the derivative"] == (True, pytest.approx(wanted))
    wanted = [FED * (2 * X + 1), 5.0 * (2 * Y + 1), 0.0]
    assert found["the factor s of the term 2*s*v of the derivative"] == (
        False,
        pytest.approx(wanted),
    )


@pytest.mark.parametrize(
    "formula, shapes",
    [
        ("sum(v*v)", {"v": (2,)}),
        ("cumsum(v*v, 0)", {"v": (2,)}),
        ("v*m", {"v": (2,), "m": (2, 2)}),
        ("where(x > 0, x*x, x*sin(x))", {"x": ()}),
        ("v*sin(v)", {"v": (5,)}),
        ("x + x**2 + x**3 + x**4 + x**5 + x**6 + x**7", {"x": ()}),
    ],
)
def test_no_parts_where_there_is_no_single_short_formula(
    formula: str, shapes: dict[str, tuple[int, ...]], derived: Any
) -> None:
    """Not of sums over elements, of branches, of large arrays, nor of long sums."""
    assert list(summands(derived(formula, shapes))) == []
