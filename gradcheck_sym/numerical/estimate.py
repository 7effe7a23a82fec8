"""What the oracle says of one slope: a number, its error bar, and why it may not tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from gradcheck_sym.verdict.records import Measured


@final
@dataclass(frozen=True, slots=True)
class Estimate:
    """A slope: the truth lies within value ± error; error is inf where the oracle cannot tell."""

    value: float  # units of output per unit of input; a mere guess, or NaN, where error is inf
    error: float
    method: str  # "differences" or "complex step"
    reason: str  # why it cannot tell; empty where it can
    evaluations: int  # points at which the function was evaluated

    @property
    def decided(self) -> bool:
        """Whether the error bar is finite."""
        return not self.reason

    @property
    def measured(self) -> Measured:
        """The number and its error, as verdicts take them."""
        return Measured(self.value, self.error)
