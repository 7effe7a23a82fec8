"""What is asked of a guess: where it cannot fit any more, no gradient at further sizes."""

from __future__ import annotations

import numpy as np
import pytest

from gradcheck_sym.run.diagnosis.evidence import Evidence, Floats, Sample
from gradcheck_sym.run.diagnosis.fit import Guess, fit
from gradcheck_sym.spec.dtypes import format_of
from gradcheck_sym.verdict.diagnosis import Pattern


def _sample(lanes: int, factor: float) -> Sample:
    """So many points, all wrong: claims that are a multiple of truths of one number each."""
    truth = np.random.default_rng(lanes).uniform(1, 9, (lanes, 1))
    every, none = np.ones_like(truth, bool), np.zeros_like(truth, bool)
    at = {"x": truth}
    slack = 1e-15 * truth
    claim = factor * truth
    return Sample({}, at, truth, truth, claim, slack, every, none, none, {}, at, at)


@pytest.mark.parametrize("factor, asked", [(2.0, [40, 30, 20]), (3.0, [40])])
def test_a_guess_that_falls_is_not_asked_again(factor: float, asked: list[int]) -> None:
    """It begins where most numbers are wrong, and what fits is held against all samples."""
    seen: list[int] = []

    def doubled(sample: Sample) -> Floats:
        seen.append(sample.lanes)
        return np.asarray(2 * sample.truth)

    samples = tuple(_sample(lanes, factor) for lanes in (20, 40, 30))
    found = fit(Evidence("x", format_of("float64"), samples), Guess(Pattern.RATIO, "", doubled))
    assert seen == asked
    assert (found is not None and found.points == found.of_points == 90) == (factor == 2.0)
