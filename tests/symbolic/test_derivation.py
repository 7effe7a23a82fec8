"""A spec at one shape: columns, packing, sizes of dims, lets, conditions, losses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from flint import ctx

from gradcheck_sym.errors import Position
from gradcheck_sym.sampling.ordinals import round_to
from gradcheck_sym.spec.dtypes import DTYPES, format_of
from gradcheck_sym.spec.parser import parse
from gradcheck_sym.spec.records import Dim, Expression, Spec
from gradcheck_sym.symbolic import derivation as module
from gradcheck_sym.symbolic.careful import Loss
from gradcheck_sym.symbolic.derivation import COTANGENT, Leaving, condition, derive, forward_of
from gradcheck_sym.symbolic.floats import evaluate
from gradcheck_sym.symbolic.lower import LowerError
from gradcheck_sym.verdict.records import CANCELLATION, UNDERFLOW

HERE = Position("specs/example.yaml", 1, 1)


def _expression(text: str) -> Expression:
    return Expression(text, parse(text), HERE)


def test_columns_follow_the_inputs_that_require_a_gradient(derived: Any) -> None:
    """The value's elements come first, then each gradient's, in the order of the inputs."""
    derivation = derived("m @ v*s", {"m": (2, 3), "s": (), "v": (3,), "c": (4,)}, constant=("s",))
    assert derivation.out_shape == (2,)
    assert derivation.wrt == ("m", "v", "c")
    assert derivation.values == 2
    assert dict(derivation.columns()) == {
        "m": slice(2, 8),
        "v": slice(8, 11),
        "c": slice(11, 15),
    }
    assert len(derivation.joint.outputs) == 15
    assert derivation.flat_names("m")[:4] == ("m[0,0]", "m[0,1]", "m[0,2]", "m[1,0]")
    assert derivation.depth >= derivation.forward.depth() > 0
    assert derivation.kernel is derivation.kernel
    assert derivation.value_kernel.program is derivation.forward


def test_packing_lays_points_out_as_rows(derived: Any) -> None:
    """One row a point: the inputs in order, row-major, then the cotangent."""
    derivation = derived("m @ v", {"m": (2, 2), "v": (2,)})
    values = {"v": np.array([[7.0, 8.0]] * 3), "m": np.arange(12.0).reshape(3, 2, 2)}
    rows = derivation.pack(values, np.array([[0.5, -0.5]] * 3))
    assert rows.shape == (3, 8)
    assert rows[1].tolist() == [4.0, 5.0, 6.0, 7.0, 7.0, 8.0, 0.5, -0.5]
    for name, array in derivation.unpack(rows).items():
        np.testing.assert_array_equal(array, values[name])
    found = evaluate(derivation.joint, rows)
    np.testing.assert_allclose(
        np.stack(found[:2], 1), np.einsum("kij,kj->ki", values["m"], values["v"])
    )
    gradient = np.stack(found[2:6], 1).reshape(3, 2, 2)
    np.testing.assert_allclose(gradient, np.einsum("ki,kj->kij", rows[:, 6:], values["v"]))


def test_dims_and_lets(spec_of: Any) -> None:
    """A dim stands for its size in the mathematics; lets are lowered in order."""
    spec = replace(
        spec_of("total/n + shift", {"x": ()}),
        inputs=(replace(spec_of("x", {"x": ()}).inputs[0], shape=("n",)),),
        dims=(Dim("n", 1, 4, declared=False),),
        let=(("total", _expression("sum(x)")), ("shift", _expression("2*total"))),
    )
    for size in (1, 2, 4):
        derivation = derive(spec, {"n": size})
        assert derivation.shapes == {"x": (size,)}
        found = evaluate(derivation.joint, np.ones((1, size + 1)))
        assert [float(column[0]) for column in found] == pytest.approx(
            [1 + 2 * size] + [1 / size + 2] * size
        )


def test_an_input_may_be_called_anything(spec_of: Any) -> None:
    """Not even an input called cotangent meets the cotangent."""
    derivation = derive(
        spec_of(
            "cotangent*E + I*N*S*Q*O*beta*gamma",
            dict.fromkeys(("cotangent", "E", "I", "N", "S", "Q", "O", "beta", "gamma"), ()),
        ),
        {},
    )
    assert COTANGENT in derivation.joint.inputs
    found = evaluate(derivation.joint, np.full((1, 10), 2.0))
    assert [float(column[0]) for column in found] == [132.0, 4.0, 4.0] + [128.0] * 7


def test_a_spec_without_mathematics_has_no_derivation() -> None:
    """There is nothing to derive without expr."""
    with pytest.raises(ValueError, match=r"specs/example.yaml::example has no expr"):
        derive(Spec("example", HERE.path, HERE), {})


def test_conditions_between_inputs(spec_of: Any) -> None:
    """A `where` is a program of booleans; a number in its place is refused with its span."""
    spec = spec_of("x", {"x": (2,), "y": ()})
    program = condition(spec, _expression("x < y"), {"x": (2,), "y": ()})
    found = evaluate(program, np.array([[1.0, 5.0, 3.0]]))
    assert [bool(column[0]) for column in found] == [True, False]
    sized = replace(spec, inputs=(replace(spec.inputs[0], shape=("n",)), spec.inputs[1]))
    program = condition(sized, _expression("x < n + y"), {"x": (2,), "y": ()})
    found = evaluate(program, np.array([[1.0, 2.0, 0.0]]))
    assert [bool(column[0]) for column in found] == [True, False]
    with pytest.raises(LowerError, match="condition") as caught:
        condition(spec, _expression("x + y"), {"x": (2,), "y": ()})
    assert (caught.value.span.start, caught.value.span.end) == (0, 5)
    with pytest.raises(LowerError, match="no value"):
        condition(spec, _expression("x < nobody"), {"x": (2,), "y": ()})


@pytest.mark.parametrize("dtype", DTYPES)
def test_recomputed_losses_are_at_least_those_as_written(dtype: str, derived: Any) -> None:
    """tanh's slope from its rounded value loses far more in the tail than 1/cosh**2 as written."""
    derivation, form = derived("tanh(x)"), format_of(dtype)
    row = [round_to(dtype, 2.5).item(), 1.0]
    written = derivation.losses(row, form)[1]
    loss = derivation.recomputed_loss(row, 1, form, written)
    assert loss.radius >= written.radius
    rounded = round_to(dtype, np.tanh(row[0]))
    recomputed = abs((1 - rounded**2) - 1 / np.cosh(row[0]) ** 2)
    assert recomputed <= 2 * loss.radius + 4 * form.epsilon**2


