"""Sensitivities and losses of whole batches: those of the careful way, or NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradcheck_sym.sampling.ordinals import round_to
from gradcheck_sym.spec.dtypes import Format, format_of
from gradcheck_sym.symbolic import sensitivities as sensitivities_module
from gradcheck_sym.symbolic.careful import Careful
from gradcheck_sym.symbolic.carriers import EXTENDED, carrier_for
from gradcheck_sym.symbolic.derivation import Derivation
from gradcheck_sym.symbolic.program import reachable
from gradcheck_sym.symbolic.sensitivities import apart, sensitivities

DTYPES = ["bfloat16", "float32"] + ([] if EXTENDED is None else ["float64"])
FORMULAS = [
    "log(1 + exp(x))",
    "sin(x)*x**3 - 0.1",
    "x*(1 + erf(x/sqrt(2)))/2",
    "exp(x) - 1",
    "where(x > 1, sqrt(x), x/3)",
    "softmax([x, 2*x, 1], 0)[0]",
    "lgamma(x + 4)",
]


def _rows(dtype: str) -> np.ndarray:
    return round_to(dtype, [[x, 1.25] for x in (-2.5, -0.3, 0.7, 1.5, 3.0)])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("formula", FORMULAS)
def test_sensitivities_are_those_of_the_careful_way(formula: str, dtype: str, derived: Any) -> None:
    """To a few digits, wherever they are told; and they are told nearly everywhere."""
    derivation, form = derived(formula), format_of(dtype)
    found = derivation.sensitivities_of(_rows(dtype), form.precision)
    wanted = np.array([derivation.sensitivities(row.tolist(), form) for row in _rows(dtype)])
    told = np.isfinite(found)
    assert told.mean() > 0.7
    assert found[told] == pytest.approx(wanted[told], rel=0.02, abs=1e-30)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("x", [-5.0, -8.0, -12.0, -20.0, -30.0])
def test_what_cancels_is_left_open_or_right(x: float, dtype: str, derived: Any) -> None:
    """3 + 3*tanh(x) has no digit left in any format far below 0: then nothing is said."""
    derivation, form = derived("x*(3 + 3*tanh(x))"), format_of(dtype)
    found = derivation.sensitivities_of(np.array([[x, 1.0]]), form.precision)[0]
    wanted = np.array(derivation.sensitivities([x, 1.0], form))
    told = np.isfinite(found)
    assert found[told] == pytest.approx(wanted[told], rel=0.02)
    assert told.all() or x < -5
    assert not told.any() or x > -30


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("formula", [*FORMULAS, "cos(x - 0.7)"])
def test_swings_are_those_of_the_careful_way(formula: str, dtype: str, derived: Any) -> None:
    """What a whole rounding moves, where slopes vanish, too; and it is told nearly everywhere."""
    derivation, form = derived(formula), format_of(dtype)
    rows = _rows(dtype)
    found = derivation.swings_of(rows, form.precision)
    wanted = np.array([derivation.swings(row.tolist(), form) for row in rows])
    step = np.abs(derivation.enclose(rows, form.precision).middle) * 2.0**-form.precision
    told = np.isfinite(found)
    assert told.mean() > 0.7
    assert (np.abs(found - wanted) <= 0.02 * wanted + step / 100)[told].all()


def test_a_branch_next_to_the_point_is_left_open(derived: Any) -> None:
    """Up and down tell different slopes there: nothing is said."""
    carrier = carrier_for(24)
    assert carrier is not None
    derivation = derived("where(x > 1, 5*x, x)")
    joint, rows = derivation.joint, np.array([[1.0, 1.0], [2.0, 1.0]])
    found = sensitivities(joint, rows, 24, carrier, apart(joint, 24))
    assert np.isnan(found[0, 0])
    assert found[1, 0] == pytest.approx(10 * 2.0**-24)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("formula", FORMULAS[:-1])  # Arb's digamma of a ball is loose
def test_losses_are_those_of_the_careful_way(formula: str, dtype: str, derived: Any) -> None:
    """What is told to be lost as written is about what balls of the dtype's own precision lose.

    The running bound rounds a little more than Arb does, never much less.
    """
    derivation, form = derived(formula), format_of(dtype)
    found = derivation.losses_of(_rows(dtype), form)
    wanted = np.array(
        [[loss.radius for loss in derivation.losses(row.tolist(), form)] for row in _rows(dtype)]
    )
    told = np.isfinite(found) & np.isfinite(wanted)
    assert told.mean() > 0.7
    assert (found[told] <= 8 * wanted[told]).all()
    assert (found[told] >= wanted[told] / 8).all()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
@pytest.mark.parametrize(
    "formula",
    [
        "x*x*x/(1 + x**2)",
        "exp(x)*x",
        "x/exp(100*x)",
        "where(x > 5, x**4, x**3)",
        "max(x**3, 2*x)/x",
        "sin(x)/(x - 3)",
    ],
)
def test_what_overflows_first_is_told_as_of_single_points(
    formula: str, dtype: str, derived: Any
) -> None:
    """Plain arithmetic, of which a batch says so only if a single point does: mostly it does."""
    derivation, form = derived(formula), format_of(dtype)
    sizes = np.geomspace(1, form.max, 60)
    rows = round_to(dtype, [[x, 1.25] for x in (*sizes, *-sizes, 3.0)])
    alone = np.array([_overflow(derivation, row.tolist(), form) for row in rows])
    together = derivation.overflowing(rows, form)
    assert not (together & (alone != "arithmetic")).any()
    if formula == "x*x*x/(1 + x**2)":
        assert together.sum() > 0.8 * (alone == "arithmetic").sum()


def _overflow(derivation: Derivation, row: list[float], form: Format) -> str:
    return Careful(derivation.joint, derivation.values).overflow(row, form)


def test_many_points_are_looked_at_in_parts(derived: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As all of them at once."""
    rows, derivation = _rows("float32"), derived(FORMULAS[0])
    at_once = derivation.sensitivities_of(rows, 24)
    monkeypatch.setattr(sensitivities_module, "_CELLS", 3)
    assert np.array_equal(at_once, derivation.sensitivities_of(rows, 24), equal_nan=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("formula", FORMULAS)
def test_least_sensitivities_are_no_larger_and_quickly_told(
    formula: str, dtype: str, derived: Any
) -> None:
    """All inputs moved at once move an output no farther than each alone; mostly they move it."""
    derivation, form = derived(formula), format_of(dtype)
    rows = _rows(dtype)
    noise = np.abs(derivation.enclose(rows, form.precision).middle) * 2.0**-50 + 2.0**-50
    found = derivation.least_sensitivities_of(rows, form.precision, noise)
    sure = np.array([derivation.sensitivities(row.tolist(), form) for row in rows])
    assert (found <= sure * 1.02).all()
    assert (found > 0).mean() > 0.5


def test_a_gradient_that_vanishes_is_moved_by_what_is_fed(derived: Any) -> None:
    """Fed ones, softmax has no gradient: its bound from below is that of the cotangents."""
    derivation, form = derived("softmax(x, 0)", {"x": (3,)}), format_of("float32")
    row = np.array([[0.5, -0.25, 1.0, 1.0, 1.0, 1.0]])
    found = derivation.least_sensitivities_of(row, form.precision, np.full((1, 6), 2.0**-50))
    wanted = np.array(derivation.sensitivities(row[0].tolist(), form))
    assert (found[0] > wanted / 100).all()
    assert (found[0] <= wanted * 1.02).all()


def test_what_has_too_many_inputs_is_left_to_single_outputs(derived: Any) -> None:
    """Where moving each input alone takes too long, nothing is said; each output alone is quick."""
    size = 1500
    derivation, form = derived("sum(x*x, 0)", {"x": (size,)}), format_of("float32")
    row = np.ones((1, size + 1))
    assert np.isnan(derivation.sensitivities_of(row, form.precision)).all()
    sensitive = derivation.sensitive(row[0].tolist(), form)
    assert sensitive(0) == pytest.approx(2 * size * 2.0**-24)
    assert sensitive(1) == pytest.approx(2 * 2 * 2.0**-24)  # 2*x*cotangent


@pytest.mark.parametrize(
    "formula, shapes, groups",
    [
        ("sin(x)", {"x": (50,)}, 2),  # all of x, all that is fed
        ("sin(pi*x)", {"x": (50,)}, 3),  # and a constant that no dtype holds
        ("2*sin(x)", {"x": (50,)}, 2),
        ("softmax(x, dim=1)", {"x": (9, 3)}, 6),  # a row's own elements, and what they are fed
        ("sum(x*y)", {"x": (5,), "y": (5,)}, 11),
        ("x*s", {"x": (20,), "s": ()}, 41),  # the gradient by s has all of x and of what is fed
        ("where(x > 0, x, flip(x, 0))", {"x": (2,)}, 4),  # a condition is a dependency, too
    ],
)
def test_what_no_output_shares_is_moved_at_once(
    formula: str, shapes: dict[str, tuple[int, ...]], groups: int, derived: Any
) -> None:
    """As few groups as there are numbers that one output depends on, where it is that simple."""
    joint = derived(formula, shapes).joint
    found = apart(joint, 24)
    assert len(found) == groups
    movable = [place for group in found for place in group]
    assert len(set(movable)) == len(movable)
    for group in found:
        for at in joint.outputs:
            assert len(reachable(joint.code, [at]) & set(group)) <= 1
