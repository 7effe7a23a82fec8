"""Claims at points without a gradient, held against the generalized gradient there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from gradcheck_sym.run.trial import Fault, Rounding, Trial
from gradcheck_sym.symbolic.contained import Membership, Outcome
from gradcheck_sym.symbolic.generalized import Generalized, generalized
from gradcheck_sym.symbolic.places import Place
from gradcheck_sym.verdict.records import Verdict
from gradcheck_sym.verdict.ruling import Ruling

_OUTGROWN = "the value is beyond the dtype's range"

JUDGED = frozenset({Place.KINK, Place.SINGULAR, Place.JUMP, Place.REGULAR})


@final
@dataclass(frozen=True, slots=True)
class Found:
    """What is known of the gradient's claims of one input at such a point."""

    member: str = ""  # which member of the generalized gradient, in words
    faults: tuple[Fault, ...] = ()
    unknown: str = ""  # why it cannot be told


def at_kink(
    trial: Trial,
    lane: int,
    columns: slice,
    rounding: Rounding = lambda trial, lanes, errors: errors < 0,
) -> Found:
    """Whether what is claimed of one input's gradient is a member of the generalized gradient.

    All inputs are judged together, for the gradient is one vector; where only the whole is
    outside, each of its parts is to blame. rounding: which errors are mere rounding; asked for
    elements that are at no kink themselves. Of what is itself a derivative, only where all slopes
    meet, as those of sinc do at 0: a kink of the function has no second derivative.
    """
    if quirk := _quirk(trial, lane, columns):
        return Found(unknown=quirk)
    kink = _Kink(trial, lane, _around(trial, lane))
    mine = range(columns.start, columns.stop)
    if trial.smooth and not kink.is_smooth(mine):
        return Found(unknown="slopes of slopes, which do not meet")
    if kink.around.jumps and np.isnan(trial.claimed[lane, columns]).any():
        return Found(unknown="the value jumps")  # there is no slope that anybody could give
    own = kink.judged(mine)
    if own.outcome is Outcome.OUTSIDE:
        if _is_outgrown(trial, lane):
            return Found(unknown=_OUTGROWN)
        return kink.outside(mine, own, rounding)
    if own.outcome is Outcome.UNKNOWN:
        return Found(unknown=own.words)
    demanded = kink.demanded(mine)
    if demanded:
        return Found(faults=kink.faults(mine, own, demanded))
    parts = kink.parts()
    if len(parts) > 1:
        whole = kink.judged([column for part in parts for column in part])
        alone = [kink.judged(part).outcome for part in parts]
        if whole.outcome is Outcome.OUTSIDE and Outcome.OUTSIDE not in alone:
            reason = f"with the other inputs no generalized gradient: {whole.words}"
            return Found(faults=kink.faults(mine, own, reason))
    return Found(member=own.words)


def nearest_member(trial: Trial, lane: int, column: int, value: float) -> tuple[float, float]:
    """What an element of the gradient may be that is next to a value, and what it may be off by.

    At a point without a gradient; NaN where nothing is known.
    """
    around = _around(trial, lane)
    kink = _Kink(trial, lane, around)
    (bound,) = kink.allowed([column], None)
    found = around.judge([value], [bound], [column - trial.derivation.values])
    return (value if found.outcome is Outcome.MEMBER else found.nearest[0]), bound


def _around(trial: Trial, lane: int) -> Generalized:
    """The generalized gradient at a point; looked for once."""
    if lane not in trial.around:
        row = trial.rows[lane].tolist()
        trial.around[lane] = generalized(trial.derivation, row, trial.dtype)
    found: Generalized = trial.around[lane]
    return found


def _quirk(trial: Trial, lane: int, columns: slice) -> str:
    """What keeps floating point from telling what the mathematics says at such a point.

    The sign of a zero is no part of a point, but 1/x has it; and what is fed 0 multiplies an
    infinite slope by it. And where a value left the range, as a sum that is too large on the way,
    no gradient comes of it: that is judged as a value.
    """
    claimed = trial.claimed[lane, columns]
    if np.isnan(claimed).any():
        if not trial.cotangents[lane].all():
            return "an infinite slope is fed 0"
        if _is_outgrown(trial, lane):
            return _OUTGROWN
    if trial.settled(lane).place is not Place.SINGULAR:
        return ""
    given = np.concatenate([array[lane].reshape(-1) for array in trial.values.values()])
    if np.any((given == 0) & np.signbit(given)):
        return "a negative zero"
    return ""


def _is_outgrown(trial: Trial, lane: int) -> bool:
    """Whether the forward has an infinity where the truth is finite.

    What is wrong with the gradient may be its mistake: a NaN, and the 0 that x/norm(x) becomes.
    """
    values = trial.claimed[lane, : trial.derivation.values].tolist()
    truths = trial.settled(lane).values
    return any(
        math.isinf(value) and truth is not None for value, truth in zip(values, truths, strict=True)
    )


