"""Midpoints and spreads: whatever the arguments may be, the result is inside."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from flint import arb, ctx

from gradcheck_sym.spec.functions import FUNCTIONS
from gradcheck_sym.symbolic import arithmetic, interpret, spreads
from gradcheck_sym.symbolic.arithmetic import Arithmetic
from gradcheck_sym.symbolic.carriers import (
    EXTENDED,
    PLAIN,
    RANGED,
    SMALLEST,
    Carrier,
    to_balls,
)
from gradcheck_sym.symbolic.program import Instruction
from gradcheck_sym.symbolic.slopes import FUNCTION_ULPS, REACH_SHARE, SMOOTH
from gradcheck_sym.symbolic.spreads import Answer, Quantity

Floats = npt.NDArray[np.float64]

LANES = 120
CARRIERS = [carrier for carrier in (PLAIN, EXTENDED, RANGED) if carrier is not None]
RANGES: Mapping[str, tuple[float, float]] = {  # where most of a function is, besides everywhere
    "exp": (-740, 700),
    "expm1": (-40, 700),
    "sinh": (-700, 700),
    "cosh": (-700, 700),
    "tanh": (-20, 20),
    "erf": (-7, 7),
    "erfc": (-7, 27),
    "asin": (-1, 1),
    "acos": (-1, 1),
    "atanh": (-1, 1),
    "erfinv": (-1, 1),
    "log1p": (-1, 1),
    "acosh": (1, 3),
}
# Functions of one number: those with a rule, and those that are left to Arb one by one.
UNARY = sorted(
    row.name
    for row in FUNCTIONS.values()
    if row.ball and row.name not in ("maximum", "minimum", "atan2")
)
CONTINUOUS = [name for name in UNARY if name not in ("abs", "sign", "floor", "ceil")]
BINARY = ("add", "sub", "mul", "div", "scale", "power", "atan2")


def _numbers(rng: np.random.Generator, low: float, high: float) -> Floats:
    """Half between two ends, a quarter of every size, the rest next to landmarks."""
    even = rng.uniform(low, high, LANES // 2)
    sized = rng.choice([-1.0, 1.0], LANES // 4) * 2.0 ** rng.uniform(-140, 128, LANES // 4)
    marks = rng.choice([-2, -1, -0.5, 0, 0.5, 1, 2, math.pi], LANES - len(even) - len(sized))
    return np.concatenate([even, sized, marks * (1 + 2.0 ** rng.uniform(-30, -3, len(marks)))])


def _quantity(rng: np.random.Generator, middle: Floats) -> Quantity:
    """Numbers with an error: none, small, or as large as they are."""
    share = np.where(rng.random(LANES) < 0.3, 0.0, 2.0 ** rng.uniform(-52, -10, LANES))
    share = np.where(rng.random(LANES) < 0.05, 1.0, share)
    size = np.abs(middle)
    return Quantity(middle, np.stack([size * share, size * 2.0**-24]))


def _given(name: str, arity: int = 1, carrier: Carrier = PLAIN) -> list[Quantity]:
    rng = np.random.default_rng(sum(map(ord, name)))
    ends = RANGES.get(name, (-30, 30))
    args = [_quantity(rng, _numbers(rng, *ends)) for _ in range(arity)]
    return [Quantity(_finer(arg.middle, rng, carrier), arg.spread) for arg in args]


def _finer(middle: Floats, rng: np.random.Generator, carrier: Carrier) -> Any:
    """Numbers that float64 does not hold, in a carrier that does; half of them stay as they are."""
    if carrier is PLAIN:
        return middle
    wide = middle.astype(carrier.format)
    return wide * (1 + carrier.unit * 2 * rng.integers(0, 2, LANES) * rng.integers(1, 512, LANES))


def _members(args: Sequence[Quantity], lane: int) -> Iterator[list[Any]]:
    """The middles, and the corners of what the arguments may be, as exact balls."""
    ends = [(*to_balls(arg.middle[[lane]]), float(arg.spread[0, lane])) for arg in args]
    for sides in ((0,) * len(args), *itertools.product((-1, 1), repeat=len(args))):
        yield [m + side * arb(e) for (m, e), side in zip(ends, sides, strict=True)]


def _missed(step: Instruction, args: Sequence[Quantity], found: Quantity) -> list[int]:
    """The lanes in which some member's value is not inside the result."""
    missed = []
    error = np.broadcast_to(found.spread[0], (LANES,))
    middle = np.broadcast_to(found.middle, (LANES,))
    with ctx.workprec(2500):  # 1 + e is exact for every e
        for lane in np.flatnonzero(np.isfinite(error) & np.isfinite(middle)).tolist():
            reach = arb(float(error[lane]))
            for members in _members(args, lane):
                with ctx.workprec(300):
                    truth = interpret.evaluate(step, members, {})
                if not abs(truth - to_balls(middle[[lane]])[0]) <= reach:
                    missed.append(lane)
    return missed


