"""The simplest point that shows a fault: what a report shows first."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import final

from gradcheck_sym.run.evidence import Columns, Evidence, Finding, Question
from gradcheck_sym.run.function import Function
from gradcheck_sym.run.patience import NO_RUNS, QUICKLY
from gradcheck_sym.run.trial import Fault, Trial
from gradcheck_sym.sampling.ordinals import round_to
from gradcheck_sym.sampling.points import Batch
from gradcheck_sym.verdict.records import Verdict

_LARGE = 16  # numbers of a point beyond which shrinking takes too long


def smallest(asked: Question, start: Finding) -> Finding:
    """The simplest point with the same kind of fault, found by shrinking; only what is wrong.

    Where another check came to a simplest point, and the fault shows there, it is that one.
    """
    settled = asked.subject.options.point is not None or elements(start) > _LARGE
    if (
        settled
        or start.evidence.function.is_dear
        or start.fault.ruling.verdict is not Verdict.WRONG
    ):
        return start
    kind = _Kind(asked.columns, start)
    shrunk, key = asked.subject.shrunk_to, (asked.accused, asked.entry)
    found = kind.at(shrunk[key]) if key in shrunk else None
    if found is None:
        quick = kind.function
        found = kind.met(
            asked.subject.shrunk(quick, start.evidence.trial, start.fault.lane, kind.shows)
        )
    if found is None:
        return start
    shrunk.setdefault(key, found.evidence.trial)
    return found


@final
@dataclass(frozen=True, slots=True)
class _Kind:
    """What a simpler point must show to be an example of the same fault."""

    columns: Columns
    start: Finding

    @property
    def _gross(self) -> bool:
        """Whether half of the digits are wrong: hardly rounding, which is costly to tell."""
        return _is_gross(self.start.evidence.trial, self.start.fault)

    @property
    def function(self) -> Function:
        """The function while points are made simpler; what is found is judged again."""
        return replace(self.start.evidence.function, patience=NO_RUNS if self._gross else QUICKLY)

    def shows(self, trial: Trial) -> bool:
        """Whether a trial has such a fault, as far as is seen quickly."""
        return self._fault(trial, self.function) is not None

    def met(self, trial: Trial) -> Finding | None:
        """The fault at the point of a trial, looked at with all patience."""
        function = self.start.evidence.function
        trial.judged.clear()
        fault = self._fault(trial, function)
        return None if fault is None else Finding(Evidence(function, trial), fault)

    def at(self, other: Trial) -> Finding | None:
        """The fault at the point of another trial, if that is a point of this function."""
        function = self.start.evidence.function
        if not _fits(function, other):
            return None
        name = function.dtype.name
        values = {key: round_to(name, array) for key, array in other.values.items()}
        batch = Batch(other.dims, name, values, other.origins)
        return self.met(function.trial(batch, "each", round_to(name, other.cotangents)))

    def _fault(self, trial: Trial, function: Function) -> Fault | None:
        finite = math.isfinite(self.start.fault.error_ulp)
        alike = [
            fault
            for fault in function.judge(trial, self.columns(trial.derivation)).faults
            if fault.ruling.verdict is Verdict.WRONG
            and math.isfinite(fault.error_ulp) == finite
            and (function.patience.runs or _is_gross(trial, fault))
        ]
        return max(alike, key=lambda fault: fault.error_ulp, default=None)


def _fits(function: Function, other: Trial) -> bool:
    """Whether the points of a trial are points of a function: of its inputs, in their shapes."""
    inputs, sizes = function.space.inputs, set(other.dims)
    if {entry.name for entry in inputs} != set(other.values):
        return False
    if any(isinstance(size, str) and size not in sizes for e in inputs for size in e.shape):
        return False  # inputs that broadcast have sizes of their own
    shaped = all(entry.sizes(other.dims) == other.values[entry.name].shape[1:] for entry in inputs)
    return shaped and function.out_shape(other.dims) == other.cotangents.shape[1:]


def _is_gross(trial: Trial, fault: Fault) -> bool:
    """Whether half of the digits of a number are wrong, or it is none."""
    if fault.nearest is not None or not math.isfinite(fault.error_ulp):
        return True
    gap = trial.gap(fault.lane, fault.column)
    return gap.least > math.sqrt(trial.unit) * max(abs(gap.claim), abs(gap.truth))


def elements(found: Finding) -> int:
    """How many numbers the inputs of a finding's point hold."""
    return sum(array[0].size for array in found.evidence.trial.values.values())
