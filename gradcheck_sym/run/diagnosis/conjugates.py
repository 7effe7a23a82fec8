"""Complex numbers: a conjugate that is missing, or one too many."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradcheck_sym.run.diagnosis.evidence import Evidence, Floats, Sample
from gradcheck_sym.run.diagnosis.fit import Guess
from gradcheck_sym.run.diagnosis.points import at, exchanged
from gradcheck_sym.verdict.diagnosis import Pattern


def conjugates(evidence: Evidence) -> Iterator[Guess]:
    """The gradient, grad_output or an input is conjugated, or is not where it should be."""
    if evidence.name in evidence.complexes:
        words = "the conjugate of the truth"
        yield Guess(Pattern.CONJUGATE, words, lambda sample: _conjugate(sample.truth))
    if evidence.name is None:
        return
    if "" in evidence.complexes:
        yield Guess(Pattern.CONJUGATE, "the conjugate of grad_output is taken", _fed_conjugate)
    for name in sorted(evidence.complexes - {""}):
        words = f"the slope where {name} is its conjugate"
        yield Guess(Pattern.CONJUGATE, words, at(exchanged(name, _conjugate)))


def _conjugate(pairs: Floats) -> Floats:
    """Of numbers with a last axis [re, im]."""
    return np.asarray(pairs * np.array([1.0, -1.0]))


def _fed_conjugate(sample: Sample) -> Floats | None:
    if sample.gradient is None:
        return None
    return sample.gradient(sample.values, _conjugate(sample.cotangents))
