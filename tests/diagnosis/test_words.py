"""Numbers by name, the simplest number in a range, and what is told across dtypes."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import pytest

from gradcheck_sym.verdict.diagnosis import Pattern, across
from gradcheck_sym.verdict.names import digits, ratio_name, simplest
from gradcheck_sym.verdict.records import Result, Verdict


@pytest.mark.parametrize(
    "ratio, name",
    [
        (2.0, "2"),
        (-1.0, "-1"),
        (1 / 3, "1/3"),
        (-1 / 3, "-1/3"),
        (11 / 10, "11/10"),
        (-11 / 10, "-11/10"),
        (math.pi, "pi"),
        (-2 * math.pi, "-2*pi"),
        (1 / math.pi, "1/pi"),
        (math.sqrt(2 / math.pi), "sqrt(2/pi)"),
        (1 / math.log(2), "1/ln(2)"),
        (math.log(2) / 2, "ln(2)/2"),
        (180 / math.pi, "180/pi"),
        (1 / (2 * math.pi), "1/(2*pi)"),
    ],
)
def test_known_numbers_have_names(ratio: float, name: str) -> None:
    """Known to twelve digits, a number is called by its name."""
    assert ratio_name(ratio * (1 + 1e-13), 1e-12) == name


def test_other_numbers_are_given_as_far_as_they_are_known() -> None:
    """Digits beyond the spread would be invented."""
    assert ratio_name(1.2345678, 1e-4) == "1.2346"
    assert digits(1.00001, 1e-8) == "1.00001"
    assert digits(2.34, 0.5) == "2"


def test_a_number_known_exactly_has_all_its_digits() -> None:
    """Those that tell one float64 from the next, and no more."""
    for spread in (0.0, 1e-30):
        assert digits(0.1, spread) == "0.10000000000000001"
    assert ratio_name(0.5, 0.0) == "1/2"


@pytest.mark.parametrize("ratio", [13 / 11, 11 / 13])
def test_fractions_that_explain_nothing_are_given_in_digits(ratio: float) -> None:
    """A numerator or a denominator beyond a dozen is no mistake that anyone makes."""
    assert ratio_name(ratio, 1e-12) == digits(ratio, 1e-12)


def test_a_name_is_not_given_by_luck() -> None:
    """A ratio known to one part in fifty is near to some named number: its digits are shown."""
    assert ratio_name(math.sqrt(2 / math.pi) * 1.001, 0.02) == "0.8"


@pytest.mark.parametrize(
    "ratio, simpler",
    [
        (-1 / 2, 4),  # 1, -1, 1/2 and itself
        (1 / 3, 7),
        (3.0, 9),
    ],
)
def test_a_number_is_named_while_fewer_than_one_in_sixteen_would_be(
    ratio: float, simpler: int
) -> None:
    """As many names as were tried, each with its spread to both sides, fill that share of 1."""
    just = 1 / (32 * simpler)
    assert Fraction(ratio_name(ratio, just * 0.99)) == Fraction(ratio).limit_denominator(10)
    assert ratio_name(ratio, just * 1.01) == digits(ratio, just * 1.01)


@pytest.mark.parametrize(
    "low, high, wanted",
    [
        (17.98, 18.03, 18.0),
        (17.21, 17.4, 17.3),
        (-18.03, -17.98, -18.0),
        (-0.3, 0.2, 0.0),
        (-0.3, 0.0, 0.0),
        (0.0, 0.3, 0.0),
        (0.00231, 0.00242, 0.0024),
        (18.0199, 18.0201, 18.02),
        (17.98, 18.0, 18.0),
        (5.0, 5.0, 5.0),
        (1 / 3, 1 / 3, 1 / 3),
        (98.0, 130.0, 100.0),
    ],
)
def test_the_simplest_number_in_a_range(low: float, high: float, wanted: float) -> None:
    """Of all numbers in a range, the one of the fewest digits."""
    assert simplest(low, high) == wanted


def result(dtype: str, verdict: Verdict, pattern: str = "") -> Result:
    """The result of a check in a dtype."""
    sentence = f"said of {pattern}" if pattern else ""
    return Result("a::b", "reverse", "x", dtype, verdict, diagnosis=sentence, pattern=pattern)


def test_a_fault_of_one_dtype_is_called_that() -> None:
    """Where the same check agrees in every other dtype."""
    fine = result("float64", Verdict.AGREES)
    for pattern in (Pattern.UNKNOWN, ""):
        told = across([fine, result("float16", Verdict.WRONG, pattern)])
        assert told[0] == fine
        assert (told[1].diagnosis, told[1].pattern) == ("wrong in float16 only", "one-dtype")


def test_values_and_gradients_in_other_dtypes_are_compared_across_checks() -> None:
    """What float64 says under reverse, a narrower dtype says under dtypes."""
    bad = replace(result("float16", Verdict.WRONG), check="dtypes")
    fine = result("float64", Verdict.AGREES)
    assert across([fine, bad])[1].diagnosis == "wrong in float16 only"
    for beside in (replace(fine, input="y"), replace(fine, check="vmap")):
        assert across([beside, bad])[1] == bad
    mapped = replace(bad, check="vmap")
    assert across([fine, mapped])[1] == mapped
    assert across([replace(fine, check="vmap"), mapped])[1].diagnosis == "wrong in float16 only"


def test_a_known_mistake_keeps_its_name() -> None:
    """The dtype is added to it."""
    bad = result("float16", Verdict.WRONG, Pattern.RATIO)
    told = across([result("float64", Verdict.AGREES), bad])[1]
    assert told.diagnosis == "said of constant-ratio, in float16 only"
    assert told.pattern == Pattern.RATIO


@pytest.mark.parametrize(
    "others",
    [[], [Verdict.WRONG], [Verdict.INACCURATE], [Verdict.AGREES, Verdict.UNDECIDED]],
)
def test_nothing_is_added_where_others_fail_or_are_unknown(others: list[Verdict]) -> None:
    """A dtype alone, or beside doubtful ones, says nothing."""
    bad = result("float16", Verdict.WRONG, Pattern.RATIO)
    names = ["float64", "float32"]
    beside = [result(names[k], verdict) for k, verdict in enumerate(others)]
    assert across([*beside, bad])[-1] == bad
