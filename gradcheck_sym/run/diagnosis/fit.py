"""Whether what a known mistake would give is what is claimed: at nearly all points, not by luck."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np

from gradcheck_sym.run.diagnosis.evidence import Evidence, Floats, Mask, Sample
from gradcheck_sym.verdict.diagnosis import Pattern

# What a mistake would give in a sample, in the shape of its claims; None where it is impossible.
Prediction = Callable[[Sample], Floats | None]

LEAST = 3  # independent numbers: any two may be equal, or in one ratio, by chance
_NEARLY_ALL = 0.9  # of the failing numbers; rounding may spoil the others
_AGREEING = 0.98  # of the others, where a mistake shows nothing
_EXPLAINED = 2.0**-12  # share of a gap that may be left: rounding in the wrong formula's own terms
_TELLING = 2.0  # a number tells if its gap is so many times what a right one may be off by
_LARGEST_SHARE = 0.25  # of a gap that may be left to rounding
_BITS = 30.0  # by which what is claimed must be nearer to what is predicted than to the truth
_ALIKE = 1e-3  # numbers that are equal to this are not independent


@final
@dataclass(frozen=True, slots=True)
class Guess:
    """A known mistake that may explain what is claimed."""

    code: Pattern
    words: str  # "2 times the truth"
    predicted: Prediction
    loose: bool = False  # its prediction is chosen anew at each size


@final
@dataclass(frozen=True, slots=True)
class Fit:
    """How well a guess explains the claims."""

    numbers: int  # failing numbers that it explains
    points: int  # failing points all of whose wrong numbers it explains
    of_points: int  # out of so many
    everywhere: bool  # it also explains that the agreeing numbers agree


def fit(evidence: Evidence, guess: Guess) -> Fit | None:
    """How a guess explains the claims; None where it does not.

    Where most numbers tell it is held against them first: nearly every guess falls there, and the
    gradient of many sizes, anew for each guess, would be most of the time of a run.
    """
    telling = [(tells(sample), sample) for sample in evidence.samples]
    telling.sort(key=lambda pair: -int(pair[0].sum()))
    total = sum(int(mask.sum()) for mask, _ in telling)
    found, missed = [], 0
    for mask, sample in telling:
        found.append(_of_sample(sample, guess, mask))
        missed += found[-1].telling - found[-1].explained
        if total - missed < _NEARLY_ALL * total:  # of fewer numbers, too, that were too many
            return None
    told = sum(each.telling for each in found)
    explained = sum(each.explained for each in found)
    if explained < LEAST or explained < _NEARLY_ALL * told:
        return None
    points, of_points = sum(each.points for each in found), sum(each.of_points for each in found)
    failing = sum(_points(mask, sample.lanes) for mask, sample in telling)
    if 2 * told < total and 2 * of_points < failing:  # one large point has many numbers
        return None
    if sum(each.bits for each in found) < _BITS:
        return None
    kinds = (each.truths for each in found), (each.claims for each in found)
    if max(independent(np.concatenate(list(kind))) for kind in kinds) < LEAST:
        return None
    agreeing = sum(each.agreeing for each in found)
    kept = sum(each.kept for each in found)
    return Fit(explained, points, of_points, kept >= _AGREEING * agreeing)


def _points(telling: Mask, lanes: int) -> int:
    """How many points have a number that tells."""
    return int(telling.reshape(lanes, -1).any(axis=1).sum())


def every(evidence: Evidence) -> int:
    """How many numbers tell, in all samples."""
    return sum(int(tells(sample).sum()) for sample in evidence.samples)


def independent(numbers: Floats) -> int:
    """How many numbers there are that aren't nearly equal to others."""
    finite = np.sort(numbers[np.isfinite(numbers)])
    if not finite.size:
        return 0
    steps = np.diff(finite) > _ALIKE * np.abs(finite[1:])
    return 1 + int(steps.sum())


