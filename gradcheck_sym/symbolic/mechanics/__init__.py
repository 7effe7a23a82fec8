"""What a steps program does, foreseen from autograd's rules and the mathematics, without torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import final

from gradcheck_sym.spec.dtypes import format_of
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.symbolic.lower import Array, input_array
from gradcheck_sym.symbolic.mechanics.interpreter import (
    Interpreter,
    Moment,
    Seen,
    StepsError,
)
from gradcheck_sym.symbolic.mechanics.machine import Machine
from gradcheck_sym.symbolic.mechanics.numbers import Numbers, leaves, nearest
from gradcheck_sym.symbolic.program import Scalar, flat_names
from gradcheck_sym.verdict.mechanics import Snapshot, State, Trace, Wanted

__all__ = ["Foreseen", "Moment", "Seen", "StepsError", "foresee", "predict"]


@final
@dataclass(frozen=True, slots=True)
class Foreseen:
    """A program carried out on symbols."""

    moments: tuple[Moment, ...]  # one after each step, its numbers still symbolic
    values: Mapping[str, float]  # of the inputs, by flat name
    trace: Trace  # the same in numbers


def predict(spec: Spec, dtype: str) -> Trace:
    """The trace of a spec's steps at its inputs' values, rounded to a dtype.

    Raises StepsError, with the step's position, where the rules do not say what happens.
    """
    return foresee(spec, dtype).trace


def foresee(spec: Spec, dtype: str) -> Foreseen:
    """The same with the formulas behind the numbers; StepsError as of predict."""
    machine = Machine()
    values: dict[str, float] = {}
    arrays: dict[str, Array] = {}
    names = {}
    for entry in spec.inputs:
        if entry.value is None:
            raise StepsError(f"the input {entry.name} needs a value", entry.position)
        shape, elements = leaves(entry.value)
        form = format_of(entry.dtype or dtype)
        rounded = [nearest(element, form) for element in elements]
        values |= dict(zip(flat_names(entry.name, shape), rounded, strict=True))
        arrays[entry.name] = input_array(machine.builder, entry.name, shape)
        names[entry.name] = machine.new(
            arrays[entry.name].copy(), requires_grad=entry.requires_grad
        )
    interpreter = Interpreter(machine, names, arrays)
    interpreter.run(spec.steps)
    moments = tuple(interpreter.moments)
    numbers = Numbers(_scalars(moments), values, format_of(dtype))
    return Foreseen(moments, values, tuple(_snapshot(moment, numbers) for moment in moments))


def _arrays(moment: Moment) -> list[Array]:
    facets = [facet for seen in moment.seen for facet in (seen.value, seen.grad)]
    facets += [facet for _, facet in moment.wanted if not isinstance(facet, bool)]
    return [facet for facet in facets if facet is not None]


def _scalars(moments: Iterable[Moment]) -> Iterator[Scalar]:
    for moment in moments:
        for array in _arrays(moment):
            yield from array.reshape(-1)


def _snapshot(moment: Moment, numbers: Numbers) -> Snapshot:
    step = moment.step
    wanted = tuple(
        Wanted(target, facet if facet is None or isinstance(facet, bool) else numbers.array(facet))
        for target, facet in moment.wanted
    )
    states = tuple(_state(seen, numbers) for seen in moment.seen)
    return Snapshot(
        moment.label, step.action, step.position, states, moment.raised, step.raises, wanted
    )


def _state(seen: Seen, numbers: Numbers) -> State:
    return State(
        seen.name,
        numbers.array(seen.value),
        seen.requires_grad,
        seen.is_leaf,
        None if seen.grad is None else numbers.array(seen.grad),
        seen.grad_requires_grad,
    )
