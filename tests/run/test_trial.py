"""Claims beside truths: what agrees, what doesn't, in every dtype, on claims made by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gradcheck_sym.run.judge import Judgement, judge
from gradcheck_sym.run.trial import Fault, Trial
from gradcheck_sym.sampling.ordinals import round_to, step
from gradcheck_sym.spec.dtypes import DTYPES, format_of
from gradcheck_sym.symbolic.derivation import derive
from gradcheck_sym.symbolic.places import Place
from gradcheck_sym.verdict.records import Measured, Verdict
from gradcheck_sym.verdict.ruling import Ruling

XS = (-2.5, -0.5, 0.25, 1.0, 2.0)


def _trial(spec_of: Any, expr: str, dtype: str, xs: Sequence[float] = XS, **fields: Any) -> Trial:
    """A trial of one number x, whose claims are the truths rounded to the dtype."""
    text = f"inputs: {{x: {{shape: [], domain: '[-5, 5]'}}}}\nexpr: {expr}\n"
    derivation = derive(spec_of(text), {})
    values = {"x": round_to(dtype, np.array(xs, dtype=np.float64))}
    fed = np.ones(len(xs))
    rows = derivation.pack(values, fed)
    claimed = np.zeros((len(xs), 2))
    for lane, row in enumerate(rows.tolist()):
        settled = derivation.settle(row, format_of(dtype))
        for column, truth in enumerate(settled.values + settled.gradient):
            claimed[lane, column] = 0 if truth is None else round_to(dtype, truth.middle)
    origins = ("example",) * len(xs)
    return Trial(derivation, {}, format_of(dtype), values, fed, origins, claimed, **fields)


def _changed(trial: Trial, lane: int, column: int, value: float, **fields: Any) -> Trial:
    claimed = trial.claimed.copy()
    claimed[lane, column] = value
    return replace(trial, claimed=claimed, **fields)


def _silent(trial: Trial, lanes: Sequence[int], errors: NDArray[np.float64]) -> NDArray[np.bool_]:
    """An implementation that does not round: nothing is mere rounding."""
    return errors <= 0


def _judged(trial: Trial, columns: slice | None = None) -> Judgement:
    return judge(trial, columns or trial.every_column, _silent)


FORMULAS = ("tanh(x)", "exp(x)*sin(x)", "x**3 + 2", "sqrt(9 + x)/(x*x + 1)", "log1p(x*x)")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("formula", FORMULAS)
def test_the_rounded_truth_agrees(formula: str, dtype: str, spec_of: Any) -> None:
    """The best that a dtype can do is right; so is what lies one ulp beside it."""
    trial = _trial(spec_of, formula, dtype)
    judgement = _judged(trial)
    assert (judgement.decided, judgement.faults, dict(judgement.dropped)) == (5, (), {})
    assert not judgement.is_wrong
    assert judgement.worst is not None
    assert judgement.worst.error_ulp <= 0.5000001
    for lane in range(5):
        for column in (0, 1):
            for side in (-1, 1):
                beside = float(step(dtype, trial.claimed[lane, column], side))
                assert not _judged(_changed(trial, lane, column, beside)).faults


@pytest.mark.parametrize("formula", FORMULAS)
def test_one_in_a_thousand_million_is_wrong_in_float64(formula: str, spec_of: Any) -> None:
    """A relative error of 1e-9 is caught at every point, in the value and in the gradient."""
    trial = _trial(spec_of, formula, "float64")
    for lane in range(5):
        for column in (0, 1):
            off = trial.claimed[lane, column] * (1 + 1e-9)
            judgement = _judged(_changed(trial, lane, column, off))
            (fault,) = judgement.faults
            assert (fault.lane, fault.column) == (lane, column)
            assert fault.ruling.verdict is Verdict.WRONG
            assert judgement.is_wrong
            assert fault.error_ulp == pytest.approx(1e-9 * 2**52, rel=1.0)
            assert judgement.worst == fault


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("formula", FORMULAS)
def test_mistakes_are_wrong_in_every_dtype(formula: str, dtype: str, spec_of: Any) -> None:
    """Zero, the negative, double, NaN and infinities are wrong, even at eight bits."""
    trial = _trial(spec_of, formula, dtype)
    lane = int(np.argmax(np.abs(trial.claimed).min(axis=1)))
    for column in (0, 1):
        truth = trial.claimed[lane, column]
        for claim in (0.0, -truth, 2 * truth, math.nan, math.inf, -math.inf):
            judgement = _judged(_changed(trial, lane, column, claim))
            verdicts = {fault.ruling.verdict for fault in judgement.faults}
            coarse = {Verdict.INACCURATE} if dtype == "bfloat16" else set()
            assert verdicts <= {Verdict.WRONG} | coarse, (column, claim, judgement)
            assert verdicts
            assert math.isfinite(claim) or verdicts == {Verdict.WRONG}


def test_columns_are_judged_apart(spec_of: Any) -> None:
    """A wrong value is no fault of the gradient, nor the other way round."""
    trial = _changed(_trial(spec_of, "tanh(x)", "float64"), 2, 0, 7.0)
    assert _judged(trial, slice(0, 1)).is_wrong
    assert not _judged(trial, slice(1, 2)).faults
    assert trial.index(0) == trial.index(1) == ()
    with pytest.raises(IndexError):
        trial.index(2)


def test_no_gradient_is_wrong_where_the_truth_is_not_zero(spec_of: Any) -> None:
    """None stands for 0: right for a constant, wrong for tanh, and shown as None."""
    trial = _trial(spec_of, "tanh(x)", "float64", missing=frozenset({"x"}))
    trial.claimed[:, 1] = 0
    judgement = _judged(trial)
    assert judgement.is_wrong
    (reason,) = {fault.ruling.reason for fault in judgement.faults}
    assert reason == "no gradient where the truth is not 0"
    assert trial.case(judgement.faults[0]).autograd is None
    constant = _trial(spec_of, "floor(x)*7", "float64", (0.5, 1.5), missing=frozenset({"x"}))
    assert not _judged(constant).faults


def test_what_has_no_truth_is_dropped_and_counted(spec_of: Any) -> None:
    """Outside the domain there is nothing to hold a claim against."""
    outside = _trial(spec_of, "log(x)", "float64", (-1.0, 0.0, 2.0))
    dropped = dict(_judged(outside).dropped)
    assert dropped == {Place.OUTSIDE.value: 1, Place.SINGULAR.value: 1}


@pytest.mark.parametrize(
    "claim, member",
    [
        (-1.0, "left"),
        (1.0, "right"),
        (0.0, "mean"),
        (0.25, "0.625 of the way"),
        (123.0, ""),
        (np.nan, ""),
    ],
)
def test_at_a_kink_claims_are_members_of_the_hull(claim: float, member: str, spec_of: Any) -> None:
    """abs at 0: anything from -1 to 1 will do, and the report says what it is; nothing else."""
    trial = _changed(_trial(spec_of, "abs(x)", "float64", (-1.0, 0.0, 2.0)), 1, 1, claim)
    judgement = _judged(trial, slice(1, 2))
    assert judgement.decided == 3
    assert judgement.is_wrong is not bool(member)
    assert [member in words for words in judgement.members] == [True] * bool(member)
    assert _judged(trial, slice(0, 1)).decided == 3  # the value at a kink is judged


@pytest.mark.parametrize("claim, wrong", [(0.0, False), (1.0, False), (0.5, False), (2.0, True)])
@pytest.mark.parametrize("threshold, named", [("0.9", 0.9), ("log(2)", math.log(2))])
def test_a_constant_is_a_threshold_as_it_is_rounded(
    claim: float, wrong: bool, threshold: str, named: float, spec_of: Any
) -> None:
    """The double beside the number is a kink, too; the next double is not."""
    xs = [named, math.nextafter(named, 9), math.nextafter(named, 0)]
    plain = _trial(spec_of, f"minimum(x, {threshold})", "float64", xs)
    assert _judged(_changed(plain, 0, 1, claim), slice(1, 2)).is_wrong is wrong
    for lane in (1, 2):
        assert _judged(_changed(plain, lane, 1, 1 - plain.claimed[lane, 1])).is_wrong


def test_a_value_jumps_where_the_rounded_constant_is(spec_of: Any) -> None:
    """x > 0.9 is not true of the double 0.9, though it is of that number."""
    xs = [0.9, math.nextafter(0.9, 1)]
    plain = _trial(spec_of, "where(x > 0.9, 1, 0)", "float64", xs)
    assert plain.claimed[:, 0].tolist() == [1.0, 1.0]
    assert not _judged(_changed(plain, 0, 0, 0.0), slice(0, 1)).is_wrong
    assert _judged(_changed(plain, 1, 0, 0.0), slice(0, 1)).is_wrong


def test_all_inputs_are_judged_together_at_a_tie(spec_of: Any) -> None:
    """maximum at a tie: (1, 0) and (0.5, 0.5) are members, (1, 1) is none, though each part is."""
    text = "inputs: {x: {shape: []}, y: {shape: []}}\nexpr: maximum(x, y)\n"
    derivation = derive(spec_of(text), {})
    values = {"x": np.array([2.0]), "y": np.array([2.0])}
    for claim, wrong in (((1.0, 0.0), False), ((0.5, 0.5), False), ((1.0, 1.0), True)):
        claimed = np.array([[2.0, *claim]])
        form, fed = format_of("float64"), np.ones(1)
        trial = Trial(derivation, {}, form, values, fed, ("example",), claimed)
        for column in (1, 2):
            judgement = _judged(trial, slice(column, column + 1))
            assert judgement.is_wrong is wrong
            assert bool(judgement.members) is not wrong


def test_floating_point_cannot_tell_at_some_singular_points(spec_of: Any) -> None:
    """The sign of a zero is no part of a point, and 0 times an infinite slope is NaN."""
    trial = _trial(spec_of, "sqrt(x)", "float64", (-0.0, 0.0, 4.0))
    trial.claimed[:2, 1] = (-np.inf, np.inf)
    judgement = _judged(trial, slice(1, 2))
    assert (judgement.decided, judgement.is_wrong) == (2, False)
    assert list(judgement.dropped) == ["singular: a negative zero"]
    trial.cotangents[1] = 0.0
    fed_nothing = _changed(trial, 1, 1, np.nan)
    assert "singular: an infinite slope is fed 0" in _judged(fed_nothing, slice(1, 2)).dropped
    finite = _changed(_trial(spec_of, "sqrt(x)", "float64", (0.0,)), 0, 1, 5.0)
    assert _judged(finite, slice(1, 2)).is_wrong


def test_a_spec_may_demand_a_member(spec_of: Any) -> None:
    """The right slope of abs at 0 is a member, but not the one that was asked for."""
    trial = _trial(spec_of, "abs(x)", "float64", (0.0,), kinks={"x": "left"})
    asked, other = (_changed(trial, 0, 1, claim) for claim in (-1.0, 1.0))
    assert not _judged(asked, slice(1, 2)).is_wrong
    (fault,) = _judged(other, slice(1, 2)).faults
    assert "'left'" in fault.ruling.reason


def test_simplified_singular_points_are_not_lost(spec_of: Any) -> None:
    """x/x is 1 for SymPy; at 0 it has no value, and its gradient only a limit."""
    trial = _trial(spec_of, "x/x", "float64", (0.0, 1.0))
    assert dict(_judged(trial, slice(0, 1)).dropped) == {Place.SINGULAR.value: 1}
    judgement = _judged(trial, slice(1, 2))
    assert (judgement.decided, len(judgement.members)) == (2, 1)


def test_points_that_raised_are_dropped(spec_of: Any) -> None:
    """Where the torch side broke down there is nothing to judge."""
    trial = _trial(spec_of, "tanh(x)", "float64", problems={1: "ValueError: no"})
    trial.claimed[1] = 0
    judgement = _judged(trial)
    assert (judgement.decided, dict(judgement.dropped)) == (4, {"raised": 1})
    case = trial.unjudged(1, trial.problems[1])
    assert case.reason == "ValueError: no"
    assert case.point == {"x": -0.5}
    assert math.isinf(case.error_abs)


def test_cancellation_is_inaccurate_not_wrong(spec_of: Any) -> None:
    """tanh's slope from its rounded value is the right formula with lost digits."""
    trial = _trial(spec_of, "tanh(x)", "float32", (4.0,))
    y = np.tanh(np.float32(4.0))
    judgement = _judged(_changed(trial, 0, 1, float(np.float32(1) - y * y)), slice(1, 2))
    (fault,) = judgement.faults
    assert fault.ruling.verdict is Verdict.INACCURATE
    assert not judgement.is_wrong


