"""A spec prepared: points with their origins, inferred domains, batches, one derivation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradcheck_sym.run import guard, plan
from gradcheck_sym.run.checks import CHECKS
from gradcheck_sym.run.domains import sizes_of
from gradcheck_sym.run.options import CHECKS as NAMED
from gradcheck_sym.run.trial import Fault
from gradcheck_sym.run.witness import accuse, agree, measure
from gradcheck_sym.verdict.records import Measured, Verdict
from gradcheck_sym.verdict.ruling import Ruling

X = "inputs: {x: {shape: [n], domain: '[-3, 3]'}}\n"


def test_every_named_check_is_registered() -> None:
    """The options know the same checks as the runner."""
    assert tuple(CHECKS) == NAMED


def test_points_come_from_everywhere(subject_of: Any) -> None:
    """Examples, edges, both kinds of bulk and the search have their lanes."""
    subject = subject_of(f"{X}expr: sum(x*x)\nexamples: [{{point: {{x: [1, 2]}}}}]\n", points=80)
    origins = {origin for trial in subject.trials for origin in trial.origins}
    assert origins >= {"example", "edge", "bulk by value", "bulk by ordinal"}
    assert {trial.dims["n"] for trial in subject.trials} == {1, 2, 3, 4}
    for trial in subject.trials:
        assert np.abs(trial.values["x"]).max(initial=0) <= 3
        assert trial.claimed.shape == (len(trial.origins), len(trial.derivation.joint.outputs))


def test_kinks_of_the_formula_are_visited(subject_of: Any) -> None:
    """Thresholds found in the expression become edge points, with their neighbours."""
    subject = subject_of(f"{X}expr: minimum(relu(x), 1.5)\n")
    visited = {x for trial in subject.trials for x in trial.values["x"].reshape(-1).tolist()}
    for kink in (0.0, 1.5):
        assert {np.nextafter(kink, -9), kink, np.nextafter(kink, 9)} <= visited


@pytest.mark.parametrize(
    "text, bounded",
    [
        ("inputs: {x: {shape: []}}\nexpr: x\n", False),
        ("inputs: {x: {shape: [], domain: 'positive'}}\nexpr: x\n", False),
        ("inputs: {x: {shape: [], domain: '[0, 1]'}}\nexpr: x\n", True),
        ("inputs: {x: {value: 3.0}}\nexpr: x\n", True),
        ("inputs: {x: {shape: [], domain: '[0, 1]'}, y: {shape: []}}\nexpr: x*y\n", False),
    ],
)
def test_bounded_domains(text: str, bounded: bool, subject_of: Any) -> None:
    """Only an author who bounds every free input has claimed anything about overflow."""
    assert subject_of(text).function.bounded is bounded


def test_domains_are_inferred(subject_of: Any) -> None:
    """log(1 - x) needs x < 1; a stated domain stays as it is."""
    subject = subject_of("inputs: {x: {shape: []}}\nexpr: log(1 - x)\n")
    (piece,) = subject.space.input("x").domain.intervals
    assert (piece.high, piece.high_closed) == (1.0, False)
    assert all((trial.values["x"] < 1).all() for trial in subject.trials)
    stated = subject_of("inputs: {x: {shape: [], domain: '[-5, 0]'}}\nexpr: log(1 - x)\n")
    (piece,) = stated.space.input("x").domain.intervals
    assert (piece.low, piece.high) == (-5.0, 0.0)


@pytest.mark.parametrize(
    "expr, elementwise",
    [("sin(x)*x", True), ("softmax(x, 0)", False), ("sum(x)", False), ("x - mean(x)", False)],
)
def test_elementwise_specs_are_laid_out_as_one_vector(
    expr: str, elementwise: bool, subject_of: Any
) -> None:
    """Only where no element minds another may all points be one long vector."""
    assert subject_of(f"{X}expr: {expr}\n").elementwise is elementwise


def test_each_size_is_derived_once(subject_of: Any) -> None:
    """Trials of one size share their derivation."""
    subject = subject_of(f"{X}expr: sum(x*x)\n")
    by_size: dict[int, set[int]] = {}
    for trial in subject.trials:
        by_size.setdefault(trial.dims["n"], set()).add(id(trial.derivation))
    assert all(len(made) == 1 for made in by_size.values())
    assert subject.derivation({"n": 2}) is subject.derivation({"n": 2})


def test_sizes_follow_the_point(spec_of: Any) -> None:
    """A point's arrays say how large the dims are; what is given wins."""
    spec = spec_of("inputs: {x: {shape: [n, m]}}\nexpr: x\n")
    assert sizes_of(spec, {"x": ((1.0, 2.0, 3.0),)}, {}) == {"n": 1, "m": 3}
    assert sizes_of(spec, {"x": ((1.0, 2.0, 3.0),)}, {"m": 5}) == {"n": 1, "m": 5}


