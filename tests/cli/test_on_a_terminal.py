"""What a person at a terminal sees, on a real pseudo-terminal."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gradcheck_sym import cli

SPECS = """\
specs:
  - {name: first, inputs: {x: {shape: [], domain: "[1, 2]"}}, expr: x*x}
  - {name: second, inputs: {x: {shape: [], domain: "[1, 2]"}}, expr: x**3}
"""
COLOUR = re.compile(r"\x1b\[[0-9;]*m")

pytest.importorskip("pty", reason="pseudo-terminals are a thing of POSIX")


@contextmanager
def terminal() -> Iterator[list[bytes]]:
    """stdout and stderr on one pseudo-terminal; the list fills with what it shows."""
    ours, theirs = os.openpty()
    seen: list[bytes] = []

    def read() -> None:
        while True:
            try:
                seen.append(os.read(ours, 4096))
            except OSError:  # how Linux says that the other end is closed
                return

    reader = threading.Thread(target=read)
    reader.start()
    before = sys.stdout, sys.stderr
    with os.fdopen(theirs, "w", encoding="utf-8") as stream:
        sys.stdout = sys.stderr = stream
        try:
            yield seen
        finally:
            sys.stdout, sys.stderr = before
    reader.join()
    os.close(ours)


def shown(folder: Path, *words: str) -> str:
    """All that a run shows on a terminal."""
    path = folder / "specs.yaml"
    path.write_text(SPECS, encoding="utf-8")
    with terminal() as seen:
        assert cli.main([str(path), "--points", "5", *words]) == 0
    return b"".join(seen).decode()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ordinary terminal."""
    for name in ("NO_COLOR", "LC_ALL", "LC_CTYPE", "PYTHONIOENCODING", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("LANG", "en_US.UTF-8")


def test_colours_and_a_progress_bar(tmp_path: Path) -> None:
    """The bar counts specs and names the one that is judged; the report has colours."""
    text = shown(tmp_path)
    assert "0/2" in text
    assert "specs.yaml::second" in text
    assert COLOUR.search(text)
    assert "✓" in text


def test_no_colours_where_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR leaves the bar, in one colour."""
    monkeypatch.setenv("NO_COLOR", "1")
    text = shown(tmp_path)
    assert "0/2" in text
    assert not [code for code in COLOUR.findall(text) if re.search(r"\b[349]\d", code)]


def test_a_dumb_terminal_gets_lines_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a bar nor an escape sequence."""
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in shown(tmp_path)


def test_a_terminal_of_the_c_locale_gets_ascii(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one byte that it would garble."""
    monkeypatch.setenv("LC_ALL", "C")
    text = shown(tmp_path)
    assert text.isascii()
    assert "+" in text
    assert "first" in text


@pytest.mark.parametrize("words", [["--format", "json"], ["-q"]])
def test_no_bar_for_machines_or_in_quiet(words: list[str], tmp_path: Path) -> None:
    """A bar is for a person who waits for text."""
    assert "0/2" not in shown(tmp_path, *words)
