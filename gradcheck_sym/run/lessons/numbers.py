"""A function's lesson in numbers: put in by hand, and as they flow through autograd's graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from gradcheck_sym.autograd.flow import Flow, Pass, flow
from gradcheck_sym.run.kinks import at_kink
from gradcheck_sym.run.lessons.function import Derivation
from gradcheck_sym.run.lessons.point import Chosen, settled
from gradcheck_sym.run.lessons.words import (
    Floats,
    array_text,
    equals,
    formula,
    prose,
    substituted,
)
from gradcheck_sym.run.trial import Trial
from gradcheck_sym.sampling.points import nested
from gradcheck_sym.spec import tree
from gradcheck_sym.spec.tree import Node
from gradcheck_sym.spec.unparse import unparse
from gradcheck_sym.symbolic.chain import value_of, values
from gradcheck_sym.symbolic.places import Place
from gradcheck_sym.verdict.lesson import (
    Block,
    Code,
    Equations,
    Line,
    Math,
    Part,
    Partial,
    Table,
    Words,
)

_LONGEST = 100  # characters of a formula with numbers in it


def put_in(work: Derivation, point: Chosen) -> Part:
    """The stages and derivatives with numbers put in."""
    return Part("With numbers", tuple(_put_in(work, point)))


def run_by_autograd(work: Derivation, point: Chosen) -> Iterator[Part]:
    """What autograd does with the same numbers, and whether both agree.

    Raises whatever the implementation raises.
    """
    lanes = {name: array[None] for name, array in point.values.items()}
    subject = work.subject
    found = flow(subject.implementation, lanes, subject.graded, subject.dtype.name)
    yield Part("What autograd does", tuple(_watched(found)))
    yield Part("Side by side", tuple(_compared(work, point)))


# ---- by hand


def _put_in(work: Derivation, point: Chosen) -> Iterator[Block]:
    given = _one_element(work, point.values)
    found = values(work.subject.spec, work.stages, point.dims, point.values)
    shown = _one_element(work, found)
    rows: list[tuple[Math | None, Math]] = []
    for stage in work.stages if shown else ():
        right = _evaluated(stage.tree, given | shown, shown[stage.name])
        rows.append((formula(tree.Name(stage.name)), right))
    lies = settled(work.subject, point).place
    if lies is Place.REGULAR:
        rows += [row for name in work.subject.graded for row in _slope(work, point, name, given)]
    yield (*_at(work, point, given), Words(":" if rows else "."))
    if rows:
        yield Equations(tuple(rows))
    if lies in _TOLD:
        yield prose(_TOLD[lies])


def _at(work: Derivation, point: Chosen, given: Mapping[str, Floats]) -> Line:
    """The point, as a sentence begins."""
    paired = {entry.name for entry in work.subject.spec.inputs if entry.complex}
    pieces: list[Words | Math] = [Words(f"{point.origin} ")]
    for place, (name, array) in enumerate(given.items()):
        shown = array[..., 0] + 1j * array[..., 1] if name in paired else array
        pieces += [Words(", ")] if place else []
        pieces.append(formula(tree.Name(name), equals(array), array_text(np.asarray(shown))))
    return tuple(pieces)


_TOLD = {
    Place.KINK: "There is a kink at this point: the slopes on both sides differ, and none of them"
    " is the derivative. Autograd may return any number between them.",
    Place.SINGULAR: "The point is singular: the slope grows beyond all bounds next to it.",
    Place.JUMP: "The value jumps at this point, so that there is no derivative.",
}


def _one_element(work: Derivation, arrays: Mapping[str, Floats]) -> dict[str, Floats]:
    """Of an elementwise function, the first element of each array; else the arrays."""
    if not work.subject.elementwise:
        return dict(arrays)
    return {name: array.reshape(-1)[0] if array.size else array for name, array in arrays.items()}


def _evaluated(node: Node, known: Mapping[str, Floats], value: Floats) -> Math:
    """A formula, the same with numbers, and its value."""
    put_in = substituted(node, known)
    result = array_text(np.asarray(value))
    whole = tree.names(put_in) & set(known)
    if put_in == node or whole or len(unparse(put_in)) > _LONGEST or unparse(put_in) == result:
        return formula(node, equals(np.asarray(value)), result)
    return formula(node, "=", put_in, equals(np.asarray(value)), result)


def _slope(
    work: Derivation, point: Chosen, name: str, given: Mapping[str, Floats]
) -> Iterator[tuple[Math, Math]]:
    """The derivative by one input, with the numbers put in."""
    whole = work.slope(name, point.dims)
    value = None if whole is None else value_of(whole.formula, given)
    if whole is None or value is None:
        return
    left = formula(Partial(whole.of, whole.by, total=True))
    if isinstance(whole.formula, tree.Number):
        yield left, formula(whole.formula)
    else:
        yield left, _evaluated(whole.formula, given, np.asarray(value))


def _trial(work: Derivation, point: Chosen) -> Trial:
    """Claims and truths at the point, for a cotangent of ones."""
    derivation = work.subject.derivation(point.dims)
    given = {name: nested(array) for name, array in point.values.items()}
    return work.subject.at(point.dims, given, nested(derivation.ones), "example")


# ---- by autograd


def _watched(found: Flow) -> Iterator[Block]:
    if not found.passes:
        yield prose("The result has no graph: nothing that requires a gradient leads to it.")
        return
    yield (
        Words("While the value "),
        formula(array_text(found.value)),
        Words(f" is computed, torch records a graph. {_begun(found)} visited in this order:"),
    )
    rows = tuple(_row(each) for each in found.passes)
    yield Table(("node", "receives", "hands on", "kept for this"), rows)


def _begun(found: Flow) -> str:
    each = " for each element" if found.value.size > 1 else ""
    return f"On the way back, which begins with a gradient of 1{each}, its nodes are"


def _row(each: Pass) -> tuple[Line, ...]:
    received = ", ".join(map(array_text, each.received))
    handed = [f"{array_text(array)} to {target}" for target, array in each.handed]
    kept = [f"{name} = {_kept(value)}" for name, value in each.saved.items()]
    cells = (received, "; ".join(handed), ", ".join(kept))
    return ((Code(each.node),), *(prose(cell) for cell in cells))


def _kept(value: object) -> str:
    if isinstance(value, np.ndarray):
        return array_text(value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


# ---- side by side


def _compared(work: Derivation, point: Chosen) -> Iterator[Block]:
    trial = _trial(work, point)
    rows = tuple(
        _judged(trial, name, column)
        for name, part in trial.derivation.columns().items()
        for column in range(part.start, part.stop)[:_MOST]
    )
    yield Table(("gradient", "mathematics", "autograd", "apart"), rows)


_MOST = 8  # elements of a gradient that are compared in print


def _judged(trial: Trial, name: str, column: int) -> tuple[Line, ...]:
    place = trial.index(column)
    element = f"{name}.grad[{', '.join(map(str, place))}]" if place else f"{name}.grad"
    truth = trial.truth(0, column)
    claim = float(trial.claimed[0, column])
    if truth is None:
        found = at_kink(trial, 0, trial.derivation.columns()[name])
        said = found.member or found.unknown or "no slope there is"
        return (Code(element),), prose(said), prose(f"{claim:.17g}"), prose("")
    apart = f"{trial.error_ulp(0, column):.3g} ulp"
    true, claimed = (f"{number + 0.0:.17g}" for number in (truth.middle, claim))
    return (Code(element),), prose(true), prose(claimed), prose(apart)
