"""vmap: gradients that torch.func takes of many points at once, in every way it can."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from gradcheck_sym.autograd.ledger import Claims
from gradcheck_sym.autograd.mapped import AFTER, USUAL, Way, vmapped, ways
from gradcheck_sym.autograd.support import Feature
from gradcheck_sym.autograd.transforms import jvp_of
from gradcheck_sym.run.conclude import conclude_each
from gradcheck_sym.run.derived import tangent_at
from gradcheck_sym.run.elsewhere import WIDE, at_middle, wrong_in_other_dtypes
from gradcheck_sym.run.evidence import Evidence
from gradcheck_sym.run.function import Dims, Function, Request
from gradcheck_sym.run.sample import Sample, exampled, sampled
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.run.trial import Trial
from gradcheck_sym.sampling.points import Batch
from gradcheck_sym.sampling.space import kept
from gradcheck_sym.spec.checks import tangent_name
from gradcheck_sym.symbolic.program import ProgramError
from gradcheck_sym.verdict.records import Result, Verdict

_SAMPLE = Sample(edges=16, bulk=32)
_OF_TANGENT = Sample(edges=0, bulk=4)
_NEAR = 1e-3  # of two ways to one number
_FEW = 5  # points that are mapped over in each unusual way: no size that inputs often have
_SQUARE = 3  # sizes that are one, and no number of points
_EXCUSES = frozenset({Feature.VMAP, Feature.LAYOUT, Feature.OTHER})


def vmap(subject: Subject) -> Iterator[Result]:
    """One result for the value, and one for each input that requires a gradient.

    A way of mapping that an implementation says it does not support is left out. It must support
    the usual one to be judged at all, or the map differentiated in its place: operators of
    torch.library have a rule for vmap, and none for a gradient inside.
    """
    mapped = _mapped(subject.function, USUAL)
    usual = sampled(subject, mapped, _SAMPLE)
    if all(_is_refused(item.trial) for item in usual):
        instead = _mapped(subject.function, AFTER)
        tried = sampled(subject, instead, _SAMPLE)
        if not any(item.trial.problems for item in tried):
            mapped, usual = instead, tried
    pinned = exampled(subject, lambda dims: mapped)
    others = _at_other_sizes(subject, mapped)
    evidence = [*pinned, *usual, *others, *_unusual(subject, usual[-1].trial)]
    told = [*_judged(subject, evidence)]
    yield from told
    yield from wrong_in_other_dtypes(subject, at_middle(_usual), _judged, WIDE)
    if all(result.verdict not in (Verdict.WRONG, Verdict.ERROR) for result in told):
        tangents = _judge(subject, [None], [*_along(subject, usual[-1].trial)])
        yield from (result for result in tangents if result.verdict is Verdict.WRONG)


def _at_other_sizes(subject: Subject, mapped: Function) -> Iterator[Evidence]:
    """A few points at each size: a user's own rule may go by the shape that it finds."""
    if subject.implementation.kind == "user" and subject.options.point is None:
        few = Sample(edges=0, bulk=_FEW * len(subject.sizes))
        for item in sampled(subject, mapped, few, subject.sizes):
            yield item
            yield from _as_many(item)
        yield from _square(subject, mapped)


def _square(subject: Subject, mapped: Function) -> Iterator[Evidence]:
    """The unusual ways where all sizes are one: who mistakes an axis is not told by its size."""
    dims = subject.spec.dims
    if len(dims) < 2:
        return
    size = max(max(dim.low for dim in dims), min(_SQUARE, *(dim.high for dim in dims)))
    if size > 1 and all(dim.low <= size <= dim.high for dim in dims):
        few = Sample(edges=0, bulk=_FEW)
        for item in sampled(subject, mapped, few, ({dim.name: size for dim in dims},)):
            yield from _unusual(subject, item.trial)


def _as_many(item: Evidence) -> Iterator[Evidence]:
    """As many of the points as an axis of an input is long: a rule may take one for the other."""
    lanes = len(item.trial.claimed)
    for size in sorted({size for size in item.trial.dims.values() if 1 < size < lanes}):
        some = item.trial.take(range(size))
        trial = item.function.trial(some.batch, "each", some.cotangents).beside(some)
        yield replace(item, trial=trial)


def _usual(subject: Subject) -> Callable[[Dims], Function]:
    return lambda dims: _mapped(subject.function, USUAL)


