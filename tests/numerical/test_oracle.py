"""The finite-difference oracle against derivatives known in mpmath, and where it must not tell."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gradcheck_sym.numerical.estimate import Estimate
from gradcheck_sym.numerical.oracle import derivative
from gradcheck_sym.verdict.records import Measured

Floats = NDArray[np.float64]
Function = Callable[[Floats], Floats]
mp = mpmath.mp

# name, function over NumPy arrays, derivative over mpmath numbers, interval
SMOOTH: tuple[tuple[str, Function, Callable[[Any], Any], float, float], ...] = (
    ("exp", np.exp, mp.exp, -5, 5),
    ("sin", np.sin, mp.cos, -10, 10),
    ("log", np.log, lambda x: 1 / x, 1e-3, 10),
    ("1/x", lambda x: 1 / x, lambda x: -1 / x**2, 1e-2, 3),
    ("sqrt", np.sqrt, lambda x: 1 / (2 * mp.sqrt(x)), 1e-3, 9),
    ("tanh", np.tanh, lambda x: mp.sech(x) ** 2, -6, 6),
    ("atan", np.arctan, lambda x: 1 / (1 + x * x), -20, 20),
    ("tan", np.tan, lambda x: mp.sec(x) ** 2, -1.5, 1.5),
    ("exp(50x)", lambda x: np.exp(50 * x), lambda x: 50 * mp.exp(50 * x), -3, 3),
    ("sin(1e5x)", lambda x: np.sin(1e5 * x), lambda x: 10**5 * mp.cos(10**5 * x), -2, 2),
    ("sigmoid", lambda x: 1 / (1 + np.exp(-x)), lambda x: mp.sech(x / 2) ** 2 / 4, -40, 40),
    ("x**7", lambda x: x**7, lambda x: 7 * x**6, -3, 3),
    (
        "runge",
        lambda x: 1 / (1 + 25 * x * x),
        lambda x: -50 * x / (1 + 25 * x * x) ** 2,
        -3,
        3,
    ),
    (
        "a narrow bump on a sine",
        lambda x: np.sin(x) + np.exp(-((1e4 * x) ** 2)),
        lambda x: mp.cos(x) - 2 * 10**8 * x * mp.exp(-(10**8) * x**2),
        -3e-4,
        3e-4,
    ),
)


def slope(function: Function, x: float, **bounds: float) -> Estimate:
    """The oracle's slope of a function of the argument at x."""
    return derivative(lambda t: function(x + t), x, **bounds)


def covers(estimate: Estimate, truth: Any) -> bool:
    """Whether the truth lies within the bar, with nothing rounded on the way."""
    with mp.workdps(60):
        return bool(abs(mp.mpf(estimate.value) - truth) <= estimate.error)


def relu(x: Floats) -> Floats:
    """The larger of x and 0."""
    return np.maximum(x, 0.0)


def test_bars_cover_truths_and_are_sharp() -> None:
    """Covers at least 99 % of decided points, median error at most 1e-12, few undecided."""
    covered, errors, undecided = [], [], 0
    for number, (_, function, derived, low, high) in enumerate(SMOOTH):
        for x in np.random.default_rng(number).uniform(low, high, 40):
            estimate = slope(function, x)
            if not estimate.decided:
                undecided += 1
                continue
            with mp.workdps(60):
                truth = derived(mp.mpf(float(x)))
                errors.append(float(abs((mp.mpf(estimate.value) - truth) / truth)))
            covered.append(covers(estimate, truth))
    assert np.mean(covered) >= 0.99
    assert np.median(errors) <= 1e-12
    assert undecided <= 0.01 * 40 * len(SMOOTH)


@pytest.mark.parametrize("name", ["exp", "sin", "log", "1/x", "sqrt", "x**7", "runge"])
def test_bars_say_something(name: str) -> None:
    """On tame functions the bar itself is small, not only the error."""
    function, _, low, high = next(row[1:] for row in SMOOTH if row[0] == name)
    for x in np.random.default_rng(1).uniform(low, high, 10):
        estimate = slope(function, x)
        assert estimate.error <= 1e-10 * abs(estimate.value)