def test_a_case_shows_the_witnesses(spec_of: Any) -> None:
    """A fault as a report shows it: the point, what each says, the error and the bound."""
    trial = _changed(_trial(spec_of, "tanh(x)", "float64"), 3, 1, 0.5)
    (fault,) = _judged(trial).faults
    case = trial.case(fault, Measured(0.42, 1e-9))
    assert case.point == {"x": 1.0}
    assert case.cotangent == 1.0
    assert case.symbolic.value == pytest.approx(1 - math.tanh(1) ** 2)
    assert case.symbolic.error < 1e-17
    assert case.autograd == 0.5
    assert case.numerical == Measured(0.42, 1e-9)
    assert case.error_abs == pytest.approx(0.5 - case.symbolic.value)
    assert 0 < case.allowed < 1e-14
    assert case.error_ulp > 1e13
    value = trial.case(Fault(3, 0, Ruling(Verdict.AGREES), 0.0))
    assert value.cotangent is None


def test_an_empty_trial_decides_nothing(spec_of: Any) -> None:
    """No points, no decisions, no worst."""
    judgement = _judged(_trial(spec_of, "tanh(x)", "float64", ()))
    assert (judgement.decided, judgement.worst, judgement.faults) == (0, None, ())


@pytest.mark.parametrize("points", [8, 60])
def test_errors_that_rounding_explains_are_inaccurate(points: int, spec_of: Any) -> None:
    """Few points or many: what exceeds the noise of the implementation is wrong, the rest not."""
    trial = _trial(spec_of, "exp(x)", "float64", tuple(np.linspace(-2, 2, points).tolist()))
    exact = trial.claimed[:, 1].copy()
    trial.claimed[:, 1] = exact * (1 + 400 * trial.unit)

    def noise(trial: Trial, lanes: Sequence[int], errors: NDArray[np.float64]) -> NDArray[np.bool_]:
        return errors <= np.abs(trial.claimed[list(lanes)]) * 500 * trial.unit

    assert {f.ruling.verdict for f in judge(trial, slice(1, 2), noise).faults} == {
        Verdict.INACCURATE
    }
    again = _changed(trial, 3, 1, float(exact[3]) * (1 + 1e-7))
    assert judge(again, slice(1, 2), noise).is_wrong


