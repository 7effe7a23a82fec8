"""Annotations for a pull request: the workflow commands that GitHub's runner reads from a log.

At most ten of a level are shown for each step, and those of one spec share a line: a spec gets one
annotation for its failures and one for its warnings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gradcheck_sym.report.numbers import counted
from gradcheck_sym.report.problems import visible
from gradcheck_sym.report.terminal import Line, line
from gradcheck_sym.report.words import (
    Style,
    address,
    by_spec,
    fails,
    reason,
    ruling,
    subject,
    warns,
)
from gradcheck_sym.verdict.records import Result

MAX_TOLD = 5  # results of one annotation; the log has all

# What ends a message, or a property of a command, is written as it is in an address.
_IN_MESSAGE = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_IN_PROPERTY = _IN_MESSAGE | {":": "%3A", ",": "%2C"}


def render(results: Sequence[Result], style: Style) -> Iterator[Line]:
    """A command for each spec that fails or warns."""
    for group in by_spec(results).values():
        failing = [result for result in group if fails(result, style.strict)]
        warning = [result for result in group if warns(result) and result not in failing]
        for level, told in (("error", failing), ("warning", warning)):
            if told:
                yield line(_command(level, told))


def _command(level: str, told: Sequence[Result]) -> str:
    path, name = address(told[0])
    came_out = ", ".join(dict.fromkeys(map(_in_short, told)))
    properties: dict[str, str] = {"file": path}
    if told[0].line:
        properties |= {"line": str(told[0].line), "col": str(told[0].column)}
    properties["title"] = f"{name}: {came_out}"
    written = ",".join(
        f"{key}={_escaped(value, _IN_PROPERTY)}" for key, value in properties.items()
    )
    message = _escaped("\n".join(_message(told)), _IN_MESSAGE)
    return f"::{level} {written}::{message}"


def _in_short(result: Result) -> str:
    unexpected = result.outcome == "xpassed"
    return "passes, though expected to fail" if unexpected else result.verdict.value


def _message(told: Sequence[Result]) -> Iterator[str]:
    for result in told[:MAX_TOLD]:
        why = reason(result)
        yield f"{subject(result)}: {ruling(result)}{': ' if why else ''}{why}"
    if len(told) > MAX_TOLD:
        yield f"+{counted(len(told) - MAX_TOLD, 'more result')}"
    if told[0].reproduce:
        yield told[0].reproduce


def _escaped(text: str, escapes: Mapping[str, str]) -> str:
    """Harmless on one line: GitHub turns the escapes back into the characters."""
    lines = "\n".join(map(visible, text.split("\n")))
    return "".join(escapes.get(character, character) for character in lines)
