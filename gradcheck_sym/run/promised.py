"""Second derivatives that nobody promised: what a backward has as a constant, it cannot give.

A kernel that saves a mean, a norm or its own slope differentiates once. torch goes through it a
second time nevertheless, and leaves out what goes through the saved. Where just that is missing,
and nothing else, the backward is right for what it is. So it is where a smooth function is made of
others that have kinks, as log(cosh(x)) of abs(x): the slopes meet there, theirs by convention. But
who writes the derivative of a gradient by hand promises it, at every point; and so do torch's own
operators, which say so where there is none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from gradcheck_sym.autograd.probe import bends
from gradcheck_sym.autograd.saved import Along, Line, of_saved
from gradcheck_sym.autograd.transforms import Reach
from gradcheck_sym.numerical.oracle import derivative
from gradcheck_sym.run.evidence import Finding
from gradcheck_sym.run.function import Function
from gradcheck_sym.run.nearby import around
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.run.trial import Trial
from gradcheck_sym.sampling.ordinals import round_to
from gradcheck_sym.sampling.points import Batch
from gradcheck_sym.sampling.space import kept
from gradcheck_sym.spec.checks import GRAD_OUTPUT, tangent_name

Floats = npt.NDArray[np.float64]

_SEVERAL = 5  # wrong numbers that are explained
_SIDES = 8  # points beside one that are looked at, two opposite each other
_BESIDE = 2.0**-12  # how far off they are, next to numbers of this size
_SILENT = (
    "not differentiable twice, and it does not say so: {}; "
    "torch.autograd.function.once_differentiable says so"
)
_ALONE = (
    "wrong at single points only, and right on every side of them: an operation has a kink there "
    "that the function has not"
)
_UNREACHED = "the gradient depends on grad_output alone, what was saved is constant to it"
_LEFT_OUT = "what goes through intermediates that the forward saved is left out"


def excuse(subject: Subject, reach: Reach, wrong: Sequence[Finding]) -> str:
    """Why wrong second derivatives are none that were promised; "" where they are just wrong."""
    if any(_by(found) == GRAD_OUTPUT for found in wrong):
        return ""
    torchs = subject.implementation.kind != "user"
    if not reach.inputs:
        return _SILENT.format(_UNREACHED) if reach.keeps else ""
    ranked = sorted(wrong, key=lambda found: found.fault.order)
    looked_at = [ranked[place] for place in range(0, len(ranked), -(-len(ranked) // _SEVERAL))]
    judged = [(found, _is_left_out(subject, found)) for found in looked_at]
    if any(explained for _, explained in judged):  # those that do not tell are no witnesses then
        judged = [(found, explained) for found, explained in judged if explained is not None]
    left = [found for found, explained in judged if not explained]
    if torchs and len(left) < len(judged):
        return ""
    if reach.by_hand and not all(_bends(subject, found) for found in left):
        return ""
    if not all(_stands_alone(subject, found) for found in left):
        return ""
    return _ALONE if len(left) == len(judged) else _SILENT.format(_LEFT_OUT)


def _bends(subject: Subject, found: Finding) -> bool:
    """Whether torch has a kink at the very point, whatever is written by hand."""
    values = {
        name: array[[found.fault.lane]] for name, array in found.evidence.trial.values.items()
    }
    inputs = {entry.name: values[entry.name] for entry in subject.spec.inputs}
    fed = values[GRAD_OUTPUT]
    return bends(subject.implementation, inputs, subject.graded, fed, subject.dtype.name)


def _stands_alone(subject: Subject, found: Finding) -> bool:
    """Whether a number is wrong at its very point, and right at points on all sides of it."""
    function, trial, fault = found.evidence.function, found.evidence.trial, found.fault
    if not math.isfinite(trial.claimed[fault.lane, fault.column]):
        return False
    beside = _beside(subject, function, trial, fault.lane)
    good, _ = kept(function.space, beside)
    if good.sum() < 2:
        return False
    fed = np.repeat(trial.cotangents[[fault.lane]], good.sum(), axis=0)
    near = function.trial(beside.take(good), "each", fed)
    judged = function.judge(near, slice(fault.column, fault.column + 1))
    return bool(judged.decided) and not judged.is_wrong and not near.problems


def _beside(subject: Subject, function: Function, trial: Trial, lane: int) -> Batch:
    """Points next to one, in random directions and in those opposite to them."""
    stream, moved = function.stream("beside", trial.dims), {}
    for name in subject.graded:
        here = trial.values[name][lane]
        half = (_SIDES // 2, *here.shape)
        size = stream.uniform(0.5, 1.0, half) * _BESIDE * np.maximum(np.abs(here), 1.0)
        step = size * stream.choice([-1.0, 1.0], half)
        moved[name] = round_to(trial.dtype.name, here + np.concatenate([step, -step]))
    return around(trial, lane, moved)


def _by(found: Finding) -> str:
    """The input by which is differentiated; none where a tangent of the gradient is judged."""
    trial, column = found.evidence.trial, found.fault.column
    return "" if column < trial.derivation.values else trial.input_of(column)[0]


def _is_left_out(subject: Subject, found: Finding) -> bool | None:
    """Whether a number is right once the part is added that goes through what was saved.

    The two may cancel: then what each of them rounds is what is left. None where that part is too
    uncertain to tell.
    """
    trial, fault = found.evidence.trial, found.fault
    if fault.nearest is not None:  # at a point where nothing but limits tells the truth
        return False
    gap = trial.gap(fault.lane, fault.column)
    if not math.isfinite(gap.claim):
        return False
    along, scale = _line(subject, trial, fault.lane, fault.column)
    left_out = derivative(along, scale)
    if not left_out.error < gap.least:
        return None
    spacing = trial.spacing(max(abs(gap.claim), abs(left_out.value)))
    slack = left_out.error + gap.allowed + trial.sound(fault.lane, 0.0, spacing)
    return gap.least > slack and abs(gap.claim + left_out.value - gap.truth) <= slack


def _line(subject: Subject, trial: Trial, lane: int, column: int) -> tuple[Along, float]:
    """The gradient as a function of what is saved, and the size of the argument."""
    point = {name: array[lane] for name, array in trial.values.items()}
    fed = point.pop(GRAD_OUTPUT)
    inputs = {entry.name: point[entry.name] for entry in subject.spec.inputs}
    steps, weights, scale = _direction(subject, trial, lane, column)
    line = Line(steps, weights)
    dtype = subject.dtype.name
    return of_saved(subject.implementation, inputs, subject.graded, fed, dtype, line), scale


def _direction(
    subject: Subject, trial: Trial, lane: int, column: int
) -> tuple[Mapping[str, Floats], Floats, float]:
    """Along one coordinate for a gradient's element, along the tangents for that of a tangent."""
    if column >= trial.derivation.values:
        name, _ = trial.input_of(column)
        value = trial.values[name][lane]
        step = np.zeros(value.shape)
        step[trial.index(column)] = 1.0
        return {name: step}, trial.cotangents[lane].ravel(), float(value[trial.index(column)])
    steps = dict(_tangents(subject, trial, lane))
    weights = np.zeros(trial.derivation.values)
    weights[column] = 1.0
    fastest = max((float(np.abs(step).max(initial=0.0)) for step in steps.values()), default=0.0)
    return steps, weights, 1.0 / fastest if fastest else 1.0


def _tangents(subject: Subject, trial: Trial, lane: int) -> Iterator[tuple[str, Floats]]:
    for name in subject.graded:
        yield name, trial.values[tangent_name(name)][lane]
