"""Points at which a user's own implementation takes another way, and beyond them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from gradcheck_sym.autograd.probe import compared, probe
from gradcheck_sym.autograd.subsets import NO_GRAD, WITHOUT_GRAPH, called_under
from gradcheck_sym.run.function import Dims, Floats, Function
from gradcheck_sym.run.trial import Trial
from gradcheck_sym.sampling.bulk import bulk, cotangents
from gradcheck_sym.sampling.ordinals import round_to
from gradcheck_sym.sampling.points import Batch
from gradcheck_sym.sampling.space import kept, ordinary, pieces
from gradcheck_sym.spec.checks import GRAD_OUTPUT

# Of the way from an ordinary point: at a change, and on its other side; next to it, too, where the
# last digit decides no more, for a change back may follow soon.
_BEYOND = (1.0, 1 + 2.0**-20, 1.25, 2.0)
_MOST = 48  # changes that are looked at
_RUNS = 1000  # of the implementation, at most
_RUNS_DERIVED = 400  # of a function derived of it, which runs it more than once

_FED = (-(2.0**10), 2.0**10)  # between which cotangents are moved


def probed(function: Function, dims: Dims) -> Trial | None:
    """The points around every change of behaviour that tracing finds; None where there is none.

    What the implementation compares with may be anything: a threshold on an element, a maximum, a
    norm, the size of a gradient. So whole points come out, with their cotangents.
    """
    if not function.space.free:
        return None
    batch = bulk(function.space, dims, 2, function.stream("probe", dims)).batch.take([0])
    shape = function.out_shape(dims)
    fed = cotangents(function.stream("probe fed", dims), shape, 1, function.dtype.name)
    found = probe(
        function.implementation,
        batch.values,
        function.derivation(dims).wrt,
        fed,
        function.dtype.name,
        _bounds(function),
        _RUNS,
    )
    changes = {name: array[:_MOST] for name, array in found.points.items()}
    start = {**batch.values, GRAD_OUTPUT: fed}
    if not len(changes[GRAD_OUTPUT]):
        return None
    points = _past(function, start, changes)
    return _at(function, dims, points, points.pop(GRAD_OUTPUT))


def beyond(base: Function, derived: Function, dims: Dims) -> Trial | None:
    """The points around changes that a derived function has, and the one that it is of has not.

    Where no more is compared than in forward and backward, nothing is searched for.
    """
    if not base.space.free:
        return None
    dtype, wrt = base.dtype.name, derived.derivation(dims).wrt
    drawn = bulk(base.space, dims, 2, derived.stream("probe", dims)).batch.take([0]).values
    point = {name: array for name, array in drawn.items() if name != GRAD_OUTPUT}
    start = _completed(derived, dims, point)
    given = {name: start[name] for name in drawn}
    fed = None if GRAD_OUTPUT in given else start.get(GRAD_OUTPUT)
    known = compared(base.implementation, given, base.derivation(dims).wrt, fed, dtype)
    if compared(derived.implementation, start, wrt, None, dtype) <= known:
        return None
    ends = _bounds(base)
    bounds = {entry.name: ends.get(entry.name, _FED) for entry in derived.space.free}
    found = probe(derived.implementation, start, wrt, None, dtype, bounds, _RUNS_DERIVED)
    changes = {name: array[:_MOST] for name, array in found.points.items()}
    if not all(map(len, changes.values())):
        return None
    return _at(derived, dims, _past(derived, start, changes), everyday=True)


def unwanted(function: Function, dims: Dims) -> Trial | None:
    """The points around changes that there are only where nobody wants a gradient, run as usual.

    Where no more is compared than in forward and backward, nothing is searched for.
    """
    if not function.space.free:
        return None
    start = bulk(function.space, dims, 2, function.stream("probe", dims)).batch.take([0]).values
    dtype, wrt = function.dtype.name, function.derivation(dims).wrt
    base = function.implementation
    free = replace(base, call=called_under(WITHOUT_GRAPH[NO_GRAD], base.call))
    if compared(free, start, (), None, dtype) <= compared(base, start, wrt, None, dtype):
        return None
    ends = _bounds(function)
    bounds = {entry.name: ends[entry.name] for entry in function.space.free}
    found = probe(free, start, (), None, dtype, bounds, _RUNS)
    changes = {name: array[:_MOST] for name, array in found.points.items()}
    points = _past(function, start, changes)
    lanes = len(next(iter(points.values())))
    if not lanes:
        return None
    stream = function.stream("probe fed", dims)
    return _at(function, dims, points, cotangents(stream, function.out_shape(dims), lanes, dtype))


def again(derived: Function, trial: Trial) -> Trial | None:
    """Points of the function that one is derived of, with what it needs besides drawn."""
    few = trial.thinned(_MOST)
    return _at(derived, few.dims, _completed(derived, few.dims, few.values), everyday=True)


def _completed(derived: Function, dims: Dims, given: Mapping[str, Floats]) -> dict[str, Floats]:
    """Points of a function with what one derived of it needs besides, drawn as cotangents are."""
    lanes = len(next(iter(given.values())))
    more = {
        entry.name: cotangents(
            derived.stream(f"besides {entry.name}", dims),
            entry.sizes(dims),
            lanes,
            derived.dtype.name,
        )
        for entry in derived.space.inputs
        if entry.name not in given
    }
    return {**given, **more}


def _bounds(function: Function) -> dict[str, tuple[float, float]]:
    """How far each input may be moved: to the ends of its domain."""
    bounds = {GRAD_OUTPUT: _FED}
    for entry in function.space.free:
        parts = pieces(function.dtype.name, entry.domain)
        bounds[entry.name] = parts[0].low, parts[-1].high
    return bounds


def _past(
    function: Function, start: Mapping[str, Floats], changes: Mapping[str, Floats]
) -> dict[str, Floats]:
    """The changes, and points beyond them as seen from where the search began."""
    dtype = function.dtype.name
    with np.errstate(over="ignore", invalid="ignore"):
        return {
            name: np.concatenate(
                [
                    array
                    if far == 1
                    else round_to(dtype, start[name] + far * (array - start[name]))
                    for far in _BEYOND
                ]
            )
            for name, array in changes.items()
        }


def _at(
    function: Function,
    dims: Dims,
    points: Mapping[str, Floats],
    fed: Floats | None = None,
    *,
    everyday: bool = False,
) -> Trial | None:
    """The trial of those points that can be had; cotangents of None are drawn.

    everyday: only numbers of ordinary magnitudes: what derivatives of higher order do with others
    nobody is asked for.
    """
    values = {entry.name: points[entry.name] for entry in function.space.inputs}
    arrays = [*values.values(), *([] if fed is None else [fed])]
    lanes = len(arrays[0])
    finite = np.logical_and.reduce(
        [np.isfinite(array.reshape(lanes, -1)).all(axis=1) for array in arrays]
    )
    batch = Batch(dims, function.dtype.name, values, ("search",) * lanes).take(finite)
    good, _ = kept(function.space, batch)
    if everyday:
        good = good & ordinary(function.space, batch)
    if not good.any():
        return None
    mode = function.together if fed is None else "each"
    return function.trial(batch.take(good), mode, None if fed is None else fed[finite][good])
