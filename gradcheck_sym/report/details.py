"""Failures in full and warnings in a line: what all reports for people tell of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from gradcheck_sym.report.numbers import decimal, rough
from gradcheck_sym.report.terminal import Line, Span, line
from gradcheck_sym.report.words import SIGNS, error, exactly, headline, quantity, reason, subject
from gradcheck_sym.verdict.records import Case, Measured, Result, Verdict

MAX_DETAILS = 3  # failures shown in full for each spec
MAX_FORMULA = 400  # characters of a formula or derivative shown


def failures(failing: Sequence[Result]) -> Iterator[Line]:
    """The failures of one spec: the first few in full, then how many more there are.

    Those that name a culprit or a mistake go before what only follows from them.
    """
    found = sorted(_alike(failing), key=lambda alike: _only_follows(alike[0]))
    for alike in found[:MAX_DETAILS]:
        yield from failure(alike)
        yield ()
    if len(found) > MAX_DETAILS:
        yield line(f"+{len(found) - MAX_DETAILS} more of {failing[0].spec}", "red")
        yield ()


def _only_follows(result: Result) -> bool:
    """Whether a failure is that of numbers, and nobody is blamed for it: another one tells why."""
    return result.verdict is Verdict.WRONG and not (result.culprit or result.diagnosis)


def _alike(failures: Iterable[Result]) -> list[list[Result]]:
    """Failures that tell the same story, and show no point, together."""
    stories: dict[object, list[Result]] = {}
    for number, result in enumerate(failures):
        told = result.worst is None and result.smallest is None and result.message
        story = (result.verdict, result.message) if told else number
        stories.setdefault(story, []).append(result)
    return list(stories.values())


def failure(alike: Sequence[Result]) -> Iterator[Line]:
    """One failure in full: the mathematics, the points, the witnesses, and the ways back."""
    result = alike[0]
    yield (SIGNS[result.outcome], Span(f" {headline(alike)}", "bold"))
    if result.message:
        yield line(f"  {result.message}")
    for label, text in (("formula", result.formula), ("derivative", result.derivative)):
        if text:
            yield line(f"  {label:<12}{_clipped(text)}")
    for title, case in cases(result):
        yield line(f"  {title}")
        yield from _case(case, quantity(result))
    for label, text in (("culprit", result.culprit), ("diagnosis", result.diagnosis)):
        if text:
            yield (Span(f"  {label:<12}"), Span(text, "bold"))
    yield from _ways_back(result)


def _ways_back(result: Result) -> Iterator[Line]:
    """How to see a failure again, and how never to lose sight of it."""
    if 0 < len(result.pin) <= MAX_FORMULA:
        yield line("  to check this point always, add to the spec's examples:")
        yield line(f"    {result.pin}", "cyan")
    if result.reproduce:
        named = f" (ID {result.id})" if result.id else ""
        yield line(f"  to see exactly this again{named}:")
        yield line(f"  {result.reproduce}", "cyan")


def warnings(results: Sequence[Result]) -> Iterator[Line]:
    """The warnings of one spec: the first of each verdict in full, and where there are more."""
    for verdict in dict.fromkeys(result.verdict for result in results):
        first, *others = [result for result in results if result.verdict is verdict]
        yield from _warning(first)
        if others:
            yield line(f"  and so are {', '.join(map(subject, others))}")
        yield ()


def _warning(result: Result) -> Iterator[Line]:
    why = reason(result)
    yield (SIGNS[result.outcome], Span(f" {headline([result])}{': ' if why else ''}{why}"))


def cases(result: Result) -> Iterator[tuple[str, Case]]:
    """The points that are shown, with their titles; one that is both is shown once."""
    if result.smallest is not None and result.smallest == result.worst:
        yield "smallest and worst point", result.smallest
        return
    if result.smallest is not None:
        yield "smallest point", result.smallest
    if result.worst is not None:
        yield "worst point", result.worst


def _case(case: Case, quantity: str) -> Iterator[Line]:
    arguments = dict(case.point)
    if case.cotangent is not None:
        arguments["cotangent"] = case.cotangent
    element = f"[{', '.join(map(str, case.index))}]" if case.index else ""
    label = f"{quantity}{element}"
    width = max(map(len, (label, *arguments)))
    for name, value in arguments.items():
        yield line(f"    {name:<{width}}  {exactly(value)}")
    if case.setting:
        yield line(f"    {'run with':<{width}}  {case.setting}")
    values = {
        "symbolic": measured(case.symbolic),
        "autograd": "none" if case.autograd is None else decimal(case.autograd),
        "numerical": measured(case.numerical),
    }
    widths = {source: max(len(source), len(text)) for source, text in values.items()}
    heads = "  ".join(source.ljust(widths[source]) for source in values)
    cells = "  ".join(text.ljust(widths[source]) for source, text in values.items())
    yield line(f"    {'':<{width}}  {heads}".rstrip())
    yield line(f"    {label:<{width}}  {cells}".rstrip())
    yield line(f"    {'error':<{width}}  {error(case)}")


def measured(witness: Measured | None) -> str:
    """A number with its error."""
    if witness is None:
        return "not measured"
    spread = f" ± {rough(witness.error)}" if witness.error else ""
    return f"{decimal(witness.value)}{spread}"


def _clipped(text: str) -> str:
    return text if len(text) <= MAX_FORMULA else f"{text[:MAX_FORMULA]}…"
