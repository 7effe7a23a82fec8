"""What an impure function does, as a record."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import final

FORWARD = "the forward"


@final
class Kind(StrEnum):
    """What an impure function does."""

    MUTATED_INPUT = "mutated input"
    MUTATED_COTANGENT = "mutated grad_output"
    MUTATED_RESULT = "mutated result"
    MUTATED_SAVED = "mutated saved tensor"
    MUTATED_PARAMETER = "mutated parameter"
    STALE = "stale buffer"
    ALIASED = "aliased gradient"
    RANDOM = "not deterministic"
    COUNTED = "depends on the number of calls"
    FIRST_CALL = "hangs on its first call"  # which was made where no gradient was wanted, say
    ACCUMULATION = "accumulation"
    FORWARD_SETS = "settings changed by the forward"  # of torch as a whole: they are everybody's
    BACKWARD_SETS = "settings changed by the backward"
    UNGUARDED = "unguarded saved tensor"  # torch does not see what is written to it
    SURROUNDINGS = "hangs on its surroundings"  # settings of torch, which tensors are the same
    CONSUMED = "consumed graph"  # a second backward raises, although the graph was retained
    RAISED = "raised"  # the forward or the first backward


@final
@dataclass(frozen=True, slots=True)
class Impurity:
    """One thing that a function does and should not."""

    kind: Kind
    text: str  # a sentence without its full stop
    name: str | None = None  # the input that it concerns
    by: str = "the backward"  # which half does it
