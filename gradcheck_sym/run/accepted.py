"""Which dtype a user's own code is judged in: a fused kernel may take no float64."""

from __future__ import annotations

from dataclasses import replace

from gradcheck_sym.autograd.state import left_alone
from gradcheck_sym.autograd.support import Feature
from gradcheck_sym.run.choice import has_open_dtype, open_dtypes
from gradcheck_sym.run.sample import Sample, sampled
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.run.trial import Trial
from gradcheck_sym.spec.dtypes import format_of

_SAMPLE = Sample(edges=2, bulk=1)
_ASSERTED = "AssertionError"  # mostly without a word


def accepted(subject: Subject) -> Subject:
    """The same spec in the widest dtype that is not refused.

    Refused is a dtype in which the forward raises whatever it is given, and speaks of the dtype or
    asserts something. Where all are, or the author or the run states one, the subject as it is.
    """
    if subject.options.dtypes is not None or not has_open_dtype(subject.spec):
        return subject
    try:
        if subject.implementation.kind != "user":
            return subject
        with left_alone():
            every = (replace(subject, dtype=format_of(name)) for name in open_dtypes(subject.spec))
            return next((each for each in every if not _is_refused(each)), subject)
    except Exception:  # noqa: BLE001 - an import, the mathematics: the checks tell it with its place
        return subject


def _is_refused(subject: Subject) -> bool:
    trial = sampled(subject, subject.function, _SAMPLE)[-1].trial
    return trial.is_refused and all(_is_about_dtype(trial, lane) for lane in trial.problems)


def _is_about_dtype(trial: Trial, lane: int) -> bool:
    lacking = trial.unsupported.get(lane)
    about = lacking is not None and lacking.feature is Feature.DTYPE
    return about or trial.problems[lane].startswith(_ASSERTED)