@pytest.mark.parametrize(
    "function",
    [
        np.abs,
        relu,
        lambda x: np.where(x > 0, x, 0.25 * x),
        lambda x: np.where(x > 0, x, 0.9 * x),
        lambda x: np.where(x > 0, x, 0.999 * x),
        lambda x: np.where(x > 0, x, 2 * np.expm1(np.minimum(x, 0))),
        lambda x: 1000 + relu(x),
        lambda x: np.sin(x) + np.abs(x),
        lambda x: np.sqrt(np.abs(x)),
        np.cbrt,
    ],
)
def test_kink_is_undecided(function: Function) -> None:
    """At a kink or a vertical tangent the error is infinite and a reason is given."""
    estimate = slope(function, 0.0)
    assert estimate.error == math.inf
    assert "kink" in estimate.reason
    assert estimate.measured == Measured(estimate.value, math.inf)


def test_kink_away_from_zero_is_undecided() -> None:
    """Also where the floats are coarse around the kink."""
    assert not slope(lambda x: np.sin(x) + np.abs(x - 1), 1.0).decided
    assert not slope(lambda x: np.maximum(x, 3.0), 3.0).decided


@pytest.mark.parametrize("distance", [1e-300, 1e-20, 1e-9, -1e-9, 1e-6, -1e-6, 0.1, -0.1])
def test_slope_beside_a_kink(distance: float) -> None:
    """However near the kink, the slope of the point's own side is found, within the bar."""
    for function, truth in ((np.abs, np.sign(distance)), (relu, float(distance > 0))):
        estimate = slope(function, distance)
        assert estimate.decided
        assert abs(estimate.value - truth) <= estimate.error
        assert estimate.error <= 1e-4


@pytest.mark.parametrize("function", [np.floor, np.round, np.sign, lambda x: x + np.sign(x)])
def test_jump_is_undecided(function: Function) -> None:
    """At a jump the error is infinite."""
    x = 0.5 if function is np.round else 0.0
    assert slope(function, x).error == math.inf


def test_lone_value_is_undecided() -> None:
    """A point whose own value lies apart from all its neighbours is a jump."""
    estimate = slope(lambda x: np.where(x == 0, 5.0, np.sin(x)), 0.0)
    assert estimate.error == math.inf
    assert "apart" in estimate.reason


@pytest.mark.parametrize("x", [2.5, -0.5, 3 + 1e-9, 3 - 1e-9, 1000.25, 1e6 + 0.5])
def test_steps_are_flat_between_jumps(x: float) -> None:
    """Between its jumps floor has slope zero, and the oracle says so."""
    estimate = slope(np.floor, x)
    assert estimate.value == 0.0
    assert estimate.error <= 1e-4


@given(x=st.floats(-1e3, 1e3).filter(lambda x: abs(x - round(x)) > 1e-3))
@settings(deadline=None, derandomize=True, max_examples=50)
def test_floor_is_never_wrong(x: float) -> None:
    """No wide look at a staircase passes for its slope."""
    estimate = slope(np.floor, x)
    assert not estimate.decided or abs(estimate.value) <= estimate.error


def _float32(function: Function) -> Function:
    return lambda x: function(x.astype(np.float32)).astype(np.float64)


def _noisy(x: Floats) -> Floats:
    return np.sin(x) + 1e-7 * np.sin(1e13 * x * x + 3e15 * np.cos(x))


@pytest.mark.parametrize(
    "forward",
    [
        _float32(np.sin),
        lambda x: np.sin(x).astype(np.float32).astype(np.float64),
        lambda x: np.float64(np.sin(x.astype(np.float16))),
        _noisy,
    ],
)
def test_noise_widens_the_bar(forward: Function) -> None:
    """A forward that loses digits gets a wide bar, which still covers the truth."""
    decided = 0
    for x in np.random.default_rng(2).uniform(-10, 10, 30):
        estimate = slope(forward, x)
        decided += estimate.decided
        assert abs(estimate.value - np.cos(x)) <= estimate.error
        assert estimate.error >= 1e-9
    assert decided >= 20


