"""Points fed what a backward has at hand, and sizes at which something is not there."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck_sym.run.returned import returned


def test_values_and_inputs_are_fed(subject_of: Any) -> None:
    """Of each point once its own value, and once each input that has the value's shape."""
    subject = subject_of(
        """
inputs: {x: {shape: [3], domain: "[0.5, 3]"}, w: {shape: [1], domain: "[0.5, 3]"}}
expr: x*w
"""
    )
    trial = returned(subject.function, {})
    assert trial is not None
    assert not subject.function.is_wrong(trial)
    value, x = np.split(trial.cotangents, 2)
    half = len(value)
    np.testing.assert_array_equal(value, trial.claimed[:half, :3])
    np.testing.assert_array_equal(x, trial.values["x"][half:])


def test_nothing_is_fed_where_nothing_is_free(subject_of: Any) -> None:
    """Where there is one point alone, and where all numbers are large."""
    assert returned(subject_of("inputs: {x: {value: 2.0}}\nexpr: x**2").function, {}) is None
    far = subject_of('inputs: {x: {shape: [3], domain: "[100, 200]"}}\nexpr: x**2').function
    assert returned(far, {}) is None


def test_sizes_without_a_value_are_left_out_and_counted(subject_of: Any) -> None:
    """A maximum over nothing is none; the other sizes stay."""
    subject = subject_of("inputs: {x: {shape: [n]}}\ndims: {n: 0..3}\nexpr: amax(x, dim=0)")
    assert {dims["n"] for dims in subject.sizes} == {1, 2, 3}
    assert subject.dropped == {"sizes of 0: a reduction over no elements": 1}


def test_sizes_with_a_value_stay(subject_of: Any) -> None:
    """A sum over nothing is 0, a product 1."""
    for expression in ("sum(x)", "prod(x)", "norm(x, p=2, dim=0)", "softmax(x, dim=0)"):
        text = f"inputs: {{x: {{shape: [n]}}}}\ndims: {{n: 0..3}}\nexpr: {expression}"
        subject = subject_of(text)
        assert {dims["n"] for dims in subject.sizes} == {0, 1, 2, 3}
        assert not subject.dropped
