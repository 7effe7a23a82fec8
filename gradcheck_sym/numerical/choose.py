"""Which window to believe, and whether to believe any.

Each window states a slope with a bar that holds if the function has no detail that the window
fails to see. Windows of other sizes tell whether it has. Where a wide and a narrow window
contradict each other, either the wide one overlooked a detail of the function, or the narrow one
shows nothing but the steps in which its values are rounded.

Shapes: S slopes, W windows from the widest to the narrowest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from gradcheck_sym.numerical.fit import Fits
from gradcheck_sym.numerical.noise import ROUNDING
from gradcheck_sym.numerical.windows import Flags, Floats

_NOISE_REACH = 32.0  # slope error, in noise per radius, that hidden noise may cause in a window
_ROUNDING_SHARE = 2.0**-20  # noise up to this share of a window's values may be float32's
_NARROW_SHARE = 32.0  # the same in roundings of a format that is known to be narrower
# Windows narrower than this share of x lie within one step of float32, where a detail of the
# function is less likely than the steps of something rounded on the way
_GRAIN = 2.0**-24
_FADING = 3.0  # from one window to the next but one, noise does not fall by more
_BETTER = 16.0  # how far a bar must be below those of the next wider windows, if they saw a kink
_VAGUE = 2.0**-4  # share of the slope that contradicting windows may leave open
_NEXT = 100.0  # ratio of sizes up to which windows count as next
_KINK = 2.0  # deviation from proportionality of noise and size that still is a kink
_LONE = 256.0  # deviation of the value at the point itself, in units of noise, that is a jump
_SHARP = 1e-10  # a bar this small, relative to the slope, needs no more windows


@final
@dataclass(frozen=True, slots=True)
class Choice:
    """The slopes that the windows agree on. All (S,)."""

    value: Floats  # NaN where no window has any
    error: Floats  # inf where undecided
    reason: tuple[str, ...]  # why undecided, else empty
    clear: Flags  # decided, sharp, and contradicted by no window


@final
@dataclass(frozen=True, slots=True)
class _Conflicts:
    """Pairs (S, wide, narrow) of windows that see the function and contradict each other."""

    overlooked: Flags  # the wide window missed something
    rounded: Flags  # the narrow one shows only the rounding that the wide one averages
    open: Flags  # either


def choose(fits: Fits, x: Floats, level: Floats, magnitude: Floats, exact: Flags) -> Choice:
    """One slope per row, from its windows and the function's value level (S,) at the point x (S,).

    magnitude (S,) is the size of what was rounded to get that value, exact (S,) whether all
    values are multiples of one step.
    """
    conflicts = _conflicts(fits, x, magnitude, exact)
    believed = fits.seen & ~conflicts.rounded.any(axis=1)
    believed &= ~(conflicts.overlooked & believed[:, None, :]).any(axis=2)
    bar = np.where(believed, fits.bar, np.inf)
    best = np.argmin(bar, axis=1)
    value, error = _pick(fits.value, best), _pick(bar, best)
    error = np.maximum(error, _spread(fits, believed, value, error))
    hull = _hull(fits, conflicts, best, error)
    reason = _reasons(fits, level, best, error, hull)
    undecided = np.array([bool(text) for text in reason], dtype=np.bool_)
    quiet = ~(conflicts.overlooked | conflicts.rounded | conflicts.open).any(axis=(1, 2))
    return Choice(
        _pick(fits.value, np.where(undecided, np.argmin(fits.bar, axis=1), best)),
        np.where(undecided, np.inf, hull),
        reason,
        np.asarray(~undecided & quiet & _sharp(fits, best, hull)),
    )


def _sharp(fits: Fits, best: NDArray[np.intp], error: Floats) -> Flags:
    """Whether the error (S,) is far below the slopes that the best window could tell apart."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        steepest = _pick(fits.variation / fits.radius, best)
    return np.asarray(error <= _SHARP * steepest)


def _pick(table: Floats, column: NDArray[np.intp]) -> Floats:
    return np.asarray(np.take_along_axis(table, column[:, None], axis=1)[:, 0])


