"""What an author may have left out: parts of the formula, in words, and the gradient without."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, exp, sin, tanh
from typing import Any

import pytest

from gradcheck_sym.spec.reader import read_source
from gradcheck_sym.spec.yaml_nodes import Source
from gradcheck_sym.symbolic import interpret, terms
from gradcheck_sym.symbolic.derivation import derive
from gradcheck_sym.symbolic.terms import variants
from gradcheck_sym.symbolic.variant import Variant

X, C, FED = 0.5, 0.25, 2.0

Parts = Callable[..., list[tuple[Variant, list[float]]]]


@pytest.fixture
def parts() -> Parts:
    """Make the variants of a spec's text, each with its gradient at a point."""

    def made(text: str, *row: float) -> list[tuple[Variant, list[float]]]:
        (spec,), problems = read_source(Source("a.yaml", text))
        assert not problems
        derivation = derive(spec, {})
        return [
            (
                each,
                [float(ball) for ball in interpret.exact(each.gradient, row)][derivation.values :],
            )
            for each in variants(spec, derivation, {})
        ]

    return made


def test_parts_of_a_formula(parts: Parts) -> None:
    """Ways are left out, slopes count as 1, and a value is taken for its argument."""
    found = parts("inputs: {x: {domain: real}}\nexpr: x*sin(exp(x))", X, FED)
    e = exp(X)
    first, inner, outer = sin(e), X * cos(e) * e, X * cos(e)
    wanted = [
        ("the dependence through x in x*sin(exp(x))", True, "", inner),
        ("the dependence through sin(exp(x))", True, "", first),
        ("the slope of sin(exp(x)) by exp(x)", False, "", first + X * e),
        ("the dependence through exp(x)", True, "", first),
        ("the slope of exp(x) by x", False, "", first + outer),
        (
            "the slope of exp(x), y of its value y,",
            False,
            "is taken of x instead",
            first + outer * X,
        ),
        ("the dependence through x in exp(x)", True, "", first),
    ]
    own = found[: len(wanted)]
    assert [(one.part, one.summand, one.flaw, slope) for one, slope in own] == [
        (part, summand, flaw, [pytest.approx(FED * slope)]) for part, summand, flaw, slope in wanted
    ]
    assert all(one.key for one, _ in own)
    rest = [one for one, _ in found[len(wanted) :]]
    assert rest[0].part == "the term x*exp(x)*cos(exp(x)) of the derivative"
    assert [one.part for one in rest if not one.key] == [
        "the dependence through sin(exp(x))",
        "the dependence through exp(x)",
    ]


def test_lets_come_first_and_constants_not_at_all(parts: Parts) -> None:
    """A let is told with its formula; what no gradient flows through is no part."""
    text = (
        "inputs: {x: {domain: real}, c: {domain: real, requires_grad: false}}\n"
        "let: {u: tanh(x), k: 2*c}\n"
        "expr: u*k + where(not x > 0, u, x)"
    )
    found = parts(text, X, C, FED)
    slope = 1 - tanh(X) ** 2
    assert [(one.part, gradient) for one, gradient in found[:3]] == [
        ("the dependence through u = tanh(x)", [pytest.approx(FED)]),
        ("the slope of tanh(x) by x", [pytest.approx(FED * (2 * C + 1))]),
        (
            "the slope of tanh(x), 1 - y**2 of its value y,",
            [pytest.approx(FED * (2 * C * (1 - X**2) + 1))],
        ),
    ]
    said = {one.part: gradient for one, gradient in found}
    assert said["the slope of u*k by u"] == [pytest.approx(FED * (slope + 1))]
    assert said["the dependence through x in where(not x > 0, u, x)"] == [
        pytest.approx(FED * 2 * C * slope)
    ]
    own = [one.part for one, _ in found if one.key]
    assert not [part for part in own if part.endswith((" c", "k in u*k", "2*c", "not x > 0"))]


def test_scalars_inside_of_a_function(parts: Parts) -> None:
    """softmax hides an exponential of each element and their sum."""
    found = parts("inputs: {x: {shape: [2], domain: real}}\nexpr: softmax(x, 0)", X, C, FED, 3.0)
    hidden = {one.part: gradient for one, gradient in found if not one.key}
    p, q = (exp(x) / (exp(X) + exp(C)) for x in (X, C))
    assert hidden == {
        "the dependence through exp(x[0]) + exp(x[1])": pytest.approx([FED * p, 3.0 * q]),
        "the dependence through exp(x[0])": pytest.approx([0.0, 0.0], abs=1e-15),
    }


def test_large_programs_are_left_alone(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Differentiating them again and again would take long."""
    text = "inputs: {x: {domain: real}}\nexpr: x*sin(exp(x))"
    monkeypatch.setattr(terms, "_MOST_PARTS", 2)
    parts_of = [one.part for one, _ in parts(text, X, FED)]
    assert parts_of[2].startswith("the term")
    monkeypatch.setattr(terms, "_LARGEST_PROGRAM", 5)
    assert parts(text, X, FED) == []


def test_long_parts_are_shortened(parts: Parts) -> None:
    """The words stay a line."""
    long = " + ".join(f"sin({k}*x)" for k in range(2, 12))
    found: Any = parts(f"inputs: {{x: {{domain: real}}}}\nexpr: exp({long})", X, FED)
    assert found[0][0].part == f"the slope of exp({long})"[:73] + f"… by {long[:60]}…"
    assert "a sum inside the formula" in {
        one.part.removeprefix("the dependence through ") for one, _ in found if not one.key
    }
