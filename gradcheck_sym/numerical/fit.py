"""The slope of a function in one window, from a least-squares polynomial, with an error bar.

On the M Chebyshev nodes of the first kind the polynomials T_0..T_(M-1) are orthogonal, so that
the coefficients of the least-squares fit of every degree d are the first d + 1 of one discrete
cosine transform, and the rest is its residual (Mason & Handscomb, Chebyshev Polynomials, 4.6).
The derivative at u in (-1, 1) is sum c_k T_k'(u) / radius. The coefficients of a smooth function
fall geometrically until they reach the level of the rounding errors of the values, and stay there
(the plateau of Aurentz & Trefethen, Chopping a Chebyshev series, 2017). The plateau measures
the noise, a slow fall reveals a kink or a jump inside the window.

Shapes: S slopes, W windows, M nodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from gradcheck_sym.numerical.noise import quantized
from gradcheck_sym.numerical.windows import NODES, POSITIONS, Flags, Floats, Windows

_TAIL = 4  # coefficients that no fit uses: what they hold is noise, or what the fit misses
_CONFIDENCE = 6.0  # standard deviations of noise in a bar; the tail has as few as 4 of freedom
_FLAT = 0.25  # from this ratio between the ends of the tail on, it is not falling
_UNSEEN = 12.0  # unseen part of a flat tail over the seen: a bar that covers both sides of |u|
_RAISED = 4.0  # from here to twice as much, a tail above its rounding comes to count as such
_ROUNDING_LEVEL = 16.0  # a tail within this factor of the rounding of the values is noise
_RESOLVED = 2.0**-5  # share of a window's variation that its bar may take where it sees anything
_SUBNORMAL = 2.0**-1074  # rounding of the smallest values
_GLIMPSED = 2.0**-6  # noise per variation up to which a window shows an overall slope
_NEIGHBOURS = 3  # narrower windows whose noise counts in a window
_REFERENCE = NODES // 2  # node near the middle, whose value is taken off all others
_REFINEMENTS = 2  # of the values for the displacement of the nodes

_ORDER = np.arange(NODES)
_TO_COEFFICIENTS: Floats = (2 / NODES) * np.cos(
    np.outer(_ORDER, (2 * _ORDER + 1) * np.pi / (2 * NODES))
)
_TO_COEFFICIENTS[0] /= 2


@final
@dataclass(frozen=True, slots=True)
class Fits:
    """What each window says of the slope at its point. All (S, W)."""

    value: Floats  # NaN where a value in the window is not finite
    bar: Floats  # inf there
    noise: Floats  # standard deviation of the values around the fit; inf where not sampled
    rounding: Floats  # what the rounding of the values alone would give
    variation: Floats  # largest coefficient of the non-constant part
    level: Floats  # the fit's value at the point
    radius: Floats
    unit: Floats  # relative rounding of the format that the values were computed in
    quantized: Flags

    @property
    def rough(self) -> Flags:
        """Whether what the fit leaves of the values stands above their rounding."""
        return np.asarray(self.noise > _ROUNDING_LEVEL * self.rounding)

    @property
    def glimpsed(self) -> Flags:
        """Whether the window shows an overall slope, however many details it may overlook."""
        return np.asarray(self.seen | (self.noise <= _GLIMPSED * self.variation))

    @property
    def seen(self) -> Flags:
        """Whether the window resolves the function, or nothing in it rises above rounding."""
        with np.errstate(invalid="ignore"):
            clear = self.bar * self.radius <= _RESOLVED * self.variation
        return np.asarray(np.isfinite(self.bar) & (~self.rough | clear))


def _bases(u: Floats) -> tuple[Floats, Floats]:
    """T_k(u) and T_k'(u) for k < M on a new last axis, by their three-term recurrences."""
    value, slope = [np.ones_like(u), u], [np.zeros_like(u), np.ones_like(u)]
    for _ in range(2, NODES):
        slope.append(2 * value[-1] + 2 * u * slope[-1] - slope[-2])
        value.append(2 * u * value[-1] - value[-2])
    return np.stack(value, axis=-1), np.stack(slope, axis=-1)


_SLOPES_AT_NODES: Floats = _bases(POSITIONS)[1]  # (M, M): node, order


def _coefficients(values: Floats, shift: Floats) -> Floats:
    """Chebyshev coefficients (S, W, M) of values whose nodes are displaced by shift.

    To first order value(ideal) = value(actual) - slope * shift, with the slope of a cubic fit.
    """
    coefficients = values @ _TO_COEFFICIENTS.T
    for _ in range(_REFINEMENTS):
        slopes = coefficients[..., :4] @ _SLOPES_AT_NODES[:, :4].T
        coefficients = (values - slopes * shift) @ _TO_COEFFICIENTS.T
    return np.asarray(coefficients)


