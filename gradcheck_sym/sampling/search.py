"""Points that Hypothesis chooses: towards the largest error, and from a failure to its core.

Hypothesis decides sizes, values and cotangents through booleans only. Its integers and floats
mix in constants that it collects from whichever modules of the user happen to be loaded, and
keeps them in a folder; booleans depend on the seed alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite, log2
from typing import TYPE_CHECKING, final

import numpy as np

from gradcheck_sym.sampling.bulk import bulk, by_ordinal, by_value, cotangents
from gradcheck_sym.sampling.edges import edge_values, edges
from gradcheck_sym.sampling.ordinals import Floats, step
from gradcheck_sym.sampling.points import Batch, concatenate
from gradcheck_sym.sampling.seeds import generator, number
from gradcheck_sym.sampling.simple import SIMPLE, costs
from gradcheck_sym.sampling.space import (
    Piece,
    SamplingError,
    Space,
    admit,
    complete,
    element_count,
    filtered,
    kept,
    pieces,
    within,
)
from gradcheck_sym.spec.dtypes import format_of
from gradcheck_sym.spec.records import Domain, Input, Interval

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

_STARTS = 16  # random points, and as many edges, that Hypothesis begins from
_ALIKE = 4  # simple points of equal elements among them
_MOST_TELLING = 32
_STEPS = 4

Dims = Mapping[str, int]

# A backward multiplies what it is fed by slopes one after the other: fed a tiny number, a right one
# underflows on the way and comes back with other digits.
COTANGENTS = Domain(
    (
        Interval(-(2.0**10), -(2.0**-10), low_closed=True, high_closed=True),
        Interval(0.0, 0.0, low_closed=True, high_closed=True),
        Interval(2.0**-10, 2.0**10, low_closed=True, high_closed=True),
    )
)


@final
@dataclass(frozen=True, slots=True)
class Score:
    """What a judge says of one point."""

    error_ulp: float  # the larger, the more interesting; NaN and inf where it has no size
    fails: bool


Judge = Callable[[Dims, Mapping[str, Floats], Floats], Score]
"""(dims, input name -> (1, *shape), cotangent of (1, *output shape)) -> Score."""

OutputShape = Callable[[Dims], tuple[int, ...]]


@final
@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One point with its cotangent and score, and what it took to find it."""

    batch: Batch  # of one lane
    cotangent: Floats  # (1, *output shape)
    score: Score
    judged: int = 0  # points judged on the way
    dropped: Mapping[str, int] = field(default_factory=dict)  # reason -> points not judged


@final
@dataclass(frozen=True, slots=True)
class _Pool:
    """The numbers that one element may be exchanged for, simplest first."""

    numbers: Floats
    telling: Floats  # those around which formulas bend: thresholds, else edges of the domain
    parts: tuple[Piece, ...]  # where elements may lie


@final
class _StopError(Exception):
    """Thrown through Hypothesis once a failure is found."""


@final
class Trial:
    """Judges points of a space that keep its constraints, and remembers what came of it.

    A point outside the space is counted by reason and never judged; a point met twice is judged
    once. After `most` judgements nothing fails any more, so that effort is bounded by a count,
    not by time.
    """

    def __init__(self, space: Space, judge: Judge, most: int) -> None:
        self.space = space
        self.judged = 0
        self.dropped: Counter[str] = Counter()
        self._judge = judge
        self._most = most
        self._known: dict[bytes, Found | None] = {}

    def __call__(self, dims: Dims, values: Mapping[str, Floats], cotangent: Floats) -> Found | None:
        """The point with its score; None where it is not of the space or the effort is spent."""
        key = b"".join([repr(sorted(dims.items())).encode(), cotangent.tobytes()])
        key += b"".join(values[argument.name].tobytes() for argument in self.space.inputs)
        if key not in self._known:
            self._known[key] = self._judged(dims, values, cotangent)
        return self._known[key]

    def _judged(self, dims: Dims, values: Mapping[str, Floats], cotangent: Floats) -> Found | None:
        if self.judged >= self._most:
            return None
        batch = Batch(dims, self.space.dtype, values, ("search",))
        good, dropped = kept(self.space, batch)
        self.dropped.update(dropped)
        if not good.all():
            return None
        self.judged += 1
        held = np.array(cotangent, dtype=np.float64)
        held.flags.writeable = False  # as the batch: a judge may hand it to code not trusted
        return Found(batch, held, self._judge(dims, batch.values, held))


