"""One point settled with care: where it lies, its truth, its sensitivity, and what may be lost."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from flint import arb, ctx
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck_sym.sampling.ordinals import round_to
from gradcheck_sym.spec.dtypes import DTYPES, format_of
from gradcheck_sym.symbolic import adjoints, balls, careful
from gradcheck_sym.symbolic.careful import Careful, Truth
from gradcheck_sym.symbolic.interpret import decisions, exact
from gradcheck_sym.symbolic.places import Place

QUICK = settings(deadline=None, derandomize=True, max_examples=60)
FLOAT64 = format_of("float64")
XY: dict[str, tuple[int, ...]] = {"x": (), "y": ()}


@pytest.mark.parametrize(
    "formula, point, place",
    [
        ("x + y", (1.0, 2.0), Place.REGULAR),
        ("x/x", (0.0, 1.0), Place.SINGULAR),
        ("0*log(x)", (0.0, 1.0), Place.SINGULAR),
        ("x**0", (0.0, 1.0), Place.REGULAR),
        ("0*x/y", (1.0, 0.0), Place.SINGULAR),
        ("sqrt(x**2)", (0.0, 1.0), Place.SINGULAR),
        ("abs(x)**2", (0.0, 1.0), Place.KINK),
        ("x**(-2)", (0.0, 1.0), Place.SINGULAR),
        ("x**0.5", (-1.0, 1.0), Place.OUTSIDE),
        ("x**1.5", (0.0, 1.0), Place.SINGULAR),
        ("x**y", (0.0, 2.0), Place.REGULAR),
        ("x**y", (-2.0, 3.0), Place.REGULAR),
        ("x**y", (-2.0, 3.5), Place.OUTSIDE),
        ("log(x)", (-1.0, 1.0), Place.OUTSIDE),
        ("sqrt(x)", (-4.0, 1.0), Place.OUTSIDE),
        ("log(x)", (0.0, 1.0), Place.SINGULAR),
        ("rsqrt(x)", (-0.75, 1.0), Place.OUTSIDE),
        ("1/log(1/x)", (0.0, 1.0), Place.SINGULAR),
        ("lgamma(x)", (-3.0, 1.0), Place.SINGULAR),
        ("lgamma(x)", (-3.5, 1.0), Place.REGULAR),
        ("exp(x)", (1e300, 1.0), Place.BEYOND),
        ("1/(1 + exp(x))", (1e300, 1.0), Place.BEYOND),
        ("maximum(x, y)", (2.0, 2.0), Place.KINK),
        ("maximum(exp(x), sin(y))", (0.3, 1.0), Place.REGULAR),
        ("where(x > y, x, y)", (2.0, 2.0), Place.KINK),
        ("where(x > y, log(y), x)", (1.0, 3.0), Place.REGULAR),
        ("where(x > 0, log(x), 0)", (-1.0, 3.0), Place.REGULAR),
        ("where(x > 0, 0, log(x))", (-1.0, 3.0), Place.OUTSIDE),
        ("where(log(x) > 0, x, y)", (-3.0, 1.0), Place.OUTSIDE),
        ("where(x > 0 or y > 0, log(x), 0)", (-3.0, 1.0), Place.OUTSIDE),
        ("where(x > 0 and log(x) > y, 1, 0)", (-3.0, 1.0), Place.REGULAR),
        ("maximum(log(x), y)", (-3.0, 1.0), Place.OUTSIDE),
        ("detach(sqrt(x))*y", (0.0, 1.0), Place.REGULAR),
        ("detach(abs(x))*y", (0.0, 1.0), Place.REGULAR),
        ("detach(1/x)*y", (0.0, 1.0), Place.SINGULAR),
        ("floor(x)", (2.0, 1.0), Place.KINK),
        ("floor(x*y)", (2.0, 1.25), Place.REGULAR),
        ("sin(x)", (1e300, 1.0), Place.REGULAR),
        ("where(sin(x)**2 + cos(x)**2 > 1, 1, 2)", (0.5, 1.0), Place.UNDECIDED),
        ("maximum(sin(x)**2 + cos(x)**2, 1)", (0.5, 1.0), Place.UNDECIDED),
        ("log(1 - sin(x)**2 - cos(x)**2)", (0.5, 1.0), Place.UNDECIDED),
    ],
)
@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_places(
    formula: str, point: tuple[float, float], place: Place, dtype: str, derived: Any
) -> None:
    """The tree's own operations say where a point lies, whatever SymPy makes of them."""
    derivation = derived(formula, XY)
    settled = derivation.settle([*point, 1.0], format_of(dtype))
    assert settled.place is place, settled
    assert bool(settled.reason) == (place is not Place.REGULAR)
    if place is not Place.REGULAR:
        assert set(settled.gradient) == {None}
    if place in (Place.OUTSIDE, Place.BEYOND, Place.UNDECIDED):
        assert set(settled.values) == {None}


