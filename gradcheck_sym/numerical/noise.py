"""How exact the values of a function are, as far as the values themselves show it."""

from __future__ import annotations

import numpy as np

from gradcheck_sym.numerical.windows import Flags, Floats

ROUNDING = 2.0**-53  # unit roundoff of float64
_NARROW_BITS = 24  # the widest significand of a narrower format, float32
_FEWEST_BITS = 7  # values with fewer are taken for small integers, not for a narrow format
_CLEAR = 0.25  # difference in bits that tells a narrow format from exact steps
_FEWEST_VALUES = 8  # distinct values needed before their bits mean anything


def significant_bits(values: Floats) -> Floats:
    """Length of each significand up to its last bit that is set; 0 for zero and non-finite."""
    known = np.isfinite(values) & (values != 0)
    mantissa, _ = np.frexp(np.where(known, values, 1.0))
    whole = np.abs(np.ldexp(mantissa, 53)).astype(np.int64)
    _, lowest = np.frexp((whole & -whole).astype(np.float64))
    return np.where(known, 54.0 - lowest, 0.0)


def precision(values: Floats) -> tuple[Floats, Flags]:
    """(S, N) values -> (S,) relative rounding of their format, and whether they are exact steps.

    A forward that goes through a narrow format returns values whose significands are equally
    short at all magnitudes. Multiples of one step, as integers are, end at the same bit instead:
    that is no rounding. In both, each further bit at the end is zero half of the time, so that
    the true description is the one from which the values lie less far on average.
    """
    values = np.sort(values, axis=1)
    bits = significant_bits(values)
    new = np.concatenate([np.ones_like(values[:, :1]), values[:, 1:] != values[:, :-1]], axis=1)
    known = (bits > 0) & (new > 0)
    most = np.where(known, bits, 0.0).max(axis=1, initial=0.0)
    last = np.where(known, np.frexp(values)[1] - bits, np.inf)  # exponent of the last bit set
    finest = last.min(axis=1, initial=np.inf)
    count = np.maximum(np.count_nonzero(known, axis=1), 1)
    with np.errstate(invalid="ignore"):
        floating = np.where(known, most[:, None] - bits, 0.0).sum(axis=1) / count
        stepping = np.where(known, last - finest[:, None], 0.0).sum(axis=1) / count
    short = (most <= _NARROW_BITS) & (count >= _FEWEST_VALUES)
    narrow = short & (most >= _FEWEST_BITS) & (floating < stepping - _CLEAR)
    return np.where(narrow, np.exp2(-most), ROUNDING), short & (stepping < floating - _CLEAR)


def distinct(values: Floats) -> Floats:
    """Number of different values along the last axis."""
    ordered = np.sort(values, axis=-1)
    return np.asarray(1.0 + np.count_nonzero(ordered[..., 1:] != ordered[..., :-1], axis=-1))


def quantized(values: Floats) -> Flags:
    """Whether the last axis holds so few different values that rounding hides the function.

    A symmetric function takes each value twice, so fewer than half of them must differ.
    """
    return np.asarray(distinct(values) < values.shape[-1] / 2)
