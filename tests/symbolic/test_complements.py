"""Sums that cancel, rewritten in operations that keep their digits: the same mathematics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from flint import ctx

from gradcheck_sym.spec.dtypes import format_of
from gradcheck_sym.symbolic.carriers import EXTENDED
from gradcheck_sym.symbolic.complements import with_all_digits
from gradcheck_sym.symbolic.interpret import exact

REWRITTEN = [
    "1 + erf(x)",
    "erf(x) + 1",
    "1 - erf(x)",
    "erf(x) - 1",
    "1/2 + erf(x/sqrt(2))/2",
    "0.5*tanh(x) + 0.5",
    "-2*tanh(x) + 2",
    "4 - -4*tanh(x)",
    "x + tanh(x) + 1",
    "tanh(x)*2 + sin(x) - 2",
    "1 - erfc(x/2**60)",
    "exp(x/2**60) - 1",
    "log(1 + exp(-x**2))",
    "log(x**2/2**60 + 1)",
]
KEPT = [
    "2 + tanh(x)",
    "0.3 + 0.3*erf(x)",
    "3 - 3*tanh(x)",
    "1 + sin(x)",
    "x + erf(x)",
    "1 - x",
    "1 + exp(x)",
    "log(2 + x**2)",
    "1 + erfc(x)",
]
POINTS = (-9.5, -3.0, -0.25, 0.0, 0.5, 2.0, 8.75)


@pytest.mark.parametrize("formula", [*REWRITTEN, *KEPT])
def test_the_mathematics_stays_the_same(formula: str, derived: Any) -> None:
    """Value and derivative are equal to far more digits than anything carries."""
    joint = derived(formula).joint
    rewritten = with_all_digits(joint)
    with ctx.workprec(400):
        for x in POINTS:
            for ours, written in zip(
                exact(rewritten, [x, 1.5]), exact(joint, [x, 1.5]), strict=True
            ):
                assert abs(ours - written) < 2.0**-350


@pytest.mark.parametrize("formula", KEPT)
def test_what_does_not_cancel_is_kept_as_it_is(formula: str, derived: Any) -> None:
    """Constants that a dtype rounds, and sums that end elsewhere than at 0, are as written."""
    forward = derived(formula).forward
    assert with_all_digits(forward) == forward


@pytest.mark.skipif(EXTENDED is None, reason="C's long double is no wider here")
@pytest.mark.parametrize("formula", REWRITTEN)
def test_no_digits_are_left_to_balls(formula: str, derived: Any) -> None:
    """Where as written only a few digits are left of 64 bits, all points are settled."""
    derivation, form = derived(formula), format_of("float64")
    x = np.concatenate([np.linspace(-9, -3, 200), np.linspace(3, 9, 200)])
    rows = np.stack([x, np.full_like(x, 1.5)], axis=1)
    found = derivation.vectors.enclose(rows, form.precision, EXTENDED)
    assert np.isfinite(found.middle[:, 0]).all()
    sure = derivation.kernel.enclose(rows, form.precision)
    assert (np.abs(found.middle - sure.middle) <= found.error + sure.error).all()


@pytest.mark.parametrize("formula", ["x*exp(x) + 2", "log(2 + x**2)", "sin(x)/x"])
def test_nothing_else_is_written_otherwise(formula: str, derived: Any) -> None:
    """Programs without such a sum have the same steps; one with it has others."""
    assert with_all_digits(derived(formula).joint) == derived(formula).joint
    assert with_all_digits(derived("1 - erf(x)").forward) != derived("1 - erf(x)").forward
