"""From rulings at points to the result of a check."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any, final

from gradcheck_sym.autograd.support import Feature
from gradcheck_sym.run.evidence import Columns, Evidence, Finding, Pardon, Question
from gradcheck_sym.run.function import backward
from gradcheck_sym.run.judge import Judgement
from gradcheck_sym.run.outline import Part, outline
from gradcheck_sym.run.patience import ALL, QUICKLY
from gradcheck_sym.run.smallest import elements, smallest
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.run.trial import Fault, Trial
from gradcheck_sym.run.witness import accuse, measure
from gradcheck_sym.symbolic.derivation import Derivation
from gradcheck_sym.symbolic.places import Place
from gradcheck_sym.verdict.diagnosis import Diagnosis, Pattern
from gradcheck_sym.verdict.pictures import Outline
from gradcheck_sym.verdict.records import Case, Measured, Result, Verdict
from gradcheck_sym.verdict.ruling import Ruling

_PICTURED = frozenset({"forward", "reverse"})  # checks whose errors are always shown
_MANY = 10_000  # points, as where every number of a dtype was visited: worth a picture, too
_ACCURATE = 0.25  # of what is allowed
LEAST_SHARE = 0.1  # of the points must be decided; below, a check says too little to pass


@final
@dataclass(frozen=True, slots=True)
class _Judged:
    """One piece of evidence with its judgement."""

    evidence: Evidence
    made: Judgement


def value_columns(derivation: Derivation) -> slice:
    """The columns of the value."""
    return slice(0, derivation.values)


def gradient_columns(name: str) -> Columns:
    """The columns of one input's gradient."""
    return partial(_columns, name)


def _columns(name: str, derivation: Derivation) -> slice:
    return derivation.columns()[name]


def evidence_of(subject: Subject) -> tuple[Evidence, ...]:
    """The points that the first checks share."""
    return tuple(Evidence(subject.function, trial) for trial in subject.trials)


def conclude(asked: Question) -> Result:
    """The result of a check at all points."""
    base = blank(asked.subject, asked.check, asked.entry)
    if lacking := _lacking(asked):
        return replace(base, verdict=Verdict.SKIPPED, message=f"not supported: {lacking}")
    broken = _broken(asked)
    if broken is not None:
        return replace(base, verdict=Verdict.ERROR, **broken)
    judged = list(_judgements(asked))
    decided = sum(item.made.decided for item in judged)
    dropped = _dropped(asked.subject, [item.made for item in judged])
    counted = replace(base, points=decided, dropped=dropped)
    if not decided:
        smooth = all(evidence.trial.smooth for evidence in asked.evidence)
        verdict = Verdict.SKIPPED if smooth else Verdict.ERROR  # not every spec has regular points
        return replace(counted, verdict=verdict, message=f"nothing was decided{_told(dropped)}")
    faults = [
        Finding(item.evidence, fault) for item in judged for fault in _told_faults(asked, item)
    ]
    told = _told_of(asked, counted, faults) if faults else _passing(counted, judged)
    return replace(told, outline=_outline(asked, judged, told))


def _told_faults(asked: Question, item: _Judged) -> Sequence[Fault]:
    """The faults that a check tells of: of lost digits, where another does, only what is news.

    That is where they are lost in a special way of running a user's own code.
    """
    faults, trial = item.made.faults, item.evidence.trial
    lost = [fault for fault in faults if fault.ruling.verdict is Verdict.INACCURATE]
    if asked.digits or not lost:
        return faults
    kept = [fault for fault in faults if fault.ruling.verdict is not Verdict.INACCURATE]
    users = asked.subject.implementation.kind == "user"
    if users and trial.setting:
        said = Ruling(Verdict.INACCURATE, f"digits are lost so alone: {trial.setting}")
        kept += [
            replace(fault, ruling=said) for fault in _lost_so_alone(item.evidence, asked, lost)
        ]
    return kept