def _carried(name: str, args: Sequence[Quantity], carrier: Carrier = PLAIN) -> Quantity:
    numbers = Arithmetic(carrier.finest, carrier)
    with np.errstate(all="ignore"):
        if hasattr(numbers, name):
            found: Quantity = getattr(numbers, name)(*args)
            return found
        return numbers.function(Instruction(name), args)


in_each = pytest.mark.parametrize(
    "carrier", CARRIERS, ids=lambda each: f"{each.format.__name__}-{each.bounds.__name__}"
)


@in_each
@pytest.mark.parametrize("name", CONTINUOUS)
def test_a_function_holds_the_values_of_its_argument(name: str, carrier: Carrier) -> None:
    """Every value that the argument may have has its image inside; many lanes are settled."""
    (arg,) = args = _given(name, carrier=carrier)
    found = _carried(name, args, carrier)
    assert _missed(Instruction(name), args, found) == []
    inside = [np.isfinite(float(_exact(name, float(x)))) for x in arg.middle]
    assert np.isfinite(found.spread[0]).sum() >= 0.5 * sum(inside)


def _exact(name: str, x: float) -> Any:
    with ctx.workprec(300):
        return interpret.evaluate(Instruction(name), [arb(x)], {})


@in_each
@pytest.mark.parametrize("op", BINARY)
def test_an_operation_holds_the_values_of_its_arguments(op: str, carrier: Carrier) -> None:
    """Whatever two numbers are, the result of the operation is inside."""
    args = _given(op, 2, carrier)
    if op == "power":
        args[0] = _quantity(np.random.default_rng(7), np.abs(args[0].middle))
        args[1] = _quantity(
            np.random.default_rng(8), np.random.default_rng(9).uniform(-9, 9, LANES)
        )
    found = _carried(op, args, carrier)
    assert _missed(Instruction("pow" if op == "power" else op), args, found) == []
    assert np.isfinite(found.spread[0]).sum() >= 0.5 * LANES


@pytest.mark.parametrize("exponent", [-7, -2, -1, 0, 1, 2, 3, 10, 63])
def test_whole_powers_hold_theirs(exponent: int) -> None:
    """Integer exponents of either sign, for bases of either sign."""
    (base,) = _given("power")
    with np.errstate(all="ignore"):
        found = Arithmetic(24).whole_power(base, exponent)
    power = Quantity(np.full(LANES, float(exponent)), np.zeros((2, LANES)))
    assert _missed(Instruction("pow"), [base, power], found) == []
    assert np.isfinite(np.broadcast_to(found.spread[0], (LANES,))).sum() >= 0.4 * LANES


