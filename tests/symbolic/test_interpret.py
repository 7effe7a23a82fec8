"""What overflows on the way counts where it is used, along the branches that are taken."""

from __future__ import annotations

from typing import Any

import pytest
from flint import arb

from gradcheck_sym.spec.dtypes import format_of
from gradcheck_sym.symbolic.interpret import Run, compare, exact

FLOAT16 = format_of("float16")
XY: dict[str, tuple[int, ...]] = {"x": (), "y": ()}


@pytest.mark.parametrize(
    "formula, overflow",
    [
        ("exp(x) - y", "exp"),
        ("x*x*x - y", "arithmetic"),
        ("y*3 - x", ""),
        ("where(x > 50, exp(x), y)", "exp"),
        ("where(x < 50, exp(x), y)", ""),
        ("where(x < 50, y, exp(x))", "exp"),
        ("where(x > 50, y, exp(x))", ""),
        ("where(exp(x) > 50, y, x)", ""),
        ("maximum(exp(x), y)", "exp"),
        ("minimum(exp(x), y)", ""),
        ("minimum(y, exp(x))", ""),
        ("maximum(y, exp(x))", "exp"),
        ("sign(exp(x))*y", ""),
        ("floor(exp(x))*y", "exp"),
    ],
)
def test_what_overflows_is_what_is_used(formula: str, overflow: str, program_of: Any) -> None:
    """In float16, at x = 100 and y = 1; a condition is decided by the mathematics."""
    program, row = program_of(formula, XY), [100.0, 1.0]
    decisions = Run.exact(program, row).decisions
    assert Run.lossy(program, row, decisions, FLOAT16).overflow == overflow


@pytest.mark.parametrize(
    "formula, value",
    [
        ("where(x > y, x, y)", 3.0),
        ("maximum(y, x)", 3.0),
        ("minimum(y, x)", 2.0),
        ("floor(x/y)", 1.0),
        ("ceil(x/y)", 2.0),
        ("sign(y - x)", -1.0),
        ("where(x >= 3 and not (y > 2), 5, 7)", 5.0),
        ("where(x != 3 or y < 2, 5, 7)", 7.0),
        ("where(x == 3, 5, 7)", 5.0),
        ("where(x <= 2, 5, 7)", 7.0),
    ],
)
def test_branches_are_decided(formula: str, value: float, program_of: Any) -> None:
    """At ties as the mathematics says."""
    (found,) = exact(program_of(formula, XY), [3.0, 2.0])
    assert float(found) == value


@pytest.mark.parametrize(
    "op, at_a_tie, below",
    [
        ("lt", False, True),
        ("le", True, True),
        ("gt", False, False),
        ("ge", True, False),
        ("eq", True, False),
        ("ne", False, True),
    ],
)
def test_comparisons_of_exact_numbers(op: str, at_a_tie: bool, below: bool) -> None:
    """Ties are decided, and what is only known to lie about a number is not."""
    assert compare(op, arb(2), arb(2)) is at_a_tie
    assert compare(op, arb(1), arb(2)) is below
    assert compare(op, arb(2, 1), arb(2)) is None


@pytest.mark.parametrize("formula, sign", [("x*x*x", 1), ("-(x*x*x)", -1), ("(-x)*x*x - y", -1)])
def test_what_overflows_keeps_its_sign(formula: str, sign: int, program_of: Any) -> None:
    """In float16, at x = 100 and y = 1."""
    program, row = program_of(formula, XY), [100.0, 1.0]
    run = Run.lossy(program, row, Run.exact(program, row).decisions, FLOAT16)
    (value,) = (run.balls[at] for at in program.outputs)
    assert value * sign > FLOAT16.max * 2.0**64
