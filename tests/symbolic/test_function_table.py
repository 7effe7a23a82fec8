"""Every row of the function table of one or two numbers, walked: a new row is tested unasked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
from flint import ctx
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gradcheck_sym.autograd.functions import evaluate as torch_evaluate
from gradcheck_sym.spec.domain import parse_domain
from gradcheck_sym.spec.dtypes import format_of
from gradcheck_sym.spec.functions import FUNCTIONS, Function, parameters
from gradcheck_sym.spec.parser import parse
from gradcheck_sym.symbolic import interpret
from gradcheck_sym.symbolic.derivation import Derivation
from gradcheck_sym.symbolic.places import Place
from gradcheck_sym.symbolic.program import Program
from gradcheck_sym.symbolic.taylor import slopes

FLOAT64 = format_of("float64")
PRECISIONS = (53, 106, 212, 400)
QUICK = settings(deadline=None, derandomize=True, max_examples=20)

ROWS = [row for row in FUNCTIONS.values() if row.elementwise]
UNARY = [row for row in ROWS if len(parameters(row.signature)) == 1]
_ids = {"ids": lambda row: row.name}

# What mpmath calls otherwise, or lacks.
_REFERENCE: dict[str, Callable[..., Any]] = {
    "exp2": lambda x: mpmath.mpf(2) ** x,
    "log2": lambda x: mpmath.log(x, 2),
    "rsqrt": lambda x: 1 / mpmath.sqrt(x),
    "reciprocal": lambda x: 1 / x,
    "square": lambda x: x * x,
    "pow": mpmath.power,
    "sinc": mpmath.sincpi,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x, beta: mpmath.log1p(mpmath.exp(beta * x)) / beta,
    "relu": lambda x: max(x, mpmath.mpf(0)),
    "lgamma": lambda x: mpmath.log(abs(mpmath.gamma(x))),
    "abs": mpmath.fabs,
    "frac": lambda x: x - mpmath.floor(x) if x >= 0 else x - mpmath.ceil(x),
    "maximum": max,
    "minimum": min,
    "clone": lambda x: x,
    "real": lambda x: x,
    "imag": lambda x: 0 * x,
    "angle": mpmath.arg,
}


def _reference(row: Function) -> Callable[..., Any]:
    found = _REFERENCE.get(row.name) or getattr(mpmath, row.name, None)
    assert found is not None, f"mpmath has no {row.name}: give it a line in _REFERENCE"
    return found


def _names(row: Function) -> list[str]:
    return [parameter.name for parameter in parameters(row.signature)]


def _call(row: Function) -> str:
    return f"{row.name}({', '.join(_names(row))})"


def _shapes(row: Function) -> dict[str, tuple[int, ...]]:
    return dict.fromkeys(_names(row), ())


def _numbers(row: Function) -> st.SearchStrategy[float]:
    """Numbers of the row's domain, of ordinary size, its ends and their neighbours included."""
    piece = parse_domain(row.domain).intervals[0]
    low, high = max(piece.low, -300.0), min(piece.high, 300.0)
    broad = st.floats(
        low,
        high,
        exclude_min=low == piece.low and not piece.low_closed,
        exclude_max=high == piece.high and not piece.high_closed,
    )
    return st.one_of(broad, broad.filter(lambda x: abs(x) <= 4))


def _points(row: Function) -> st.SearchStrategy[list[float]]:
    if row.name == "pow":  # defined for positive bases, and for whole exponents
        either = st.one_of(
            st.tuples(st.floats(1e-6, 50), st.floats(-8, 8)),
            st.tuples(st.floats(-50, 50).filter(bool), st.integers(-5, 6).map(float)),
        )
        return either.map(list)
    if row.name == "softplus":
        return st.tuples(st.floats(-80, 80), st.floats(0.125, 8)).map(list)
    return st.tuples(*[_numbers(row)] * len(_names(row))).map(list)


def _truth(row: Function, point: list[float], digits: int = 200) -> Any:
    with mpmath.workdps(digits):
        try:
            return _reference(row)(*map(mpmath.mpf, point))
        except (ValueError, ZeroDivisionError):
            return mpmath.nan


def _exact(program: Program, point: list[float], precision: int) -> list[Any]:
    with ctx.workprec(precision):
        return interpret.exact(program, point)


