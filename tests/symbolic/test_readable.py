"""SymPy's expressions as one writes them by hand."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
import sympy

from gradcheck_sym.spec import tree
from gradcheck_sym.spec.parser import parse
from gradcheck_sym.spec.unparse import unparse
from gradcheck_sym.symbolic.readable import number, tree_of

X, Y = sympy.symbols("x y", real=True)
NAMED = {X: tree.Name("x"), Y: tree.Index(tree.Name("y"), (tree.Number(Fraction(0)),))}


@pytest.mark.parametrize(
    "expr, text",
    [
        (sympy.exp(2 * X), "exp(2*x)"),
        (X**-1, "1/x"),
        (X**-2 * Y, "y[0]/x**2"),
        (sympy.sqrt(X), "sqrt(x)"),
        (1 / sympy.sqrt(X), "1/sqrt(x)"),
        (-X / Y, "-x/y[0]"),
        (1 - X, "1 - x"),
        (-1 - X, "-x - 1"),
        (X / 3, "x/3"),
        (X * sympy.Rational(1, 128), "0.0078125*x"),
        (sympy.pi * X, "pi*x"),
        (sympy.Abs(X), "abs(x)"),
        (sympy.Max(X, Y), "maximum(x, y[0])"),
        (sympy.Min(X, 2), "minimum(2, x)"),
        (sympy.polygamma(0, X), "digamma(x)"),
        (sympy.polygamma(1, X), "polygamma(1, x)"),
        (sympy.loggamma(X), "lgamma(x)"),
        (sympy.sin(X) * (1 + Y), "sin(x)*(y[0] + 1)"),
        (X**Y, "x**y[0]"),
        (sympy.Integer(0), "0"),
    ],
)
def test_expressions_are_written_as_by_hand(expr: Any, text: str) -> None:
    """Quotients as such, positive terms first, functions under the language's names."""
    assert unparse(tree_of(expr, NAMED)) == text


def test_pieces_are_conditions_in_order() -> None:
    """The last value is that of all other points."""
    condition = sympy.Symbol("c")
    named = {**NAMED, condition: parse("x < 1")}
    expr = sympy.Piecewise((X, condition), (Y, True), evaluate=False)
    assert unparse(tree_of(expr, named)) == "where(x < 1, x, y[0])"


@pytest.mark.parametrize(
    "value, text",
    [
        (Fraction(3), "3"),
        (Fraction(1, 3), "1/3"),
        (Fraction(-1, 3), "-1/3"),
        (Fraction(1, 64), "1/64"),
        (Fraction(1, 80), "0.0125"),
        (Fraction(1, 125), "0.008"),
        (Fraction(1, 96), "1/96"),
        (Fraction(-5), "-5"),
    ],
)
def test_numbers(value: Fraction, text: str) -> None:
    """A quotient of small integers stays one; what is better in decimals is written in them."""
    assert unparse(number(value)) == text
