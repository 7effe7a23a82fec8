"""Spec files of strangers: each gets its own error, soon and in little memory, and runs nothing."""

from __future__ import annotations

import re
from typing import Any

MEMORY = 300_000_000  # bytes
SECONDS = 2.0  # of computing, for one file


def told(path: str, said: str) -> list[str]:
    """The codes and places that an answer tells of, in order."""
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in path)
    head = rf"^{re.escape(shown)}[^:\n]*(?::(?P<place>\d+:\d+))?: (?P<code>S\d{{3}}) "
    found = re.finditer(head, said, re.MULTILINE)
    return [f"{each['code']} {each['place'] or ''}".strip() for each in found]


def fits(expected: str, found: list[str]) -> bool:
    """Whether that was expected."""
    wanted = expected.split(", ")
    if wanted[-1] == "…":
        return found[: len(wanted) - 1] == wanted[:-1] and len(found) >= len(wanted)
    return found == wanted


def test_each_has_its_error_at_its_place(family: str, probed: Any) -> None:
    """Its code, line and column, and no other; the exit code of a bad spec."""
    cases = [case for case in probed.cases if case.family == family]
    wrong = {
        case.name: (case.expected, found, case.answer["said"][-1_000:])
        for case in cases
        if not fits(case.expected, found := told(case.path, case.answer["said"]))
        or case.answer["exit"] != 2
    }
    assert cases
    assert wrong == {}


def test_there_are_hundreds(probed: Any) -> None:
    """No family went missing, and none is there twice."""
    contents = {case.path for case in probed.cases}
    assert len(contents) == len(probed.cases) > 500


def test_each_is_refused_soon(probed: Any) -> None:
    """Also where a reader that is not on its guard would take minutes."""
    slow = {
        (case.family, case.name): case.answer["seconds"]
        for case in probed.cases
        if case.answer["seconds"] > SECONDS
    }
    assert slow == {}


def test_none_takes_much_memory(probed: Any) -> None:
    """All of them in one process that could not have more."""
    assert probed.memory < MEMORY


def test_none_runs_or_writes_anything(probed: Any) -> None:
    """No process, no socket, no file, no code; the module beside them was not imported."""
    assert probed.broken == ()
    assert not (probed.folder / "ran").exists()
    assert not (probed.folder / "__pycache__").exists()


def test_what_is_said_is_short_and_harmless(probed: Any) -> None:
    """Whatever stands in a file or a path: no character that a terminal obeys, no endless line."""
    for case in probed.cases:
        said = case.answer["said"]
        assert all(character.isprintable() or character == "\n" for character in said), case
        assert max(map(len, said.splitlines())) < 6_000, case
        assert len(said) < 400_000, case