def search(
    space: Space,
    shapes: Sequence[Dims],
    output_shape: OutputShape,
    judge: Judge,
    *,
    seed: int,
    examples: int = 100,
) -> Found | None:
    """The first failing point that Hypothesis meets, else the one of the largest finite error.

    Of so many examples Hypothesis gets three in four, first random ones, then such as aim at
    larger errors; the rest climb from the largest by steps of floats. None where no point could
    be judged, or no error had a size. The same seed gives the same point; exceptions of the judge
    pass through.
    """
    trial = Trial(space, judge, most=examples)
    chosen = examples - examples // 4
    best: list[Found] = []

    def meet(dims: Dims, values: Mapping[str, Floats], cotangent: Floats) -> None:
        from hypothesis import reject, target

        found = trial(dims, values, cotangent)
        if found is None:
            reject()
        error = found.score.error_ulp
        if found.score.fails or (isfinite(error) and error > _error(best)):
            best[:] = [found]
        if found.score.fails:
            raise _StopError
        if isfinite(error):
            target(log2(1 + max(error, 0.0)))

    _drive(space, shapes, output_shape, meet, seed, chosen, shrinking=False)
    return _told(_climbed(best[0], trial), trial) if best else None


def simplest(
    space: Space,
    shapes: Sequence[Dims],
    output_shape: OutputShape,
    trial: Trial,
    *,
    seed: int,
    examples: int,
) -> Found | None:
    """The failure that Hypothesis finds and reduces among simple points, if there is one."""
    best: list[Found] = []

    def meet(dims: Dims, values: Mapping[str, Floats], cotangent: Floats) -> None:
        found = trial(dims, values, cotangent)
        if found is not None and found.score.fails:
            best[:] = [found]  # Hypothesis ends with the simplest
            raise _StopError

    _drive(space, shapes, output_shape, meet, seed, examples, shrinking=True)
    return best[0] if best else None


def _climbed(found: Found, trial: Trial) -> Found:
    """The point after steps of 2**k floats in one number at a time, while the error grows.

    From half a binade down to one float; a failure ends the climb.
    """
    for power in range(format_of(trial.space.dtype).precision - 2, -1, -1):
        for argument, place in _places(found, trial.space):
            for count in (-(2**power), 2**power):
                if found.score.fails:
                    return found
                found = _better(found, _stepped(found, argument, place, count, trial))
    return found


def _better(found: Found, other: Found | None) -> Found:
    if other is None or (not other.score.fails and not isfinite(other.score.error_ulp)):
        return found
    larger = other.score.error_ulp > found.score.error_ulp
    return other if other.score.fails or larger else found


def _places(found: Found, space: Space) -> list[tuple[Input, int]]:
    return [
        (argument, place)
        for argument in space.free
        for place in range(found.batch.values[argument.name].size)
    ]


def _stepped(found: Found, argument: Input, place: int, count: int, trial: Trial) -> Found | None:
    """The point with one number so many floats further on; None where that is no point."""
    array = found.batch.values[argument.name].copy()
    parts = pieces(trial.space.dtype, argument.domain)
    array.flat[place] = admit(parts, step(trial.space.dtype, array.flat[place], count))
    values = {**found.batch.values, argument.name: array}
    return trial(found.batch.dims, values, found.cotangent)


def _told(found: Found, trial: Trial) -> Found:
    return Found(found.batch, found.cotangent, found.score, trial.judged, dict(trial.dropped))


def _error(best: Sequence[Found]) -> float:
    return best[0].score.error_ulp if best else -inf


def _drive(
    space: Space,
    shapes: Sequence[Dims],
    output_shape: OutputShape,
    meet: Callable[[Dims, Mapping[str, Floats], Floats], None],
    seed: int,
    examples: int,
    *,
    shrinking: bool,
) -> None:
    """Let Hypothesis call `meet` with points until it raises _StopError or the examples end."""
    from hypothesis import HealthCheck, Phase, Verbosity, given, reject, settings
    from hypothesis import seed as seeded
    from hypothesis import strategies as st
    from hypothesis.errors import Flaky, Unsatisfiable

    maker = _Maker(space, shapes, output_shape, seed)

    @seeded(number(seed, "hypothesis"))
    @settings(
        max_examples=examples,
        phases=(Phase.generate, Phase.shrink if shrinking else Phase.target),
        database=None,  # the same seed must find the same point again
        deadline=None,  # how fast a judge answers is not what is tested
        derandomize=False,
        report_multiple_bugs=False,
        print_blob=False,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),  # constraints may reject much, judges be slow
        backend="hypothesis",
    )
    @given(st.composite(maker.point)())
    def run(point: tuple[Dims, Mapping[str, Floats], Floats] | None) -> None:
        if point is None:
            reject()
        meet(*point)

    try:
        run()
    except (_StopError, Flaky, Unsatisfiable):
        return  # a failure stands even if it does not come again; no example may fit


