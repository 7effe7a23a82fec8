"""Lessons as one page of HTML: no script, nothing from the network, formulas in MathML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from xml.etree.ElementTree import tostring

from gradcheck_sym.report.lessons.formulas import math_element
from gradcheck_sym.verdict.lesson import (
    Block,
    Code,
    Equations,
    Items,
    Lesson,
    Line,
    Math,
    Piece,
    Table,
    Words,
)

_STYLE = """\
:root { color-scheme: light dark }
body { max-width: 48rem; margin: 2rem auto; padding: 0 1rem; line-height: 1.5;
  font-family: system-ui, sans-serif }
h1 { font-size: 1.5rem; margin: 3rem 0 0 }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
code { font-family: ui-monospace, monospace; font-size: .9em }
.address { opacity: .7; margin: 0 }
.scroll { overflow-x: auto }
table { border-collapse: collapse; margin: .5rem 0 }
th { text-align: left; font-weight: normal; opacity: .7 }
th, td { padding: .25rem 1.5rem .25rem 0; vertical-align: baseline; white-space: nowrap }
math { font-family: "STIX Two Math", "Latin Modern Math", "Cambria Math", math }
mtable { math-style: normal }
mtable.cases mtd { text-align: left; padding: .25em .5em .25em .1em }
.equations td { padding: .35rem .4rem; vertical-align: baseline }
.equations td:first-child { text-align: right }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .4rem 1rem; margin: .5rem 0 }
dt { font-weight: bold }
dd { margin: 0 }
@media print { body { max-width: none; margin: 0 } h1 { break-before: page } \
h1:first-of-type { break-before: auto } }"""


def render(lessons: Sequence[Lesson]) -> str:
    """The page of some lessons, in ASCII: whatever it is written to, it stays what it is."""
    title = lessons[0].title if len(lessons) == 1 else "Derivations"
    head = (
        "<!DOCTYPE html>\n"
        '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{_STYLE}\n</style>\n</head>\n<body>"
    )
    lines = (line for each in lessons for line in _lesson(each))
    page = "\n".join([head, *lines, "</body>", "</html>", ""])
    return page.encode("ascii", "xmlcharrefreplace").decode()


def _lesson(lesson: Lesson) -> Iterator[str]:
    yield f"<h1>{escape(lesson.title)}</h1>"
    yield f'<p class="address"><code>{escape(lesson.address)}</code></p>'
    if lesson.notes:
        yield f"<p>{escape(' '.join(lesson.notes.split()))}</p>"
    for part in lesson.parts:
        yield f"<h2>{escape(part.title)}</h2>"
        for block in part.blocks:
            yield from _block(block)


def _block(block: Block) -> Iterator[str]:
    match block:
        case Equations():
            rows = "".join(map(_equation, block.rows))
            yield f'<div class="scroll"><table class="equations">{rows}</table></div>'
        case Table():
            head = "".join(f"<th>{escape(text)}</th>" for text in block.head)
            rows = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in block.rows)
            yield f'<div class="scroll"><table><tr>{head}</tr>{rows}</table></div>'
        case Items():
            entries = "".join(_entry(label, lines) for label, lines in block.entries)
            yield f"<dl>{entries}</dl>"
        case _:
            yield f"<p>{_line(block)}</p>"


def _equation(row: tuple[Math | None, Math]) -> str:
    left, right = row
    of = "" if left is None else _math(left, large=True)
    return f"<tr><td>{of}</td><td>=</td><td>{_math(right, large=True)}</td></tr>"


def _math(math: Math, *, large: bool) -> str:
    return tostring(math_element(math, large=large), encoding="unicode")


def _cell(pieces: Line) -> str:
    return f"<td>{''.join(_piece(piece, large=True) for piece in pieces)}</td>"


def _entry(label: str, lines: Sequence[Line]) -> str:
    return f"<dt>{escape(label)}</dt><dd>{'<br>'.join(map(_line, lines))}</dd>"


def _line(pieces: Line) -> str:
    return "".join(map(_piece, pieces))


def _piece(piece: Piece, *, large: bool = False) -> str:
    match piece:
        case Words(text):
            return escape(text)
        case Code(text):
            return f"<code>{escape(text)}</code>"
        case Math():
            return _math(piece, large=large)
