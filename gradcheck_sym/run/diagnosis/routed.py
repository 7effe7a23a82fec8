"""The right terms at the wrong elements: some left out, counted twice, or added to another one.

What an element of the value adds to one of the gradient is a term. Whatever a backward does with
them, by a loop, a fold or a scatter that is wrong, it adds up some of them for each element of the
gradient: how often it counts each is found by least squares, and is a mistake where all of these
numbers are small whole ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import final

import numpy as np
import numpy.typing as npt

from gradcheck_sym.run.diagnosis.arrays import contributions
from gradcheck_sym.run.diagnosis.evidence import Evidence, Floats, Sample
from gradcheck_sym.run.diagnosis.fit import Guess, tells
from gradcheck_sym.verdict.diagnosis import Pattern
from gradcheck_sym.verdict.names import sizes_told

_MOST_TERMS = 48  # of a gradient
_LEAST_POINTS = 16  # more than there are terms
_WHOLE = 1e-4  # by which a count may miss a whole number
_COUNTS = (-1.0, 3.0)  # the least and the largest
_SHOWN = 2  # terms that are named
_ALIKE = 1e-9  # terms that are equal to this, in the middle, are one


def routed(evidence: Evidence) -> Iterator[Guess]:
    """The sum of other terms."""
    if evidence.name is None:
        return
    made = _Made()
    for sample in sorted(evidence.samples, key=lambda each: math.prod(each.shape)):
        routes = made.of(sample) if tells(sample).any() else None
        if routes is not None and routes.are_wrong:
            code, words = routes.said()
            yield Guess(code, f"{words}{_at(sample)}", made.predicted, loose=True)
            return


def _at(sample: Sample) -> str:
    return f" (at {sizes_told(sample.dims)})" if sample.dims else ""


@final
class _Routes:
    """How often each term counts for each element of a gradient."""

    def __init__(
        self, sample: Sample, pairs: npt.NDArray[np.int64], terms: Floats, counts: Floats
    ) -> None:
        self.shape = sample.shape
        self.out = sample.cotangents.shape[1:]
        self.pairs = pairs  # (terms, 2): the element that a term belongs to, that of the value
        self.terms = terms  # (lanes, terms)
        self.counts = counts  # (elements, terms)
        own = pairs[:, 0] == np.arange(len(counts))[:, None]
        self.off = counts - own  # what is too many, or too few

    @property
    def are_wrong(self) -> bool:
        """Whether anything counts as it should not."""
        return bool(self.off.any())

    @property
    def gradient(self) -> Floats:
        """The sum of the terms, each as often as it counts: (lanes, elements)."""
        return np.asarray(self.terms @ self.counts.T)

    def said(self) -> tuple[Pattern, str]:
        """What it is called, in words: of the first few terms."""
        wrong = np.flatnonzero(self.off.any(axis=0)).tolist()
        codes, words = zip(*map(self._of_term, wrong), strict=True)
        more = len(words) - _SHOWN
        left = f"; and {more} more" if more > 0 else ""
        code = codes[0] if len({*codes}) == 1 else Pattern.WRONG_SUM
        return code, f"{'; '.join(words[:_SHOWN])}{left}"

    def _of_term(self, term: int) -> tuple[Pattern, str]:
        element, place = self.pairs[term].tolist()
        own, others = self.counts[element, term], self.counts[:, term].copy()
        others[element] = 0
        what = f"what element {_index(place, self.out)} of the output adds"
        to = "the gradient"
        if math.prod(self.shape) > 1:
            to = f"element {_index(element, self.shape)} of the gradient"
        if others.any():
            away = " and ".join(_index(at, self.shape) for at in np.flatnonzero(others).tolist())
            how = "instead" if own == 0 else "as well"
            return Pattern.WRONG_SUM, f"{what} to {to} goes to {away} {how}"
        if own == 0:
            return Pattern.MISSING_TERM, f"{what} to {to} is missing"
        return Pattern.WRONG_TERM, f"{what} to {to} counts {own:g} times"


def _index(place: int, shape: tuple[int, ...]) -> str:
    return f"[{', '.join(str(k) for k in np.unravel_index(place, shape))}]"


@final
class _Made:
    """The routes in each sample, found once."""

    def __init__(self) -> None:
        self.found: dict[int, _Routes | None] = {}

    def of(self, sample: Sample) -> _Routes | None:
        """The routes that explain a sample; None where none do."""
        if id(sample) not in self.found:
            self.found[id(sample)] = _fitted(sample)
        return self.found[id(sample)]

    def predicted(self, sample: Sample) -> Floats | None:
        """The gradient of these routes."""
        routes = self.of(sample)
        return None if routes is None else routes.gradient.reshape(sample.claim.shape)


def _fitted(sample: Sample) -> _Routes | None:
    parts = contributions(sample)
    if parts is None:
        return None
    flat = parts.reshape(*parts.shape[:2], -1)
    pairs = _distinct(flat)
    if not 0 < len(pairs) <= _MOST_TERMS or sample.lanes < len(pairs) + _LEAST_POINTS:
        return None
    terms = flat[:, pairs[:, 0], pairs[:, 1]]
    counts = _counted(terms, sample.claim.reshape(sample.lanes, -1))
    return None if counts is None else _Routes(sample, pairs, terms, counts)


def _distinct(flat: Floats) -> npt.NDArray[np.int64]:
    """The terms that are no others', as (element, element of the value)."""
    finite = np.isfinite(flat).all(axis=(1, 2))
    kept: list[tuple[int, int]] = []
    for element, place in np.argwhere((flat != 0).any(axis=0)).tolist():
        mine = flat[finite, element, place]
        if not any(_is_same(mine, flat[finite, at, to]) for at, to in kept[-_MOST_TERMS:]):
            kept.append((element, place))
        if len(kept) > _MOST_TERMS:
            break
    return np.array(kept, dtype=np.int64).reshape(-1, 2)


def _is_same(one: Floats, other: Floats) -> bool:
    return bool((np.abs(one - other) <= _ALIKE * np.abs(one)).all())


def _counted(terms: Floats, claims: Floats) -> Floats | None:
    """How often each term counts in each claim, (claims, terms); None where no whole numbers do."""
    usable = np.isfinite(terms).all(axis=1) & np.isfinite(claims).all(axis=1)
    size = np.abs(terms).max(axis=1, initial=0.0)
    usable &= (size > 0) & np.isfinite(1 / np.where(size > 0, size, 1.0))
    if int(usable.sum()) < terms.shape[1] + _LEAST_POINTS:
        return None
    size = size[usable][:, None]
    found, _, rank, _ = np.linalg.lstsq(terms[usable] / size, claims[usable] / size, rcond=1e-10)
    whole = np.rint(found)
    low, high = _COUNTS
    plain = np.abs(found - whole) <= _WHOLE
    if rank < terms.shape[1] or not (plain & (whole >= low) & (whole <= high)).all():
        return None
    return np.asarray(whole.T)
