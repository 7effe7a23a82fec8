"""The evidence of a check, out of its trials: the only place of a diagnosis that knows them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
import numpy.typing as npt

from gradcheck_sym.run.beyond import beyond
from gradcheck_sym.run.diagnosis.evidence import (
    Alternative,
    Evidence,
    Floats,
    Gradient,
    Mask,
    Sample,
    Values,
)
from gradcheck_sym.run.diagnosis.fit import as_computed
from gradcheck_sym.run.function import Function
from gradcheck_sym.run.trial import Trial
from gradcheck_sym.sampling.ordinals import round_to
from gradcheck_sym.sampling.points import Batch
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.symbolic import floats
from gradcheck_sym.symbolic.derivation import Derivation
from gradcheck_sym.symbolic.program import Program
from gradcheck_sym.symbolic.terms import variants
from gradcheck_sym.verdict.bound import UNSTABLE_FACTOR

# What torch claims at new values and cotangents, beside the truths: a trial like the one given.
Again = Callable[[Trial, Values, Floats], Trial]

# Faults at kinks: lane and column -> the member of the generalized gradient next to the claim.
_Members = Mapping[tuple[int, int], float]

_ULPS = 4.0  # a claim may always be off by so many


def evidence_of(
    spec: Spec | None,
    name: str | None,
    trials: Sequence[Trial],
    *,
    purity: Sequence[str] = (),
    again: Again | None = None,
    members: Sequence[_Members] = (),
) -> Evidence:
    """What a diagnosis of one input's gradient (None: of the value) goes by.

    Args:
        spec: whose derivative the trials are held against; None where it is another one.
        name: the input that the gradient is by.
        trials: all of the check in one dtype, those that agree included.
        purity: what the purity check found, in words.
        again: runs the implementation at new points of a trial's sizes, to narrow a threshold.
        members: of each trial, where faults at kinks are all that is asked about: these faults,
            by lane and column, with what the generalized gradient has next to the claim.
    """
    known: Sequence[_Members | None] = members or [None] * len(trials)
    pairs = [pair for pair in zip(trials, known, strict=True) if _numbers(name, pair[0])]
    used = [trial for trial, _ in pairs]
    made = {_sizes(trial): trial for trial in reversed(used)}
    first = {_called(trial): trial for trial in reversed(used)}
    return Evidence(
        name,
        trials[0].dtype,
        tuple(_sample(name, trial, first[_called(trial)], known) for trial, known in pairs),
        _complexes(spec, trials[0].derivation),
        bool(used) and all(name in trial.missing for trial in used),
        tuple(purity),
        _nothing if name is None else _Alternatives(spec, name, made),
        None if again is None else _Probe(name, made, again),
    )


def _complexes(spec: Spec | None, derivation: Derivation) -> frozenset[str]:
    """The inputs that are complex, and "" where the value is."""
    inputs = () if spec is None else spec.inputs
    value = [""] if derivation.complex_value else []
    return frozenset([entry.name for entry in inputs if entry.complex] + value)


def asking(runs: Iterable[tuple[Function, Trial]]) -> Again:
    """How functions are run at new points of the sizes of their trials; the first at each."""
    functions: dict[object, Function] = {}
    for function, trial in runs:
        functions.setdefault(_sizes(trial), function)

    def again(trial: Trial, values: Values, cotangents: Floats) -> Trial:
        dtype = trial.dtype.name
        rounded = {name: round_to(dtype, array) for name, array in values.items()}
        batch = Batch(trial.dims, dtype, rounded, ("search",) * len(cotangents))
        return functions[_sizes(trial)].trial(batch, "each", cotangents)

    return again


def _sizes(of: Trial | Sample) -> object:
    """What points have in common that can be held together."""
    shapes = tuple((name, array.shape[1:]) for name, array in of.values.items())
    return tuple(sorted(of.dims.items())), shapes


def _called(trial: Trial) -> object:
    """What trials have in common whose calls are of the same sizes."""
    joined = len(trial.claimed) if trial.mode == "elementwise" else 0
    return _sizes(trial), joined


def _nothing(sample: Sample) -> Iterator[Alternative]:
    return iter(())


# ---- samples


def _sample(name: str | None, trial: Trial, earliest: Trial, members: _Members | None) -> Sample:
    derivation = trial.derivation
    columns, shape = _columns(name, derivation)
    lanes = len(trial.claimed)
    truth = trial.truths[:, columns]
    claim = trial.claimed[:, columns]
    failing, agreeing = _ruled(trial, columns, truth, claim)
    if members is not None:
        truth, failing = truth.copy(), np.zeros_like(failing)
        for (lane, column), member in members.items():
            truth[lane, column - columns.start] = member
            failing[lane, column - columns.start] = True

    def shaped(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return array.reshape(lanes, *shape)

    naive, narrow = _naive(derivation.joint), trial.dtype.exponent_max < 1023
    found = Sample(
        trial.dims,
        trial.values,
        trial.cotangents,
        shaped(truth),
        shaped(claim),
        shaped(_slack(trial, columns)),
        shaped(failing),
        shaped(agreeing),
        shaped(_lossy(trial, columns, failing)),
        _others(name, trial),
        _before(trial),
        _first(trial, earliest),
        None if name is None else _gradient(derivation.joint, derivation, name),
        _value(derivation),
        None if name is None else _gradient(derivation.joint, derivation, name, narrow=narrow),
        None if name is None else _gradient(naive, derivation, name, narrow=narrow),
        None if name is None else _overflows(naive, derivation, narrow=narrow),
        trial.setting,
        lanes if trial.mode == "elementwise" else 1,
    )
    if not found.failing.any():
        return found
    return replace(found, lossy=found.lossy | (found.failing & as_computed(found)))


def _numbers(name: str | None, trial: Trial) -> int:
    """How many numbers of a trial are claims about the gradient in question."""
    columns, _ = _columns(name, trial.derivation)
    return len(trial.claimed) * len(range(columns.start, columns.stop))


def _columns(name: str | None, derivation: Derivation) -> tuple[slice, tuple[int, ...]]:
    if name is None:
        return slice(0, derivation.values), derivation.out_shape
    return derivation.columns()[name], derivation.shapes[name]


def _ruled(trial: Trial, columns: slice, truth: Floats, claim: Floats) -> tuple[Mask, Mask]:
    """Which numbers are wrong, and which are right; neither where nobody knows or claims."""
    known = np.isfinite(truth)
    known[list(trial.problems)] = False
    right = trial.shares[1][:, columns] <= 1
    known &= right | ~trial.unrefuted[:, columns]
    off = np.flatnonzero((known & ~right).any(axis=1)).tolist()
    known[list(beyond(trial, off, columns))] = False
    return known & ~right, known & right


def _lossy(trial: Trial, columns: slice, failing: Mask) -> Mask:
    """Which failing numbers evaluating the formula as written may miss by as much."""
    lossy, lanes = np.zeros_like(failing), np.flatnonzero(failing.any(axis=1))
    if lanes.size:
        lossy[lanes] = (
            failing[lanes] & trial.as_written(lanes.tolist(), UNSTABLE_FACTOR)[:, columns]
        )
    return lossy


def _slack(trial: Trial, columns: slice) -> Floats:
    """By how much a right implementation may miss the truth."""
    errors, shares = trial.errors[:, columns], trial.shares[1][:, columns]
    least = _ULPS * trial.ulps[:, columns]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        bound = errors / shares
    return np.asarray(np.where(np.isfinite(bound), np.fmax(bound, least), least))


def _others(name: str | None, trial: Trial) -> dict[str, Floats]:
    """The true gradients by the other inputs that have a wrong one as well."""
    derivation = trial.derivation
    if name is None:
        return {}
    found = _evaluated(derivation.joint, trial.rows)
    off = trial.shares[1] > 1
    return {
        other: found[:, part].reshape(len(found), *derivation.shapes[other])
        for other, part in derivation.columns().items()
        if other != name and off[:, part].any()
    }


def _before(trial: Trial) -> dict[str, Floats]:
    """The values of the point before each; of the first point, its own."""
    lanes = np.maximum(np.arange(len(trial.claimed)) - 1, 0)
    return {key: array[lanes] for key, array in trial.values.items()}


def _first(trial: Trial, earliest: Trial) -> Values:
    """The values of the first call of the same sizes, in each lane."""
    if trial.mode == "elementwise":  # one call of all lanes
        return earliest.values
    lanes = len(trial.claimed)
    return {key: np.repeat(array[:1], lanes, axis=0) for key, array in earliest.values.items()}


# ---- truths in floats


def _evaluated(program: Program, rows: Floats) -> Floats:
    if not program.outputs:
        return np.zeros((len(rows), 0))
    return np.stack(floats.evaluate(program, rows), axis=1).astype(np.float64)


def _gradient(
    program: Program, derivation: Derivation, name: str, *, narrow: bool = False
) -> Gradient:
    """The gradient by one input, out of a program with the outputs of the joint one.

    narrow: in the range of float32.
    """
    columns, shape = _columns(name, derivation)

    def of(values: Values, cotangents: Floats) -> Floats:
        rows = _packed(derivation, values, cotangents, narrow=narrow)
        return _evaluated(program, rows)[:, columns].reshape(len(rows), *shape)

    return of


def _value(derivation: Derivation) -> Callable[[Values], Floats]:
    def of(values: Values) -> Floats:
        lanes = len(next(iter(values.values())))
        fed = np.zeros((lanes, *derivation.out_shape))
        rows = derivation.pack(values, fed)[:, : len(derivation.forward.inputs)]
        return _evaluated(derivation.forward, rows).reshape(lanes, *derivation.out_shape)

    return of


def _naive(program: Program) -> Program:
    """A program with unselected branches multiplied by 0."""
    code = (replace(step, op="mul") if step.op == "scale" else step for step in program.code)
    return replace(program, code=tuple(code))


def _overflows(
    program: Program, derivation: Derivation, *, narrow: bool
) -> Callable[[Values, Floats], Mask]:
    """At which points the first step that isn't finite is too large; others divide by 0."""
    every = replace(program, outputs=tuple(range(len(program.code))))

    def of(values: Values, cotangents: Floats) -> Mask:
        found = _evaluated(every, _packed(derivation, values, cotangents, narrow=narrow))
        first = (~np.isfinite(found)).argmax(axis=1).tolist()
        args = [found[lane, list(program.code[step].args)] for lane, step in enumerate(first)]
        infinite = np.isinf(found[np.arange(len(found)), first])
        return np.asarray(infinite & [bool(given.all()) for given in args])

    return of