@final
@dataclass(frozen=True, slots=True)
class _Kink:
    """One point with its generalized gradient."""

    trial: Trial
    lane: int
    around: Generalized

    def parts(self) -> list[range]:
        """The columns of each input that autograd gave a gradient."""
        columns = self.trial.derivation.columns()
        return [
            range(part.start, part.stop)
            for name, part in columns.items()
            if name not in self.trial.missing
        ]

    def is_smooth(self, columns: Sequence[int]) -> bool:
        """Whether the point only looks special.

        Not where it does because slopes are multiplied by 0: 0 times an infinite one is NaN.
        """
        first, values = self.trial.derivation.values, self.trial.values
        fed = (values[name][self.lane] for name in self.trial.derivation.scales)
        if not all(array.all() for array in fed):
            return False
        return self.around.is_single([column - first for column in columns])

    def judged(self, columns: Sequence[int]) -> Membership:
        """The claims of some columns; what is not within a few ulps is looked at again."""
        claim, places = self._claim(columns)
        found = self.around.judge(claim, self.allowed(columns, None), places)
        if found.outcome is not Outcome.MEMBER and not any(map(math.isnan, claim)):
            sensitive = self.around.sensitivities()
            found = self.around.judge(claim, self.allowed(columns, sensitive), places)
        return found

    def _claim(self, columns: Sequence[int]) -> tuple[list[float], list[int]]:
        """What is claimed of some columns, and which columns of the gradient they are."""
        claim = [float(self.trial.claimed[self.lane, column]) for column in columns]
        return claim, [column - self.trial.derivation.values for column in columns]

    def allowed(self, columns: Sequence[int], sensitive: Sequence[float] | None) -> list[float]:
        """What a sound evaluation may lose of each column."""
        first = self.trial.derivation.values
        sizes = self.around.sizes
        found = []
        for column in columns:
            _, part = self.trial.input_of(column)
            largest = max(sizes[part.start - first : part.stop - first])
            spacing = self.trial.spacing(largest)
            moved = 0.0 if sensitive is None else sensitive[column - first]
            found.append(self.trial.sound(self.lane, moved, spacing))
        return found

    def demanded(self, columns: Sequence[int]) -> str:
        """What the spec demands of this input's gradient and autograd does not give."""
        name, _ = self.trial.input_of(columns[0])
        wanted = self.trial.kinks.get(name)
        if wanted is None:
            return ""
        claim, places = self._claim(columns)
        given = self.around.is_named(wanted, claim, self.allowed(columns, None), places)
        return f"the spec demands the member {wanted!r}" if given is False else ""

    def outside(self, columns: Sequence[int], found: Membership, rounding: Rounding) -> Found:
        """What becomes of a claim that is no member: lost digits aside, it may be one."""
        gaps = self._gaps(columns, found)
        lost = self._lost(gaps, rounding)
        left = [column for column in columns if column not in lost]
        if lost and left:
            found = self.judged(left)
        if not lost or (left and found.outcome is Outcome.OUTSIDE):
            reason = f"not a generalized gradient: {found.words}"
            return Found(faults=self.faults(left, found, reason))
        worst = max(lost, key=lambda column: gaps[column][0])
        return Found(faults=(self._fault(worst, *gaps[worst], Ruling(Verdict.INACCURATE)),))

    def _lost(self, gaps: Mapping[int, tuple[float, float]], rounding: Rounding) -> list[int]:
        """The columns at no kink whose errors are beyond what is sound, and mere rounding."""
        first = self.trial.derivation.values
        smooth = [column for column in gaps if column - first in self.around.regular]
        bounds = self.allowed(smooth, self.around.sensitivities())
        lost, errors = [], np.zeros((1, self.trial.claimed.shape[1]))
        for column, bound in zip(smooth, bounds, strict=True):
            gap = gaps[column][0]
            if bound < gap <= self.trial.tolerated_as_written(self.lane, column, bound):
                lost.append(column)
            elif gap > bound:
                errors[0, column] = gap
        if not errors.any() or not np.isfinite(errors).all():
            return lost
        rounds = rounding(self.trial, [self.lane], errors)[0]
        return lost + [column for column in smooth if errors[0, column] and rounds[column]]

    def _gaps(self, columns: Sequence[int], found: Membership) -> dict[int, tuple[float, float]]:
        """How far each claim is from the member next to it, and that member."""
        claim, _ = self._claim(columns)
        return {
            column: (abs(given - near), near)
            for column, given, near in zip(columns, claim, found.nearest, strict=True)
        }

    def faults(self, columns: Sequence[int], found: Membership, reason: str) -> tuple[Fault, ...]:
        """A fault for the column that is farthest from the member next to it."""
        gaps = self._gaps(columns, found)
        worst = max(gaps, key=lambda column: np.nan_to_num(gaps[column][0], nan=np.inf))
        return (self._fault(worst, *gaps[worst], Ruling(Verdict.WRONG, reason)),)

    def _fault(self, column: int, gap: float, nearest: float, ruling: Ruling) -> Fault:
        return Fault(self.lane, column, ruling, gap / self.trial.spacing(nearest), nearest)