def _along(subject: Subject, usual: Trial) -> Iterator[Evidence]:
    """Two tangents at each of two points, all at once, as torch.func.jacfwd in a map takes them.

    Nothing where that raises, or gives what one tangent at a time gives. What torch makes of its
    own operators there is the fault of no user who composes them.
    """
    if subject.implementation.kind == "user":
        return
    try:
        tangent = tangent_at(subject.function_at(usual.dims), usual.dims)
        *_, item = sampled(subject, tangent, _OF_TANGENT, (usual.dims,))
    except ProgramError:
        return
    names = frozenset(tangent_name(name) for name in subject.graded)
    pairs = [lane // 2 * 2 for lane in range(len(item.trial.claimed) // 2 * 2)]
    values = {
        name: array[: len(pairs)] if name in names else array[pairs]
        for name, array in item.trial.values.items()
    }
    origins = tuple(item.trial.origins[lane] for lane in pairs)
    batch = Batch(usual.dims, usual.dtype.name, values, origins)
    mapped = _mapped(
        replace(tangent, implementation=jvp_of(subject.implementation, subject.graded)),
        Way("many tangents at each of many points", nested=True, inner=names),
    )
    fed = item.trial.cotangents[: len(pairs)]
    alone, together = (made.trial(batch, "each", fed) for made in (tangent, mapped))
    near = np.isclose(together.claimed, alone.claimed, rtol=_NEAR, equal_nan=True)
    if not together.problems and not alone.problems and not near.all():
        yield Evidence(mapped, together)


def _judged(subject: Subject, evidence: Sequence[Evidence]) -> Iterator[Result]:
    return _judge(subject, (None, *subject.graded), evidence)


def _judge(
    subject: Subject, entries: Sequence[str | None], evidence: Sequence[Evidence]
) -> Iterator[Result]:
    if not evidence:
        return iter(())
    return conclude_each(
        subject, "vmap", entries, evidence, _EXCUSES, "the vmap rule", digits=False
    )


def _mapped(function: Function, way: Way) -> Function:
    return replace(function, claimant=partial(_claimed, way), setting=way.name, together="each")


def _claimed(way: Way, asked: Request) -> Claims:
    return vmapped(*asked.lanes, way)


def _unusual(subject: Subject, usual: Trial) -> Iterator[Evidence]:
    """A few points of a trial in each other way.

    What torch makes of its own operators where two maps are over an input each is the fault of no
    user who composes them.
    """
    free = {entry.name for entry in subject.function.space.free}
    shapes = {name: array.shape[1:] for name, array in usual.values.items() if name in free}
    known: dict[tuple[object, ...], Evidence] = {}  # the first way with these points
    for way in ways(shapes):
        if way.crossed and subject.implementation.kind == "user":
            continue
        function = _mapped(subject.function, way)
        few = _few(usual, way)
        batch = _crossed(usual, few, way) if way.crossed else _batch(usual, few, way.shared)
        good, _ = kept(function.space, batch)
        if not (good.all() if way.crossed else good.any()):
            continue  # shared, or with those of another point, they may break a condition
        trial = function.trial(batch.take(good), "each", usual.cotangents[few][good])
        silent = (
            frozenset(filter(partial(_is_drowned, trial), way.shared)) if way.after else frozenset()
        )
        points = way.shared, way.crossed, len(few)
        first = known.setdefault(points, Evidence(function, trial, silent))
        if first.trial is not trial:
            told = first.silent <= silent  # of every gradient that this one tells of
            trial = (trial.beside if told else trial.informed_by)(first.trial)
        if not _is_refused(trial) and not (way.batched and trial.raised):
            yield Evidence(function, trial, silent)


def _is_drowned(trial: Trial, name: str) -> bool:
    """Whether a shared input's gradient is no number: some other lane's slope, times 0, is none."""
    columns = trial.derivation.columns().get(name)
    return columns is not None and not bool(np.isfinite(trial.claimed[:, columns]).all())


def _few(usual: Trial, way: Way) -> list[int]:
    """Some of the points of a trial; where all of a number are wanted, some of them again."""
    count = len(usual.claimed)
    if way.crossed:
        return [lane % count for lane in range(way.lanes or _FEW)]
    return list(range(min(way.lanes or _FEW, count)))


def _crossed(usual: Trial, few: list[int], way: Way) -> Batch:
    """Some inputs of each of three points with the rest of each of two."""
    inner, outer = few[:3] * 2, [few[lane // 3] for lane in range(6)]
    values = {
        name: array[inner if name in way.crossed else outer] for name, array in usual.values.items()
    }
    return Batch(usual.dims, usual.dtype.name, values, tuple(usual.origins[k] for k in outer))


def _batch(usual: Trial, few: Sequence[int], shared: Collection[str]) -> Batch:
    """The first points of a trial; what they share is that of the first."""
    values = {name: array[few] for name, array in usual.values.items()}
    values |= {name: np.broadcast_to(values[name][:1], values[name].shape) for name in shared}
    return Batch(usual.dims, usual.dtype.name, values, usual.origins[: len(few)])


def _is_refused(trial: Trial) -> bool:
    """Whether every point says that this is not supported."""
    told = [what for what in trial.unsupported.values() if what.feature in _EXCUSES]
    return bool(told) and len(told) == len(trial.problems)