def test_the_gradient_is_none_where_it_alone_has_no_value(derived: Any) -> None:
    """x**y at (0, 2) has a slope along x, and none along y that the formula gives."""
    settled = derived("x**y", XY).settle([0.0, 2.0, 1.0], FLOAT64)
    assert settled.gradient[0].middle == 0
    assert settled.gradient[1] is None


def test_branches_are_decided_at_whatever_precision_it_takes(derived: Any) -> None:
    """Sides that agree in a hundred digits are told apart; equal ones never are."""
    derivation = derived("where(exp(x) > 1 + x + x*x/2, x, 2*x)")
    settled = derivation.settle([2.0**-300, 1.0], FLOAT64)
    assert settled.place is Place.REGULAR
    assert settled.gradient[0].middle == 1.0
    below = derivation.settle([-(2.0**-300), 1.0], FLOAT64)
    assert below.gradient[0].middle == 2.0


def test_a_tie_of_equal_operations_is_a_kink(derived: Any) -> None:
    """exp(x) beside exp(x) is a tie for certain, though their balls are not exact."""
    settled = derived("sort([exp(x), 3*y, exp(x)])", XY).settle([0.3, 9.0, 1.0, 1.0, 1.0], FLOAT64)
    assert settled.place is Place.KINK
    assert settled.values[2].middle == 27.0


def test_values_at_kinks_are_known(derived: Any) -> None:
    """A kink excludes the gradient, never the value."""
    for formula, value in (("relu(x)", 0.0), ("floor(x) + 5", 5.0), ("where(x < 0, 1, 2)", 2.0)):
        settled = derived(formula).settle([0.0, 1.0], FLOAT64)
        assert settled.place is Place.KINK
        assert settled.values[0].middle == value


@pytest.mark.parametrize("dtype", DTYPES)
def test_cancellation_shows_in_the_sensitivity(dtype: str, derived: Any) -> None:
    """(x + 1) - x is 1 however large x is; what rounding x moves it by is x's own rounding."""
    form = format_of(dtype)
    large = 2.0**13
    derivation, row = derived("x*x - y", XY), [large, large * large - 1, 1.0]
    if round_to(dtype, row[1]) == row[1]:
        assert derivation.settle(row, form).values[0].middle == 1.0
        moved = derivation.sensitivities(row, form)[0]
        assert moved == pytest.approx(3 * large * large * 2.0**-form.precision, rel=1e-3)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "formula, point, condition",
    [
        ("x*y", (3.0, 5.0), 30.0),
        ("x*x", (3.0, 5.0), 18.0),
        ("(x + y) - x", (4096.0, 1.0), 1.0),
        ("x - x + y", (4096.0, 1.0), 1.0),
        ("exp(x)/exp(x)", (4.0, 1.0), 0.0),
        ("x + 1/2", (4.0, 1.0), 4.0),
        ("x*y + 0.1", (0.0, 5.0), 0.1),
        ("pi*x", (4.0, 0.0), 8 * math.pi),
        ("x - tanh(x)", (2.0**-10, 0.0), 2.0**-30),
        ("where(x > y, x, y*y)", (1.0, 4.0), 32.0),
        ("detach(x)*y", (3.0, 5.0), 30.0),
    ],
)
def test_sensitivities_are_those_of_the_mathematics(
    formula: str, point: tuple[float, float], condition: float, dtype: str, derived: Any
) -> None:
    """Each input counts once however often it is used, each constant where it is rounded."""
    form = format_of(dtype)
    moved = derived(formula, XY).sensitivities([*point, 1.0], form)[0]
    assert moved == pytest.approx(condition * 2.0**-form.precision, rel=0.02, abs=1e-30)


