"""Whether a dtype has room for what a spec is about."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradcheck_sym.run.evidence import Evidence
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.run.trial import Trial
from gradcheck_sym.symbolic.structure import constants_of
from gradcheck_sym.verdict.records import CANCELLATION, UNDERFLOW

_LOOKED_AT = 4  # points of each kind, to see whether the formula as written overflows


def has_room(subject: Subject, found: Sequence[Evidence]) -> bool:
    """Whether the dtype has room for the domain, the formula's constants and all values.

    Of the values on the way, it has to have room for those that claims hang on, but for those of
    one operator of torch: nobody wrote them, and it may compute in any way. Otherwise the author's
    domain was meant for a wider one: nobody claims anything about overflow.
    """
    largest = subject.dtype.max
    ends = [
        abs(end)
        for entry in subject.spec.inputs
        for piece in (entry.domain.intervals if entry.domain else ())
        for end in (piece.low, piece.high)
    ]
    constants = [
        abs(number) for item in found for number in constants_of(item.trial.derivation.forward)
    ]
    values = [item.trial.largest_value for item in found]
    fits = max([*ends, *constants, *values], default=0.0) < largest
    if not fits or subject.implementation.single:
        return fits
    return not any(_overflows(item.trial) for item in found)


def _overflows(trial: Trial) -> bool:
    """Whether the formula as written overflows where claims are infinite, NaN or wrongly 0.

    A formula in torch's operators, that is: who writes code of his own can take care of it.
    Looked at are the points with the largest numbers, and those with the smallest.
    """
    if trial.by_hand:
        return False
    with np.errstate(invalid="ignore"):
        vanished = (trial.claimed == 0) & (np.abs(trial.truths) > trial.dtype.smallest_normal)
    lanes = np.flatnonzero((vanished | ~np.isfinite(trial.claimed)).any(axis=1))
    sizes = np.abs(trial.rows[lanes][:, : len(trial.derivation.forward.inputs)])
    ranked = lanes[np.argsort(sizes.max(axis=1, initial=0.0), kind="stable")].tolist()
    some = dict.fromkeys([*ranked[:_LOOKED_AT], *ranked[-_LOOKED_AT:]])
    rows = (trial.rows[lane].tolist() for lane in some)
    left = (trial.derivation.leaving(row, trial.dtype) for row in rows)
    return any(each.what not in ("", UNDERFLOW, CANCELLATION) and not each.by_tiny for each in left)
