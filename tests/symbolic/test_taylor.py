"""The derivative a second time, and what slopes lose that are recomputed from rounded values."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from flint import arb, ctx
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gradcheck_sym.sampling.ordinals import round_to
from gradcheck_sym.spec.dtypes import format_of
from gradcheck_sym.symbolic import interpret
from gradcheck_sym.symbolic.program import Program
from gradcheck_sym.symbolic.taylor import met, recomputed, slopes

QUICK = settings(deadline=None, derandomize=True, max_examples=40)
XY: dict[str, tuple[int, ...]] = {"x": (), "y": ()}


def _slopes(program: Program, row: list[float], direction: list[float]) -> list[Any]:
    with ctx.workprec(200):
        return slopes(program, row, direction, interpret.decisions(program, row))


def _recomputed(program: Program, row: list[float], place: int, dtype: str) -> list[Any]:
    with ctx.workprec(256):
        taken = interpret.decisions(program, row)
    form = format_of(dtype)
    with ctx.workprec(form.precision):
        return recomputed(program, row, place, taken, form)


@pytest.mark.parametrize(
    "formula, point, slope",
    [
        ("x**3", (2.0, 0.0), 12.0),
        ("x**(-2)", (2.0, 0.0), -0.25),
        ("x**0", (0.0, 0.0), 0.0),
        ("x**1", (0.0, 0.0), 1.0),
        ("x**2", (0.0, 0.0), 0.0),
        ("(-2)**y*x", (5.0, 3.0), -8.0),
        ("x**0.5", (4.0, 0.0), 0.25),
        ("detach(x)*x", (3.0, 0.0), 3.0),
        ("detach(1/x) + x", (0.0, 0.0), 1.0),
        ("where(x > 1, 1/x, x)", (0.0, 0.0), 1.0),
        ("where(x > 1, log(x), y*x)", (-2.0, 7.0), 7.0),
        ("maximum(x, y)", (2.0, 1.0), 1.0),
        ("maximum(x, y)", (1.0, 2.0), 0.0),
        ("minimum(x, y)", (1.0, 2.0), 1.0),
        ("abs(x)*y", (-2.0, 3.0), -3.0),
        ("floor(x) + ceil(x) + sign(x)", (2.5, 0.0), 0.0),
        ("atan2(x, y)", (1.0, 2.0), 2 / 5),
        ("atan2(y, x)", (1.0, 2.0), -2 / 5),
        ("expm1(2*x)", (0.5, 0.0), 2 * math.e),
        ("log1p(2*x)", (0.5, 0.0), 1.0),
        ("sinh(2*x)", (0.5, 0.0), 2 * math.cosh(1)),
        ("cosh(2*x)", (0.5, 0.0), 2 * math.sinh(1)),
        ("tanh(2*x)", (0.5, 0.0), 2 / math.cosh(1) ** 2),
        ("asinh(2*x)", (0.5, 0.0), math.sqrt(2)),
        ("acosh(2*x)", (1.0, 0.0), 2 / math.sqrt(3)),
        ("atanh(2*x)", (0.25, 0.0), 8 / 3),
        ("erfinv(2*x)", (0.25, 0.0), math.sqrt(math.pi) * math.exp(0.4769362762044698733814**2)),
        ("lgamma(x)", (-2.5, 0.0), 1.1031566406452431872257),
        ("lgamma(2*x)", (1.25, 0.0), 2 * 0.7031566406452431872257),
        ("digamma(x)", (-2.5, 0.0), math.pi**2 - 0.3303577561002348649728),
        ("digamma(2*x)", (1.25, 0.0), 2 * 0.4903577561002348649728),
        ("e*x + pi", (0.0, 0.0), math.e),
    ],
)
def test_slopes_by_hand(
    formula: str, point: tuple[float, float], slope: float | None, program_of: Any
) -> None:
    """Slopes along x that one can work out, in branches, at whole powers, behind detach."""
    (along,) = _slopes(program_of(formula, XY), list(point), [1.0, 0.0])
    assert along.is_finite()
    assert along.rel_accuracy_bits() > 100 or along.contains(0)
    if slope is not None:
        assert math.isclose(float(along), slope, rel_tol=1e-15, abs_tol=1e-30)


@pytest.mark.parametrize(
    "formula, point",
    [
        ("1/x", 0.0),
        ("log(x)", -1.0),
        ("maximum(x, x*x)", 1.0),
        ("x**0.5", -1.0),
        ("atan2(x, x)", 0.0),
    ],
)
def test_no_slope_is_nan_and_no_exception(formula: str, point: float, program_of: Any) -> None:
    """At poles and outside the domain the guard has nothing to compare; it never raises."""
    (along,) = _slopes(program_of(formula), [point], [1.0])
    if formula != "maximum(x, x*x)":  # a tie is decided for one of the two
        assert not along.is_finite()


@pytest.mark.parametrize(
    "formula, point, bend",
    [
        ("digamma(x)", (2.5, 0.0), -0.2362040516417274),
        ("lgamma(2*x)", (1.25, 0.0), 4 * 0.4903577561002348649728),
        ("maximum(x**2, y)*x", (2.0, 1.0), 12.0),
        ("maximum(x**2, y)*x", (0.5, 1.0), 0.0),
        ("minimum(x**2, y)*x", (0.5, 1.0), 3.0),
        ("abs(x)*x", (-2.0, 0.0), -2.0),
    ],
)
def test_slopes_of_gradients(
    formula: str, point: tuple[float, float], bend: float, derived: Any
) -> None:
    """What only derivatives consist of has slopes as well: that is the second derivative."""
    joint = derived(formula, XY).joint
    _, along, _ = _slopes(joint, [*point, 1.0], [1.0, 0.0, 0.0])
    assert float(along) == pytest.approx(bend, rel=1e-14, abs=1e-30)


def test_the_largest_on_the_way(program_of: Any) -> None:
    """Of values and of slopes along one input, by size; what is not finite does not count."""

    def largest(program: Program, row: list[float], along: list[float]) -> tuple[float, float]:
        values, bends = met(program, row, along, interpret.decisions(program, row))
        return max(values), max(bends)

    program = program_of("-(x*y)**2 + sin(x) + where(x > 2, 1/x, 0)", XY)
    steepest = 150 - math.cos(3) + 1 / 9
    assert largest(program, [3.0, -5.0], [1.0, 0.0]) == pytest.approx((225.0, steepest))
    assert largest(program, [3.0, -5.0], [0.0, 1.0]) == pytest.approx((225.0, 90.0))
    assert largest(program_of("1/x + y", XY), [0.0, 4.0], [0.0, 1.0]) == (4.0, 1.0)


def test_the_direction_counts(program_of: Any) -> None:
    """The slope is linear in the direction, and along no direction it is 0."""
    program = program_of("sin(x)*exp(y)", XY)
    both, x, y, none = (
        _slopes(program, [0.5, -1.0], direction)[0]
        for direction in ([2.0, 3.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0])
    )
    assert both.overlaps(2 * x + 3 * y)
    assert none.contains(0)
    assert none.rad() < 1e-50


# What backwards state as functions of a rounded value y: (formula, slope from y, domain).
_Form = tuple[str, Callable[[float], Any], float, float]
FORMS: list[_Form] = [
    ("tanh(x)", lambda y: 1 - y * y, -3, 3),
    ("1/(1 + exp(-x))", lambda y: y * (1 - y), -5, 5),
    ("sigmoid(x)", lambda y: y * (1 - y), -5, 5),
    ("exp(x)", lambda y: y, -5, 5),
    ("exp(-x)", lambda y: -y, -5, 5),
    ("expm1(x)", lambda y: y + 1, -2, 5),
    ("exp2(x)", lambda y: y * arb(2).log(), -5, 5),
    ("sqrt(x)", lambda y: 1 / (2 * y), 0.01, 9),
    ("rsqrt(x)", lambda y: -(y**3) / 2, 0.01, 9),
    ("1/x", lambda y: -(y**2), 0.01, 9),
    ("tan(x)", lambda y: 1 + y * y, -1.5, 1.5),
    ("x**3", lambda y: 3 * (abs(y).root(3)) ** 2, 0.1, 4),
    ("x**(1/3)", lambda y: 1 / (3 * y * y), 0.1, 4),
    ("log(x)", lambda y: (-y).exp(), 0.3, 9),
    ("asinh(x)", lambda y: 1 / y.cosh(), -4, 4),
    ("atanh(x)", lambda y: y.cosh() ** 2, -0.9, 0.9),
    ("softplus(x)", lambda y: 1 - (-y).exp(), -3, 5),
    ("log1p(x)", lambda y: (-y).exp(), -0.9, 9),
    ("atan(x)", lambda y: y.cos() ** 2, -5, 5),
    ("asin(x)", lambda y: 1 / y.cos(), -0.95, 0.95),
    ("sinh(x)", lambda y: (1 + y * y).sqrt(), -4, 4),
]


@pytest.mark.parametrize("form", FORMS, ids=[form[0] for form in FORMS])
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@QUICK
@given(data=st.data())
def test_recomputed_forms_are_covered(
    form: _Form, dtype: str, data: st.DataObject, program_of: Any, derived: Any
) -> None:
    """A slope from the rounded value of y is off by what `recomputed` says, to first order."""
    formula, slope, low, high = form
    x = round_to(dtype, data.draw(st.floats(low, high))).item()
    assume(low <= x <= high)
    with ctx.workprec(300):
        exact = interpret.exact(program_of(formula), [x])[0]
        rounded = arb(round_to(dtype, float(exact)).item())
        assume(not rounded.contains(0))
        truth = derived(formula).exact_gradient([x, 1.0])[0]
        error = abs(slope(rounded) - truth)
    loss = _recomputed(program_of(formula), [x], 0, dtype)[0]
    assert loss.is_finite()
    second_order = 2.0 ** (-2 * format_of(dtype).precision + 6) * float(abs(truth))
    assert float(error.upper()) <= 2 * float(loss.rad()) + 64 * second_order, (x, loss, error)


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
def test_recomputed_slopes_are_not_loose(dtype: str, program_of: Any) -> None:
    """For a slope that loses nothing the radius stays at a few roundings."""
    precision = format_of(dtype).precision
    for formula, x, slope in (("3*x + 2", 1.5, 3.0), ("x*x", 1.5, 3.0), ("sin(x)", 0.5, 0.8776)):
        loss = _recomputed(program_of(formula), [x], 0, dtype)[0]
        assert float(loss.rad()) <= 16 * slope * 2.0**-precision
        assert abs(float(loss) - slope) <= 16 * slope * 2.0**-precision + 1e-4


def test_a_slope_from_a_value_that_underflows_has_its_digits(program_of: Any) -> None:
    """result/x of a product below the normal range; above it, a roundoff or two."""
    program = program_of("x*y", XY)
    few, many = (_recomputed(program, [x, 1e-155], 0, "float64")[0] for x in (1e-160, 1e-120))
    assert few.contains(1e-155)
    assert 1e-9 < float(few.rad()) / 1e-155 < 1e-8  # of 1e-315, eight digits are left
    assert float(many.rad()) < 1e-169


def test_recomputed_takes_branches_and_conditions_along(program_of: Any) -> None:
    """Conditions carry no series; the branch that was taken carries its own."""
    program = program_of("where(x > 0, tanh(x), -x) + y", XY)
    taken, other = (_recomputed(program, [x, 1.0], 0, "float32")[0] for x in (1.0, -1.0))
    assert taken.contains(arb(1) - arb(1).tanh() ** 2)
    assert other.contains(-1)
    along_y = _recomputed(program, [1.0, 1.0], 1, "float32")[0]
    assert along_y.contains(1)
