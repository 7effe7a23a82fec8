"""The forms that a report takes: a module each, and a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import final

from gradcheck_sym.report import concise, github, json_report, junit, sarif, text
from gradcheck_sym.report.terminal import Line
from gradcheck_sym.report.words import Style
from gradcheck_sym.verdict.records import Result


@final
class Kind(Enum):
    """Who reads a form, and what else its stream may have."""

    PEOPLE = "people"  # lines that end with the summary
    LOG = "log"  # lines for a program, which picks them out of others
    DOCUMENT = "document"  # one text in ASCII, which has its stream to itself


@final
@dataclass(frozen=True, slots=True)
class Format:
    """One form."""

    purpose: str
    kind: Kind
    render: Callable[[Sequence[Result], Style], Iterable[Line] | str]  # a text of a document


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "text": Format("a line per spec, failures in full", Kind.PEOPLE, text.render),
        "concise": Format("a line per result, the place first", Kind.PEOPLE, concise.render),
        "json": Format("everything, every float exact", Kind.DOCUMENT, json_report.render),
        "junit": Format("XML, as continuous integration reads it", Kind.DOCUMENT, junit.render),
        "github": Format("annotations of a pull request", Kind.LOG, github.render),
        "sarif": Format("SARIF 2.1.0, for code scanning", Kind.DOCUMENT, sarif.render),
    }
)
