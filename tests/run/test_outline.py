"""Outlines: what is kept of the errors of a check, for pictures."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from gradcheck_sym.run.conclude import gradient_columns, value_columns
from gradcheck_sym.run.outline import Part, outline
from gradcheck_sym.verdict.pictures import Outline
from gradcheck_sym.verdict.records import Result, Verdict

ELEMENTWISE = """\
inputs: {x: {shape: [n], domain: "[-3, 3]"}}
expr: x*exp(x)
"""
SEVERAL = """\
inputs:
  x: {shape: [n], domain: "[-3, 3]"}
  y: {shape: [n], domain: "[1, 2]"}
expr: x*y
"""
WHOLE = """\
inputs: {x: {shape: [n], domain: "[-3, 3]"}}
expr: sum(exp(x))
"""


def by_check(results: tuple[Result, ...]) -> dict[tuple[str, str | None], Result]:
    """The results by check and input."""
    return {(result.check, result.input): result for result in results}


def kept(result: Result) -> Outline:
    """The outline of a result, which must have one."""
    assert result.outline is not None
    return result.outline


def test_outlines_are_kept_on_demand(results_of: Any) -> None:
    """They take time and room that only pictures need."""
    assert all(result.outline is None for result in results_of(ELEMENTWISE))
    found = by_check(results_of(ELEMENTWISE, outlines=True))
    assert kept(found["forward", None])
    assert kept(found["reverse", "x"])
    assert found["finite_difference", "x"].outline is None


def test_only_what_is_looked_at_first_is_always_kept(results_of: Any) -> None:
    """Of other checks an outline is of use where something is wrong."""
    found = results_of(ELEMENTWISE, outlines=True, checks=("reverse", "vmap", "layouts"))
    assert [result.check for result in found if result.outline is not None] == ["reverse"]
    found = results_of(SEVERAL, outlines=True, checks=("dtypes",))
    assert all(result.outline is None for result in found)


@pytest.mark.parametrize(
    "text, name, alone", [(ELEMENTWISE, "x", True), (SEVERAL, "x", False), (WHOLE, "", False)]
)
def test_over_what_errors_are_laid_out(results_of: Any, text: str, name: str, alone: bool) -> None:
    """An element's own input where it has one; else the largest magnitude of all."""
    found = by_check(results_of(text, outlines=True))["reverse", "x"]
    assert (kept(found).input, kept(found).alone) == (name, alone)
    given = [value for value, _, _ in kept(found).points]
    assert given == sorted(given)
    assert (min(given) < 0) == bool(name)
    assert 2.9 < max(given) <= 3.0


def test_the_gradient_of_each_input_is_over_that_input(results_of: Any) -> None:
    """The slope by y is laid out over y, whose domain is another."""
    found = by_check(results_of(SEVERAL, outlines=True))
    given = [value for value, _, _ in kept(found["reverse", "y"]).points]
    assert 1.0 <= min(given) <= max(given) <= 2.0


def test_points_agree_where_the_check_does(results_of: Any) -> None:
    """Every error lies within its bound, and the bound is that of a sound evaluation."""
    result = by_check(results_of(ELEMENTWISE, outlines=True))["reverse", "x"]
    assert result.verdict is Verdict.AGREES
    for _, error, allowed in kept(result).points:
        assert 0 <= error <= allowed
        assert 8 <= allowed < 1e6
    assert kept(result).numbers >= result.points
    assert max(error for _, error, _ in kept(result).points) >= result.worst.error_ulp  # type: ignore[union-attr]


def test_faults_are_kept(results_of: Any, tanh: Any) -> None:
    """What is wrong is beyond its bound, and the worst that was ruled on is there."""
    result = by_check(results_of(tanh("negative"), outlines=True))["reverse", "x"]
    beyond = [error for _, error, allowed in kept(result).points if error > allowed]
    assert beyond
    worst = pytest.approx(result.worst.error_ulp)  # type: ignore[union-attr]
    assert worst in beyond


