"""A line per result, as compilers write them: FILE:LINE:COL: what, verdict, why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gradcheck_sym.report.numbers import counted
from gradcheck_sym.report.terminal import Line, Span
from gradcheck_sym.report.text import summary
from gradcheck_sym.report.words import (
    SIGNS,
    Style,
    address,
    fails,
    place,
    reason,
    ruling,
    subject,
    warns,
)
from gradcheck_sym.verdict.records import Result, Verdict


def render(results: Sequence[Result], style: Style) -> Iterator[Line]:
    """The lines of the report; when quiet, those of failures and warnings, and the last."""
    for result in results:
        if style.verbosity >= 0 or warns(result) or fails(result, style.strict):
            yield _line(result)
    yield from summary(results, style)


def _line(result: Result) -> Line:
    _, name = address(result)
    head = Span(f"{place(result)}: {name}: {subject(result)}: ")
    if result.verdict is Verdict.SKIPPED:
        return (head, Span(result.message))
    why = reason(result)
    if result.outcome == "passed":
        why = result.message or (counted(result.points, "point") if result.points else "")
    ending = Span(f": {why}" if why else "")
    return (head, Span(ruling(result), SIGNS[result.outcome].style), ending)
