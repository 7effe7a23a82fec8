"""A lesson as text: every line readable by itself."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from gradcheck_sym.report.terminal import Line, Span, line
from gradcheck_sym.spec.unparse import unparse
from gradcheck_sym.verdict.lesson import (
    Block,
    Code,
    Equations,
    Items,
    Lesson,
    Math,
    Partial,
    Piece,
    Sign,
    Table,
    Term,
    Words,
)

_WIDTH = 90
_INDENT = "  "
_GAP = "   "


def render(lesson: Lesson) -> Iterator[Line]:
    """The lines of a lesson."""
    yield line(lesson.title, "bold")
    yield line(lesson.address, "dim")
    if lesson.notes:
        yield line("")
        yield from _wrapped(" ".join(lesson.notes.split()), _INDENT)
    for part in lesson.parts:
        yield line("")
        yield line(part.title, "bold")
        for block in part.blocks:
            yield from _block(block, _INDENT)


def _block(block: Block, indent: str) -> Iterator[Line]:
    match block:
        case Equations():
            yield from _equations(block, indent + _INDENT)
        case Table():
            yield from _table(block, indent)
        case Items():
            yield from _items(block, indent)
        case _:
            yield from _wrapped("".join(map(_piece, block)), indent)


def _wrapped(text: str, indent: str) -> Iterator[Line]:
    yield from (line(indent + part) for part in _parts(text, _WIDTH - len(indent)))


def _parts(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def _equations(block: Equations, indent: str) -> Iterator[Line]:
    lefts = ["" if left is None else math_text(left) for left, _ in block.rows]
    width = max(map(len, lefts))
    for left, (_, right) in zip(lefts, block.rows, strict=True):
        yield line(f"{indent}{left.ljust(width)} = {math_text(right)}")


def _table(block: Table, indent: str) -> Iterator[Line]:
    cells = [[*block.head], *([_joined(cell) for cell in row] for row in block.rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(block.head))]
    for number, row in enumerate(cells):
        text = _GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield (Span(indent), Span(text.rstrip(), "dim" if number == 0 else ""))


def _joined(pieces: Sequence[Piece]) -> str:
    return "".join(map(_piece, pieces))


def _items(block: Items, indent: str) -> Iterator[Line]:
    width = max((len(label) for label, _ in block.entries), default=0)
    for label, lines in block.entries:
        before = (Span(indent), Span(label.ljust(width), "bold"), Span("  "))
        for text in map(_joined, lines):
            for part in _parts(text, _WIDTH - len(indent) - width - 2):
                yield (*before, Span(part))
                before = (Span(indent), Span(" " * width), Span("  "))


def _piece(piece: Piece) -> str:
    match piece:
        case Words(text) | Code(text):
            return text
        case Math():
            return math_text(piece)


def math_text(math: Math) -> str:
    """Formulas as one types them, with signs between."""
    return " ".join(map(_term, math.terms))


def _term(term: Term) -> str:
    match term:
        case Sign(text):
            return text
        case Partial(of, by, total):
            mark = "d" if total else "∂"
            return f"{mark}{unparse(of)}/{mark}{unparse(by)}"
        case _:
            return unparse(term)
