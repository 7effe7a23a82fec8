"""Magnitudes: bounds on the logarithm of a number's size, far beyond float64's range."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx

from gradcheck_sym.symbolic import interpret, magnitudes
from gradcheck_sym.symbolic.balls import Kernel
from gradcheck_sym.symbolic.magnitudes import Magnitude, Magnitudes
from gradcheck_sym.symbolic.program import Program
from gradcheck_sym.symbolic.vectors import Vectors

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

SHAPES: dict[str, tuple[int, ...]] = {"x": (), "y": ()}
FORMULAS = (
    "exp(x)",
    "exp(x)*exp(-y)",
    "1/(1 + exp(-x))",
    "exp(-x)/(1 + exp(-x))**2",
    "y*x*exp(-x)/(1 + exp(-x))**2 + 1/(1 + exp(-x))",
    "1/cosh(x)**2",
    "sinh(x)/cosh(y)",
    "tanh(x) - y",
    "log(1 + exp(x))",
    "log1p(exp(x))/y",
    "expm1(x)*y",
    "sqrt(exp(x)) - exp(y)",
    "e**x + 2**y",
    "abs(y)**x",
    "where(x > y, exp(x), -exp(y))",
    "where(x <= 1000, x*y, exp(x) - exp(y))",
    "maximum(exp(x), y) - minimum(exp(x), exp(y))",
    "abs(x - y)*sign(x)",
    "x**3*y**(-5) + x**64",
    "0.1*x + pi*y - 1/3",
    "where(x > 0 and not y > 0, exp(x), 0)*exp(y)",
)


def _points() -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(5)
    sizes = rng.choice([-1.0, 1.0], (2, 60, 2)) * 2.0 ** np.stack(
        [rng.uniform(-4, 12, (60, 2)), rng.uniform(-60, 60, (60, 2))]
    )
    marks = [[0.0, 1.0], [1.0, 0.0], [-1000.0, 1000.0], [3e38, 3e38], [-3e38, 1e-38]]
    return np.concatenate([*sizes, np.array(marks)])


def _carried(program: Program, rows: Any, monkeypatch: pytest.MonkeyPatch) -> list[Magnitude]:
    """The magnitudes of the outputs themselves."""
    monkeypatch.setattr(Magnitudes, "quantity", lambda self, a: a)
    with np.errstate(all="ignore"):
        found: list[Any] = Vectors(program).outputs(rows, Magnitudes(24))
    return found


def _wrong(program: Program, rows: Any, found: Magnitude) -> int:
    """In how many lanes a truth is not within the bounds, or has another sign."""
    sign, low, high, _ = np.broadcast_arrays(*found, np.zeros(len(rows)))[:-1]
    wrong = 0
    for lane, row in enumerate(rows.tolist()):
        if math.isnan(high[lane]):
            continue
        with ctx.workprec(2000):
            truth = interpret.exact(program, row)[0]
            if not truth.is_finite():  # exp(3e38) is beyond Arb as well
                continue
            above = arb(2) ** arb(float(high[lane])) if high[lane] > -math.inf else arb(0)
            below = arb(2) ** arb(float(low[lane])) if low[lane] > -math.inf else arb(0)
            outside = abs(truth) > above or abs(truth) < below
            wrong += outside or truth * sign[lane] < 0 or (sign[lane] != 0 and truth.is_zero())
    return wrong


@pytest.mark.parametrize("formula", FORMULAS)
def test_the_truth_is_within_the_bounds(
    formula: str, program_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At points of every size, and most points have bounds."""
    program, rows = program_of(formula, SHAPES), _points()
    (found,) = _carried(program, rows, monkeypatch)
    assert _wrong(program, rows, found) == 0
    assert (found.high < np.inf).mean() > 0.4


@pytest.mark.parametrize("formula", FORMULAS)
def test_sensitivities_are_those_of_balls(formula: str, program_of: Any) -> None:
    """Where balls can follow, what a rounding moves is as large, and seldom larger.

    Balls themselves are too wide by some of their own where a number nearly cancels.
    """
    program, rng = program_of(formula, SHAPES), np.random.default_rng(7)
    rows = rng.choice([-1.0, 1.0], (200, 2)) * 2.0 ** rng.uniform(-6, 4, (200, 2))
    with np.errstate(all="ignore"):
        (found,) = Vectors(program).outputs(rows, Magnitudes(24))
    moved, wanted = found.spread[1], Kernel(program).enclose(rows, 24).moved[:, 0]
    assert (moved >= 0.7 * wanted).all()
    assert np.median((moved / wanted)[wanted > 0]) < 1.8


