"""Streams: what they can encode, colours, control characters, readers that leave."""

from __future__ import annotations

import io
import os

import pytest

from gradcheck_sym.report.terminal import Screen, Span, line


class Terminal(io.TextIOWrapper):
    """A stream that says it is a terminal."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding, newline="\n")

    def isatty(self) -> bool:
        """As a terminal answers."""
        return True

    def text(self) -> str:
        """What was written."""
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)  # type: ignore[attr-defined]


UTF8 = {"LANG": "en_US.UTF-8", "TERM": "xterm"}
LINES = [(Span("✗", "bold red"), Span(" 1 ± 2 [bold]not markup[/bold] :smile:"))]
PLAIN = "✗ 1 ± 2 [bold]not markup[/bold] :smile:\n"


def test_colours_on_a_terminal() -> None:
    """A terminal gets escape sequences, and text stays text."""
    terminal = Terminal()
    Screen(terminal, UTF8).write(LINES)
    assert "\x1b[" in terminal.text()
    assert "[bold]not markup[/bold] :smile:" in terminal.text()


@pytest.mark.parametrize("refusal", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colours_where_refused(refusal: dict[str, str]) -> None:
    """NO_COLOR and TERM=dumb are honoured."""
    terminal = Terminal()
    Screen(terminal, UTF8 | refusal).write(LINES)
    assert terminal.text() == PLAIN


def test_no_colours_off_a_terminal() -> None:
    """A file or pipe gets the plain text at any width."""
    stream = io.StringIO()
    Screen(stream, UTF8 | {"COLUMNS": "10", "FORCE_COLOR": "1"}).write(LINES)
    assert stream.getvalue() == PLAIN


def test_lines_are_not_wrapped_by_us() -> None:
    """A command longer than the terminal stays one line, to be copied whole."""
    terminal = Terminal()
    Screen(terminal, UTF8 | {"COLUMNS": "20"}).write([line("word " * 50)])
    assert terminal.text().count("\n") == 1


@pytest.mark.parametrize(
    "encoding, environment",
    [
        ("ascii", UTF8),
        ("latin-1", UTF8),
        ("utf-8", {"LC_ALL": "C", "LANG": "en_US.UTF-8"}),
        ("utf-8", {"LC_ALL": "", "LANG": "POSIX"}),
    ],
)
def test_ascii_where_nothing_else_can_be_shown(encoding: str, environment: dict[str, str]) -> None:
    """Our signs have ASCII forms; other characters become escapes."""
    terminal = Terminal(encoding)
    Screen(terminal, environment | {"NO_COLOR": "1"}).write([*LINES, line("β…")])
    assert terminal.text().startswith("x 1 +/- 2")
    assert terminal.text().endswith("\\u03b2...\n")


@pytest.mark.parametrize("variable", [{"PYTHONIOENCODING": "utf-8"}, {"PYTHONUTF8": "1"}])
def test_an_encoding_that_is_asked_for_wins(variable: dict[str, str]) -> None:
    """A person who says UTF-8 gets it in any locale."""
    terminal = Terminal()
    Screen(terminal, {"LC_ALL": "C", "NO_COLOR": "1"} | variable).write(LINES)
    assert terminal.text() == PLAIN


@pytest.mark.parametrize(
    "hostile, shown",
    [
        ("\x1b[31m", "\\x1b[31m"),
        ("a\nb\rc", "a\\nb\\rc"),
        ("\x9b1m", "\\x9b1m"),
        ("\u202eevil", "\\u202eevil"),
        ("\u2028", "\\u2028"),
        ("\ud800", "\\ud800"),
        ("é β 数 ±", "é β 数 ±"),
    ],
)
def test_control_characters_are_never_raw(hostile: str, shown: str) -> None:
    """What could move a cursor or turn text around becomes an escape."""
    for environment in (UTF8, UTF8 | {"NO_COLOR": "1"}):
        terminal = Terminal()
        Screen(terminal, environment).write([line(hostile)])
        assert terminal.text() == f"{shown}\n"


@pytest.mark.parametrize(
    "hostile, shown",
    [
        ("::error::gone", "\\x3a:error::gone"),
        ("  ::add-mask::x", "  \\x3a:add-mask::x"),
        ("a ##[add-mask]x ##[group]", "a \\x23#[add-mask]x \\x23#[group]"),
        ("specs/a.yaml::name", "specs/a.yaml::name"),
    ],
)
def test_no_line_is_a_command_to_a_runner(hostile: str, shown: str) -> None:
    """What GitHub's runner would obey in a log is shown, and only shown."""
    spans = (Span(hostile[:3], "bold"), Span(hostile[3:]))
    terminal = Terminal()
    Screen(terminal, UTF8 | {"NO_COLOR": "1"}).write([spans])
    assert terminal.text() == f"{shown}\n"
    terminal = Terminal()
    Screen(terminal, UTF8).write([line("::error::a")], commands=True)
    assert terminal.text() == "::error::a\n"


def test_a_reader_that_leaves_is_no_error() -> None:
    """`... | head` ends the writing, and later writes go nowhere."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", encoding="utf-8") as stream:
        screen = Screen(stream, UTF8)
        screen.write(line("x" * 1000) for _ in range(1000))
        screen.write_text("x")
    assert stream.closed
