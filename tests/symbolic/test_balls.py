"""Balls: enclosures that hold, sensitivities that say what one rounding moves, NaN in doubt."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck_sym.sampling.ordinals import round_to
from gradcheck_sym.spec.dtypes import DTYPES, format_of
from gradcheck_sym.symbolic import balls, interpret
from gradcheck_sym.symbolic.balls import NAN, Kernel
from gradcheck_sym.symbolic.program import Builder, finish

QUICK = settings(deadline=None, derandomize=True, max_examples=60)
SHAPES: dict[str, tuple[int, ...]] = {"x": (), "y": ()}
FORMULAS = (
    "sin(x)*exp(y/8)",
    "tanh(x)/(1 + square(y))",
    "x*0.1 + pi*y",
    "log1p(exp(x)) - atan2(y, 1 + x*x)",
    "x**3 - y**2 + x**(-2)",
    "sqrt(1 + x*x)*erf(y)",
    "where(x > y, cos(x), lgamma(5 + sin(y)))",
    "maximum(x, y)*minimum(x*y, 2) + abs(x - 1)",
    "floor(x) + ceil(y)*sign(x) + frac(y)",
    "(x + y)*(x - y)",
    "e**x - expm1(x)",
)
_wide = st.floats(-30, 30)


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("dtype", DTYPES)
@settings(QUICK, max_examples=15)
@given(x=_wide, y=_wide)
def test_the_kernel_encloses_the_truth(
    formula: str, dtype: str, x: float, y: float, derived: Any
) -> None:
    """The truth lies within 2**-SPARE sensitivities, and half an ulp, of the middle."""
    derivation = derived(formula, SHAPES)
    row = [*round_to(dtype, [x, y]).tolist(), 1.0]
    middle, sensitivity, _ = derivation.kernel.enclose(np.array([row]), format_of(dtype).precision)
    with ctx.workprec(600):
        truths = interpret.exact(derivation.joint, row)
    for column, truth in enumerate(truths):
        value, moved = float(middle[0, column]), float(sensitivity[0, column])
        if math.isfinite(value) and math.isfinite(moved):
            reach = moved * 2.0**-balls.SPARE + abs(value) * 2.0**-53 + 1e-320
            assert truth.is_finite()
            with ctx.workprec(600):
                assert abs(truth - arb(value)) <= arb(reach), (row, column)


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("dtype", DTYPES)
@settings(QUICK, max_examples=10)
@given(x=_wide, y=_wide)
def test_sensitivity_covers_one_rounding(
    formula: str, dtype: str, x: float, y: float, program_of: Any
) -> None:
    """Moving each input by half an ulp of its own moves the value by no more than is said."""
    program = program_of(formula, SHAPES)
    precision = format_of(dtype).precision
    row = round_to(dtype, [x, y])
    middle, sensitivity, _ = Kernel(program).enclose(row[None], precision)
    if not np.isfinite(middle).all() or not np.isfinite(sensitivity).all():
        return
    small = 2.0**-20  # of a rounding: the sensitivity is a slope, and linear
    for signs in itertools.product((-1, 1), repeat=2):
        with ctx.workprec(300):
            nudged = [
                arb(value) * (1 + sign * arb(2) ** -precision * small)
                for value, sign in zip(row.tolist(), signs, strict=True)
            ]
            here, there = (interpret.exact(program, at)[0] for at in (row.tolist(), nudged))
            moved = float(abs(there - here).lower())
        assert moved <= sensitivity[0, 0] * small * (1 + 1e-3) + 1e-300, (row, signs)


@pytest.mark.parametrize("x", [1e-150, 1e-300, 5e-320])
def test_sensitivities_below_what_floats_resolve(x: float, program_of: Any) -> None:
    """What a rounding moves is known where 2**-24 of it is no float any more."""
    found = Kernel(program_of("3*x", {"x": ()})).enclose(np.array([[x]]), 53)
    assert found.moved[0, 0] == pytest.approx(3 * x * 2.0**-53, rel=1e-3, abs=5e-324)


@pytest.mark.parametrize(
    "formula, value, slope",
    [("x**2", 9.0, 2 * 9.0), ("exp(x)", math.exp(3), 3 * math.exp(3)), ("x", 3.0, 3.0)],
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_sensitivity_is_the_condition_number(
    formula: str, value: float, slope: float, dtype: str, program_of: Any
) -> None:
    """Of one use of one input it is |x*f'(x)| units of roundoff, and nothing more."""
    precision = format_of(dtype).precision
    middle, sensitivity, _ = Kernel(program_of(formula)).enclose(np.array([[3.0]]), precision)
    assert middle[0, 0] == pytest.approx(value, rel=1e-10)
    assert sensitivity[0, 0] == pytest.approx(slope * 2.0**-precision, rel=3e-2)


