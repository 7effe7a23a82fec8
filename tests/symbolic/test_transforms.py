"""Derivations of derived functions, held against mpmath's derivatives of the derivative."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from mpmath import mp

from gradcheck_sym.spec.dtypes import format_of
from gradcheck_sym.spec.reader import read_source
from gradcheck_sym.spec.yaml_nodes import Source
from gradcheck_sym.symbolic.derivation import Derivation, derive
from gradcheck_sym.symbolic.places import Place
from gradcheck_sym.symbolic.transforms import gradient_of, tangent_of

FORMULAS = {
    "x**3*sin(y)": lambda x, y: x**3 * mp.sin(y),
    "exp(x*y)/(1 + x*x)": lambda x, y: mp.exp(x * y) / (1 + x * x),
    "where(x > 0, x**2*y, exp(x) + y)": lambda x, y: x**2 * y if x > 0 else mp.exp(x) + y,
    "tanh(x)*lgamma(y + 3)": lambda x, y: mp.tanh(x) * mp.loggamma(y + 3),
}
POINTS = ((0.75, 0.5), (-0.5, 1.25))


def derived(expr: str) -> Derivation:
    """The derivation of a function of two numbers."""
    text = f"inputs: {{x: {{shape: []}}, y: {{shape: []}}}}\nexpr: {expr}\n"
    (spec,), problems = read_source(Source("a.yaml", text))
    assert not problems
    return derive(spec, {})


def truths(of: Derivation, values: dict[str, Any], fed: Any) -> list[float]:
    """All outputs of the joint program at one point."""
    arrays = {name: np.array(value)[None] for name, value in values.items()}
    row = of.pack(arrays, np.array(fed)[None])[0].tolist()
    settled = of.settle(row, format_of("float64"))
    assert settled.place is Place.REGULAR
    return [truth.middle for truth in settled.values + settled.gradient]


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("expr", FORMULAS)
def test_the_gradient_of_the_gradient(expr: str, point: tuple[float, float]) -> None:
    """Its value is the gradient; its own gradient Hessian times vector, and J times vector."""
    f, (x, y), c, (u, v) = FORMULAS[expr], point, 1.5, (0.25, -2.0)
    second = gradient_of(derived(expr), "fed")
    assert second.out_shape == (2,)
    assert second.wrt == ("x", "y", "fed")
    found = truths(second, {"x": x, "y": y, "fed": c}, [u, v])
    with mp.workdps(40):
        fx, fy = (mpmath.diff(f, (x, y), n) for n in ((1, 0), (0, 1)))
        fxx, fxy, fyy = (mpmath.diff(f, (x, y), n) for n in ((2, 0), (1, 1), (0, 2)))
        wanted = [c * fx, c * fy, c * (fxx * u + fxy * v), c * (fxy * u + fyy * v), fx * u + fy * v]
    assert found == pytest.approx([float(w) for w in wanted], rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("expr", FORMULAS)
def test_the_directional_derivative(expr: str) -> None:
    """J v, and along the gradient's own directions forward over reverse."""
    f, (x, y), (u, v) = FORMULAS[expr], POINTS[0], (0.25, -2.0)
    base = derived(expr)
    along = {"x": "tangent of x", "y": "tangent of y"}
    forward = tangent_of(base, along)
    assert forward.wrt == ()
    values = {"x": x, "y": y, "tangent of x": u, "tangent of y": v}
    with mp.workdps(40):
        fx, fy = (mpmath.diff(f, (x, y), n) for n in ((1, 0), (0, 1)))
        fxx, fxy, fyy = (mpmath.diff(f, (x, y), n) for n in ((2, 0), (1, 1), (0, 2)))
        slope, bent = fx * u + fy * v, [fxx * u + fxy * v, fxy * u + fyy * v]
    assert truths(forward, values, 1.0) == pytest.approx([float(slope)], rel=1e-12)
    over = tangent_of(gradient_of(base, "fed"), {**along, "fed": "tangent of fed"})
    values |= {"fed": 1.0, "tangent of fed": 0.0}
    assert truths(over, values, [1.0, 1.0]) == pytest.approx(
        [float(b) for b in bent], rel=1e-12, abs=1e-14
    )


