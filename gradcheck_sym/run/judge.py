"""Rulings on all numbers of a trial: the cheap way for nearly all points, the careful for the rest.

A point is settled at once where every number is within a few ulps. Else it is looked at with
care, unless many points are in doubt: then those whose error is plainly rounding are told first,
by running the implementation in another dtype, and once something is wrong the rest is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import final

import numpy as np
import numpy.typing as npt

from gradcheck_sym.run.trial import Fault, Floats, Trial
from gradcheck_sym.symbolic.places import Place
from gradcheck_sym.verdict.records import Verdict
from gradcheck_sym.verdict.ruling import Ruling, is_rounding, rounding_mask

# The points of some lanes again, at each of the scales in turn: in another dtype, and in the same.
Twin = Callable[[Trial, Sequence[int], Sequence[float]], tuple[Trial, Trial]]

# Where every digit is lost (1 + erf(x) is 0 for x < -9 in float64, for x < -6 in float32), the
# error is the truth itself in both dtypes; how large the rounding was shows nearer to the origin.
# Powers of two would repeat the luck of one rounding.
_SCALES = (1.0, 0.97, 0.83, 0.71, 0.53, 0.29, 0.13)

_AT_ONCE = 32  # points that are looked at with care before it is asked whether any is wrong
_FEW = 16  # points in doubt for which it is not worth running another dtype first
_CLOSEST_LOOK = 64  # points within a bound that may be too wide, whose bound is worked out

Mask = npt.NDArray[np.bool_]


@final
@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of the points of one trial, as far as some columns are concerned."""

    decided: int
    dropped: Mapping[str, int]
    faults: tuple[Fault, ...]
    worst: Fault | None  # the largest error in ulps, agreeing or not
    members: tuple[str, ...] = ()  # of generalized gradients, one for each point at a kink

    @property
    def is_wrong(self) -> bool:
        """Whether some number is wrong."""
        return any(fault.ruling.verdict is Verdict.WRONG for fault in self.faults)


def judge(trial: Trial, columns: slice, twin: Twin | None) -> Judgement:
    """Every number of those columns against its truth; without a twin nothing is excused."""
    judging = _Judging(trial, columns, twin)
    judging.run()
    decided = len(trial.claimed) - judging.dropped.total()
    faults = tuple(judging.faults)
    worst = max(faults, key=lambda fault: fault.order) if faults else judging.largest()
    return Judgement(decided, dict(judging.dropped), faults, worst)