def test_constants_count_where_the_dtype_does_not_hold_them(program_of: Any) -> None:
    """0.1 and pi are rounded in every dtype, 0.5 in none; 257 in bfloat16 alone."""

    def sensitivity(formula: str, dtype: str) -> float:
        kernel = Kernel(program_of(formula))
        found = kernel.enclose(np.array([[0.0]]), format_of(dtype).precision)[1]
        return float(found[0, 0])

    for dtype in DTYPES:
        unit = 2.0 ** -format_of(dtype).precision
        assert sensitivity("x + 0.5", dtype) == 0
        assert sensitivity("x + 0.1", dtype) == pytest.approx(0.1 * unit, rel=3e-2)
        assert sensitivity("x + pi", dtype) == pytest.approx(math.pi * unit, rel=3e-2)
        assert sensitivity("x + e", dtype) == pytest.approx(math.e * unit, rel=3e-2)
        held = sensitivity("x + 257", dtype)
        assert held == (pytest.approx(257 * unit, rel=3e-2) if dtype == "bfloat16" else 0)


@pytest.mark.parametrize(
    "formula, point",
    [
        ("where(x > y, 1, 2)", (1.5, 1.5)),
        ("where(x >= y, 1, 2)", (1.5, 1.5)),
        ("where(x == y, 1, 2)", (1.5, 1.5)),
        ("where(x != y, 1, 2)", (1.5, 1.5)),
        ("where(not (x < y), 1, 2)", (1.5, 1.5)),
        ("where(x > 0 and x < y, 1, 2)", (1.5, 1.5)),
        ("where(x < 0 or x < y, 1, 2)", (1.5, 1.5)),
        ("maximum(x, y)", (1.5, 1.5)),
        ("minimum(x, y)", (1.5, 1.5)),
        ("abs(x)", (0.0, 1.0)),
        ("sign(x)", (0.0, 1.0)),
        ("floor(x)", (3.0, 1.0)),
        ("ceil(x)", (3.0, 1.0)),
        ("sqrt(x)", (0.0, 1.0)),
        ("sqrt(x)", (-1.0, 1.0)),
        ("log(x)", (-1.0, 1.0)),
        ("1/x", (0.0, 1.0)),
        ("x**y", (-2.0, 0.5)),
        ("atan2(y, x)", (-1.0, 0.0)),
        ("atan2(y, x)", (0.0, 0.0)),
        ("asin(x)", (1.5, 0.0)),
        ("lgamma(x)", (-2.0, 0.0)),
        ("digamma(x)", (0.0, 0.0)),
    ],
)
def test_the_kernel_is_nan_in_doubt(
    formula: str, point: tuple[float, float], program_of: Any
) -> None:
    """At ties, kinks, poles and outside the domain the fast way decides nothing, and says so."""
    kernel = Kernel(program_of(formula, SHAPES))
    for dtype in DTYPES:
        middle, *_ = kernel.enclose(np.array([point]), format_of(dtype).precision)
        assert np.isnan(middle).all(), dtype


def test_the_kernel_answers_beside_the_doubt(program_of: Any) -> None:
    """Points next to an undecided one keep their values: the lanes don't mix."""
    kernel = Kernel(program_of("where(x > y, x, 2*y)", SHAPES))
    points = np.array([[2.0, 1.0], [1.0, 1.0], [1.0, 2.0]])
    middle, *_ = kernel.enclose(points, 53)
    assert middle[:, 0].tolist() == [2.0, pytest.approx(np.nan, nan_ok=True), 4.0]


@pytest.mark.parametrize(
    "formula, value",
    [
        ("floor(x)", 2.0),
        ("ceil(x)", 3.0),
        ("floor(-x)", -3.0),
        ("sign(x) - 2*sign(-x)", 3.0),
        ("abs(x) + abs(-x)", 5.0),
        ("sqrt(x + 6.5)", 3.0),
        ("maximum(x, y) - minimum(x, y)", 4.0),
        ("amax([x, y, 3, 1])", 3.0),
        ("amin([x, 3, y, 1])", -1.5),
        ("atan2(x, y) + atan2(-x, y)", 0.0),
        ("atan2(y, x)", math.atan2(-1.5, 2.5)),
        ("(2*y)**3", -27.0),
        ("(2*y)**-2", 1 / 9),
        ("(2*x)**(y + 2)", math.sqrt(5)),
        ("lgamma(y)", 0.8600470153764810),
        ("where(x > y and not y > 0, 1, 2)", 1.0),
        ("where(x < y or y == x, 1, 2)", 2.0),
        ("where(x <= y, 1, where(x >= y, where(x != y, 3, 4), 5))", 3.0),
    ],
)
def test_the_kernel_answers_away_from_the_doubt(
    formula: str, value: float, program_of: Any
) -> None:
    """What the fast way can tell it tells, at x = 2.5 and y = -1.5."""
    middle, *_ = Kernel(program_of(formula, SHAPES)).enclose(np.array([[2.5, -1.5]]), 53)
    assert middle[0, 0] == pytest.approx(value, rel=1e-14, abs=1e-15)