@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "float64"])
def test_at_the_top_of_a_wave_it_is_the_bend_that_counts(dtype: str, derived: Any) -> None:
    """The slope of cos(k*(x - 1)) is 0 at 1, but a whole rounding of 1 - or k - goes far."""
    form = format_of(dtype)
    k = 2.0 ** (form.precision - 2)
    derivation = derived(f"cos({k!r}*(x - 1))")
    assert derivation.sensitivities([1.0, 1.0], form)[0] < 2.0**-20
    assert derivation.swings([1.0, 1.0], form)[0] == pytest.approx(1 - math.cos(0.25), rel=1e-6)
    assert derivation.swings([0.0, 1.0], form)[0] < 1e-30  # no rounding moves 0


def test_sensitivities_of_tiny_numbers_do_not_underflow(derived: Any) -> None:
    """A condition of 10**13 counts at 1e-306 as it does at 1."""
    moved = derived("(x - y)*2**(-1000)", XY).sensitivities([1.0, 1 - 2.0**-40, 1.0], FLOAT64)
    assert moved[0] == pytest.approx(2.0**-1052, rel=1e-3)


def test_sensitivities_are_infinite_where_nothing_is_finite(derived: Any) -> None:
    """At a pole, or where moving an input leaves the domain, no bound is known."""
    assert derived("1/x").sensitivities([0.0, 1.0], FLOAT64) == [math.inf, math.inf]
    assert derived("x**y", XY).sensitivities([-2.0, 2.0, 1.0], FLOAT64)[0] == math.inf


def test_a_truth_of_exactly_zero_is_a_truth(derived: Any) -> None:
    """sin(x)**2 + cos(x)**2 - 1 is 0 ± next to nothing, at a high enough precision."""
    truth = derived("sin(x)**2 + cos(x)**2 - 1").settle([0.5, 1.0], FLOAT64).values[0]
    assert truth is not None
    assert abs(truth.middle) < 1e-300


@QUICK
@given(x=st.floats(-20, 20), claim=st.floats(-1e10, 1e10), derived_at=st.just("exp(x)"))
def test_distances_bracket_the_error(x: float, claim: float, derived_at: str, derived: Any) -> None:
    """The least and the most distance hold the true one between them, closely."""
    truth = derived(derived_at).settle([x, 1.0], FLOAT64).values[0]
    least, most = truth.distance(claim)
    with ctx.workprec(500):
        error = abs(arb(claim) - arb(x).exp())
        assert arb(least) <= error <= arb(most)
    assert most - least <= 1e-18 * max(abs(claim), math.exp(x)) + 4 * math.ulp(most)


def test_distance_of_the_truth_itself() -> None:
    """An exact truth is at no distance from itself, but for a step of rounding."""
    least, most = Truth(0.5, arb(0.5)).distance(0.5)
    assert least == 0.0
    assert most <= 5e-324


@pytest.mark.parametrize("dtype", DTYPES)
@settings(QUICK, max_examples=25)
@given(x=st.floats(0.1, 9))
def test_losses_cover_torchs_own_evaluation(dtype: str, x: float, derived: Any) -> None:
    """1 - cos(x), written like that, loses digits in torch; the loss says how many it may."""
    form = format_of(dtype)
    value = round_to(dtype, x).item()
    derivation = derived("(1 - cos(x))/(x*x)")
    tensor = torch.tensor(value, dtype=getattr(torch, dtype))
    claimed = ((1 - torch.cos(tensor)) / (tensor * tensor)).item()
    row = [value, 1.0]
    loss = derivation.losses(row, form)[0]
    least, _ = derivation.settle(row, form).values[0].distance(claimed)
    assert not loss.overflow
    assert least <= 2 * loss.radius + 4 * form.epsilon


