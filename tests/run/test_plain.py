"""A result becomes JSON and is read back to the last bit; what is none is refused."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck_sym.run.plain import read, written
from gradcheck_sym.verdict.records import Case, Measured, Result, Verdict

FLOATS = st.floats(allow_nan=True, allow_infinity=True)
NESTS = st.recursive(FLOATS | st.none(), lambda inner: st.lists(inner, max_size=3).map(tuple))
MEASURED = st.builds(Measured, FLOATS, FLOATS)
CASES = st.builds(
    Case,
    point=st.dictionaries(st.text(max_size=3), NESTS, max_size=2),
    cotangent=NESTS,
    index=st.lists(st.integers(0, 9), max_size=2).map(tuple),
    symbolic=MEASURED,
    autograd=st.none() | FLOATS,
    numerical=st.none() | MEASURED,
    error_ulp=FLOATS,
    error_abs=FLOATS,
    allowed=FLOATS,
    reason=st.text(max_size=5),
    setting=st.text(max_size=5),
)
RESULTS = st.builds(
    Result,
    spec=st.text(max_size=5),
    check=st.sampled_from(["forward", "reverse"]),
    input=st.none() | st.text(max_size=3),
    dtype=st.just("float64"),
    verdict=st.sampled_from(Verdict),
    points=st.integers(0, 10**6),
    dropped=st.dictionaries(st.text(max_size=5), st.integers(0, 9), max_size=2),
    worst=st.none() | CASES,
    smallest=st.none() | CASES,
    message=st.text(max_size=9),
)
PLAIN = Result("a.yaml::b", "reverse", "x", "float64", Verdict.WRONG)


@settings(max_examples=60, deadline=None, database=None, derandomize=True)
@given(RESULTS)
def test_a_result_reads_back(result: Result) -> None:
    """By way of JSON text, with NaN, infinities, -0.0 and nests of any depth."""
    again = read(Result, json.loads(json.dumps(written(result), allow_nan=False)))
    assert repr(again) == repr(result)


def test_a_whole_number_stays_one() -> None:
    """Where a float is meant; reports show the difference."""
    case = Case({}, None, (), Measured(0), None, None, 0, 0.0, math.inf)
    again = read(Case, written(case))
    assert repr(again) == repr(case)


def damaged(**changes: Any) -> Any:
    """A result as JSON, but for some fields."""
    whole = written(PLAIN)
    assert isinstance(whole, dict)
    return whole | changes


@pytest.mark.parametrize(
    "found, said",
    [
        (None, "got a NoneType; a dict"),
        ([], "got a list; a dict"),
        ("x", "got a str; a dict"),
        ({}, "the fields of a Result are spec, check"),
        (damaged(unknown=1), "the fields of a Result are spec, check"),
        (damaged(points="many"), "got a str; a int"),
        (damaged(points=True), "got a bool; a int"),
        (damaged(points=1.5), "got a float; a int"),
        (damaged(input=3), "got a int; a str"),
        (damaged(verdict="fine"), "'fine' is not a valid Verdict"),
        (damaged(dropped=["reason"]), "got a list; a dict"),
        (damaged(dropped={"reason": None}), "got a NoneType; a int"),
        (damaged(worst={"point": {}}), "the fields of a Case are point"),
        (damaged(message=None), "got a NoneType; a str"),
    ],
)
def test_what_is_no_result_is_refused(found: object, said: str) -> None:
    """A field that is missing, unknown or of another type."""
    with pytest.raises(ValueError, match=said):
        read(Result, found)


@pytest.mark.parametrize("value", ["0xg", {"a": 1}, [["text"]], [{}]])
def test_what_is_no_point_is_refused(value: object) -> None:
    """A point holds numbers and nests of them."""
    case = written(Case({"x": 1.0}, None, (), Measured(0.0), None, None, 0.0, 0.0, 0.0))
    assert isinstance(case, dict)
    with pytest.raises(ValueError, match=r"hexadecimal|got a dict"):
        read(Case, case | {"point": {"x": value}})


def test_nests_have_a_depth() -> None:
    """What is nested deeper than any tensor is not followed."""
    deep: Any = "0x0p+0"
    for _ in range(40):
        deep = [deep]
    with pytest.raises(ValueError, match="nested too deep"):
        read(Case, {field.name: deep for field in fields(Case)} | {"point": {"x": deep}})


def test_what_has_no_form_is_told() -> None:
    """A record that holds something else is a mistake of ours."""
    with pytest.raises(TypeError, match="cannot write a set"):
        written(replace(PLAIN, dropped={"reason": {1}}))  # type: ignore[dict-item]
