"""Failures that are gone when the same point is run again: they hang on calls, or on memory."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from gradcheck_sym.run.diagnosis import Told
from gradcheck_sym.run.diagnosis.plain import zero
from gradcheck_sym.run.evidence import Finding
from gradcheck_sym.run.trial import Trial
from gradcheck_sym.verdict.diagnosis import Diagnosis, Pattern

_GONE = 1e-3  # of an error: a right number has less of it left

_ONCE_MORE = Diagnosis(
    Pattern.STALE, "right when the same points are run once more: it hangs on the calls before"
)
_ALONE = Diagnosis(
    Pattern.ONE_SETTING,
    "right when the point is alone in memory: what lies beside a view of a tensor is read",
)


def fleeting(wrong: Sequence[Finding]) -> Told | None:
    """What is said where the worst number is right when it is asked for again; else None.

    The same points are run once more in the same way, then, where that is the usual one, the one
    alone. Of numbers of one long vector, and of special ways of running, a size or the way may be
    the cause: they are asked only where most numbers are of such.
    """
    finite = [found for found in wrong if math.isfinite(found.fault.error_ulp)]
    usual = [found for found in finite if _is_usual(found.evidence.trial)]
    asked = usual if len(usual) >= len(wrong) / 2 else finite
    if not asked:
        return None
    found = max(asked, key=lambda found: found.fault.order)
    function, trial, lane = found.evidence.function, found.evidence.trial, found.fault.lane
    again = function.trial(trial.batch, trial.mode, trial.cotangents)
    if _is_gone(found, again, lane):
        return Told(_ONCE_MORE, zero)
    if not _is_usual(trial):
        return None
    alone = trial.batch.take(np.arange(trial.batch.lanes) == lane)
    if _is_gone(found, function.trial(alone, "each", trial.cotangents[[lane]]), 0):
        return Told(_ALONE, zero)
    return None


def _is_usual(trial: Trial) -> bool:
    """Whether points are run one by one, in no special way."""
    return trial.mode == "each" and not trial.setting


def _is_gone(found: Finding, again: Trial, lane: int) -> bool:
    """Whether a number that was wrong is right in another run."""
    trial, column = found.evidence.trial, found.fault.column
    truth = trial.truths[found.fault.lane, column]
    before = abs(trial.claimed[found.fault.lane, column] - truth)
    return lane not in again.problems and bool(
        abs(again.claimed[lane, column] - truth) <= _GONE * before
    )
