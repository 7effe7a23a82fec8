"""How far claims are from the truth, and how far they may be, number by number and with care."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, final

import numpy as np
import numpy.typing as npt

from gradcheck_sym.symbolic.careful import Loss
from gradcheck_sym.symbolic.derivation import Leaving
from gradcheck_sym.verdict.bound import roundings, tolerated
from gradcheck_sym.verdict.records import CANCELLATION, UNDERFLOW
from gradcheck_sym.verdict.ruling import Gap

if TYPE_CHECKING:
    from gradcheck_sym.run.trial import Trial

Floats = npt.NDArray[np.float64]

_ROOM = 8.0  # times the largest input: what a few sums of inputs come to before they are divided


@final
@dataclass(frozen=True, slots=True)
class Moves:
    """What roundings move numbers by: quickly for many points, with care for one in doubt."""

    quickly: Callable[[list[int]], Floats]  # lanes -> (lanes, outputs), NaN in doubt
    carefully: Callable[[int], Callable[[int], float]]  # lane -> output -> its move
    known: dict[int, Sequence[float]] = field(default_factory=dict)
    sure: dict[int, Callable[[int], float]] = field(default_factory=dict)

    def look_at(self, lanes: Sequence[int]) -> None:
        """Works out what is not known yet of some lanes, in one batch."""
        fresh = [lane for lane in lanes if lane not in self.known]
        if fresh:
            self.known.update(zip(fresh, self.quickly(fresh).tolist(), strict=True))

    def quick(self, lanes: Sequence[int]) -> Floats:
        """What is quickly known of some lanes, (lanes, outputs); NaN in doubt."""
        self.look_at(lanes)
        return np.array([self.known[lane] for lane in lanes])

    def of(self, lane: int, column: int) -> float:
        """One number's move."""
        self.look_at([lane])
        quick = self.known[lane][column]
        if np.isfinite(quick):
            return quick
        if lane not in self.sure:
            self.sure[lane] = cache(self.carefully(lane))
        return self.sure[lane](column)