def test_mixed_precision_is_not_mistaken_for_detail() -> None:
    """A float32 factor inside a float64 product is locally constant, but not really."""
    for x in np.random.default_rng(3).uniform(-10, 10, 30):
        estimate = slope(lambda x: x * _float32(np.sin)(x), x)
        assert abs(estimate.value - (np.sin(x) + x * np.cos(x))) <= estimate.error


def test_cancellation_widens_the_bar() -> None:
    """(1 - cos x)/x**2 loses all digits near 0: the bar grows there and holds."""
    for x in (1e-2, 1e-3, 1e-4, 1e-6, 1e-9):
        estimate = slope(lambda x: (1 - np.cos(x)) / x**2, x)
        assert abs(estimate.value - (-x / 12)) <= estimate.error + x**3


@pytest.mark.parametrize("x", [37.0, 40.0, 60.0, 745.0])
def test_saturated_function(x: float) -> None:
    """Where sigmoid is 1 in floating point, its tiny slope is still within the bar."""
    estimate = slope(lambda x: 1 / (1 + np.exp(-x)), x)
    assert abs(estimate.value - math.exp(-x)) <= estimate.error <= 1e-14


@pytest.mark.parametrize("x", [-37.5, -40.0, -50.0, -100.0])
def test_function_rounded_to_zero(x: float) -> None:
    """log(1 + exp(x)) is exactly 0 far below 0, but not its slope."""
    estimate = slope(lambda x: np.log(1 + np.exp(x)), x)
    assert not estimate.decided or abs(estimate.value - math.exp(x)) <= estimate.error <= 1e-12


def test_rounded_to_zero_in_float32() -> None:
    """The same where the forward rounds in float32, which only its distant values show."""
    estimate = slope(_float32(lambda x: np.log(1 + np.exp(x))), -20.0)
    assert abs(estimate.value - math.exp(-20)) <= estimate.error


@pytest.mark.parametrize("x", [0.0, 1.0, np.nextafter(1.0, 0.0), 1e-12, 0.5])
def test_domain_ends(x: float) -> None:
    """At its ends the domain is left to no side, and the slope is one-sided."""
    asked: list[float] = []

    def forward(argument: Floats) -> Floats:
        asked.extend(argument)
        return np.exp(argument)

    estimate = slope(forward, x, low=0.0, high=1.0)
    assert abs(estimate.value - math.exp(x)) <= estimate.error <= 1e-8
    assert 0.0 <= min(asked) <= max(asked) <= 1.0


def test_one_sided_slope_of_a_kink() -> None:
    """A kink at the end of the domain is none."""
    estimate = slope(relu, 0.0, low=0.0)
    assert abs(estimate.value - 1) <= estimate.error <= 1e-10


@pytest.mark.parametrize(
    "function,x,bounds,reason",
    [
        (np.sqrt, 0.0, {}, "beside"),
        (np.sqrt, -1.0, {}, "at the point"),
        (lambda x: 1 / x, 0.0, {}, "at the point"),
        (np.exp, 3.0, {"high": 2.0}, "outside"),
        (np.exp, 1.0, {"low": 1.0, "high": 1.0}, "beside"),
        (lambda x: np.full_like(x, np.nan), 1.0, {}, "at the point"),
        (lambda x: np.where(x == 1.0, 2.0, np.inf), 1.0, {}, "beside"),
        (np.exp, math.nan, {}, "outside"),
    ],
)
def test_nothing_to_measure(
    function: Function, x: float, bounds: dict[str, float], reason: str
) -> None:
    """Non-finite values and empty neighbourhoods are undecided, with the reason."""
    with np.errstate(all="ignore"):
        estimate = slope(function, x, **bounds)
    assert estimate.error == math.inf
    assert reason in estimate.reason


def test_infinite_slope_at_the_domain_end() -> None:
    """The slope of sqrt at 0 is not a number to give a bar to."""
    assert slope(np.sqrt, 0.0, low=0.0).error == math.inf


