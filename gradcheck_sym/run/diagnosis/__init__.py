"""Names the known mistake that fits a failure, and where it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from gradcheck_sym.run.diagnosis import arrays, conjugates, digits, fed, parts, plain, points
from gradcheck_sym.run.diagnosis.evidence import Evidence, Mask, Sample
from gradcheck_sym.run.diagnosis.fit import LEAST, Fit, Guess, every, fit, unchanged
from gradcheck_sym.run.diagnosis.growing import growing
from gradcheck_sym.run.diagnosis.lost import beside_nan, no_gradient, not_finite, written_to
from gradcheck_sym.run.diagnosis.regions import in_settings, none, region, vanishing
from gradcheck_sym.run.diagnosis.rescaled import rescaled
from gradcheck_sym.run.diagnosis.routed import routed
from gradcheck_sym.run.diagnosis.tangents import tangents
from gradcheck_sym.verdict.diagnosis import UNKNOWN, Diagnosis, Pattern

__all__ = ["Told", "at_kinks", "diagnose", "diagnose_like", "in_settings", "where_alone"]

_Guesses = Callable[[Evidence], Iterator[Guess]]

_EACH = 128  # failing, and agreeing, points of each sample that guesses are held against

# From the simplest mistake to the strangest; the first that fits everywhere is named.
_GUESSES: tuple[_Guesses, ...] = (
    plain.zero,
    plain.sign,
    plain.ratio,
    plain.sized_ratio,
    digits.low_precision,
    conjugates.conjugates,
    fed.straight_through,
    fed.cotangents,
    tangents,
    arrays.exchanged,
    arrays.transposed,
    arrays.sums,
    arrays.permuted,
    points.other_points,
    points.stale,
    plain.constant_slope,
    plain.constant,
    plain.clipped,
    parts.parts,
    routed,
    plain.offset,
    rescaled,
    digits.float32_inside,
)


@final
@dataclass(frozen=True, slots=True)
class Told:
    """A diagnosis, and which guesses led to it: the next one of the same mistake begins there."""

    diagnosis: Diagnosis
    guesses: _Guesses | None = None  # None: no known mistake fits


def diagnose(evidence: Evidence) -> Diagnosis:
    """The known mistake that fits what was seen at nearly all failing points; else unknown.

    A mistake that also explains why the other points agree goes before one that does not; of the
    latter, and where no mistake is known, it is told where the failing points lie.
    """
    return diagnose_like(evidence, None).diagnosis


def at_kinks(evidence: Evidence) -> Told:
    """What fails at kinks and gaps alone: NaN, 0 or another number, and at which.

    The same mistake may show elsewhere in another way of running, where all guesses are open.
    """
    with np.errstate(all="ignore"):
        found = not_finite(evidence)
        if found is None:
            claims = [sample.claim[sample.failing] for sample in evidence.samples]
            what = "wrong" if any(part.any() for part in claims) else "zero"
            where = region(evidence, none)
            words = where.sentence if where else "at kinks, ties or gaps of the formula"
            found = Diagnosis(Pattern.KINKS, f"{what} {words}")
    return Told(found, plain.zero)


def diagnose_like(evidence: Evidence, earlier: Told | None) -> Told:
    """The diagnosis of a gradient that was found wrong in another way of running, too.

    What fitted there is tried first, and where nothing fitted, nothing is tried.
    """
    with np.errstate(all="ignore"):
        plain_alone = evidence.plain()
        for special in (written_to, no_gradient, not_finite):
            found = special(evidence) or special(plain_alone)
            if found is not None:
                return Told(found)
        told = _by_earlier(evidence, earlier)
        return replace(told, diagnosis=beside_nan(told.diagnosis, evidence))


def _by_earlier(evidence: Evidence, earlier: Told | None) -> Told:
    if earlier is None:
        return _by_all(evidence)
    if earlier.guesses is None:
        return _by_guessing(evidence, ())
    again = _by_guessing(evidence, (earlier.guesses,))
    return again if again.guesses else _by_all(evidence)


def _by_all(evidence: Evidence) -> Told:
    """By all guesses: on all failing numbers, then on those alone that lose no digits besides."""
    found = _by_guessing(evidence, _GUESSES)
    if found.guesses or not any(sample.lossy.any() for sample in evidence.samples):
        return found
    plainly = _by_guessing(evidence.plain(), _GUESSES)
    return plainly if plainly.guesses else found


def _by_guessing(evidence: Evidence, tried: Sequence[_Guesses]) -> Told:
    thinned = evidence.thinned(_EACH)
    if every(thinned) < LEAST:
        where = region(evidence, vanishing)
        few = "unknown pattern: too few wrong numbers to tell a pattern"
        return Told(where_alone(where) if where else Diagnosis(Pattern.UNKNOWN, few))
    best: tuple[_Guesses, Guess, Fit] | None = None
    for guesses in tried:
        for guess in guesses(thinned):
            found = fit(thinned, guess)
            if found is not None and found.everywhere and not (guess.loose and best):
                words = f"{guess.words}{_extent(found, evidence)}"
                return Told(Diagnosis(guess.code, words), guesses)
            if found is not None and best is None:
                best = guesses, guess, found
    if best is not None:
        guesses, guess, found = best
        where = region(evidence, _shows_nothing(guess))
        words = f"{guess.words}{_extent(found, evidence)}{_and(where)}"
        return Told(Diagnosis(guess.code, words), guesses)
    where, close = region(evidence, vanishing), digits.near(thinned)
    if where is None:
        return Told(growing(thinned) or close or UNKNOWN)
    alone = where_alone(where)
    how = "" if close is None else f"; {close.sentence}"
    return Told(replace(alone, sentence=f"{alone.sentence}{how}"))


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
        return unchanged(sample, predicted)

    return of