@pytest.mark.parametrize(
    "name, broken",
    [
        ("exp", {"value": lambda x: np.exp(x) * (1 + 2.0**-48)}),
        ("sin", {"slope": lambda x, f: 0.5 * np.abs(np.cos(x))}),
        ("sin", {"bend": None}),
        ("log", {"slope": lambda x, f: 0.99 / x}),
        ("tanh", {"level": (-1, 1)}),
        ("erf", {"slope": lambda x, f: np.exp(-x * x)}),
        ("atanh", {"reach": lambda x, f: math.inf}),
    ],
)
def test_a_broken_rule_is_caught(
    name: str, broken: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value, slope, bend, level or reach that is not the function's own does not hold."""
    changed = dict(SMOOTH) | {name: replace(SMOOTH[name], **broken)}
    monkeypatch.setattr(arithmetic, "SMOOTH", MappingProxyType(changed))
    args = _given(name)
    assert _missed(Instruction(name), args, _carried(name, args))


@in_each
@pytest.mark.parametrize("name", sorted(SMOOTH))
def test_the_libraries_keep_the_bound_that_is_relied_on(name: str, carrier: Carrier) -> None:
    """NumPy's and the C library's values are within FUNCTION_ULPS of Arb's."""
    rng = np.random.default_rng(3)
    low, high = RANGES.get(name, (-30, 30))
    wide = np.concatenate(
        [
            rng.uniform(low, high, 3000),
            rng.choice([-1.0, 1.0], 1500) * 2.0 ** rng.uniform(-150, 128, 1500),
            2.0 ** np.arange(-149, 128),
        ]
    )
    with np.errstate(all="ignore"):
        claimed = SMOOTH[name].value(wide.astype(carrier.format))
        fits = np.isfinite(claimed.astype(np.float64))
    worst = 0.0
    with ctx.workprec(300):
        for x, claim in zip(wide[fits].tolist(), to_balls(claimed[fits]), strict=True):
            truth = interpret.evaluate(Instruction(name), [arb(x)], {})
            size = float(abs(claim)) * carrier.unit + SMALLEST  # an ulp is at least that
            worst = max(worst, float(abs(truth - claim)) / size)
    assert worst <= 2 * FUNCTION_ULPS


@pytest.mark.parametrize("name", sorted(SMOOTH))
def test_slopes_are_those_of_the_functions(name: str) -> None:
    """Next to a point, as far as it may reach, no chord is steeper than is said."""
    rule = SMOOTH[name]
    points = [x for x in _given(name)[0].middle.tolist() if math.isfinite(float(_exact(name, x)))]
    checked = 0
    for x in points:
        with np.errstate(all="ignore"):
            f = rule.value(np.array([x]))
            slope, reach = rule.slope(np.array([x]), f), rule.reach(np.array([x]), f)
        bend = 0.0 if rule.bend is None else float(np.ravel(rule.bend(f))[0])
        if not (np.ravel(reach)[0] > 0 and np.isfinite(slope[0])):
            continue
        width = min(float(np.ravel(reach)[0]), 1.0) * REACH_SHARE
        with ctx.workprec(600):
            here, there = (
                interpret.evaluate(Instruction(name), [arb(x) + side * arb(width)], {})
                for side in (0, 1)
            )
            steep = (arb(float(slope[0])) * arithmetic.SLOPE_SLACK + bend * arb(width)) * arb(width)
            assert abs(there - here) <= steep + arb(SMALLEST), x
        checked += 1
    assert checked >= 20


@pytest.mark.parametrize("op", ["abs", "sign", "floor", "ceil"])
def test_steps_and_kinks_are_left_open_where_they_may_be(op: str) -> None:
    """Where all that an argument may be lies on one side there is a value, and it is right."""
    (arg,) = _given(op)
    found = _carried(op, [arg])
    low, high = arg.middle - arg.spread[0], arg.middle + arg.spread[0]
    if op in ("abs", "sign"):
        clear = (low > 0) | (high < 0)
    else:
        clear = (np.floor(low) == np.floor(high)) & (np.floor(low) < low) & (high < np.ceil(high))
    assert np.array_equal(np.isfinite(found.spread[0]), clear)
    wanted = {"abs": np.abs, "sign": np.sign, "floor": np.floor, "ceil": np.ceil}[op]
    assert np.array_equal(found.middle[clear], wanted(arg.middle[clear]))


@pytest.mark.parametrize("op", ["max", "min"])
def test_extremes_are_open_at_ties(op: str) -> None:
    """Only an argument that is clear of all others wins, and its numbers are the result."""
    args = [
        Quantity(np.array(middles, dtype=float), np.array([errors, moved], dtype=float))
        for middles, errors, moved in (
            ([1, 1, 1, 5, 1], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]),
            ([2, 1, 2, 1, 2], [0, 0, 2, 0, np.nan], [2, 2, 2, 2, 2]),
            ([0, 0, 0, 2, 0], [0, 0, 0, 0, 0], [3, 3, 3, 3, 3]),
        )
    ]
    numbers = Arithmetic(24)
    found, shares = (
        numbers.extreme(op, args),
        [numbers.wins(numbers.contest(op, args), k) for k in range(3)],
    )
    wanted = {"max": [2, None, None, 5, None], "min": [0, 0, None, 1, None]}[op]
    winner = {"max": [1, None, None, 0, None], "min": [2, 2, None, 1, None]}[op]
    for lane, (value, place) in enumerate(zip(wanted, winner, strict=True)):
        assert np.isnan(found.spread[0, lane]) == (value is None)
        for k, share in enumerate(shares):
            assert np.isnan(share.spread[0, lane]) == (value is None)
            assert value is None or share.middle[lane] == float(k == place)
        if place is not None:
            assert found.middle[lane] == value
            assert found.spread[1, lane] == place + 1