def _lost_so_alone(evidence: Evidence, asked: Question, lost: Sequence[Fault]) -> Sequence[Fault]:
    """The faults, if where nothing is special far less than what is allowed is lost at all points.

    So that neither sums in another order nor vectors of functions explain them.
    """
    as_usual = replace(evidence.function, claimant=backward, setting="", together="each")
    usual = as_usual.again(evidence.trial)
    columns = asked.columns(usual.derivation)
    shares = usual.exact_shares(range(len(usual.claimed)))
    if usual.problems or (shares[:, columns] > _ACCURATE).any():
        return ()
    return [fault for fault in lost if shares[fault.lane, fault.column] <= _ACCURATE]


def _outline(asked: Question, judged: Sequence[_Judged], told: Result) -> Outline | None:
    """The outline of all errors, where the run asks for pictures and there is something to see."""
    failing = told.outcome != "passed"
    pictured = failing or asked.check in _PICTURED or told.points >= _MANY
    if not (asked.subject.options.outlines and pictured):
        return None
    trials = [(item.evidence.trial, item.made) for item in judged]
    parts = [Part(trial, asked.columns(trial.derivation), made) for trial, made in trials]
    free = [entry.name for entry in asked.evidence[0].function.space.free]
    return outline(parts, free, asked.entry, elementwise=asked.subject.elementwise)


def _told_of(asked: Question, base: Result, faults: Sequence[Finding]) -> Result:
    """What the faults come to; those that are wrong and nobody's mistake are undecided."""
    wrong = [found for found in faults if found.fault.ruling.verdict is Verdict.WRONG]
    said = asked.pardon(wrong) if wrong and asked.pardon else ""
    if not said:
        return _failing(asked, base, faults)
    shown = _telling(faults, Verdict.WRONG)
    case = shown.evidence.trial.case(shown.fault)
    return replace(base, verdict=Verdict.UNDECIDED, worst=case, smallest=case, message=said)


def conclude_each(
    subject: Subject,
    check: str,
    entries: Sequence[str | None],
    evidence: Sequence[Evidence],
    excuses: frozenset[Feature] = frozenset(),
    accused: str = "",
    *,
    digits: bool = True,
    pardon: Pardon | None = None,
) -> Iterator[Result]:
    """One result for each input's gradient (None: for the value), on the same evidence.

    What is not supported is told once: it is so for all of them. Where the value is wrong, who is
    to blame for its gradients stays open.
    """
    blamed = False
    for entry in entries:
        columns = value_columns if entry is None else gradient_columns(entry)
        telling = [item for item in evidence if entry not in item.silent]
        asked = Question(subject, check, entry, columns, telling, digits, accused, excuses, pardon)
        result = conclude(asked)
        yield replace(result, culprit="") if blamed else result
        if result.verdict is Verdict.SKIPPED:
            return
        blamed = blamed or (entry is None and result.verdict is Verdict.WRONG)


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


def _judgements(asked: Question) -> Iterator[_Judged]:
    """All evidence judged: with less patience once something is wrong.

    Where the function is wrong as it is usually run, special ways of running tell nothing more.
    """
    known = (asked.accused, asked.entry) in asked.subject.told
    patience, usually = QUICKLY if known else ALL, False
    for evidence in asked.evidence:
        if usually and evidence.trial.setting:
            continue
        function = replace(evidence.function, patience=patience)
        made = function.judge(evidence.trial, asked.columns(evidence.trial.derivation))
        patience = QUICKLY if made.is_wrong else patience
        usually |= made.is_wrong and not evidence.trial.setting
        yield _Judged(evidence, made)


def _lacking(asked: Question) -> str:
    """What the implementation says at every point of some evidence that it does not support."""
    for trial in (evidence.trial for evidence in asked.evidence):
        told = [what for what in trial.unsupported.values() if what.feature in asked.excuses]
        if told and len(told) == len(trial.problems):
            return told[0].reason
    return ""


