"""Errors over an input: of all the numbers that a check compared, the outline.

A picture needs no more than a few hundred points. Numbers are sorted by what went in and cut
into stretches of equally many; of each the largest error is kept, and the one that comes nearest
to what is allowed. What is allowed is worked out for those alone.

Where a function is looked at for one number at a time, only faults are kept of the points with
several: what is allowed there depends on the largest of them, and is no curve over one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
import numpy.typing as npt

from gradcheck_sym.run.judge import Judgement
from gradcheck_sym.run.trial import Floats, Trial
from gradcheck_sym.verdict.pictures import Outline

_STRETCHES = 96  # of each at most two points are kept

Point = tuple[float, float, float]
Chosen = tuple[float, tuple[int, int]]  # what went in; lane and place of the number


@final
@dataclass(frozen=True)
class Part:
    """Some columns of a trial, judged."""

    trial: Trial
    columns: slice
    made: Judgement

    @cached_property
    def errors(self) -> Floats:
        """The errors in ulps, (lanes, columns): NaN where nothing is known, inf for no number."""
        trial = self.trial
        errors = np.where(trial.shares[1] == 0, 0.0, trial.estimates)
        for (lane, column), gap in trial.gaps.items():
            errors[lane, column] = gap.least / trial.spacing(gap.truth)
        for fault in self.made.faults:
            errors[fault.lane, fault.column] = np.nan_to_num(fault.error_ulp, nan=np.inf)
        return np.asarray(errors[:, self.columns])

    @cached_property
    def shares(self) -> Floats:
        """The errors as shares of what is allowed at most, (lanes, columns)."""
        found = self.trial.shares[1].copy()
        for fault in self.made.faults:
            found[fault.lane, fault.column] = np.inf
        return np.asarray(found[:, self.columns])

    @cached_property
    def failing(self) -> npt.NDArray[np.bool_]:
        """Which numbers are faults, (lanes, columns)."""
        found = np.zeros(self.trial.claimed.shape, dtype=np.bool_)
        for fault in self.made.faults:
            found[fault.lane, fault.column] = True
        return np.asarray(found[:, self.columns])

    @cached_property
    def _nearest(self) -> dict[tuple[int, int], float]:
        """At kinks, the members of generalized gradients that claims were held against."""
        return {
            (fault.lane, fault.column): fault.nearest
            for fault in self.made.faults
            if fault.nearest is not None
        }

    def measured(self, lane: int, place: int) -> tuple[float, float]:
        """The error of one number and what is allowed there, in ulps, with care."""
        column = self.columns.start + place
        error = float(self.errors[lane, place])
        nearest = self._nearest.get((lane, column))
        if nearest is not None:
            own = self.trial.spacing(nearest)
            return error, self.trial.sound(lane, 0.0, own) / own
        if np.isfinite(error) and self.trial.truth(lane, column) is not None:
            error = self.trial.error_ulp(lane, column)
        return error, self.trial.allowance(lane, column)


def outline(
    parts: Sequence[Part], free: Sequence[str], own: str | None, *, elementwise: bool
) -> Outline | None:
    """The outline of all errors over an input; None where nothing is known of any.

    Args:
        parts: what was judged.
        free: the inputs whose values vary.
        own: the input of interest; None: the first of those.
        elementwise: whether number k of the result belongs to number k of every input.
    """
    parts = [part for part in parts if part.errors.size]
    name = own or (free[0] if free else "")
    if not (name and all(_is_own(part, name, elementwise=elementwise) for part in parts)):
        name = ""
    lone = [bool(name) and part.trial.values[name][0].size == 1 for part in parts]
    known = [
        np.flatnonzero(part.failing if any(lone) and not one else ~np.isnan(part.errors))
        for part, one in zip(parts, lone, strict=True)
    ]
    numbers = sum(int((~np.isnan(part.errors)).sum()) for part in parts)
    if not sum(map(len, known)):
        return None
    given = [_given(part, name, free) for part in parts]
    points = tuple(sorted(_points(parts, _thinned(parts, given, known))))
    return Outline(name, any(lone) and len(free) == 1, points, numbers)


def _points(parts: Sequence[Part], kept: Sequence[Sequence[Chosen]]) -> Iterator[Point]:
    """What went in, the error and what is allowed, of the numbers that are kept."""
    for part, some in zip(parts, kept, strict=True):
        part.trial.look_at([lane for _, (lane, _) in some])
        yield from ((given, *part.measured(lane, place)) for given, (lane, place) in some)


def _is_own(part: Part, name: str, *, elementwise: bool) -> bool:
    """Whether each number belongs to one number of an input: the only one, or its own."""
    values = part.trial.values.get(name)
    if values is None:
        return False
    size = values[0].size
    return size == 1 or (elementwise and size == part.columns.stop - part.columns.start)


def _given(part: Part, name: str, free: Sequence[str]) -> Floats:
    """What went in for each number, flat: the value of its input, or the largest magnitude."""
    shape = part.errors.shape
    values = part.trial.values
    if name:
        own = values[name].reshape(shape[0], -1)
        return np.broadcast_to(own, shape).reshape(-1)
    flat = [np.abs(values[each]).reshape(shape[0], -1) for each in free if values[each].size]
    largest = np.concatenate(flat, axis=1).max(axis=1) if flat else np.zeros(shape[0])
    return np.broadcast_to(largest[:, None], shape).reshape(-1)


def _thinned(
    parts: Sequence[Part], spread: Sequence[Floats], known: Sequence[npt.NDArray[np.intp]]
) -> list[list[Chosen]]:
    """Of each part what is kept: of each stretch the largest error, and that nearest its bound."""
    given = np.concatenate([x[at] for x, at in zip(spread, known, strict=True)])
    error = np.concatenate([part.errors.flat[at] for part, at in zip(parts, known, strict=True)])
    share = np.concatenate([part.shares.flat[at] for part, at in zip(parts, known, strict=True)])
    share = np.nan_to_num(share, nan=-1.0)
    owner = np.repeat(np.arange(len(parts)), [len(at) for at in known])
    place = np.concatenate(known)
    kept: list[list[Chosen]] = [[] for _ in parts]
    for some in np.array_split(np.argsort(given, kind="stable"), min(_STRETCHES, len(given))):
        for best in {int(some[np.argmax(error[some])]), int(some[np.argmax(share[some])])}:
            width = parts[owner[best]].errors.shape[1]
            lane, column = divmod(int(place[best]), width)
            kept[owner[best]].append((float(given[best]), (lane, column)))
    return kept
