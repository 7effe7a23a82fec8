"""Failures in full: points, witnesses, and a picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import final

from gradcheck_sym.report.details import cases, measured
from gradcheck_sym.report.html import states
from gradcheck_sym.report.html.plot import Plot, plot_of
from gradcheck_sym.report.numbers import decimal
from gradcheck_sym.report.words import error, exactly, quantity, ruling, subject
from gradcheck_sym.verdict.pictures import Portrait
from gradcheck_sym.verdict.records import Case, Result


@final
@dataclass(frozen=True)
class Failure:
    """A result in full."""

    result: Result
    portrait: Portrait

    @property
    def heading(self) -> str:
        """What was checked, and how it came out."""
        return f"{subject(self.result)}: {ruling(self.result)}"

    @property
    def sign(self) -> str:
        """The sign of the outcome."""
        return states.sign(self.result)

    @property
    def state(self) -> str:
        """ "warn" or "bad"."""
        return states.state(self.result)

    @property
    def quantity(self) -> str:
        """What is compared."""
        return quantity(self.result)

    @property
    def points(self) -> list[Witnesses]:
        """The smallest and the worst point."""
        return [Witnesses(title, case, self.quantity) for title, case in cases(self.result)]

    @cached_property
    def figure(self) -> Figure | None:
        """The picture of its errors."""
        plot = plot_of(self.result, self.portrait)
        return None if plot is None else Figure(subject(self.result), plot)


@final
@dataclass(frozen=True, slots=True)
class Witnesses:
    """A point, and what the three witnesses say there."""

    title: str
    case: Case
    quantity: str

    @property
    def arguments(self) -> list[tuple[str, str]]:
        """What goes in."""
        found = [(name, exactly(value)) for name, value in self.case.point.items()]
        if self.case.cotangent is not None:
            found.append(("cotangent", exactly(self.case.cotangent)))
        return found

    @property
    def label(self) -> str:
        """Which number is compared."""
        place = f"[{', '.join(map(str, self.case.index))}]" if self.case.index else ""
        return f"{self.quantity}{place}"

    @property
    def values(self) -> list[tuple[str, str]]:
        """Each witness with its number."""
        claimed = "none" if self.case.autograd is None else decimal(self.case.autograd)
        return [
            ("symbolic", measured(self.case.symbolic)),
            ("autograd", claimed),
            ("numerical", measured(self.case.numerical)),
        ]

    @property
    def error(self) -> str:
        """How far they are apart."""
        return error(self.case)


@final
@dataclass(frozen=True, slots=True)
class Figure:
    """A picture of errors, and what it is of."""

    subject: str
    plot: Plot