@pytest.mark.parametrize(
    "name, broken",
    [
        ("_exp", lambda self, a: Magnitude(a.sign, a.low, a.high, a.moved)),
        ("add", lambda self, a, b: Magnitude(a.sign, a.low, a.high, a.moved)),
        ("div", Magnitudes.mul),
        ("neg", lambda self, a: a),
    ],
)
def test_a_broken_rule_is_caught(
    name: str, broken: Any, program_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operation that is another one is outside its bounds somewhere."""
    program, rows = program_of("1/(1 + cosh(x)) - y", SHAPES), _points()
    monkeypatch.setattr(Magnitudes, name, broken)
    (found,) = _carried(program, rows, monkeypatch)
    assert _wrong(program, rows, found)


def test_bounds_that_are_close_together_are_the_number() -> None:
    """A number comes back with an error of a few digits, and its sensitivity."""
    numbers, x = Magnitudes(24), np.array([3.0, -0.1, 1e30, 2.0**-149])
    middle, (error, moved) = numbers.quantity(numbers.given(x))
    assert middle == pytest.approx(x, rel=1e-11)
    assert (np.abs(middle - x) <= error).all()
    assert (error <= 1e-11 * np.abs(x)).all()
    assert moved == pytest.approx(np.abs(x) * 2.0**-24, rel=1e-9)


def test_what_is_beyond_float64_is_infinite_and_what_is_below_is_zero() -> None:
    """exp(1e6) is inf for certain, exp(-1e6) as good as 0; of log(-1) nothing is known."""
    numbers = Magnitudes(24)
    with np.errstate(all="ignore"):
        far = numbers._exp(numbers.given(np.array([1e6, -1e6])))
        outside = numbers._log(numbers.given(np.array([-1.0])))
    middle, (error, moved) = numbers.quantity(far)
    assert middle.tolist() == [math.inf, 0.0]
    assert error[0] == 0
    assert moved[0] == math.inf
    assert 0 < error[1] < 1e-90
    assert np.isnan(numbers.quantity(outside).spread[0]).all()


def test_what_passes_for_zero_is_off_by_its_size() -> None:
    """Below 2**-300 the number is 0, and the error says how far from it."""
    numbers = Magnitudes(24)
    middle, (error, _) = numbers.quantity(numbers.given(np.array([1e-100, -1e-95, 1e-80])))
    assert middle[:2].tolist() == [0.0, 0.0]
    assert error[:2] == pytest.approx([1e-100, 1e-95])
    assert (error[:2] >= [1e-100, 1e-95]).all()
    assert middle[2] == pytest.approx(1e-80)


@pytest.mark.parametrize("op, shares", [("max", [0, 1, 0]), ("min", [0, 0, 1])])
def test_who_wins(op: str, shares: list[int]) -> None:
    """1 for the only largest, or smallest; open for all at a tie."""
    numbers = Magnitudes(24)
    args = [numbers.given(np.array(column)) for column in ([1.0, 2.0], [3.0, 2.0], [-2.0, 2.0])]
    with np.errstate(all="ignore"):
        won = [
            numbers.quantity(numbers.wins(numbers.contest(op, args), place)) for place in range(3)
        ]
    assert [each.middle[0] for each in won] == shares
    assert all(np.isnan(each.spread[0, 1]) for each in won)


def test_zero_stays_zero() -> None:
    """An exact 0 has no sign, no size, and takes part in sums and products as 0 does."""
    numbers = Magnitudes(24)
    zero, two = numbers.given(np.zeros(1)), numbers.given(np.full(1, 2.0))
    with np.errstate(all="ignore"):
        total, product = numbers.add(zero, two), numbers.mul(zero, two)
        quotient = numbers.div(two, zero)
        closed = numbers.scale(zero, magnitudes._nothing(two.sign))
    assert total.sign == 1
    assert total.low == pytest.approx(1.0)
    assert product.high == closed.high == -math.inf
    assert np.isnan(quotient.high)


def test_the_first_power_is_the_number_itself() -> None:
    """Also of 0, whose logarithm is no number."""
    magnitudes = Magnitudes(24)
    given = magnitudes.given(np.array([0.0, -3.0]))
    power = magnitudes.whole_power(given, 1)
    assert power.sign.tolist() == [0.0, -1.0]
    assert power.high[0] == power.moved[0] == -np.inf
    assert power.high[1] == pytest.approx(np.log2(3.0))
    assert power.moved[1] == pytest.approx(np.log2(3.0) - 24)


@pytest.mark.parametrize(
    "low, high, sign", [(0.5, 2.0, 1), (-2.0, -0.5, -1), (-1.0, 2.0, 0), (0.0, 2.0, 0)]
)
def test_the_sign_of_an_interval(low: float, high: float, sign: int) -> None:
    """It is known where 0 is on neither side of it nor in it."""
    ends = np.array([low]), np.array([high])
    with np.errstate(all="ignore"):
        found = magnitudes._of_interval(*ends, np.zeros(1))
    assert found.sign == sign
