"""Points fed on far larger and smaller scales: a backward is linear in what it is fed.

What clips or flushes it may do so anywhere in the dtype's range. The points are those at which all
values and slopes on the way are ordinary: in whatever order a backward multiplies, a power of two
then goes through it exactly.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradcheck_sym.run.function import Floats, Function
from gradcheck_sym.run.trial import Trial
from gradcheck_sym.sampling.points import Batch
from gradcheck_sym.spec.dtypes import Format

SCALED = "scaled"  # origin of the points

_MOST = 3  # points on each scale, no more than half of the trial's
_TRIED = 24  # points that are looked at for that,
_OPERATIONS = 20_000  # or fewer: all in all so many operations, each with its slope
_LEAST_EXPONENT = 80  # of the dtype's largest numbers: below there is no room between the ends


def scaled(function: Function, trial: Trial) -> Trial | None:
    """A few points of a trial that agree there, fed a third of the way to each end of the range.

    The range is that of the narrowest dtype that is computed in: single precision inside loses
    digits, and no more is told of it. None where there are no points, or there is no room.
    """
    reach, lanes = function.dtype.exponent_max, list(_ordinary(trial, function.dtype))
    inside = function.narrowest(trial.take(lanes[:1])) if lanes else function.dtype
    if inside.exponent_max < reach:
        reach, lanes = inside.exponent_max, list(_ordinary(trial, inside))
    if not lanes:
        return None
    chosen = [*lanes, *lanes]
    ends = np.repeat([1, -1], len(lanes)) * (reach // 3)
    values = {name: array[chosen] for name, array in trial.values.items()}
    batch = Batch(trial.dims, function.dtype.name, values, (SCALED,) * len(chosen))
    return function.trial(batch, "each", _scaled_to(trial.cotangents[chosen], ends))


def _scaled_to(fed: Floats, exponents: np.ndarray) -> Floats:
    """Cotangents by powers of two, so that the largest element of each lane has that exponent."""
    flat = fed.reshape(len(fed), -1)
    _, now = np.frexp(np.abs(flat).max(axis=1))
    return np.asarray(np.ldexp(flat, (exponents - now)[:, None])).reshape(fed.shape)


def _ordinary(trial: Trial, dtype: Format) -> Iterator[int]:
    """Points that agree, at which no number comes near an end of the range; a few, if any."""
    if dtype.exponent_max <= _LEAST_EXPONENT:
        return
    flat = trial.cotangents.reshape(len(trial.cotangents), -1)
    plain = (trial.shares[0] <= 1).all(axis=1) & (flat != 0).any(axis=1) & trial.valued_plainly
    plain[list(trial.problems)] = False
    room, wanted = 2.0 ** (dtype.exponent_max // 6), min(_MOST, len(flat) // 2)
    tried = min(_TRIED, _OPERATIONS // max(1, len(trial.derivation.forward.code)))
    for lane in np.flatnonzero(plain)[:tried].tolist():
        if not wanted:
            return
        least, most = trial.derivation.extent(trial.rows[lane].tolist())
        if least >= 1 / room and most <= room:
            wanted -= 1
            yield lane
