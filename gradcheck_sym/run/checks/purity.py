"""purity: nothing is written to, the same answer twice, and gradients of their own memory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import final

import numpy as np

from gradcheck_sym.autograd.beginnings import begun
from gradcheck_sym.autograd.endurance import outworn
from gradcheck_sym.autograd.implementation import ImplementationError
from gradcheck_sym.autograd.implementation import implementation as made
from gradcheck_sym.autograd.impurity import Impurity, Kind
from gradcheck_sym.autograd.purity import impurities
from gradcheck_sym.autograd.reverse import forward_output_shape
from gradcheck_sym.run.choice import other_dtypes
from gradcheck_sym.run.conclude import blank
from gradcheck_sym.run.function import Dims, Floats
from gradcheck_sym.run.sample import Sample, sampled
from gradcheck_sym.run.shapes import large_sizes
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.run.trial import unjudged
from gradcheck_sym.sampling.bulk import bulk, cotangents
from gradcheck_sym.sampling.space import SamplingError, everyday
from gradcheck_sym.spec.dtypes import format_of
from gradcheck_sym.verdict.diagnosis import Pattern
from gradcheck_sym.verdict.records import Result, Verdict

_SAMPLE = Sample(edges=0, bulk=3)
_MOST_NUMBERS = 2**17  # of a result: a dozen of them are alive at once, and n by n is soon large
_SIDE = 3  # of matrices that are all square
_LARGE = 2  # points of large tensors: one for each result that is alive
_ELSEWHERE = frozenset({Kind.RAISED})  # the other checks tell of it


@final
@dataclass(frozen=True, slots=True)
class _Lanes:
    """Points, and what is fed there; the truth is nobody's question."""

    values: Mapping[str, Floats]
    cotangents: Floats
    judged: int  # so many of them; the others are there to disturb
    often: bool = True  # whether what shows after many calls is looked for


def purity(subject: Subject) -> Iterator[Result]:
    """One result: the first of the impurities that are found at a few points.

    At small sizes, and at one where a kernel no longer has everything in a buffer of its own; where
    inputs of several shapes may have the same one, and so be one tensor, there as well. Of
    a user's own code at small ones in the other dtypes, too, until something is found: a fast path
    of one dtype reuses what it is lent.
    """
    base = blank(subject, "purity", None)
    for place, (lanes, others) in enumerate(_lanes(subject)):
        base = replace(base, points=base.points + lanes.judged)
        found = _impurities(subject, lanes, others, anew=place == 0)
        result = _result(subject, base, lanes, found)
        if result.verdict is Verdict.WRONG:
            yield result
            return
    for other in _in_other_dtypes(subject):
        with suppress(SamplingError):
            lanes, others = next(_lanes(other))
            asked = other.implementation, lanes.values, other.graded, lanes.cotangents
            found = impurities(*asked, other.dtype.name, others, lanes.judged)
            result = _result(other, blank(other, "purity", None), lanes, found)
            if result.verdict is Verdict.WRONG:
                yield replace(result, points=lanes.judged)
                return
    yield base


def _in_other_dtypes(subject: Subject) -> Iterator[Subject]:
    asked = subject.options.point is not None or subject.options.dtypes is not None
    if subject.implementation.kind == "user" and not asked:
        for dtype in other_dtypes(subject.spec, subject.dtype.name):
            yield replace(subject, dtype=format_of(dtype), told={}, shrunk_to={})


def _impurities(
    subject: Subject, lanes: _Lanes, others: Mapping[str, Floats] | None, *, anew: bool
) -> Mapping[int, tuple[Impurity, ...]]:
    """What is impure at each of the points that are judged, at the first after many calls.

    anew: whether it is looked at what the first call of all decides.
    """
    implementation, dtype = subject.implementation, subject.dtype.name
    asked = implementation, lanes.values, subject.graded, lanes.cotangents, dtype
    found = impurities(*asked, others, lanes.judged)
    if found or implementation.kind != "user" or not lanes.often:
        return found
    late = _begun(subject, lanes) if anew else None
    late = late or outworn(*asked)
    return {} if late is None else {0: (late,)}


def _begun(subject: Subject, lanes: _Lanes) -> Impurity | None:
    options = subject.options
    make = partial(made, subject.spec, options.allow_import, options.implementations)
    return begun(make, lanes.values, subject.graded, lanes.cotangents, subject.dtype.name)


def _lanes(subject: Subject) -> Iterator[tuple[_Lanes, Mapping[str, Floats] | None]]:
    """Points, and such of another shape."""
    trial = sampled(subject, subject.function, _SAMPLE)[-1].trial
    few = _Lanes(trial.values, trial.cotangents, len(trial.claimed))
    if subject.options.point is not None:
        # (of another stream: the point may itself be one that was drawn)
        more = _drawn(subject, "purity besides", trial.dims, 1)
        yield few if more is None else _joined(few, more), None
        return
    sizes = next((dims for dims in subject.sizes if dims != subject.middle), None)
    others = None
    if sizes is not None:
        others = sampled(subject, subject.function, _SAMPLE, (sizes,))[-1].trial.values
    yield few, others
    if (square := _alike(subject)) is not None:
        both = _drawn(subject, "purity alike", square, _LARGE)
        if both is not None:
            yield replace(both, often=False), None
    choices = large_sizes(subject)
    for place, dims in enumerate(choices):
        large = _drawn(subject, "purity", dims, _LARGE)
        if large is not None:
            smaller = (_drawn(subject, "purity besides", each, 1) for each in choices[place + 1 :])
            other = next(filter(None, smaller), None)
            yield large, None if other is None else other.values
            return


def _alike(subject: Subject) -> Dims | None:
    """Sizes at which two inputs have the same shape that have it by no name; None if none has."""
    entries = [entry for entry in subject.spec.inputs if entry.name in subject.graded]
    shapes = {entry.shape for entry in entries}
    dims = {dim.name: dim.small if dim.declared else _SIDE for dim in subject.spec.dims}
    sizes = {entry.sizes(dims) for entry in entries}
    return dims if len(sizes) < len(shapes) else None


def _drawn(subject: Subject, purpose: str, dims: Dims, lanes: int) -> _Lanes | None:
    """Points of ordinary magnitudes at any sizes; None where there are none, or large results."""
    function, dtype = subject.function, subject.dtype.name
    with suppress(SamplingError, ImplementationError):
        stream = function.stream(purpose, dims)
        values = bulk(everyday(function.space), dims, lanes, stream).batch.values
        shape = forward_output_shape(subject.implementation, values, dtype)
        if math.prod(shape) > _MOST_NUMBERS:
            return None
        count = len(next(iter(values.values())))
        return _Lanes(values, cotangents(stream, shape, count, dtype), 1)
    return None


def _joined(one: _Lanes, other: _Lanes) -> _Lanes:
    if one.cotangents.shape[1:] != other.cotangents.shape[1:]:
        return one
    values = {k: np.concatenate([v, other.values[k]]) for k, v in one.values.items()}
    fed = np.concatenate([one.cotangents, other.cotangents])
    return _Lanes(values, fed, one.judged)


def _result(
    subject: Subject, base: Result, lanes: _Lanes, found: Mapping[int, tuple[Impurity, ...]]
) -> Result:
    faults = [
        (lane, fault)
        for lane, several in found.items()
        for fault in several
        if fault.kind not in _ELSEWHERE
    ]
    if not faults:
        return base
    lane, fault = faults[0]
    case = unjudged(lanes.values, lanes.cotangents, lane, fault.text)
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
