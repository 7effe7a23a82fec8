"""Derived functions of a user's own code where sizes, layouts and the dtype are others.

A jvp and a backward of a backward are as often written by hand as a backward, and go wrong where
that does: in the rest of a block, where memory is read, in one dtype. Of torch's own operators
they are made by torch; those are looked at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import prod

import numpy as np

from gradcheck_sym.autograd.layouts import (
    EXPANDED,
    LAYOUTS,
    OUTER,
    Layout,
    fed_name,
    fitting,
    reverse_in,
    widening,
)
from gradcheck_sym.autograd.ledger import Claims
from gradcheck_sym.run.choice import other_dtypes
from gradcheck_sym.run.evidence import Evidence
from gradcheck_sym.run.function import Dims, Floats, Function, Request
from gradcheck_sym.run.room import has_room
from gradcheck_sym.run.sample import Sample, sampled
from gradcheck_sym.run.shapes import larger_sizes_of_derived
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.run.trial import Trial
from gradcheck_sym.sampling.points import Batch
from gradcheck_sym.sampling.space import SamplingError
from gradcheck_sym.spec.checks import GRAD_OUTPUT
from gradcheck_sym.spec.dtypes import DTYPES, format_of
from gradcheck_sym.symbolic.program import ProgramError
from gradcheck_sym.verdict.records import Result, Verdict

_SAMPLE = Sample(edges=0, bulk=4)
_MOST_NUMBERS = 16  # of all inputs together, at larger sizes
WIDE = ("float64", "float32")  # in which derivatives of derivatives do not leave the range
_IN_LAYOUTS = 2  # points that are run in each layout


def elsewhere(
    subject: Subject,
    made: Callable[[Dims], Function],
    suspected: Callable[[Subject], Iterator[Dims]],
) -> Iterator[Evidence]:
    """A few points at larger sizes, and again in each layout that all tensors there can have.

    made: the function at some sizes. suspected: at which of those that are visited it looks wrong.
    Sizes that the function itself refuses are none of those that its derivatives are judged at,
    nor are suspected ones at which the mathematics is too large to be derived.
    """
    if subject.implementation.kind != "user":
        return
    if subject.options.point is not None:
        for item in sampled(subject, made(subject.sizes[0]), _SAMPLE):
            yield from in_layouts(item)
        return
    for dims in (*suspected(subject), *larger_sizes_of_derived(subject), *_large(subject)):
        try:
            *_, item = sampled(subject, made(dims), _SAMPLE, (dims,))
        except ProgramError:
            continue
        if not item.trial.problems or _takes(subject, dims):
            yield item
    yield from in_layouts(item)
    if _wide(subject, subject.middle) > _wide(subject, item.trial.dims):  # a row is no matrix
        *_, item = sampled(subject, made(subject.middle), _SAMPLE)
        yield from in_layouts(item)


def _wide(subject: Subject, dims: Dims) -> int:
    """How many axes of the inputs hold more than one: a layout tells where there are two."""
    return sum(size > 1 for entry in subject.function.space.free for size in entry.sizes(dims))


def _takes(subject: Subject, dims: Dims) -> bool:
    *_, plain = sampled(subject, subject.function, _SAMPLE, (dims,))
    return not plain.trial.is_refused


_Seen = Callable[[Subject], Sequence[Evidence]]  # the evidence of a subject
_Judged = Callable[[Subject, Sequence[Evidence]], Iterator[Result]]  # what a check says of it


def wrong_in_other_dtypes(
    subject: Subject,
    seen: _Seen,
    judged: _Judged,
    dtypes: Sequence[str] = DTYPES,
    *,
    digits: bool = False,
) -> Iterator[Result]:
    """Results of a few points in the first other dtype in which something is wrong.

    Only what is wrong: what else there is to tell of a dtype, the check of all dtypes tells.
    digits: whether lost ones are told of all the same, where nothing is wrong in any dtype; what
    is judged leaves out what the others tell.
    """
    asked = subject.options.point is not None or subject.options.dtypes is not None
    if subject.implementation.kind != "user" or asked:
        return
    lost: Sequence[Result] = ()
    others = other_dtypes(subject.spec, subject.dtype.name)
    for dtype in (name for name in others if name in dtypes):
        found = _faults_in(dtype, subject, seen, judged)
        wrong = [result for result in found if result.verdict is Verdict.WRONG]
        yield from wrong
        if wrong:
            return
        lost = lost or [result for result in found if result.verdict is Verdict.INACCURATE]
    yield from lost if digits else ()


def _faults_in(dtype: str, subject: Subject, seen: _Seen, judged: _Judged) -> Sequence[Result]:
    other = replace(subject, dtype=format_of(dtype), told={}, shrunk_to={})
    try:
        evidence = seen(other)
    except SamplingError:
        return ()
    refused = all(item.trial.is_refused for item in evidence)
    if refused or not has_room(other, evidence):
        return ()
    if not any(item.function.is_faulty(item.trial) for item in evidence):  # nothing to tell of
        return ()
    return list(judged(other, evidence))


def at_middle(
    made: Callable[[Subject], Callable[[Dims], Function]],
) -> Callable[[Subject], Sequence[Evidence]]:
    """The evidence of a few points, for `wrong_in_other_dtypes`.

    made: the derived function of a subject, at some sizes.
    """
    return lambda subject: sampled(subject, made(subject)(subject.middle), _SAMPLE)


def _large(subject: Subject) -> list[Dims]:
    """Sizes of few numbers at which one dim is as large as it gets; the largest of all last."""

    def numbers(dims: Dims) -> int:
        return sum(prod(entry.sizes(dims)) for entry in subject.function.space.free)

    few = [dims for dims in subject.sizes if numbers(dims) <= _MOST_NUMBERS]
    few = few or [min(subject.sizes, key=numbers)]
    largest = [max(few, key=lambda dims: (dims[name], -numbers(dims))) for name in few[0]]
    chosen = [dims for i, dims in enumerate(largest) if dims not in largest[:i]]
    return sorted(chosen, key=numbers) or few[:1]


def _claimed(wrt: tuple[str, ...], chosen: Mapping[str, Layout], asked: Request) -> Claims:
    """What is claimed with tensors in those layouts, where elements in one place are equal."""
    arrays = {fed_name(asked.values): asked.cotangents, **asked.values}
    fit = {
        name: layout
        for name, layout in chosen.items()
        if not layout.is_shared or layout in fitting(arrays[name].shape[1:], arrays[name])
    }
    return reverse_in(*replace(asked, wrt=wrt).lanes, fit)


def in_layouts(item: Evidence) -> Iterator[Evidence]:
    """The first points of evidence again, in each layout that all tensors there can have.

    And those of a gradient where what goes into it or its backward is what sum() feeds. What it
    says nothing of requires no gradient.
    """
    trial = item.trial.take(range(min(_IN_LAYOUTS, len(item.trial.claimed))))
    paired = item.function.implementation.complex
    wrt = tuple(name for name in trial.derivation.wrt if name not in item.silent)
    arrays = {fed_name(trial.values): trial.cotangents, **trial.values}
    fits = {
        name: frozenset(fitting(array.shape[1:], is_paired=name in paired))
        for name, array in arrays.items()
    }
    for layout in LAYOUTS:
        chosen = {name: layout for name, found in fits.items() if layout in found}
        if chosen:
            function = _lying(item.function, wrt, chosen, f"every tensor {layout}")
            laid = function.trial(trial.batch, "each", trial.cotangents).beside(trial)
            if not laid.is_refused:
                yield replace(item, function=function, trial=laid)
    for name in (GRAD_OUTPUT, OUTER) if GRAD_OUTPUT in trial.values else ():
        if EXPANDED in widening(arrays[name].shape[1:]):
            function, laid = _summed(item.function, wrt, trial, name)
            if not laid.is_refused:
                yield replace(item, function=function, trial=laid)


def _summed(
    function: Function, wrt: tuple[str, ...], trial: Trial, name: str
) -> tuple[Function, Trial]:
    """A gradient fed as sum() feeds, by one of its two cotangents; the function so run, too."""
    lying = _lying(function, wrt, {name: EXPANDED}, f"{name} expanded")
    if name == OUTER:
        return lying, lying.trial(trial.batch, "each", _largest_everywhere(trial.cotangents))
    fed = _largest_everywhere(trial.values[name])
    lying = replace(lying, shared={name: EXPANDED.expands(fed.ndim - 1)})
    batch = Batch(trial.dims, trial.dtype.name, {**trial.values, name: fed}, trial.origins)
    return lying, lying.trial(batch, "each", trial.cotangents)


def _largest_everywhere(batch: Floats) -> Floats:
    """A batch, (lanes, *shape), with the largest number of each lane in all places: no zero."""
    flat = batch.reshape(len(batch), -1)
    largest = flat[np.arange(len(flat)), np.abs(flat).argmax(axis=1)]
    told = np.where(largest == 0, 1.0, largest).reshape(-1, *[1] * (batch.ndim - 1))
    return np.broadcast_to(told, batch.shape)


def _lying(
    function: Function, wrt: tuple[str, ...], chosen: Mapping[str, Layout], told: str
) -> Function:
    """The function run on tensors in other places."""
    return replace(
        function,
        claimant=partial(_claimed, wrt, chosen),
        setting=", ".join(filter(None, [function.setting, told])),
        together="each",
    )
