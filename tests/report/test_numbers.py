"""How numbers are written."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck_sym.report import numbers


@settings(deadline=None, derandomize=True)
@given(st.floats(allow_nan=False))
def test_hexadecimals_are_exact(value: float) -> None:
    """What is written reads back as the same float, the sign of zero included."""
    back = float.fromhex(numbers.hexadecimal(value))
    assert (back, math.copysign(1, back)) == (value, math.copysign(1, value))


@settings(deadline=None, derandomize=True)
@given(st.floats(allow_nan=False))
def test_decimals_are_exact(value: float) -> None:
    """17 digits are enough."""
    assert float(numbers.decimal(value)) == value


@pytest.mark.parametrize(
    "value, text",
    [(3.0, "0x1.8p+1"), (1.0, "0x1p+0"), (0.0, "0x0p+0"), (math.nan, "nan"), (-math.inf, "-inf")],
)
def test_hexadecimals_are_short(value: float, text: str) -> None:
    """Trailing zeros are left out."""
    assert numbers.hexadecimal(value) == text


def test_nests_keep_their_shape() -> None:
    """Arrays are written as nested lists; nothing is written for nothing."""
    assert numbers.hex_nest(((1.0,), (2,))) == [["0x1p+0"], ["0x1p+1"]]
    assert numbers.decimal_nest(((1.0, 0.5), [2])) == "[[1, 0.5], [2]]"
    assert list(numbers.leaves(((1.0, 0.5), [2]))) == [1.0, 0.5, 2.0]
    assert (numbers.hex_nest(None), numbers.decimal_nest(None)) == (None, "none")
    assert list(numbers.leaves(None)) == []


def test_only_numbers_are_numbers() -> None:
    """A text inside a point is a mistake of the caller's."""
    with pytest.raises(TypeError, match="not str"):
        numbers.hex_nest(("1",))
