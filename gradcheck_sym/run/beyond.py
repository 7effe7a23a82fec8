"""Points at which the dtype has no room for a value or a slope: nobody claims anything there.

What becomes of a gradient is open where the value itself is infinite in the dtype, for formulas
use the value again; and where a slope is, whatever it is to be multiplied by: 0 times it is NaN,
a small number times it infinite, and a reciprocal of it 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gradcheck_sym.run.trial import Floats, Trial
from gradcheck_sym.sampling.ordinals import ulp
from gradcheck_sym.verdict.bound import allowed

VALUE = "the value is beyond the dtype's range"
SLOPE = "a slope is beyond the dtype's range"


def beyond(trial: Trial, lanes: Sequence[int], columns: slice) -> dict[int, str]:
    """Which of those points there is no room for, as far as some columns go, and why.

    A value has to come out right in any case, infinite where it must be; only slopes are excused.
    """
    chosen = np.asarray(lanes, dtype=np.int64)
    first = trial.derivation.values
    of_gradient = columns.start >= first
    if not len(chosen) or not (of_gradient or trial.derivation.scales):
        return {}
    found = dict.fromkeys(chosen[_beyond(trial, chosen, columns)].tolist(), SLOPE)
    if of_gradient:
        infinite = chosen[_infinite(trial, chosen, slice(0, first))].tolist()
        found |= dict.fromkeys(infinite, VALUE)
    return found


def _infinite(trial: Trial, lanes: npt.NDArray[np.int64], columns: slice) -> npt.NDArray[np.bool_]:
    """Where a number comes out infinite, as it should: (lanes,)."""
    claimed = trial.claimed[lanes, columns]
    middle, reaches = _reaches(trial, trial.rows[lanes])
    right = np.isinf(claimed) & (np.sign(claimed) == np.sign(middle[:, columns]))
    return np.asarray((right & reaches[:, columns]).any(axis=1))


def _beyond(trial: Trial, lanes: npt.NDArray[np.int64], columns: slice) -> npt.NDArray[np.bool_]:
    """Where a slope has no place in the dtype: (lanes,)."""
    _, reaches = _reaches(trial, trial.derivation.at_unit_scale(trial.rows[lanes]))
    return np.asarray(reaches[:, columns].any(axis=1))


def _reaches(trial: Trial, rows: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """The truths, and where the dtype's range may end before a sound evaluation of them does."""
    derivation, dtype = trial.derivation, trial.dtype
    middle, moved, _ = derivation.enclose(rows, dtype.precision)
    with np.errstate(invalid="ignore", over="ignore"):
        spacing = np.nan_to_num(ulp(dtype.name, middle), nan=0.0, posinf=0.0)
        bound = allowed(moved, spacing, derivation.depth, dtype.underflow)
        return middle, np.isinf(middle) | (np.abs(middle) + bound >= dtype.max)
