"""Rounding or mistake: an error that shrinks with the precision is rounding.

The same implementation is run at the same points in another dtype. What rounding loses is
proportional to the unit roundoff; a mistake is as large in one dtype as in the other. Where
every digit is lost (1 + erf(x) is 0 for x < -9 in float64, for x < -6 in float32), the error is
the truth itself in both; how large the rounding was shows nearer to the origin.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from gradcheck_sym.run.trial import Fault, Judgement, Trial
from gradcheck_sym.verdict.records import Verdict
from gradcheck_sym.verdict.ruling import Ruling, is_rounding

# The points of some lanes in another dtype: all of them for each of the scales in turn.
Twin = Callable[[Trial, Sequence[int], Sequence[float]], Trial]

_SCALES = (1.0, 0.5, 0.25, 0.125)  # the point itself, and on the way to the origin

_AT_ONCE = 32  # points that are run again together; one mistake among them ends the question


def excused(trial: Trial, judgement: Judgement, twin: Twin) -> Judgement:
    """The judgement with those faults as inaccurate that are rounding; the worst are tried first.

    The first batch that holds a mistake ends it: the verdict is known then.
    """
    faults = {(fault.lane, fault.column): fault for fault in judgement.faults}
    wrong = [fault for fault in judgement.faults if fault.ruling.verdict is Verdict.WRONG]
    lanes = list(dict.fromkeys(fault.lane for fault in sorted(wrong, key=_size, reverse=True)))
    for start in range(0, len(lanes), _AT_ONCE):
        batch = lanes[start : start + _AT_ONCE]
        other = twin(trial, batch, _SCALES)
        mine = [fault for fault in wrong if fault.lane in set(batch)]
        eased = [fault for fault in mine if _rounds(trial, fault, other, batch)]
        for fault in eased:
            faults[fault.lane, fault.column] = replace(fault, ruling=Ruling(Verdict.INACCURATE))
        if len(eased) < len(mine):
            break
    if len(faults) == len(judgement.faults) and not lanes:
        return judgement
    kept = tuple(faults.values())
    return replace(judgement, faults=kept, worst=max(kept, key=lambda fault: fault.order))


def _size(fault: Fault) -> float:
    return fault.error_ulp


def _rounds(trial: Trial, fault: Fault, other: Trial, batch: Sequence[int]) -> bool:
    first = batch.index(fault.lane)
    lanes = range(first, len(other.claimed), len(batch))
    errors = [other.gap(lane, fault.column).least for lane in lanes if _known(other, lane, fault)]
    if not errors:
        return False
    mine = trial.gap(fault.lane, fault.column).least
    units = [2.0**-dtype.precision for dtype in (trial.dtype, other.dtype)]
    return is_rounding(mine, units[0], max(errors), units[1])


def _known(other: Trial, lane: int, fault: Fault) -> bool:
    return lane not in other.problems and other.truth(lane, fault.column) is not None