@final
@dataclass(slots=True)
class _Judging:
    """One judgement under way."""

    trial: Trial
    columns: slice
    twin: Twin | None
    faults: list[Fault] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)

    def run(self) -> None:
        """Fills in the faults and the dropped points."""
        tight, loose = (self._within(share) for share in self.trial.shares)
        doubtful = self._by_size(~loose)
        doubtful = self._without_rounding(doubtful)
        for start in range(0, len(doubtful), _AT_ONCE):
            found = [f for lane in doubtful[start : start + _AT_ONCE] for f in self._look(lane)]
            self.faults += excused(self.trial, found, self.twin)
            if any(fault.ruling.verdict is Verdict.WRONG for fault in self.faults):
                left = len(doubtful) - start - _AT_ONCE
                self.dropped.update({"left, since others are wrong": left} if left > 0 else {})
                return
        if not self.faults:
            for lane in self._by_size(loose & ~tight)[:_CLOSEST_LOOK]:
                self.faults.extend(self._look(lane))

    def _within(self, share: Floats) -> Mask:
        """The points at which all numbers keep a bound, and the value is plain."""
        kept = (share[:, self.columns] <= 1).all(axis=1)
        return np.asarray(kept & self.trial.valued_plainly)

    def _by_size(self, chosen: Mask) -> list[int]:
        """The chosen points: those of the largest errors and the first ones by turns."""
        lanes = np.flatnonzero(chosen)
        share = self.trial.shares[1][lanes][:, self.columns]
        size = np.nan_to_num(share, nan=np.inf).max(axis=1, initial=0.0)
        ranked = lanes[np.argsort(-size, kind="stable")].tolist()
        mixed = [lane for pair in zip(ranked, lanes.tolist(), strict=True) for lane in pair]
        return list(dict.fromkeys(mixed))

    def _without_rounding(self, lanes: list[int]) -> list[int]:
        """Takes out the points at which all that exceeds the bound is rounding, as inaccurate."""
        plain = [lane for lane in lanes if self.trial.is_plain(lane, self.columns)]
        for scales in (_SCALES[:1], _SCALES[1:]):  # the further ones only where they are needed
            if self.twin is None or len(plain) <= _FEW:
                break
            plain = self._unexplained(plain, *self.twin(self.trial, plain, scales))
        explained = {fault.lane for fault in self.faults}
        return [lane for lane in lanes if lane not in explained]

    def _unexplained(self, lanes: list[int], other: Trial, same: Trial) -> list[int]:
        """Notes the points whose errors are rounding; returns the others."""
        trial = self.trial
        with np.errstate(over="ignore", invalid="ignore"):
            noise = _noise(other, same, len(lanes))
            rounds = rounding_mask(trial.errors[lanes], same.unit, noise, other.unit)
        beyond = ~(trial.shares[1][lanes] <= 1)
        sized = rounds & ~trial.vanishing[lanes]
        explained = (sized | ~beyond)[:, self.columns].all(axis=1)
        for place in np.flatnonzero(explained).tolist():
            self.faults.extend(self._inaccurate(lanes[place], beyond[place]))
        return [lane for place, lane in enumerate(lanes) if not explained[place]]

    def _inaccurate(self, lane: int, beyond: Mask) -> Iterator[Fault]:
        for column in range(*self.columns.indices(len(beyond))):
            if beyond[column]:
                error = float(self.trial.errors[lane, column] / self.trial.ulps[lane, column])
                yield Fault(lane, column, Ruling(Verdict.INACCURATE), error)

    def _look(self, lane: int) -> list[Fault]:
        """The faults at one point; counts the point where it is dropped."""
        trial = self.trial
        if trial.broken(lane, self.columns):
            self.dropped["raised"] += 1
            return []
        if (reason := self._undecided(lane)) is not None:
            self.dropped[reason] += 1
            return []
        share = trial.shares[0][lane]
        places = range(*self.columns.indices(len(share)))
        rulings = {
            column: trial.ruling(lane, column) for column in places if not share[column] <= 1
        }
        if reasons := [ruling.dropped for ruling in rulings.values() if ruling.dropped]:
            self.dropped[reasons[0]] += 1
        return [
            Fault(lane, column, ruling, trial.error_ulp(lane, column))
            for column, ruling in rulings.items()
            if ruling.verdict is not Verdict.AGREES and not ruling.dropped
        ]

    def _undecided(self, lane: int) -> str | None:
        """Why there is no truth at a point for some of the columns, if so."""
        settled = self.trial.settled(lane)
        truths = (settled.values + settled.gradient)[self.columns]
        regular = settled.place is Place.REGULAR
        judged = regular or not self.trial.smooth
        if judged and all(truth is not None for truth in truths):
            return None
        return Place.UNDECIDED.value if regular else settled.place.value

    def largest(self) -> Fault | None:
        """The largest error among numbers that agree."""
        trial = self.trial
        with np.errstate(invalid="ignore", over="ignore"):
            error = (trial.errors / trial.ulps)[:, self.columns]
        error[~np.isfinite(error)] = -1
        if not error.size or error.max() < 0:
            return None
        lane, place = (int(k) for k in np.unravel_index(int(error.argmax()), error.shape))
        column = place + self.columns.start
        if trial.truth(lane, column) is None:
            return None
        return Fault(lane, column, Ruling(Verdict.AGREES), trial.error_ulp(lane, column))


def excused(trial: Trial, faults: Sequence[Fault], twin: Twin | None) -> list[Fault]:
    """The faults, with those that are mere rounding as inaccurate."""
    wrong = [fault for fault in faults if fault.ruling.verdict is Verdict.WRONG]
    lanes = list(dict.fromkeys(fault.lane for fault in wrong))
    if not lanes or twin is None:
        return list(faults)
    other, same = twin(trial, lanes, _SCALES)
    with np.errstate(over="ignore", invalid="ignore"):
        noise = _noise(other, same, len(lanes))
    eased = {
        fault
        for fault in wrong
        if is_rounding(
            trial.gap(fault.lane, fault.column).least,
            trial.unit,
            float(noise[lanes.index(fault.lane), fault.column]),
            other.unit,
        )
    }
    return [
        replace(fault, ruling=Ruling(Verdict.INACCURATE)) if fault in eased else fault
        for fault in faults
    ]


def _noise(other: Trial, same: Trial, lanes: int) -> Floats:
    """The largest rounding in the other dtype at each point's scales; -1 where none is known.

    Only what is rounding at its own scale counts: there the error is proportional to the dtypes'
    roundoffs. A mistake is as large in both, wherever it is looked at.
    """
    proportional = rounding_mask(same.errors, same.unit, other.errors, other.unit)
    plain = proportional & other.valued_plainly[:, None] & same.valued_plainly[:, None]
    for lane in {*other.problems, *same.problems}:
        plain[lane] = False
    known = np.where(plain, other.errors, -1.0)
    return np.asarray(known.reshape(-1, lanes, known.shape[1]).max(axis=0))
