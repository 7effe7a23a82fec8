"""What a check asks, and of what: functions, and the points at which they were run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

from gradcheck_sym.autograd.support import Feature
from gradcheck_sym.run.function import Function
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.run.trial import Fault, Trial
from gradcheck_sym.symbolic.derivation import Derivation

Columns = Callable[[Derivation], slice]


@final
@dataclass(frozen=True, slots=True)
class Evidence:
    """Points at which a function was run."""

    function: Function
    trial: Trial
    silent: frozenset[str] = frozenset()  # inputs of whose gradient it says nothing


@final
@dataclass(frozen=True, slots=True)
class Finding:
    """A fault with the evidence that it belongs to."""

    evidence: Evidence
    fault: Fault


Pardon = Callable[[Sequence[Finding]], str]  # why they are no mistake; "" where they are one


@final
@dataclass(frozen=True, slots=True)
class Question:
    """What a check asks: some columns of all evidence against their truths."""

    subject: Subject
    check: str
    entry: str | None  # the input whose gradient it is
    columns: Columns
    evidence: Sequence[Evidence]
    digits: bool = True  # whether lost digits are told of: not where another check tells already
    accused: str = ""  # who is to blame if something is wrong; "": that is for witnesses to say
    excuses: frozenset[Feature] = frozenset()  # what an implementation need not support
    pardon: Pardon | None = None  # what is told of instead, where wrong numbers are no mistake
