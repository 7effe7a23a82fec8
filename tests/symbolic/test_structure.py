"""What a program says of itself: thresholds, domains, and whether elements mind each other."""

from __future__ import annotations

import math
from typing import Any

import pytest

from gradcheck_sym.symbolic import structure

INTEGERS = (-2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
XY: dict[str, tuple[int, ...]] = {"x": (), "y": ()}


@pytest.mark.parametrize(
    "formula, expected",
    [
        ("x + y", {}),
        ("where(x > 20, x, log1p(exp(x)))", {"x": (20.0,)}),
        ("where(2*x - 3 >= 5, x, 0)", {"x": (4.0,)}),
        ("where(3 < -x/2, x, 0)", {"x": (-6.0,)}),
        ("where(x > y, 1, 2)", {}),
        ("where(x > x, 1, 2)", {}),
        ("where(x - y > x, 1, 2)", {}),
        ("where(x > pi, 1, 2)", {"x": (math.pi,)}),
        ("where(detach(x) > 2, x, 2)", {"x": (2.0,)}),
        ("where(x > 1 and y < 2, 1, x)", {"x": (1.0,), "y": (2.0,)}),
        ("abs(x - 1)", {"x": (1.0,)}),
        ("abs(x*x - 1)", {}),
        ("relu(2*x + 1) + minimum(x, 6)", {"x": (-0.5, 6.0)}),
        ("maximum(maximum(0, x - 1), 2 - x)", {"x": (1.0, 1.5, 2.0)}),
        ("clamp(x, -1, 1)", {"x": (-1.0, 1.0)}),
        ("floor(x)", {"x": INTEGERS}),
        ("ceil(2*y)", {"y": tuple(k / 2 for k in INTEGERS)}),
        ("sqrt(x - 3)", {"x": (3.0,)}),
        ("asin(x) + acos(2*y)", {"x": (-1.0, 1.0), "y": (-0.5, 0.5)}),
        ("where(x > 10**400, 1, 2)", {}),
        ("where(x/0 > 1, 1, x)", {}),
        ("where(0*x > 1, 1, x)", {}),
    ],
)
def test_thresholds(formula: str, expected: dict[str, tuple[float, ...]], program_of: Any) -> None:
    """Levels of lines in one input are found exactly; of anything else nothing is said."""
    assert structure.thresholds(program_of(formula, XY)) == expected


def test_thresholds_are_told_for_each_element(program_of: Any) -> None:
    """Flat names keep the elements apart."""
    found = structure.thresholds(program_of("where(x > v, x, 0)", {"x": (2,), "v": ()}))
    assert found == {}
    found = structure.thresholds(program_of("abs(x - [1, 2])", {"x": (2,)}))
    assert found == {"x[0]": (1.0,), "x[1]": (2.0,)}


@pytest.mark.parametrize(
    "formula, expected",
    [
        ("exp(x)", {}),
        ("log(x)", {"x": (0.0, math.inf)}),
        ("log(1 - x)", {"x": (-math.inf, 1.0)}),
        ("log(2*x - 3) + sqrt(5 - x)", {"x": (1.5, 5.0)}),
        ("log1p(x)*atanh(y/2)", {"x": (-1.0, math.inf), "y": (-2.0, 2.0)}),
        ("x**0.5", {"x": (0.0, math.inf)}),
        ("x**(-1/3)", {"x": (0.0, math.inf)}),
        ("x**2 + x**(-1)", {}),
        ("where(x > 0, log(x), 0)", {}),
        ("where(log(x) > 0, x, 0)", {"x": (0.0, math.inf)}),
        ("maximum(log(x), y)", {"x": (0.0, math.inf)}),
        ("log(x*y)", {}),
        ("log(x*x)", {}),
        ("log(3)*x", {}),
        ("log(0*x)", {}),
        ("sqrt(sqrt(x))", {"x": (0.0, math.inf)}),
        ("acosh(-x)", {"x": (-math.inf, -1.0)}),
    ],
)
def test_natural_domains(
    formula: str, expected: dict[str, tuple[float, float]], program_of: Any
) -> None:
    """Where the functions that every point reaches are defined, as ranges of single inputs."""
    assert structure.natural_domains(program_of(formula, XY)) == expected


@pytest.mark.parametrize(
    "formula, shared, expected",
    [
        ("sin(x)*y", (), True),
        ("x*b + y", ("b",), True),
        ("x*b", (), False),
        ("x*flip(y, 0)", (), False),
        ("x + sum(y)", (), False),
        ("cumsum(x, 0)", (), False),
        ("softmax(x, 0)", (), False),
        ("x[0] + 0*y", (), False),
        ("where(x > y, x, y)", (), True),
        ("flip(flip(x, 0), 0)", (), True),
        ("x - x + 3", (), True),
        ("ones(2)", (), True),
    ],
)
def test_elementwise(
    formula: str, shared: tuple[str, ...], expected: bool, program_of: Any
) -> None:
    """Element k may use element k of each input and what is shared, and nothing else."""
    program = program_of(formula, {"x": (2,), "y": (2,), "b": ()})
    names = [("x[0]", "x[1]"), ("y[0]", "y[1]")]
    assert structure.is_elementwise(program, names, frozenset(shared)) is expected


def test_constants_are_floats(program_of: Any) -> None:
    """Those beyond their range are infinite, with their sign."""
    assert structure.constants_of(program_of("x*0.5 + y*10**400 + pi", XY)) == (0.5, math.inf)
    assert structure.constants_of(program_of("x + y*(-10**400)", XY)) == (-math.inf,)


@pytest.mark.parametrize(
    "formula, expected",
    [
        ("2*x", True),
        ("exp(x)/sum(exp(x), dim=1, keepdim=true)", True),
        ("x*s", True),
        ("x - [[1, 2], [3, 4]]", False),
        ("x*[[1], [2]]", False),
        ("exp(x)/sum(exp(x), dim=0, keepdim=true)", False),
        ("flip(x, 0)", False),
        ("flip(x, 1)", True),
        ("where([[1], [2]] > 1, x + 1, x + 1 + 1)", False),
    ],
)
def test_rows_are_alike_if_each_is_the_same_function_of_its_own(
    formula: str, expected: bool, program_of: Any
) -> None:
    """The same operations of the same elements in the same order; all may use what is shared."""
    program = program_of(formula, {"x": (2, 2), "s": ()})
    names = [["x[0,0]", "x[0,1]"], ["x[1,0]", "x[1,1]"]]
    assert structure.are_alike(program, [[0, 1], [2, 3]], names, frozenset({"s"})) is expected


@pytest.mark.parametrize(
    "formula, apart",
    [
        ("exp(x) + 2", True),
        ("x*[2, 2]", True),
        ("x*[2, 3]", False),
        ("x + [x[1], 0]", False),
        ("where(x > [0, 1], x, 0)", False),
        ("x*v", True),
    ],
)
def test_elements_that_are_one_function(formula: str, apart: bool, program_of: Any) -> None:
    """Each of its own input, and with the same constants."""
    program = program_of(formula, {"x": (2,), "v": ()})
    assert structure.are_alike(program, [[0], [1]], [["x[0]"], ["x[1]"]], frozenset({"v"})) is apart


@pytest.mark.parametrize(
    "formula, level",
    [("3*x - 6", 2.0), ("x*3 - 6", 2.0), ("(x - 2)*(x + 2)", None), ("x*y - 6", None)],
)
def test_only_products_with_constants_are_lines(
    formula: str, level: float | None, program_of: Any
) -> None:
    """A product of two lines is none."""
    expected = {} if level is None else {"x": (level,)}
    assert structure.thresholds(program_of(f"where({formula} > 0, x, y)", XY)) == expected


@pytest.mark.parametrize(
    "formula, alike", [("[x[0] - y[0], x[1] - y[1]]", True), ("[x[0] - y[0], y[1] - x[1]]", False)]
)
def test_parts_may_not_exchange_their_inputs(formula: str, alike: bool, program_of: Any) -> None:
    """The first input of one part stands for the first of the other."""
    program = program_of(formula, {"x": (2,), "y": (2,)})
    names = [["x[0]", "y[0]"], ["x[1]", "y[1]"]]
    assert structure.are_alike(program, [[0], [1]], names, frozenset()) is alike
