"""Rulings on all numbers of a trial: the cheap way for nearly all points, the careful for the rest.

A point is settled at once where every number is within a few ulps. Else it is looked at with
care, unless many points are in doubt: then those whose error is plainly rounding are told first,
by what rounding makes of the implementation's own operations, and once something is wrong the
rest is left.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import final

import numpy as np
import numpy.typing as npt

from gradcheck_sym.run.beyond import beyond
from gradcheck_sym.run.kinks import JUDGED, at_kink
from gradcheck_sym.run.leaning import Lean
from gradcheck_sym.run.patience import ALL
from gradcheck_sym.run.trial import Fault, Floats, Rounding, Trial
from gradcheck_sym.spec.dtypes import Format
from gradcheck_sym.symbolic.places import Place
from gradcheck_sym.verdict.records import Verdict
from gradcheck_sym.verdict.ruling import Ruling

# The narrowest dtype in which the code under test is seen to round at the points of a trial.
Inside = Callable[[Trial], Format]

# Why a claim, by lane and column, is off because numbers left the dtype's range; else "".
Overflow = Callable[[Trial, int, int], str]

# What is off to one side around a point, by lane.
Around = Callable[[Trial, int], Lean | None]

_FEW = 3  # points around which others are looked at: from the farthest off down to those
_FAR = 1.5  # that are off by so many roundings
_MOST_KINKS = 24  # points of one trial that are held against generalized gradients
_FEW_KINKS = 6  # of a trial of slopes of slopes
_AT_ONCE = 2  # points that are looked at with care before it is asked whether any is wrong; then
_MANY = 8  # points in doubt, for which it is asked what dtype the code rounds in
_GROWTH = 4  # times as many; where points are run together, all the others
_CLOSEST_LOOK = 512  # points within a bound that may be too wide, whose bound is worked out
_ENOUGH = 16  # wrong numbers at one point
_MOST_CLOSE = 64  # of these, where that takes care

Mask = npt.NDArray[np.bool_]


@final
@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of the points of one trial, as far as some columns are concerned."""

    decided: int
    dropped: Mapping[str, int]
    faults: tuple[Fault, ...]
    worst: Fault | None  # the largest error in ulps; an estimate, where all agree
    members: tuple[str, ...] = ()  # of generalized gradients, one for each point at a kink

    @property
    def is_wrong(self) -> bool:
        """Whether some number is wrong."""
        return any(fault.ruling.verdict is Verdict.WRONG for fault in self.faults)


def judge(
    trial: Trial,
    columns: slice,
    rounding: Rounding,
    overflow: Overflow = lambda trial, lane, column: "",
    *,
    together: bool = False,
    most: int = ALL.points,
    at_kinks: Rounding | None = None,
    inside: Inside = lambda trial: trial.dtype,
    around: Around | None = None,
) -> Judgement:
    """Every number of those columns against its truth.

    together: whether asking about the rounding of many points costs no more than of one.
    most: points in doubt that are looked at with care.
    at_kinks: the rounding that is excused beside an element at a kink; None: the same.
    inside: tells a narrower dtype that explains what many points lose, asked once a few are.
    around: tells what is off to one side around a point within the bound; None: nobody does.
    """
    judging = _Judging(
        trial, columns, rounding, overflow, together, most, at_kinks or rounding, inside, around
    )
    judging.run()
    decided = len(trial.claimed) - judging.dropped.total()
    faults = tuple(judging.faults)
    worst = max(faults, key=lambda fault: fault.order) if faults else judging.largest()
    members = tuple(judging.members)
    return Judgement(decided, dict(judging.dropped), faults, worst, members)


