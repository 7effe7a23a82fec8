"""Points fed what a backward has at hand already: the value, as in y.backward(y), or an input.

The slope of half a sum of squares is what is squared, so such cotangents are common; a backward
that goes by whether it is fed what it saved takes another way there.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradcheck_sym.run.function import Dims, Floats, Function
from gradcheck_sym.run.trial import Trial
from gradcheck_sym.sampling.bulk import bulk
from gradcheck_sym.sampling.space import SamplingError, everyday

_DRAWN = 16  # points, of which
_MOST = 3  # are fed each: where a value is 0, or of another order, little shows
_LARGEST, _SMALLEST = 2.0**6, 2.0**-6  # of the numbers there: it is not them that is tested


def returned(function: Function, dims: Dims) -> Trial | None:
    """A few points that agree, fed their value and each input of its shape.

    None where there are no such points.
    """
    if not function.space.free:
        return None
    try:
        drawn = bulk(everyday(function.space), dims, _DRAWN, function.stream("returned", dims))
    except SamplingError:
        return None
    trial = function.trial(drawn.batch, "each")
    lanes = np.flatnonzero(_ordinary(trial))[:_MOST]
    if not lanes.size:
        return None
    fed = list(_at_hand(trial, lanes))
    batch = drawn.batch.take(np.tile(lanes, len(fed)))
    return function.trial(batch, "each", np.concatenate(fed))


def _at_hand(trial: Trial, lanes: np.ndarray) -> Iterator[Floats]:
    """What may be fed: (lanes, *shape of the value) each."""
    derivation = trial.derivation
    shape = derivation.out_shape
    yield trial.claimed[lanes, : derivation.values].reshape(len(lanes), *shape)
    for name in derivation.wrt:
        if derivation.shapes[name] == shape:
            yield trial.values[name][lanes]


def _ordinary(trial: Trial) -> np.ndarray:
    """Points that agree, and have no number that is large or small."""
    values = trial.claimed[:, : trial.derivation.values]
    arrays = [values, *(array.reshape(len(values), -1) for array in trial.values.values())]
    sizes = np.abs(np.concatenate(arrays, axis=1))
    plain = ((sizes >= _SMALLEST) & (sizes <= _LARGEST)).all(axis=1)
    plain &= (trial.shares[0] <= 1).all(axis=1) & trial.valued_plainly
    plain[list(trial.problems)] = False
    return np.asarray(plain)