def test_a_few_hundred_points_at_most(results_of: Any) -> None:
    """However many there were: every number of a 16-bit dtype, too."""
    found = results_of(ELEMENTWISE, outlines=True, checks=("dtypes",))
    halves = [result for result in found if result.dtype == "float16"]
    assert len(halves) == 2
    assert all(result.points > 20_000 for result in halves)
    for result in halves:
        assert 90 < len(kept(result).points) <= 192
        assert kept(result).numbers > 20_000


def test_outlines_are_plain(results_of: Any) -> None:
    """Tuples of floats, which travel as JSON."""
    for result in results_of(ELEMENTWISE, outlines=True):
        for point in kept(result).points if result.outline else ():
            assert [type(number) for number in point] == [float] * 3


def _parts(subject: Any, columns: Any) -> list[Part]:
    trials = subject.trials
    function = subject.function
    return [
        Part(trial, columns(trial.derivation), function.judge(trial, columns(trial.derivation)))
        for trial in trials
    ]


def test_the_largest_error_of_every_stretch_is_kept(subject_of: Any) -> None:
    """Nothing that stands out between two neighbours is lost."""
    parts = _parts(subject_of(ELEMENTWISE, points=400), gradient_columns("x"))
    found = outline(parts, ["x"], "x", elementwise=True)
    assert found is not None
    single = [part for part in parts if part.trial.values["x"][0].size == 1]
    given = np.concatenate([part.trial.values["x"].reshape(-1) for part in single])
    errors = np.concatenate([part.errors.reshape(-1) for part in single])
    seen = {value: error for value, error, _ in found.points}
    for low, high in pairwise(sorted(seen)):
        between = errors[(low < given) & (given < high)]
        assert np.nanmax(between, initial=0.0) <= max(map(_near, seen.values()))


def _near(error: float) -> float:
    return error + 1  # without care the last ulp is not known


def test_points_with_several_numbers_blur_no_curve(subject_of: Any) -> None:
    """What is allowed of one element depends on the largest: only faults are kept of them."""
    parts = _parts(subject_of(ELEMENTWISE), gradient_columns("x"))
    found = outline(parts, ["x"], "x", elementwise=True)
    assert found is not None
    many = {x for part in parts for lane in part.trial.values["x"] if lane.size > 1 for x in lane}
    one = {x for part in parts for lane in part.trial.values["x"] if lane.size == 1 for x in lane}
    assert not {value for value, _, _ in found.points} & (many - one)


def test_what_is_no_number_is_an_infinite_error(subject_of: Any, tanh: Any) -> None:
    """NaN where there is a truth stands out above everything."""
    parts = _parts(subject_of(tanh("nan_beyond")), gradient_columns("x"))
    found = outline(parts, ["x"], "x", elementwise=True)
    assert found is not None
    assert any(math.isinf(error) and allowed < 1e9 for _, error, allowed in found.points)


def test_wrong_members_at_kinks_are_kept(results_of: Any) -> None:
    """The distance from the next member of the generalized gradient, beside a few ulps."""
    text = """\
        inputs: {x: {shape: [], domain: "[-3, 3]"}}
        expr: maximum(x, 0)
        torch: f(x)
        use: {f: "run_implementations:steep_at_zero"}
        """
    result = by_check(results_of(text, outlines=True))["reverse", "x"]
    assert result.verdict is Verdict.WRONG
    beyond = [(x, allowed) for x, error, allowed in kept(result).points if error > allowed]
    assert {x for x, _ in beyond} == {0.0}
    assert all(allowed < 100 for _, allowed in beyond)


def test_nothing_known_is_no_outline(subject_of: Any) -> None:
    """Without points, or where none has a truth."""
    assert outline([], ["x"], "x", elementwise=True) is None
    text = 'inputs: {x: {shape: [], domain: "[-3, -1]"}}\nexpr: log(x)\n'
    parts = _parts(subject_of(text), value_columns)
    assert outline(parts, ["x"], None, elementwise=False) is None
