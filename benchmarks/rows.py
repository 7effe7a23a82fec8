"""What a benchmark measures, as one record that every benchmark returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final


@final
@dataclass(frozen=True, slots=True)
class Row:
    """One comparison; a target of None means that the number is only shown."""

    name: str
    ours: float  # in `unit`
    theirs: float | None  # in `unit`; None where there is nothing to compare with
    ratio: float  # what the target is about; its meaning stands in `name`
    target: float | None
    unit: str  # of ours and theirs: "s", "points/s", ...
    wanted: Literal["at most", "at least"] = "at most"  # how ratio relates to target

    @property
    def met(self) -> bool:
        """Whether the target is met; without a target, always."""
        if self.target is None:
            return True
        if self.wanted == "at most":
            return self.ratio <= self.target
        return self.ratio >= self.target