def test_recomputed_loss_where_nothing_can_be_said(derived: Any) -> None:
    """Where the series isn't finite the loss as written stands."""
    derivation = derived("x**y", {"x": (), "y": ()})
    written = Loss(0.125, "", 0.125)
    row = [-2.0, 3.0, 1.0]
    assert derivation.recomputed_loss(row, 1, format_of("float64"), written) == written


def test_exact_gradient_takes_the_current_precision(derived: Any) -> None:
    """More bits in the context are more bits in the balls."""
    derivation = derived("exp(x)")
    for precision in (53, 500):
        with ctx.workprec(precision):
            (slope,) = derivation.exact_gradient([1.0, 1.0])
        assert precision - 10 <= slope.rel_accuracy_bits() <= precision + 10


@pytest.mark.parametrize(
    "formula, x, fed, crowded",
    [
        ("x**2/2", 200.0, 1.0, False),
        ("x**2/2", 200.0, 2.0, True),  # 2*x**2, before it is halved
        ("x**2/2", 300.0, 2.0, False),  # the forward as written leaves the range itself
        ("1/x", 2.0**-9, 0.0, True),  # a slope of 2**18, whatever is fed
        ("1/x", 2.0**-7, 0.0, False),
    ],
)
def test_a_backward_may_leave_the_range_where_the_forward_does_not(
    formula: str, x: float, fed: float, crowded: bool, derived: Any
) -> None:
    """A cotangent times a value or a slope on the way is beyond 65504 in float16."""
    assert derived(formula, {"x": ()}).crowded([x, fed], format_of("float16")) is crowded


