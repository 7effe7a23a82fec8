"""Which functions compute each row alone, and what is claimed of a great many rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradcheck_sym.run.rows import in_many_rows, rows_of

MATRIX = 'inputs: {x: {shape: [m, n], domain: "[-3, 3]"}}\nexpr: '


@pytest.mark.parametrize(
    "expr, dim",
    [
        ("exp(x)", "m"),
        ("softmax(x, dim=1)", "m"),
        ("softmax(x, dim=0)", "n"),
        ("sum(x, dim=1)", "m"),
        ("x/norm(x, dim=1, keepdim=true)", "m"),
        ("cumsum(x, dim=0)", "n"),
        ("sum(x)", None),
        ("x - mean(x)", None),
        ("tril(x, 5)", None),  # which shows on larger matrices only
        ("roll(x, 2, 0)", None),  # nor does this at two rows
    ],
)
def test_which_size_counts_rows(expr: str, dim: str | None, subject_of: Any) -> None:
    """The first along which all slices are the same function of themselves."""
    rows = rows_of(subject_of(MATRIX + expr))
    assert (None if rows is None else rows.dim) == dim


@pytest.mark.parametrize("sizes, dim", [('"0..3"', "n"), ("0", None)])
def test_a_size_that_may_be_nothing(sizes: str, dim: str | None, subject_of: Any) -> None:
    """The rows along another have something in them, if any can have."""
    subject = subject_of(MATRIX + f"exp(x)\ndims: {{m: {sizes}}}")
    rows = rows_of(subject)
    assert (None if rows is None else rows.dim) == dim
    assert rows is None or in_many_rows(subject, rows) is not None


def test_what_all_rows_share(subject_of: Any) -> None:
    """An input without that size; of its gradient, a sum over all rows, nothing is said."""
    text = """
inputs:
  x: {shape: [m, k], domain: "[-3, 3]"}
  w: {shape: [k, n], domain: "[-3, 3]"}
expr: x @ w
"""
    subject = subject_of(text)
    rows = rows_of(subject)
    assert rows is not None
    assert rows.axes == {"x": 0}
    found = in_many_rows(subject, rows)
    assert found is not None
    assert found.silent == {"w"}
    assert not found.function.is_wrong(found.trial)


@pytest.mark.parametrize("expr", ["exp(x)", "softmax(x, dim=1)", "softmax(x, dim=0)"])
def test_claims_are_those_of_few(expr: str, subject_of: Any) -> None:
    """Of a right function, all but for the last digits."""
    subject = subject_of(MATRIX + expr)
    rows = rows_of(subject)
    assert rows is not None
    found = in_many_rows(subject, rows)
    assert found is not None
    usual = found.trial.usual
    assert usual is not None
    np.testing.assert_allclose(found.trial.claimed, usual.claimed, rtol=1e-14)
