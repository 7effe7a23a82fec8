"""Names the known mistake that fits a failure, and where it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from gradcheck_sym.run.diagnosis import arrays, digits, fed, parts, plain, points
from gradcheck_sym.run.diagnosis.evidence import Evidence, Mask, Sample
from gradcheck_sym.run.diagnosis.fit import LEAST, Fit, Guess, every, fit, unchanged
from gradcheck_sym.run.diagnosis.lost import no_gradient, not_finite, written_to
from gradcheck_sym.run.diagnosis.regions import region, vanishing
from gradcheck_sym.verdict.diagnosis import Diagnosis, Pattern

_EACH = 128  # failing, and agreeing, points of each sample that guesses are held against

# From the simplest mistake to the strangest; the first that fits everywhere is named.
_GUESSES: tuple[Callable[[Evidence], Iterator[Guess]], ...] = (
    plain.zero,
    plain.sign,
    plain.ratio,
    plain.sized_ratio,
    digits.low_precision,
    fed.straight_through,
    fed.cotangents,
    arrays.exchanged,
    arrays.transposed,
    arrays.sums,
    arrays.permuted,
    points.other_points,
    plain.constant_slope,
    plain.constant,
    plain.clipped,
    parts.parts,
    points.stale,
    plain.offset,
    digits.float32_inside,
)


def diagnose(evidence: Evidence) -> Diagnosis:
    """The known mistake that fits what was seen at nearly all failing points; else unknown.

    A mistake that also explains why the other points agree goes before one that does not; of the
    latter, and where no mistake is known, it is told where the failing points lie.
    """
    with np.errstate(all="ignore"):
        for special in (written_to, no_gradient, not_finite):
            found = special(evidence)
            if found is not None:
                return found
        return _by_guessing(evidence)


def _by_guessing(evidence: Evidence) -> Diagnosis:
    thinned = evidence.thinned(_EACH)
    if every(thinned) < LEAST:
        where = region(evidence, vanishing)
        few = "too few wrong numbers to tell a pattern"
        return (
            where_alone(where) if where else Diagnosis(Pattern.UNKNOWN, f"unknown pattern: {few}")
        )
    best: tuple[Guess, Fit] | None = None
    for guesses in _GUESSES:
        for guess in guesses(thinned):
            found = fit(thinned, guess)
            if found is not None and found.everywhere:
                return Diagnosis(guess.code, f"{guess.words}{_extent(found, evidence)}")
            if found is not None and best is None:
                best = guess, found
    if best is not None:
        guess, found = best
        where = region(evidence, _shows_nothing(guess))
        return Diagnosis(guess.code, f"{guess.words}{_extent(found, evidence)}{_and(where)}")
    where = region(evidence, vanishing)
    return where_alone(where) if where else Diagnosis(Pattern.UNKNOWN, "unknown pattern")


def where_alone(where: Diagnosis) -> Diagnosis:
    """The diagnosis where only the place is known."""
    return Diagnosis(where.code, f"wrong {where.sentence}")


def _and(where: Diagnosis | None) -> str:
    return "" if where is None else f", {where.sentence}"


def _extent(found: Fit, evidence: Evidence) -> str:
    """At how many of the failing points."""
    total = sum(int(sample.failing_lanes.sum()) for sample in evidence.samples)
    compared = " that were compared" if found.of_points < total else ""
    if found.points == found.of_points:
        return f" at all {found.points} failing points{compared}"
    return f" at {found.points} of {found.of_points} failing points{compared}"


def _shows_nothing(guess: Guess) -> Callable[[Sample], Mask]:
    def of(sample: Sample) -> Mask:
        predicted = guess.predicted(sample)
        if predicted is None:
            return np.zeros_like(sample.failing)
        return unchanged(sample, predicted) | vanishing(sample)

    return of
