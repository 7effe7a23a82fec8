"""From rulings at points to the result of a check."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

from gradcheck_sym.run.function import Function
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
class Evidence:
    """Points at which a function was run."""

    function: Function
    trial: Trial


@final
@dataclass(frozen=True, slots=True)
class Question:
    """What a check asks: some columns of all evidence against their truths."""

    subject: Subject
    check: str
    entry: str | None  # the input whose gradient it is
    columns: Columns
    evidence: Sequence[Evidence]
    slopes: bool = True  # whether the gradients are those of the forward itself


@final
@dataclass(frozen=True, slots=True)
class Finding:
    """A fault with the evidence that it belongs to."""

    evidence: Evidence
    fault: Fault


@final
@dataclass(frozen=True, slots=True)
class _Judged:
    """One piece of evidence with its judgement."""

    evidence: Evidence
    made: Judgement


def evidence_of(subject: Subject) -> tuple[Evidence, ...]:
    """The points that the first checks share."""
    return tuple(Evidence(subject.function, trial) for trial in subject.trials)


def conclude(asked: Question) -> Result:
    """The result of a check at all points."""
    base = blank(asked.subject, asked.check, asked.entry)
    broken = _broken(asked)
    if broken is not None:
        return replace(base, verdict=Verdict.ERROR, **broken)
    judged = [_judged(asked, evidence) for evidence in asked.evidence]
    decided = sum(item.made.decided for item in judged)
    dropped = _dropped(asked.subject, [item.made for item in judged])
    counted = replace(base, points=decided, dropped=dropped)
    if not decided:
        return replace(
            counted, verdict=Verdict.ERROR, message=f"nothing was decided{_told(dropped)}"
        )
    faults = [Finding(item.evidence, fault) for item in judged for fault in item.made.faults]
    if faults:
        return _failing(asked, counted, faults)
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


def _judged(asked: Question, evidence: Evidence) -> _Judged:
    columns = asked.columns(evidence.trial.derivation)
    return _Judged(evidence, evidence.function.judge(evidence.trial, columns))


def _broken(asked: Question) -> dict[str, Any] | None:
    """The first point of the domain at which the torch side broke down, how, and in which half."""
    for trial in (evidence.trial for evidence in asked.evidence):
        for lane, problem in sorted(trial.problems.items()):
            outside = trial.settled(lane).place in (Place.OUTSIDE, Place.SINGULAR)
            if trial.broken(lane, asked.columns(trial.derivation)) and not outside:
                half = "the backward" if lane in trial.valued else "the forward"
                case = trial.unjudged(lane, problem)
                return {"message": problem, "smallest": case, "culprit": half}
    return None


def _dropped(subject: Subject, judgements: Iterable[Judgement]) -> dict[str, int]:
    total: Counter[str] = Counter(subject.dropped)
    for judgement in judgements:
        total.update(judgement.dropped)
    return dict(sorted(total.items()))


def _told(dropped: dict[str, int]) -> str:
    listed = ", ".join(f"{count} {reason}" for reason, count in dropped.items())
    return f" ({listed})" if listed else ""


def _passing(base: Result, judged: Sequence[_Judged]) -> Result:
    found = [Finding(item.evidence, item.made.worst) for item in judged if item.made.worst]
    worst = max(found, key=lambda finding: finding.fault.error_ulp, default=None)
    case = None if worst is None else worst.evidence.trial.case(worst.fault)
    drawn = base.points + sum(sum(item.made.dropped.values()) for item in judged)
    if base.points < LEAST_SHARE * drawn:
        message = f"only {base.points} points were decided{_told(dict(base.dropped))}"
        return replace(base, verdict=Verdict.UNDECIDED, worst=case, message=message)
    members = [member for item in judged for member in item.made.members]
    if members:
        return replace(base, verdict=Verdict.SUBGRADIENT, worst=case, message=_membership(members))
    return replace(base, worst=case)


def _membership(members: Sequence[str]) -> str:
    """Which members of the generalized gradient autograd gave, the most frequent first."""
    counted = Counter(members).most_common()
    listed = ", ".join(f"{member} ({count})" for member, count in counted[:_MOST_MEMBERS])
    more = f" and {len(counted) - _MOST_MEMBERS} others" if len(counted) > _MOST_MEMBERS else ""
    return f"at kinks autograd gives {listed}{more}"


_MOST_MEMBERS = 3  # that are told of; the rest is counted


def _failing(asked: Question, base: Result, faults: Sequence[Finding]) -> Result:
    worst = max(faults, key=lambda found: found.fault.order)
    verdict = worst.fault.ruling.verdict
    smallest = _smallest(asked, _telling(faults, verdict))
    witnesses = [measured(asked, found) for found in (smallest, worst)]
    shown, largest = (
        found.evidence.trial.case(found.fault, numerical)
        for found, numerical in zip((smallest, worst), witnesses, strict=True)
    )
    return replace(
        base,
        verdict=verdict,
        worst=largest,
        smallest=shown,
        culprit=accuse(smallest.evidence.trial, smallest.fault, witnesses[0])
        or accuse(worst.evidence.trial, worst.fault, witnesses[1])
        or ("" if asked.slopes else "the backward"),
        message=_sentence(verdict, shown, faults),
        formula=asked.subject.formula,
        derivative=asked.subject.derivative(base.input),
    )


def measured(asked: Question, found: Finding) -> Any:
    """What finite differences say there; None where they measure something else."""
    return measure(asked.subject, found.evidence.trial, found.fault) if asked.slopes else None


def _telling(faults: Sequence[Finding], verdict: Verdict) -> Finding:
    """The fault that tells most about its cause: a wrong number before a NaN at some edge."""
    worst = [found for found in faults if found.fault.ruling.verdict is verdict]
    finite = [found for found in worst if math.isfinite(found.fault.error_ulp)]
    return max(finite or worst, key=lambda found: found.fault.error_ulp)


def _smallest(asked: Question, start: Finding) -> Finding:
    """The simplest point with the same kind of fault, found by shrinking; only what is wrong."""
    if start.fault.ruling.verdict is not Verdict.WRONG:
        return start
    finite = math.isfinite(start.fault.error_ulp)
    function = start.evidence.function

    def wrong(trial: Trial) -> Fault | None:
        faults = function.judge(trial, asked.columns(trial.derivation)).faults
        bad = [fault for fault in faults if fault.ruling.verdict is Verdict.WRONG]
        alike = [fault for fault in bad if math.isfinite(fault.error_ulp) == finite]
        return max(alike, key=lambda fault: fault.error_ulp, default=None)

    trial = asked.subject.shrunk(
        function, start.evidence.trial, start.fault.lane, lambda found: wrong(found) is not None
    )
    fault = wrong(trial)
    return start if fault is None else Finding(Evidence(function, trial), fault)


def _sentence(verdict: Verdict, case: Case, faults: Sequence[Finding]) -> str:
    if case.reason:
        return case.reason
    if verdict is Verdict.INACCURATE:
        return f"the formula is right, but digits are lost{_region(faults)}"
    if verdict is Verdict.UNDECIDED:
        return "the truth is too vague to rule"
    return "further from the truth than any evaluation of the right formula can be"


def _region(faults: Sequence[Finding]) -> str:
    """How many digits are lost, and in which range of each input."""
    lost = [f for f in faults if f.fault.ruling.verdict is Verdict.INACCURATE]
    largest = max((f.fault.error_ulp for f in lost), default=0.0)
    digits = f": up to {math.log10(largest):.1f} of them" if 1 < largest < math.inf else ""
    ranges: dict[str, tuple[float, float]] = {}
    for found in lost:
        for name, array in found.evidence.trial.values.items():
            numbers = array[found.fault.lane]
            if numbers.size:
                low, high = ranges.get(name, (math.inf, -math.inf))
                ranges[name] = min(low, float(numbers.min())), max(high, float(numbers.max()))
    where = ", ".join(
        f"{name} from {low:.4g} to {high:.4g}" for name, (low, high) in ranges.items()
    )
    return f"{digits}, at points with {where}" if where else digits
