"""Which points a spec is judged at, phase by phase, and how a failing one is made small."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import final

import numpy as np
import numpy.typing as npt

from gradcheck_sym.run.function import Function
from gradcheck_sym.run.trial import Trial
from gradcheck_sym.sampling.bulk import bulk
from gradcheck_sym.sampling.edges import edges
from gradcheck_sym.sampling.points import Batch
from gradcheck_sym.sampling.search import Judge, Score, search
from gradcheck_sym.sampling.shrink import shrink
from gradcheck_sym.sampling.space import Drawn, SamplingError, everyday, ordinary
from gradcheck_sym.verdict.records import Verdict

Floats = npt.NDArray[np.float64]
Dims = Mapping[str, int]

_LEAST_WORTH = 32  # formulas of fewer operations are not worth loading Hypothesis for
_MOST_WORTH = 50  # formulas of so many are worth the whole search, others their share of it
_MOST_JUDGEMENTS = 600  # points judged while a failure is shrunk
_ELEMENTWISE_SHARE = 8  # points for one, where all are judged as one long vector: they cost little
_MOST_EDGES, _LEAST_EDGES = 240, 12  # at all sizes but the first, which gets all; at each
_OF_PATTERNS = 3  # one edge in so many is a telling pattern: what they are depends on the size
_ALONE = 4  # wrong points of many run at once that are run one by one as well
_MOST_NUMBERS, _FEWEST = 2**20, 4  # of a trial, over all its points and inputs; points in any case


@final
@dataclass(frozen=True, slots=True)
class Plan:
    """Draws the points of one function."""

    function: Function
    sizes: tuple[Dims, ...]  # the choices of the dims that are visited
    points: int  # in bulk
    seed: int  # of the search and of shrinking
    searches: int = 0  # points that Hypothesis tries; most of their time is its own
    edge_points: int | None = None  # at each choice of sizes; None: all at the first of them
    ordinary: bool = False  # only numbers of everyday magnitudes
    dropped: dict[str, int] = field(default_factory=dict)  # reason -> points drawn for nothing

    def edges(self) -> Iterator[Trial]:
        """The edge points at every choice of sizes."""
        for place, dims in enumerate(self.sizes if self.edge_points != 0 else ()):
            yield self.function.trial(self._edges(dims, whole=place == 0), "each")

    def _edges(self, dims: Dims, *, whole: bool) -> Batch:
        drawn = edges(self.function.space, dims, self.function.stream("edges", dims))
        self._count(drawn.dropped)
        batch = self._everyday(drawn.batch)
        lanes, most = batch.lanes, max(_LEAST_EDGES, _MOST_EDGES // len(self.sizes))
        if self.edge_points is not None:
            most, whole = self.edge_points, False
        most = self._room(dims, lanes if whole else most)
        if lanes <= most:
            return batch
        patterns = np.flatnonzero([origin == "pattern" for origin in batch.origins])
        telling = patterns[: most // _OF_PATTERNS]
        others = np.setdiff1d(np.arange(lanes), telling)
        spread = np.linspace(0, len(others) - 1, most - len(telling)).astype(np.int64)
        return batch.take([*others[spread], *telling])

    def bulk(self) -> Iterator[Trial]:
        """Random points, half by value and half by ordinal."""
        if not self.function.space.free:
            return
        mode = self.function.together
        if mode == "elementwise":
            ones = dict.fromkeys(self.sizes[0], 1)
            yield self.function.trial(self._drawn(ones, _ELEMENTWISE_SHARE * self.points), mode)
            return
        share = max(1, self.points // len(self.sizes))
        for dims in self.sizes:
            yield self._together(self._drawn(dims, share))

    def _together(self, batch: Batch) -> Trial:
        """The points run at once; one by one, where what is wrong of them is right alone.

        Then it is the operator's rule for vmap that is wrong, which an ordinary backward does not
        run, and which has a check of its own.
        """
        function = self.function
        trial = function.trial(batch, function.together)
        if function.together == "each":
            return trial
        alone = wrong_alone(function, trial)
        if alone is None or function.is_wrong(alone):
            return trial
        return function.trial(batch, "each", trial.cotangents)

    def _room(self, dims: Dims, lanes: int) -> int:
        """So many points, or fewer of large tensors."""
        numbers = sum(math.prod(entry.sizes(dims)) for entry in self.function.space.free)
        return min(lanes, max(_FEWEST, _MOST_NUMBERS // max(numbers, 1)))

    def _drawn(self, dims: Dims, lanes: int) -> Batch:
        drawn = self._bulk(dims, self._room(dims, lanes))
        self._count(drawn.dropped)
        return self._everyday(drawn.batch)

    def _bulk(self, dims: Dims, lanes: int) -> Drawn:
        space, stream = self.function.space, partial(self.function.stream, "bulk", dims)
        if self.ordinary:
            with suppress(SamplingError):  # a condition may hold for other numbers only
                return bulk(everyday(space), dims, lanes, stream())
        return bulk(space, dims, lanes, stream())

    def _everyday(self, batch: Batch) -> Batch:
        """The points without numbers so large or so small that it is them that is tested."""
        if not self.ordinary:
            return batch
        kept = ordinary(self.function.space, batch)
        return batch.take(kept) if kept.any() else batch

    def _count(self, dropped: Mapping[str, int]) -> None:
        for reason, lanes in dropped.items():
            self.dropped[reason] = self.dropped.get(reason, 0) + lanes

    def searched(self) -> Trial | None:
        """The point of the largest error that Hypothesis finds, as a trial."""
        function = self.function
        worth = min(_MOST_WORTH, self.points // 20, self._complexity)
        examples = self.searches * worth // _MOST_WORTH
        if not function.space.free or worth < _LEAST_WORTH or not examples:
            return None
        found = search(
            function.space,
            self.sizes,
            function.out_shape,
            _score(function, function.is_wrong),
            seed=self.seed,
            examples=examples,
        )
        return None if found is None else function.trial(found.batch, "each", found.cotangent)

    @property
    def _complexity(self) -> int:
        """Operations in which something may hide: without limit in a user's own code."""
        if self.function.implementation.kind == "user":
            return _MOST_WORTH
        sizes = self.sizes[:1] if self.function.together == "elementwise" else self.sizes
        return max(len(self.function.derivation(dims).joint.code) for dims in sizes)


