"""layouts: tensors that lie in memory as they do in practice, and further shapes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain

from gradcheck_sym.autograd.layouts import (
    EXPANDED,
    LAYOUTS,
    SLICED,
    STRIDED,
    TRANSPOSED,
    UNEVEN,
    Layout,
    constant,
    fitting,
    reverse_in,
    widening,
)
from gradcheck_sym.autograd.ledger import Claims
from gradcheck_sym.autograd.support import Feature
from gradcheck_sym.run.conclude import conclude_each
from gradcheck_sym.run.elsewhere import wrong_in_other_dtypes
from gradcheck_sym.run.evidence import Evidence
from gradcheck_sym.run.function import Claimant, Dims, Floats, Function, Request
from gradcheck_sym.run.rows import in_many_rows, rows_of
from gradcheck_sym.run.sample import Sample, sampled
from gradcheck_sym.run.shapes import broadcast, empty_sizes, larger_sizes, wide_sizes
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.run.suspects import suspected
from gradcheck_sym.run.trial import Trial
from gradcheck_sym.sampling.points import Batch
from gradcheck_sym.sampling.space import SamplingError, kept
from gradcheck_sym.spec.checks import GRAD_OUTPUT
from gradcheck_sym.symbolic.lower import LowerError
from gradcheck_sym.symbolic.program import ProgramError
from gradcheck_sym.verdict.names import sizes_told
from gradcheck_sym.verdict.records import Result, Verdict

_AMBIGUOUS = "size -1 can be any value and is ambiguous"  # of a reshape to (-1, 0)
_SAMPLE = Sample(edges=0, bulk=6)  # in each layout, and at each choice of sizes
_FULL = 32  # whole vectors of every dtype
_WIDE = Sample(edges=0, bulk=2)  # in each layout, at sizes beyond the width of a vector

_EXCUSES = frozenset({Feature.LAYOUT})

Layouts = Mapping[str, Layout]  # by input, and by GRAD_OUTPUT for what is fed


def layouts(subject: Subject) -> Iterator[Result]:
    """One result for the value and one for each input that requires a gradient.

    Every input and grad_output alone in every layout that its shape admits, and all of them
    together, of a user's own code at large sizes as well, and there in every dtype; in order,
    at sizes that are larger, empty, or broadcast against each other; where each row is computed
    alone, a hundred thousand of them. What an implementation refuses to take, it need not take; a
    backward that fails on what its forward took is an error. Broadcast shapes and reductions over
    nothing are our own idea: an exception in the backward refuses them, too, and a broadcast result
    of another shape. So does torch where it is left to tell the size in `reshape(-1, 0)`.
    """
    refused: list[str] = []
    evidence = list(_in_layouts(subject, refused))
    if subject.options.point is None:
        evidence += _at_sizes(subject, refused)
    evidence += _in_many_rows(subject, refused)
    said = f"not taken: {', '.join(dict.fromkeys(refused))}" if refused else ""
    results = [*_concluded(subject, evidence)]
    for result in results:
        yield replace(result, message=result.message or said)
    if not any(result.verdict is Verdict.WRONG for result in results):
        seen = partial(_in_another_dtype, refused)
        yield from wrong_in_other_dtypes(subject, seen, _concluded, digits=True)


def _concluded(subject: Subject, evidence: Sequence[Evidence]) -> Iterator[Result]:
    entries = (None, *subject.graded)
    return conclude_each(subject, "layouts", entries, evidence, _EXCUSES, digits=False)


# --- layouts in memory --------------------------------------------------------------------


def _in_layouts(subject: Subject, refused: list[str]) -> Iterator[Evidence]:
    point = subject.options.point
    if point is not None:
        first = subject.at(subject.sizes[0], point, subject.options.cotangent, "example")
        yield from _laid_out(subject.function, first, refused)
        return
    for dims in subject.sizes[1:3] or subject.sizes:
        first = sampled(subject, subject.function, _SAMPLE, (dims,))[-1].trial
        yield from _laid_out(subject.function, first, refused)
    if subject.implementation.kind == "user":
        yield from _wide(subject, refused)


def _wide(subject: Subject, refused: list[str]) -> Iterator[Evidence]:
    """The same where a kernel has whole vectors, and a rest, to read from such memory."""
    for dims in wide_sizes(subject):
        for item in _at(subject, dims, sizes_told(dims), refused, _WIDE):
            if not item.trial.problems:
                yield from _laid_out(item.function, item.trial, refused)


def _in_another_dtype(refused: list[str], subject: Subject) -> list[Evidence]:
    """So, and where vectors are full and no rest is left: some paths are taken there alone."""
    full = wide_sizes(subject, _FULL)
    plain = (_at(subject, dims, sizes_told(dims), refused, _WIDE) for dims in full)
    return [*_wide(subject, refused), *chain.from_iterable(plain)]


def _laid_out(function: Function, first: Trial, refused: list[str]) -> Iterator[Evidence]:
    """The points of a trial again, in every layout that is worth a look."""
    yield Evidence(function, first)
    arrays = {**first.values, GRAD_OUTPUT: first.cotangents}
    free = {entry.name for entry in function.space.free} | {GRAD_OUTPUT}
    paired = function.implementation.complex
    paired |= {GRAD_OUTPUT} if first.derivation.complex_value else set()
    for chosen in _choices(arrays, free, paired):
        alike = {
            name: constant(arrays[name], layout)
            for name, layout in chosen.items()
            if layout.is_shared
        }
        values = {name: alike.get(name, array) for name, array in first.values.items()}
        described = [f"{name} {layout}" for name, layout in chosen.items()]
        told = ", ".join(filter(None, [*described, function.setting]))
        laid = replace(
            function,
            claimant=_claimant(chosen, paired),
            setting=told,
            together="each",
            shared=_shared(function, chosen, arrays),
        )
        batch = Batch(first.dims, first.dtype.name, values, first.origins)
        good, _ = kept(function.space, batch)
        if not good.any():  # equal elements may break a condition between inputs
            continue
        trial = laid.trial(batch.take(good), "each", alike.get(GRAD_OUTPUT, first.cotangents)[good])
        if not alike:  # the points are those of the first trial, and so are the truths
            trial = trial.beside(first)
        if trial.is_refused or _lacks(trial):
            refused.append(told)
        else:
            yield Evidence(laid, trial)


def _lacks(trial: Trial) -> bool:
    """Whether it says at every point, if only in the backward, that it takes no such tensor."""
    said = [lane for lane, what in trial.unsupported.items() if what.feature is Feature.LAYOUT]
    return len(said) == len(trial.claimed)


def _shared(
    function: Function, chosen: Layouts, arrays: Mapping[str, Floats]
) -> dict[str, tuple[int, ...]]:
    """The axes along which the elements of inputs are one in memory."""
    complexes = function.implementation.complex
    return {
        name: layout.expands(arrays[name].ndim - 1 - (name in complexes))
        for name, layout in chosen.items()
        if name != GRAD_OUTPUT and layout.expands(1)
    }


def _choices(
    arrays: Mapping[str, Floats], free: Collection[str], paired: Collection[str]
) -> Iterator[Layouts]:
    """Each tensor alone in each layout, then all that admit it together in one.

    A grad_output of real numbers behind an odd number of others, too. And the inputs so with the
    grad_output that sum() feeds.

    free: those whose elements may be made equal, to share memory; the others have a fixed value.
    paired: those that hold complex numbers by their parts.
    """
    fits = {
        name: _layouts_of(array, free=name in free, is_paired=name in paired)
        for name, array in arrays.items()
    }
    for name, found in fits.items():
        for layout in found:
            yield {name: layout}
    if GRAD_OUTPUT not in paired and UNEVEN.admits(arrays[GRAD_OUTPUT].shape[1:]):
        yield {GRAD_OUTPUT: UNEVEN}
    if len(fits) > 1:
        for layout in LAYOUTS:
            together = {name: layout for name, found in fits.items() if layout in found}
            if len(together) > 1:
                yield together
    for layout in (TRANSPOSED, STRIDED, SLICED) if EXPANDED in fits[GRAD_OUTPUT] else ():
        lent = {name: layout for name, found in fits.items() if layout in found}
        if lent.keys() - {GRAD_OUTPUT}:
            yield {**lent, GRAD_OUTPUT: EXPANDED}


def _layouts_of(array: Floats, *, free: bool, is_paired: bool) -> Sequence[Layout]:
    shape = array.shape[1:]
    if not free:
        return fitting(shape, array, is_paired=is_paired)
    return (*fitting(shape, is_paired=is_paired), *widening(shape, is_paired=is_paired))


def _claimant(chosen: Layouts, paired: Collection[str]) -> Claimant:
    def claim(asked: Request) -> Claims:
        arrays = {**asked.values, GRAD_OUTPUT: asked.cotangents}
        fit = {
            name: layout
            for name, layout in chosen.items()
            if layout in fitting(arrays[name].shape[1:], arrays[name], is_paired=name in paired)
        }
        return reverse_in(*asked.lanes, fit)

    return claim


# --- shapes -------------------------------------------------------------------------------


def _at_sizes(subject: Subject, refused: list[str]) -> Iterator[Evidence]:
    for dims in (*larger_sizes(subject), *suspected(subject)):
        yield from _at(subject, dims, sizes_told(dims), refused)
    for dims in empty_sizes(subject):
        yield from _at(subject, dims, sizes_told(dims), refused, refuses=_refuses_nothing)
    for variant, told in broadcast(subject):
        yield from _at(variant, variant.sizes[-1], told, refused, refuses=_refuses_to_broadcast)


def _refuses_nothing(trial: Trial) -> bool:
    """Whether it raises where a value is that of no elements: by convention alone there is one.

    Or where torch is left to tell a size, and nothing fits any number of times.
    """
    ambiguous = any(_AMBIGUOUS in text for text in trial.problems.values())
    return bool(trial.raised) and (trial.derivation.values > 0 or ambiguous)


def _refuses_to_broadcast(trial: Trial) -> bool:
    return bool(trial.raised) or len(trial.valueless) == len(trial.claimed)


def _in_many_rows(subject: Subject, refused: list[str]) -> Iterator[Evidence]:
    rows = rows_of(subject)
    found = None if rows is None else in_many_rows(subject, rows)
    if found is None:
        return
    if found.trial.is_refused:
        refused.append(found.function.setting)
    else:
        yield found


def _at(
    subject: Subject,
    dims: Dims,
    told: str,
    refused: list[str],
    sample: Sample = _SAMPLE,
    refuses: Callable[[Trial], bool] = lambda trial: False,
) -> Iterator[Evidence]:
    """A few points at one choice of sizes; none where the mathematics or a domain has none.

    refuses: what is no fault there, besides a forward that takes no such tensors.
    """
    try:
        made = replace(subject.function, setting=told, together="each")
        trial = sampled(subject, made, sample, (dims,))[-1].trial
    except (LowerError, ProgramError, SamplingError):
        return
    if trial.is_refused or refuses(trial):
        refused.append(told)
    else:
        yield Evidence(made, trial)
