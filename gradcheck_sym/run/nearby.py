"""What rounding makes of a claim, told from the points next to it.

Some functions of torch take another way where their operations are watched. What they lose then
shows only from outside: from point to point nearby an error jumps that is rounding, for other last
digits are cut off. A mistake hardly changes there, as little as the mathematics.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from gradcheck_sym.autograd.rounding import reach
from gradcheck_sym.run.trial import Floats, Trial
from gradcheck_sym.sampling.ordinals import round_to
from gradcheck_sym.sampling.points import Batch
from gradcheck_sym.sampling.space import Space, kept

_POINTS = 16


class Runs(Protocol):
    """A function that is run at points: of its space, fed as it is told."""

    @property
    def space(self) -> Space: ...  # noqa: D102

    def trial(self, batch: Batch, mode: str, fed: Floats | None) -> Trial: ...  # noqa: D102


def jumps(function: Runs, trial: Trial, lane: int) -> Floats:
    """How far rounding may move each number at a point, (outputs,); 0 where nothing is known."""
    batch = _beside(function.space, trial, lane)
    good, _ = kept(function.space, batch)
    if good.sum() < _POINTS // 2:
        return np.zeros(trial.claimed.shape[1])
    fed = np.repeat(trial.cotangents[[lane]], good.sum(), axis=0)
    near = function.trial(batch.take(good), "each", fed)
    with np.errstate(invalid="ignore", over="ignore"):
        errors, here = near.claimed - near.truths, trial.claimed[lane] - trial.truths[lane]
        moved = np.abs(errors - here).max(axis=0)
    return np.asarray(np.nan_to_num(reach(len(near.claimed)) * moved, nan=0.0, posinf=0.0))


def _beside(space: Space, trial: Trial, lane: int) -> Batch:
    """The points; what is 0 or has a value of its own stays as it is."""
    stream, farthest = np.random.default_rng(lane), 2.0 ** -(trial.dtype.precision // 2)
    values = {
        name: np.repeat(array[[lane]], _POINTS, axis=0) for name, array in trial.values.items()
    }
    for entry in space.free:
        share = stream.uniform(-farthest, farthest, values[entry.name].shape)
        moved = values[entry.name] * (1 + share)
        values[entry.name] = round_to(trial.dtype.name, moved)
    return Batch(trial.dims, trial.dtype.name, values, ("search",) * _POINTS)
