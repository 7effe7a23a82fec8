"""dtypes: value and gradients in the other dtypes, each against the truth at its own points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from gradcheck_sym.autograd.promoted import wider_dtype
from gradcheck_sym.autograd.support import Feature
from gradcheck_sym.run.conclude import blank, conclude_each
from gradcheck_sym.run.evidence import Evidence
from gradcheck_sym.run.sample import Sample, exampled, if_any, sampled
from gradcheck_sym.run.scaled import scaled
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.run.trial import Trial
from gradcheck_sym.sampling.exhaustive import every_point
from gradcheck_sym.sampling.space import SamplingError
from gradcheck_sym.spec.dtypes import DTYPES, format_of
from gradcheck_sym.symbolic.structure import constants_of
from gradcheck_sym.verdict.records import CANCELLATION, UNDERFLOW, Result, Verdict

_SAMPLE = Sample(edges=48, bulk=128, ordinary=False)
_EXCUSES = frozenset({Feature.DTYPE, Feature.OTHER})
_LOOKED_AT = 4  # points of each kind, to see whether the formula as written overflows
_SHORT = 16  # bits of a dtype whose every number can be visited


def dtypes(subject: Subject) -> Iterator[Result]:
    """For each dtype one result for the value and one for each input's gradient.

    In a dtype of 16 bits, a function of one number alone is looked at for every finite number of
    the domain. A dtype in which the forward raises whatever it is given is not supported.
    """
    if subject.options.dtypes is not None:  # those that the run asks for are run in turn
        yield from _in_dtype(subject)
        return
    for name in DTYPES:
        if name != subject.dtype.name:
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


def _evidence(subject: Subject) -> tuple[Evidence, ...]:
    function = subject.function
    found = sampled(subject, function, _SAMPLE, subject.sizes)
    found = (
        *exampled(subject, subject.function_at),
        *found,
        *if_any(function, scaled(function, found[-1].trial)),
    )
    problems = any(item.trial.problems for item in found)
    short = subject.dtype.bits == _SHORT and function.together == "elementwise"
    if short and not problems and subject.options.point is None:
        every = every_point(function.space)
        if every is not None:
            found = (*found, Evidence(function, function.trial(every, "elementwise")))
    if _fits(subject, found):
        return found
    loose = replace(function, bounded=False)
    return tuple(
        Evidence(loose, replace(item.trial, bounded=False).informed_by(item.trial))
        for item in found
    )


def _fits(subject: Subject, found: Sequence[Evidence]) -> bool:
    """Whether the dtype has room for the domain, the formula's constants and all values.

    Of the values on the way, it has to have room for those that claims hang on. Otherwise the
    author's domain was meant for a wider one: nobody claims anything about overflow.
    """
    largest = subject.dtype.max
    ends = [
        abs(end)
        for entry in subject.spec.inputs
        for piece in (entry.domain.intervals if entry.domain else ())
        for end in (piece.low, piece.high)
    ]
    constants = [
        abs(number) for item in found for number in constants_of(item.trial.derivation.forward)
    ]
    values = [item.trial.largest_value for item in found]
    fits = max([*ends, *constants, *values], default=0.0) < largest
    return fits and not any(_overflows(item.trial) for item in found)


def _overflows(trial: Trial) -> bool:
    """Whether the formula as written overflows where claims are infinite, NaN or wrongly 0.

    A formula in torch's operators, that is: who writes code of his own can take care of it.
    Looked at are the points with the largest numbers, and those with the smallest.
    """
    if trial.by_hand:
        return False
    with np.errstate(invalid="ignore"):
        vanished = (trial.claimed == 0) & (np.abs(trial.truths) > trial.dtype.smallest_normal)
    lanes = np.flatnonzero((vanished | ~np.isfinite(trial.claimed)).any(axis=1))
    sizes = np.abs(trial.rows[lanes][:, : len(trial.derivation.forward.inputs)])
    ranked = lanes[np.argsort(sizes.max(axis=1, initial=0.0), kind="stable")].tolist()
    some = dict.fromkeys([*ranked[:_LOOKED_AT], *ranked[-_LOOKED_AT:]])
    rows = (trial.rows[lane].tolist() for lane in some)
    left = (trial.derivation.leaving(row, trial.dtype) for row in rows)
    return any(each.what not in ("", UNDERFLOW, CANCELLATION) and not each.by_tiny for each in left)
