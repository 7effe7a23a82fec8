"""Where to look: windows of many sizes around a point, and Chebyshev nodes inside each.

Shapes: S slopes, W windows from the widest to the narrowest, M nodes in a window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

NODES = 16  # per window: enough that an entire function is resolved over its own scale
WINDOWS = 24

_WIDEST_BITS = 4.0  # the widest window reaches 16 from the point, or twice its magnitude
_NARROWEST_BITS = 44.0  # below 2**-44 |x| there are too few floats to place the nodes on
_UNIFORM_BITS = 64.0  # beyond this ratio of sizes, steps between them would become too coarse
_SMALLEST_EXPONENT = -1000.0  # so that one over the radius does not overflow
_FACTOR = 0.87  # radii are no round numbers, against alignment with a function's own grid

_INDEX = np.arange(NODES)
POSITIONS: Floats = np.cos((2 * _INDEX + 1) * np.pi / (2 * NODES))  # in (-1, 1), falling


@final
@dataclass(frozen=True, slots=True)
class Windows:
    """The intervals around each point in which its function is sampled."""

    centre: Floats  # (S, W): of the interval, as an offset from the point
    radius: Floats  # (S, W): half its width; 0 where the domain leaves no room
    offsets: Floats  # (S, W, M): of the nodes from the point, such that x + offset is a float
    shift: Floats  # (S, W, M): how far a node lies from its ideal place, in radii
    cut: Flags  # (S, W): whether the end of the domain left no room for all of it

    @property
    def position(self) -> Floats:
        """(S, W): where in (-1, 1) of the window the point itself lies."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.radius > 0, -self.centre / self.radius, 0.0)


def reach(x: Floats) -> Floats:
    """(S,) -> (S, W): how far each window wants to reach from its point, falling.

    One geometric sequence from the scale of 1 or of x down to the grid of floats at x. Where the
    two scales are too far apart for that, half the windows stand at each end.
    """
    with np.errstate(divide="ignore"):
        magnitude = np.maximum(np.log2(np.abs(x)), _SMALLEST_EXPONENT)
    magnitude = np.where(x == 0, -_UNIFORM_BITS + _WIDEST_BITS + _NARROWEST_BITS, magnitude)
    top = np.maximum(_WIDEST_BITS, magnitude + 1)[:, None]
    bottom = np.maximum(magnitude - _NARROWEST_BITS, _SMALLEST_EXPONENT - _NARROWEST_BITS)[:, None]
    step = np.arange(WINDOWS)[None, :]
    uniform = top - (top - bottom) * step / (WINDOWS - 1)
    half = WINDOWS // 2
    low = np.minimum(magnitude[:, None], top - 2.0 * half)
    ends = np.where(step < half, top - 2.0 * step, low - 2.0 * (step - half))
    exponents = np.where(top - bottom <= _UNIFORM_BITS, uniform, ends)
    return np.asarray(_FACTOR * np.exp2(np.minimum(exponents, 1023.0)))


def place(x: Floats, low: Floats, high: Floats) -> Windows:
    """Windows around x (S,), each cut off at the ends of the domain [low, high] (S,).

    At an end of the domain a window lies to one side only. Nodes stay strictly inside.
    """
    wanted = reach(x)
    with np.errstate(over="ignore", invalid="ignore"):
        left = np.maximum(-wanted, (low - x)[:, None])
        right = np.minimum(wanted, (high - x)[:, None])
        centre, radius = (left + right) / 2, (right - left) / 2
        ideal = centre[..., None] + radius[..., None] * POSITIONS
        at = x[:, None, None]
        # Sterbenz: the subtraction is exact for offsets up to |x|; beyond, the rounding is
        # that of the argument itself, which the fit sees as noise of the values
        offsets = np.clip(at + ideal, low[:, None, None], high[:, None, None]) - at
        shift = (offsets - ideal) / radius[..., None]
    usable = np.isfinite(offsets).all(axis=2) & (radius > 0)
    return Windows(
        np.where(usable, centre, 0.0),
        np.where(usable, radius, 0.0),
        np.where(usable[..., None], offsets, 0.0),
        np.where(usable[..., None], shift, 0.0),
        np.asarray((left > -wanted) | (right < wanted)),
    )
