"""The schema that comes with the package, held against what is written."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft7Validator

from gradcheck_sym.report import json_report
from gradcheck_sym.report.words import Style
from gradcheck_sym.verdict.records import Case, Measured, Result, Verdict

SCHEMA: Any = json_report.schema()
OUTCOMES = ("passed", "warned", "failed", "errors", "xfailed", "xpassed")
ODD = Case(
    point={"x": ((1.0, math.nan), (math.inf, -0.0)), "e": ()},
    cotangent=None,
    index=(),
    symbolic=Measured(-math.inf, 2.0**-1074),
    autograd=None,
    numerical=None,
    error_ulp=math.nan,
    error_abs=math.inf,
    allowed=0.0,
)


def document(results: Sequence[Result]) -> Any:
    """What is written, read back."""
    return json.loads(json_report.render(results, Style(0)))


def complaints(written: object) -> list[str]:
    """What the schema has against it."""
    return [error.message for error in Draft7Validator(SCHEMA).iter_errors(written)]


def test_it_is_a_schema() -> None:
    """Valid as such, and every key of the results is explained."""
    Draft7Validator.check_schema(SCHEMA)
    for name, about in SCHEMA["definitions"]["result"]["properties"].items():
        assert about["description"], name


def test_what_is_written_is_valid(every: Sequence[Result], hostile: Result) -> None:
    """All outcomes, hostile texts, and every float that JSON has no number for."""
    odd = replace(hostile, smallest=ODD, worst=replace(ODD, error_ulp=math.inf, autograd=1e-300))
    assert complaints(document([*every, hostile, odd])) == []
    assert complaints(document([])) == []


def test_every_verdict_and_outcome_is_known(make: Callable[..., Result]) -> None:
    """Neither more nor fewer than the program has."""
    known = SCHEMA["definitions"]["result"]["properties"]
    assert known["verdict"]["enum"] == [verdict.value for verdict in Verdict]
    assert known["outcome"]["enum"] == list(OUTCOMES)
    both = [make(verdict=verdict, expected=said) for verdict in Verdict for said in ("", "known")]
    assert {result.outcome for result in both} == set(OUTCOMES)
    assert complaints(document(both)) == []


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths to all mappings of a document whose keys are fixed."""
    if isinstance(value, dict):
        if path[-1:] not in (("versions",), ("point",), ("dropped",)):
            yield path
        for key, part in value.items():
            yield from places(part, (*path, key))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from places(part, (*path, number))


def at(value: Any, path: Sequence[Any]) -> Any:
    """What stands there."""
    for key in path:
        value = value[key]
    return value


def test_no_key_may_be_missing_or_unknown(make: Callable[..., Result]) -> None:
    """In any mapping of the document; so the schema describes all of it."""
    whole = document([make(dropped={"kink": 1})])
    paths = list(places(whole))
    assert len(paths) > 6
    for path in paths:
        extended = copy.deepcopy(whole)
        at(extended, path)["surprise"] = 1
        assert complaints(extended), path
        for key in at(whole, path):
            lacking = copy.deepcopy(whole)
            at(lacking, path).pop(key)
            assert complaints(lacking), (*path, key)


@pytest.mark.parametrize(
    "path, value",
    [
        (("schema",), 2),
        (("seed",), -1),
        (("summary", "failed"), "1"),
        (("results", 0, "verdict"), "fine"),
        (("results", 0, "points"), 1.5),
        (("results", 0, "dropped"), {"kink": 0}),
        (("results", 0, "worst", "error_abs"), 0.5),
        (("results", 0, "worst", "point", "x"), "0x1.8p+1 "),
        (("results", 0, "worst", "point", "w"), [["nan"], 1]),
        (("results", 0, "worst", "error_ulp"), "-inf"),
    ],
)
def test_wrong_values_are_rejected(
    make: Callable[..., Result], path: Sequence[Any], value: object
) -> None:
    """Each kind of value is told from its neighbours."""
    written = document([make()])
    at(written, path[:-1])[path[-1]] = value
    assert complaints(written)