THREE = (True, False, None)


@pytest.mark.parametrize("a, b", list(itertools.product(THREE, THREE)))
def test_conditions_hold_for_whatever_is_open(a: bool | None, b: bool | None) -> None:
    """and, or, not are decided where every completion of what is open agrees."""
    first, second = (Answer(np.array([x is True]), np.array([x is False])) for x in (a, b))
    worlds = [
        (p, q) for p in ({a} - {None} or {True, False}) for q in ({b} - {None} or {True, False})
    ]
    for op, two in (("and", all), ("or", any)):
        outcomes = {two(world) for world in worlds}
        found = spreads.combine(op, [first, second])
        assert found.yes[0] == (outcomes == {True})
        assert found.no[0] == (outcomes == {False})
    assert spreads.combine("not", [first]) == (first.no, first.yes)


def test_comparisons_want_a_gap() -> None:
    """Numbers whose errors touch are not compared; equality is never certain."""
    a = Quantity(np.array([1.0, 1.0, 1.0, 3.0]), np.array([[0.0, 0.5, 0, np.nan], [0, 0, 0, 0]]))
    b = Quantity(np.array([2.0, 2.0, 1.0, 1.0]), np.array([[0.0, 0.5, 0, 0], [0, 0, 0, 0]]))
    numbers = Arithmetic(24)
    less, equal = numbers.compare("lt", a, b), numbers.compare("eq", a, b)
    assert less.yes.tolist() == [True, False, False, False]
    assert not less.no.any()
    assert not equal.yes.any()
    assert equal.no.tolist() == numbers.compare("ne", a, b).yes.tolist() == less.yes.tolist()


def test_a_closed_gate_stops_everything() -> None:
    """0 times anything is 0 where the 0 is exact, and open where it is not."""
    gate = Quantity(np.zeros(2), np.array([[0.0, 1e-300], [0.0, 0.0]]))
    value = Quantity(np.full(2, np.nan), np.full((2, 2), np.nan))
    found = Arithmetic(24).scale(gate, value)
    assert found.middle[0] == 0
    assert found.spread[:, 0].tolist() == [0, 0]
    assert np.isnan(found.spread[0, 1])


def test_what_is_left_to_arb_keeps_its_sensitivity() -> None:
    """lgamma has no rule; what a rounding moves it by is |x*digamma(x)| roundings all the same."""
    x = np.array([0.5, 3.0, 40.0])
    found = _carried("lgamma", [Arithmetic(24).given(x)])
    slopes = [float(arb(value).digamma()) for value in x.tolist()]
    wanted = np.abs(x * slopes) * 2.0**-24
    assert found.spread[1] == pytest.approx(wanted, rel=0.1)
