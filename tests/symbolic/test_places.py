"""Where a point lies, and the words for why."""

from __future__ import annotations

from typing import Any

import pytest

from gradcheck_sym.spec.dtypes import format_of

XY: dict[str, tuple[int, ...]] = {"x": (), "y": ()}


@pytest.mark.parametrize(
    "formula, point, place, reason",
    [
        ("1/x", (0.0, 0.0), "singular", "division by zero"),
        ("log(x)", (0.0, 0.0), "singular", "a pole of log"),
        ("lgamma(x)", (-2.0, 0.0), "singular", "a pole of lgamma"),
        ("erfinv(x)", (1.0, 0.0), "singular", "a pole of erfinv"),
        ("asin(x)", (1.0, 0.0), "singular", "asin(1)"),
        ("acosh(x)", (1.0, 0.0), "singular", "acosh(1)"),
        ("x**0.5", (0.0, 0.0), "singular", "a broken power of zero"),
        ("x**(-2)", (0.0, 0.0), "singular", "a negative power of zero"),
        ("abs(x)", (0.0, 0.0), "kink", "abs(0)"),
        ("floor(x)", (3.0, 0.0), "kink", "floor at an integer"),
        ("maximum(x, y)", (1.0, 1.0), "kink", "a tie in max"),
        ("amin([2*y, x, y])", (1.0, 1.0), "kink", "a tie in min"),
        ("where(x > y, x, y)", (1.0, 1.0), "kink", "exactly at the threshold of a condition"),
        ("atan2(x, y)", (0.0, 0.0), "on a jump", "atan2(0, 0)"),
        ("atan2(x, y)", (0.0, -1.0), "on a jump", "atan2's branch cut"),
        ("log(x)", (-1.0, 0.0), "outside the domain", "log is not defined there"),
        ("x**0.5", (-1.0, 0.0), "outside the domain", "a broken power of a negative number"),
        ("exp(x)", (1e300, 0.0), "beyond every range", "exp overflows"),
        ("x**y", (1e300, 1e300), "beyond every range", "a power overflows"),
        ("1/(exp(x)**2 - exp(2*x))", (1.0, 0.0), "undecided", "close to division by zero"),
        (
            "where(exp(x)**2 > exp(2*x), x, y)",
            (1.0, 0.0),
            "undecided",
            "a condition is too close to its threshold",
        ),
        (
            "maximum(exp(x)**2, exp(2*x))",
            (1.0, 0.0),
            "undecided",
            "the max is too close to a tie",
        ),
        (
            "log(exp(x)**2 - exp(2*x))",
            (1.0, 0.0),
            "undecided",
            "log is too close to the end of its domain",
        ),
        (
            "abs(exp(x)**2 - exp(2*x))",
            (1.0, 0.0),
            "undecided",
            "abs is too close to its kink",
        ),
        ("abs(x/0.3 - 10)", (3.0, 0.0), "undecided", "abs is too close to its kink"),
        (
            "atan2(exp(x)**2 - exp(2*x), -1)",
            (1.0, 0.0),
            "undecided",
            "atan2 is too close to its branch cut",
        ),
    ],
)
def test_reasons(
    formula: str, point: tuple[float, float], place: str, reason: str, derived: Any
) -> None:
    """What a report says of a point that has no gradient."""
    settled = derived(formula, XY).settle([*point, 1.0], format_of("float64"))
    assert (settled.place.value, settled.reason) == (place, reason)


@pytest.mark.parametrize(
    "formula, reason",
    [
        ("abs(x) + 1/x", "division by zero"),
        ("1/x + abs(x)", "division by zero"),
        ("sqrt(x) + log(x - 1)", "log is not defined there"),
        ("maximum(abs(x), 3)", ""),
        ("maximum(abs(x), -3)", "abs(0)"),
        ("where(y > 0, abs(x), x)", ""),
        ("where(y > 0, x, abs(x))", "abs(0)"),
        ("where(y > 0, 1/x, abs(x))", "abs(0)"),
    ],
)
def test_the_worst_of_what_the_branches_reach(formula: str, reason: str, derived: Any) -> None:
    """At x = 0 and y = -1; what no branch takes does not matter."""
    settled = derived(formula, XY).settle([0.0, -1.0, 1.0], format_of("float64"))
    assert settled.reason == reason


@pytest.mark.parametrize(
    "formula, point, place",
    [
        ("asin(x)", 1.0, "singular"),
        ("acosh(x)", 1.0, "singular"),
        ("atanh(x)", 1.0, "singular"),
        ("atanh(x)", 0.5, "regular"),
        ("asin(x)", 1.5, "outside the domain"),
        ("acosh(x)", 0.5, "outside the domain"),
        ("log(x)", 5e-324, "regular"),
        ("digamma(x)", -1.5, "regular"),
        ("erfinv(x)", -1.5, "outside the domain"),
    ],
)
def test_ends_of_domains(formula: str, point: float, place: str, derived: Any) -> None:
    """An end belongs to a domain, or does not."""
    found = derived(formula).settle([point, 1.0], format_of("float64"))
    assert found.place.value == place, found