def test_the_gradient_at_a_pole_is_nan_and_no_exception(derived: Any) -> None:
    """Derivatives of digamma have their poles at 0, -1, -2 and so on."""
    derivation = derived("digamma(x)")
    middle, *_ = derivation.kernel.enclose(np.array([[x, 1.0] for x in (0.0, -1.0, -7.0)]), 53)
    assert np.isnan(middle[:, 1]).all()


def test_unused_inputs_and_shared_outputs(program_of: Any) -> None:
    """A kernel takes inputs that it doesn't use, and gives one result as often as asked."""
    kernel = Kernel(program_of("[x*x, x*x]", {"unused": (2,), "x": ()}))
    middle, *_ = kernel.enclose(np.array([[9.0, 9.0, 3.0]]), 53)
    assert middle.tolist() == [[9.0, 9.0]]


def test_no_points_and_no_outputs() -> None:
    """Empty batches give empty arrays of the right shape."""
    builder = Builder()
    kernel = Kernel(finish(["x"], [builder.input("x")]))
    middle, sensitivity, _ = kernel.enclose(np.empty((0, 1)), 53)
    assert middle.shape == sensitivity.shape == (0, 1)
    assert Kernel(finish(["x"], [])).enclose(np.ones((3, 1)), 53)[0].shape == (3, 0)


def test_values_that_no_float_holds_are_infinite(program_of: Any) -> None:
    """Beyond the range of floats the middle or the sensitivity is infinite."""
    kernel = Kernel(program_of("exp(x)"))
    middle, sensitivity, _ = kernel.enclose(np.array([[1000.0], [1e300], [-1e5]]), 53)
    assert middle[0, 0] == math.inf
    assert not math.isfinite(middle[1, 0]) or not math.isfinite(sensitivity[1, 0])
    assert middle[2, 0] == 0


THREE = (True, False, None)


@pytest.mark.parametrize("a, b", list(itertools.product(THREE, THREE)))
def test_three_valued_logic(a: bool | None, b: bool | None) -> None:
    """and, or, not hold for whatever the unknown may turn out to be."""
    worlds = [
        (p, q) for p in ({a} - {None} or {True, False}) for q in ({b} - {None} or {True, False})
    ]
    for three, two in ((balls.both, all), (balls.either, any)):
        outcomes = {two(world) for world in worlds}
        assert three(a, b) == (outcomes.pop() if len(outcomes) == 1 else None)
    assert balls.negation(a) == (None if a is None else not a)


_ball = st.builds(lambda m, r: arb(m, r), st.integers(-3, 3), st.sampled_from([0.0, 0.5, 1.0, 2.5]))


@QUICK
@given(a=_ball, b=_ball)
def test_comparisons_are_certain_only_apart(a: Any, b: Any) -> None:
    """Of overlapping balls nothing is said; of balls apart the comparison of any members."""
    apart = not a.overlaps(b)
    less = bool(a.mid() < b.mid())
    assert balls.less(a, b) == (less if apart else None)
    assert balls.greater(a, b) == (not less if apart else None)
    assert balls.equal(a, b) == (False if apart else None)
    assert balls.unequal(a, b) == (True if apart else None)


@QUICK
@given(st.lists(_ball, min_size=1, max_size=5), st.sampled_from(["max", "min"]))
def test_extremes_win_alone(args: list[Any], op: str) -> None:
    """A winner is certain only where its ball is clear of all others."""
    place = balls.extreme(op, args)
    sign = 1 if op == "max" else -1
    clear = [
        k
        for k, arg in enumerate(args)
        if all(bool(sign * arg > sign * other) for j, other in enumerate(args) if j != k)
    ]
    assert place == (clear[0] if clear else None)
    shares = [balls.wins(place, k) for k in range(len(args))]
    value = (balls.largest if op == "max" else balls.smallest)(*args)
    if place is None:
        assert value.is_nan()
        assert all(share.is_nan() for share in shares)
    else:
        assert value is args[place]
        assert [float(share) for share in shares] == [float(k == place) for k in range(len(args))]


