"""From rulings at points to the result of a check."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

from gradcheck_sym.run.judge import Judgement
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.run.trial import Fault, Trial
from gradcheck_sym.run.witness import accuse, measure
from gradcheck_sym.symbolic.derivation import Derivation
from gradcheck_sym.symbolic.places import Place
from gradcheck_sym.verdict.records import Case, Result, Verdict

Columns = Callable[[Derivation], slice]

LEAST_SHARE = 0.1  # of the points must be decided; below, a check says too little to pass


@final
@dataclass(frozen=True, slots=True)
class Finding:
    """A fault with the trial that it belongs to."""

    trial: Trial
    fault: Fault


def conclude(subject: Subject, check: str, entry: str | None, columns: Columns) -> Result:
    """The result of comparing some columns of all trials with their truths."""
    base = blank(subject, check, entry)
    broken = _broken(subject, columns)
    if broken is not None:
        return replace(base, verdict=Verdict.ERROR, **broken)
    judged = [(t, subject.judge(t, columns(t.derivation))) for t in subject.trials]
    decided = sum(judgement.decided for _, judgement in judged)
    dropped = _dropped(subject, [judgement for _, judgement in judged])
    counted = replace(base, points=decided, dropped=dropped)
    if not decided:
        return replace(
            counted, verdict=Verdict.ERROR, message=f"nothing was decided{_told(dropped)}"
        )
    faults = [Finding(trial, fault) for trial, judgement in judged for fault in judgement.faults]
    if faults:
        return _failing(subject, counted, faults, columns)
    return _passing(counted, judged)


def blank(subject: Subject, check: str, entry: str | None) -> Result:
    """A result that agrees, with what is known before anything is compared."""
    spec = subject.spec
    return Result(
        spec.address,
        check,
        entry,
        subject.dtype.name,
        Verdict.AGREES,
        line=spec.position.line,
        column=spec.position.column,
    )


def _broken(subject: Subject, columns: Columns) -> dict[str, Any] | None:
    """The first point of the domain at which the torch side broke down, how, and in which half."""
    for trial in subject.trials:
        for lane, problem in sorted(trial.problems.items()):
            outside = trial.settled(lane).place in (Place.OUTSIDE, Place.SINGULAR)
            if trial.broken(lane, columns(trial.derivation)) and not outside:
                half = "the backward" if lane in trial.valued else "the forward"
                case = trial.unjudged(lane, problem)
                return {"message": problem, "smallest": case, "diagnosis": half}
    return None


def _dropped(subject: Subject, judgements: Iterable[Judgement]) -> dict[str, int]:
    total: Counter[str] = Counter(subject.dropped)
    for judgement in judgements:
        total.update(judgement.dropped)
    return dict(sorted(total.items()))


def _told(dropped: dict[str, int]) -> str:
    listed = ", ".join(f"{count} {reason}" for reason, count in dropped.items())
    return f" ({listed})" if listed else ""


def _passing(base: Result, judged: Sequence[tuple[Trial, Judgement]]) -> Result:
    found = [Finding(trial, made.worst) for trial, made in judged if made.worst is not None]
    worst = max(found, key=lambda finding: finding.fault.error_ulp, default=None)
    case = None if worst is None else worst.trial.case(worst.fault)
    drawn = base.points + sum(sum(made.dropped.values()) for _, made in judged)
    if base.points < LEAST_SHARE * drawn:
        message = f"only {base.points} points were decided{_told(dict(base.dropped))}"
        return replace(base, verdict=Verdict.UNDECIDED, worst=case, message=message)
    return replace(base, worst=case)


def _failing(subject: Subject, base: Result, faults: Sequence[Finding], columns: Columns) -> Result:
    worst = max(faults, key=lambda found: found.fault.order)
    verdict = worst.fault.ruling.verdict
    smallest = _smallest(subject, _telling(faults, verdict), columns)
    witnesses = [measure(subject, found.trial, found.fault) for found in (smallest, worst)]
    shown, largest = (
        found.trial.case(found.fault, numerical)
        for found, numerical in zip((smallest, worst), witnesses, strict=True)
    )
    return replace(
        base,
        verdict=verdict,
        worst=largest,
        smallest=shown,
        diagnosis=accuse(smallest.trial, smallest.fault, witnesses[0])
        or accuse(worst.trial, worst.fault, witnesses[1]),
        message=_sentence(verdict, shown),
        formula=subject.formula,
        derivative=subject.derivative(base.input),
    )


def _telling(faults: Sequence[Finding], verdict: Verdict) -> Finding:
    """The fault that tells most about its cause: a wrong number before a NaN at some edge."""
    worst = [found for found in faults if found.fault.ruling.verdict is verdict]
    finite = [found for found in worst if math.isfinite(found.fault.error_ulp)]
    return max(finite or worst, key=lambda found: found.fault.error_ulp)


def _smallest(subject: Subject, start: Finding, columns: Columns) -> Finding:
    """The simplest point with the same kind of fault, found by shrinking; only what is wrong."""
    if start.fault.ruling.verdict is not Verdict.WRONG:
        return start
    finite = math.isfinite(start.fault.error_ulp)

    def wrong(trial: Trial) -> Fault | None:
        faults = subject.judge(trial, columns(trial.derivation)).faults
        bad = [fault for fault in faults if fault.ruling.verdict is Verdict.WRONG]
        alike = [fault for fault in bad if math.isfinite(fault.error_ulp) == finite]
        return max(alike, key=lambda fault: fault.error_ulp, default=None)

    trial = subject.shrunk(start.trial, start.fault.lane, lambda found: wrong(found) is not None)
    fault = wrong(trial)
    return start if fault is None else Finding(trial, fault)


def _sentence(verdict: Verdict, case: Case) -> str:
    if case.reason:
        return case.reason
    if verdict is Verdict.INACCURATE:
        return "the formula is right, but digits are lost beyond what a sound evaluation loses"
    if verdict is Verdict.UNDECIDED:
        return "the truth is too vague to rule"
    return "further from the truth than any evaluation of the right formula can be"