@pytest.mark.parametrize("x, fed, crowded", [(200.0, 1.0, False), (200.0, 2.0, True)])
def test_where_no_bounded_domain_is_stated_a_backward_may_square_an_input(
    x: float, fed: float, crowded: bool, derived: Any
) -> None:
    """x*x of x*x*sigmoid(b*x)*sigmoid(-b*x), which a formula with less on the way does not form."""
    derivation = derived("x/(1 + exp(-b*x))", {"x": (), "b": ()})
    form = format_of("float16")
    assert derivation.crowded([x, 0.0, fed], form, bounded=False) is crowded
    assert not derivation.crowded([x, 0.0, fed], form)


def test_where_nothing_is_fed_nothing_leaves_the_range(derived: Any) -> None:
    """A result without elements has no cotangent, and an input a gradient all the same."""
    assert not derived("x*w", {"x": (0,), "w": ()}).crowded([2.0], format_of("float16"))


def test_what_is_beyond_the_range_on_the_way(derived: Any) -> None:
    """Values count, slopes do not, and of a branch not taken nothing."""
    form = format_of("float16")
    assert derived("sin(exp(x))").outsized([12.0, 1.0], form)
    assert not derived("sin(exp(x))").outsized([11.0, 1.0], form)
    assert not derived("1000*sin(1000*x)").outsized([1.0, 1.0], form)
    assert not derived("where(x > 0, x, exp(-x**3))").outsized([3.0, 1.0], form)


@pytest.mark.parametrize(
    "formula, x, left",
    [
        ("exp(x)/(1 + exp(x))", 12.0, Leaving("exp")),
        ("exp(x)/(1 + exp(x))", 5.0, Leaving("")),
        ("log(1/x)", 2.0**-17, Leaving("arithmetic", by_tiny=True)),
        ("log(1000/x)", 2.0**-7, Leaving("arithmetic")),
        ("x/sqrt(x*x)", 2.0**-13, Leaving(UNDERFLOW, by_tiny=True)),
        ("log(1 - sigmoid(x))", 9.0, Leaving(CANCELLATION)),
    ],
)
def test_what_leaves_the_range_as_written(
    formula: str, x: float, left: Leaving, derived: Any
) -> None:
    """In float16; and whether it is because of numbers that are lost beside 1."""
    assert derived(formula, {"x": ()}).leaving([x, 1.0], format_of("float16")) == left


def test_the_forward_alone(spec_of: Any, derived: Any) -> None:
    """It is that of the derivation, and has no other inputs."""
    shapes = {"x": (2, 2), "y": (2,)}
    program = forward_of(spec_of("x @ y", shapes), {})
    assert program == derived("x @ y", shapes).forward
    assert program.inputs == ("x[0,0]", "x[0,1]", "x[1,0]", "x[1,1]", "y[0]", "y[1]")
    assert len(program.outputs) == 2


@pytest.mark.parametrize("told", ["losses", "sensitivities", "swings"])
def test_without_a_finer_format_nothing_is_told(
    told: str, derived: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each number is left open, to be looked at with care."""
    monkeypatch.setattr(module, "carrier_for", lambda precision: None)
    found = derived("[x, x*x]")
    form, rows = format_of("float64"), np.array([[1.0, 1.0, 1.0], [2.0, 1.0, 1.0]])
    asked = form if told == "losses" else form.precision
    answer = getattr(found, f"{told}_of")(rows, asked)
    assert answer.shape == (2, 3)
    assert np.isnan(answer).all()


@pytest.mark.parametrize(
    "formula, x, expected",
    [
        ("1000*x", 2.0, (1.0, 2000.0)),  # the slope of x, and the value
        ("exp(x)*0", 3.0, (1.0, np.exp(3.0))),
        ("x/2**10", 2.0, (2.0**-10, 2.0**10)),
        ("where(x > 0, x, exp(-x**3))", 5.0, (np.exp(-125.0), 125.0)),
    ],
)
def test_extent_is_of_values_and_slopes_on_the_way(
    formula: str, x: float, expected: tuple[float, float], derived: Any
) -> None:
    """The smallest but 0, and the largest; both branches are computed, whichever is taken."""
    assert derived(formula, {"x": ()}).extent([x, 1.0]) == pytest.approx(expected)
