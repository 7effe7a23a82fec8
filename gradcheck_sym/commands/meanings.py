"""What the program's own words mean: codes, verdicts, checks, diagnoses."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping

from gradcheck_sym.commands import usage
from gradcheck_sym.commands.command import PROGRAM
from gradcheck_sym.commands.usage import did_you_mean, mistake
from gradcheck_sym.report.terminal import Line, Span, line
from gradcheck_sym.spec import codes
from gradcheck_sym.spec.codes import Entry
from gradcheck_sym.verdict.meanings import CHECKS, VERDICTS
from gradcheck_sym.verdict.patterns import PATTERNS

_WIDTH = 78


def texts() -> Mapping[str, Mapping[str, Entry]]:
    """All that can be explained by its name, in groups."""
    return {
        "verdicts": {str(name): entry for name, entry in VERDICTS.items()},
        "checks": CHECKS,
        "diagnoses of what is wrong": {str(name): entry for name, entry in PATTERNS.items()},
        "mistakes in specs": {str(code): entry for code, entry in codes.CODES.items()},
        "mistakes on the command line": {str(code): entry for code, entry in usage.CODES.items()},
    }


def explained(word: str) -> Iterator[Line]:
    """What a word means; SpecError where it is none of those."""
    groups = texts().values()
    known = {name.casefold(): name for group in groups for name in group}
    name = known.get(word.casefold())
    if name is None:
        hint = did_you_mean(word, known) or f"{PROGRAM} explain lists what there is"
        raise mistake(usage.Code.SELECTION, f"explain: there is no code or word '{word}'", hint)
    entry = next(group[name] for group in groups if name in group)
    yield (Span(name, "bold"), Span(f": {entry.title}"))
    yield from _paragraph(entry.explanation)
    yield from _paragraph(entry.remedy, "what to do: ")


def _paragraph(text: str, before: str = "") -> Iterator[Line]:
    """A text in lines, below a name."""
    indent = "  "
    for number, part in enumerate(textwrap.wrap(before + text, _WIDTH - len(indent))):
        if number == 0 and before:
            yield (Span(indent), Span(part[: len(before)], "dim"), Span(part[len(before) :]))
        else:
            yield line(indent + part)


def contents() -> Iterator[Line]:
    """All that can be explained."""
    for group, entries in texts().items():
        yield line(group, "bold")
        width = max(map(len, entries))
        for name, entry in entries.items():
            yield line(f"  {name.ljust(width)}  {entry.title}")
        yield line("")
