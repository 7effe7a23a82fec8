"""Entire functions on arrays of long doubles, by Taylor's formula about the nearest landmark.

C's and NumPy's long doubles come without them. The coefficients are Arb's, worked out for the
landmarks that are met, and kept. What is cut off is below 2**-70 of the result, as a test proves
with balls around every landmark; the rest is rounding, some units in the last place.
"""

from __future__ import annotations

from typing import Any, final

import numpy as np
import numpy.typing as npt
from flint import arb, arb_series, ctx

from gradcheck_sym.symbolic.balls import series_of
from gradcheck_sym.symbolic.carriers import from_balls, to_balls

Numbers = npt.NDArray[Any]

APART = 2.0**-4  # landmarks are its multiples
FARTHEST = 7 * 16  # landmarks to either side; beyond, Arb does all of the work
TERMS = 18

_PRECISION = 96  # bits of Arb, for a carrier of 64


@final
class Tabulated:
    """One function, by the name that Arb knows it by; NaN for what is not finite."""

    __slots__ = ("_coefficients", "_name", "_ready")

    def __init__(self, name: str) -> None:
        self._name = name
        landmarks = 2 * FARTHEST + 1
        self._coefficients = np.zeros((TERMS, landmarks), dtype=np.longdouble)
        self._ready = np.zeros(landmarks, dtype=np.bool_)

    def __call__(self, x: Numbers) -> Numbers:
        """The function of each of some long doubles, (lanes,); 0 for what is below float64."""
        nearest = np.rint(x / APART)
        near = np.abs(nearest) <= FARTHEST  # false of NaN
        if near.all():
            return self._close(x, nearest)
        found = np.full(len(x), np.nan, dtype=x.dtype)
        found[near] = self._close(x[near], nearest[near])
        far = ~near & np.isfinite(x)
        with ctx.workprec(_PRECISION):
            balls = [getattr(ball, self._name)() for ball in to_balls(x[far])]
            found[far] = from_balls(balls, x.dtype.type)
        return found

    def _close(self, x: Numbers, nearest: Numbers) -> Numbers:
        place = nearest.astype(np.int64) + FARTHEST
        self._prepare(place)
        step = x - nearest * APART  # exact
        found: Numbers = self._coefficients[-1][place]
        for row in self._coefficients[-2::-1]:
            found *= step
            found += row[place]
        return found

    def _prepare(self, place: npt.NDArray[np.int64]) -> None:
        """Works out the coefficients at landmarks that were not met before."""
        fresh = np.unique(place[~self._ready[place]])
        with ctx.workprec(_PRECISION):
            for at in fresh.tolist():
                balls = coefficients(self._name, arb(at - FARTHEST) * arb(APART), TERMS)
                self._coefficients[:, at] = from_balls(balls, np.longdouble)
        self._ready[fresh] = True


def coefficients(name: str, middle: Any, terms: int) -> list[Any]:
    """The first Taylor coefficients of a function about a ball, as balls."""
    with series_of(terms):
        series = getattr(arb_series([middle, 1], prec=terms), name)()
    return [series[k] for k in range(terms)]