@final
@dataclass(frozen=True)
class Gaps:
    """The gaps of one trial, each worked out once."""

    trial: Trial
    known: dict[tuple[int, int], Gap] = field(default_factory=dict)  # by lane and column
    _lost: dict[int, Sequence[Loss]] = field(default_factory=dict)  # as written, by lane
    # what leaves the range, by lane, and whether in the value alone
    _leaving: dict[tuple[int, bool], Leaving] = field(default_factory=dict)
    _kept: dict[int, Floats] = field(default_factory=dict)  # moves by what is kept, by lane
    _ways: dict[int, list[list[float]]] = field(default_factory=dict)  # other branches, by lane

    def of(self, lane: int, column: int) -> Gap:
        """How far one claim is from the truth, and how far it may be."""
        if (lane, column) not in self.known:
            self.known[lane, column] = self._of(lane, column)
        return self.known[lane, column]

    def _of(self, lane: int, column: int) -> Gap:
        trial, truth = self.trial, self.trial.truth(lane, column)
        assert truth is not None
        claim = float(trial.claimed[lane, column])
        least, most = truth.distance(claim)
        spacing = float(np.fmax(trial.norms[lane, column], trial.spacing(truth.middle)))
        bound = trial.sound(lane, 0.0, spacing)
        if most <= bound and math.isfinite(most):
            return Gap(claim, truth.middle, least, most, bound, bound)
        sensitivity = self.sensitive.of(lane, column)
        bound = trial.sound(lane, sensitivity, spacing)
        if most > bound:
            sensitivity = max(sensitivity, self.swung.of(lane, column))
            bound = trial.sound(lane, sensitivity, spacing)
        vague = roundings(trial.derivation.depth) * sensitivity >= abs(truth.middle) > 0
        if most <= bound and math.isfinite(most):
            return Gap(claim, truth.middle, least, most, bound, bound, vague)
        row, dtype = trial.rows[lane].tolist(), trial.dtype
        loss = self._loss(lane, column, least, bound)
        lost = self._lost_by(loss)
        if truth.vanishes:  # no digits to lose: terms that cancel leave what they rounded
            bound = tolerated(lost, bound)
        return Gap(
            claim,
            truth.middle,
            least,
            most,
            bound,
            tolerated(lost, bound, dtype.smallest_normal * float(trial.fed[lane])),
            vague,
            "arithmetic" if trial.by_hand and loss.overflow == CANCELLATION else loss.overflow,
            trial.bounded,
            self._crowded(lane, column),
            vague and not np.isfinite(claim) and trial.derivation.outsized(row, dtype),
            self._subnormal(lane),
            lost < loss.radius and least <= tolerated(loss.radius, bound),
            not np.isfinite(claim)
            and (vague or not bound < dtype.max)
            and trial.derivation.polar(row, dtype, trial.ends)[column],
        )

    def _lost_by(self, loss: Loss) -> float:
        """What an unstable formula may lose; by overflow only where that is nobody's fault.

        Where the author states a bounded domain it is that of who wrote the code, be it the user
        or torch in one operator.
        """
        excused = loss.overflow in (UNDERFLOW, CANCELLATION)
        excused |= self.trial.composed or not self.trial.bounded
        return loss.radius if excused else loss.digits

    def _as_written(self, lane: int) -> Sequence[Loss]:
        """What evaluating every number of a point as written may lose."""
        if lane not in self._lost:
            row = self.trial.rows[lane].tolist()
            self._lost[lane] = self.trial.derivation.losses(row, self.trial.dtype)
        return self._lost[lane]

    def tolerated_as_written(self, lane: int, column: int, bound: float) -> float:
        """The error up to which the formula as written may lose digits, sound up to a bound."""
        return float(tolerated(self._lost_by(self._as_written(lane)[column]), bound))

    def _subnormal(self, lane: int) -> bool:
        """Whether an input is below the normal range, which hardware may be set to take for 0."""
        values, dtype = self.trial.values, self.trial.dtype
        given = np.concatenate([array[lane].reshape(-1) for array in values.values()])
        small = (given != 0) & (np.abs(given) < dtype.smallest_normal)
        return dtype.flushed and bool(small.any())

    def _crowded(self, lane: int, column: int) -> bool:
        """Whether an infinite claim about a gradient may come of the order of multiplications.

        About a value, whether it may come of adding before dividing, as (|x| + x)/2 does, next to
        the end of a range that nobody stated; one operator of torch is asked for all of the range.
        """
        trial = self.trial
        if np.isfinite(trial.claimed[lane, column]):
            return False
        if column < trial.derivation.values:
            given = trial.values.values()
            largest = max(float(np.abs(each[lane]).max(initial=0.0)) for each in given)
            several = trial.by_hand or trial.composed
            return several and not trial.bounded and _ROOM * largest >= trial.dtype.max
        row = trial.rows[lane].tolist()
        return trial.derivation.crowded(row, trial.dtype, bounded=trial.bounded)

    @cached_property
    def sensitive(self) -> Moves:
        """What one rounding of every input moves each number by, to first order."""
        derivation, rows, dtype = self.trial.derivation, self.trial.rows, self.trial.dtype
        return Moves(
            lambda lanes: derivation.sensitivities_of(rows[lanes], dtype.precision),
            lambda lane: derivation.sensitive(rows[lane].tolist(), dtype),
        )

    @cached_property
    def swung(self) -> Moves:
        """What a whole rounding of every input moves each number by."""
        derivation, rows, dtype = self.trial.derivation, self.trial.rows, self.trial.dtype
        return Moves(
            lambda lanes: derivation.swings_of(rows[lanes], dtype.precision),
            lambda lane: derivation.swinging(rows[lane].tolist(), dtype),
        )

    def _loss(self, lane: int, column: int, error: float, bound: float) -> Loss:
        """What unstable evaluations may lose of one number: as written, or with values recomputed.

        The second is dearer, and looked at only where the first does not explain the error. It
        counts where the backward can be seen to work with what its forward kept and rounded.
        """
        derivation, dtype = self.trial.derivation, self.trial.dtype
        row = self.trial.rows[lane].tolist()
        written = self._as_written(lane)[column]
        if math.isfinite(error) and error <= tolerated(self._lost_by(written), bound):
            return written
        if said := self._left(lane, column):
            return Loss(math.inf, said, written.digits)
        if column < derivation.values:
            return written
        recomputed = derivation.recomputed_loss(row, column, dtype, written)
        explained = error <= tolerated(self._lost_by(recomputed), bound)
        kept = explained and error <= self._moved_by_kept(lane)[column] + bound
        return recomputed if kept else written

    def _left(self, lane: int, column: int) -> str:
        """What leaves the dtype's range in the formula as written, and takes a claim along.

        For a gradient wherever it is: a backward works with what its forward met, and may be
        written otherwise.
        Overflow leaves 0, an infinity or NaN. It is an excuse where only tiny inputs make it, by
        their reciprocals; and else of a formula in torch's operators, as it is written, where no
        bounded domain is stated.
        """
        trial, claim = self.trial, float(self.trial.claimed[lane, column])
        if claim and math.isfinite(claim):
            return ""
        alone, row = column < trial.derivation.values, trial.rows[lane].tolist()
        if not (alone or self._as_written(lane)[column].overflow):
            return ""
        if (lane, alone) not in self._leaving:
            found = trial.derivation.leaving(row, trial.dtype, alone=alone)
            self._leaving[lane, alone] = found
        leaving = self._leaving[lane, alone]
        if leaving.by_tiny:
            return UNDERFLOW
        excused = leaving.what == UNDERFLOW or (
            not trial.by_hand and (leaving.what == CANCELLATION or not trial.bounded)
        )
        return leaving.what if excused else ""

    def _moved_by_kept(self, lane: int) -> Floats:
        """What rounding of what the forward kept may move each number by at a point."""
        if lane not in self._kept:
            self._kept[lane] = self.trial.recalled(self.trial, lane)
        return self._kept[lane]

    def is_on_other_branch(self, lane: int, column: int) -> bool:
        """Whether a claim is right on another side of what rounding leaves open, or between them.

        Where the value jumps, it must be claimed of that side, too; where it does not, any number
        between the slopes of the sides is a convention.
        """
        sides = [self.of(lane, column).truth]
        for way in self._other_branches(lane):
            if all(
                self._is_near(lane, at, way[at], self.of(lane, at).truth) for at in self._values
            ):
                sides.append(way[column])
            elif all(self._is_claimed(lane, at, way[at]) for at in (*self._values, column)):
                return True
        if len(sides) == 1:
            return False
        between = sorted([min(sides), self.of(lane, column).claim, max(sides)])[1]
        return self._is_claimed(lane, column, between)

    @property
    def _values(self) -> range:
        return range(self.trial.derivation.values)

    def _is_claimed(self, lane: int, column: int, number: float) -> bool:
        return self._is_near(lane, column, self.of(lane, column).claim, number)

    def _is_near(self, lane: int, column: int, one: float, other: float) -> bool:
        """Whether two numbers are the same, for all that a sound evaluation may lose of them."""
        share = roundings(self.trial.derivation.depth) * self.trial.unit
        return abs(one - other) <= self.of(lane, column).allowed + share * abs(other)

    def _other_branches(self, lane: int) -> list[list[float]]:
        """The numbers along each other way that rounding may take, where all are finite."""
        if lane not in self._ways:
            trial = self.trial
            found = trial.derivation.other_branches(trial.rows[lane].tolist(), trial.dtype)
            numbers = [[float(ball) for ball in way] for way in found]
            self._ways[lane] = [way for way in numbers if np.isfinite(way).all()]
        return self._ways[lane]
