"""The third witness: what finite differences measure where autograd and the mathematics differ."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from gradcheck_sym.autograd.implementation import over_lanes
from gradcheck_sym.autograd.state import undisturbed
from gradcheck_sym.numerical.gradient import lane_slopes
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.run.trial import Fault, Trial
from gradcheck_sym.spec.records import Domain
from gradcheck_sym.verdict.records import Measured, Verdict
from gradcheck_sym.verdict.ruling import culprit


def measure(subject: Subject, trial: Trial, fault: Fault) -> Measured | None:
    """The slope that finite differences find for one element of a gradient; None for a value.

    None, too, where the mathematics holds something constant: they do not.
    """
    if fault.column < trial.derivation.values or fault.nearest is not None or _is_held(trial):
        return None
    name, _ = trial.input_of(fault.column)
    return measured(subject, trial, [fault.lane], name, [trial.index(fault.column)])[0][0]


def measured(
    subject: Subject,
    trial: Trial,
    lanes: list[int],
    name: str,
    coordinates: list[tuple[int, ...]],
) -> list[list[Measured]]:
    """Finite differences at some points, for some elements of one input's gradient.

    The forward runs in float64, whatever the dtype of the check; error inf where it cannot tell.
    """
    points = {key: array[lanes] for key, array in trial.values.items()}
    mapped = over_lanes(subject.implementation, points)
    with undisturbed():
        found = lane_slopes(
            mapped or subject.implementation.call,
            points,
            name,
            trial.cotangents[lanes],
            coordinates=coordinates,
            domain_bounds=_bounds(subject.space.input(name).domain, points[name]),
            batched=mapped is not None,
        )
    return [[point[index].measured for index in coordinates] for point in found]


def _bounds(
    domain: Domain | None, values: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    """The ends of the piece of the domain that each value lies in: two arrays of its shape."""
    if domain is None:
        return None
    low, high = np.full(values.shape, -np.inf), np.full(values.shape, np.inf)
    for piece in domain.intervals:
        inside = (values >= piece.low) & (values <= piece.high)
        low[inside], high[inside] = piece.low, piece.high
    return low, high


def agree(value: float, slack: float, numerical: Measured | None) -> bool | None:
    """Whether a number lies within the bar of what was measured; None where that cannot tell."""
    if numerical is None or not math.isfinite(numerical.error) or not np.isfinite(value):
        return None
    return abs(value - numerical.value) <= numerical.error + slack


def accuse(trial: Trial, fault: Fault, numerical: Measured | None) -> str:
    """The culprit, by two witnesses against one; by the value where differences are no witness."""
    if fault.column < trial.derivation.values:
        return "the forward"
    if fault.nearest is not None:  # differences measure no member of a hull
        return "the backward"
    if _is_held(trial):
        columns = range(trial.derivation.values)
        right = all(trial.ruling(fault.lane, k).verdict is Verdict.AGREES for k in columns)
        return "the backward" if right else ""
    gap = trial.gap(fault.lane, fault.column)
    with_symbolic = agree(gap.truth, gap.allowed, numerical)
    with_autograd = agree(gap.claim, gap.allowed, numerical)
    if with_autograd is None and with_symbolic and not math.isfinite(gap.claim):
        with_autograd = False
    return culprit(False, with_symbolic, with_autograd)


def _is_held(trial: Trial) -> bool:
    """Whether the mathematics holds something constant, as detach does: its slope is another."""
    return any(step.op == "detach" for step in trial.derivation.joint.code)
