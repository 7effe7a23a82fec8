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

from gradcheck_sym.autograd.layouts import LAYOUTS, Layout, fitting, reverse_in
from gradcheck_sym.autograd.ledger import Claims
from gradcheck_sym.run.evidence import Evidence
from gradcheck_sym.run.function import Dims, Function, Request
from gradcheck_sym.run.sample import Sample, middle, sampled
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.sampling.space import SamplingError
from gradcheck_sym.spec.dtypes import format_of
from gradcheck_sym.verdict.records import Result, Verdict

_SAMPLE = Sample(edges=0, bulk=4)
_MOST_NUMBERS = 16  # of all inputs together, at larger sizes
_IN_LAYOUTS = 2  # points that are run in each layout
_OTHER_DTYPE = {"float64": "float32", "float32": "float64"}


def elsewhere(subject: Subject, made: Callable[[Dims], Function]) -> Iterator[Evidence]:
    """A few points at larger sizes, and again in each layout that all tensors there can have.

    made: the function at some sizes.
    """
    if subject.implementation.kind != "user" or subject.options.point is not None:
        return
    for dims in _large(subject):
        *_, item = sampled(subject, made(dims), _SAMPLE, (dims,))
        yield item
    yield from _in_layouts(item)


def wrong_in_other_dtype(
    subject: Subject,
    made: Callable[[Subject], Callable[[Dims], Function]],
    judged: Callable[[Subject, Sequence[Evidence]], Iterator[Result]],
) -> Iterator[Result]:
    """Results of a few points in single precision, or in double where that is not usual.

    Only what is wrong: what else there is to tell of a dtype, the check of all dtypes tells.

    made: the derived function of a subject, at some sizes. judged: what a check says of evidence.
    """
    dtype = _OTHER_DTYPE.get(subject.dtype.name)
    asked = subject.options.point is not None or subject.options.dtypes is not None
    stated = any(entry.dtype for entry in subject.spec.inputs)
    if subject.implementation.kind != "user" or dtype is None or asked or stated:
        return
    other = replace(subject, dtype=format_of(dtype), told={}, shrunk_to={})
    try:
        evidence = sampled(other, made(other)(middle(other)), _SAMPLE)
    except SamplingError:
        return
    if not all(item.trial.is_refused for item in evidence):
        yield from (r for r in judged(other, evidence) if r.verdict is Verdict.WRONG)


def _large(subject: Subject) -> list[Dims]:
    """Sizes of few numbers at which one dim is as large as it gets; the largest of all last."""

    def numbers(dims: Dims) -> int:
        return sum(prod(entry.sizes(dims)) for entry in subject.function.space.free)

    few = [dims for dims in subject.sizes if numbers(dims) <= _MOST_NUMBERS]
    few = few or [min(subject.sizes, key=numbers)]
    largest = [max(few, key=lambda dims: (dims[name], -numbers(dims))) for name in few[0]]
    chosen = [dims for i, dims in enumerate(largest) if dims not in largest[:i]]
    return sorted(chosen, key=numbers) or few[:1]


def _claimed(chosen: Mapping[str, Layout], asked: Request) -> Claims:
    return reverse_in(*asked.lanes, chosen)


def _in_layouts(item: Evidence) -> Iterator[Evidence]:
    trial = item.trial.take(range(min(_IN_LAYOUTS, len(item.trial.claimed))))
    paired = item.function.implementation.complex
    fits = {
        name: frozenset(fitting(array.shape[1:], is_paired=name in paired))
        for name, array in trial.values.items()
    }
    for layout in LAYOUTS:
        chosen = {name: layout for name, found in fits.items() if layout in found}
        if chosen:
            function = replace(
                item.function,
                claimant=partial(_claimed, chosen),
                setting=f"every tensor {layout}",
                together="each",
            )
            laid = function.trial(trial.batch, "each", trial.cotangents).beside(trial)
            if not laid.is_refused:
                yield Evidence(function, laid)
