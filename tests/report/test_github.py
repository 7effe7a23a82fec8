"""Annotations: read here as GitHub's runner reads a log."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from gradcheck_sym.report import github
from gradcheck_sym.report.terminal import plain
from gradcheck_sym.report.words import Style
from gradcheck_sym.verdict.records import Result


class Command(NamedTuple):
    """A workflow command."""

    level: str
    properties: dict[str, str]
    message: str


def unescaped(text: str, *more: tuple[str, str]) -> str:
    """As the runner undoes the escapes, the percent sign last."""
    for escape, character in (("%0D", "\r"), ("%0A", "\n"), *more, ("%25", "%")):
        text = text.replace(escape, character)
    return text


def commands(results: Sequence[Result], strict: bool = False) -> list[Command]:
    """The commands that the runner finds; every line is one."""
    found = []
    for line in plain(github.render(results, Style(0, strict=strict))).splitlines():
        match = re.fullmatch(r"::(\w+) (.*?)::(.*)", line)
        assert match, line
        pairs = [pair.split("=", 1) for pair in match[2].split(",")]
        properties = {key: unescaped(value, ("%3A", ":"), ("%2C", ",")) for key, value in pairs}
        found.append(Command(match[1], properties, unescaped(match[3])))
    return found


def test_a_spec_has_one_annotation_of_each_level(every: Sequence[Result]) -> None:
    """Failures and warnings, at the spec's line; nothing of what passed or was expected."""
    found = commands(every)
    assert [(each.level, each.properties) for each in found] == [
        ("error", {"file": "specs/a.yaml", "line": "3", "col": "5", "title": "gelu: wrong"}),
        ("warning", {"file": "specs/a.yaml", "line": "3", "col": "5", "title": "gelu: inaccurate"}),
        ("error", {"file": "specs/b.yaml", "title": "f: error"}),
        (
            "warning",
            {
                "file": "specs/b.yaml",
                "line": "9",
                "col": "5",
                "title": "g: passes, though expected to fail",
            },
        ),
    ]
    lines = found[0].message.splitlines()
    assert lines[0].startswith("reverse of x in float32: wrong: 2 times the truth; 6e+15 ulp")
    assert lines[1].startswith("forward in float32: wrong: autograd claims")
    assert lines[2] == "python -m gradcheck_sym specs/a.yaml::gelu --seed 0"


def test_strict_makes_warnings_errors(every: Sequence[Result]) -> None:
    """As in the exit code."""
    assert {each.level for each in commands(every, strict=True)} == {"error"}


def test_many_results_are_counted(make: Callable[..., Result]) -> None:
    """An annotation stays short."""
    (found,) = commands([make(input=f"x{number}") for number in range(12)])
    assert len(found.message.splitlines()) == github.MAX_TOLD + 2
    assert "+7 more results" in found.message


def test_hostile_texts_end_no_field(hostile: Result) -> None:
    """One command comes out, however the texts try to begin another."""
    (found,) = commands([hostile])
    assert found.level == "error"
    assert found.properties["title"] == "f: wrong"
    assert found.properties["file"].startswith(r"\x1b[31m\x00\r")
    assert "::error::x,y:%0A" in found.properties["file"]
    assert all(line.isprintable() for line in found.message.splitlines())


def test_nothing_is_said_when_all_passes() -> None:
    """No command at all."""
    assert commands([]) == []
