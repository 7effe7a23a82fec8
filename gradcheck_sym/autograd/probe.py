"""Where does an implementation take another way? Points on either side of what it compares.

A branch that no sample takes hides what is in it. The operations of forward and backward are
watched while one element, all elements or the scale of an input moves through its domain; wherever
a comparison comes out otherwise, or other operations run, the move is bisected down to two
neighbouring floats. So x.max() > 50, x.norm() < 1e-3, x[i] == x[j] and a branch in Python are found
like x > 18. What depends on the size alone shows in `signature`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType
from typing import Any, final

import numpy as np
import torch

from gradcheck_sym.autograd.bracket import bracket, middle
from gradcheck_sym.autograd.changes import LITERALS, Change, changes, dips, nearest
from gradcheck_sym.autograd.implementation import Implementation
from gradcheck_sym.autograd.ledger import Array, job_of
from gradcheck_sym.autograd.moves import Bounds, Move, Point, moves
from gradcheck_sym.autograd.state import undisturbed
from gradcheck_sym.autograd.trace import PLAIN, Trace, trace
from gradcheck_sym.spec.checks import GRAD_OUTPUT

RUNS = 3000  # of the implementation: a search ends there

_CLOSELY = 2  # times that a change of one kind is pinned down on one move
_DIVES = 24  # looks for a moment in which a comparison comes out otherwise
_GOLDEN = (3 - 5**0.5) / 2  # of golden section search

_Step = tuple[float, Trace]


@final
@dataclass(frozen=True, slots=True)
class Site:
    """One comparison in the code."""

    operation: str  # such as "gt" or "hardtanh"
    constant: float | None  # what is compared with, where that is a number
    one_sided: bool  # at all samples it came out the same way
    reached: bool  # a point was found at which it comes out otherwise


@final
@dataclass(frozen=True, slots=True)
class Probe:
    """What was found out about where an implementation takes another way."""

    thresholds: Mapping[str, tuple[float, ...]]  # input -> values of an element at a change
    points: Mapping[str, Array]  # input or GRAD_OUTPUT -> (count, *shape): around every change
    sites: tuple[Site, ...]
    leaves: bool  # floating numbers leave the graph: what Python does with them is not seen
    exhausted: bool  # all runs were used; there may be more


def signature(
    implementation: Implementation,
    values: Mapping[str, Array],
    wrt: tuple[str, ...],
    cotangents: Array | None,
    dtype: str,
) -> tuple[str, ...]:
    """The names of the ATen operations at the first lane, forward and backward, in order.

    Arguments as of `reverse`. Sizes at which it differs are handled by different code.
    """
    return _first(implementation, values, wrt, cotangents, dtype).operations


def compared(
    implementation: Implementation,
    values: Mapping[str, Array],
    wrt: tuple[str, ...],
    cotangents: Array | None,
    dtype: str,
) -> frozenset[tuple[str, float | None]]:
    """What is compared at the first lane, forward and backward: operations, and with what number.

    Arguments as of `reverse`.
    """
    seen = _first(implementation, values, wrt, cotangents, dtype)
    return frozenset((each.operation, each.constant) for each in seen.comparisons)


def bends(
    implementation: Implementation,
    values: Mapping[str, Array],
    wrt: tuple[str, ...],
    cotangents: Array | None,
    dtype: str,
) -> bool:
    """Whether, at the first lane, some operation of torch is right at a kink of its own.

    Arguments as of `reverse`. A comparison alone bends nothing: what is made of it is a choice.
    """
    seen = _first(implementation, values, wrt, cotangents, dtype)
    return any(
        bool((each.above == 0).any()) for each in seen.comparisons if each.operation not in PLAIN
    )


def _first(implementation: Implementation, *request: Any) -> Trace:
    """What is done at the first lane; arguments as of `reverse`."""
    with undisturbed():
        return trace(job_of(implementation, *request), 0)


def probe(
    implementation: Implementation,
    values: Mapping[str, Array],
    wrt: tuple[str, ...],
    cotangents: Array | None,
    dtype: str,
    bounds: Bounds,
    runs: int = RUNS,
) -> Probe:
    """Searches for changes of behaviour, from each lane; arguments as of `reverse`.

    bounds: input -> (low, high), possibly infinite: the inputs that may be moved, and how far. The
    cotangent is moved where they name it (GRAD_OUTPUT). The same call gives the same answer.
    """
    search = _Search(implementation, wrt, dtype, runs, fed=cotangents is not None)
    given = dict(values) if cotangents is None else {**values, GRAD_OUTPUT: cotangents}
    with undisturbed():
        for lane in range(len(next(iter(given.values())))):
            search.around({name: array[lane] for name, array in given.items()}, bounds)
    points = {
        name: search.rounded(np.stack([point[name] for point in search.points]))
        if search.points
        else np.empty((0, *array.shape[1:]))
        for name, array in given.items()
    }
    thresholds = {name: tuple(sorted(found)) for name, found in search.thresholds.items()}
    return Probe(
        MappingProxyType(thresholds),
        MappingProxyType(points),
        search.sites(),
        search.leaves,
        search.exhausted,
    )


@final
class _Exhausted(Exception):
    """All runs are used."""


@final
@dataclass(slots=True)
class _Outcomes:
    """How one comparison came out."""

    operation: str
    constants: set[float | None] = field(default_factory=set)
    at_samples: set[float] = field(default_factory=set)  # signs; for equality, whether it held
    anywhere: set[float] = field(default_factory=set)

    def site(self) -> Site:
        """What is told of it."""
        constant = next(iter(self.constants)) if len(self.constants) == 1 else None
        return Site(self.operation, constant, len(self.at_samples) < 2, len(self.anywhere) > 1)


@final
class _Search:
    """One search under way."""

    def __init__(
        self,
        implementation: Implementation,
        wrt: tuple[str, ...],
        dtype: str,
        runs: int,
        *,
        fed: bool,
    ) -> None:
        self.points: list[Point] = []
        self.thresholds: dict[str, set[float]] = {}
        self.leaves = False
        self.exhausted = False
        self._under_test = implementation, wrt, dtype
        self._left = runs
        self._fed = fed  # a point names the cotangent; else GRAD_OUTPUT may be an input
        self._sites: dict[tuple[tuple[str, ...], int], _Outcomes] = {}

    def around(self, start: Point, bounds: Bounds) -> None:
        """All moves from one point, as far as runs are left."""
        try:
            seen = self._look(start)
            self._note(seen, sample=True)
            if not seen.comparisons and not seen.leaves:
                return  # nothing depends on a number's size
            for move in moves(start, bounds):
                self._along(move)
        except _Exhausted:
            self.exhausted = True

    def sites(self) -> tuple[Site, ...]:
        """What became of every comparison that the samples meet."""
        return tuple(outcomes.site() for outcomes in self._sites.values())

    def rounded(self, array: Array) -> Array:
        """Numbers as the dtype has them."""
        kept = torch.as_tensor(array).to(getattr(torch, self._under_test[2]))
        exact: Array = kept.double().numpy()
        return exact

    def _look(self, point: Point) -> Trace:
        if not self._left:
            raise _Exhausted
        self._left -= 1
        implementation, wrt, dtype = self._under_test
        lane = {name: array[None] for name, array in point.items()}
        fed = lane.pop(GRAD_OUTPUT) if self._fed else None
        seen = trace(job_of(implementation, lane, wrt, fed, dtype), 0)
        self.leaves |= seen.leaves
        self._note(seen)
        return seen

    def _note(self, seen: Trace, *, sample: bool = False) -> None:
        for place, comparison in enumerate(seen.comparisons):
            key = seen.operations, place
            if sample:
                self._sites.setdefault(key, _Outcomes(comparison.operation))
            if (outcomes := self._sites.get(key)) is not None:
                signs = set(np.sign(comparison.above).ravel().tolist())
                if comparison.operation in ("eq", "ne"):
                    signs = {abs(sign) for sign in signs}
                outcomes.constants.add(comparison.constant)
                outcomes.anywhere |= signs
                if sample:
                    outcomes.at_samples |= signs

    def _along(self, move: Move) -> None:
        steps = sorted(set(self.rounded(np.array(move.steps)).tolist()))
        seen = [(number, self._look(move.to(number))) for number in steps]
        closely: Counter[int] = Counter()
        for before, after in pairwise(seen):
            for change in changes(before[1], after[1]):
                closely[change.place] += 1
                if closely[change.place] <= _CLOSELY:
                    self._pin(move, before, after, change)
        deepest: dict[int, tuple[float, _Step, _Step]] = {}
        for before, between, after in zip(seen, seen[1:], seen[2:], strict=False):
            for place, closest in dips(before[1], between[1], after[1]):
                if not closely[place] and closest < deepest.get(place, (np.inf,))[0]:
                    deepest[place] = closest, before, after
        for place, (_, before, after) in deepest.items():
            self._dive(move, before, after, place)

    def _pin(self, move: Move, before: _Step, after: _Step, change: Change) -> None:
        """Finds the neighbouring numbers between which something changes."""

        def reading(number: float) -> float:
            return change.reading(self._look(move.to(number)))

        low, high = before[0], after[0]
        if change.place == LITERALS and np.isnan(reading(middle(low, high))):
            return  # numbers that follow the input, not a choice
        ends = [(number, change.reading(seen)) for number, seen in (before, after)]
        last, first = bracket(reading, ends[0], ends[1], self._rounded)
        second = self._rounded(first + self._next(first))  # the first may be the threshold itself
        if move.name:
            self.thresholds.setdefault(move.name, set()).update((last, first, second))
        around = (low, last, first, second, middle(first, high), high)
        self.points += [move.to(number) for number in dict.fromkeys(around)]

    def _dive(self, move: Move, before: _Step, after: _Step, place: int) -> None:
        """Looks for a moment in which a comparison comes out otherwise: where it is closest."""
        low, high = before[0], after[0]
        for _ in range(_DIVES):
            inner = low + _GOLDEN * (high - low), high - _GOLDEN * (high - low)
            steps = [(number, self._look(move.to(number))) for number in inner]
            for step in steps:
                for change in changes(before[1], step[1]):
                    if change.place == place:
                        self._pin(move, before, step, change)
                        self._pin(move, step, after, change)
                        return
            closer = nearest(steps[0][1], place) < nearest(steps[1][1], place)
            low, high = (low, inner[1]) if closer else (inner[0], high)

    def _next(self, number: float) -> float:
        """More than half of the way to the next number, and less than all of the one after."""
        form = torch.finfo(getattr(torch, self._under_test[2]))
        return max(0.6 * form.eps * abs(number), form.smallest_normal * form.eps)

    def _rounded(self, number: float) -> float:
        return float(self.rounded(np.array(number)))