@pytest.mark.parametrize(
    "formula, x, dtype, culprit",
    [
        ("x*x/x", 1e200, "float64", "arithmetic"),
        ("x*x/x", 1e30, "float32", "arithmetic"),
        ("x*x/x", 1e30, "bfloat16", "arithmetic"),
        ("x*x/x", 300.0, "float16", "arithmetic"),
        ("log(exp(x))", 1000.0, "float64", "exp"),
        ("log(exp(x))", 100.0, "float32", "exp"),
        ("log(exp(x))", 12.0, "float16", "exp"),
        ("log(exp(x))", 1000.0, "bfloat16", "exp"),
        ("log(exp(x))", 1.0, "float16", ""),
        ("x*x/x", 10.0, "float16", ""),
    ],
)
def test_losses_name_what_overflows(
    formula: str, x: float, dtype: str, culprit: str, derived: Any
) -> None:
    """What leaves the dtype's range as written is named; the truth itself is ordinary."""
    derivation, form = derived(formula), format_of(dtype)
    settled = derivation.settle([x, 1.0], form)
    assert settled.values[0].middle == pytest.approx(x, rel=1e-3)
    assert derivation.losses([x, 1.0], form)[0].overflow == culprit


def test_decisions_and_values_of_a_program(program_of: Any) -> None:
    """Branches are reported where they are taken, values at the precision that is asked for."""
    program = program_of("where(x > 1, floor(x), maximum(x, y))", XY)
    taken = decisions(program, [2.5, 0.0])
    by_op = {step.op: choice for step, choice in zip(program.code, taken, strict=True)}
    assert by_op["gt"] is True
    assert by_op["select"] is True
    assert by_op["floor"] == 2
    with ctx.workprec(200):
        assert exact(program_of("x/3"), [1.0])[0].rel_accuracy_bits() > 190
    assert exact(program, [2.5, 0.0])[0] == 2


@QUICK
@given(
    values=st.lists(st.floats(-3, 3).map(lambda x: float(np.round(x, 1))), min_size=3, max_size=3)
)
def test_ties_are_kinks_for_every_network(values: list[float], derived: Any) -> None:
    """max, min and sort are regular exactly where no two numbers that matter are equal."""
    shapes = {"x": (3,)}
    low, middle, high = sorted(values)
    one = derived("max(x)", shapes).settle([*values, 1.0], FLOAT64)
    assert one.place is (Place.KINK if middle == high else Place.REGULAR)
    assert one.values[0].middle == high
    other = derived("min(x)", shapes).settle([*values, 1.0], FLOAT64)
    assert other.place is (Place.KINK if middle == low else Place.REGULAR)
    every = derived("sort(x)", shapes).settle([*values, 1.0, 1.0, 1.0], FLOAT64)
    assert every.place is (Place.REGULAR if low < middle < high else Place.KINK)
    assert [truth.middle for truth in every.values] == [low, middle, high]


