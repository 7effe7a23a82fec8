"""The chain rule around SymPy: cuts, branches, gates, and what has no derivative."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
import sympy
from flint import ctx

from gradcheck_sym.spec.dtypes import format_of
from gradcheck_sym.spec.functions import FUNCTIONS
from gradcheck_sym.symbolic import by_sympy, interpret
from gradcheck_sym.symbolic.by_sympy import expression_of
from gradcheck_sym.symbolic.differentiate import vjp
from gradcheck_sym.symbolic.places import Place
from gradcheck_sym.symbolic.program import Builder, Scalar, finish

FLOAT64 = format_of("float64")
XY: dict[str, tuple[int, ...]] = {"x": (), "y": ()}


def _gradient(derivation: Any, row: list[float]) -> list[float]:
    settled = derivation.settle(row, FLOAT64)
    assert settled.place is Place.REGULAR, settled
    return [math.nan if truth is None else truth.middle for truth in settled.gradient]


@pytest.mark.parametrize(
    "formula, point, expected",
    [
        ("x*y", (2.0, 3.0), (3.0, 2.0)),
        ("x", (2.0, 3.0), (1.0, 0.0)),
        ("5", (2.0, 3.0), (0.0, 0.0)),
        ("x*x*x", (2.0, 0.0), (12.0, 0.0)),
        ("detach(x)", (2.0, 3.0), (0.0, 0.0)),
        ("detach(x)*x", (2.0, 3.0), (2.0, 0.0)),
        ("detach(x*y)*x*y", (2.0, 3.0), (18.0, 12.0)),
        ("x - detach(x)", (2.0, 3.0), (1.0, 0.0)),
        ("floor(x)", (2.5, 3.0), (0.0, 0.0)),
        ("sign(x)*ceil(y)", (2.5, 3.5), (0.0, 0.0)),
        ("floor(x)*y + ceil(y)*x", (2.5, 3.5), (4.0, 2.0)),
        ("sign(x)*x", (-2.5, 3.0), (-1.0, 0.0)),
        ("frac(x)*y", (2.5, 3.0), (3.0, 0.5)),
        ("abs(log(x))", (0.5, 0.0), (-2.0, 0.0)),
        ("abs(x*log(y))", (-2.0, math.e), (-1.0, 2 / math.e)),
        ("abs(x**y)", (2.0, 3.0), (12.0, 8 * math.log(2))),
        ("digamma(2)*x", (1.0, 0.0), (0.42278433509846713, 0.0)),
        ("where(x > 0, x, log(x))", (2.0, 0.0), (1.0, 0.0)),
        ("where(y < 0, log(y), x)", (2.0, 1.0), (1.0, 0.0)),
        ("where(x > 0, sqrt(x), 0)", (-2.0, 1.0), (0.0, 0.0)),
        ("where(x > 0, 1/x, y)", (0.0 - 1.0, 1.0), (0.0, 1.0)),
        ("where(x < 5, x, 1/y)", (2.0, 0.0), (1.0, 0.0)),
        ("where(x < 5, x, y**0.5)", (2.0, 0.0), (1.0, 0.0)),
        ("where(x < 5, x, log(y)*sqrt(y))", (2.0, -3.0), (1.0, 0.0)),
        ("where(x <= 0, exp(x), 1 + x)", (1000.0, 0.0), (1.0, 0.0)),
        ("maximum(x, y)*maximum(x, y)", (2.0, 3.0), (0.0, 6.0)),
        ("maximum(minimum(x, y), 0)", (2.0, 3.0), (1.0, 0.0)),
        ("maximum(x, 0)*log(y)", (-2.0, 3.0), (0.0, 0.0)),
        ("(x > 1)*y", (2.0, 3.0), (0.0, 1.0)),
        ("x**2 + 0*y", (0.0, 3.0), (0.0, 0.0)),
        ("x**y", (0.0, 2.0), (0.0, math.nan)),
        ("x**y", (0.0, 1.0), (1.0, math.nan)),
        ("x**y", (-2.0, 3.0), (12.0, math.nan)),
        ("2**x * e**y", (1.0, 0.0), (2 * math.log(2), 2.0)),
        ("tanh(x) + y", (400.0, 0.0), (0.0, 1.0)),
    ],
)
def test_gradients_by_hand(
    formula: str, point: tuple[float, float], expected: tuple[float, float], derived: Any
) -> None:
    """Shared values, gates, detach and steps: gradients that one can work out."""
    found = _gradient(derived(formula, XY), [*point, 1.0])
    for slope, wanted in zip(found, expected, strict=True):
        same = math.isclose(slope, wanted, rel_tol=1e-14, abs_tol=1e-200)
        assert same or (math.isnan(slope) and math.isnan(wanted))


def test_the_tails_keep_their_digits(derived: Any) -> None:
    """1 - tanh**2 and 1 - erf would lose every digit; the derivatives are written so they don't."""
    for formula, x in (
        ("tanh(x)", 300.0),
        ("log(erfc(-x/sqrt(2)))", -25.0),
        ("sigmoid(x)", -300.0),
    ):
        derivation = derived(formula)
        truth = derivation.settle([x, 1.0], FLOAT64).gradient[0]
        middle, sensitivity, _ = derivation.kernel.enclose(np.array([[x, 1.0]]), 53)
        assert middle[0, 1] == pytest.approx(truth.middle, rel=1e-14)
        assert sensitivity[0, 1] < 1e-11 * abs(truth.middle)