def _unseen(coefficients: Floats, rounding: Floats) -> Floats:
    """Factor (S, W) for the coefficients beyond the last.

    1 where the tail falls fast or is rounding, up to _UNSEEN where it is flat and above that.
    """
    ends = np.abs(coefficients[..., -_TAIL:])
    early, late = ends[..., : _TAIL // 2].max(axis=-1), ends[..., _TAIL // 2 :].max(axis=-1)
    level = rounding * np.sqrt(2 / NODES)
    flatness = np.minimum(1.0, late / (_FLAT * np.maximum(early, level) + np.finfo(float).tiny))
    raised = np.clip(np.maximum(early, late) / np.maximum(level, _SUBNORMAL) / _RAISED - 1, 0, 1)
    return np.asarray(1 + (_UNSEEN - 1) * raised * flatness**2)


def fit(windows: Windows, values: Floats, magnitude: Floats, unit: Floats) -> Fits:
    """Slopes from the values (S, W, M) at the nodes of windows, less any constant reference.

    magnitude (S, W, M) is the size of what was rounded to get a value, unit (S,) the relative
    rounding. Where a window holds few different values, so that its own tail says nothing, the
    magnitudes of all windows count.
    """
    usable = np.isfinite(values).all(axis=2) & np.isfinite(magnitude).all(axis=2)
    usable &= windows.radius > 0
    values = np.where(usable[..., None], values, 0.0)
    magnitude = np.where(usable[..., None], magnitude, 0.0)
    steps = quantized(values)
    widest = magnitude.max(axis=(1, 2))[:, None]
    rounding = unit[:, None] * np.where(steps, widest, magnitude.max(axis=2)) + _SUBNORMAL
    radius = np.where(usable, windows.radius, np.nan)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        spectrum = _spectrum(values, windows, rounding)
        slope, bar, noise, level = spectrum.best(usable & ~steps)
        slope, bar = slope * spectrum.scale / radius, bar * spectrum.scale / radius
    return Fits(
        value=slope,
        bar=np.where(np.isfinite(bar) & np.isfinite(slope), bar, np.inf),
        noise=np.where(usable, noise * spectrum.scale, np.inf),
        rounding=rounding,
        variation=np.abs(spectrum.coefficients[..., 1:]).max(axis=-1) * spectrum.scale,
        level=level * spectrum.scale + values[..., _REFERENCE],
        radius=windows.radius,
        unit=np.broadcast_to(unit[:, None], rounding.shape),
        quantized=steps,
    )


@final
@dataclass(frozen=True, slots=True)
class _Spectrum:
    """The coefficients (S, W, M) in every window, and what is needed to judge them."""

    coefficients: Floats  # in units of scale
    position: Floats  # (S, W)
    rounding: Floats  # (S, W), in units of scale
    scale: Floats  # (S, W)

    def best(self, telling: Flags) -> tuple[Floats, Floats, Floats, Floats]:
        """Slope, bar, noise and level of the degree with the smallest bar in each window.

        All in units of scale; slope and bar per radius.

        bar of degree d = sum |T_k'(u) c_k| over k > d, for what the fit leaves out (and no less
        than the root of sum (k c_k)**2, where T_k'(u) vanishes by symmetry), plus
        _CONFIDENCE * noise * (2/M)**0.5 * root of sum T_k'(u)**2 over k <= d, for the noise.
        A tail of 4 can be small by chance: the noise of a window is not taken for less than that
        of the next narrower ones that are telling, which it contains.
        """
        values, slopes = _bases(self.position)
        noise, bars = self._bars(slopes, np.zeros_like(self.rounding))
        own = _at(noise, np.argmin(bars, axis=-1) + 1) * self.scale
        floor = _narrower(np.where(telling, own, 0.0)) / self.scale
        noise, bars = self._bars(slopes, floor)
        degree = np.argmin(bars, axis=-1) + 1
        slope = _at(np.cumsum(slopes * self.coefficients, axis=-1), degree)
        bar = bars.min(axis=-1) + 4 * np.finfo(float).eps * np.abs(slope)
        level = _at(np.cumsum(values * self.coefficients, axis=-1), degree)
        return slope, bar, _at(noise, degree), level

    def _bars(self, slopes: Floats, floor: Floats) -> tuple[Floats, Floats]:
        """Noise (S, W, M) of each degree, at least floor (S, W), and the bars of degrees 1.."""
        coefficients, rounding = self.coefficients, self.rounding
        size = np.abs(coefficients)
        either = np.sqrt(_tail_sums((np.maximum(np.abs(slopes), _ORDER) * size) ** 2))
        missed = np.maximum(_tail_sums(np.abs(slopes) * size), either)
        missed *= _unseen(coefficients, rounding)[..., None]
        residual = _tail_sums(coefficients**2) / np.maximum(NODES - 1 - _ORDER, 1)
        least = np.maximum(floor, rounding)[..., None]
        noise = np.maximum(np.sqrt(residual * NODES / 2), least)
        carried = np.sqrt(2 / NODES * np.cumsum(slopes**2, axis=-1))
        return noise, (missed + _CONFIDENCE * noise * carried)[..., 1 : NODES - _TAIL]


def _spectrum(values: Floats, windows: Windows, rounding: Floats) -> _Spectrum:
    """Coefficients of the values less one of them, in units that keep squares from overflowing."""
    values = values - values[..., _REFERENCE, None]
    size = np.maximum(np.abs(values).max(axis=2), rounding)
    scale = np.exp2(np.clip(np.frexp(size)[1], -1000, 1000))
    coefficients = _coefficients(values / scale[..., None], windows.shift)
    return _Spectrum(coefficients, windows.position, rounding / scale, scale)


def _at(table: Floats, degree: NDArray[np.intp]) -> Floats:
    return np.asarray(np.take_along_axis(table, degree[..., None], axis=-1)[..., 0])


def _narrower(noise: Floats) -> Floats:
    """Largest noise (S, W) among the next narrower windows of each."""
    padded = np.pad(noise, ((0, 0), (0, _NEIGHBOURS)))
    shifted = [padded[:, 1 + step : 1 + step + noise.shape[1]] for step in range(_NEIGHBOURS)]
    return np.asarray(np.max(shifted, axis=0))


def _tail_sums(terms: Floats) -> Floats:
    """Sum of the terms after each, along the last axis."""
    sums = np.cumsum(terms[..., ::-1], axis=-1)[..., ::-1]
    return np.asarray(np.concatenate([sums[..., 1:], np.zeros_like(sums[..., :1])], axis=-1))