@pytest.mark.parametrize(
    "formula, point, slope",
    [
        ("where(y == 1, x*x, x)", (3.0, 1.0), 6.0),
        ("where(y >= 1, x*x, x)", (3.0, 1.0), 6.0),
        ("where(y > 1, x*x, x)", (3.0, 1.0), 1.0),
        ("where(not (y != 1), x*x, x)", (3.0, 1.0), 6.0),
        ("where(2*y - 1 == y, x*x, x)", (3.0, 1.0), 6.0),
        ("x*abs(y - 1)", (3.0, 1.0), 0.0),
        ("x*maximum(y, 1)", (3.0, 1.0), 1.0),
        ("x*floor(y)", (3.0, 1.0), 1.0),
    ],
)
def test_what_nothing_moves_is_no_kink(
    formula: str, point: tuple[float, float], slope: float, derived: Any
) -> None:
    """A label that takes no gradient stays what it is next to the point; with one it is a kink."""
    double = format_of("float64")
    settled = derived(formula, XY, ["y"]).settle([*point, 1.0], double)
    assert settled.place.value == "regular"
    assert [truth.middle for truth in settled.gradient] == [slope]
    assert derived(formula, XY).settle([*point, 1.0], double).place.value == "kink"


@pytest.mark.parametrize("formula", ["where(x == y, x, 2*x)", "abs(x - y)", "maximum(x, y)"])
def test_what_an_input_with_a_gradient_reaches_stays_a_kink(formula: str, derived: Any) -> None:
    """Beside a label or not."""
    settled = derived(formula, XY, ["y"]).settle([1.0, 1.0, 1.0], format_of("float64"))
    assert settled.place.value == "kink"


@pytest.mark.parametrize(
    "formula, point, place, slopes",
    [
        (
            "where(where(x > 2, 1, 0) + where(y > 2, 1, 0) > 0, x*y, x)",
            (1.0, 0.0),
            "regular",
            (1, 0),
        ),
        ("where(where(x > 2, 1, 0) + where(y > 2, 1, 0) > 0, x*y, x)", (2.0, 0.0), "kink", None),
        ("where(floor(x) == 1, x*y, y)", (1.5, 3.0), "regular", (3, 1.5)),
        ("where(floor(x) == 1, x*y, y)", (1.0, 3.0), "kink", None),
        ("y*maximum(floor(x), 1)", (1.5, 3.0), "regular", (0, 1)),
        ("y*maximum(floor(x), 1)", (1.0, 3.0), "kink", None),
        ("where(not (where(x > 2, 1, 0) == 0 and y > 0), y, x)", (1.0, 2.0), "regular", (1, 0)),
        ("where(where(x > 2, x, 0) > 0, y, x)", (1.0, 2.0), "regular", (1, 0)),
        ("y*abs(sign(x) - 1)", (3.0, 2.0), "regular", (0, 0)),
        ("where(where(floor(x) > 0.5, 1, 0) == 1, y, x)", (1.0, 2.0), "kink", None),
        ("where(detach(x) > 0, x, y)", (0.0, 1.0), "kink", None),
        ("where(maximum(x, 1) == 1, x, y)", (0.5, 2.0), "regular", (1, 0)),
        ("where(maximum(x, 1) == 1, x, y)", (1.0, 2.0), "kink", None),
        ("where(x == maximum(x, y), x, 0)", (3.0, 2.0), "regular", (1, 0)),
        ("where(x == maximum(x, y), x, 0)", (2.0, 3.0), "regular", (0, 0)),
        ("where(x == maximum(x, y), x, 0)", (2.0, 2.0), "kink", None),
        ("where(exp(x) >= amax([exp(y), exp(x)]), x, 0)", (3.0, 2.0), "regular", (1, 0)),
        ("where(exp(x) < amax([exp(y), exp(x)]), x, y)", (3.0, 2.0), "regular", (0, 1)),
        ("where(where(x > 0, x, y) == x, x, 0)", (3.0, 2.0), "regular", (1, 0)),
        ("where(where(x > 0, x, y) == x, x, 0)", (0.0, 0.0), "kink", None),
        ("where(x == 3, x, y)", (3.0, 2.0), "kink", None),
        ("where(x > minimum(x, y), y, 2*x)", (1.0, 2.0), "regular", (2, 0)),
        ("where(x >= minimum(x, y), y, 2*x)", (1.0, 2.0), "regular", (0, 1)),
        ("where(x > minimum(x, y), y, 2*x)", (1.0, 1.0), "kink", None),
        ("where(x > where(y > 0, x, 1), y, 2*x)", (1.0, 2.0), "regular", (2, 0)),
        ("where(x > where(y > 0, 1, x), y, 2*x)", (1.0, 2.0), "kink", None),
        ("abs(x - x) + abs(x - minimum(x, y)) + 3*x", (1.0, 2.0), "regular", (3, 0)),
        ("abs(floor(x) - floor(x)) + x", (1.5, 2.0), "regular", (1, 0)),
        ("abs(x - minimum(x, y)) + x", (1.0, 1.0), "kink", None),
        ("where(x > detach(x), y, 2*x)", (1.0, 2.0), "kink", None),
    ],
)
def test_what_stays_as_it_is_is_no_kink(
    formula: str,
    point: tuple[float, float],
    place: str,
    slopes: tuple[float, float] | None,
    derived: Any,
) -> None:
    """A count of the elements above a threshold, say, where none of them is on it.

    So is the smallest number beside itself.
    """
    settled = derived(formula, XY).settle([*point, 1.0], format_of("float64"))
    assert settled.place.value == place
    if slopes is not None:
        assert tuple(truth.middle for truth in settled.gradient) == slopes