def test_of_elements_in_one_place_the_sum_counts(spec_of: Any) -> None:
    """However a backward shares a gradient among them; what the sum lacks is told of."""
    from dataclasses import replace

    spec = spec_of("inputs: {x: {shape: [3], domain: '[-5, 5]'}}\nexpr: x**2\n")
    derivation = derive(spec, {})
    values = {"x": np.full((3, 3), 1.5)}
    fed = np.array([[1.0, 2.0, 4.0]] * 3)
    exact = 3 * fed[0]
    lumped = np.array([0.0, 0.0, exact.sum()])
    short = np.array([0.0, 0.0, exact.sum() - 7])
    claimed = np.array([[*[2.25] * 3, *part] for part in (exact, lumped, short)])
    trial = Trial(derivation, {}, format_of("float64"), values, fed, ("example",) * 3, claimed)
    summed = trial.summed({"x": (0,)})
    assert {fault.lane for fault in _judged(trial).faults} == {1, 2}
    assert {fault.lane for fault in _judged(summed).faults} == {2}
    assert summed.claimed[2, 3:].sum() == pytest.approx(exact.sum() - 7)
    assert replace(trial).summed({}).claimed is claimed


@pytest.mark.parametrize("points", [1, 20])
def test_rounding_within_the_bound_is_not_told(points: int, spec_of: Any) -> None:
    """At the top of a wave the rough bound is too narrow; the one worked out with care is not."""
    trial = _trial(spec_of, "cos(64*(x - 1))", "bfloat16", (1.0,) * points)
    trial.claimed[:, 0] = round_to("bfloat16", np.full(points, math.cos(0.5)))

    def all_of_it(
        trial: Trial, lanes: Sequence[int], errors: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        return np.ones_like(errors, dtype=np.bool_)

    assert judge(trial, slice(0, 1), all_of_it).faults == ()
    trial.claimed[:, 0] = 0.25
    again = judge(_changed(trial, 0, 0, 0.25), slice(0, 1), all_of_it)
    assert {fault.ruling.verdict for fault in again.faults} == {Verdict.INACCURATE}


def test_what_is_as_usual_is_judged_once(spec_of: Any) -> None:
    """Next to a trial of the usual way of running, only what differs from it is looked at."""
    usual = _changed(_trial(spec_of, "x**2", "float64"), 0, 1, math.nan)
    again = _changed(usual, 1, 1, 0.5).beside(usual)
    gradient = slice(1, 2)
    assert again.is_as_usual(gradient).tolist() == [lane != 1 for lane in range(len(XS))]
    assert again.is_as_usual(slice(0, 1)).all()
    assert {fault.lane for fault in _judged(usual, gradient).faults} == {0}
    assert {fault.lane for fault in _judged(again, gradient).faults} == {1}
    raised = replace(again, problems={2: "not today"})
    assert not raised.is_as_usual(gradient)[2]
    assert not usual.is_as_usual(gradient).any()
