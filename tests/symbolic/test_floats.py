"""Scalar programs in NumPy: conditions, functions that NumPy lacks, corners."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from gradcheck_sym.spec.functions import FUNCTIONS
from gradcheck_sym.spec.parser import parse
from gradcheck_sym.symbolic import interpret
from gradcheck_sym.symbolic.floats import evaluate
from gradcheck_sym.symbolic.lower import input_array, lower_condition
from gradcheck_sym.symbolic.program import Builder, Program, finish

XY: dict[str, tuple[int, ...]] = {"x": (), "y": ()}


def _conditions(text: str) -> Program:
    builder = Builder()
    arrays = {name: input_array(builder, name, ()) for name in "xy"}
    return finish("xy", [lower_condition(parse(text), arrays, builder).item()])


def test_conditions_are_booleans() -> None:
    """A condition is evaluated at each point; ties are decided as floats decide them."""
    points = np.array([[1.0, 2.0], [2.0, 2.0], [3.0, 2.0]])
    for op, expected in (
        ("<", [True, False, False]),
        ("<=", [True, True, False]),
        (">", [False, False, True]),
        (">=", [False, True, True]),
        ("==", [False, True, False]),
        ("!=", [True, False, True]),
    ):
        (found,) = evaluate(_conditions(f"x {op} y"), points)
        assert found.dtype == bool
        assert found.tolist() == expected
    (both,) = evaluate(_conditions("x > 1 and not (y == x) or x < 0"), points)
    assert both.tolist() == [False, False, True]


@pytest.mark.parametrize("row", [r for r in FUNCTIONS.values() if r.signature == "x"], ids=str)
def test_every_function_of_one_number(row: Any, program_of: Any) -> None:
    """NumPy's, or Arb's where NumPy lacks it: next to the ball either way, NaN outside."""
    if not row.elementwise:
        return
    program = program_of(f"{row.name}(x)")
    points = np.array([-2.5, -0.5, 0.25, 0.75, 1.5])
    (found,) = evaluate(program, points[:, None])
    for x, value in zip(points, found, strict=True):
        ball = interpret.exact(program, [x])[0]
        if ball.is_finite():
            assert value == pytest.approx(float(ball), rel=1e-12)
        else:
            assert math.isnan(value)


def test_corners_raise_no_warning(program_of: Any) -> None:
    """Divisions by zero, overflow and invalid operations give what floats give, silently."""
    points = np.array([[0.0, 0.0], [1e308, 1e-308]])
    for formula, expected in (
        ("x/y", [math.nan, math.inf]),
        ("log(y)", [-math.inf, math.log(1e-308)]),
        ("exp(x)", [1.0, math.inf]),
        ("x*10**400", [math.nan, math.inf]),
        ("x*(-10)**401", [math.nan, -math.inf]),
        ("inf - x", [math.inf, math.inf]),
        ("x**(-1)", [math.inf, 1e-308]),
        ("(-1)**0.5 + x", [math.nan, math.nan]),
        ("pi + 0*x", [math.pi, math.pi]),
    ):
        (found,) = evaluate(program_of(formula, XY), points)
        np.testing.assert_allclose(found, expected, err_msg=formula)


def test_constants_fill_all_points_and_no_points_give_none(program_of: Any) -> None:
    """A constant has as many values as there are points; so has everything at no points."""
    (found,) = evaluate(program_of("3/4", XY), np.ones((5, 2)))
    assert found.tolist() == [0.75] * 5
    for formula in ("3/4", "x*y", "digamma(x)", "where(x > y, 1, 2)"):
        (found,) = evaluate(program_of(formula, XY), np.ones((0, 2)))
        assert found.shape == (0,)


def test_gates_and_winners() -> None:
    """What only a derivative uses: a closed gate, the winner of an extreme, first at a tie."""
    builder = Builder()
    x, y = builder.input("x"), builder.input("y")
    outputs = [
        builder.emit("scale", [x, y]),
        builder.emit("wins", [x, y], "max:0"),
        builder.emit("wins", [x, y], "min:1"),
        builder.emit("polygamma", [y], 1),
    ]
    points = np.array([[0.0, math.inf], [2.0, 3.0], [3.0, 3.0]])
    gate, most, least, slope = evaluate(finish(["x", "y"], outputs), points)
    assert gate.tolist() == [0.0, 6.0, 9.0]
    assert most.tolist() == [0.0, 0.0, 1.0]
    assert least.tolist() == [0.0, 0.0, 0.0]
    assert slope[1] == pytest.approx(0.39493406684822646)
