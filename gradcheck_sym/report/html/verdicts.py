"""The table of verdicts: checks and inputs down, dtypes across."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import final

from gradcheck_sym.report.html import states
from gradcheck_sym.report.numbers import counted, rough
from gradcheck_sym.verdict.records import Result


@final
@dataclass(frozen=True, slots=True)
class Cell:
    """One verdict as the table shows it."""

    result: Result

    @property
    def verdict(self) -> str:
        """The verdict, and whether it was expected."""
        note = {"xfailed": ", as expected", "xpassed": ", though expected to fail"}
        return f"{self.result.verdict}{note.get(self.result.outcome, '')}"

    @property
    def state(self) -> str:
        """ "good", "warn", "bad" or "none"."""
        return states.state(self.result)

    @property
    def sign(self) -> str:
        """The sign of the outcome."""
        return states.sign(self.result)

    @property
    def facts(self) -> str:
        """How many points, and the worst error."""
        result = self.result
        facts = [counted(result.points, "point")] if result.points else []
        errors = [] if result.worst is None else [result.worst.error_ulp]
        if errors and result.outline is not None:
            errors += [error for _, error, _ in result.outline.points]
        facts += [f"worst {rough(max(errors))} ulp"] if errors else []
        return ", ".join(facts)


@final
@dataclass(frozen=True, slots=True)
class Row:
    """The verdicts of one check about one input."""

    of: str  # the input; "" where the check has none
    cells: list[Cell | None]  # of each dtype


@final
@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one check."""

    check: str
    rows: list[Row]


def table(results: Iterable[Result], dtypes: Sequence[str]) -> list[Group]:
    """The verdicts: of each check a row for each input, with a cell for each dtype."""
    checks: dict[str, dict[str, dict[str, Cell]]] = {}
    for result in results:
        rows = checks.setdefault(result.check, {})
        rows.setdefault(result.input or "", {})[result.dtype] = Cell(result)
    return [
        Group(check, [Row(of, [by.get(dtype) for dtype in dtypes]) for of, by in each.items()])
        for check, each in checks.items()
    ]
