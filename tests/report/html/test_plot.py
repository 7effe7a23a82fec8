"""Errors as pictures: scales, points, bounds, marks, and the words for them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gradcheck_sym.report.html.plot import BOTTOM, LEFT, RIGHT, TOP, Plot, plot_of
from gradcheck_sym.report.html.scales import of_errors, of_inputs, written
from gradcheck_sym.spec.domain import parse_domain
from gradcheck_sym.verdict.pictures import Outline, Portrait
from gradcheck_sym.verdict.records import Case, Measured, Result, Verdict

SETTINGS = settings(max_examples=200, deadline=None, derandomize=True)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
POINTS = ((-1.0, 0.0, 20.0), (0.0, 0.5, 20.0), (0.5, 300.0, 20.0), (2.0, 1.0, 40.0))

Make = Callable[..., Result]


def picture(
    make: Make, points: tuple[tuple[float, float, float], ...] = POINTS, **changes: object
) -> Plot:
    """The picture of an outline over x, of nothing else, with what the changes say."""
    fields = {"input": "x", "alone": True, "domain": None, "kinks": ()} | changes
    outline = Outline(str(fields["input"]), bool(fields["alone"]), points, 4000)
    result = make(
        outline=outline,
        worst=fields.get("worst"),
        smallest=fields.get("smallest"),
        verdict=fields.get("verdict", Verdict.WRONG),
    )
    portrait = Portrait(domains={"x": fields["domain"]}, kinks={"x": fields["kinks"]})  # type: ignore[dict-item]
    found = plot_of(result, portrait)
    assert found is not None
    return found


def places(path: str) -> list[tuple[float, float]]:
    """The corners and dots of a path."""
    return [(float(x), float(y)) for x, y in re.findall(r"[ML](\S+) ([\d.]+)", path)]


def corners(path: str) -> list[tuple[float, float]]:
    """The corners of a curve that is seen: it begins and ends at the sides."""
    start = re.match(r"M\S+ (\d+)H(\d+)", path)
    assert start is not None
    found = [(int(start[2]), int(start[1]))]
    for dx, dy in re.findall(r"l(-?\d+) (-?\d+)", path):
        found.append((found[-1][0] + int(dx), found[-1][1] + int(dy)))
    return [(float(x), float(y)) for x, y in found]


def case(x: object, error: float, index: tuple[int, ...] = ()) -> Case:
    """A failing point."""
    return Case({"x": x}, None, index, Measured(1.0), 2.0, None, error, 1.0, 0.0)


# ---- scales


@SETTINGS
@given(st.lists(NUMBERS, min_size=1, max_size=8))
@example([0.0, 5e-324])
@example([1e15, 1e15 + 0.125])
def test_scales_of_inputs(values: list[float]) -> None:
    """Larger numbers are further right, all inside; labels stand apart, at their own numbers."""
    scale = of_inputs(values, LEFT, RIGHT)
    spread = [scale(value) for value in sorted(values)]
    assert all(LEFT <= place <= RIGHT for place in spread)
    assert all(before <= after + 1e-9 for before, after in pairwise(spread))
    ticks = sorted(tick.at for tick in scale.ticks)
    assert all(after - before >= 44 for before, after in pairwise(ticks))
    assert len({tick.label for tick in scale.ticks}) == len(scale.ticks)


@SETTINGS
@given(st.floats(0, 1e300))
def test_scales_of_errors(top: float) -> None:
    """From a tenth of an ulp to the top, with a few labels."""
    scale = of_errors(top, BOTTOM, TOP)
    assert scale(0.0) == BOTTOM
    assert TOP <= scale(top) <= BOTTOM
    assert 1 <= len(scale.ticks) <= 7


def test_bounded_inputs_are_spread_evenly() -> None:
    """The middle is in the middle, and the labels are round."""
    scale = of_inputs([-80.0, 0.5, 80.0], 0.0, 400.0)
    assert scale(0.0) == 200.0
    assert [tick.label for tick in scale.ticks] == ["−50", "0", "50"]


def test_unbounded_inputs_are_spread_by_powers_of_ten() -> None:
    """All magnitudes on both sides of 0 have the same room."""
    scale = of_inputs([-1e300, -1e-300, 0.0, 1e-300, 1.0, 1e300], 0.0, 600.0)
    assert scale(0.0) == pytest.approx(300, abs=1)
    assert scale(1.0) == pytest.approx(450, abs=2)
    assert scale(-1.0) == pytest.approx(150, abs=2)


@pytest.mark.parametrize(
    "value, text",
    [
        (0, "0"),
        (1, "1"),
        (-2.5, "−2.5"),
        (0.125, "0.125"),
        (10000, "10000"),
        (1e5, "10⁵"),
        (-3.5e-7, "−3.5·10⁻⁷"),
        (5e-324, "4.9·10⁻³²⁴"),
        (1e300, "10³⁰⁰"),
    ],
)
def test_numbers_of_axes(value: float, text: str) -> None:
    """Short; powers of ten as such."""
    assert written(value) == text


# ---- plots


def test_points_within_and_beyond(make: Make) -> None:
    """What is beyond its own bound is drawn apart; all lie in the field, by their size."""
    plot = picture(make)
    assert len(places(plot.within)) == 3
    (beyond,) = places(plot.beyond)
    assert all(LEFT <= x <= RIGHT and TOP <= y <= BOTTOM for x, y in places(plot.within))
    assert places(plot.within)[0] == (LEFT, BOTTOM)  # no error at the first of all inputs
    assert beyond[1] < min(y for _, y in places(plot.within))
    assert not plot.infinite


def test_the_bound_is_a_curve_where_nothing_else_varies(make: Make) -> None:
    """Else it is a stroke for each point."""
    plot = picture(make)
    assert [x for x, _ in corners(plot.curve)] == [42, 159, 217, 392]
    assert not plot.bounds
    plot = picture(make, alone=False)
    assert not plot.curve
    assert len(places(plot.bounds)) == 4


def test_what_is_no_number_stands_above(make: Make) -> None:
    """Infinite errors have a row of their own, and leave the scale to the others."""
    plot = picture(make, ((0.0, math.inf, 20.0), (1.0, 1.0, 20.0)))
    assert plot.infinite
    assert places(plot.beyond)[0][1] < TOP
    assert places(plot.within)[0][1] > TOP


def test_tiny_ulps_do_not_squeeze_the_rest(make: Make) -> None:
    """Where the truth is 0, error and bound are huge in ulps; the others are what is looked at."""
    points = ((0.0, 1e300, 1e301), *((float(k), 1.0, 20.0) for k in range(1, 9)))
    plot = picture(make, points)
    assert (LEFT, TOP) in places(plot.within)
    assert [tick.label for tick in plot.errors] == ["1", "10", "100"]


def test_an_infinite_bound_stays_at_the_top(make: Make) -> None:
    """Where anything is allowed the curve runs along the edge."""
    plot = picture(make, ((0.0, 1.0, math.inf), (1.0, 1.0, 20.0), (2.0, 1.0, math.nan)))
    assert corners(plot.curve)[0] == (LEFT, TOP)
    assert len(corners(plot.curve)) == 2
    assert picture(make, ((0.0, 1.0, math.nan),)).curve == ""
    assert len(places(picture(make, POINTS[:1] + ((1.0, 1.0, math.inf),), alone=False).bounds)) == 1


def test_failing_points_are_marked(make: Make) -> None:
    """The smallest and the worst by name, at the element that they are about."""
    plot = picture(make, smallest=case((5.0, 0.0), 300.0, (1,)), worst=case(1.5, 1e6))
    smallest, worst = plot.spots
    assert (smallest.label, worst.label) == ("smallest", "worst")
    assert smallest.x < worst.x
    assert smallest.y > worst.y
    assert (smallest.anchor, worst.anchor) == ("start", "end")
    same = case(0.5, 300.0)
    assert [s.label for s in picture(make, smallest=same, worst=same).spots] == ["smallest"]
    near = picture(make, smallest=case(0.5, 300.0), worst=case(0.6, 301.0))
    assert [spot.label for spot in near.spots] == ["smallest, worst", ""]


def test_a_point_without_a_place_is_not_marked(make: Make) -> None:
    """A case of another function, or of a whole array, is nowhere on the axis."""
    other = Case({"tangent of x": 1.0}, None, (), Measured(1.0), 2.0, None, 5.0, 1.0, 0.0)
    assert picture(make, smallest=other, worst=case((1.0, 2.0), 5.0)).spots == ()
    assert picture(make, verdict=Verdict.AGREES, worst=case(1.0, 5.0)).spots == ()
    plot = picture(make, input="", alone=False, worst=case((-1.0, 2.0), 5.0))
    assert plot.spots[0].x == RIGHT
    assert plot.axis == "largest magnitude of the inputs"
    nothing = Case({}, None, (), Measured(1.0), 2.0, None, 5.0, 1.0, 0.0)
    assert picture(make, input="", alone=False, worst=nothing).spots == ()


def test_kinks_and_ends_are_marked(make: Make) -> None:
    """Those that can be seen; an end far beyond all points is not."""
    plot = picture(make, kinks=(0.0, 7.0), domain=parse_domain("[-1, 3] | [1e6, inf)"))
    assert [mark.label for mark in plot.kinks] == ["0"]
    assert [mark.label for mark in plot.ends] == ["-1", "3"]
    assert plot.ends[1].at == RIGHT


def test_many_kinks_are_not_all_marked(make: Make) -> None:
    """floor has one at every integer."""
    kinks = tuple(k / 100 for k in range(100))
    assert len(picture(make, kinks=kinks).kinks) == 12


def test_the_description_says_what_is_seen(make: Make) -> None:
    """Numbers, the largest error and where, the bound, failing points and kinks."""
    text = picture(make, kinks=(0.0,), smallest=case(0.5, 300.0)).description
    assert text == (
        "The largest errors among 4,000 numbers; the largest of all is 300 ulp, at x = 0.5, where "
        "20 are allowed; 1 point shown beyond what is allowed; smallest failing point: 300 ulp at "
        "0.5; kinks or branches at 0."
    )
    assert "none beyond" in picture(make, POINTS[:2]).description


def test_one_point_is_a_picture(make: Make) -> None:
    """A single input has a scale, too."""
    plot = picture(make, ((3.0, 0.0, 20.0),))
    assert places(plot.within) == [((LEFT + RIGHT) / 2, BOTTOM)]


def test_nothing_is_no_picture(make: Make) -> None:
    """Results without an outline, or with an empty one."""
    assert plot_of(make(), Portrait()) is None
    assert plot_of(make(outline=Outline("x", True, (), 0)), Portrait()) is None
