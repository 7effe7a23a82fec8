"""What all reports say alike: which result it is, where it stands, how it came out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import final

from gradcheck_sym.report.numbers import decimal, decimal_nest, hexadecimal, leaves, rough
from gradcheck_sym.report.terminal import Span
from gradcheck_sym.verdict.diagnosis import Pattern
from gradcheck_sym.verdict.records import Case, Result

MAX_NUMBERS = 16  # of one input shown in a failure; the command below them has all
MAX_BRIEF = 4  # numbers of one input shown in a line


SIGNS = {
    "passed": Span("✓", "green"),
    "xfailed": Span("✓", "green"),
    "warned": Span("!", "yellow"),
    "xpassed": Span("!", "yellow"),
    "failed": Span("✗", "bold red"),
    "errors": Span("✗", "bold red"),
}
OUTCOMES = tuple(SIGNS)  # from best to worst


@final
@dataclass(frozen=True, slots=True)
class Style:
    """How much is told."""

    seed: int
    verbosity: int = 0  # -1: failures and the summary only; 1: every check, and the time
    strict: bool = False  # warnings fail, so that they are shown in full
    seconds: float = 0.0  # how long the run took


def fails(result: Result, strict: bool) -> bool:
    """Whether the result makes the run fail."""
    return result.outcome in ("failed", "errors") or (strict and warns(result))


def warns(result: Result) -> bool:
    """Whether the result is a warning, as long as those do not fail."""
    return result.outcome in ("warned", "xpassed")


def address(result: Result) -> tuple[str, str]:
    """The file and the name of the spec."""
    path, _, name = result.spec.rpartition("::")
    return path, name


def quantity(result: Result) -> str:
    """What is compared: a gradient is one by some input."""
    if result.input:
        return "gradient"
    return "jvp" if result.check == "forward_mode" else "value"


def place(result: Result) -> str:
    """Where the spec begins: FILE:LINE:COL, as far as that is known."""
    path, _ = address(result)
    return f"{path}:{result.line}:{result.column}" if result.line else path


def subject(result: Result) -> str:
    """What was checked: reverse of x in float32, as far as the check has them."""
    of = f" of {result.input}" if result.input else ""
    return f"{result.check}{of}{f' in {result.dtype}' if result.dtype else ''}"


def ruling(result: Result) -> str:
    """The verdict, and whether it was expected."""
    if result.outcome == "xfailed":
        return f"{result.verdict}, as expected: {result.expected}"
    if result.outcome == "xpassed":
        return f"{result.verdict}, though expected to fail: {result.expected}"
    return str(result.verdict)


def headline(alike: Sequence[Result]) -> str:
    """Place, name, what was checked and how it came out, of results that came out alike."""
    _, name = address(alike[0])
    subjects = "; ".join(map(subject, alike))
    return f"{place(alike[0])}: {name}: {subjects}: {ruling(alike[0])}"


def gist(result: Result) -> str:
    """The one thing to know of it: the known mistake that fits, or else what is said of it."""
    known = result.pattern not in ("", Pattern.UNKNOWN)
    return result.diagnosis if known else result.message


def reason(result: Result) -> str:
    """Why it came out so, in one line: the gist, and the error at the smallest point."""
    case = result.smallest or result.worst
    numbers = "" if case is None else f"{error(case)}{at(case)}"
    return "; ".join(fact for fact in (gist(result), numbers) if fact)


def at(case: Case) -> str:
    """The point, briefly: ", at x = 3 (0x1.8p+1)"; nothing where there is none."""
    point = ", ".join(f"{name} = {briefly(value)}" for name, value in case.point.items())
    return f", at {point}" if point else ""


def error(case: Case) -> str:
    """How far autograd is off, and what was allowed."""
    text = f"{rough(case.error_ulp)} ulp, {rough(case.error_abs)} absolute"
    text += f"; allowed {rough(case.allowed)} absolute"
    return f"{text} ({case.reason})" if case.reason else text


def exactly(value: object) -> str:
    """A value of an input in decimals and, exactly, in hexadecimals."""
    first = list(islice(leaves(value), MAX_NUMBERS + 1))
    if not isinstance(value, tuple | list):
        return f"{decimal_nest(value)} ({', '.join(map(hexadecimal, first))})"
    if len(first) > MAX_NUMBERS:
        shown = ", ".join(map(decimal, first[:MAX_NUMBERS]))
        return f"[{shown}, …] (all in the command below)"
    return f"{decimal_nest(value)} ({', '.join(map(hexadecimal, first))})"


def briefly(value: object) -> str:
    """A number exactly; of an array, the first few numbers."""
    first = list(islice(leaves(value), MAX_BRIEF + 1))
    if not isinstance(value, tuple | list) or len(first) <= MAX_BRIEF:
        return exactly(value)
    return f"[{', '.join(map(decimal, first[:MAX_BRIEF]))}, …]"


def by_spec(results: Iterable[Result]) -> dict[str, list[Result]]:
    """The results of each spec together, specs in the order in which they first appear."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(result.spec, []).append(result)
    return groups
