"""expect: the author's own numbers against the mathematics and against torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np

from gradcheck_sym.run.conclude import blank
from gradcheck_sym.run.domains import sizes_of
from gradcheck_sym.run.kinks import JUDGED, nearest_member
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.run.trial import Trial
from gradcheck_sym.spec.records import Example
from gradcheck_sym.verdict.records import Case, Measured, Result, Verdict

_MEANT_EXACTLY = 3  # a number of so few significant digits stands for itself, not for a rounding


@final
@dataclass(frozen=True, slots=True)
class _Expected:
    """One number of the author's, and the column that it speaks of."""

    trial: Trial
    column: int
    value: float


def expect(subject: Subject) -> Iterator[Result]:
    """One result for the values and one for each input's gradients that some example expects."""
    examples = [example for example in subject.spec.examples if example.value is not None]
    if examples:
        yield _result(subject, None, [_of_value(subject, example) for example in examples])
    for entry in subject.spec.inputs:
        graded = [example for example in subject.spec.examples if entry.name in example.grad]
        if graded:
            yield _result(subject, entry.name, [_of_grad(subject, e, entry.name) for e in graded])


def _trial(subject: Subject, example: Example) -> Trial:
    """The example with a cotangent of ones: its gradients are those of sum(expr)."""
    sizes = sizes_of(subject.spec, example.point, {})
    ones = subject.derivation(sizes).ones
    return subject.at(sizes, example.point, ones, "example")


def _of_value(subject: Subject, example: Example) -> list[_Expected] | str:
    trial = _trial(subject, example)
    return _spread(
        trial, slice(0, trial.derivation.values), trial.derivation.out_shape, example.value
    )


def _of_grad(subject: Subject, example: Example, name: str) -> list[_Expected] | str:
    trial = _trial(subject, example)
    derivation = trial.derivation
    return _spread(trial, derivation.columns()[name], derivation.shapes[name], example.grad[name])


def _spread(
    trial: Trial, part: slice, shape: tuple[int, ...], wanted: Any
) -> list[_Expected] | str:
    numbers = np.asarray(wanted, dtype=np.float64)
    if numbers.shape not in ((), shape):
        return f"the example expects shape {numbers.shape}; it is {shape}"
    flat = np.broadcast_to(numbers, shape).reshape(-1)
    return [_Expected(trial, part.start + k, float(value)) for k, value in enumerate(flat)]


def _result(subject: Subject, name: str | None, found: list[list[_Expected] | str]) -> Result:
    base = blank(subject, "expect", name)
    expected: list[_Expected] = []
    for item in found:
        if isinstance(item, str):
            return replace(base, verdict=Verdict.ERROR, message=item)
        expected += item
    for one in expected:
        case, culprit = _compared(one)
        if culprit:
            message = f"expected {one.value!r}: {case.reason}"
            return replace(
                base,
                verdict=Verdict.WRONG,
                points=len(expected),
                worst=case,
                smallest=case,
                culprit=culprit,
                message=message,
                formula=subject.formula,
                derivative=subject.derivative(name),
            )
    return replace(base, points=len(expected))


def _compared(one: _Expected) -> tuple[Case, str]:
    """The author's number with both witnesses, and who is wrong, if anyone."""
    trial, column = one.trial, one.column
    known = _known(one)
    if isinstance(known, str):
        return trial.unjudged(0, known), "the example"
    truth, allowed = known
    claim = float(trial.claimed[0, column])
    slack = allowed + written(one.value)
    symbolic = _near(one.value, truth.value, slack)
    autograd = _near(one.value, claim, slack)
    reason = {
        (True, True): "",
        (False, False): "neither the mathematics nor torch gives it",
        (True, False): "the mathematics gives it, torch does not",
        (False, True): "torch gives it, the mathematics does not",
    }[symbolic, autograd]
    culprit = {
        (True, True): "",
        (False, False): "the expectation",
        (True, False): "torch",
        (False, True): "expr",
    }[symbolic, autograd]
    case = Case(
        point=trial.unjudged(0, "").point,
        cotangent=trial.unjudged(0, "").cotangent,
        index=trial.index(column),
        symbolic=truth,
        autograd=claim,
        numerical=None,
        error_ulp=abs(one.value - truth.value) / trial.spacing(truth.value),
        error_abs=abs(one.value - truth.value),
        allowed=slack,
        reason=reason,
    )
    return case, culprit


def _known(one: _Expected) -> tuple[Measured, float] | str:
    """The truth that a number is held against, and what it may be off by; or why there is none.

    At a point without a gradient, the member of the generalized gradient next to the number.
    """
    trial, column = one.trial, one.column
    if 0 in trial.problems:
        return trial.problems[0]
    truth, settled = trial.truth(0, column), trial.settled(0)
    if truth is not None:
        gap = trial.gap(0, column)
        return Measured(gap.truth, float(truth.ball.rad())), gap.allowed
    if column < trial.derivation.values or settled.place not in JUDGED:
        return f"the point is {settled.place}: {settled.reason}"
    nearest, bound = nearest_member(trial, 0, column, one.value)
    return Measured(nearest), bound


def _near(value: float, other: float, slack: float) -> bool:
    return value == other or abs(value - other) <= slack


def written(value: float) -> float:
    """Half a unit in the last digit that the author wrote: 0.1353 stands for all that round to it.

    Numbers of few digits stand for themselves.
    """
    digits, _, exponent = f"{value!r}".partition("e")
    whole, _, broken = digits.lstrip("-").partition(".")
    broken = "" if broken == "0" else broken
    significant = (whole + broken).lstrip("0")
    if not np.isfinite(value) or len(significant) <= _MEANT_EXACTLY or not broken:
        return 0.0
    return 0.5 * 10.0 ** (int(exponent or 0) - len(broken))
