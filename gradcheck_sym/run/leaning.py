"""Errors that all lie on one side, all around a point: no rounding, however small each of them is.

What is allowed of a number is what the worst of all roundings may lose, and in 16 bits a dozen
operations may lose a tenth of it so. But roundings go either way, and at the next point another
way. A constant of two digits in the path of one dtype, or a sum that no longer grows, goes the
same way at all of them, by more than any other roundings of the same operations would.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, final

import numpy as np
import numpy.typing as npt

from gradcheck_sym.run.trial import Floats, Trial
from gradcheck_sym.sampling.ordinals import round_to
from gradcheck_sym.sampling.points import Batch
from gradcheck_sym.sampling.space import Space, kept

_POINTS = 48
_LEAST = 24  # of them, that must be left
_NEAR = 2.0**-4  # how far away, relatively: a dozen numbers of bfloat16
_MOST = 4.0  # times what is usual that one point counts for: a few must not speak for all

Mask = npt.NDArray[np.bool_]


class Runs(Protocol):
    """A function that is run at points, as it is or with other roundings."""

    @property
    def space(self) -> Space: ...  # noqa: D102

    def trial(self, batch: Batch, mode: str, fed: Floats | None) -> Trial: ...  # noqa: D102

    def moves(self, trial: Trial) -> Iterator[Floats]: ...  # noqa: D102


@final
@dataclass(frozen=True, slots=True)
class Lean:
    """How numbers are off around a point."""

    columns: Mask  # those that are off to one side, (outputs,)
    off: Floats  # by how much on average
    moved: Floats  # and how far other roundings move them at most, on average
    points: int

    def told(self, column: int) -> str:
        """What is so about one of the numbers."""
        return (
            f"off to the same side at all {self.points} points around it, by"
            f" {self.off[column]:.3g} on average; other roundings of its own operations move it by"
            f" {self.moved[column]:.3g}"
        )


def leaning(function: Runs, trial: Trial, lane: int) -> Lean | None:
    """How numbers are off around a point; None where none is, or nothing can be told."""
    near = _around(function, trial, lane)
    if near is None:
        return None
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        off = near.claimed - near.truths
        one_sided = (off > 0).all(axis=0) | (off < 0).all(axis=0)
        columns = one_sided & (_on_average(near.in_roundings) > 1)
        columns &= (near.shares[1] <= 1).all(axis=0)  # else there is more to it, and it is judged
    moved = np.zeros_like(off)
    moves = function.moves(near) if columns.any() else iter(())
    while columns.any() and (further := next(moves, None)) is not None:
        moved = further
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            columns &= _on_average(np.abs(off) / moved) > 1  # no further run makes it more
    columns &= (moved > 0).all(axis=0)  # else nobody knows what is rounded, as in NumPy
    if not columns.any():
        return None
    return Lean(columns, np.abs(off).mean(axis=0), moved.mean(axis=0), len(off))


def _on_average(sizes: Floats) -> Floats:
    """Means over all points; NaN where one is unknown."""
    return np.asarray(np.minimum(sizes, _MOST).mean(axis=0))


def _around(function: Runs, trial: Trial, lane: int) -> Trial | None:
    """A trial of points around one, fed about the same; of the regular ones, if they are many."""
    stream = np.random.default_rng(lane)

    def moved(array: Floats) -> Floats:
        share = stream.uniform(-_NEAR, _NEAR, (_POINTS, *array.shape))
        return round_to(trial.dtype.name, array * (1 + share))

    same = {name: np.repeat(array[[lane]], _POINTS, axis=0) for name, array in trial.values.items()}
    others = {entry.name: moved(trial.values[entry.name][lane]) for entry in function.space.free}
    fed = moved(trial.cotangents[lane])
    for values in (same | others, same):  # what is one of a few numbers has none near it
        batch = Batch(trial.dims, trial.dtype.name, values, ("search",) * _POINTS)
        good, _ = kept(function.space, batch)
        if good.sum() >= _LEAST:
            near = function.trial(batch.take(good), trial.mode, fed[good])
            plain = np.flatnonzero(near.valued_plainly & np.isfinite(near.errors).all(axis=1))
            left = [at for at in plain.tolist() if at not in near.problems]
            return near.take(left) if len(left) >= _LEAST else None
    return None