@pytest.mark.parametrize(
    "formula, point",
    [
        ("log(1 + exp(x*y))/y", (0.7, -1.2)),
        ("where(x > y, x*y, sqrt(y - x))", (1.0, 4.0)),
        ("maximum(x, y)**3 - minimum(x, y)", (1.0, 4.0)),
        ("abs(x - y)*pi", (1.0, 4.0)),
        ("x**y + atan2(y, x) + digamma(y)", (1.5, 4.25)),
        ("maximum(x, y) + log1p(exp(-abs(x - y)))", (2.0, 2.0)),  # at a kink of abs
        ("sqrt(x - y)", (2.0, 2.0)),  # at an infinite slope
        ("floor(x)*y + detach(x*y)", (1.5, 4.25)),
        ("erfinv(x)*lgamma(y) - 0.1", (0.25, 3.5)),
        ("1/(x - y)", (2.0, 2.0)),
    ],
)
def test_slopes_move_outputs_as_far_as_differences_do(
    formula: str, point: tuple[float, float], derived: Any
) -> None:
    """One sweep back from an output tells what moving each input alone does, at kinks as well."""
    careful = Careful(derived(formula, XY).joint, 1)
    row = [*point, 1.5]
    apart = careful._moved(row, FLOAT64, [2.0**-balls.SPARE])
    wanted = [float(gap * 2**balls.SPARE) if gap.is_finite() else math.inf for gap in apart]
    assert careful.sensitivities(row, FLOAT64) == pytest.approx(wanted, rel=1e-6, abs=1e-60)


def test_one_output_costs_what_it_depends_on(derived: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many inputs there are, none is moved alone; slopes of other outputs are not met."""
    met: list[Any] = []
    right = adjoints._along
    monkeypatch.setattr(adjoints, "_along", lambda *a: met.append(a) or right(*a))
    monkeypatch.setattr(Careful, "_moved", lambda *_: pytest.fail("moved one after the other"))
    derivation = derived("exp(x)", {"x": (50,)})
    sensitive = derivation.sensitive([0.5] * 50 + [1.0] * 50, FLOAT64)
    assert sensitive(7) == pytest.approx(0.5 * math.exp(0.5) * 2.0**-53)
    assert len(met) == 1


@pytest.mark.parametrize("formula", ["x*exp(y)*sin(x - y)", "exp(cos(x)*y)/(1 + x*x)"])
def test_swings_are_found_at_once(
    formula: str, derived: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All moved at once goes as far as each alone, summed, where slopes tell the sides."""
    derivation, form, row = derived(formula, XY), format_of("float32"), [0.3, -1.5, 2.0]
    one_by_one = derivation.swings(row, form)
    monkeypatch.setattr(careful, "_MOST_STEPS", 0)
    assert derivation.swings(row, form) == pytest.approx(one_by_one, rel=1e-5)


def test_bends_swing_at_once(derived: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the top of a wave, where no slope tells a side."""
    monkeypatch.setattr(careful, "_MOST_STEPS", 0)
    form = format_of("float32")
    found = derived(f"cos({2.0**22!r}*(x - y))", XY).swings([1.0, 1.0, 1.0], form)
    assert found[0] == pytest.approx(1 - math.cos(0.5), rel=1e-6)


@pytest.mark.parametrize(
    "formula, x, y, found",
    [
        ("log(abs(x - y))", 1.0, 1 + 2.0**-52, True),
        ("log(abs(x - y))", 1.0, 1 + 2.0**-40, False),
        ("log(abs(x - y))", 1e-300, 0.0, False),  # no rounding makes 1e-300 0
        ("x - y*tanh(x**3)", 1e200, 1.0, False),  # too large for balls: no pole
        ("(1 - cos(x))/x**2 + y", 1e-9, 1.0, False),  # as written 0/x**2, but of no inputs
    ],
)
def test_a_pole_within_a_rounding_of_the_inputs(
    formula: str, x: float, y: float, found: bool, derived: Any
) -> None:
    """Of the inputs alone, each off by its own rounding; what evaluating loses does not count."""
    assert derived(formula, XY).polar([x, y, 1.0], FLOAT64, {}) == [found] * 3


def test_no_pole_beyond_the_ends_of_a_domain(derived: Any) -> None:
    """log(1 + eps - x) has one within a rounding of 1, which x in [0, 1] does not reach."""
    derivation, row = derived("log(1 + 1e-20 - x)"), [1.0, 1.0]
    assert derivation.polar(row, FLOAT64, {}) == [True] * 2
    assert derivation.polar(row, FLOAT64, {"x": (0.0, 1.0)}) == [False] * 2
    assert derivation.polar(row, FLOAT64, {"x": (0.0, 2.0)}) == [True] * 2
