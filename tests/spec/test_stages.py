"""The mathematics in stages, as one differentiates it by hand."""

from __future__ import annotations

import pytest

from gradcheck_sym.spec.reader import read_source
from gradcheck_sym.spec.stages import flowing, stages
from gradcheck_sym.spec.unparse import unparse
from gradcheck_sym.spec.yaml_nodes import Source


def staged(expr: str, let: str = "{}", extra: str = "") -> list[str]:
    """The stages of an expression of x, and of a constant c."""
    text = (
        "inputs: {x: {shape: [n]}, c: {value: 2, requires_grad: false}}\n"
        f'let: {let}\nexpr: "{expr}"\ntorch: x*c\n{extra}'
    )
    specs, problems = read_source(Source("a.yaml", text))
    assert not problems, problems
    return [f"{stage.name} = {unparse(stage.tree)}" for stage in stages(specs[0], "f")]


@pytest.mark.parametrize(
    "expr, expected",
    [
        ("x*x + 2*x", ["f = x*x + 2*x"]),
        ("exp(-x)", ["f = exp(-x)"]),
        ("log(1 + exp(x))", ["u = 1 + exp(x)", "f = log(u)"]),
        ("1/(1 + exp(-x))", ["u = 1 + exp(-x)", "f = 1/u"]),
        ("x*erf(x/sqrt(2))", ["u = x/sqrt(2)", "f = x*erf(u)"]),
        ("log(sum(exp(x)))", ["u = exp(x)", "v = sum(u)", "f = log(v)"]),
        ("exp(x)/sum(exp(x))", ["u = exp(x)", "v = sum(u)", "f = u/v"]),
        ("sum((x - mean(x))**2)/n", ["u = x - mean(x)", "v = u**2", "f = sum(v)/n"]),
        ("x*sin(c*c + 1)", ["f = x*sin(c*c + 1)"]),
        ("where(2*x > 1, x, exp(2*x))", ["u = 2*x", "f = where(u > 1, x, exp(u))"]),
        ("x*detach(exp(x*x))", ["f = x*detach(exp(x*x))"]),
        ("sum(x[1:])", ["f = sum(x[1:])"]),
        ("sum(x.T)", ["f = sum(x.T)"]),
    ],
)
def test_inner_functions_get_names(expr: str, expected: list[str]) -> None:
    """Those that depend on an input with a gradient; equal ones the same name."""
    assert staged(expr) == expected


def test_the_author_s_names_stay() -> None:
    """Lets are stages of their own, and no name is taken twice."""
    assert staged("log(u + exp(x*x))", "{u: c*x}") == [
        "u = c*x",
        "v = x*x",
        "w = u + exp(v)",
        "f = log(w)",
    ]


def test_many_names_explain_nothing() -> None:
    """Where every other sign would get one, the formula stays as it is."""
    nested = "x"
    for _ in range(7):
        nested = f"sin(1 + {nested}*x)"
    assert staged(nested) == [f"f = {nested}"]


def test_what_flows() -> None:
    """Neither through detach nor through conditions."""
    specs, _ = read_source(
        Source("a.yaml", "inputs: {x: , y: , z: }\nexpr: where(x > 0, y, detach(z)*y)\n")
    )
    assert specs[0].expr is not None
    assert flowing(specs[0].expr.tree) == {"y"}
