"""Failures without a number to compare: no gradient, NaN, buffers that were written to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gradcheck_sym.run.diagnosis.evidence import Evidence, Mask, Sample
from gradcheck_sym.run.diagnosis.regions import none, region
from gradcheck_sym.verdict.diagnosis import Diagnosis, Pattern

_NEARLY_ALL = 0.9


def written_to(evidence: Evidence) -> Diagnosis | None:
    """What the purity check has seen explains all else."""
    if not evidence.purity:
        return None
    return Diagnosis(Pattern.MUTATION, f"not pure: {'; '.join(evidence.purity)}")


def no_gradient(evidence: Evidence) -> Diagnosis | None:
    """Autograd gave none at all."""
    if not evidence.ungiven:
        return None
    words = f"no gradient by {evidence.name}: the graph is cut (detach, no_grad, .item(), or None)"
    return Diagnosis(Pattern.NO_GRADIENT, words)


def not_finite(evidence: Evidence) -> Diagnosis | None:
    """Most of what is wrong is NaN or infinite; with the reason where the formula shows one."""
    failing = sum(int(sample.failing.sum()) for sample in evidence.samples)
    broken = sum(int(_broken(sample).sum()) for sample in evidence.samples)
    if not failing or broken <= failing / 2:
        return None
    if broken < _NEARLY_ALL * failing:
        words = f"NaN or infinite at {broken} of {failing} wrong numbers"
        return Diagnosis(Pattern.NOT_FINITE, f"{words}{_where(evidence)}")
    thinned = evidence.thinned(256)
    if _share(thinned, _unselected) >= _NEARLY_ALL:
        words = "NaN through the branch of a where that is not selected: 0 times an infinity"
        return Diagnosis(Pattern.UNSELECTED_BRANCH, f"{words}{_where(evidence)}")
    if _share(thinned, _as_written) >= _NEARLY_ALL:
        words = f"NaN or infinite: so is the formula as written, which {_why(thinned)} there"
        return Diagnosis(Pattern.NOT_FINITE, f"{words}{_where(evidence)}")
    return Diagnosis(Pattern.NOT_FINITE, f"NaN or infinite{_where(evidence)}")


def _why(evidence: Evidence) -> str:
    """What the formula as written does where it is not finite."""
    share = _share(evidence, _overflowing)
    if share >= _NEARLY_ALL:
        return "overflows"
    return "divides by 0" if share <= 1 - _NEARLY_ALL else "overflows or divides by 0"


def beside_nan(told: Diagnosis, evidence: Evidence) -> Diagnosis:
    """What is told of the finite numbers, with that others are not."""
    lanes = sum(
        int(_broken(sample).reshape(sample.lanes, -1).any(axis=1).sum())
        for sample in evidence.samples
    )
    if not lanes:
        return told
    words = f"NaN or infinite at {'a point' if lanes == 1 else f'{lanes} points'}"
    if told.code is Pattern.UNKNOWN:
        return Diagnosis(Pattern.NOT_FINITE, f"{words}; of the other numbers: {told.sentence}")
    return replace(told, sentence=f"{told.sentence}; {words} besides")


def _where(evidence: Evidence) -> str:
    found = region(evidence, none)
    return "" if found is None else f", {found.sentence}"


def _broken(sample: Sample) -> Mask:
    return np.asarray(sample.failing & ~np.isfinite(sample.claim))


def _share(evidence: Evidence, of: Callable[[Sample], Mask]) -> float:
    """The share of the broken numbers that have a property."""
    broken = explained = 0
    for sample in evidence.samples:
        found = of(sample)
        broken += int(_broken(sample).sum())
        explained += int((_broken(sample) & found).sum())
    return explained / broken if broken else 0.0


def _unselected(sample: Sample) -> Mask:
    """Numbers that are finite only since what isn't selected is dropped."""
    if sample.stepwise is None or sample.naive is None:
        return np.zeros_like(sample.failing)
    dropped = sample.stepwise(sample.values, sample.cotangents)
    kept = sample.naive(sample.values, sample.cotangents)
    return np.asarray(np.isfinite(dropped) & ~np.isfinite(kept))


def _as_written(sample: Sample) -> Mask:
    """Numbers for which the formula as written overflows in the dtype's range."""
    if sample.naive is None:
        return np.zeros_like(sample.failing)
    return np.asarray(~np.isfinite(sample.naive(sample.values, sample.cotangents)))


def _overflowing(sample: Sample) -> Mask:
    """Numbers at points where a step of the formula as written overflows."""
    if sample.overflows is None:
        return np.zeros_like(sample.failing)
    found = sample.overflows(sample.values, sample.cotangents)
    return np.broadcast_to(found.reshape(-1, *[1] * len(sample.shape)), sample.failing.shape)
