"""A gradient with one part of the mathematics left out or treated in another way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from gradcheck_sym.symbolic.program import Program


@final
@dataclass(frozen=True, slots=True)
class Variant:
    """The gradient without one part."""

    part: str  # in words: "the dependence through exp(x)", "the slope of sin(2*x) by 2*x"
    summand: bool  # True: the part is added to the rest; False: it is a factor of it
    gradient: Program  # the value, then the gradient, over the inputs of the joint program
    key: str = ""  # what the part is known by at any size; "" where it has another form at each
    flaw: str = ""  # what is wrong with the part, where it is not left out
    branch: bool = False  # the flaw is that a condition is not asked, or taken the wrong way round
