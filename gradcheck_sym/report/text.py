"""The report for people: a line per spec, the failures in full, and a summary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from gradcheck_sym.report.details import failures, warnings
from gradcheck_sym.report.numbers import counted, rough
from gradcheck_sym.report.terminal import Line, Span, line
from gradcheck_sym.report.words import (
    OUTCOMES,
    SIGNS,
    Style,
    address,
    by_spec,
    fails,
    ruling,
    subject,
    warns,
)
from gradcheck_sym.verdict.records import Result, Verdict

COUNTED = {
    "failed": "failed",
    "errors": "with errors",
    "xpassed": "passed that should fail",
    "warned": "warned",
    "xfailed": "failed as expected",
    "passed": "passed",
}


def render(results: Sequence[Result], style: Style) -> Iterator[Line]:
    """The lines of the report."""
    specs = by_spec(results).values()
    if style.verbosity >= 0:
        yield from _listing(specs, style)
    for group in specs:
        yield from failures([result for result in group if fails(result, style.strict)])
    for group in specs if not style.strict else ():
        yield from warnings([result for result in group if warns(result)])
    yield from summary(results, style)


def summary(results: Sequence[Result], style: Style) -> Iterator[Line]:
    """The last line: how the checks came out."""
    counts = [
        Span(f"{number} {words}", SIGNS[outcome].style)
        for outcome, words in COUNTED.items()
        if (number := sum(result.outcome == outcome for result in results))
    ]
    spans: list[Span] = []
    for count in counts or [Span("nothing was checked", "yellow")]:
        spans += [Span(", "), count] if spans else [count]
    specs = len({result.spec for result in results})
    ending = f" in {counted(specs, 'spec')}, seed {style.seed}"
    if style.verbosity > 0:
        ending += f", {style.seconds:.1f} s"
    yield (*spans, Span(ending))


# ---- the listing: a line per spec, by file


def _listing(groups: Iterable[Sequence[Result]], style: Style) -> Iterator[Line]:
    files: dict[str, dict[str, Sequence[Result]]] = {}
    for group in groups:
        path, name = address(group[0])
        files.setdefault(path, {})[name] = group
    for path, specs in files.items():
        yield line(path, "bold")
        width = max(map(len, specs))
        for name, group in specs.items():
            yield _spec_line(name.ljust(width), group)
            if style.verbosity > 0:
                yield from map(_check_line, group)
        yield ()


def _spec_line(name: str, group: Sequence[Result]) -> Line:
    worst = max(group, key=lambda result: (OUTCOMES.index(result.outcome), result.verdict.rank))
    facts = [
        ", ".join(_distinct(result.check for result in group)),
        ", ".join(_distinct(result.dtype for result in group if result.dtype)),
        counted(sum(result.points for result in group), "point"),
    ]
    text = "  ".join(fact for fact in facts if fact)
    sign = SIGNS[worst.outcome]
    if all(result.verdict is Verdict.SKIPPED for result in group):
        return (Span("  - "), Span(f"{name}  {worst.message}"))
    notable = worst.outcome != "passed"
    ending = (Span(f"  {ruling(worst)}", sign.style),) if notable else ()
    return (Span("  "), sign, Span(f" {name}  {text}"), *ending)


def _check_line(result: Result) -> Line:
    facts = [ruling(result), counted(result.points, "point")]
    facts += [f"{number:,} dropped: {reason}" for reason, number in sorted(result.dropped.items())]
    if result.worst is not None:
        facts.append(f"worst {rough(result.worst.error_ulp)} ulp")
    if result.verdict is Verdict.SUBGRADIENT:
        facts.append(result.message)
    if result.verdict is Verdict.SKIPPED:
        facts = [result.message]
    sign = SIGNS[result.outcome]
    return (Span("      "), sign, Span(f" {subject(result)}: {', '.join(facts)}"))


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