def _broken(asked: Question) -> dict[str, Any] | None:
    """The first point of the domain at which the torch side broke down, how, and in which half."""
    for trial in (evidence.trial for evidence in asked.evidence):
        for lane, problem in sorted(trial.problems.items()):
            outside = trial.settled(lane).place in (Place.OUTSIDE, Place.SINGULAR)
            concerned = asked.entry is not None or lane in trial.valueless
            if concerned and not outside:
                half = "the forward" if lane in trial.valueless else "the backward"
                with_what = f" (with {trial.setting})" if trial.setting else ""
                advice = _UNMEANT if problem.startswith(_UNSOLVABLE) else ""
                return {
                    "message": f"{problem}{with_what}{advice}",
                    "smallest": trial.unjudged(lane, problem),
                    "culprit": _author(asked) if asked.accused else half,
                }
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
    case = _largest(judged)
    drawn = base.points + sum(sum(item.made.dropped.values()) for item in judged)
    if base.points < LEAST_SHARE * drawn:
        message = f"only {base.points} points were decided{_told(dict(base.dropped))}"
        return replace(base, verdict=Verdict.UNDECIDED, worst=case, message=message)
    members = [member for item in judged for member in item.made.members]
    if members:
        return replace(base, verdict=Verdict.SUBGRADIENT, worst=case, message=_membership(members))
    return replace(base, worst=case)


def _largest(judged: Sequence[_Judged]) -> Case | None:
    """The largest error of all: by estimates, of which only the first is worked out."""
    found = [(item.evidence.trial, item.made.worst) for item in judged if item.made.worst]
    for trial, fault in sorted(found, key=lambda pair: -pair[1].error_ulp):
        if exact := trial.worked_out(fault):
            return trial.case(exact)
    return None


def _membership(members: Sequence[str]) -> str:
    """Which members of the generalized gradient autograd gave, the most frequent first."""
    counted = Counter(members).most_common()
    listed = ", ".join(f"{member} ({count})" for member, count in counted[:_MOST_MEMBERS])
    more = f" and {len(counted) - _MOST_MEMBERS} others" if len(counted) > _MOST_MEMBERS else ""
    return f"at kinks autograd gives {listed}{more}"


_ASKED = 8  # failing points that are looked at for a culprit, besides those that are shown
_OF_DERIVED = ("the backward", "the jvp")  # whose truths are not those of the spec itself
_UNSOLVABLE = "_LinAlgError: "  # torch's exception for a matrix that it cannot work with
_UNMEANT = "; where no such matrices are meant, `where` leaves them out: abs(det(m)) > 1/100"
_MOST_MEMBERS = 3  # that are told of; the rest is counted


def _failing(asked: Question, base: Result, faults: Sequence[Finding]) -> Result:
    worst = max(faults, key=lambda found: found.fault.order)
    verdict = worst.fault.ruling.verdict
    blind, telling = _is_consequence(asked), _telling(faults, verdict)
    in_full = not (blind or _is_known(asked))
    simple = smallest(asked, telling) if in_full else telling
    witnesses = [_measured(asked, found) for found in (simple, worst)]
    shown, largest = (
        found.evidence.trial.case(found.fault, numerical)
        for found, numerical in zip((simple, worst), witnesses, strict=True)
    )
    diagnosis = _diagnosed(asked, faults) if verdict is Verdict.WRONG and in_full else None
    return replace(
        base,
        verdict=verdict,
        worst=largest,
        smallest=shown,
        culprit=_culprit(asked, zip((simple, worst), witnesses, strict=True), faults),
        diagnosis=diagnosis.sentence if diagnosis else "",
        pattern=diagnosis.code if diagnosis else "",
        message=_sentence(verdict, shown, faults)
        + ("; so is the gradient itself" if blind else ""),
        formula=asked.subject.formula,
        derivative="" if asked.accused else asked.subject.derivative(base.input),
    )


def _is_consequence(asked: Question) -> bool:
    """Whether it is the derivative of something wrong that is wrong: what shows tells nothing."""
    return asked.accused in _OF_DERIVED and asked.subject.is_wrong


def _is_known(asked: Question) -> bool:
    """Whether the spec expects that the check fails, and nobody asked for a page or for one point.

    To simplify the point and to look for the mistake takes longer than to see that it still fails.
    """
    options = asked.subject.options
    asks = options.outlines or options.point is not None
    return asked.check in asked.subject.spec.xfail and not asks