def wrong_alone(function: Function, trial: Trial) -> Trial | None:
    """Some points that are wrong where many are run at once, one by one; None if none is wrong."""
    faults = function.judge(trial, trial.every_column).faults
    wrong = sorted({f.lane for f in faults if f.ruling.verdict is Verdict.WRONG})[:_ALONE]
    if not wrong:
        return None
    return function.trial(trial.batch.take(wrong), "each", trial.cotangents[wrong])


def shrunk(
    function: Function, trial: Trial, lane: int, fails: Callable[[Trial], bool], seed: int
) -> Trial:
    """The simplest failing point that is reached from a failing one, as a trial."""
    values = {name: array[[lane]] for name, array in trial.values.items()}
    start = Batch(trial.dims, function.dtype.name, values, ("search",))
    fed = trial.cotangents[[lane]]
    found = shrink(
        function.space,
        start,
        fed,
        function.out_shape,
        _failing(function, fails),
        seed=seed,
        judgements=_MOST_JUDGEMENTS,
    )
    return trial if found is None else function.trial(found.batch, "each", found.cotangent)


def _failing(function: Function, fails: Callable[[Trial], bool]) -> Judge:
    """Whether a point fails; how far it is off is nobody's question there."""

    def judge(dims: Dims, values: Mapping[str, Floats], cotangent: Floats) -> Score:
        batch = Batch(dims, function.dtype.name, values, ("search",))
        return Score(np.nan, fails(function.trial(batch, "each", cotangent)))

    return judge


def _score(function: Function, fails: Callable[[Trial], bool]) -> Judge:
    def judge(dims: Dims, values: Mapping[str, Floats], cotangent: Floats) -> Score:
        batch = Batch(dims, function.dtype.name, values, ("search",))
        trial = function.trial(batch, "each", cotangent)
        found = function.judge(trial, trial.every_column).worst
        worst = found and trial.worked_out(found)
        return Score(np.nan if worst is None else worst.error_ulp, fails(trial))

    return judge