def test_what_only_scales_slopes() -> None:
    """What is fed and tangents multiply slopes; at unit scale these show."""
    text = "inputs: {x: {shape: [2]}, y: {shape: [3]}}\nexpr: sum(x)*sum(y*y)\n"
    (spec,), _ = read_source(Source("a.yaml", text))
    second = gradient_of(derive(spec, {}), "fed")
    over = tangent_of(second, {"x": "u", "y": "v", "fed": "w"})
    assert (second.scales, over.scales) == (("fed",), ("fed", "u", "v", "w"))
    row = np.array([[3.0, -5.0, 7.0, 8.0, 9.0, -0.25, *[0.0, -2.0, 3.0, 4.0, -0.0]]])
    scaled = second.at_unit_scale(row)
    assert scaled[0, :5].tolist() == row[0, :5].tolist()
    assert np.sign(scaled[0, 5:]).tolist() == [-1, 1, -1, 1, 1, -1]
    sizes = np.abs(scaled[0, 5:])
    assert len(set(sizes)) == len(sizes), "no two cancel"
    assert ((sizes >= 1) & (sizes < 2)).all()
    assert derive(spec, {}).at_unit_scale(row[:, :6])[0, :5].tolist() == row[0, :5].tolist()


def test_ties_of_the_formula_are_kinks_of_its_gradient() -> None:
    """max(x, y) is smooth beside a tie, and its gradient has no value at one."""
    second = gradient_of(derived("maximum(x, y)"), "fed")
    row = second.pack({"x": np.ones(1), "y": np.ones(1), "fed": np.ones(1)}, np.ones((1, 2)))
    assert second.settle(row[0].tolist(), format_of("float64")).place is Place.KINK


def test_what_is_a_gradient_is_one_thing() -> None:
    """Of a gradient all inputs' parts, of its backward all products with the Hessian."""
    base = derived("x*y")
    along = {"x": "tangent of x", "y": "tangent of y"}
    second = gradient_of(base, "fed")
    assert list(second.together)[-2:] == [slice(0, 2), slice(2, 4)]
    assert second.columns()["fed"] == slice(4, 5)
    over = tangent_of(second, {**along, "fed": "tangent of fed"})
    assert list(over.together) == [slice(0, 2)]
    assert not tangent_of(base, along).together


@pytest.mark.parametrize("expr", FORMULAS)
def test_a_tangent_differentiated_again(expr: str) -> None:
    """By the inputs it gives H v, along second tangents w·H v."""
    f, (x, y), (u, v), (p, q) = FORMULAS[expr], POINTS[0], (0.25, -2.0), (3.0, 0.5)
    base = derived(expr)
    bent = tangent_of(base, {"x": "u", "y": "v"}, base.wrt)
    assert bent.wrt == ("x", "y")
    assert list(bent.together)[-1] == slice(1, 3)
    values = {"x": x, "y": y, "u": u, "v": v}
    with mp.workdps(40):
        fxx, fxy, fyy = (mpmath.diff(f, (x, y), n) for n in ((2, 0), (1, 1), (0, 2)))
        moved = [float(fxx * u + fxy * v), float(fxy * u + fyy * v)]
    close = {"rel": 1e-12, "abs": 1e-14}
    assert truths(bent, values, 1.0)[1:] == pytest.approx(moved, **close)
    second = tangent_of(bent, {"x": "p", "y": "q"})
    wanted = p * moved[0] + q * moved[1]
    assert truths(second, values | {"p": p, "q": q}, 1.0) == pytest.approx([wanted], **close)
    assert not second.together