def _diagnosed(asked: Question, faults: Sequence[Finding]) -> Diagnosis:
    """The known mistake that fits, and the only ways of running in which it shows."""
    from gradcheck_sym.run.diagnosis import at_kinks, diagnose_like, in_settings
    from gradcheck_sym.run.diagnosis.fleeting import fleeting
    from gradcheck_sym.run.diagnosis.gather import asking, evidence_of

    spec = None if asked.accused in _OF_DERIVED else asked.subject.spec
    wrong = [found for found in faults if found.fault.ruling.verdict is Verdict.WRONG]
    trials = [item.trial for item in asked.evidence]
    again = asking((item.function, item.trial) for item in asked.evidence)
    known = asked.subject.told
    key = asked.accused, asked.entry
    if all(found.fault.nearest is not None for found in wrong):
        members = [_members(trial, wrong) for trial in trials]
        evidence = evidence_of(spec, asked.entry, trials, members=members)
        told = at_kinks(evidence)
    else:
        evidence = evidence_of(spec, asked.entry, trials, again=again)
        if gone := fleeting(wrong):  # in what settings it showed is chance
            known.setdefault(key, gone)
            return gone.diagnosis
        told = diagnose_like(evidence, known.get(key))
    known.setdefault(key, told)
    found, alone = told.diagnosis, in_settings(evidence)
    if alone is None or found.code is Pattern.ONE_SETTING or alone.sentence in found.sentence:
        return found
    return replace(found, sentence=f"{found.sentence}, {alone.sentence}")


def _members(trial: Trial, faults: Sequence[Finding]) -> dict[tuple[int, int], float]:
    """What the generalized gradient has next to the claims that are faults at kinks of a trial."""
    return {
        (found.fault.lane, found.fault.column): found.fault.nearest
        for found in faults
        if found.evidence.trial is trial and found.fault.nearest is not None
    }


def _measured(asked: Question, found: Finding) -> Measured | None:
    """What finite differences say there; None where they measure something else."""
    if asked.accused:
        return None
    return measure(asked.subject, found.evidence.trial, found.fault)


def _culprit(
    asked: Question,
    shown: Iterable[tuple[Finding, Measured | None]],
    faults: Sequence[Finding],
) -> str:
    """Who is to blame; where what is shown does not tell, some other failing points may."""
    if asked.accused:
        return _author(asked)
    wrong = [found for found in faults if found.fault.ruling.verdict is Verdict.WRONG]
    others = ((found, _measured(asked, found)) for found in wrong[:: -(-len(wrong) // _ASKED) or 1])
    told = (
        accuse(found.evidence.trial, found.fault, numerical)
        for found, numerical in chain(shown, others)
    )
    return next(filter(None, told), "")


def _author(asked: Question) -> str:
    """Who is to blame for a derived function: nobody says, where the function itself is wrong."""
    return "" if asked.subject.is_wrong else asked.accused


def _telling(faults: Sequence[Finding], verdict: Verdict) -> Finding:
    """The fault that tells most about its cause: a wrong number before a NaN at some edge."""
    worst = [found for found in faults if found.fault.ruling.verdict is verdict]
    finite = [found for found in worst if math.isfinite(found.fault.error_ulp)]
    return min(finite or worst, key=lambda found: (elements(found), -found.fault.error_ulp))


def _sentence(verdict: Verdict, case: Case, faults: Sequence[Finding]) -> str:
    if case.reason:
        return case.reason
    if verdict is Verdict.INACCURATE:
        lost = [found for found in faults if found.fault.ruling.verdict is verdict]
        reasons = (found.fault.ruling.reason for found in lost)
        reason = next((f"; at some: {each}" for each in reasons if each), "")
        return f"the formula is right, but digits are lost{_region(lost)}{reason}"
    if verdict is Verdict.UNDECIDED:
        return "the truth is too vague to rule"
    return "further from the truth than any evaluation of the right formula can be"


def _region(lost: Sequence[Finding]) -> str:
    """How many digits are lost, and in which range of each input."""
    largest = max((f.fault.error_ulp for f in lost), default=0.0)
    all_of_them = max((f.evidence.trial.dtype.precision for f in lost), default=0) * math.log10(2)
    some = min(math.log10(max(largest, 1.0)), all_of_them)
    digits = f": up to {some:.1f} of them" if some else ""
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
