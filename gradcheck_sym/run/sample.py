"""A few points for checks that look at another way of running, not at the whole domain."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np

from gradcheck_sym.run.domains import sizes_of
from gradcheck_sym.run.evidence import Evidence
from gradcheck_sym.run.function import Dims, Function
from gradcheck_sym.run.plan import Plan
from gradcheck_sym.run.probing import again, beyond
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.run.trial import Trial
from gradcheck_sym.sampling.bulk import cotangents
from gradcheck_sym.sampling.space import kept
from gradcheck_sym.spec.checks import GRAD_OUTPUT


@final
@dataclass(frozen=True, slots=True)
class Sample:
    """How many points of each kind."""

    edges: int
    bulk: int
    ordinary: bool = True  # how a function is run is in question, not how it copes with extremes


def sampled(
    subject: Subject,
    function: Function,
    sample: Sample,
    sizes: tuple[Mapping[str, int], ...] = (),
) -> tuple[Evidence, ...]:
    """A function of the subject at a few points; only at the point asked for, if there is one.

    sizes: the choices of the dims that are visited; none stands for those in the middle.
    """
    point = subject.options.point
    if point is not None:
        dims = sizes_of(subject.spec, point, subject.options.dims)
        return (Evidence(function, _at_point(function, dims, point, subject.options.cotangent)),)
    if sample.ordinary and function.together == "elementwise":
        function = replace(function, together="each")  # its sizes count
    plan = Plan(
        function,
        sizes or (subject.middle,),
        sample.bulk,
        0,
        edge_points=sample.edges if function.space.free else 1,  # the only point there is
        ordinary=sample.ordinary,
    )
    return tuple(Evidence(function, trial) for trial in (*plan.edges(), *plan.bulk()))


def spread(subject: Subject, made: Callable[[Dims], Function], points: int) -> Iterator[Evidence]:
    """Many points of ordinary magnitudes, where one long vector holds them all: they cost little.

    made: the function at some sizes.
    """
    if subject.elementwise and subject.options.point is None:
        ones = dict.fromkeys(subject.middle, 1)
        plan = Plan(made(ones), (ones,), points, 0, ordinary=True)
        yield from (Evidence(plan.function, trial) for trial in plan.bulk())


def aimed(
    subject: Subject,
    made: Callable[[Dims], Function],
    base: Callable[[Dims], Function],
    known: Iterable[Trial],
) -> Iterator[Evidence]:
    """Points at which a user's own code takes another way when it is run as a derived function.

    made: the function at some sizes, derived of base at these. known: trials of points at which
    that one takes another way.
    """
    if subject.implementation.kind != "user" or subject.options.point is not None:
        return
    for trial in known:
        function = made(trial.dims)
        yield from if_any(function, again(function, trial))
    dims = dict.fromkeys(subject.middle, 1) if subject.elementwise else subject.middle
    yield from if_any(made(dims), beyond(base(dims), made(dims), dims))


def if_any(function: Function, trial: Trial | None) -> Iterator[Evidence]:
    """The evidence of a trial that may have found no points."""
    if trial is not None:
        yield Evidence(function, trial)


def exampled(subject: Subject, made: Callable[[Dims], Function]) -> Iterator[Evidence]:
    """A function of the subject at each of the spec's examples, at the sizes that these have.

    made: the function at some sizes. Examples that the dtype rounds out of the domain are left
    out; so are all of them where one point is asked for.
    """
    examples = () if subject.options.point is not None else subject.spec.examples
    for example in examples:
        dims = sizes_of(subject.spec, example.point, {})
        function = made(dims)
        trial = _at_point(function, dims, example.point, None)
        if kept(function.space, trial.batch)[0].all():
            yield Evidence(function, trial)


def _at_point(function: Function, dims: Dims, point: Mapping[str, Any], cotangent: Any) -> Trial:
    """One point; what a derived function needs besides is drawn, a cotangent of None as well.

    Where the point does not name the grad_output of a derived function, the cotangent is that. A
    point that is another function's, as that along tangents is, may have a cotangent of that.
    """
    missing = [e for e in function.space.inputs if e.value is None and e.name not in point]
    drawn = {
        entry.name: cotangents(
            function.stream(entry.name, dims), entry.sizes(dims), 1, function.dtype.name
        )[0]
        for entry in missing
    }
    if GRAD_OUTPUT in drawn and cotangent is not None:
        drawn[GRAD_OUTPUT], cotangent = np.asarray(cotangent), None
    others = missing or set(point) - {entry.name for entry in function.space.inputs}
    if others and np.size(cotangent) != math.prod(function.out_shape(dims)):
        cotangent = None
    return function.at(dims, {**drawn, **point}, cotangent, "example")