@pytest.mark.parametrize("row", ROWS, **_ids)
@QUICK
@given(data=st.data())
def test_balls_contain_the_value(
    row: Function, data: st.DataObject, program_of: Any, ball_of: Any
) -> None:
    """The ball of every function holds mpmath's value, at every precision."""
    point = data.draw(_points(row))
    truth = _truth(row, point)
    assume(mpmath.isfinite(truth))
    program = program_of(_call(row), _shapes(row))
    near = ball_of(truth, error=float(abs(truth)) * 1e-180 + 1e-290)
    for precision in PRECISIONS:
        (ball,) = _exact(program, point, precision)
        if ball.is_finite():
            assert ball.overlaps(near), (point, precision, ball, truth)
    (settled,) = _exact(program, point, 2000)
    assert settled.is_finite(), point  # a domain's own point has a value


@pytest.mark.parametrize("row", ROWS, **_ids)
@QUICK
@given(data=st.data())
def test_torch_means_the_same(row: Function, data: st.DataObject, program_of: Any) -> None:
    """torch's operator has the value of the mathematics, to what the argument's rounding moves."""
    point = data.draw(_points(row))
    (ball,) = _exact(program_of(_call(row), _shapes(row)), point, 400)
    value = float(ball)
    assume(1e-290 < abs(value) < 1e290 or value == 0)
    tensors = {
        name: torch.tensor(x, dtype=torch.float64)
        for name, x in zip(_names(row), point, strict=True)
    }
    claimed = torch_evaluate(parse(_call(row)), tensors).item()
    moved = [
        abs(float(_exact(program_of(_call(row), _shapes(row)), nudged, 400)[0]) - value)
        for nudged in _nudged(point)
    ]
    slack = 64 * max([x for x in moved if math.isfinite(x)], default=0.0) + 1e-14 * abs(value)
    assert abs(claimed - value) <= slack + 1e-290, (point, claimed, value)


def _nudged(point: list[float]) -> Iterator[list[float]]:
    for place, x in enumerate(point):
        for towards in (-math.inf, math.inf):
            yield [*point[:place], math.nextafter(x, towards), *point[place + 1 :]]


def _gradient(derivation: Derivation, point: list[float], precision: int) -> list[Any]:
    with ctx.workprec(precision):
        return derivation.exact_gradient([*point, 1.0])


@pytest.mark.parametrize("row", ROWS, **_ids)
@QUICK
@given(data=st.data())
def test_derivative_is_that_of_mpmath(
    row: Function, data: st.DataObject, derived: Any, ball_of: Any
) -> None:
    """SymPy's derivative, as a ball, holds what mpmath's differences measure."""
    point = data.draw(_points(row).filter(_measurable))
    derivation = derived(_call(row), _shapes(row))
    settled = derivation.settle([*point, 1.0], FLOAT64)
    assume(settled.place is Place.REGULAR)
    gradient = _gradient(derivation, point, 900)
    for place, slope in enumerate(gradient):
        measured = _difference(row, point, place)
        if measured is not None and slope.is_finite():
            error = float(abs(measured)) * 1e-60 + 1e-60
            assert slope.overlaps(ball_of(measured, error)), (point, place, slope, measured)


def _measurable(point: list[float]) -> bool:
    """Whether a difference of 400 digits says anything: no number next to 0, but 0 itself."""
    return all(x == 0 or abs(x) > 1e-20 for x in point)


def _difference(row: Function, point: list[float], place: int) -> Any:
    """A central difference of so small a step that its error is below every digit we ask for."""
    with mpmath.workdps(400):
        x = [mpmath.mpf(value) for value in point]
        step = mpmath.mpf(2) ** -400 * (abs(x[place]) or 1)
        try:
            ends = [
                _reference(row)(*x[:place], x[place] + side * step, *x[place + 1 :])
                for side in (-1, 1)
            ]
        except (ValueError, ZeroDivisionError):
            return None
        if any(isinstance(end, mpmath.mpc) for end in ends):
            return None
        slope = (ends[1] - ends[0]) / (2 * step)
        return slope if mpmath.isfinite(slope) else None


