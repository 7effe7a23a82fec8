"""What travels between the main process and the processes that judge for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from gradcheck_sym.run.options import Options
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.verdict.records import Result

OnCheck = Callable[[str, str], object]  # is told which check begins, and in which dtype


@final
@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one spec."""

    number: int  # its place among those that were asked for
    results: tuple[Result, ...]
    seconds: float  # that it took

    @property
    def failed(self) -> bool:
        """Whether it ends a run that is to end at the first spec that fails."""
        return any(result.outcome in ("failed", "errors") for result in self.results)


@final
@dataclass(frozen=True, slots=True)
class Job:
    """To a worker: judge this."""

    spec: Spec
    options: Options


@final
@dataclass(frozen=True, slots=True)
class Ready:
    """From a worker: it has loaded what it needs."""


@final
@dataclass(frozen=True, slots=True)
class Begun:
    """From a worker: a check begins. If nothing follows, it is this one that took it down."""

    check: str
    dtype: str


@final
@dataclass(frozen=True, slots=True)
class Found:
    """From a worker: a result is there."""

    result: Result


@final
@dataclass(frozen=True, slots=True)
class Done:
    """From a worker: there are no more results of this spec."""

    worn: bool  # whether the worker holds so much memory that a fresh one should go on


@final
@dataclass(frozen=True, slots=True)
class Broken:
    """From a worker: judging itself raised, which is a mistake of ours."""

    said: str  # type and text of the exception
    trace: str  # where


Message = Ready | Begun | Found | Done | Broken
