"""Asks the guard on SymPy at a sample of points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradcheck_sym.run.trial import Trial
from gradcheck_sym.symbolic.guard import disagreement
from gradcheck_sym.symbolic.places import Place

_POINTS = 2  # of each trial: the guard is against systematic mistakes, which show anywhere


def unsound(trials: Sequence[Trial]) -> str:
    """How the two derivatives differ at a sample of points; "" where they agree."""
    for trial in trials:
        lanes = np.linspace(0, len(trial.claimed) - 1, min(_POINTS, len(trial.claimed)))
        for lane in lanes.astype(int).tolist():
            if trial.settled(lane).place is Place.REGULAR:
                said = disagreement(trial.derivation, trial.rows[lane].tolist())
                if said:
                    return said
    return ""
