"""Terms and factors of the derivative that are missing, or counted with another factor."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import final

import numpy as np

from gradcheck_sym.run.diagnosis.evidence import Alternative, Evidence, Floats, Sample
from gradcheck_sym.run.diagnosis.fit import (
    Guess,
    Prediction,
    agreed,
    fit,
    matches,
    tells,
    unchanged,
)
from gradcheck_sym.run.diagnosis.plain import spread
from gradcheck_sym.verdict.diagnosis import Pattern
from gradcheck_sym.verdict.names import ratio_name

_MOST = 160  # alternatives that are tried
_ENOUGH = 12  # failing numbers of a sample that settle a factor
_GOOD = 0.9  # share of the numbers of a size that a part without a name must explain
_LOOSER = 64.0  # a part is a difference of gradients, and loses digits


def parts(evidence: Evidence) -> Iterator[Guess]:
    """The gradient without one of its parts; the part's factor is taken from the claims."""
    sample = _telling(evidence)
    if evidence.name is None or sample is None:
        return
    alone = replace(evidence, samples=(sample,))
    every = _Remembered(evidence)
    for found in every.of(sample):
        for guess in _guesses(evidence, sample, found, every):
            if fit(alone, guess) is not None:
                yield guess


def _guesses(
    evidence: Evidence, sample: Sample, found: Alternative, every: _Remembered
) -> Iterator[Guess]:
    if not found.summand:
        flawed = Pattern.OTHER_BRANCH if found.branch else Pattern.OTHER_POINT
        code = flawed if found.flaw else Pattern.MISSING_FACTOR
        words = f"{found.part} {found.flaw or 'is missing'}"
        yield Guess(code, words, _Without(found, every), not found.key)
        return
    alone = replace(evidence, samples=(sample,))
    counts = factor_of(alone, lambda each: _part(found, each))
    if counts is not None:
        code, words, counted = counts
        yield Guess(code, f"{found.part} {words}", _Without(found, every, counted), not found.key)


def factor_of(evidence: Evidence, part: Prediction) -> tuple[Pattern, str, float] | None:
    """How often a summand counts: what that is called, in words, and the number.

    None where it counts differently from number to number.
    """
    found = [np.zeros(0)]
    for sample in evidence.samples:
        added = part(sample)
        if added is not None:
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                found.append(((sample.claim - sample.truth) / added)[tells(sample)])
    slack = _LOOSER * spread(evidence)
    off = agreed(np.concatenate(found), slack)
    return None if off is None else _said(off, slack)


def _said(off: float, slack: float) -> tuple[Pattern, str, float]:
    """What it is called that a part counts so many times more than once."""
    for counted, (code, words) in _COUNTED.items():
        if abs(off - (counted - 1)) <= slack:
            return code, words, counted
    known = slack * min(1.0, abs(off))  # what is known of `off` alone: 1 - 1e-7 is no 1
    return Pattern.WRONG_TERM, f"is counted {ratio_name(1 + off, known)} times", 1 + off


# how often a part is counted -> what that is called
_COUNTED = {
    0.0: (Pattern.MISSING_TERM, "is missing"),
    -1.0: (Pattern.WRONG_TERM, "has the wrong sign"),
    2.0: (Pattern.WRONG_TERM, "is counted twice"),
}


def _telling(evidence: Evidence) -> Sample | None:
    """The smallest sample of several elements with enough failing numbers, else with the most."""
    counted = [(int(tells(sample).sum()), sample) for sample in evidence.samples]
    enough = [sample for count, sample in counted if count >= _ENOUGH]
    if enough:
        return min(
            enough, key=lambda sample: (math.prod(sample.shape) < 2, math.prod(sample.shape))
        )
    return max(counted, key=lambda pair: pair[0], default=(0, None))[1]


def _part(found: Alternative, sample: Sample) -> Floats | None:
    """What a part adds to the gradient."""
    if sample.gradient is None:
        return None
    whole = sample.gradient(sample.values, sample.cotangents)
    rest = found.gradient(sample.values, sample.cotangents)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(whole - rest)


@final
class _Remembered:
    """The alternatives at each size, made once, and no more of them than are asked for."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.made: dict[object, list[Alternative]] = {}
        self.left: dict[object, Iterator[Alternative]] = {}

    def of(self, sample: Sample) -> Iterator[Alternative]:
        """The alternatives at the sizes of a sample, in order."""
        shapes = tuple(array.shape[1:] for array in sample.values.values())
        sizes = (tuple(sorted(sample.dims.items())), shapes)
        if sizes not in self.left:
            self.made[sizes] = []
            self.left[sizes] = iter(islice(self.evidence.alternatives(sample), _MOST))
        made, place = self.made[sizes], 0
        while True:
            while place < len(made):
                yield made[place]
                place += 1
            following = next(self.left[sizes], None)
            if following is None:
                return
            made.append(following)


@final
class _Without:
    """A prediction: the gradient where a part counts so many times, at any size.

    A part that has no name of the author's is another one at each size: there it is the one that
    fits best.
    """

    def __init__(self, found: Alternative, every: _Remembered, counted: float = 0.0) -> None:
        self.found = found
        self.every = every
        self.counted = counted

    def __call__(self, sample: Sample) -> Floats | None:
        best: tuple[float, Floats] | None = None
        for other in self.every.of(sample):
            if _kind(other) != _kind(self.found):
                continue
            predicted = self._predicted(other, sample)
            score = 0.0 if predicted is None else _score(sample, predicted)
            if predicted is not None and (best is None or score > best[0]):
                best = score, predicted
            if other.key or score == 1:
                break
        if best is None or (not self.found.key and best[0] < _GOOD):
            return None
        return best[1]

    def _predicted(self, other: Alternative, sample: Sample) -> Floats | None:
        if not other.summand:
            return other.gradient(sample.values, sample.cotangents)
        part = _part(other, sample)
        if part is None:
            return None
        with np.errstate(invalid="ignore", over="ignore"):
            return np.asarray(sample.truth + (self.counted - 1) * part)


def _kind(found: Alternative) -> tuple[str, str, bool]:
    """What makes alternatives at two sizes the same."""
    return found.key, found.flaw, found.summand


def _score(sample: Sample, predicted: Floats) -> float:
    """The share of the numbers that a prediction explains."""
    right = np.where(sample.failing, matches(sample, predicted), unchanged(sample, predicted))
    known = sample.failing | sample.agreeing
    return float(right[known].mean()) if known.any() else 0.0
