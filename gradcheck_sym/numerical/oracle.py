"""The slope of functions of one number by finite differences, with a bar that covers the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import NDArray

from gradcheck_sym.numerical.choose import Choice, choose
from gradcheck_sym.numerical.estimate import Estimate
from gradcheck_sym.numerical.fit import fit
from gradcheck_sym.numerical.noise import ROUNDING, precision
from gradcheck_sym.numerical.windows import NODES, WINDOWS, Flags, Floats, Windows, place

Rows = NDArray[np.intp]

# The widest windows and a few of the narrower, which suffice for a function of ordinary scale:
# the narrow ones look for details that the wide ones overlook
_FIRST = np.array([0, 1, 2, 3, 4, 6, 9, 12, 13, 14, 17, 20, 23])
_TINY = np.finfo(np.float64).tiny
_NOWHERE = Estimate(float("nan"), float("inf"), "differences", "the point is outside the domain", 0)


@final
@dataclass(frozen=True, slots=True)
class Samples:
    """Values of functions along their lines."""

    values: Floats  # (S, K); NaN where there is none. Any constant may be taken off a row
    magnitude: Floats  # (S, K): size of what was rounded to get the value
    unit: Floats  # (S,): relative rounding of the format it was computed in
    exact: Flags  # (S,): all values are multiples of one step, as those of floor are
    still: Floats  # (S,): the same size, of what is in the values but never changed so far


# (offsets (S, K), row numbers (S,)) -> samples of those rows
Lines = Callable[[Floats, Rows], Samples]


@final
@dataclass(frozen=True, slots=True)
class _Collected:
    """All that is known of some rows: the value at each point, and those in its windows."""

    centre: Floats  # (S,)
    centre_magnitude: Floats  # (S,)
    values: Floats  # (S, W, M)
    magnitude: Floats  # (S, W, M)
    unit: Floats  # (S,)
    exact: Flags  # (S,)
    still: Floats  # (S,)

    def uncut(self, windows: Windows) -> _Collected:
        """Without the windows that touch an end of the domain: there may be a singularity at it.

        A window that reaches up to the end sees sqrt(1 - x) and its like, and cannot know how
        wrong it is about the slope; those that keep away from it can.
        """
        values = np.where(windows.cut[..., None], np.nan, self.values)
        return replace(self, values=values)

    def choice(self, windows: Windows, x: Floats) -> Choice:
        fits = fit(windows, self.values, self.magnitude, self.unit)
        choice = choose(fits, x, self.centre, self.centre_magnitude, self.exact)
        # Rounded to the same number all over the widest window, hence with hardly any slope
        hidden = self.unit * self.still / np.maximum(fits.radius.max(axis=1), _TINY)
        return replace(choice, error=choice.error + hidden)


def derivatives(lines: Lines, x: Floats, low: Floats, high: Floats) -> tuple[Estimate, ...]:
    """Slopes at 0 of S functions of an offset t from x, each defined for x + t in [low, high].

    x, low and high are (S,), in the units of the argument. Functions may fail (give NaN) anywhere.
    The arguments x + t are exact floats for |t| <= |x|.
    """
    estimates = [_NOWHERE] * len(x)
    rows = np.flatnonzero((low <= x) & (x <= high) & np.isfinite(x))
    if len(rows):
        windows = place(x[rows], low[rows], high[rows])
        for row, estimate in zip(rows, _measured(lines, windows, x[rows], rows), strict=True):
            estimates[row] = estimate
    return tuple(estimates)


def _measured(lines: Lines, windows: Windows, x: Floats, rows: Rows) -> list[Estimate]:
    """Slopes at x (S,) of the lines of those row numbers: from all windows, if few do not do."""
    known = _collect(lines, windows, rows, _FIRST, None)
    choice = known.choice(windows, x)
    estimates = _estimates(choice, _cost(windows, _FIRST))
    more = np.flatnonzero(~choice.clear & np.isfinite(known.centre))
    if len(more):
        rest = np.setdiff1d(np.arange(WINDOWS), _FIRST)
        chosen = _rows(windows, more)
        known = _collect(lines, chosen, rows[more], rest, _known_rows(known, more))
        cost = _cost(chosen, np.arange(WINDOWS)) + 1
        found = _estimates(known.choice(chosen, x[more]), cost)
        if any(estimate.reason for estimate in found) and chosen.cut.any():
            apart = _estimates(known.uncut(chosen).choice(chosen, x[more]), cost)
            found = [
                b if a.reason and not b.reason else a for a, b in zip(found, apart, strict=True)
            ]
        for row, estimate in zip(more, found, strict=True):
            estimates[row] = estimate
    return estimates


def derivative(
    phi: Callable[[Floats], Floats], x: float, *, low: float = -np.inf, high: float = np.inf
) -> Estimate:
    """Slope at 0 of phi, which maps offsets t (K,) from x to values (K,), as f(x + t) does.

    Offsets keep x + t inside [low, high]; the arguments x + t are exact floats for |t| <= |x|.
    Error: the bar covers truncation and rounding as far as the values show them; inf with a
    reason at kinks and jumps, and where values are not finite. What phi raises is not caught.
    """

    def lines(offsets: Floats, rows: Rows) -> Samples:
        with np.errstate(all="ignore"):
            values = np.asarray(phi(offsets[0].copy()), dtype=np.float64)
        if values.shape != offsets[0].shape:
            raise ValueError(f"phi gave shape {values.shape} for {offsets[0].shape} offsets")
        values = values[None, :]
        return Samples(values, np.abs(values), *precision(values), np.zeros(1))

    return derivatives(lines, np.array([float(x)]), np.array([low]), np.array([high]))[0]


def _collect(
    lines: Lines, windows: Windows, rows: Rows, which: Rows, known: _Collected | None
) -> _Collected:
    """Evaluate the windows of those numbers, and the point itself, in one call of lines."""
    count = len(rows)
    offsets = windows.offsets[:, which].reshape(count, -1)
    samples = lines(np.concatenate([np.zeros((count, 1)), offsets], axis=1), rows)
    values = np.full((count, WINDOWS, NODES), np.nan) if known is None else known.values
    magnitude = np.full((count, WINDOWS, NODES), np.nan) if known is None else known.magnitude
    values[:, which] = samples.values[:, 1:].reshape(count, len(which), NODES)
    magnitude[:, which] = samples.magnitude[:, 1:].reshape(count, len(which), NODES)
    unit = samples.unit if known is None else np.maximum(samples.unit, known.unit)
    exact = samples.exact if known is None else samples.exact | known.exact
    exact &= unit <= ROUNDING  # some values tell, others leave it open
    return _Collected(
        centre=samples.values[:, 0],
        centre_magnitude=samples.magnitude[:, 0],
        values=values,
        magnitude=magnitude,
        unit=unit,
        exact=exact,
        still=samples.still,
    )


def _rows(windows: Windows, rows: Rows) -> Windows:
    return Windows(
        windows.centre[rows],
        windows.radius[rows],
        windows.offsets[rows],
        windows.shift[rows],
        windows.cut[rows],
    )


def _known_rows(known: _Collected, rows: Rows) -> _Collected:
    return _Collected(
        known.centre[rows],
        known.centre_magnitude[rows],
        known.values[rows],
        known.magnitude[rows],
        known.unit[rows],
        known.exact[rows],
        known.still[rows],
    )


def _cost(windows: Windows, which: Rows) -> NDArray[np.intp]:
    """(S,) evaluations: the nodes of the windows that have room, and the point itself."""
    usable = np.count_nonzero(windows.radius[:, which] > 0, axis=1)
    return np.asarray(usable * NODES + 1)


def _estimates(choice: Choice, cost: Rows) -> list[Estimate]:
    return [
        Estimate(float(value), float(error), "differences", reason, int(evaluations))
        for value, error, reason, evaluations in zip(
            choice.value, choice.error, choice.reason, cost, strict=True
        )
    ]
