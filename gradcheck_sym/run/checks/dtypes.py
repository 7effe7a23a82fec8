"""dtypes: value and gradients in the other dtypes, each against the truth at its own points."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gradcheck_sym.autograd.promoted import wider_dtype
from gradcheck_sym.autograd.support import Feature
from gradcheck_sym.run.choice import other_dtypes
from gradcheck_sym.run.conclude import blank, conclude_each
from gradcheck_sym.run.evidence import Evidence
from gradcheck_sym.run.function import Function
from gradcheck_sym.run.plan import wrong_alone
from gradcheck_sym.run.room import has_room
from gradcheck_sym.run.sample import Sample, exampled, if_any, sampled
from gradcheck_sym.run.scaled import scaled
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.sampling.exhaustive import every_point
from gradcheck_sym.sampling.space import SamplingError
from gradcheck_sym.spec.dtypes import format_of
from gradcheck_sym.verdict.records import Result, Verdict

_SAMPLE = Sample(edges=48, bulk=128, ordinary=False)
_EXCUSES = frozenset({Feature.DTYPE, Feature.OTHER})
_FEW = 16  # numbers that tell whether an implementation takes a vector, each element alone
_SHORT = 16  # bits of a dtype whose every number can be visited


def dtypes(subject: Subject) -> Iterator[Result]:
    """For each dtype one result for the value and one for each input's gradient.

    In a dtype of 16 bits, a function of one number alone is looked at for every finite number of
    the domain. A dtype in which the forward raises whatever it is given is not supported.
    """
    if subject.options.dtypes is not None:  # those that the run asks for are run in turn
        yield from _in_dtype(subject)
        return
    for name in other_dtypes(subject.spec, subject.dtype.name):
        yield from _in_dtype(replace(subject, dtype=format_of(name)))


def _in_dtype(subject: Subject) -> Iterator[Result]:
    try:
        evidence = _evidence(subject)
    except SamplingError as err:
        yield replace(blank(subject, "dtypes", None), verdict=Verdict.SKIPPED, message=str(err))
        return
    if all(item.trial.is_refused for item in evidence):
        said = f"not supported: {evidence[0].trial.problems[0]}"
        yield replace(blank(subject, "dtypes", None), verdict=Verdict.SKIPPED, message=said)
        return
    said = _promoted(subject, evidence[-1])
    for result in conclude_each(subject, "dtypes", (None, *subject.graded), evidence, _EXCUSES):
        told = said if result.input is None and not result.message else result.message
        yield replace(result, message=told)


def _promoted(subject: Subject, item: Evidence) -> str:
    """What is said of a result that is of a wider dtype than the inputs."""
    name = subject.dtype.name
    wider = wider_dtype(subject.implementation, item.trial.values, name)
    return f"the result is of {wider}; it is judged as rounded to {name}" if wider else ""


def _every_number(function: Function) -> Iterator[Evidence]:
    """Every number of the dtype, of a function of one number alone, as one long vector.

    So it is run where the spec states a single number, too, if the implementation takes a vector;
    then what is wrong counts as it is of single numbers. Not where the author states more at least.
    """
    every = every_point(function.space)
    if every is None or not every.lanes:
        return
    if function.together == "elementwise":
        yield Evidence(function, function.trial(every, "elementwise"))
        return
    if any(not dim.low <= 1 <= dim.high for dim in function.space.dims):
        return
    together = replace(function, together="elementwise")
    few = np.linspace(0, every.lanes - 1, min(_FEW, every.lanes)).astype(np.int64)
    trial = together.trial(every.take(few.tolist()), "elementwise")
    alone = wrong_alone(together, trial)
    if trial.mode == "each" or (alone is not None and not function.is_wrong(alone)):
        return  # in x**2 + sum(x) all numbers meet
    trial = together.trial(every, "elementwise")
    alone = wrong_alone(together, trial)
    if alone is None:
        yield Evidence(together, trial)
    elif function.is_wrong(alone):
        yield Evidence(function, alone)


def _evidence(subject: Subject) -> tuple[Evidence, ...]:
    function = subject.function
    found = sampled(subject, function, _SAMPLE, subject.sizes)
    found = (
        *exampled(subject, subject.function_at),
        *found,
        *if_any(function, scaled(function, found[-1].trial)),
    )
    problems = any(item.trial.problems for item in found)
    if subject.dtype.bits == _SHORT and not problems and subject.options.point is None:
        found = (*found, *_every_number(function))
    if has_room(subject, found):
        return found
    loose = replace(function, bounded=False)
    return tuple(
        Evidence(loose, replace(item.trial, bounded=False).informed_by(item.trial))
        for item in found
    )
