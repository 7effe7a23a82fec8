"""The symbolic numbers of a prediction, evaluated in balls, with what the dtype may lose."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import final

from gradcheck_sym.spec.dtypes import Format
from gradcheck_sym.spec.records import Nested
from gradcheck_sym.symbolic.careful import Careful, Loss, Truth
from gradcheck_sym.symbolic.lower import Array
from gradcheck_sym.symbolic.places import Place
from gradcheck_sym.symbolic.program import Scalar, finish, reachable
from gradcheck_sym.verdict import mechanics

UNSETTLED = mechanics.Number(math.nan, math.inf)


@final
class Numbers:
    """The values of scalars at one assignment of the inputs, worked out together."""

    def __init__(
        self, scalars: Iterable[Scalar], inputs: Mapping[str, float], form: Format
    ) -> None:
        distinct = {scalar.index: scalar for scalar in scalars}
        self._inputs, self._form = inputs, form
        found = self._settled(list(distinct.values()))
        if UNSETTLED in found:  # one number outside its domain takes the truth from all of them
            found = [number for scalar in distinct.values() for number in self._settled([scalar])]
        self._known = dict(zip(distinct, found, strict=True))

    def array(self, scalars: Array) -> mechanics.Array:
        """An array of scalars as an array of numbers."""
        numbers = tuple(self._known[scalar.index] for scalar in scalars.reshape(-1))
        return mechanics.Array(scalars.shape, numbers)

    def _settled(self, scalars: Sequence[Scalar]) -> list[mechanics.Number]:
        row = list(self._inputs.values())
        choices = _choices(scalars)
        program = finish(list(self._inputs), [*scalars, *choices])
        careful = Careful(program, len(program.outputs))
        settled = careful.settle(row, self._form)
        if None in settled.values or (choices and settled.place is not Place.REGULAR):
            return [UNSETTLED] * len(scalars)
        losses = careful.losses(row, self._form)
        pairs = zip(settled.values, losses, strict=True)
        return [_number(truth, loss) for truth, loss in pairs][: len(scalars)]


def _number(truth: Truth | None, loss: Loss) -> mechanics.Number:
    """The truth with what evaluating it may lose; unsettled where that is all there is to say."""
    if truth is None or loss.overflow or float(truth.ball.rad()) > loss.radius:
        return UNSETTLED
    return mechanics.Number(truth.middle, loss.radius)


def _choices(scalars: Sequence[Scalar]) -> list[Scalar]:
    """The largest and smallest values whose winner a derivative asks for: at a tie it has none."""
    builder = scalars[0].builder
    found = []
    for index in sorted(reachable(builder.code, (scalar.index for scalar in scalars))):
        step = builder.code[index]
        if step.op == "wins":
            args = [Scalar(builder, arg) for arg in step.args]
            found.append(builder.emit(step.decider, args))
    return found


def nearest(value: float, form: Format) -> float:
    """The number of a format nearest to a float, ties to even; infinite beyond its range."""
    if not value or not math.isfinite(value):
        return value
    exponent = max(math.frexp(value)[1] - 1, form.exponent_min)
    step = math.ldexp(1.0, exponent + 1 - form.precision)
    rounded = round(value / step) * step
    return rounded if abs(rounded) <= form.max else math.copysign(math.inf, value)


def leaves(value: Nested) -> tuple[tuple[int, ...], list[float]]:
    """Shape and row-major elements of a nest of numbers."""
    if not isinstance(value, tuple):
        return (), [float(value)]
    parts = [leaves(item) for item in value]
    shape = (len(parts), *(parts[0][0] if parts else ()))
    return shape, [element for _, elements in parts for element in elements]
