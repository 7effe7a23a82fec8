"""SARIF, held against the standard's own schema."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sarif_kit.validate import validation_errors

from gradcheck_sym import cli
from gradcheck_sym.report import sarif
from gradcheck_sym.report.words import Style
from gradcheck_sym.verdict.diagnosis import Pattern
from gradcheck_sym.verdict.records import Result, Verdict


def run_of(results: Sequence[Result], strict: bool = False) -> dict[str, Any]:
    """The one run of a valid log."""
    log = json.loads(sarif.render(results, Style(7, strict=strict)))
    assert validation_errors(log) == []
    (run,) = log["runs"]
    return dict(run)


def test_what_failed_and_warned_is_told(every: Sequence[Result]) -> None:
    """Each with its level; what passed or was skipped is no finding."""
    run = run_of(every)
    told = [(each["ruleId"], each["level"]) for each in run["results"]]
    assert told == [
        ("constant-ratio", "error"),
        ("wrong", "error"),
        ("inaccurate", "warning"),
        ("error", "error"),
        ("constant-ratio", "error"),
        ("expected-failure-passes", "warning"),
    ]
    assert run["properties"]["seed"] == 7
    assert {each["level"] for each in run_of(every, strict=True)["results"]} == {"error"}


def test_rules_are_those_of_the_results(every: Sequence[Result]) -> None:
    """Every index leads to the rule of that name, which says what it means and what to do."""
    run = run_of(every)
    rules = run["tool"]["driver"]["rules"]
    assert {rule["id"] for rule in rules} == {each["ruleId"] for each in run["results"]}
    for each in run["results"]:
        assert rules[each["ruleIndex"]]["id"] == each["ruleId"]
    for rule in rules:
        for key in ("shortDescription", "fullDescription", "help"):
            assert rule[key]["text"]


def test_rules_lead_to_what_explains_them(
    every: Sequence[Result], capsys: pytest.CaptureFixture[str]
) -> None:
    """The command that the help ends with exists."""
    for rule in run_of(every)["tool"]["driver"]["rules"]:
        _, _, command = rule["help"]["text"].partition("python -m gradcheck_sym ")
        if command:
            assert cli.main(command.split()) == 0
            assert rule["shortDescription"]["text"] in capsys.readouterr().out


def test_a_finding_stands_at_its_spec(every: Sequence[Result]) -> None:
    """File, line and column; no region where no line is known."""
    run = run_of(every)
    (location,) = run["results"][0]["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "specs/a.yaml"},
        "region": {"startLine": 3, "startColumn": 5},
    }
    assert location["logicalLocations"] == [
        {"name": "gelu", "fullyQualifiedName": "specs/a.yaml::gelu"}
    ]
    assert "region" not in run["results"][3]["locations"][0]["physicalLocation"]


def test_expected_failures_are_suppressed(every: Sequence[Result]) -> None:
    """With the author's reason; nothing else is."""
    results = run_of(every)["results"]
    assert [each.get("suppressions") for each in results] == [
        *[None] * 4,
        [{"kind": "inSource", "justification": "known"}],
        None,
    ]


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_makes_a_valid_log(make: Callable[..., Result], verdict: Verdict) -> None:
    """With an xfail and without."""
    run_of([make(verdict=verdict, pattern=""), make(verdict=verdict, expected="known")])


@pytest.mark.parametrize("pattern", Pattern)
def test_every_known_mistake_is_a_rule(make: Callable[..., Result], pattern: Pattern) -> None:
    """A result of each kind names its own rule."""
    (result,) = run_of([make(pattern=pattern.value)])["results"]
    assert result["ruleId"] == pattern.value


def test_a_finding_is_known_again(make: Callable[..., Result]) -> None:
    """Its fingerprint does not change with the line, the point or the verdict."""
    one, other = run_of([make(), make(line=80, smallest=None, verdict=Verdict.INACCURATE)])[
        "results"
    ]
    assert one["partialFingerprints"] == other["partialFingerprints"]
    (third,) = run_of([make(input="w")])["results"]
    assert third["partialFingerprints"] != one["partialFingerprints"]


def test_messages_mean_what_they_say(make: Callable[..., Result]) -> None:
    """Braces and brackets of ours are no placeholders and no links."""
    (result,) = run_of([make(pattern="", message="a {0} and [b](1) {c}")])["results"]
    text = result["message"]["text"]
    assert "a {{0}} and [b] (1) {{c}}" in text


@pytest.mark.parametrize(
    "path, uri",
    [
        ("a b%.yaml", "a%20b%25.yaml"),
        ("c:d.yaml", "c%3Ad.yaml"),
        ("/tmp/é.yaml", "file:///tmp/%C3%A9.yaml"),
        ("x\udcff.yaml", "x%FF.yaml"),
    ],
)
def test_paths_are_uris(make: Callable[..., Result], path: str, uri: str) -> None:
    """What a URI has no place for is percent-encoded."""
    (result,) = run_of([make(spec=f"{path}::f")])["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_hostile_texts_are_text(hostile: Result) -> None:
    """The log stays valid, and its texts printable."""
    result = Result(
        **{name: getattr(hostile, name) for name in hostile.__slots__} | {"spec": "a.yaml::f"}
    )
    (told,) = run_of([result])["results"]
    assert told["message"]["text"].isprintable()
    assert not re.search(r"(?<!\{)\{\d+\}(?!\})", told["message"]["text"])


def test_the_schema_does_reject() -> None:
    """The validator would notice a mistake."""
    log = json.loads(sarif.render([], Style(0)))
    log["runs"][0]["tool"]["driver"].pop("name")
    assert validation_errors(log)
