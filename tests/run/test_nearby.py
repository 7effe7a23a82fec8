"""An error that jumps from point to point is rounding; one that stays is none, nor one alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gradcheck_sym.run.nearby import jumps, stands_out
from gradcheck_sym.run.trial import Trial

TEXT = 'inputs: {x: {shape: [], domain: "[1, 2]"}}\nexpr: x**2\n'


class _Off:
    """A function whose gradient is off by some share of itself, which may depend on last digits."""

    def __init__(self, function: Any, random: bool) -> None:
        self.function, self.space, self.random = function, function.space, random

    def trial(self, batch: Any, mode: str, fed: Any) -> Trial:
        trial = self.function.trial(batch, mode, fed)
        return self.off(trial)

    def off(self, trial: Trial) -> Trial:
        stream = np.random.default_rng(7)
        share = stream.uniform(-1, 1, trial.claimed.shape) if self.random else 1.0
        claimed = trial.claimed * (1 + 1e-9 * share)
        return replace(trial, claimed=claimed)


@pytest.mark.parametrize("random", [True, False])
def test_only_what_jumps_is_rounding(random: bool, subject_of: Any) -> None:
    """Of the same size both are."""
    function = subject_of(TEXT).function
    off = _Off(function, random)
    trial = off.off(function.at({}, {"x": 1.3}, 1.0, "example"))
    error = np.abs(trial.claimed - trial.truths)[0]
    assert ((error <= jumps(off, trial, 0)) == random).all()


def test_nothing_is_known_where_there_are_no_others(subject_of: Any) -> None:
    """Points that break a condition say nothing."""
    function = subject_of(TEXT + 'where: ["x == 1.5"]\n').function
    trial = function.at({}, {"x": 1.5}, 1.0, "example")
    assert not jumps(function, trial, 0).any()


class _ZeroAt:
    """A function whose gradient is 0 at one number, beside rounding of some size everywhere."""

    def __init__(self, function: Any, number: float, rounding: float) -> None:
        self.function, self.space = function, function.space
        self.number, self.rounding = number, rounding

    def trial(self, batch: Any, mode: str, fed: Any) -> Trial:
        return self.off(self.function.trial(batch, mode, fed))

    def off(self, trial: Trial) -> Trial:
        stream = np.random.default_rng(7)
        share = self.rounding * stream.uniform(-1, 1, trial.claimed.shape)
        at = trial.values["x"][:, None] == self.number
        return replace(trial, claimed=np.where(at, 0.0, trial.claimed * (1 + share)))


@pytest.mark.parametrize("rounding, alone", [(0.0, True), (1e-9, True), (1.0, False)])
def test_what_is_wrong_at_one_point_only_is_no_rounding(
    rounding: float, alone: bool, subject_of: Any
) -> None:
    """Unless its neighbours are off as well."""
    function = subject_of(TEXT).function
    odd = _ZeroAt(function, 1.3, rounding)
    trial = odd.off(function.at({}, {"x": 1.3}, 1.0, "example"))
    errors = np.abs(trial.claimed - trial.truths)[0]
    assert (stands_out(odd, trial, 0, errors) == alone).all()


def test_at_the_end_of_a_domain_nothing_stands_out(subject_of: Any) -> None:
    """There are not points on all sides."""
    function = subject_of(TEXT).function
    odd = _ZeroAt(function, 2.0, 0.0)
    trial = odd.off(function.at({}, {"x": 2.0}, 1.0, "example"))
    assert not stands_out(odd, trial, 0, np.abs(trial.truths[0])).any()


class _ZeroWithZeros:
    """A function whose gradient is 0 wherever some element is."""

    def __init__(self, function: Any) -> None:
        self.function, self.space = function, function.space

    def trial(self, batch: Any, mode: str, fed: Any) -> Trial:
        return self.off(self.function.trial(batch, mode, fed))

    def off(self, trial: Trial) -> Trial:
        has_zero = (trial.values["x"] == 0).any(axis=1, keepdims=True)
        return replace(trial, claimed=np.where(has_zero, 0.0, trial.claimed))


@pytest.mark.parametrize("point, alone", [([1.5, 0.0], True), ([0.0, 0.0], False)])
def test_what_is_wrong_where_others_are_0_is_no_rounding(
    point: list[float], alone: bool, subject_of: Any
) -> None:
    """Zeros are moved by what the others are rounded by; where there are no others, by nothing."""
    function = subject_of("inputs: {x: {shape: [2]}}\nexpr: exp(x[0] + x[1])\n").function
    odd = _ZeroWithZeros(function)
    trial = odd.off(function.at({}, {"x": point}, 1.0, "example"))
    errors = np.abs(trial.claimed - trial.truths)[0]
    assert (stands_out(odd, trial, 0, errors) == alone).all()
