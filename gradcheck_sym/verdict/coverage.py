"""What of the installed torch some specs exercise, beside what there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True, slots=True)
class Share:
    """Which things of one kind are exercised, of which."""

    every: frozenset[str]  # all there are
    by: Mapping[str, tuple[str, ...]]  # those exercised -> addresses of the specs that do

    @property
    def missing(self) -> tuple[str, ...]:
        """What no spec exercises."""
        return tuple(sorted(self.every - self.by.keys()))

    @property
    def amount(self) -> str:
        """For people: "33 of 579 (6%)"."""
        part = len(self.by) / len(self.every) if self.every else 0
        return f"{len(self.by)} of {len(self.every)} ({part:.0%})"


@final
@dataclass(frozen=True, slots=True)
class Coverage:
    """What a set of specs exercises of the installed torch."""

    torch: str  # its version
    nodes: Share  # backward nodes
    first: Share  # those that a backward of the value runs
    second: Share  # those that a backward of the gradients runs
    operators: Share  # overloads that have a backward of their own
    elsewhere: tuple[str, ...]  # nodes and operators of other devices, which are not counted
    failed: Mapping[str, str]  # address of a spec -> why it could not be run
