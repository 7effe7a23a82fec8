"""purity: nothing is written to, the same answer twice, and gradients of their own memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from gradcheck_sym.autograd.impurity import Impurity, Kind
from gradcheck_sym.autograd.purity import impurities
from gradcheck_sym.run.conclude import blank
from gradcheck_sym.run.sample import Sample, middle, sampled
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.run.trial import Trial
from gradcheck_sym.verdict.diagnosis import Pattern
from gradcheck_sym.verdict.records import Result, Verdict

_SAMPLE = Sample(edges=0, bulk=3)
_ELSEWHERE = frozenset({Kind.RAISED})  # the other checks tell of it


def purity(subject: Subject) -> Iterator[Result]:
    """One result: the first of the impurities that are found at a few points."""
    trials = [item.trial for item in sampled(subject, subject.function, _SAMPLE)]
    trial = trials[-1]
    others = None
    if subject.options.point is None:
        sizes = next((dims for dims in subject.sizes if dims != middle(subject)), None)
        if sizes is not None:
            others = sampled(subject, subject.function, _SAMPLE, (sizes,))[-1].trial.values
    found = impurities(
        subject.implementation,
        trial.values,
        subject.graded,
        trial.cotangents,
        subject.dtype.name,
        others,
    )
    yield _result(subject, trial, found)


def _result(subject: Subject, trial: Trial, found: Mapping[int, tuple[Impurity, ...]]) -> Result:
    base = replace(blank(subject, "purity", None), points=len(trial.claimed))
    faults = [
        (lane, fault)
        for lane, several in found.items()
        for fault in several
        if fault.kind not in _ELSEWHERE
    ]
    if not faults:
        return base
    lane, fault = faults[0]
    case = trial.unjudged(lane, fault.text)
    return replace(
        base,
        verdict=Verdict.WRONG,
        smallest=case,
        worst=case,
        culprit=fault.by,
        diagnosis=str(fault.kind),
        pattern=Pattern.MUTATION.value,
        message="; ".join(dict.fromkeys(told.text for _, told in faults)),
        formula=subject.formula,
    )