@pytest.mark.parametrize(
    "function,x,truth",
    [
        (np.sin, 1e-300, 1.0),
        (np.exp, 0.0, 1.0),
        (lambda x: x, 1e300, 1.0),
        (lambda x: 1 / x, 1e-100, -1e200),
        (np.log, 1e-250, 1e250),
        (np.exp, 709.0, 8.218407461554972e307),
        (lambda x: 1e300 * x, 0.5, 1e300),
        (lambda x: 1e-30 * x, 0.5, 1e-30),
        (lambda x: np.exp(x / 1000), 0.5, math.exp(0.0005) / 1000),
        (lambda x: np.full_like(x, 3.0), 0.7, 0.0),
        (lambda x: 0 * x, 0.7, 0.0),
        (lambda x: np.cos(31 * np.arccos(np.clip(x, -1, 1))), 0.0, -31.0),
        (lambda x: np.where(x == 0, 1.0, np.sin(x) / np.where(x == 0, 1, x)), 0.0, 0.0),
        (lambda x: np.where(np.abs(x) < 1, x * x / 2, np.abs(x) - 0.5), 1.0, 1.0),
        (lambda x: x * np.abs(x), 1e-5, 2e-5),
        (lambda x: x * np.log(x), 1e-12, math.log(1e-12) + 1),
        (lambda x: np.sin(2 * np.pi * 1024 * x), 0.25, 2 * math.pi * 1024),
    ],
)
def test_scales(function: Function, x: float, truth: float) -> None:
    """Tiny, huge and unusual scales of argument, value and slope."""
    estimate = slope(function, x)
    assert estimate.decided
    assert abs(estimate.value - truth) <= estimate.error + 1e-15 * abs(truth)
    assert estimate.error <= 1e-6 * max(abs(truth), 1)


@pytest.mark.parametrize("frequency", [1e12, 1e15, 1e300])
def test_unresolvable_oscillation_is_undecided(frequency: float) -> None:
    """A function that varies between neighbouring floats has no slope that one could measure."""
    assert slope(lambda x: np.sin(frequency * x), 0.3).error == math.inf


@given(
    coefficients=st.lists(st.floats(-10, 10), min_size=1, max_size=6),
    x=st.floats(-10, 10).filter(lambda x: x == 0 or abs(x) > 1e-3),
)
@settings(deadline=None, derandomize=True, max_examples=100)
def test_polynomials(coefficients: list[float], x: float) -> None:
    """The bar covers the slope of any polynomial of moderate degree."""
    estimate = slope(lambda x: np.asarray(np.polyval(coefficients, x)), x)
    with mp.workdps(60):
        truth = mp.polyval(coefficients, mp.mpf(x), derivative=True)[1]
    assert estimate.decided
    assert covers(estimate, truth)


def test_phi_of_the_wrong_shape() -> None:
    """A function that does not answer for each offset is a mistake of the caller."""
    with pytest.raises(ValueError, match=r"\(1,\)"):
        derivative(lambda t: np.zeros(1), 1.0)


def test_phi_may_write_to_its_argument() -> None:
    """The oracle keeps its own offsets."""

    def phi(t: Floats) -> Floats:
        values = np.exp(1.0 + t)
        t[:] = 0.0
        return values

    estimate = derivative(phi, 1.0)
    assert abs(estimate.value - math.e) <= estimate.error <= 1e-11


def test_phi_may_raise() -> None:
    """What phi raises is the caller's."""

    def phi(t: Floats) -> Floats:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        derivative(phi, 1.0)


@pytest.mark.parametrize("distance", [1e-3, 1e-6, 1e-9])
def test_beside_a_singular_end_of_the_domain(distance: float) -> None:
    """Windows that reach up to the end, where the slope is infinite, do not spoil the others."""
    x = 1 - distance
    estimate = slope(np.arcsin, x, low=-1.0, high=1.0)
    true = 1 / math.sqrt((1 - x) * (1 + x))
    assert abs(estimate.value - true) <= estimate.error <= 1e-4 * true
