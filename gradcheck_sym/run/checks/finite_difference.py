"""finite_difference: autograd against what differences of the torch forward measure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import final

from gradcheck_sym.run.conclude import blank
from gradcheck_sym.run.function import Function
from gradcheck_sym.run.scaled import SCALED
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.run.trial import Fault, Trial
from gradcheck_sym.run.witness import agree, measured
from gradcheck_sym.symbolic.places import Place
from gradcheck_sym.verdict.records import Measured, Result, Verdict
from gradcheck_sym.verdict.ruling import Ruling, culprit

_POINTS = 8  # a point costs tens of forwards for each element
_ORDINARY = ("bulk by value", "example", "search")
_ELEMENTS = 4  # of one input's gradient at each point


@final
@dataclass(frozen=True, slots=True)
class _Slope:
    """One element of a gradient at one point, with its third witness."""

    trial: Trial
    lane: int
    column: int
    numerical: Measured


def finite_difference(subject: Subject) -> Iterator[Result]:
    """One result for each input that requires a gradient; in float64, the oracle's precision."""
    if subject.dtype.name != "float64":
        return
    for entry in subject.spec.inputs:
        if entry.requires_grad:
            yield _result(subject, entry.name)


def _result(subject: Subject, name: str) -> Result:
    decided, dropped = 0, Counter[str]()
    suspects: list[tuple[Verdict, str, _Slope]] = []
    for slope in _slopes(subject, name):
        verdict, blamed = _ruling(subject.function, slope)
        if verdict is None:
            dropped["the differences cannot tell"] += 1
            continue
        decided += 1
        if verdict is not Verdict.AGREES:
            suspects.append((verdict, blamed, slope))
    base = blank(subject, "finite_difference", name)
    base = replace(base, points=decided, dropped=dict(dropped))
    if not suspects:
        return base if decided else _nothing(base)
    verdict, blamed, slope = max(suspects, key=lambda suspect: suspect[0].rank)
    return _suspected(subject, base, verdict, blamed, slope)


def _nothing(base: Result) -> Result:
    """The check is one of three witnesses: that it cannot tell anywhere is no error."""
    message = "the differences cannot tell at any point"
    return replace(base, verdict=Verdict.UNDECIDED, message=message)


def _slopes(subject: Subject, name: str) -> Iterator[_Slope]:
    """Differences at some regular points of every trial, one batch a trial."""
    trials = [trial for trial in subject.trials if SCALED not in trial.origins]
    each = max(1, _POINTS // len(trials))
    for trial in trials:
        lanes = list(islice(_regular(trial), each))
        part = trial.derivation.columns()[name]
        columns = list(range(part.start, part.stop))[:_ELEMENTS]
        if not lanes or not columns:
            continue
        found = measured(subject, trial, lanes, name, [trial.index(column) for column in columns])
        for lane, numbers in zip(lanes, found, strict=True):
            for column, numerical in zip(columns, numbers, strict=True):
                yield _Slope(trial, lane, column, numerical)


def _regular(trial: Trial) -> Iterator[int]:
    """Regular points at ordinary magnitudes: edges and huge numbers are hard on differences."""
    for lane, origin in enumerate(trial.origins):
        usable = origin in _ORDINARY and lane not in trial.problems
        if usable and trial.settled(lane).place is Place.REGULAR:
            yield lane


def _ruling(function: Function, slope: _Slope) -> tuple[Verdict | None, str]:
    """The verdict and the culprit, of three witnesses; None where the oracle cannot tell.

    Digits that autograd loses in its own operations are no other slope; where they decide between
    two branches, differences of both see neither. Nor do differences of values that were rounded to
    a narrower dtype see what an element hardly moves: its values are all the same number.
    """
    trial, lane, column = slope.trial, slope.lane, slope.column
    if trial.truth(lane, column) is None:
        return None, ""
    gap = trial.gap(lane, column)
    with_autograd = agree(gap.claim, gap.tolerated, slope.numerical)
    if with_autograd is None:
        return None, ""
    if with_autograd:
        return Verdict.AGREES, ""
    ruled = trial.ruling(lane, column).verdict
    confirmed = agree(gap.truth, gap.allowed, slope.numerical)
    if ruled is not Verdict.AGREES and function.is_rounding(trial, lane, column):
        return (Verdict.AGREES if confirmed else None), ""
    symbolic = ruled is not Verdict.WRONG
    if symbolic and _other_function(function, trial, lane):
        return Verdict.WRONG, "the forward"
    if symbolic and function.narrowest(trial.take([lane])).precision < trial.dtype.precision:
        return None, ""
    return (Verdict.UNDECIDED if symbolic else Verdict.WRONG), culprit(symbolic, confirmed, False)


def _other_function(function: Function, trial: Trial, lane: int) -> bool:
    """Whether the forward computes another value there, so that its slope is another, too."""
    return any(
        trial.ruling(lane, column).verdict is Verdict.WRONG
        and not function.is_rounding(trial, lane, column)
        for column in range(trial.derivation.values)
    )


def _suspected(
    subject: Subject, base: Result, verdict: Verdict, blamed: str, slope: _Slope
) -> Result:
    trial, lane, column = slope.trial, slope.lane, slope.column
    fault = Fault(lane, column, Ruling(verdict), trial.error_ulp(lane, column))
    case = trial.case(fault, slope.numerical)
    message = (
        "the differences disagree with autograd and with the mathematics"
        if verdict is Verdict.UNDECIDED
        else "autograd's gradient is not the slope of the forward"
    )
    return replace(
        base,
        verdict=verdict,
        worst=case,
        smallest=case,
        culprit=blamed,
        message=message,
        formula=subject.formula,
        derivative=subject.derivative(base.input),
    )
