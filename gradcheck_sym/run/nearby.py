"""What rounding makes of a claim, told from the points next to it.

Some functions of torch take another way where their operations are watched. What they lose then
shows only from outside: from point to point nearby an error jumps that is rounding, for other last
digits are cut off. A mistake hardly changes there, as little as the mathematics.

And a way of its own that code takes at single points, where a determinant is 0 or two numbers are
equal, shows from outside only: one step further on all sides the claims are right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gradcheck_sym.autograd.rounding import reach
from gradcheck_sym.run.trial import Floats, Trial
from gradcheck_sym.sampling.ordinals import round_to, step
from gradcheck_sym.sampling.points import Batch
from gradcheck_sym.sampling.space import Space, kept

_POINTS = 16
_SIDES = 12  # points a few steps away, two opposite each other
_STEPS = 4  # of one number, at most
_MOST = 9  # of those points that must be right; a few may be as special as the point
_BETTER = 64  # times closer to the truth: rounding is so at most of them once in 220/64**9


Mask = npt.NDArray[np.bool_]


class Runs(Protocol):
    """A function that is run at points: of its space, fed as it is told."""

    @property
    def space(self) -> Space: ...  # noqa: D102

    def trial(self, batch: Batch, mode: str, fed: Floats | None) -> Trial: ...  # noqa: D102


def jumps(function: Runs, trial: Trial, lane: int) -> Floats:
    """How far rounding may move each number at a point, (outputs,); 0 where nothing is known."""
    if not function.space.free:
        return np.zeros(trial.claimed.shape[1])
    batch = _within_half_the_digits(function.space, trial, lane)
    good, _ = kept(function.space, batch)
    if good.sum() < _POINTS // 2:
        return np.zeros(trial.claimed.shape[1])
    fed = np.repeat(trial.cotangents[[lane]], good.sum(), axis=0)
    near = function.trial(batch.take(good), "each", fed)
    with np.errstate(invalid="ignore", over="ignore"):
        errors, here = near.claimed - near.truths, trial.claimed[lane] - trial.truths[lane]
        moved = np.abs(errors - here).max(axis=0)
    return np.asarray(np.nan_to_num(reach(len(near.claimed)) * moved, nan=0.0, posinf=0.0))


def stands_out(function: Runs, trial: Trial, lane: int, errors: Floats) -> Mask:
    """Which errors, (outputs,), are no rounding: on all sides of the point they are gone.

    Rounding errors of neighbours are of one size. Where steps to all sides, by a few ulps of every
    input, end at the truth of the point itself, it is the point that is handled in another way. A
    matrix that is diagonal remains so if what is 0 stays: then it is moved as well.
    """
    found: Mask = np.zeros(errors.shape, dtype=np.bool_)
    for batch in _few_ulps_off(function.space, trial, lane):
        good, _ = kept(function.space, batch)
        if not good.all():
            continue
        near = function.trial(batch, "each", np.repeat(trial.cotangents[[lane]], _SIDES, axis=0))
        with np.errstate(invalid="ignore", over="ignore"):
            off = np.abs(near.claimed - trial.truths[lane])
            found |= (off < errors / _BETTER).sum(axis=0) >= _MOST
    return found


def around(trial: Trial, lane: int, moved: Mapping[str, Floats]) -> Batch:
    """Points beside one: other numbers in some inputs, (points, *shape) each; the rest as it is."""
    count = len(next(iter(moved.values())))
    values = {
        name: moved[name] if name in moved else np.repeat(array[[lane]], count, axis=0)
        for name, array in trial.values.items()
    }
    return Batch(trial.dims, trial.dtype.name, values, ("search",) * count)


def _few_ulps_off(space: Space, trial: Trial, lane: int) -> Iterator[Batch]:
    """Points whose numbers are near ones up or down, but for 0; fixed ones as well.

    Then, where there are others beside it, 0 becomes what the largest of them is rounded by.
    """
    stream, moved, from_zero = np.random.default_rng(lane), {}, {}
    for entry in space.inputs:
        here = trial.values[entry.name][lane]
        half = (_SIDES // 2, *here.shape)
        steps = stream.choice([-1, 1], half) * stream.integers(1, _STEPS, half, endpoint=True)
        steps = np.concatenate([steps, -steps])
        near = step(trial.dtype.name, here, np.where(here == 0, 0, steps))
        largest = np.abs(here).max(initial=0.0)
        if entry in space.free and largest and not here.all():
            ulp = largest * trial.unit
            from_zero[entry.name] = round_to(trial.dtype.name, np.where(here, near, ulp * steps))
        moved[entry.name] = near
    yield around(trial, lane, moved)
    if from_zero:
        yield around(trial, lane, moved | from_zero)


def _within_half_the_digits(space: Space, trial: Trial, lane: int) -> Batch:
    """Points whose later digits are others; what is 0 or has a value of its own stays as it is."""
    stream, farthest = np.random.default_rng(lane), 2.0 ** -(trial.dtype.precision // 2)
    moved = {}
    for entry in space.free:
        here = trial.values[entry.name][lane]
        share = stream.uniform(-farthest, farthest, (_POINTS, *here.shape))
        moved[entry.name] = round_to(trial.dtype.name, here * (1 + share))
    return around(trial, lane, moved)
