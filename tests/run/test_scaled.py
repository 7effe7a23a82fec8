"""Points fed on other scales: far from where they were, and as exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradcheck_sym.run.scaled import SCALED, scaled

TEXT = """
inputs: {x: {shape: [3], domain: "[-3, 3]"}}
expr: sin(x)*x[0]
"""


@pytest.mark.parametrize("dtype, scale", [("float64", 341), ("float32", 42), ("bfloat16", 42)])
def test_both_ends_of_the_range(dtype: str, scale: int, subject_of: Any) -> None:
    """The same points, by powers of two: all agree, and gradients are the same digits."""
    subject = subject_of(TEXT, dtype)
    (usual,) = list(subject.plan.bulk())
    trial = scaled(subject.function, usual)
    assert trial is not None
    assert set(trial.origins) == {SCALED}
    assert not subject.function.is_wrong(trial)
    exponents = np.frexp(np.abs(trial.cotangents).max(axis=1))[1]
    half = len(exponents) // 2
    assert exponents.tolist() == [scale] * half + [-scale] * half
    large, small = np.split(trial.claimed[:, 3:], 2)
    np.testing.assert_array_equal(np.ldexp(large, -2 * scale), small)


def test_there_is_no_room_in_float16(subject_of: Any) -> None:
    """What is large in it is near its end."""
    subject = subject_of(TEXT, "float16")
    assert scaled(subject.function, next(iter(subject.plan.bulk()))) is None


def test_points_near_an_end_are_left_out(subject_of: Any) -> None:
    """Where a value on the way is tiny or huge, its products leave the range by themselves."""
    text = 'inputs: {x: {shape: [], domain: "[500, 600]"}}\nexpr: exp(-x) + 1\n'
    subject = subject_of(text)
    assert scaled(subject.function, next(iter(subject.plan.bulk()))) is None