def _conflicts(fits: Fits, x: Floats, magnitude: Floats, exact: Flags) -> _Conflicts:
    """Compare each window with every narrower one."""
    lasting = np.where(_lasts(fits.noise), fits.noise, 0.0)
    limit = np.maximum(fits.variation, magnitude[:, None])
    limit = limit * np.maximum(_ROUNDING_SHARE, _NARROW_SHARE * fits.unit)
    hidden = np.where((lasting <= limit) & ~exact[:, None], lasting, 0.0)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        gap = np.abs(fits.value[:, :, None] - fits.value[:, None, :])
        excess = gap - fits.bar[:, :, None]
        differ = excess > fits.bar[:, None, :]
        reach = _NOISE_REACH / fits.radius[:, None, :]
        rounding = excess <= reach * _between(hidden)
        explained = rounding | (excess <= reach * lasting[:, :, None])
    both = fits.glimpsed[:, :, None] & fits.seen[:, None, :]
    differ &= both & np.triu(np.ones(gap.shape[1:], dtype=np.bool_), 1)
    grain = (fits.radius <= _GRAIN * np.abs(x)[:, None])[:, None, :]
    flat = fits.quantized[:, None, :]
    narrow = (fits.unit > ROUNDING)[:, None, :]
    rounded = rounding & (grain | (flat & narrow))
    detail = ~explained | (flat & ~rounding)
    return _Conflicts(differ & detail, differ & rounded, differ & ~detail & ~rounded)


def _lasts(noise: Floats) -> Flags:
    """Whether noise (S, W) is as large two windows further: that of a kink shrinks with them."""
    later = np.concatenate([noise[:, 2:], np.full((len(noise), 2), np.inf)], axis=1)
    next_one = np.concatenate([noise[:, 1:], np.full((len(noise), 1), np.inf)], axis=1)
    return np.asarray(np.isfinite(noise) & (np.minimum(later, next_one) >= noise / _FADING))


def _between(noise: Floats) -> Floats:
    """(S, W) -> (S, W, W): the largest noise from the first window up to before the second."""
    count = noise.shape[1]
    table = np.zeros((len(noise), count, count))
    for narrow in range(1, count):
        running = np.maximum.accumulate(noise[:, narrow - 1 :: -1], axis=1)
        table[:, :narrow, narrow] = running[:, ::-1]
    return table


def _spread(fits: Fits, believed: Flags, value: Floats, error: Floats) -> Floats:
    """What other windows, nearly as sharp as the best, ask of the bar (S,)."""
    with np.errstate(invalid="ignore"):
        near = believed & (fits.bar <= 10 * error[:, None])
        beyond = error[:, None] + np.abs(fits.value - value[:, None]) - fits.bar
    return np.asarray(np.where(near, beyond, 0.0).max(axis=1))


def _hull(fits: Fits, conflicts: _Conflicts, best: NDArray[np.intp], error: Floats) -> Floats:
    """A bar (S,) that also covers what the windows say with which the best one is at odds."""
    row = np.arange(len(best))
    rivals = conflicts.open[row, :, best] | conflicts.open[row, best, :]
    gap = np.where(rivals, np.abs(fits.value - _pick(fits.value, best)[:, None]), 0.0)
    return np.asarray(error + (gap + np.where(rivals, fits.bar, 0.0)).max(axis=1))


def _kinked(fits: Fits, best: NDArray[np.intp]) -> Flags:
    """Whether around the best window (S,) what the fit leaves shrinks just as the windows do.

    At a kink it does, however near. Noise stays, and smooth functions shrink much faster.
    """
    count = fits.radius.shape[1]
    windows = np.clip(best[:, None] + np.array([-1, 0, 1]), 0, count - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        slant = np.take_along_axis(fits.noise / fits.radius, windows, axis=1)
        steady = slant.max(axis=1) <= _KINK * slant.min(axis=1)
    return np.asarray(steady & np.take_along_axis(fits.rough, windows, axis=1).all(axis=1))


def _reasons(
    fits: Fits, level: Floats, best: NDArray[np.intp], error: Floats, hull: Floats
) -> tuple[str, ...]:
    """Why each slope is undecided, empty where it is decided."""
    with np.errstate(invalid="ignore", over="ignore"):
        size = _pick(fits.radius, best)[:, None]
        near = ~fits.seen & (size < fits.radius) & (fits.radius <= _NEXT * size)
        rival = np.where(near, fits.bar, np.inf).min(axis=1)
        vague = (hull > error) & (hull > _VAGUE * np.abs(_pick(fits.value, best)))
        kinked = ~np.isfinite(error) | (error > rival / _BETTER) | _kinked(fits, best)
        lone = np.abs(level - _pick(fits.level, best)) > _LONE * _pick(fits.noise, best)
    tests = (
        (~np.isfinite(level), "the value at the point is not finite"),
        (~np.isfinite(fits.bar).any(axis=1), "values beside the point are not finite"),
        (kinked, "a kink, a jump, or noise at every scale"),
        (vague, "wide and narrow windows give different slopes: fine detail, or rounding"),
        (lone, "the value at the point stands apart from its neighbours: a jump"),
    )
    reasons = [""] * len(level)
    for failed, text in tests:
        for row in np.flatnonzero(failed):
            reasons[row] = reasons[row] or text
    return tuple(reasons)
