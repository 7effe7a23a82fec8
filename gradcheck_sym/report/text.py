"""The report for people: a line per spec, the failures in full, and a summary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import final

from gradcheck_sym.report.numbers import counted, decimal, decimal_nest, hexadecimal, leaves, rough
from gradcheck_sym.report.terminal import Line, Span, line
from gradcheck_sym.verdict.records import Case, Measured, Result, Verdict

MAX_DETAILS = 3  # failures shown in full for each spec
MAX_NUMBERS = 16  # of one input shown; the command below them has all
MAX_BRIEF = 4  # numbers of one input shown in a warning
MAX_FORMULA = 400  # characters of a formula or derivative shown

_SIGNS = {
    "passed": Span("✓", "green"),
    "xfailed": Span("✓", "green"),
    "warned": Span("!", "yellow"),
    "xpassed": Span("!", "yellow"),
    "failed": Span("✗", "bold red"),
    "errors": Span("✗", "bold red"),
}
_OUTCOMES = tuple(_SIGNS)  # from best to worst
_COUNTED = {
    "failed": "failed",
    "errors": "with errors",
    "xpassed": "passed that should fail",
    "warned": "warned",
    "xfailed": "failed as expected",
    "passed": "passed",
}


@final
@dataclass(frozen=True, slots=True)
class Style:
    """How much is told."""

    seed: int
    verbosity: int = 0  # -1: failures and the summary only; 1: every check, and the time
    strict: bool = False  # warnings fail, so that they are shown in full
    seconds: float = 0.0  # how long the run took


def render(results: Sequence[Result], style: Style) -> Iterator[Line]:
    """The lines of the report."""
    by_spec = _grouped(results)
    if style.verbosity >= 0:
        yield from _listing(by_spec, style)
    for group in by_spec.values():
        yield from _details(group, style)
    for group in by_spec.values() if not style.strict else ():
        yield from _warnings([result for result in group if _is_warning(result)])
    yield from summary(results, style)


def summary(results: Sequence[Result], style: Style) -> Iterator[Line]:
    """The last line: how the checks came out."""
    counts = [
        Span(f"{number} {words}", _SIGNS[outcome].style)
        for outcome, words in _COUNTED.items()
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


def fails(result: Result, strict: bool) -> bool:
    """Whether the result makes the run fail."""
    return result.outcome in ("failed", "errors") or (strict and _is_warning(result))


def _is_warning(result: Result) -> bool:
    return result.outcome in ("warned", "xpassed")


def _grouped(results: Iterable[Result]) -> dict[str, list[Result]]:
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(result.spec, []).append(result)
    return groups


# ---- the listing: a line per spec, by file


def _listing(by_spec: Mapping[str, Sequence[Result]], style: Style) -> Iterator[Line]:
    files: dict[str, dict[str, Sequence[Result]]] = {}
    for address, group in by_spec.items():
        path, _, name = address.rpartition("::")
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
    worst = max(group, key=lambda result: (_OUTCOMES.index(result.outcome), result.verdict.rank))
    facts = [
        ", ".join(_distinct(result.check for result in group)),
        ", ".join(_distinct(result.dtype for result in group if result.dtype)),
        counted(sum(result.points for result in group), "point"),
    ]
    text = "  ".join(fact for fact in facts if fact)
    sign = _SIGNS[worst.outcome]
    if all(result.verdict is Verdict.SKIPPED for result in group):
        return (Span("  - "), Span(f"{name}  {worst.message}"))
    notable = worst.outcome != "passed"
    ruling = (Span(f"  {_ruling(worst)}", sign.style),) if notable else ()
    return (Span("  "), sign, Span(f" {name}  {text}"), *ruling)


def _ruling(result: Result) -> str:
    if result.outcome == "xfailed":
        return f"{result.verdict}, as expected: {result.expected}"
    if result.outcome == "xpassed":
        return f"{result.verdict}, though expected to fail: {result.expected}"
    return str(result.verdict)


def _check_line(result: Result) -> Line:
    facts = [_ruling(result), counted(result.points, "point")]
    facts += [f"{number:,} dropped: {reason}" for reason, number in sorted(result.dropped.items())]
    if result.worst is not None:
        facts.append(f"worst {rough(result.worst.error_ulp)} ulp")
    if result.verdict is Verdict.SUBGRADIENT:
        facts.append(result.message)
    if result.verdict is Verdict.SKIPPED:
        facts = [result.message]
    sign = _SIGNS[result.outcome]
    return (Span("      "), sign, Span(f" {_subject(result)}: {', '.join(facts)}"))


# ---- failures and warnings


def _details(group: Sequence[Result], style: Style) -> Iterator[Line]:
    failures = _alike(result for result in group if fails(result, style.strict))
    for alike in failures[:MAX_DETAILS]:
        yield from _failure(alike)
        yield ()
    if len(failures) > MAX_DETAILS:
        yield line(f"+{len(failures) - MAX_DETAILS} more of {group[0].spec}", "red")
        yield ()


def _alike(failures: Iterable[Result]) -> list[list[Result]]:
    """Failures that tell the same story, and show no point, together."""
    stories: dict[object, list[Result]] = {}
    for number, result in enumerate(failures):
        told = result.worst is None and result.smallest is None and result.message
        story = (result.verdict, result.message) if told else number
        stories.setdefault(story, []).append(result)
    return list(stories.values())


def _failure(alike: Sequence[Result]) -> Iterator[Line]:
    result = alike[0]
    yield (_SIGNS[result.outcome], Span(f" {_headline(alike)}", "bold"))
    if result.message:
        yield line(f"  {result.message}")
    for label, text in (("formula", result.formula), ("derivative", result.derivative)):
        if text:
            yield line(f"  {label:<12}{_clipped(text)}")
    for title, case in _cases(result):
        yield line(f"  {title}")
        yield from _case(case, "value" if result.check == "forward" else "gradient")
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


def _warnings(results: Sequence[Result]) -> Iterator[Line]:
    """The warnings of one spec: the first of each verdict in full, and where there are more."""
    for verdict in dict.fromkeys(result.verdict for result in results):
        first, *others = [result for result in results if result.verdict is verdict]
        yield from _warning(first)
        if others:
            yield line(f"  and so are {', '.join(map(_subject, others))}")
        yield ()


def _warning(result: Result) -> Iterator[Line]:
    facts = [result.message]
    case = result.smallest or result.worst
    if case is not None:
        point = ", ".join(f"{name} = {_briefly(value)}" for name, value in case.point.items())
        facts.append(f"{_error(case)}, at {point}")
    text = "; ".join(fact for fact in facts if fact)
    yield (_SIGNS[result.outcome], Span(f" {_headline([result])}{': ' if text else ''}{text}"))


def _headline(alike: Sequence[Result]) -> str:
    result = alike[0]
    path, _, name = result.spec.rpartition("::")
    place = f"{path}:{result.line}:{result.column}" if result.line else path
    subjects = "; ".join(map(_subject, alike))
    return f"{place}: {name}: {subjects}: {_ruling(result)}"


def _subject(result: Result) -> str:
    """What was checked: reverse of x in float32, as far as the check has them."""
    of = f" of {result.input}" if result.input else ""
    return f"{result.check}{of}{f' in {result.dtype}' if result.dtype else ''}"


def _cases(result: Result) -> Iterator[tuple[str, Case]]:
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
        yield line(f"    {name:<{width}}  {_exactly(value)}")
    if case.setting:
        yield line(f"    {'run with':<{width}}  {case.setting}")
    values = {
        "symbolic": _measured(case.symbolic),
        "autograd": "none" if case.autograd is None else decimal(case.autograd),
        "numerical": _measured(case.numerical),
    }
    widths = {source: max(len(source), len(text)) for source, text in values.items()}
    heads = "  ".join(source.ljust(widths[source]) for source in values)
    cells = "  ".join(text.ljust(widths[source]) for source, text in values.items())
    yield line(f"    {'':<{width}}  {heads}".rstrip())
    yield line(f"    {label:<{width}}  {cells}".rstrip())
    yield line(f"    {'error':<{width}}  {_error(case)}")


def _error(case: Case) -> str:
    text = f"{rough(case.error_ulp)} ulp, {rough(case.error_abs)} absolute"
    text += f"; allowed {rough(case.allowed)} absolute"
    return f"{text} ({case.reason})" if case.reason else text


def _measured(measured: Measured | None) -> str:
    if measured is None:
        return "not measured"
    error = f" ± {rough(measured.error)}" if measured.error else ""
    return f"{decimal(measured.value)}{error}"


def _exactly(value: object) -> str:
    """A value of an input in decimals and, exactly, in hexadecimals."""
    first = list(islice(leaves(value), MAX_NUMBERS + 1))
    if not isinstance(value, tuple | list):
        return f"{decimal_nest(value)} ({', '.join(map(hexadecimal, first))})"
    if len(first) > MAX_NUMBERS:
        shown = ", ".join(map(decimal, first[:MAX_NUMBERS]))
        return f"[{shown}, …] (all in the command below)"
    return f"{decimal_nest(value)} ({', '.join(map(hexadecimal, first))})"


def _briefly(value: object) -> str:
    """A number exactly; of an array, the first few numbers."""
    first = list(islice(leaves(value), MAX_BRIEF + 1))
    if not isinstance(value, tuple | list) or len(first) <= MAX_BRIEF:
        return _exactly(value)
    return f"[{', '.join(map(decimal, first[:MAX_BRIEF]))}, …]"


def _clipped(text: str) -> str:
    return text if len(text) <= MAX_FORMULA else f"{text[:MAX_FORMULA]}…"


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
