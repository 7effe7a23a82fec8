"""The report as a page: what its templates show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import final

from gradcheck_sym.report.html import states
from gradcheck_sym.report.html.filling import fill
from gradcheck_sym.report.html.section import Section
from gradcheck_sym.report.json_report import versions
from gradcheck_sym.report.numbers import counted
from gradcheck_sym.report.text import COUNTED
from gradcheck_sym.report.words import SIGNS, Style, by_spec
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.verdict.pictures import Portrait
from gradcheck_sym.verdict.records import Result

Portraits = Mapping[str, Portrait]  # by the spec's address


def render(
    results: Sequence[Result], specs: Sequence[Spec], portraits: Portraits, style: Style
) -> str:
    """The page, complete in itself: it loads nothing, and runs no script."""
    known = {spec.address: spec for spec in specs}
    shown = [
        Section(known.get(key), portraits.get(key, Portrait()), tuple(group), style.strict, at)
        for at, (key, group) in enumerate(by_spec(results).items())
    ]
    return fill(
        "page.html.j2",
        sections=shown,
        files=_by_file(shown),
        failing=[section for section in shown if section.fails],
        warning=[section for section in shown if section.state == "warn"],
        counts=list(_counts(results)),
        specs=counted(len(shown), "spec"),
        seed=style.seed,
        strict=style.strict,
        seconds=f"{style.seconds:.1f}" if style.seconds else "",
        versions=versions(),
        state=states.worst(results, style.strict),
    )


def fragment(results: Sequence[Result], spec: Spec | None, portrait: Portrait, style: Style) -> str:
    """The part of one spec, with the style that it needs, to be put into another page."""
    section = Section(spec, portrait, tuple(results), style.strict, 0)
    return fill("fragment.html.j2", section=section, counts=list(_counts(results)))


@final
@dataclass(frozen=True, slots=True)
class Count:
    """How many results came out alike."""

    number: int
    words: str
    sign: str
    state: str


def _counts(results: Sequence[Result]) -> Iterator[Count]:
    for outcome, words in COUNTED.items():
        number = sum(result.outcome == outcome for result in results)
        if number:
            yield Count(number, words, SIGNS[outcome].text, states.STATES[outcome])


def _by_file(sections: Iterable[Section]) -> dict[str, list[Section]]:
    files: dict[str, list[Section]] = {}
    for section in sections:
        files.setdefault(section.path, []).append(section)
    return files
