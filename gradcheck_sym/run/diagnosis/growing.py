"""Errors that grow from nothing: a series that is cut off; or towards 0: a number added there."""

from __future__ import annotations

import numpy as np

from gradcheck_sym.run.diagnosis.evidence import Evidence, Floats, Sample
from gradcheck_sym.run.diagnosis.features import Feature, features
from gradcheck_sym.run.diagnosis.fit import tells
from gradcheck_sym.verdict.diagnosis import Diagnosis, Pattern
from gradcheck_sym.verdict.names import simplest

_MANY = 32  # wrong numbers; fewer are easily in order
_IN_ORDER = 0.97  # rank correlation of an error with the size of an input
_NOT_AS_TRUTH = 0.7  # the same of its share of the truth, which may vanish: it grows on its own
_FROM_NOTHING = 1e-3  # of the largest errors: the smallest are less
_PLAIN = 100.0  # times what a right number may be off by: such errors tell how they grow
_SAID = {
    1: "the error grows with |{}|, from nothing at 0",
    -1: "the error grows towards {} = 0, from nothing",
}
_ENDS = {1: "; up to |{}| = {:.15g} and not beyond", -1: "; down to |{}| = {:.15g} and not below"}
_LEAST_SHARE = 0.02  # of the right numbers; fewer are strays
_SCATTER = 0.2  # of the logarithm of an error about a power
_WHOLE = 0.1  # by which an exponent may miss a whole number


def growing(evidence: Evidence) -> Diagnosis | None:
    """The error is the larger the larger an element is, and vanishes with it; or the smaller."""
    for words, feature in features(evidence):
        if words not in evidence.samples[0].values:
            continue
        found = [_sizes_and_errors(sample, feature) for sample in evidence.samples]
        sizes, errors, shares, plain = np.concatenate([np.zeros((4, 0)), *found], axis=1)
        if len(sizes) < _MANY or np.quantile(errors, 0.05) > _FROM_NOTHING * errors.max():
            continue
        for sign, said in _SAID.items():
            ordered = sign * _in_order(sizes, errors) >= _IN_ORDER
            if ordered and sign * _in_order(sizes, shares) >= _NOT_AS_TRUTH:
                rate = _rate(words, sizes[plain > 0], errors[plain > 0], sign)
                at = _end(evidence, feature, sizes, sign)
                end = "" if at is None else _ENDS[sign].format(words, at)
                return Diagnosis(Pattern.GROWING, f"{said.format(words)}{rate}{end}")
    return None


def _end(evidence: Evidence, feature: Feature, sizes: Floats, sign: int) -> float | None:
    """The size beyond which, behind the largest errors, numbers agree; None where none do."""
    right = np.concatenate([_right_sizes(sample, feature) for sample in evidence.samples])
    last = sizes.max() if sign > 0 else sizes.min()
    beyond = right[sign * right > sign * last]
    if len(beyond) < _MANY or len(beyond) < _LEAST_SHARE * len(right):
        return None
    return simplest(*sorted((float(last), float(sign * (sign * beyond).min()))))


def _right_sizes(sample: Sample, feature: Feature) -> Floats:
    """Of right numbers that are not 0: the input's size."""
    found = feature(sample)
    if found is None:
        return np.zeros(0)
    telling = sample.agreeing & (np.abs(sample.truth) > sample.slack)
    return np.asarray(np.broadcast_to(np.abs(found), sample.claim.shape)[telling])


def _sizes_and_errors(sample: Sample, feature: Feature) -> Floats:
    """Of wrong numbers: the input's size, the error for a cotangent of 1, its share, if plain."""
    telling, found = tells(sample), feature(sample)
    if found is None:
        return np.zeros((4, 0))
    fed = sample.cotangents if sample.cotangents.shape == sample.claim.shape else 1.0
    size = np.broadcast_to(np.abs(found), sample.claim.shape)[telling]
    gap = np.abs(sample.claim - sample.truth)
    error = (gap / np.abs(fed if sample.gradient is not None else 1.0))[telling]
    share = (gap / np.abs(sample.truth))[telling]
    columns = np.stack([size, error, share, (gap > _PLAIN * sample.slack)[telling]])
    return np.asarray(columns[:, np.isfinite(columns).all(axis=0)])


def _in_order(one: Floats, other: Floats) -> float:
    """The rank correlation of two lists of numbers."""
    ranks = [np.argsort(np.argsort(numbers, kind="stable")) for numbers in (one, other)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _rate(words: str, sizes: Floats, errors: Floats, sign: int) -> str:
    """How fast the smaller errors grow, where that is a power."""
    if len(sizes) < _MANY // 2:
        return ""
    smaller = (errors <= np.median(errors)) & (sizes > 0)
    across, along = np.log(sizes[smaller]), np.log(errors[smaller])
    power, start = np.polyfit(across, along, 1)
    scatter = float(np.abs(along - start - power * across).max())
    whole = round(float(power))
    is_power = scatter <= _SCATTER and abs(power - whole) <= _WHOLE
    return f", as |{words}|**{whole}" if is_power and whole * sign > (sign > 0) else ""
