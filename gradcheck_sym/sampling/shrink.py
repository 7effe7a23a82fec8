"""A known failing point made small: fewer elements first, then simpler numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from math import comb, copysign, isfinite

import numpy as np

from gradcheck_sym.sampling.ordinals import Floats, round_to
from gradcheck_sym.sampling.points import Batch
from gradcheck_sym.sampling.search import Dims, Found, Judge, OutputShape, Trial, simplest
from gradcheck_sym.sampling.shapes import assignments
from gradcheck_sym.sampling.simple import SIMPLE, Cost, Grid, costs, grids
from gradcheck_sym.sampling.space import Space, complete, element_count
from gradcheck_sym.spec.records import Dim, Input

_MOST_SUBSETS = 32  # choices of which elements stay, before only neighbours stay together
_EXAMPLES = 60  # simple points that Hypothesis tries beside the given one
_MOST_SHAPES = 6  # smaller sizes that it tries, for each may need a derivation of its own

Group = tuple[tuple[str, int], ...]  # places that change together: (input or "", flat index)
Point = tuple[Dims, Mapping[str, Floats], Floats]


def shrink(
    space: Space,
    batch: Batch,
    cotangent: Floats,
    output_shape: OutputShape,
    judge: Judge,
    *,
    seed: int,
    judgements: int = 3000,
) -> Found | None:
    """The simplest failing point reached from a failing one: a batch of one lane, its cotangent.

    First sizes are reduced by leaving out elements. Then Hypothesis looks for a failure among
    simple points that are no larger. The simpler of the two is reduced number by number until
    no single change that is tried keeps it failing. None where the given point does not fail, or
    does so no more. Deterministic in the seed; at most so many judgements.
    """
    trial = Trial(space, judge, judgements)
    found = trial(batch.dims, batch.values, cotangent)
    if found is None or not found.score.fails:
        return None
    found = _simplified(_narrowed(found, trial, output_shape), trial)
    shapes = _no_larger(space, found)
    other = simplest(space, shapes, output_shape, trial, seed=seed, examples=_EXAMPLES)
    if other is not None:
        other = _simplified(other, trial)
        found = min(found, other, key=lambda point: complexity(point, space))
    return Found(found.batch, found.cotangent, found.score, trial.judged, dict(trial.dropped))


def complexity(found: Found, space: Space) -> tuple[int, list[Cost]]:
    """How far a point is from simple: its elements, then the costs of its numbers, worst first."""
    numbers = np.concatenate(list(_arrays(found, space).values()))
    return len(numbers), sorted(costs(found.batch.dtype, numbers), reverse=True)


def _no_larger(space: Space, found: Found) -> tuple[Dims, ...]:
    """The few smallest choices of sizes, up to those of the point itself."""
    most = element_count(space, found.batch.dims)
    smaller = [dims for dims in assignments(space.dims) if element_count(space, dims) < most]
    smaller.sort(key=lambda dims: element_count(space, dims))
    return (*smaller[:_MOST_SHAPES], dict(found.batch.dims))


def _narrowed(found: Found, trial: Trial, output_shape: OutputShape) -> Found:
    """Elements left out along each dim as long as what stays still fails."""
    for dim in trial.space.dims:
        smaller = _failing(trial, _without(found, dim, trial.space, output_shape))
        if smaller is not None:
            return _narrowed(smaller, trial, output_shape)
    return found


def _without(found: Found, dim: Dim, space: Space, output_shape: OutputShape) -> Iterator[Point]:
    """The point with fewer elements along one dim; the greatest leaps first."""
    size = found.batch.dims[dim.name]
    for smaller in sorted({dim.low, (dim.low + size) // 2, size - 1}):
        if not dim.low <= smaller < size:
            continue
        dims = {**found.batch.dims, dim.name: smaller}
        shape = output_shape(dims)
        for stay in _subsets(size, smaller):
            values = complete(
                space,
                {
                    argument.name: _taken(found.batch.values[argument.name], argument, dim, stay)
                    for argument in space.free
                },
                1,
            )
            yield dims, values, _cut(found.cotangent, (1, *shape), size, stay)
            yield dims, values, np.ones((1, *shape))


def _subsets(size: int, smaller: int) -> Iterator[tuple[int, ...]]:
    if comb(size, smaller) <= _MOST_SUBSETS:
        yield from combinations(range(size), smaller)
    else:
        yield from (tuple(range(i, i + smaller)) for i in range(size - smaller + 1))


def _taken(array: Floats, argument: Input, dim: Dim, stay: tuple[int, ...]) -> Floats:
    for axis, size in enumerate(argument.shape, start=1):
        if size == dim.name:
            array = np.take(array, stay, axis=axis)
    return array


def _cut(cotangent: Floats, shape: tuple[int, ...], size: int, stay: tuple[int, ...]) -> Floats:
    """A cotangent of the new shape; along the axis that shrank as the inputs did, its elements.

    Which axis of the output belongs to which dim is not known: it is told by its sizes.
    """
    if cotangent.ndim != len(shape):
        return np.resize(cotangent, shape)
    for axis, (old, new) in enumerate(zip(cotangent.shape, shape, strict=True)):
        alike = (old, new) == (size, len(stay))
        cotangent = np.take(cotangent, stay if alike else np.arange(new) % old, axis=axis)
    return cotangent


def _failing(trial: Trial, points: Iterator[Point]) -> Found | None:
    """The first of some points that fails."""
    for point in points:
        found = trial(*point)
        if found is not None and found.score.fails:
            return found
    return None


def _simplified(found: Found, trial: Trial) -> Found:
    """Numbers exchanged for simpler ones, together and one by one, until nothing helps."""
    before = None
    while before is not found:
        before = found
        for group in _groups(found, trial.space):
            found = _reduced(found, group, trial)
    return found


def _groups(found: Found, space: Space) -> list[Group]:
    """Places that change together: whole inputs, equal numbers (ties), single numbers."""
    arrays = _arrays(found, space)
    whole = [tuple((name, i) for i in range(len(row))) for name, row in arrays.items()]
    ties: dict[float, list[tuple[str, int]]] = {}
    for name, row in arrays.items():
        for i, value in enumerate(row.tolist() if name else ()):
            ties.setdefault(value, []).append((name, i))
    single = [(place,) for group in whole for place in group]
    several = [group for group in (*whole, *map(tuple, ties.values())) if len(group) > 1]
    return [*several, *single]


def _reduced(found: Found, group: Group, trial: Trial) -> Found:
    """The point with one group at the simplest number at which it still fails."""
    dtype = found.batch.dtype
    arrays = _arrays(found, trial.space)
    current = [float(arrays[name][i]) for name, i in group]
    worst = max(costs(dtype, np.array(current)))

    def at(value: float) -> Found | None:
        exact = float(round_to(dtype, value))
        if all(exact == number for number in current):
            return found
        if not costs(dtype, np.array([exact]))[0] < worst:
            return None
        return _failing(trial, iter([_changed(found, group, exact, trial.space)]))

    for value in SIMPLE:
        if (simpler := at(value)) is not None:
            return simpler
    if len(set(current)) > 1:
        return found
    return _on_grids(current[0], at) or found


def _on_grids(value: float, at: Callable[[float], Found | None]) -> Found | None:
    """The failure at a number of few digits, as near to 1 as halving the way there finds."""
    if value < 0 and (positive := at(-value)) is not None:
        return positive
    if not isfinite(value) or value == 0:
        return None
    for grid in grids(abs(value)):
        nearest = grid.place(abs(value))
        for place in (nearest, nearest + 1):
            found = at(copysign(grid.value(place), value))
            if found is not None:
                return _halved(grid, place, found, lambda x: at(copysign(x, value)))
    return None


def _halved(grid: Grid, place: int, found: Found, at: Callable[[float], Found | None]) -> Found:
    """The failure nearest to 1 between there and a failing place, if failing is monotone."""
    passing = grid.place(1.0)
    while abs(place - passing) > 1:
        middle = (place + passing) // 2
        nearer = at(grid.value(middle))
        if nearer is None:
            passing = middle
        else:
            place, found = middle, nearer
    return found


def _changed(found: Found, group: Group, value: float, space: Space) -> Point:
    arrays = {name: row.copy() for name, row in _arrays(found, space).items()}
    for name, i in group:
        arrays[name][i] = value
    cotangent = arrays.pop("").reshape(found.cotangent.shape)
    values = {name: row.reshape(found.batch.values[name].shape) for name, row in arrays.items()}
    return found.batch.dims, complete(space, values, 1), cotangent


def _arrays(found: Found, space: Space) -> dict[str, Floats]:
    """The numbers that may change, flat: free input's name -> (elements,), "" -> cotangent."""
    rows = {argument.name: found.batch.values[argument.name].ravel() for argument in space.free}
    return {**rows, "": found.cotangent.ravel()}
