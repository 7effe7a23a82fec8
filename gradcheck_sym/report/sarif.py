"""SARIF 2.1.0 (an OASIS standard), as code scanning reads it: what failed or warned, with rules."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import gradcheck_sym
from gradcheck_sym.report.json_report import Json, versions
from gradcheck_sym.report.problems import visible
from gradcheck_sym.report.words import (
    Style,
    address,
    fails,
    reason,
    ruling,
    subject,
    warns,
)
from gradcheck_sym.spec.codes import Entry
from gradcheck_sym.verdict.meanings import VERDICTS
from gradcheck_sym.verdict.patterns import PATTERNS
from gradcheck_sym.verdict.records import Result, Verdict

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)

# The one rule that is about no verdict.
_XPASSED = "expected-failure-passes"
_ENTRIES = {
    **{verdict.value: entry for verdict, entry in VERDICTS.items()},
    **{pattern.value: entry for pattern, entry in PATTERNS.items()},
    _XPASSED: Entry(
        "passes though expected to fail",
        "The spec states under xfail that the check fails, and it does not.",
        "Remove the entry from xfail.",
    ),
}


def render(results: Sequence[Result], style: Style) -> str:
    """One log with one run, in ASCII. Failures that the spec expects are suppressed results."""
    told = [result for result in results if _is_told(result)]
    rules = sorted({_rule(result) for result in told})
    driver = {
        "name": "gradcheck_sym",
        "version": gradcheck_sym.__version__,
        "rules": [_described(rule) for rule in rules],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True}],
        "results": [_result(result, rules, style.strict) for result in told],
        "properties": {"seed": style.seed, "versions": versions()},
    }
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def _is_told(result: Result) -> bool:
    return result.outcome == "xfailed" or warns(result) or fails(result, strict=False)


def _rule(result: Result) -> str:
    """The known mistake where one fits, the verdict otherwise."""
    if result.outcome == "xpassed":
        return _XPASSED
    known = result.verdict is Verdict.WRONG and result.pattern in _ENTRIES
    return result.pattern if known else result.verdict.value


def _described(rule: str) -> Json:
    entry = _ENTRIES[rule]
    more = "" if rule == _XPASSED else f" More: python -m gradcheck_sym explain {rule}"
    return {
        "id": rule,
        "shortDescription": {"text": _literal(entry.title)},
        "fullDescription": {"text": _literal(entry.explanation)},
        "help": {"text": _literal(f"{entry.remedy}{more}")},
    }


def _result(result: Result, rules: Sequence[str], strict: bool) -> Json:
    _, name = address(result)
    why = reason(result)
    message = f"{name}: {subject(result)}: {ruling(result)}{': ' if why else ''}{why}"
    described: dict[str, Json] = {
        "ruleId": _rule(result),
        "ruleIndex": rules.index(_rule(result)),
        "level": "warning" if warns(result) and not strict else "error",
        "message": {"text": _literal(message)},
        "locations": [_location(result)],
        "partialFingerprints": {"result/v1": " ".join(_identity(result))},
        "properties": {
            "check": result.check,
            "input": result.input,
            "dtype": result.dtype,
            "verdict": result.verdict.value,
            "points": result.points,
            "culprit": result.culprit,
            "reproduce": result.reproduce,
            "id": result.id,
        },
    }
    if result.outcome == "xfailed":
        reason_given = visible(result.expected)
        described["suppressions"] = [{"kind": "inSource", "justification": reason_given}]
    return described


def _identity(result: Result) -> Iterator[str]:
    """What makes it the same finding in the next run, wherever the spec then stands."""
    yield from (visible(result.spec), result.check, result.input or "-", result.dtype)


def _location(result: Result) -> Json:
    path, name = address(result)
    physical: dict[str, Json] = {"artifactLocation": {"uri": _uri(path)}}
    if result.line:
        physical["region"] = {"startLine": result.line, "startColumn": result.column}
    logical: Json = {"name": visible(name), "fullyQualifiedName": visible(result.spec)}
    return {"physicalLocation": physical, "logicalLocations": [logical]}


def _uri(path: str) -> str:
    """A path as a URI reference (RFC 3986): relative to where the run was started, or absolute."""
    if os.path.isabs(path):
        return Path(path).as_uri()
    return quote(os.fsencode(path))


def _literal(text: str) -> str:
    """Text without what a message means otherwise: placeholders and links (SARIF 3.11)."""
    return visible(text).replace("{", "{{").replace("}", "}}").replace("](", "] (")
