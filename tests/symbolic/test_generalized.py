"""Claims at kinks and singular points: members by name and in words, and what is outside."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from gradcheck_sym.spec.dtypes import DTYPES, format_of
from gradcheck_sym.symbolic.combinations import combined
from gradcheck_sym.symbolic.contained import Membership, Outcome
from gradcheck_sym.symbolic.faces import Face
from gradcheck_sym.symbolic.generalized import Generalized, generalized
from gradcheck_sym.symbolic.places import Place

FLOAT64 = format_of("float64")
INF, NAN = math.inf, math.nan
NAMES = ("left", "right", "mean", "minimum norm")
XY: dict[str, tuple[int, ...]] = {"x": (), "y": ()}
X2: dict[str, tuple[int, ...]] = {"x": (2,)}
X3: dict[str, tuple[int, ...]] = {"x": (3,)}


@pytest.fixture(scope="session")
def around(derived: Any) -> Any:
    """Make the generalized gradient of an expression at a point, with given cotangents or ones."""

    def made(
        expr: str, point: list[float], shapes: Any = None, fed: Any = None, dtype: str = "float64"
    ) -> Generalized:
        derivation = derived(expr, shapes)
        row = [*point, *(fed or [1.0] * derivation.values)]
        return generalized(derivation, row, format_of(dtype))

    return made


def judge(around: Generalized, claim: list[float], ulps: float = 8.0) -> Membership:
    """The judgement of a claim that may be off by a few roundings of its largest limit."""
    allowed = [ulps * 2.0**-53 * max(*around.sizes, 2.0**-20)] * len(claim)
    return around.judge(claim, allowed)


# Expression, shapes, point, claim, the words for it, and which names it has.
MEMBERS: list[tuple[str, Any, list[float], list[float], str, str]] = [
    ("maximum(x, 0)", None, [0], [0], "the left slope 0 of [0, 1]", "left, minimum norm"),
    ("maximum(x, 0)", None, [0], [1], "the right slope 1 of [0, 1]", "right"),
    ("maximum(x, 0)", None, [0], [0.5], "the mean of both slopes 0 and 1", "mean"),
    ("maximum(x, 0)", None, [0], [0.25], "0.25 of the way from the left slope 0 to 1", ""),
    ("-abs(x)", None, [0], [0], "the mean of both slopes 1 and -1", "mean, minimum norm"),
    ("clamp(x, -1, 1)", None, [1], [1], "the left slope 1 of [0, 1]", "left"),
    ("sinc(x)", None, [0], [0], "the only limit 0", "left, right, mean, minimum norm"),
    ("sqrt(x)", None, [0], [INF], "the right slope inf, the only one", "right, mean, minimum norm"),
    ("-sqrt(-x)", None, [0], [INF], "the left slope inf, the only one", "left, mean, minimum norm"),
    ("log(x)", None, [0], [INF], "the right slope inf, the only one", "right, mean, minimum norm"),
    (
        "1/x",
        None,
        [0],
        [-INF],
        "the only limit -inf as on both sides",
        "left, right, mean, minimum norm",
    ),
    ("where(x > 0, sqrt(x), 0)", None, [0], [3], "a slope within [0, inf]", ""),
    (
        "where(x > 0, sqrt(x), 0)",
        None,
        [0],
        [INF],
        "the right slope inf of [0, inf]",
        "right, mean",
    ),
    ("abs(x)**0.5", None, [0], [-7], "a slope within [-inf, inf]", ""),
    (
        "maximum(x, y)",
        XY,
        [2, 2],
        [0.5, 0.5],
        "the mean of the limits along +x and +y",
        "mean, minimum norm",
    ),
    ("maximum(x, y)", XY, [2, 2], [1, 0], "the limit along +x", ""),
    (
        "maximum(x, y)",
        XY,
        [2, 2],
        [0.75, 0.25],
        "0.75 of the limit along +x and 0.25 of the limit along +y",
        "",
    ),
    ("max(x)", X3, [2, 2, 2], [1 / 3] * 3, "an even mix of 3 limits", "mean, minimum norm"),
    (
        "max(x)",
        X3,
        [2, 1, 2],
        [0.5, 0, 0.5],
        "the mean of the limits along +x[0] and +x[2]",
        "mean, minimum norm",
    ),
    ("norm(x)", X2, [0, 0], [0, 0], "0, the member of least norm", "mean, minimum norm"),
    ("norm(x)", X2, [0, 0], [0.6, -0.8], "the limit along (0.75, -1)", ""),
    ("norm(x)", X3, [0, 0, 0], [0.1, 0.2, -0.3], "a mix of 4 limits", ""),
    ("norm(x, inf)", X2, [0, 0], [0.5, -0.5], "the mean of the limits along +x[0] and -x[1]", ""),
    ("x**y", XY, [0, 1], [1, 0], "the only limit (1, 0)", "right, mean, minimum norm"),
    ("x**y", XY, [0, -1], [-INF, -INF], "the only limit (-inf, -inf)", "mean, minimum norm"),
    ("prod(x)", X3, [0, 0, 3], [0, 0, 0], "the gradient itself", "left, right, mean, minimum norm"),
    (
        "abs(x)",
        X2,
        [0, 0],
        [1, -1],
        "x[0]: the right slope 1 of [-1, 1]; x[1]: the left slope -1 of [-1, 1]",
        "",
    ),
    ("abs(x)", X3, [0, 0, 5], [1, 1, 1], "x[0], x[1]: the right slope 1 of [-1, 1]", "right"),
]


@pytest.mark.parametrize("expr, shapes, point, claim, words, names", MEMBERS)
def test_members_in_words_and_by_name(
    expr: str,
    shapes: Any,
    point: list[float],
    claim: list[float],
    words: str,
    names: str,
    around: Any,
) -> None:
    """Which member a claim is, and which names demand it."""
    gradient = around(expr, point, shapes)
    found = judge(gradient, claim)
    assert (found.outcome, found.words) == (Outcome.MEMBER, words)
    allowed = [1e-15] * len(claim)
    assert ", ".join(n for n in NAMES if gradient.is_named(n, claim, allowed)) == names


OUTSIDE: list[tuple[str, Any, list[float], list[float], str]] = [
    ("maximum(x, 0)", None, [0], [1 + 2.0**-40], "the slopes are 0 and 1"),
    ("maximum(x, 0)", None, [0], [-0.5], "the slopes are 0 and 1"),
    ("maximum(x, 0)", None, [0], [INF], "the slopes are 0 and 1"),
    ("maximum(x, 0)", None, [0], [NAN], "the slopes are 0 and 1"),
    ("sinc(x)", None, [0], [0.1], "the slope is 0"),
    ("sqrt(x)", None, [0], [0], "the slope is inf"),
    ("sqrt(x)", None, [0], [-INF], "the slope is inf"),
    ("where(x > 0, sqrt(x), 0)", None, [0], [NAN], "the slopes are 0 and inf"),
    ("where(x > 0, sqrt(x), 0)", None, [0], [-1], "the slopes are 0 and inf"),
    ("where(x <= 0, exp(x), 1 + x)", None, [1000], [NAN], "the derivative is 1"),
    (
        "maximum(x, y)",
        XY,
        [2, 2],
        [1, 1],
        "2 limits were found, with slopes of x 0 and 1; of y 0 and 1",
    ),
    (
        "maximum(x, y)",
        XY,
        [2, 2],
        [0, 0],
        "2 limits were found, with slopes of x 0 and 1; of y 0 and 1",
    ),
    ("max(x)", X3, [2, 2, 1], [0.5, 0.5, 0.5], "2 limits were found"),
    ("norm(x)", X3, [0, 0, 0], [0.6, 0.8, 0.1], ""),
    ("-norm(x)", X2, [0, 0], [0.8, 0.8], ""),
    ("norm(x)", X2, [0, 0], [NAN, NAN], ""),
    ("abs(x)", X2, [0, 5], [0, 2], "x[1]: the derivative is 1"),
    ("abs(x)", X2, [0, 5], [2, 1], "x[0]: the slopes are -1 and 1"),
]


@pytest.mark.parametrize("expr, shapes, point, claim, words", OUTSIDE)
def test_what_is_outside_is_told_what_there_is(
    expr: str, shapes: Any, point: list[float], claim: list[float], words: str, around: Any
) -> None:
    """With the slopes that would have done, and the member next to the claim."""
    found = judge(around(expr, point, shapes), claim)
    assert found.outcome is Outcome.OUTSIDE, found
    assert found.words.startswith(words)
    assert not any(map(math.isnan, found.nearest))
    assert judge(around(expr, point, shapes), list(found.nearest)).outcome is Outcome.MEMBER


@pytest.mark.parametrize(
    "expr, point, claim, outcome",
    [
        ("floor(x)", 3.0, 0.0, Outcome.MEMBER),
        ("floor(x)", 3.0, 1.0, Outcome.UNKNOWN),
        ("sign(x)", 0.0, NAN, Outcome.OUTSIDE),
        ("where(abs(x) > 1/2, x, 0)", 0.5, 0.25, Outcome.MEMBER),
        ("where(abs(x) > 1/2, x, 0)", 0.5, 2.0, Outcome.UNKNOWN),
        ("where(x > 0, log(x), 0)", 0.0, NAN, Outcome.OUTSIDE),
        ("log(x)", 0.0, NAN, Outcome.UNKNOWN),
        ("log(x)", 0.0, 0.0, Outcome.UNKNOWN),
        ("1/x", 0.0, INF, Outcome.UNKNOWN),
    ],
)
def test_where_the_value_jumps_nothing_finite_is_called_wrong(
    expr: str, point: float, claim: float, outcome: Outcome, around: Any
) -> None:
    """The hull of the limits is accepted, NaN refused if there is a value, the rest left open."""
    gradient = around(expr, [point])
    assert gradient.jumps
    assert judge(gradient, [claim]).outcome is outcome


def test_the_power_of_zero_by_zero_is_left_open(around: Any) -> None:
    """It is 1 along x and 0 along y, and its slope in y falls beyond all bounds."""
    found = judge(around("x**y", [0.0, 0.0], XY), [0.0, 0.0])
    assert found.outcome is Outcome.UNKNOWN
    assert found.words.startswith("the value jumps there")


@pytest.mark.parametrize("fed", [1.0, -2.5])
def test_members_scale_with_the_cotangent(fed: float, around: Any) -> None:
    """The generalized gradient of c*f is c times that of f, for negative c, too."""
    gradient = around("maximum(x, 0)", [0.0], fed=[fed])
    assert judge(gradient, [0.0]).words.startswith("the left slope")
    assert judge(gradient, [fed]).words.startswith("the right slope")
    assert judge(gradient, [-fed]).outcome is Outcome.OUTSIDE


def test_columns_may_be_judged_by_themselves(around: Any) -> None:
    """(1, 1) is no gradient of maximum at a tie, though 1 is a slope of either input."""
    gradient = around("maximum(x, y)", [2.0, 2.0], XY)
    assert judge(gradient, [1.0, 1.0]).outcome is Outcome.OUTSIDE
    for column in (0, 1):
        assert gradient.judge([1.0], [1e-15], [column]).outcome is Outcome.MEMBER
        assert gradient.judge([1.5], [1e-15], [column]).outcome is Outcome.OUTSIDE
        assert gradient.is_named("right", [1.0], [1e-15], [column])
        assert not gradient.is_named("left", [1.0], [1e-15], [column])
    assert judge(around("maximum(x, y)", [2.0, 2.0], XY), [0.0, 1.0]).words == "the limit along +y"


def test_a_name_that_a_point_does_not_have(around: Any) -> None:
    """Neither given nor refused."""
    gradient = around("sqrt(x)", [0.0])
    assert gradient.is_named("left", [INF], [0.0]) is None
    assert gradient.is_named("right", [NAN], [0.0]) is False
    with pytest.raises(ValueError, match="not 'top'"):
        around("abs(x)", [0.0]).named("top")


def test_an_infinite_bound_decides_nothing(around: Any) -> None:
    """A member is one all the same; what is outside is left open."""
    gradient = around("abs(x)", [0.0])
    assert gradient.judge([1.0], [INF]).outcome is Outcome.MEMBER
    assert gradient.judge([3.0], [INF]).outcome is Outcome.UNKNOWN


def test_outside_of_the_domain_there_is_nothing(around: Any) -> None:
    """No limit, no names, no judgement."""
    gradient = around("sqrt(x)", [-1.0])
    assert judge(gradient, [1.0]).outcome is Outcome.UNKNOWN
    assert judge(gradient, [NAN]).outcome is Outcome.UNKNOWN
    assert gradient.named("mean") == [None]


@pytest.mark.parametrize("dtype", DTYPES)
def test_sizes_and_sensitivities(dtype: str, around: Any) -> None:
    """The largest limit of each element, and what one rounding of the input moves it by."""
    unit = 2.0 ** -format_of(dtype).precision
    gradient = around("abs(x - 2)*(1 + 4*x) - sqrt(y)", [2.0, 0.0], XY, dtype=dtype)
    assert gradient.sizes == [9.0, 0.0]
    moved = gradient.sensitivities()
    # d/dx of (x - 2)*(1 + 4*x) is 8*x - 7: x moves it by 16, a cotangent of 1 by 9
    assert moved[0] == pytest.approx(25 * unit, rel=1e-3)
    assert moved[1] == 0


def test_many_elements_at_a_tie(around: Any) -> None:
    """Twenty elements that share evenly are looked at one by one, not in all combinations."""
    gradient = around("max(x)", [1.0] * 20, {"x": (20,)})
    assert judge(gradient, [0.05] * 20).words == "an even mix of 20 limits"
    assert judge(gradient, [0.05] * 19 + [0.06]).outcome is Outcome.OUTSIDE


def test_combinations_that_jump_or_are_too_many_are_not_used(around: Any) -> None:
    """Nor those whose gradient is not finite at the point."""

    def combinations(expr: str, point: list[float], shapes: Any) -> int | None:
        face: Face = around(expr, point, shapes)._faces[0]
        found = combined(face.approach, face.block)
        return None if found is None else len(found)

    assert combinations("abs(x[0]) - abs(x[1])", [0.0, 0.0], X2) == 4
    assert combinations("max(x)", [1.0, 0.0, 1.0], X3) == 2
    assert combinations("where(not (x[0] > 0 and x[1] >= 0), x[0], 0)", [0.0, 0.0], X2) == 2
    assert combinations("where(x[0] == 0 or x[1] != x[1], 0, x[0])", [0.0, 0.0], X2) == 1
    assert combinations("norm(x)", [0.0, 0.0], X2) is None
    assert combinations("floor(x[0])*x[1]", [0.0, 0.0], X2) is None
    assert combinations("floor(x[0] + 1/2)*abs(x[1])", [1.0, 0.0], X2) == 2
    assert combinations("sum(abs(x))*y", [0.0] * 9 + [1.0], {"x": (9,), "y": ()}) is None


def _linear(draw: random.Random, size: int) -> str:
    return " + ".join(f"({draw.randint(-5, 5)})*x[{k}]" for k in range(size))


def _pieces(draw: random.Random, size: int, depth: int) -> str:
    """A random piecewise linear expression."""
    if not depth:
        return _linear(draw, size)
    a, b = (f"({_pieces(draw, size, depth - 1)})" for _ in range(2))
    forms = ("maximum(A, B)", "minimum(A, B)", "abs(A) - B", "A + B", "where(A > B, A, B)")
    return draw.choice(forms).replace("A", a).replace("B", b)


@pytest.mark.parametrize("seed", range(40))
def test_no_gradient_nearby_is_ever_outside(seed: int, derived: Any) -> None:
    """Of random piecewise linear functions: pieces, and mixes of them, are members or open."""
    draw = random.Random(seed)
    size = draw.choice([1, 2, 2, 3])
    derivation = derived(_pieces(draw, size, draw.choice([2, 3])), {"x": (size,)})
    nearby = []
    for _ in range(3):
        there = derivation.settle([*(draw.gauss(0, 1) for _ in range(size)), 1.0], FLOAT64)
        if there.place is Place.REGULAR:
            nearby.append([truth.middle for truth in there.gradient])
    if not nearby:
        pytest.skip("every point nearby is on a kink")
    mix = [sum(column) / len(nearby) for column in zip(*nearby, strict=True)]
    gradient = generalized(derivation, [0.0] * size + [1.0], FLOAT64)
    outcomes = [gradient.judge(claim, [1e-12] * size).outcome for claim in (*nearby, mix)]
    assert Outcome.OUTSIDE not in outcomes
    assert size > 2 or set(outcomes) == {Outcome.MEMBER}
    largest = 1 + max(abs(sum(map(abs, row))) for row in nearby)
    far = gradient.judge([1000 * largest] * size, [1e-12] * size).outcome
    assert far is not Outcome.MEMBER


@pytest.mark.parametrize("step, factor", [("ceil", 1.0), ("floor", -2.0)])
def test_steps_beside_a_kink_keep_their_value(step: str, factor: float, around: Any) -> None:
    """abs(x) has its kink at 0, where ceil(y) and floor(y) are whole numbers that do not move."""
    gradient = around(f"abs(x)*{step}(y)", [0.0, -1.5 if step == "floor" else 0.5], XY)
    assert judge(gradient, [factor, 0.0]).outcome is Outcome.MEMBER
    assert judge(gradient, [-factor, 0.0]).outcome is Outcome.MEMBER
    assert judge(gradient, [1.5 * factor, 0.0]).outcome is Outcome.OUTSIDE


def test_the_member_of_least_norm_is_named_where_nothing_is_allowed(around: Any) -> None:
    """An exact 0 within the hull, at a point whose slopes have no size of their own."""
    gradient = around("abs(x) + abs(y)", [0.0, 0.0], XY)
    assert gradient.judge([0.0, 0.0], [0.0, 0.0]).words == "0, the member of least norm"


@pytest.mark.parametrize("claim, outcome", [(0.5, Outcome.MEMBER), (9.0, Outcome.OUTSIDE)])
def test_a_label_does_not_widen_the_hull(claim: float, outcome: Outcome, derived: Any) -> None:
    """At a kink of the branch that it chooses, the slopes of the other branch are none of it."""
    derivation = derived("where(y == 1, abs(x), 9*x)", XY, ["y"])
    found = generalized(derivation, [0.0, 1.0, 1.0], FLOAT64)
    assert judge(found, [claim]).outcome is outcome


@pytest.mark.parametrize(
    "expr, point, shapes, single",
    [
        ("where(x == 0, 1, sin(x)/x)", [0.0], None, True),
        ("abs(x)*x", [0.0], None, True),
        ("abs(x)", [0.0], None, False),
        ("sqrt(x)", [0.0], None, False),
        ("where(x > 0, 1, 0)", [0.0], None, False),  # the slopes meet, and the value jumps
        ("maximum(x, y)", [1.0, 1.0], XY, False),
        ("maximum(x - y, 0)**2", [1.0, 1.0], XY, True),
    ],
)
def test_slopes_meet_where_there_is_a_gradient_after_all(
    expr: str, point: list[float], shapes: Any, single: bool, around: Any
) -> None:
    """All limits are one, and the value tends to that at the point."""
    found = around(expr, point, shapes)
    assert found.is_single(range(len(point))) is single


PARTED = "[maximum(x, 0), maximum(-x, 0)]"


@pytest.mark.parametrize(
    "expr, fed, claim, outcome",
    [
        (PARTED, [1.0, -1.0], 0.0, Outcome.MEMBER),  # the slope 0 of both; their sum has 1 alone
        (PARTED, [1.0, -1.0], 2.0, Outcome.MEMBER),
        (PARTED, [1.0, -1.0], 2.25, Outcome.OUTSIDE),
        (PARTED, [1.0, 0.0], -1.0, Outcome.OUTSIDE),
        ("maximum(x, 0) - maximum(-x, 0)", [1.0], 0.0, Outcome.OUTSIDE),  # one value, which is x
    ],
)
def test_each_of_several_values_has_a_member_of_its_own(
    around: Any, expr: str, fed: list[float], claim: float, outcome: Outcome
) -> None:
    """A backward of one value knows nothing of what is taken for another."""
    assert judge(around(expr, [0.0], None, fed), [claim]).outcome is outcome


LAYER = "maximum(outer(x, y), 0)"
LAYER_SHAPES: dict[str, tuple[int, ...]] = {"x": (3,), "y": (4,)}
FED = [1.0, 1.0, 1.0, 1.0, -1.0, 1.0, 2.0, 1.0, 1.0, 1.0, 1.0, -1.0]


@pytest.mark.parametrize(
    "claim, outcome",
    [
        ([0.0] * 4, Outcome.MEMBER),  # the slope 0 of all twelve, as torch has it
        ([-1.5, 2.5, 4.5, 1.5], Outcome.MEMBER),  # as y comes from above
        ([0.0, 0.0, 0.0, 2.25], Outcome.UNKNOWN),  # 2 at most: in doubt for other reasons
    ],
)
def test_each_of_the_many_values_of_a_layer_has_a_member_of_its_own(
    around: Any, claim: list[float], outcome: Outcome
) -> None:
    """Where all weights are 0 every value is at its kink: 2**12 choices of slopes."""
    gradient = around(LAYER, [-1.0, 2.0, 0.5, 0.0, 0.0, 0.0, 0.0], LAYER_SHAPES, FED)
    allowed = [1e-12] * len(claim)
    assert gradient.judge(claim, allowed, range(3, 7)).outcome is outcome
