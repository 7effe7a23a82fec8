"""One spec on the page: its mathematics, its verdicts, its pictures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import final

from gradcheck_sym.report.html import states
from gradcheck_sym.report.html.arguments import Argument, argument
from gradcheck_sym.report.html.failures import Failure, Figure
from gradcheck_sym.report.html.layers import Drawing, drawn
from gradcheck_sym.report.html.mathml import derivative_by, equations, formula
from gradcheck_sym.report.html.plot import plot_of
from gradcheck_sym.report.html.program import Line, line_of
from gradcheck_sym.report.html.verdicts import Group, table
from gradcheck_sym.report.numbers import counted
from gradcheck_sym.report.words import OUTCOMES, address, fails, reason, ruling, subject, warns
from gradcheck_sym.spec.dtypes import DTYPES
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.spec.tree import Name
from gradcheck_sym.spec.unparse import unparse
from gradcheck_sym.verdict.pictures import Portrait, value_name
from gradcheck_sym.verdict.records import Result, Verdict

_MOST_OPEN = 3  # failures that are not folded


@final
@dataclass(frozen=True)
class Section:
    """One spec with its results."""

    spec: Spec | None  # None: the results are all that is known
    portrait: Portrait
    results: tuple[Result, ...]
    strict: bool
    number: int  # on the page

    @property
    def path(self) -> str:
        """Its file."""
        return address(self.results[0])[0]

    @property
    def name(self) -> str:
        """Its name."""
        return address(self.results[0])[1]

    @property
    def anchor(self) -> str:
        """What links to it; its name in plain letters, told apart by its number."""
        return f"{re.sub('[^A-Za-z0-9_.-]+', '-', self.name)}-{self.number + 1}"

    @property
    def worst(self) -> Result:
        """The result that matters most; a skipped one only where there is no other."""
        looked_at = [result for result in self.results if result.verdict is not Verdict.SKIPPED]
        return max(
            looked_at or self.results,
            key=lambda result: (OUTCOMES.index(result.outcome), result.verdict.rank),
        )

    @property
    def state(self) -> str:
        """ "good", "warn", "bad", or "none" where nothing was looked at."""
        return states.worst(self.results, self.strict)

    @property
    def sign(self) -> str:
        """The sign of the outcome."""
        return states.sign(self.worst)

    @property
    def ruling(self) -> str:
        """The worst verdict in words."""
        return ruling(self.worst)

    @property
    def fails(self) -> bool:
        """Whether it makes the run fail."""
        return any(fails(result, self.strict) for result in self.results)

    @property
    def points(self) -> str:
        """How many points were decided, over all checks."""
        return counted(sum(result.points for result in self.results), "point")

    @property
    def gist(self) -> str:
        """Of a failure, why, in one line."""
        return reason(self.worst)

    @property
    def uses(self) -> list[tuple[str, str]]:
        """What its own names stand for; not a function that `verify` was handed."""
        used = () if self.spec is None else self.spec.use
        return [(name, target) for name, target in used if not target.startswith(f"{self.path}:")]

    # ---- the mathematics

    @cached_property
    def mathematics(self) -> str:
        """The formula with its lets, as MathML; "" where there is none."""
        if self.spec is None or self.spec.expr is None:
            return ""
        rows = [(Name(name), expression.tree) for name, expression in self.spec.let]
        return equations([*rows, (Name(value_name(self.spec)), self.spec.expr.tree)])

    @cached_property
    def derivatives(self) -> str:
        """The derivatives that are short, as MathML."""
        slopes = self.portrait.slopes
        rows = [(derivative_by(slope.of, slope.by), slope.formula) for slope in slopes]
        return equations(rows) if rows else ""

    @property
    def sizes(self) -> str:
        """The sizes at which derivatives are written out, if they matter."""
        shown = {
            f"{name} = {size}"
            for slope in self.portrait.slopes
            if unparse(slope.by) != slope.input
            for name, size in slope.dims.items()
        }
        return ", ".join(sorted(shown))

    @property
    def long(self) -> str:
        """The inputs whose derivative is too long to show."""
        if self.spec is None or self.spec.expr is None:
            return ""
        short = {slope.input for slope in self.portrait.slopes}
        names = [entry.name for entry in self.spec.inputs if entry.requires_grad]
        return ", ".join(name for name in names if name not in short)

    @cached_property
    def constraints(self) -> list[str]:
        """The conditions between inputs, as MathML."""
        return [formula(entry.tree) for entry in self.spec.where] if self.spec else []

    @property
    def place(self) -> str:
        """Where it begins."""
        return self.path if self.spec is None else str(self.spec.position)

    @property
    def kinked(self) -> bool:
        """Whether kinks are known of any input."""
        return any(entry.kinks for entry in self.inputs)

    @property
    def inputs(self) -> list[Argument]:
        """What stands in the table of inputs."""
        found = [] if self.spec is None else list(self.spec.inputs)
        return [argument(entry, self.portrait) for entry in found]

    # ---- what came out

    @cached_property
    def dtypes(self) -> list[str]:
        """The dtypes that occur, the widest first."""
        seen = {result.dtype for result in self.results}
        return [dtype for dtype in DTYPES if dtype in seen] + sorted(seen - set(DTYPES))

    @property
    def table(self) -> list[Group]:
        """The verdicts."""
        return table(self.results, self.dtypes)

    @property
    def remarks(self) -> list[str]:
        """What is said of results that pass: which members at kinks, why some are skipped."""
        told: dict[str, list[str]] = {}
        for result in self.results:
            said = result.expected or result.message
            if said and result.outcome in ("passed", "xfailed"):
                told.setdefault(said, []).append(subject(result))
        return [f"{', '.join(subjects)}: {said}" for said, subjects in told.items()]

    @cached_property
    def failures(self) -> list[Failure]:
        """The results that fail or warn, in full."""
        chosen = [r for r in self.results if fails(r, self.strict) or warns(r)]
        chosen.sort(key=lambda result: not fails(result, self.strict))
        return [Failure(result, self.portrait) for result in chosen]

    @property
    def first_failures(self) -> list[Failure]:
        """Those that are shown at once."""
        return self.failures[:_MOST_OPEN]

    @property
    def more_failures(self) -> list[Failure]:
        """The others."""
        return self.failures[_MOST_OPEN:]

    @cached_property
    def figures(self) -> list[Figure]:
        """The pictures of results that are no failures."""
        shown = {id(failure.result) for failure in self.failures}
        return [
            Figure(subject(result), plot)
            for result in self.results
            if id(result) not in shown and (plot := plot_of(result, self.portrait))
        ]

    @property
    def steps(self) -> list[Line]:
        """Its program."""
        return [] if self.spec is None else [line_of(step) for step in self.spec.steps]

    @property
    def graph(self) -> Drawing | None:
        """The graph of its steps."""
        return None if self.portrait.graph is None else drawn(self.portrait.graph)
