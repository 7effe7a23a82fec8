"""YAML 1.2 scalars, exactly."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck_sym.spec.scalars import resolve


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("NULL", None),
        ("nuLL", "nuLL"),
        ("true", True),
        ("False", False),
        ("on", "on"),
        ("no", "no"),
        ("y", "y"),
        ("010", 10),
        ("-7", -7),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b1", "0b1"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2001-01-01", "2001-01-01"),
        ("1e-3", Fraction(1, 1000)),
        ("0.1", Fraction(1, 10)),
        ("-.5", Fraction(-1, 2)),
        ("+1.", Fraction(1)),
        ("1E+2", Fraction(100)),
        (".inf", math.inf),
        ("-.Inf", -math.inf),
        ("inf", "inf"),
        ("x", "x"),
    ],
)
def test_values_are_those_of_the_core_schema(text, expected):
    """Not those of YAML 1.1, which PyYAML follows."""
    found = resolve(text)
    assert found == expected
    assert type(found) is type(expected)


def test_nan_is_a_float():
    """In three spellings."""
    for text in (".nan", ".NaN", ".NAN"):
        value = resolve(text)
        assert isinstance(value, float)
        assert math.isnan(value)


@pytest.mark.parametrize("text", ["1" * 801, "0x" + "f" * 800, "1e2001", "0." + "1" * 800])
def test_numbers_beyond_the_limits_are_refused(text):
    """A number is not allowed to take long."""
    with pytest.raises(OverflowError):
        resolve(text)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_comes_back_exactly(value):
    """Through its shortest decimal form, and correctly rounded."""
    found = resolve(repr(value))
    assert isinstance(found, Fraction)
    assert float(found) == value


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text("+-.0123456789eExoinfa_:~", max_size=12) | st.text(max_size=12))
def test_every_text_has_a_value(text):
    """Whatever stands there, it is a value or too large."""
    try:
        resolve(text)
    except OverflowError:
        assert any(character.isdigit() for character in text)
