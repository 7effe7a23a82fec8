"""Lessons as a LaTeX document, ready to be compiled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gradcheck_sym.report.html.elements import joined
from gradcheck_sym.report.lessons.formulas import row
from gradcheck_sym.report.lessons.latex_math import PREAMBLE, escaped, latex
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

_HEAD = rf"""\documentclass{{article}}
\usepackage[T1]{{fontenc}}
\usepackage[margin=2cm]{{geometry}}
{PREAMBLE}
\setlength{{\parindent}}{{0pt}}
\setlength{{\parskip}}{{0.6em}}
\begin{{document}}"""
_BREAK = " \\\\\n"
_FOOT = r"\end{document}"


def render(lessons: Sequence[Lesson]) -> str:
    """The document of some lessons."""
    return "\n".join([_HEAD, *(line for each in lessons for line in _lesson(each)), _FOOT, ""])


def _lesson(lesson: Lesson) -> Iterator[str]:
    yield rf"\section*{{{escaped(lesson.title)}}}"
    yield rf"\texttt{{{escaped(lesson.address)}}}"
    if lesson.notes:
        yield ""
        yield escaped(" ".join(lesson.notes.split()))
    for part in lesson.parts:
        yield rf"\subsection*{{{escaped(part.title)}}}"
        for block in part.blocks:
            yield from _block(block)


def _block(block: Block) -> Iterator[str]:
    match block:
        case Equations():
            yield r"\begin{align*}"
            yield _BREAK.join(map(_equation, block.rows))
            yield r"\end{align*}"
        case Table():
            yield from _table(block)
        case Items():
            yield r"\begin{description}"
            for label, lines in block.entries:
                yield rf"\item[{escaped(label)}] " + _BREAK.join(map(_line, lines))
            yield r"\end{description}"
        case _:
            yield ""
            yield _line(block)


def _equation(sides: tuple[Math | None, Math]) -> str:
    left, right = sides
    return f"{'' if left is None else _math(left)} &= {_math(right)}"


def _math(math: Math) -> str:
    return latex(joined(row(math)))


def _table(block: Table) -> Iterator[str]:
    width = 0.9 / len(block.head)
    column = rf"p{{{width:.3g}\linewidth}}"
    yield ""
    yield rf"\begin{{tabular}}{{{column * len(block.head)}}}"
    yield " & ".join(rf"\textit{{{escaped(text)}}}" for text in block.head) + r" \\ \hline"
    for cells in block.rows:
        yield " & ".join(map(_line, cells)) + r" \\"
    yield r"\end{tabular}"


def _line(pieces: Line) -> str:
    return "".join(map(_piece, pieces))


def _piece(piece: Piece) -> str:
    match piece:
        case Words(text):
            return escaped(text)
        case Code(text):
            return rf"\texttt{{{escaped(text)}}}"
        case Math():
            return f"${_math(piece)}$"