def test_nan_decides_nothing() -> None:
    """A NaN in a comparison, an extreme or a selection is never a decision."""
    one = arb(1)
    for compare in (balls.less, balls.greater, balls.equal, balls.unequal):
        assert compare(NAN, one) is compare(one, NAN) is None
    assert balls.extreme("max", [one, NAN]) is balls.extreme("max", [NAN, one]) is None
    assert balls.select(None, one, one).is_nan()
    assert balls.select(True, one, NAN) == 1


def test_a_closed_gate_stops_everything() -> None:
    """0 times anything is 0 where the 0 is exact; a ball around 0 is no closed gate."""
    assert balls.scale(arb(0), NAN) == 0
    assert balls.scale(arb(0), arb.pos_inf()) == 0
    assert balls.scale(arb(0, 1e-300), NAN).is_nan()
    assert balls.scale(arb(2), arb(3)) == 6


def test_powers_of_negative_numbers_want_whole_exponents() -> None:
    """(-2)**3 is -8; (-2)**0.5 and powers with a vague exponent have no real value."""
    assert balls.power(arb(-2), arb(3)) == -8
    assert balls.power(arb(-2), arb(-1)) == arb(-0.5)
    assert balls.power(arb(-2), arb("0.5")).is_nan()
    assert balls.power(arb(-2), arb(3, 1e-20)).is_nan()
    assert balls.power(arb(0), arb(0)) == 1
    assert not balls.power(arb(0), arb(-1)).is_finite()


@QUICK
@given(
    st.fractions(-1000, 1000, max_denominator=10**6),
    st.sampled_from([8, 11, 24, 53, 106, 212]),
)
def test_rationals_are_enclosed(value: Fraction, precision: int) -> None:
    """The ball of a rational holds it at every precision."""
    with ctx.workprec(precision):
        ball = balls.rational(value)
    with ctx.workprec(2000):
        assert (ball * value.denominator).contains(arb(value.numerator))


@pytest.mark.parametrize("order", [1, 2, 3])
@QUICK
@given(x=st.one_of(st.floats(1e-3, 100), st.floats(-20, -1e-3)))
def test_polygamma_is_that_of_mpmath(order: int, x: float, ball_of: Any) -> None:
    """Either side of 0 the derivatives of digamma are mpmath's."""
    import mpmath

    if x == int(x) and x <= 0:
        return
    with mpmath.workdps(80):
        truth = mpmath.polygamma(order, mpmath.mpf(x))
    for precision in (53, 106, 212):
        with ctx.workprec(precision):
            ball = balls.polygamma(order, arb(x))
        if ball.is_finite():
            assert ball.overlaps(ball_of(truth, float(abs(truth)) * 1e-60))
    with ctx.workprec(400):
        assert balls.polygamma(order, arb(x)).is_finite()


@pytest.mark.parametrize("order", [8, 13])
def test_polygamma_of_high_order(order: int, ball_of: Any) -> None:
    """Beyond the ten terms at which Arb's series are capped; the cap stays as it was."""
    import mpmath

    cap = ctx.cap
    with mpmath.workdps(60):
        truth = mpmath.polygamma(order, mpmath.mpf(-2.5))
    with ctx.workprec(106):
        found = balls.polygamma(order, arb(-2.5))
    assert ctx.cap == cap
    assert found.rel_accuracy_bits() > 50
    assert found.overlaps(ball_of(truth, float(abs(truth)) * 1e-50))


def test_polygamma_at_a_pole_is_nan() -> None:
    """On a pole, and in a ball around one, there is no value."""
    for x in (arb(0), arb(-3), arb(-2, 0.25), arb(0, 1e-30)):
        assert not balls.polygamma(1, x).is_finite()


@pytest.mark.parametrize("formula, order", [("lgamma(x)", 0), ("digamma(x)", 1)])
def test_polygamma_within_a_program(formula: str, order: int, derived: Any) -> None:
    """Slopes of other functions, in the compiled kernel."""
    found = Kernel(derived(formula).joint).enclose(np.array([[2.5, 1.0]]), 53).middle[0, 1]
    assert found == pytest.approx(float(mpmath.polygamma(order, 2.5)), rel=1e-14)


@pytest.mark.parametrize("x, y", [(0.5, 0.0), (-0.5, 1.0), (-0.5, -1.0), (1e-300, 0.0)])
def test_angles_off_the_cut_are_known(x: float, y: float, program_of: Any) -> None:
    """The branch cut of atan2(y, x) is where x is negative and y is 0, and nowhere else."""
    program = program_of("atan2(y, x)", {"x": (), "y": ()})
    found = Kernel(program).enclose(np.array([[x, y]]), 53).middle[0, 0]
    assert found == pytest.approx(math.atan2(y, x), rel=1e-15)
