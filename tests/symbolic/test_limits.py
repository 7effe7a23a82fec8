"""Lines into a point: what gradients tend to, which lines leave the domain, where values jump."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest
from flint import arb, ctx

from gradcheck_sym.spec.dtypes import DTYPES, format_of
from gradcheck_sym.symbolic import directions
from gradcheck_sym.symbolic.blocks import blocks
from gradcheck_sym.symbolic.faces import Face, faces
from gradcheck_sym.symbolic.limits import UNIT, Approach, Line, Way, sharp_limit

FLOAT64 = format_of("float64")
XY: dict[str, tuple[int, ...]] = {"x": (), "y": ()}


@pytest.fixture(scope="session")
def approach_of(derived: Any) -> Any:
    """Make an approach to a point of an expression, with ones as cotangents."""

    def made(expr: str, point: list[float], dtype: str = "float64", **shapes: Any) -> Approach:
        derivation = derived(expr, shapes or None)
        row = [*point, *[1.0] * derivation.values]
        args = (derivation.joint, derivation.values, derivation.moving())
        return Approach(*args, row, format_of(dtype))

    return made


def along(approach: Approach, *direction: int) -> Line:
    """What happens to the only block along a direction."""
    found = blocks(approach.program, approach.values, approach.moving)
    (line,) = approach.lines(tuple(step * UNIT for step in direction), found)
    return line


def slopes(line: Line) -> list[float]:
    """The limits along a line."""
    assert line.way is Way.LIMIT
    return [slope.value for slope in line.slopes]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "expr, point, left, right",
    [
        ("abs(x)", 0.0, -1.0, 1.0),
        ("maximum(x, 3)", 3.0, 0.0, 1.0),
        ("where(x > 1, x*x, 2*x - 1)", 1.0, 2.0, 2.0),
        ("sinc(x)", 0.0, 0.0, 0.0),
        ("where(x == 0, 1/2, (1 - cos(x))/x**2)", 0.0, 0.0, 0.0),
        ("abs(x)**1.5", 0.0, 0.0, 0.0),
        ("x*abs(x)", 0.0, 0.0, 0.0),
        ("abs(x)**0.5", 0.0, -math.inf, math.inf),
        ("where(x == 0, 0, x*log(abs(x)))", 0.0, -math.inf, -math.inf),
        ("where(x > 0, sqrt(x), 0)", 0.0, 0.0, math.inf),
        ("1/x", 0.0, -math.inf, -math.inf),
        ("abs(x - 1)*2**(-100)", 1.0, -(2.0**-100), 2.0**-100),
    ],
)
def test_limits_on_both_sides(
    expr: str, point: float, left: float, right: float, dtype: str, approach_of: Any
) -> None:
    """Finite, or infinite however slowly; what is below every subnormal of the dtype is 0."""
    approach = approach_of(expr, [point], dtype)
    found = [slopes(along(approach, step))[0] for step in (-1, 1)]
    tiny = format_of(dtype).smallest_subnormal * 2.0**-7
    assert found == [0.0 if abs(side) < tiny else side for side in (left, right)]


def test_what_cannot_be_told_is_left_open(approach_of: Any) -> None:
    """What neither settles nor plainly grows: 1/log(x) falls to 0 too slowly, sine not at all."""
    slow = "where(x > 0, x/log(x), 0)"
    assert along(approach_of(slow, [0.0]), 1).way is Way.OPEN
    oscillating = "where(x == 0, 0, x**2*sin(1/x))"
    assert along(approach_of(oscillating, [0.0]), 1).way is Way.OPEN


@pytest.mark.parametrize("expr", ["sqrt(x)", "log(x)", "x**1.5", "acosh(x + 1)"])
def test_a_line_that_leaves_the_domain(expr: str, approach_of: Any) -> None:
    """Has no limit, and leaves nothing open."""
    assert along(approach_of(expr, [0.0]), -1).way is Way.OUTSIDE
    assert along(approach_of(expr, [0.0]), 1).way is Way.LIMIT


def test_a_line_within_a_kink_is_stuck_and_then_tilted(approach_of: Any) -> None:
    """Along the diagonal of maximum(x, y) both stay equal; next to it one is larger."""
    approach = approach_of("maximum(x, y)", [1.0, 1.0], **XY)
    assert along(approach, 1, 1).way is Way.STUCK
    (face,) = faces(approach, blocks(approach.program, 1, approach.moving))
    line = face.along((UNIT, UNIT))
    assert sorted(slopes(line)) == [0.0, 1.0]


@pytest.mark.parametrize(
    "expr, point, continuous",
    [
        ("abs(x)", 0.0, True),
        ("abs(x)**0.25", 0.0, True),
        ("floor(x)", 2.0, False),
        ("sign(x)*2**(-1000)", 0.0, False),
        ("where(x > 20, x, log1p(exp(x)))", 20.0, False),
        ("where(x > 0, log(x), 0)", 0.0, False),
        ("frac(x)", 0.0, True),
    ],
)
def test_jumps_are_seen(expr: str, point: float, continuous: bool, approach_of: Any) -> None:
    """However small; a value that merely changes fast is none."""
    approach = approach_of(expr, [point])
    assert all(along(approach, step).continuous for step in (-1, 1)) is continuous


def test_neighbours_are_nearer_than_any_other_number(approach_of: Any) -> None:
    """Kinks at the smallest subnormal, and at the next float, are on the far side."""
    tiny = math.ulp(0.0)
    below = approach_of(f"abs(x) + abs(x - {tiny!r})", [0.0])
    assert slopes(along(below, 1)) == [0.0]
    beside = approach_of("abs(x - 1) + abs(x - 1 - y)", [1.0, 2.0**-52], **XY)
    assert slopes(along(beside, 1, 0)) == [0.0, 1.0]
    large = approach_of("maximum(x, y)", [1e300, 1e300], **XY)
    assert slopes(along(large, 1, 0)) == [1.0, 0.0]


def test_equal_limits_are_one(approach_of: Any) -> None:
    """Though one side reaches 1 and the other comes close to it."""
    approach = approach_of("where(x > 0, x, expm1(x))", [0.0])
    (face,) = faces(approach, blocks(approach.program, 1, approach.moving))
    assert len(face.lines) == 2
    assert [slope.middle for (slope,) in face.points] == [Fraction(1)]


def test_a_limit_beyond_the_dtype_is_infinite(approach_of: Any) -> None:
    """As a float of that dtype is."""
    expr = "1e5*abs(x)"
    assert slopes(along(approach_of(expr, [0.0], "float16"), 1)) == [math.inf]
    assert slopes(along(approach_of(expr, [0.0], "float32"), 1)) == [1e5]


def test_blocks_have_nothing_in_common(derived: Any) -> None:
    """Elements of elementwise functions are apart; what is shared joins all that use it."""

    def columns(expr: str, **shapes: tuple[int, ...]) -> list[tuple[int, ...]]:
        derivation = derived(expr, shapes)
        found = blocks(derivation.joint, derivation.values, derivation.moving())
        return [block.columns for block in found]

    assert columns("maximum(x, 0)", x=(3,)) == [(0,), (1,), (2,)]
    assert columns("x*y", x=(2,), y=()) == [(0, 1, 2)]
    assert columns("maximum(x, y)", x=(2,), y=(2,)) == [(0, 2), (1, 3)]
    assert columns("sort(x, dim=1)", x=(2, 2)) == [(0, 1), (2, 3)]
    assert columns("x[0] + 0*y", x=(2,), y=()) == [(0, 2), (1,)]


def test_regular_blocks_are_told_from_the_others(approach_of: Any) -> None:
    """Only what is special is approached; the rest has its gradient."""
    approach = approach_of("abs(x)", [0.0, -3.0], x=(2,))
    kink, plain = faces(approach, blocks(approach.program, 2, approach.moving))
    assert (kink.regular, plain.regular) == (False, True)
    assert (len(kink.lines), plain.points[0][0].value) == (2, -1.0)


@pytest.mark.parametrize(
    "direction, text",
    [
        ((UNIT, 0), "+x"),
        ((UNIT, -UNIT), "+x -y"),
        ((UNIT, UNIT >> 40), "+x"),
        ((UNIT, UNIT // 2), "(1, 0.5)"),
    ],
)
def test_directions_in_words(direction: tuple[int, ...], text: str) -> None:
    """By the elements that move; a tilt is not told."""
    assert directions.worded(direction, ["x", "y"]) == text


def test_directions_are_the_same_in_every_run() -> None:
    """And come with their opposites."""
    found = list(directions.first(3))
    assert found == list(directions.first(3))
    assert {directions.opposite(direction) for direction in found} == set(found)
    assert directions.towards([Fraction(0), Fraction(0)]) is None
    assert list(directions.first(1)) == [(UNIT,), (-UNIT,)]


def test_a_face_names_its_elements(approach_of: Any) -> None:
    """As the program calls its inputs."""
    approach = approach_of("maximum(x[0], x[1])", [0.0, 0.0], x=(2,))
    face: Face = faces(approach, blocks(approach.program, 1, approach.moving))[0]
    assert face.names == ("x[0]", "x[1]")


def test_slopes_in_as_many_digits_as_matter() -> None:
    """0 is exact; what no dtype resolves passes for 0, and the error holds it."""
    zero = sharp_limit(arb(0), FLOAT64)
    assert zero is not None
    assert (zero.middle, zero.error, zero.infinite) == (0, 0, 0)
    for sign in (1, -1):
        tiny = sharp_limit(sign * arb(2) ** -1100, FLOAT64)
        assert tiny is not None
        assert tiny.middle == 0
        assert Fraction(1, 2**1100) <= tiny.error < Fraction(FLOAT64.smallest_subnormal)
        huge = sharp_limit(sign * arb(2) ** 1100, FLOAT64)
        assert huge is not None
        assert huge.infinite == sign
    with ctx.workprec(256):
        third = sharp_limit(arb(1) / 3, FLOAT64)
    assert third is not None
    assert abs(third.middle - Fraction(1, 3)) <= third.error < Fraction(1, 2**60)
    assert sharp_limit(arb(1, 1e-10), FLOAT64) is None
