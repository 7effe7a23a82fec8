"""What can go wrong before anything is run, as one public exception."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final


@final
@dataclass(frozen=True, slots=True)
class Position:
    """A place in a spec file; lines and columns count from 1."""

    path: str  # as the user named it
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@final
@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a spec, a configuration or a command line."""

    code: str  # stable identifier, such as "S101"
    message: str  # what came and what was wanted, without position
    position: Position | None = None
    source_line: str = ""  # the text of that line, for the caret
    length: int = 1  # how many columns the caret underlines
    suggestion: str = ""  # "did you mean 'softplus'?", or empty
    path: str = field(default="", compare=False)  # the file, where no position is known


@final
class SpecError(Exception):
    """Bad input: carries every problem that was found, not only the first.

    Raised before anything is run; the command line turns it into exit code 2.
    """

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("; ".join(problem.message for problem in problems))