@final
@dataclass(slots=True)
class _Judging:
    """One judgement under way."""

    trial: Trial
    columns: slice
    rounding: Rounding
    overflow: Overflow
    together: bool
    most: int
    at_kinks: Rounding
    inside: Inside
    around: Around | None
    faults: list[Fault] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    members: list[str] = field(default_factory=list)  # of generalized gradients
    looked_at: int = 0  # kinks where a claim could be told, or nothing but slopes of slopes
    eased: list[Fault] = field(default_factory=list)  # plainly rounding, and beyond a rough bound

    def run(self) -> None:
        """Fills in the faults and the dropped points."""
        self._decide()
        self.faults += self._confirmed()

    def _decide(self) -> None:
        as_usual = self.trial.is_as_usual(self.columns)  # judged where it is run as usual
        self._leave_out(as_usual)
        tight, loose = (self._within(share) | as_usual for share in self.trial.shares)
        within = self._without_overflow(self._within_range(~loose))
        doubtful, count = self._by_size(self._unexplained(within)), _AT_ONCE
        if len(doubtful) > self.most:
            self.dropped[f"in doubt, after {self.most} others"] = len(doubtful) - self.most
            doubtful = doubtful[: self.most]
        while doubtful:
            some, doubtful = doubtful[:count], doubtful[count:]
            self._settle(some)
            if any(fault.ruling.verdict is Verdict.WRONG for fault in self.faults):
                if doubtful:
                    self.dropped["left, since others are wrong"] += len(doubtful)
                return
            doubtful = self._beyond_inner_dtype(doubtful)
            count = len(doubtful) if self.together else count * _GROWTH
        self._look_closer(self._by_size(loose & ~tight)[:_CLOSEST_LOOK])
        if self.around is not None and self.columns.start >= self.trial.derivation.values:
            self._look_around(self.around, loose)

    def _look_around(self, around: Around, within: Mask) -> None:
        """The faults at a few points that are off within the bound, if all around them is."""
        trial = self.trial
        units = np.where(self._judged, np.nan_to_num(trial.in_roundings, nan=0.0, posinf=0.0), 0.0)
        farthest = np.where(within & trial.valued_plainly, units.max(axis=1, initial=0.0), 0.0)
        ranked = np.argsort(-farthest, kind="stable")[: np.count_nonzero(farthest > _FAR)]
        if not trial.bounded:  # what squares that overflow leave out has one side at all points
            ranked = ranked[~trial.derivation.overflowing(trial.rows[ranked], trial.dtype)]
        few = [len(ranked) * k // _FEW for k in range(_FEW)] if ranked.size else []
        for lane in dict.fromkeys(ranked[few].tolist()):
            lean = around(trial, lane) if self._undecided(lane) is None else None
            off = [] if lean is None else np.flatnonzero(lean.columns & (units[lane] > 1)).tolist()
            if lean is not None and off:
                self.faults += [self._leaning(lane, column, lean) for column in off[:_ENOUGH]]
                return

    def _leaning(self, lane: int, column: int, lean: Lean) -> Fault:
        ruling = Ruling(Verdict.WRONG, lean.told(column))
        error, most = self.trial.error_ulp(lane, column), float(lean.moved[column])
        return Fault(lane, column, ruling, error, allowed=most)

    def _leave_out(self, as_usual: Mask) -> None:
        """Counts the points without a truth that are left to the usual run, which has none."""
        for lane in np.flatnonzero(as_usual).tolist() if self.trial.smooth else ():
            reason = self._undecided(lane)
            if reason is not None:
                self.dropped[reason] += 1

    def _look_closer(self, lanes: list[int]) -> None:
        """The faults at points within a bound that may be too wide."""
        left = self._not_all(self.trial.plainly_sound, lanes)
        left = self._not_all(lambda some: self.trial.exact_shares(some) <= 1, left)[:_MOST_CLOSE]
        if left:
            shares = self.trial.swung_shares(left)
            explained = self.trial.as_written(left) & ~np.isnan(shares)
            noted = self._take_out(left, explained, ~(shares <= 1) & self._judged)
            self._add([lane for lane in left if lane not in noted])

    def _not_all(self, sound: Callable[[list[int]], Mask], lanes: list[int]) -> list[int]:
        """Those of some points at which not every number is sound."""
        if not lanes:
            return []
        left = ~np.asarray(sound(lanes)[:, self.columns].all(axis=1))
        return [lanes[place] for place in np.flatnonzero(left).tolist()]

    def _unexplained(self, doubtful: Mask) -> Mask:
        """Takes out the points where errors are those of the formula as written, as inaccurate."""
        trial = self.trial
        plain = np.isfinite(trial.errors[:, self.columns]).all(axis=1) & trial.valued_plainly
        plain[list(trial.problems)] = False
        lanes = np.flatnonzero(doubtful & plain).tolist()
        if not lanes:
            return doubtful
        self._take_out(lanes, trial.as_written(lanes), self._beyond(lanes))
        left = doubtful.copy()
        left[[fault.lane for fault in self.eased]] = False
        return left

    def _within_range(self, doubtful: Mask) -> Mask:
        """Takes out, and counts, the points that the dtype has no room for."""
        found = beyond(self.trial, np.flatnonzero(doubtful).tolist(), self.columns)
        self.dropped.update(found.values())
        left = doubtful.copy()
        left[list(found)] = False
        return left

    def _without_overflow(self, doubtful: Mask) -> Mask:
        """Takes out, and counts, what is off where plain arithmetic as written overflows.

        Where no bounded domain is stated, nobody claimed that products of the largest floats come
        out right, as `ruling.rule` says of a single number.
        """
        lanes = np.flatnonzero(doubtful).tolist()
        if self.trial.bounded or len(lanes) <= _MANY:
            return doubtful
        found = self.trial.overflowing(lanes, self.columns)
        self.dropped.update(["overflow"] * len(found))
        left = doubtful.copy()
        left[found] = False
        return left

    def _beyond_inner_dtype(self, lanes: list[int]) -> list[int]:
        """Takes out the points that are sound in a narrower dtype that the code rounds in.

        The first points were run with their operations perturbed, one by one. Where they tell of
        float32 inside, so many others need not be.
        """
        if len(lanes) < _MANY:
            return lanes
        inner = self.inside(self.trial.take(lanes[:1]))
        if inner.precision >= self.trial.dtype.precision:
            return lanes
        sound = self.trial.sound_in(inner, lanes)
        noted = self._take_out(lanes, sound, self._beyond(lanes))
        return [lane for lane in lanes if lane not in noted]

    def _settle(self, lanes: list[int]) -> None:
        """The faults at some points in doubt: first those that rounding plainly explains."""
        left = self._without_rounding(lanes) if len(lanes) > _AT_ONCE else lanes
        self.trial.look_at(left)
        self._add(left)

    def _add(self, lanes: list[int]) -> None:
        """The faults at some points, but for what rounding and overflow excuse."""
        found = [fault for lane in lanes for fault in self._look(lane)]
        eased = excused(self.trial, found, self.rounding)
        self.faults += [outgrown(self.trial, fault, self.overflow) for fault in eased]

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
        beyond = self._beyond(plain)
        errors = np.where(beyond, self.trial.errors[plain], 0.0)
        rounds = self.rounding(self.trial, plain, errors) & ~self.trial.vanishing[plain]
        noted = self._take_out(plain, rounds, beyond)
        return [lane for lane in lanes if lane not in noted]

    def _beyond(self, lanes: list[int]) -> Mask:
        """Which numbers at some points exceed the bound, (lanes, outputs)."""
        return ~(self.trial.shares[1][lanes] <= 1) & self._judged

    def _take_out(self, lanes: list[int], explained: Mask, beyond: Mask) -> set[int]:
        """Notes the points as inaccurate at which all that exceeds the bound is explained."""
        places = np.flatnonzero((explained | ~beyond).all(axis=1)).tolist()
        for place in places:
            self.eased.extend(self._inaccurate(lanes[place], beyond[place]))
        return {lanes[place] for place in places}

    @property
    def _judged(self) -> Mask:
        """Which outputs are judged: (outputs,)."""
        chosen = np.zeros(self.trial.claimed.shape[1], dtype=np.bool_)
        chosen[self.columns] = True
        return chosen

    def _inaccurate(self, lane: int, beyond: Mask) -> Iterator[Fault]:
        for column in range(*self.columns.indices(len(beyond))):
            if beyond[column]:
                error = float(self.trial.errors[lane, column]) / float(
                    self.trial.ulps[lane, column]
                )
                yield Fault(lane, column, Ruling(Verdict.INACCURATE), error)

    def _confirmed(self) -> list[Fault]:
        """What is mere rounding and beyond the bound, also where that is worked out with care.

        The largest error is looked at; if it is within the bound after all, the next.
        """
        left = sorted(self.eased, key=lambda fault: fault.error_ulp)
        while left:
            lane, column = left[-1].lane, left[-1].column
            if _counts(self.trial.ruling(lane, column)) and not self._is_open(lane, column):
                break
            left.pop()
        return left

    def _look(self, lane: int) -> list[Fault]:
        """The faults at one point; counts the point where it is dropped."""
        trial = self.trial
        if trial.broken(lane, self.columns):
            self.dropped["raised"] += 1
            return []
        if (reason := self._undecided(lane)) is not None:
            return self._without_gradient(lane, reason)
        rulings = self._rulings(lane)
        off = self._without_open(lane, [at for at, each in rulings.items() if _counts(each)])
        reasons = [ruling.dropped for ruling in rulings.values() if ruling.dropped]
        if reasons and not off:
            self.dropped[reasons[0]] += 1
        is_wrong = any(rulings[column].verdict is Verdict.WRONG for column in off)
        if is_wrong and (found := self._at_threshold(lane)) is not None:
            self.dropped.update(found.dropped)
            self.members.extend(found.members)
            return [replace(fault, lane=lane) for fault in found.faults]
        return [
            Fault(lane, column, rulings[column], trial.error_ulp(lane, column)) for column in off
        ]

    def _without_open(self, lane: int, columns: Sequence[int]) -> Sequence[int]:
        """Without the numbers that are right on the other side of where rounding decides."""
        left = [column for column in columns if not self.trial.is_on_other_branch(lane, column)]
        if len(left) < len(columns):
            self.dropped["within a rounding of a branch"] += 1
        return left

    def _at_threshold(self, lane: int) -> Judgement | None:
        """Of the point alone, where rounded constants put it on a kink; None if it is wrong."""
        alone = self.trial.at_threshold(lane)
        if alone is None:
            return None
        found = judge(alone, self.columns, self.rounding, self.overflow, at_kinks=self.at_kinks)
        return None if found.is_wrong else found

    def _is_open(self, lane: int, column: int) -> bool:
        """Whether rounding decides what a number is at a point, and either way it is right."""
        if self.trial.is_on_other_branch(lane, column):
            return True
        found = self._at_threshold(lane)
        return found is not None and not found.faults

    def _rulings(self, lane: int) -> dict[int, Ruling]:
        """Rulings on the numbers in doubt at a point, the farthest off first, until it is wrong.

        A few wrong numbers of one gradient tell as much as a thousand of them.
        """
        share = np.nan_to_num(self.trial.shares[0][lane], nan=np.inf)
        places = np.arange(*self.columns.indices(len(share)))
        ranked = places[np.argsort(-share[places], kind="stable")]
        rulings: dict[int, Ruling] = {}
        wrong = 0
        for column in ranked[~(share[ranked] <= 1)].tolist():
            rulings[column] = self.trial.ruling(lane, column)
            wrong += rulings[column].verdict is Verdict.WRONG
            if wrong == _ENOUGH:
                break
        return dict(sorted(rulings.items()))

    def _without_gradient(self, lane: int, reason: str) -> list[Fault]:
        """The faults at a point where there is no gradient, but perhaps a generalized one."""
        of_gradient = self.columns.start >= self.trial.derivation.values
        if not of_gradient or self.trial.settled(lane).place not in JUDGED:
            self.dropped[reason] += 1
            return []
        if self.looked_at == (most := _FEW_KINKS if self.trial.smooth else _MOST_KINKS):
            self.dropped[f"{reason}, after {most} others"] += 1
            return []
        found = at_kink(self.trial, lane, self.columns, self.at_kinks)
        self.looked_at += bool(found.member) or self.trial.smooth
        if found.unknown:
            self.dropped[reason if self.trial.smooth else f"{reason}: {found.unknown}"] += 1
        if found.member and not self.trial.smooth:
            self.members.append(found.member)
        return list(found.faults)

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
        """The largest error among numbers that agree, as far as shows without care."""
        trial = self.trial
        estimates = trial.estimates[:, self.columns]
        error = np.where(np.isfinite(estimates), estimates, -1)
        if not error.size or error.max() < 0:
            return None
        lane, place = (int(k) for k in np.unravel_index(int(error.argmax()), error.shape))
        column = place + self.columns.start
        return Fault(lane, column, Ruling(Verdict.AGREES), float(error[lane, place]))


def _counts(ruling: Ruling) -> bool:
    """Whether a number is off, and nothing says that it may be."""
    return ruling.verdict is not Verdict.AGREES and not ruling.dropped


def excused(trial: Trial, faults: Sequence[Fault], rounding: Rounding) -> list[Fault]:
    """The faults, with those that are mere rounding as inaccurate; where the truth is 0, without.

    A sum that is 0 has no digits to lose: what its terms leave when they are rounded is right.
    """
    wrong = [
        fault
        for fault in faults
        if fault.nearest is None
        and (fault.ruling.verdict is Verdict.WRONG or _vanishes(trial, fault))
        and math.isfinite(trial.claimed[fault.lane, fault.column])
    ]
    lanes = list(dict.fromkeys(fault.lane for fault in wrong))
    if not lanes:
        return list(faults)
    errors = np.zeros((len(lanes), trial.claimed.shape[1]))
    for fault in wrong:
        errors[lanes.index(fault.lane), fault.column] = trial.gap(fault.lane, fault.column).least
    rounds = rounding(trial, lanes, errors)
    eased = {fault for fault in wrong if rounds[lanes.index(fault.lane), fault.column]}
    return [
        replace(fault, ruling=Ruling(Verdict.INACCURATE)) if fault in eased else fault
        for fault in faults
        if fault not in eased or not _vanishes(trial, fault)
    ]


def outgrown(trial: Trial, fault: Fault, overflow: Overflow) -> Fault:
    """The fault, as inaccurate where numbers left the dtype's range, and nobody is to blame.

    Of a value the author states the domain. What torch multiplies slopes and cotangents by on the
    way nobody states, and it is not the doing of who calls torch.
    """
    lane, column = fault.lane, fault.column
    wrong = fault.ruling.verdict is Verdict.WRONG and fault.nearest is None
    if not (wrong and (said := overflow(trial, lane, column))):
        return fault
    reason = ": ".join(filter(None, (fault.ruling.reason, said)))
    return replace(fault, ruling=Ruling(Verdict.INACCURATE, reason))


def _vanishes(trial: Trial, fault: Fault) -> bool:
    truth = trial.truth(fault.lane, fault.column)
    return truth is not None and truth.vanishes
