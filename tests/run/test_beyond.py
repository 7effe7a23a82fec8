"""What the dtype has no room for is not judged; all else is, as strictly as ever."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gradcheck_sym.run.beyond import SLOPE, VALUE
from gradcheck_sym.run.judge import Judgement, judge
from gradcheck_sym.run.trial import Trial
from gradcheck_sym.sampling.ordinals import round_to
from gradcheck_sym.spec.dtypes import DTYPES, format_of
from gradcheck_sym.symbolic.derivation import Derivation, derive
from gradcheck_sym.symbolic.transforms import gradient_of, tangent_of
from gradcheck_sym.verdict.records import Verdict


def _derived(spec_of: Any, expr: str) -> Derivation:
    return derive(spec_of(f"inputs: {{x: {{shape: [], domain: '[0, 1e38]'}}}}\nexpr: {expr}\n"), {})


def _trial(
    derivation: Derivation, dtype: str, point: dict[str, float], fed: Any, claimed: list[float]
) -> Trial:
    """One point with claims made by hand."""
    values = {name: round_to(dtype, np.array([value])) for name, value in point.items()}
    return Trial(
        derivation,
        {},
        format_of(dtype),
        values,
        np.array([fed], dtype=np.float64),
        ("example",),
        np.array([claimed]),
    )


def _silent(trial: Trial, lanes: Sequence[int], errors: NDArray[np.float64]) -> NDArray[np.bool_]:
    return errors <= 0


def _gradient(trial: Trial) -> Judgement:
    values = trial.derivation.values
    return judge(trial, slice(values, values + 1), _silent)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("claim", [math.nan, math.inf, -math.inf, 0.0])
def test_nothing_is_claimed_of_a_gradient_where_the_value_is_infinite(
    dtype: str, claim: float, spec_of: Any
) -> None:
    """What is computed from the value is NaN or 0 there: the value itself says it all."""
    x = 1.5 * format_of(dtype).max ** 0.5
    trial = _trial(_derived(spec_of, "x*x"), dtype, {"x": x}, 0.5, [math.inf, claim])
    made = _gradient(trial)
    assert (made.faults, dict(made.dropped)) == ((), {VALUE: 1})


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_value_must_come_out_right_all_the_same(dtype: str, spec_of: Any) -> None:
    """Finite where it is beyond the range, infinite on the other side or too early: told."""
    derivation, most = _derived(spec_of, "x*x"), format_of(dtype).max ** 0.5
    for x, value in ((1.5 * most, 1.0), (1.5 * most, -math.inf), (most / 4, math.inf)):
        trial = _trial(derivation, dtype, {"x": x}, 0.5, [value, math.nan])
        assert judge(trial, slice(0, 1), _silent).faults
        assert _gradient(trial).faults  # a wrong value excuses nothing


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_slope_beyond_the_range_is_not_claimed(dtype: str, spec_of: Any) -> None:
    """1/x**2 overflows where 1/x does not; what it would have been times 0 or a little is open."""
    x = (2 * (format_of(dtype).max / 4)) ** -0.5 / 2
    for fed, claim in ((0.0, math.nan), (0.25, -math.inf), (-0.25, 0.0)):
        value, derivation = float(round_to(dtype, 1 / x)), _derived(spec_of, "1/x")
        trial = _trial(derivation, dtype, {"x": x}, fed, [value, claim])
        made = _gradient(trial)
        assert (made.faults, dict(made.dropped)) == ((), {SLOPE: 1})


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("claim", [math.nan, math.inf])
def test_a_slope_with_room_is_judged(dtype: str, claim: float, spec_of: Any) -> None:
    """At 1/8 of the range nothing is excused, however small or large the cotangent is."""
    x = (8 / format_of(dtype).max) ** 0.5
    value, derivation = float(round_to(dtype, 1 / x)), _derived(spec_of, "1/x")
    for fed in (2.0**-4, 1.0, 2.0):
        assert _gradient(_trial(derivation, dtype, {"x": x}, fed, [value, claim])).is_wrong


def test_derivatives_of_derivatives_are_slopes_too(spec_of: Any) -> None:
    """A directional derivative along 0 of what overflows is NaN; along 0 of 1 it must be 0."""
    tangent = tangent_of(_derived(spec_of, "exp(x)"), {"x": "v"})
    made = judge(
        _trial(tangent, "float64", {"x": 710.0, "v": 0.0}, 1.0, [math.nan]), slice(0, 1), _silent
    )
    assert dict(made.dropped) == {SLOPE: 1}
    trial = _trial(tangent, "float64", {"x": 0.0, "v": 0.0}, 1.0, [math.nan])
    assert judge(trial, slice(0, 1), _silent).is_wrong
    second = gradient_of(_derived(spec_of, "lgamma(x)"), "fed")
    trial = _trial(second, "float64", {"x": 1e-200, "fed": 1.0}, [0.0], [-1e200, math.nan, -0.0])
    assert dict(_gradient(trial).dropped) == {SLOPE: 1}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "float64"])
def test_results_that_are_flushed_to_zero(dtype: str, spec_of: Any) -> None:
    """float32 and bfloat16 may lose what is below their normal range, and nothing above it."""
    form = format_of(dtype)
    x = form.smallest_normal * 0.375
    flushes = dtype in ("float32", "bfloat16")
    derivation = _derived(spec_of, "2*x")
    made = judge(_trial(derivation, dtype, {"x": x}, 1.0, [0.0, 2.0]), slice(0, 1), _silent)
    assert bool(made.faults) is not flushes
    made = judge(
        _trial(derivation, dtype, {"x": 2.0**12 * x}, 1.0, [0.0, 2.0]), slice(0, 1), _silent
    )
    assert {fault.ruling.verdict for fault in made.faults} == {Verdict.WRONG}
