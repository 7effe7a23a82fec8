"""A problem as text: where, what, the line with a caret, and help."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from gradcheck_sym.errors import Problem
from gradcheck_sym.spec.tokens import is_seen

MAX_COLUMNS = 100  # of the source line shown; more is cut around the place


def render(problem: Problem) -> str:
    """The lines that people see, without an end of line and without what terminals obey."""
    return "\n".join(_lines(problem))


def _lines(problem: Problem) -> Iterator[str]:
    place = str(problem.position) if problem.position else problem.path
    head = f"{place}: " if place else ""
    yield visible(f"{head}{problem.code} {problem.message}")
    if problem.position and problem.source_line.strip():
        yield from _marked(problem, problem.position.line, problem.position.column - 1)
    elif problem.source_line.strip():
        yield f"  {visible(problem.source_line)}"
    if problem.suggestion:
        yield f"help: {visible(problem.suggestion)}"


def _marked(problem: Problem, line: int, start: int) -> Iterator[str]:
    """The source line, and carets under the characters that the problem is about."""
    end = start + max(problem.length, 1)
    first = max(0, start - MAX_COLUMNS // 2)
    last = first + MAX_COLUMNS
    text = problem.source_line
    before, marked, after = text[first:start], text[start : min(end, last)], text[end:last]
    left, right = "…" if first else "", "…" if len(text) > last else ""
    gutter = f"{line:>5} | "
    yield f"{gutter}{left}{visible(before)}{visible(marked)}{visible(after)}{right}".rstrip()
    indent = len(left) + _width(visible(before))
    yield f"{'| ':>{len(gutter)}}{' ' * indent}{'^' * max(_width(visible(marked)), 1)}"


def visible(text: str) -> str:
    """The text on one line, its control, format and lone surrogate characters escaped."""
    return "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character == "\t":
        return "    "
    return character if is_seen(character) else ascii(character)[1:-1]


def _width(text: str) -> int:
    """Columns of a terminal that a text takes (Unicode Standard Annex 11)."""
    return sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
