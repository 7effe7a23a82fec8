"""Where a report is written to: colours, and what the stream can show."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO, final

from gradcheck_sym.report.problems import visible

if TYPE_CHECKING:
    from rich.console import Console

# How our own signs are written where the stream has only ASCII.
_ASCII = str.maketrans(
    {
        "✓": "+",
        "✗": "x",
        "±": "+/-",
        "≤": "<=",
        "≥": ">=",
        "·": "|",
        "…": "...",
        "—": "-",
        "–": "-",
        "→": "->",
        "∂": "d",
        "×": "x",
        "²": "^2",
    }
)
_LOCALE = ("LC_ALL", "LC_CTYPE", "LANG")


@final
@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line in one style, named as rich names styles."""

    text: str
    style: str = ""


Line = tuple[Span, ...]


def line(text: str, style: str = "") -> Line:
    """A line in one style."""
    return (Span(text, style),)


def plain(lines: Iterable[Line]) -> str:
    """The lines as one sanitised text without colours."""
    return "\n".join("".join(visible(span.text) for span in spans) for spans in lines)


@final
class Screen:
    """A text stream, and what it can show: all characters or only ASCII, colours or none."""

    def __init__(self, stream: TextIO, environment: Mapping[str, str] | None = None) -> None:
        variables = os.environ if environment is None else environment
        self._stream = stream
        self._encoding = _encoding(stream, variables)
        self.ascii_only = self._encoding == "ascii"
        self.is_terminal = stream.isatty() and variables.get("TERM", "").lower() != "dumb"
        self._console = _console(stream, variables) if self.is_terminal else None

    def write(self, lines: Iterable[Line], *, commands: bool = False) -> None:
        """Write lines, sanitised, in what the stream can encode.

        commands: whether the lines are commands to who reads the log of a job, as GitHub's runner
        does; no other line can be taken for one.
        A reader that went away (`... | head`) ends the writing silently.
        """
        with _reader_may_leave(self._stream):
            for spans in lines:
                self._write_line(spans if commands else _no_command(spans))

    def write_text(self, text: str) -> None:
        """Write text as it is: it must be harmless and in ASCII."""
        with _reader_may_leave(self._stream):
            self._stream.write(text)

    def _write_line(self, spans: Line) -> None:
        shown = [(self.encodable(visible(span.text)), span.style) for span in spans]
        if self._console is None:
            self._stream.write("".join(text for text, _ in shown) + "\n")
        else:
            from rich.text import Text

            self._console.print(Text.assemble(*shown), soft_wrap=True)

    def encodable(self, text: str) -> str:
        """The text with escapes, or ASCII look-alikes of our own signs, where need be."""
        if self.ascii_only:
            text = text.translate(_ASCII)
        return text.encode(self._encoding, "backslashreplace").decode(self._encoding)


def _no_command(spans: Line) -> Line:
    """The line, with an escape where GitHub's runner would obey it.

    That takes `::` for a command where a line begins with it, blanks aside, and `##[` anywhere.
    """
    text = "".join(span.text for span in spans)
    begins = text.lstrip().startswith("::")
    if not begins and "##[" not in text:
        return spans
    kept = text.replace("##[", "\\x23#[")
    return line(kept.replace("::", "\\x3a:", 1) if begins else kept)


def _encoding(stream: TextIO, variables: Mapping[str, str]) -> str:
    """What the stream's reader can decode.

    In the C locale Python writes UTF-8 all the same, which a terminal of that locale garbles.
    """
    if not variables.get("PYTHONIOENCODING") and variables.get("PYTHONUTF8") != "1":
        locale = next((variables[name] for name in _LOCALE if variables.get(name)), "")
        if locale in ("C", "POSIX"):
            return "ascii"
    name = stream.encoding or "utf-8"
    try:
        "✓✗±".encode(name)
    except (LookupError, UnicodeEncodeError):
        return "ascii"
    return name


def _console(stream: TextIO, variables: Mapping[str, str]) -> Console | None:
    if variables.get("NO_COLOR"):
        return None
    from rich.console import Console

    return Console(file=stream, highlight=False, markup=False, emoji=False)


@contextmanager
def _reader_may_leave(stream: TextIO) -> Iterator[None]:
    """Write, unless nobody reads; then point the stream nowhere.

    Otherwise the interpreter's last flush would meet the same error again.
    """
    try:
        yield
        stream.flush()
    except BrokenPipeError:
        _silence(stream)
    except OSError:
        _silence(stream)
        raise


def _silence(stream: TextIO) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