def _packed(
    derivation: Derivation, values: Values, cotangents: Floats, *, narrow: bool
) -> npt.NDArray[Any]:
    """The inputs of the joint program, in the range of float32 or of float64."""
    rows = derivation.pack(values, cotangents)
    return rows.astype(np.float32) if narrow else rows


# ---- what is asked only where it is needed


@final
@dataclass(frozen=True)
class _Alternatives:
    """The gradient at the sizes of a sample, without each of its parts."""

    spec: Spec | None  # None: the function is itself a derivative
    name: str
    trials: Mapping[object, Trial]

    def __call__(self, sample: Sample) -> Iterator[Alternative]:
        trial = self.trials[_sizes(sample)]
        alone = None if self.spec is None else _graded_alone(self.spec, self.name)
        whole = trial.derivation
        derivation = replace(whole, wrt=(self.name,), joint=_only(whole, self.name))
        for found in variants(alone, derivation, trial.dims):
            gradient = _gradient(found.gradient, derivation, self.name)
            yield Alternative(
                found.part, found.key, found.flaw, found.branch, found.summand, gradient
            )


def _graded_alone(spec: Spec, name: str) -> Spec:
    """The spec with no gradient but that by one input."""
    entries = (replace(entry, requires_grad=entry.name == name) for entry in spec.inputs)
    return replace(spec, inputs=tuple(entries))


def _only(derivation: Derivation, name: str) -> Program:
    """The joint program with the gradient by one input alone."""
    part = derivation.columns()[name]
    outputs = derivation.joint.outputs
    return replace(
        derivation.joint, outputs=outputs[: derivation.values] + outputs[part.start : part.stop]
    )


@final
@dataclass(frozen=True)
class _Probe:
    """Which numbers are wrong at new points."""

    name: str | None
    trials: Mapping[object, Trial]
    again: Again

    def __call__(self, sample: Sample, values: Values, cotangents: Floats) -> Mask:
        trial = self.again(self.trials[_sizes(sample)], values, cotangents)
        columns, shape = _columns(self.name, trial.derivation)
        truth = trial.truths[:, columns]
        failing, _ = _ruled(trial, columns, truth, trial.claimed[:, columns])
        return failing.reshape(len(failing), *shape)