@final
class _Maker:
    """Turns Hypothesis' booleans into points, such that fewer and later Trues are simpler."""

    def __init__(
        self, space: Space, shapes: Sequence[Dims], output_shape: OutputShape, seed: int
    ) -> None:
        self._space = space
        self._shapes = sorted(shapes, key=lambda dims: element_count(space, dims))
        self._output_shape = output_shape
        self._seed = seed
        self._pools = {a.name: self._pool(a) for a in space.free}
        self._starts: dict[int, tuple[Batch, Floats]] = {}  # place among the shapes -> where from
        simple, parts = np.array(SIMPLE), pieces(space.dtype, COTANGENTS)
        self._fed = _Pool(simple[within(parts, simple)], simple[within(parts, simple)], parts)

    def point(self, draw: DrawFn) -> tuple[Dims, dict[str, Floats], Floats] | None:
        """One point: dims, name -> (1, *shape), cotangent of (1, *output shape).

        None at sizes at which no point to begin from is known.
        """
        place = _below(draw, len(self._shapes))
        dims = self._shapes[place]
        if place not in self._starts:
            self._starts[place] = self._start(dims), self._cotangents(dims)
        start, rows = self._starts[place]
        if not start.lanes:
            return None
        lane = _below(draw, start.lanes)
        values = {name: array[[lane]] for name, array in start.values.items()}
        free = {name: self._varied(draw, values[name], p) for name, p in self._pools.items()}
        fed = self._varied(draw, rows[[_below(draw, len(rows))]], self._fed)
        return dims, complete(self._space, free, 1), fed

    def _varied(self, draw: DrawFn, array: Floats, pool: _Pool) -> Floats:
        """The array with up to three of its elements exchanged."""
        flat = array.flatten()
        for _ in range(min(3, flat.size)):
            if _below(draw, 2):
                flat[_below(draw, flat.size)] = self._element(draw, pool)
        return flat.reshape(array.shape)

    def _element(self, draw: DrawFn, pool: _Pool) -> float:
        """A number of the pool, or one some steps of 2**k floats from it: near or far."""
        numbers = pool.telling if _below(draw, 2) else pool.numbers
        value = numbers[_below(draw, len(numbers))]
        reach = format_of(self._space.dtype).precision + 2
        for _ in range(_STEPS):
            if not _below(draw, 2):
                break
            side = -1 if _below(draw, 2) else 1
            value = step(self._space.dtype, value, side * 2 ** _below(draw, reach))
        return float(admit(pool.parts, value))

    def _pool(self, argument: Input) -> _Pool:
        """Simple numbers, edges, thresholds and random numbers of an input's domain."""
        dtype, parts = self._space.dtype, pieces(self._space.dtype, argument.domain)
        rng = generator(self._seed, "numbers", argument.name)
        thresholds = self._space.thresholds.get(argument.name, ())
        edge = edge_values(argument.domain, dtype, thresholds)
        drawn = [f(dtype, part, rng, 24) for f in (by_value, by_ordinal) for part in parts]
        found = np.concatenate([SIMPLE, edge, *drawn])
        numbers = _simplest_first(dtype, found[within(parts, found)])
        telling = edge[: 3 * len(thresholds) or _MOST_TELLING]
        return _Pool(numbers, telling if telling.size else numbers, parts)

    def _start(self, dims: Dims) -> Batch:
        """Points of the space to begin from: simple ones, random ones, edges; simplest first."""
        space, rng = self._space, generator(self._seed, "starts", dims)
        simple = filtered(space, self._simple(dims)).batch
        edge = edges(space, dims, rng).batch
        chosen = np.unique(np.linspace(0, edge.lanes, _STARTS, endpoint=False).astype(np.int64))
        try:
            random = bulk(space, dims, _STARTS, rng).batch
        except SamplingError:  # what the smallest sizes may leave no room for
            return simple
        return concatenate([simple, random, edge.take(chosen[: edge.lanes])])

    def _cotangents(self, dims: Dims) -> Floats:
        shape, rng = self._output_shape(dims), generator(self._seed, "cotangents", dims)
        drawn = cotangents(rng, shape, 2 * _STARTS - 1, self._space.dtype)
        return np.concatenate([np.ones((1, *shape)), drawn])

    def _simple(self, dims: Dims) -> Batch:
        """All elements alike, and simple and different, in all inputs at once."""
        values = {}
        for argument in self._space.free:
            numbers, shape = self._pools[argument.name].numbers, argument.sizes(dims)
            alike = [np.full(shape, numbers[i % len(numbers)]) for i in range(_ALIKE)]
            different = np.resize(numbers, int(np.prod(shape))).reshape(shape)
            values[argument.name] = np.stack([*alike, different])
        lanes = _ALIKE + 1
        origins = ("search",) * lanes
        return Batch(dims, self._space.dtype, complete(self._space, values, lanes), origins)


def _simplest_first(dtype: str, values: Floats) -> Floats:
    """Distinct numbers (0.0 and -0.0 are two) in the order of their costs."""
    ranked = sorted(zip(costs(dtype, values), values.tolist(), strict=True))
    return np.array([value for _, value in dict.fromkeys(ranked)])


def _below(draw: DrawFn, count: int) -> int:
    """An integer from 0 to count - 1, smaller where fewer and later booleans are True."""
    from hypothesis import strategies as st

    chosen = 0
    for _ in range((count - 1).bit_length()):
        chosen = 2 * chosen + draw(st.booleans())
    return chosen % count if count else 0
