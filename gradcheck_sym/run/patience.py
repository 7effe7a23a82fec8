"""How much is spent on numbers in doubt before they are left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from gradcheck_sym.autograd.rounding import RUNS


@final
@dataclass(frozen=True, slots=True)
class Patience:
    """Perturbed runs before an error is no rounding, and points of one trial that are in doubt."""

    runs: int
    points: int


ALL = Patience(RUNS, 600)
QUICKLY = Patience(4, 32)  # where something is wrong already
NO_RUNS = Patience(0, 32)  # and where the error is too large to be rounding
