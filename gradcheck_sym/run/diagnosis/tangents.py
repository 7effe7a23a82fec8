"""Mistakes of a jvp: what one tangent adds is left out, or counts with another factor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from gradcheck_sym.run.diagnosis.evidence import Evidence, Floats, Sample, Values
from gradcheck_sym.run.diagnosis.fit import Guess, Prediction
from gradcheck_sym.run.diagnosis.parts import factor_of
from gradcheck_sym.spec.checks import is_tangent
from gradcheck_sym.verdict.diagnosis import Pattern


def tangents(evidence: Evidence) -> Iterator[Guess]:
    """The value where one of several tangents counts so many times; the claims say how many.

    What a function is along its tangents is linear in each of them.
    """
    names = [name for name in evidence.samples[0].values if is_tangent(name)]
    if evidence.name is not None or len(names) < 2:
        return
    for name in names:
        without = _with({name: np.zeros_like})
        found = factor_of(evidence, _added(without))
        if found is not None:
            code, words, counted = found
            yield Guess(code, f"what the {name} adds {words}", _counting(without, counted))
    ones = dict.fromkeys(names, np.ones_like)
    words = "the tangents are ignored, as if they were all ones"
    yield Guess(Pattern.COTANGENT_IGNORED, words, _with(ones))


def _with(changes: Mapping[str, Callable[[Floats], Floats]]) -> Prediction:
    """The true value with some inputs exchanged."""

    def predicted(sample: Sample) -> Floats | None:
        if sample.value is None:
            return None
        other: Values = {
            name: changes[name](array) if name in changes else array
            for name, array in sample.values.items()
        }
        return sample.value(other)

    return predicted


def _added(without: Prediction) -> Prediction:
    def part(sample: Sample) -> Floats | None:
        rest = without(sample)
        return None if rest is None else np.asarray(sample.truth - rest)

    return part


def _counting(without: Prediction, counted: float) -> Prediction:
    part = _added(without)

    def predicted(sample: Sample) -> Floats | None:
        added = part(sample)
        return None if added is None else np.asarray(sample.truth + (counted - 1) * added)

    return predicted
