"""dtypes: value and gradients in the other dtypes, each against the truth at its own points."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gradcheck_sym.autograd.support import Feature
from gradcheck_sym.run.conclude import Evidence, conclude_each
from gradcheck_sym.run.sample import Sample, sampled
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.sampling.exhaustive import every_point
from gradcheck_sym.spec.dtypes import DTYPES, format_of
from gradcheck_sym.verdict.records import Result

_SAMPLE = Sample(edges=48, bulk=128, ordinary=False)
_EXCUSES = frozenset({Feature.DTYPE, Feature.OTHER})
_SHORT = 16  # bits of a dtype whose every number can be visited


def dtypes(subject: Subject) -> Iterator[Result]:
    """For each dtype one result for the value and one for each input's gradient.

    In a dtype of 16 bits, a function of one number alone is looked at for every finite number of
    the domain.
    """
    if subject.options.dtypes is not None:  # those that the run asks for are run in turn
        yield from _in_dtype(subject)
        return
    for name in DTYPES:
        if name != subject.dtype.name:
            yield from _in_dtype(replace(subject, dtype=format_of(name)))


def _in_dtype(subject: Subject) -> Iterator[Result]:
    return conclude_each(subject, "dtypes", (None, *subject.graded), _evidence(subject), _EXCUSES)


def _evidence(subject: Subject) -> tuple[Evidence, ...]:
    function = subject.function
    first = sampled(subject, function, _SAMPLE, subject.sizes)
    if subject.options.point is not None or any(item.trial.problems for item in first):
        return first
    if subject.dtype.bits != _SHORT or function.together != "elementwise":
        return first
    every = every_point(function.space)
    return (
        first
        if every is None
        else (*first, Evidence(function, function.trial(every, "elementwise")))
    )