def test_a_point_without_a_value(subject_of: Any) -> None:
    """A point must name every free input."""
    subject = subject_of("inputs: {x: {shape: []}, y: {shape: []}}\nexpr: x*y\n")
    with pytest.raises(ValueError, match="no value for y"):
        subject.at({}, {"x": 1.0}, None, "example")


def test_constraints_hold_at_every_point(subject_of: Any) -> None:
    """What breaks a where is dropped and counted, dims in it included."""
    text = """\
        inputs: {x: {shape: [n], domain: "[0, 4]"}, y: {shape: [], domain: "[0, 4]"}}
        where: ["x < y", "x < n"]
        expr: sum(x)*y
    """
    subject = subject_of(text)
    for trial in subject.trials:
        assert (trial.values["x"] < trial.values["y"][:, None]).all()
        assert (trial.values["x"] < trial.dims["n"]).all()
    assert sum(subject.dropped.values()) > 0


def test_the_guard_agrees_with_right_derivatives(subject_of: Any) -> None:
    """Over functions with branches and several inputs the guard has nothing to object to."""
    text = """\
        inputs: {x: {shape: [n], domain: "[-2, 2]"}, y: {shape: [], requires_grad: false,
                 domain: "[1, 2]"}}
        expr: sum(where(x > 0, x**3, lgamma(x + 7)) * y) + maximum(x[0], y)
    """
    subject = subject_of(text)
    assert subject.unsound == ""
    assert guard.unsound(()) == ""


@pytest.mark.parametrize(
    "value, slack, numerical, expected",
    [
        (1.0, 0.0, Measured(1.0, 0.0), True),
        (1.0, 0.0, Measured(1.5, 0.25), False),
        (1.0, 0.25, Measured(1.5, 0.25), True),
        (1.0, 0.0, None, None),
        (1.0, 0.0, Measured(1.0, np.inf), None),
        (1.0, 0.0, Measured(1.0, np.nan), None),
        (np.nan, 0.0, Measured(1.0, 0.0), None),
        (np.inf, 0.0, Measured(1.0, 0.0), None),
    ],
)
def test_agreement_with_the_oracle(
    value: float, slack: float, numerical: Measured | None, expected: bool | None
) -> None:
    """Within the bar and the slack is agreement; what isn't finite can't tell."""
    assert agree(value, slack, numerical) is expected


def test_the_third_witness_names_the_culprit(subject_of: Any, tanh: Any) -> None:
    """A wrong gradient is the backward's fault, a wrong value the forward's."""
    subject = subject_of(tanh("negative"))
    trial = subject.at({"n": 1}, {"x": (0.5,)}, (1.0,), "example")
    fault = Fault(0, 1, Ruling(Verdict.WRONG), 1e16)
    numerical = measure(subject, trial, fault)
    assert numerical is not None
    assert numerical.value == pytest.approx(1 - np.tanh(0.5) ** 2, rel=1e-9)
    assert accuse(trial, fault, numerical) == "the backward"
    assert accuse(trial, fault, None) == ""
    value = Fault(0, 0, Ruling(Verdict.WRONG), 1e16)
    assert measure(subject, trial, value) is None
    assert accuse(trial, value, None) == "the forward"


def test_as_many_searches_as_are_asked_for(
    subject_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hypothesis tries that many points, none for 0, and is not bothered for few in bulk."""
    tried: list[int] = []
    monkeypatch.setattr(plan, "search", lambda *_, examples, **__: tried.append(examples))
    text = "inputs: {x: {shape: [4]}}\nexpr: log(sum(exp(x)))*sin(x[0])/cosh(x[1]) + prod(x)\n"
    for points, searches in ((1000, 50), (1000, 0), (100, 50), (10_000, 500)):
        subject_of(text, points=points, searches=searches).plan.searched()
    assert tried == [50, 500]


def test_large_tensors_are_visited_at_fewer_points(
    subject_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a trial holds is bounded, down to a few points; small ones have all theirs."""
    text = "inputs: {x: {shape: [20, 5], domain: '[1, 2]'}}\nexpr: sum(x*x)\n"
    lanes = [len(trial.claimed) for trial in subject_of(text, points=50).trials]
    assert max(lanes) >= 50
    monkeypatch.setattr(plan, "_MOST_NUMBERS", 1000)
    assert [len(t.claimed) for t in subject_of(text, points=50).trials] == [10, 10, 6]
    monkeypatch.setattr(plan, "_MOST_NUMBERS", 100)
    assert [len(t.claimed) for t in subject_of(text, points=50).trials] == [4, 4, 4]
