"""Programs with their constants rounded to a dtype."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import pytest
from flint import ctx

from gradcheck_sym.spec.dtypes import format_of
from gradcheck_sym.symbolic import interpret
from gradcheck_sym.symbolic.places import Place, place_of
from gradcheck_sym.symbolic.program import Program
from gradcheck_sym.symbolic.rounded import rounded

ProgramOf = Callable[..., Program]
X: dict[str, tuple[int, ...]] = {"x": ()}


@pytest.mark.parametrize(
    "dtype, number",
    [("float64", 0.9), ("float32", 0.89999998), ("bfloat16", 0.8984375), ("float16", 0.89990234)],
)
def test_a_constant_becomes_the_nearest_number(
    program_of: ProgramOf, dtype: str, number: float
) -> None:
    """Exactly, with no more bits than the dtype has."""
    form = format_of(dtype)
    program = rounded(program_of("x + 0.9", X), form)
    assert program is not None
    (found,) = (step.data for step in program.code if step.op == "const")
    assert isinstance(found, Fraction)
    assert float(found) == pytest.approx(number, rel=1e-8)
    assert abs(found - Fraction(9, 10)) <= Fraction(9, 10) / 2**form.precision
    assert found == Fraction(float(found))


def test_what_needs_no_rounding_is_left(program_of: ProgramOf) -> None:
    """Whole numbers, halves, and what depends on inputs."""
    assert rounded(program_of("where(x > 0.5, 3*x, abs(x)/2)", X), format_of("float64")) is None


@pytest.mark.parametrize(
    "formula, dtype, changes",
    [
        ("x - 0.3", "float32", True),
        ("x - 1.00000001", "float32", False),
        ("1 + 1e-8 - x", "float32", False),
        ("1 + 1e-8 - x", "float64", True),
        ("x - 2/3", "float16", True),
        ("x - pi", "bfloat16", True),
        ("x - 0.31", "bfloat16", True),
        ("x - 0.313", "bfloat16", False),
    ],
)
def test_literals_of_no_more_digits_than_are_kept(
    formula: str, dtype: str, changes: bool, program_of: ProgramOf
) -> None:
    """Who writes more than that has another number in mind, or a dtype that is none for it."""
    found = rounded(program_of(formula, X), format_of(dtype), folded=False)
    assert (found is not None) is changes


@pytest.mark.parametrize(
    "threshold, named",
    [
        ("0.9", 0.9),
        ("1/3", 1 / 3),
        ("log(2)", math.log(2)),
        ("pi/4", math.pi / 4),
        ("sqrt(2)", math.sqrt(2)),
    ],
)
def test_the_float_of_that_name_is_a_kink(
    program_of: ProgramOf, threshold: str, named: float
) -> None:
    """Also of a constant that is no fraction; beside the number itself it is regular."""
    exact = program_of(f"maximum(x, {threshold})", X)
    changed = rounded(exact, format_of("float64"))
    assert changed is not None
    assert _place(exact, named) is Place.REGULAR
    assert _place(changed, named) is Place.KINK


def _place(program: Program, x: float) -> Place:
    with ctx.workprec(256):
        return place_of(program, interpret.Run.exact(program, [x]), program.outputs)[0]
