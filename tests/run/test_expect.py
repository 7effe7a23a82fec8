"""expect: the author's numbers against both witnesses, and what a written digit means."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck_sym.run.checks.expect import written
from gradcheck_sym.verdict.records import Result, Verdict

QUICK = settings(deadline=None, derandomize=True, max_examples=200)


@pytest.mark.parametrize(
    "value, slack",
    [
        (0.0, 0.0),
        (4.0, 0.0),
        (20.0, 0.0),
        (123456.0, 0.0),
        (0.5, 0.0),
        (-0.25, 0.0),
        (0.125, 0.0),
        (0.0001, 0.0),
        (0.1353, 0.5e-4),
        (-0.1353, 0.5e-4),
        (0.1353352832366127, 0.5e-16),
        (12.34, 0.5e-2),
        (1.2345e-05, 0.5e-9),
        (1e-300, 0.0),
        (1.5e300, 0.0),
        (math.inf, 0.0),
        (-math.inf, 0.0),
        (math.nan, 0.0),
    ],
)
def test_a_number_stands_for_all_that_round_to_it(value: float, slack: float) -> None:
    """Half a unit in the last digit written; short and whole numbers stand for themselves."""
    assert written(value) == pytest.approx(slack, rel=1e-12)


@QUICK
@given(st.floats(1e-6, 1e6), st.integers(4, 12))
def test_rounded_numbers_cover_what_they_were_rounded_from(value: float, digits: int) -> None:
    """A number rounded to some digits differs from what it was by no more than it allows."""
    text = f"{value:.{digits}g}"
    shown = float(text)
    slack = written(shown)
    assert slack == 0.0 or abs(shown - value) <= slack * (1 + 1e-6) or text.rstrip("0") != text


def _results(results_of: Any, example: str, **fields: str) -> dict[str | None, Result]:
    lines = {"expr": "exp(-x)", "x": "{shape: [n], domain: '[0, 9]'}"} | fields
    torch = f"torch: {lines['torch']}\n" if "torch" in lines else ""
    text = f"inputs: {{x: {lines['x']}}}\nexpr: {lines['expr']}\n{torch}examples: [{example}]\n"
    return {result.input: result for result in results_of(text, checks=("expect",))}


@pytest.mark.parametrize(
    "example, verdicts",
    [
        (
            "{point: {x: [2]}, value: [0.1353], grad: {x: [-0.1353]}}",
            {None: "agrees", "x": "agrees"},
        ),
        (
            "{point: {x: [2]}, value: [0.1354], grad: {x: [-0.1353]}}",
            {None: "wrong", "x": "agrees"},
        ),
        ("{point: {x: [2]}, grad: {x: [0.1353]}}", {"x": "wrong"}),
        ("{point: {x: [0, 0]}, value: [1, 1]}", {None: "agrees"}),
        ("{point: {x: [0, 0]}, value: [1, 2]}", {None: "wrong"}),
        ("{point: {x: [2]}, value: [0.1353352832366127]}", {None: "agrees"}),
        ("{point: {x: [2]}, value: [0.1353352832366141]}", {None: "wrong"}),
        ("{point: {x: [2]}, value: [0.13533528323662]}", {None: "wrong"}),
    ],
)
def test_the_authors_numbers(
    example: str, verdicts: dict[str | None, str], results_of: Any
) -> None:
    """What the author wrote is right to the digits that were written, and no further."""
    found = _results(results_of, example)
    assert {name: result.verdict.value for name, result in found.items()} == verdicts


@pytest.mark.parametrize(
    "value, torch, culprit",
    [
        ("2.5", "torch.exp(-x)", "the expectation"),
        ("0.1353352832366127", "2*torch.exp(-x)", "torch"),
        ("0.2706705664732254", "2*torch.exp(-x)", "expr"),
    ],
)
def test_who_is_wrong(value: str, torch: str, culprit: str, results_of: Any) -> None:
    """The author with the mathematics, with torch, or with neither."""
    found = _results(results_of, f"{{point: {{x: [2]}}, value: [{value}]}}", torch=torch)
    result = found[None]
    assert result.verdict is Verdict.WRONG
    assert result.culprit == culprit
    assert result.smallest is not None
    assert result.smallest.point == {"x": (2.0,)}
    assert value[:4] in result.message


@pytest.mark.parametrize(
    "grad, message",
    [("0", ""), ("1", "gives it, torch does not"), ("2", "neither the mathematics")],
)
def test_a_member_is_expected_at_a_kink(grad: str, message: str, results_of: Any) -> None:
    """abs at 0: torch gives 0; 1 is a member as well, 2 is none."""
    found = _results(results_of, f"{{point: {{x: [0]}}, grad: {{x: [{grad}]}}}}", expr="abs(x)")
    assert (found["x"].verdict is Verdict.AGREES) is not bool(message)
    assert message in found["x"].message


def test_an_infinite_slope_is_expected(results_of: Any) -> None:
    """sqrt at 0: what torch gives is what the author expects, and the limit of the slopes."""
    found = _results(results_of, "{point: {x: [0]}, grad: {x: [.inf]}}", expr="sqrt(x)")
    assert found["x"].verdict is Verdict.AGREES


def test_an_implementation_that_raises_there(results_of: Any, tanh: Any) -> None:
    """The point of an example at which torch breaks down fails the expectation, with its reason."""
    extra = "examples: [{point: {x: [7.0]}, value: [0.9999983369439447]}]\n"
    (result,) = results_of(tanh("raises_at_seven", "[-10, 10]", extra), checks=("expect",))
    assert result.verdict is not Verdict.AGREES
    assert "seven" in result.message