@pytest.mark.parametrize("row", ROWS, **_ids)
@QUICK
@given(data=st.data())
def test_taylor_arithmetic_gives_the_same_slope(
    row: Function, data: st.DataObject, derived: Any
) -> None:
    """The guard's derivative and SymPy's overlap, and the guard's is no empty claim."""
    point = data.draw(_points(row))
    derivation = derived(_call(row), _shapes(row))
    assume(derivation.settle([*point, 1.0], FLOAT64).place is Place.REGULAR)
    with ctx.workprec(256):
        gradient = derivation.exact_gradient([*point, 1.0])
        taken = interpret.decisions(derivation.forward, point)
        for place, slope in enumerate(gradient):
            direction = [float(k == place) for k in range(len(point))]
            (along,) = slopes(derivation.forward, point, direction, taken)
            if slope.is_finite():
                assert along.is_finite(), (point, place)
                assert along.overlaps(slope), (point, place, along, slope)


def _special(text: str) -> list[float]:
    if text == "integers":
        return [-3.0, -1.0, 0.0, 1.0, 2.0, 1e6, 2.0**60]
    return [float(part) for part in text.strip("{}").split(",")] if text else []


@pytest.mark.parametrize("row", UNARY, **_ids)
def test_special_points_are_where_the_row_says(row: Function, derived: Any) -> None:
    """On a kink the row's point is a kink, on a singular point singular; a step aside regular."""
    derivation = derived(_call(row))
    marked = [(Place.SINGULAR, x) for x in _special(row.singular)]
    marked += [(Place.KINK, x) for x in _special(row.kinks)]
    domain = parse_domain(row.domain)
    for place, x in marked:
        settled = derivation.settle([x, 1.0], FLOAT64)
        assert settled.place is place, x
        assert settled.values[0] is not None, "the value is still known"
        assert settled.gradient == (None,), "there is no one derivative"
        for aside in (x - 1e-9 * (1 + abs(x)), x + 1e-9 * (1 + abs(x))):
            if aside in domain and aside % 1:
                assert derivation.settle([aside, 1.0], FLOAT64).place is Place.REGULAR, aside


@pytest.mark.parametrize("row", UNARY, **_ids)
def test_outside_its_domain_there_is_no_truth(row: Function, derived: Any) -> None:
    """Beyond an end of the domain the point is outside; at an open end it is no regular point."""
    derivation = derived(_call(row))
    piece = parse_domain(row.domain).intervals[0]
    for end, closed, out in ((piece.low, piece.low_closed, -1), (piece.high, piece.high_closed, 1)):
        if math.isfinite(end):
            beyond = derivation.settle([end + out * 0.75, 1.0], FLOAT64)
            assert beyond.place is Place.OUTSIDE
            assert beyond.values == (None,)
            assert beyond.gradient == (None,)
            at_end = derivation.settle([end, 1.0], FLOAT64)
            assert at_end.place is not Place.REGULAR
            assert closed == (at_end.values[0] is not None)


@pytest.mark.parametrize("row", UNARY, **_ids)
def test_a_kink_is_where_the_slope_jumps(row: Function, derived: Any) -> None:
    """Either side of a kink of the row, the value or the slope differs by much."""
    derivation = derived(_call(row))
    for x in _special(row.kinks):
        if abs(x) < 1e3:
            left, right = ([*_sides(derivation, x + side * 2.0**-20)] for side in (-1, 1))
            assert np.abs(np.subtract(left, right)).max() > 0.5, x


def _sides(derivation: Derivation, x: float) -> Iterator[float]:
    settled = derivation.settle([x, 1.0], FLOAT64)
    for truth in (*settled.values, *settled.gradient):
        assert truth is not None
        yield truth.middle


@pytest.mark.parametrize("row", UNARY, **_ids)
def test_ordinary_points_of_the_domain_are_regular(row: Function, derived: Any) -> None:
    """A point that the row doesn't mark is regular, with truths that the kernel confirms."""
    derivation = derived(_call(row))
    domain = parse_domain(row.domain)
    points = [x for x in (-7.3, -0.6, -1e-5, 1e-5, 0.3, 0.9, 1.4, 55.7) if x in domain]
    assert points
    middle, sensitivity, _ = derivation.kernel.enclose(np.array([[x, 1.0] for x in points]), 53)
    for lane, x in enumerate(points):
        settled = derivation.settle([x, 1.0], FLOAT64)
        assert settled.place is Place.REGULAR, x
        moved = derivation.sensitivities([x, 1.0], FLOAT64)
        for column, truth in enumerate((*settled.values, *settled.gradient)):
            assert truth is not None
            assert math.isclose(truth.middle, middle[lane, column], rel_tol=2e-15, abs_tol=1e-300)
            assert moved[column] <= sensitivity[lane, column] * 1.001 + 1e-290, x