@final
@dataclass(frozen=True, slots=True)
class _Found:
    """One sample's part in a fit."""

    telling: int = 0
    explained: int = 0
    bits: float = 0.0  # how much nearer all of these are to the prediction than to the truth
    truths: Floats = field(default_factory=lambda: np.zeros(0))  # of the explained numbers
    claims: Floats = field(default_factory=lambda: np.zeros(0))
    agreeing: int = 0
    kept: int = 0
    points: int = 0
    of_points: int = 0


def _of_sample(sample: Sample, guess: Guess, telling: Mask) -> _Found:
    predicted = guess.predicted(sample)
    if predicted is None:  # at these sizes it cannot be made, as a transposed row
        return _Found()
    close = matches(sample, predicted)
    right = ~sample.agreeing | close | unchanged(sample, predicted)
    wrong_by_lane = telling.reshape(sample.lanes, -1)
    explained_by_lane = (close & telling).reshape(sample.lanes, -1)
    whole = wrong_by_lane.any(axis=1) & (wrong_by_lane == explained_by_lane).all(axis=1)
    return _Found(
        telling=int(telling.sum()),
        explained=int((close & telling).sum()),
        bits=_bits(sample, predicted, close & telling),
        truths=sample.truth[close & telling],
        claims=sample.claim[close & telling],
        agreeing=int(sample.agreeing.sum()),
        kept=int((sample.agreeing & right).sum()),
        points=int(whole.sum()),
        of_points=int(wrong_by_lane.any(axis=1).sum()),
    )


def tells(sample: Sample) -> Mask:
    """The failing numbers that are so far off that they say by how much.

    What the right formula itself gives in floats, as where a number on the way underflows, would
    seem to be explained by any mistake that shows nothing there.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        gap = np.abs(sample.claim - sample.truth)
        finite = np.isfinite(sample.claim) & np.isfinite(sample.truth)
        telling = np.asarray(sample.failing & finite & (gap > _TELLING * sample.slack))
    return telling & ~as_computed(sample) if telling.any() else telling


def as_computed(sample: Sample) -> Mask:
    """The numbers that the right formula gives, too, as it is written and in plain floats."""
    if sample.computed is None:
        return np.zeros_like(sample.failing)
    return matches(sample, sample.computed)


def matches(sample: Sample, predicted: Floats) -> Mask:
    """The numbers that are as predicted, but for rounding and a small share of the gap."""
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        return np.asarray(np.abs(sample.claim - predicted) <= _allowed(sample, predicted))


def _allowed(sample: Sample, predicted: Floats) -> Floats:
    """By how much a claim may miss what is predicted."""
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        gap = np.abs(sample.claim - sample.truth)
        larger = np.fmax(1.0, np.abs(predicted) / np.abs(sample.truth))
        rounding = sample.slack * np.where(np.isfinite(larger), larger, 1.0)
        return np.asarray(np.fmin(rounding + _EXPLAINED * gap, _LARGEST_SHARE * gap))


def _bits(sample: Sample, predicted: Floats, explained: Mask) -> float:
    """How improbable it is that so many claims are so near to the prediction by chance."""
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        share = 2 * _allowed(sample, predicted) / np.abs(sample.claim - sample.truth)
    return float(-np.log2(share[explained]).sum())


def unchanged(sample: Sample, predicted: Floats) -> Mask:
    """The numbers at which a mistake shows nothing."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(np.abs(predicted - sample.truth) <= 8 * sample.slack)


def telling_numbers(samples: Sequence[Sample], of: Callable[[Sample], Floats]) -> Floats:
    """Some array of each sample at the failing numbers that tell, one after the other."""
    return np.concatenate([np.zeros(0), *(of(sample)[tells(sample)] for sample in samples)])


def agreed(numbers: Floats, spread: float) -> float | None:
    """The number that nearly all of some are, up to a relative spread; None where there is none."""
    finite = numbers[np.isfinite(numbers)]
    if len(finite) < LEAST or len(finite) < _NEARLY_ALL * len(numbers):
        return None
    middle = float(np.median(finite))
    near = np.abs(finite - middle) <= spread * abs(middle)
    return middle if near.mean() >= _NEARLY_ALL else None
