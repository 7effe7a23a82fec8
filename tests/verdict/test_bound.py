"""The bound: what it is made of, that it only grows, and that arrays and floats get the same."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck_sym.spec.dtypes import DTYPES, format_of
from gradcheck_sym.verdict.bound import allowed, tolerated

QUICK = settings(deadline=None, derandomize=True, max_examples=200)
_size = st.floats(0, 1e30)
_depth = st.integers(0, 500)


@QUICK
@given(_size, _size, _depth, _size, _size, _size, _depth)
def test_more_to_lose_allows_more(
    sensitivity: float,
    ulp: float,
    depth: int,
    smallest: float,
    more: float,
    wider: float,
    deeper: int,
) -> None:
    """A larger sensitivity, spacing or depth never lowers the bound."""
    bound = allowed(sensitivity, ulp, depth, smallest)
    assert allowed(sensitivity + more, ulp, depth, smallest) >= bound
    assert allowed(sensitivity, ulp + wider, depth, smallest) >= bound
    assert allowed(sensitivity, ulp, depth + deeper, smallest) >= bound
    assert allowed(sensitivity, ulp, depth, smallest + more) >= bound
    assert tolerated(more, bound, wider) >= tolerated(more, bound) >= tolerated(0.0, bound) == bound


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_bound_is_small_where_nothing_is_lost(dtype: str) -> None:
    """One stable operation near 1 may be a dozen ulps off, and no more: far below any mistake."""
    form = format_of(dtype)
    bound = allowed(2.0**-form.precision, form.epsilon, 1, form.smallest_subnormal)
    assert form.epsilon <= bound <= 16 * form.epsilon
    assert bound < 0.2


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_truth_of_zero_leaves_room_for_underflow_alone(dtype: str) -> None:
    """At 0 with nothing to move it the bound is a few of the smallest steps."""
    form = format_of(dtype)
    step = form.smallest_subnormal
    assert step <= allowed(0.0, step, 0, step) <= 16 * step


def test_arrays_and_floats_agree() -> None:
    """The bound of many is the bound of each."""
    sensitivity, ulp = np.array([0.0, 1e-3, 2.0]), np.array([1e-16, 1e-9, 1.0])
    many = allowed(sensitivity, ulp, 7, 1e-300)
    each = [allowed(float(s), float(u), 7, 1e-300) for s, u in zip(sensitivity, ulp, strict=True)]
    assert many.tolist() == each
    assert tolerated(sensitivity, many).tolist() == [
        tolerated(float(s), b) for s, b in zip(sensitivity, each, strict=True)
    ]


def test_vagueness_is_passed_on() -> None:
    """An infinite or unknown sensitivity is no finite bound."""
    assert allowed(math.inf, 1.0, 3, 0.0) == math.inf
    assert math.isnan(allowed(math.nan, 1.0, 3, 0.0))
    assert tolerated(math.inf, 1.0) == math.inf