def test_cotangents_weigh_the_outputs(derived: Any) -> None:
    """The gradient is linear in the cotangent; each output has its own weight."""
    derivation = derived("[x*y, x + y, 3*x]", XY)
    row = [2.0, 5.0]
    units = [_gradient(derivation, [*row, *np.eye(3)[k]]) for k in range(3)]
    assert units == [[5.0, 2.0], [1.0, 1.0], [3.0, 0.0]]
    assert _gradient(derivation, [*row, 2.0, -1.0, 0.5]) == [10.5, 3.0]


def test_inputs_without_a_gradient_get_none_computed(derived: Any) -> None:
    """Only the inputs that require a gradient have columns; the others are constants."""
    derivation = derived("sin(x)*y*y", XY, constant=("y",))
    assert derivation.wrt == ("x",)
    assert _gradient(derivation, [0.0, 3.0, 1.0]) == [9.0]
    assert set(derivation.columns()) == {"x"}


def test_a_value_that_no_input_reaches(derived: Any) -> None:
    """Constants and detached values have gradient 0, next to outputs that have one."""
    derivation = derived("[detach(x), x*y, 2, floor(y)]", XY)
    assert _gradient(derivation, [3.5, 2.5, 1.0, 1.0, 1.0, 1.0]) == [2.5, 3.5]


def test_the_same_output_twice_counts_twice(derived: Any) -> None:
    """Adjoints of one value add up, inputs as outputs included."""
    derivation = derived("[x, x, x*x, x*x]")
    assert _gradient(derivation, [3.0, 1.0, 10.0, 100.0, 1000.0]) == [11.0 + 6.0 * 1100.0]


@pytest.mark.parametrize("constant", [(), ("c",)])
def test_long_chains_of_shared_values_stay_small(constant: tuple[str, ...], derived: Any) -> None:
    """y = sin(y)*y again and again: written out, the gradient would have 2**60 terms."""
    chain = "c"
    builder = Builder()
    x, c = builder.input("x"), builder.input("c")
    y = c
    for _ in range(60):
        y = builder.emit("sin", [y]) * y
    wrt = [x] if constant else [x, c]
    gradient = vjp([x * y], [builder.constant(1)], wrt)
    program = finish(["x", "c"], gradient)
    assert len(program.code) < 1000
    with ctx.workprec(200):
        slope = interpret.exact(program, [2.0, 0.9])[0]
        value = interpret.exact(finish(["x", "c"], [y]), [2.0, 0.9])[0]
    assert slope.overlaps(value)
    assert chain


def test_equal_pieces_are_differentiated_once(derived: Any, monkeypatch: Any) -> None:
    """A hundred elements of one form ask SymPy once."""
    asked: Counter[object] = Counter()
    real = sympy.diff

    def counted(*args: Any, **options: Any) -> Any:
        asked[args] += 1
        return real(*args, **options)

    monkeypatch.setattr(by_sympy.sympy, "diff", counted)
    derivation = derived("sinh(3.25*x)*cos(x/7)", {"x": (100,)})
    assert sum(asked.values()) <= 2
    assert len(derivation.joint.outputs) == 200


def test_large_sums_are_cut_into_pieces(derived: Any) -> None:
    """A long product of sums is no single expression for SymPy to swell."""
    shapes = {"x": (40,)}
    derivation = derived("prod(x + sum(x))", shapes)
    row = [1.0 + k / 64 for k in range(40)]
    gradient = _gradient(derivation, [*row, 1.0])
    total = sum(row)
    factors = np.array(row) + total
    expected = np.prod(factors) * (1 / factors + np.sum(1 / factors))
    np.testing.assert_allclose(gradient, expected, rtol=1e-10)
    assert len(derivation.joint.code) < 2000


def test_sorting_hands_each_cotangent_to_its_element(derived: Any) -> None:
    """The gradient of a sort is the inverse permutation of its cotangent."""
    derivation = derived("sort(x)", {"x": (4,)})
    values = [3.0, -1.0, 7.0, 0.5]
    fed = [10.0, 20.0, 30.0, 40.0]
    assert _gradient(derivation, values + fed) == [30.0, 10.0, 40.0, 20.0]


def test_the_unselected_branch_leaves_no_nan_in_floats(derived: Any) -> None:
    """Also in plain floating point a closed branch gives 0, not 0*inf."""
    from gradcheck_sym.symbolic.floats import evaluate

    derivation = derived("where(x > 0, log(x)*sqrt(x)*x**(-3), x)")
    found = evaluate(derivation.joint, np.array([[-1.0, 1.0], [0.0, 1.0]]))
    assert found[1].tolist() == [1.0, 1.0]


def test_every_elementwise_function_can_be_written_back(derived: Any) -> None:
    """The first derivatives of every row have an operation for each of their parts."""
    for row in FUNCTIONS.values():
        if row.elementwise and row.signature == "x":
            derived(f"{row.name}(x)*{row.name}(x*y) + {row.name}(exp(x))", XY)


def test_formulas_of_branching_or_large_values_are_not_given() -> None:
    """expression_of is for people: no branches, no sheets of terms."""
    builder = Builder()
    x = builder.input("x")
    formula = expression_of(x * builder.emit("tanh", [x]), 100)
    assert str(formula) == "x*tanh(x)"
    assert expression_of(builder.extreme("max", [x, builder.constant(0)]), 100) is None
    assert expression_of(builder.emit("detach", [x]) * x, 100) is None
    assert expression_of(x * x * x * x, 2) is None


def test_vjp_of_nothing_is_zero() -> None:
    """An input that the outputs don't use has the constant 0 as its gradient."""
    builder = Builder()
    x, y = builder.input("x"), builder.input("y")
    gradient = vjp([x * x], [builder.constant(3)], [x, y])
    assert isinstance(gradient[1], Scalar)
    assert gradient[1].constant == 0
