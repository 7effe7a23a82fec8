"""Whether a backward leaves alone what is not its own, and says the same whenever it is asked.

What counts is what shows: that a function writes into a scratch buffer of its own, or hands out a
view of grad_output, as torch's view functions do, is no fault; that a number changes which
somebody holds, or which comes out, is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType

import torch
from torch import Tensor

from gradcheck_sym.autograd.graphs import Point, alike, copied, points_of, same
from gradcheck_sym.autograd.implementation import RAISED, Implementation, told
from gradcheck_sym.autograd.impurity import FORWARD, Impurity, Kind
from gradcheck_sym.autograd.ledger import Array, job_of
from gradcheck_sym.autograd.memory import held, overlap, parameters
from gradcheck_sym.autograd.overwritten import overwritten
from gradcheck_sym.autograd.rivals import Rivals, crowded, different, refilled, relaid
from gradcheck_sym.autograd.settings import ambient, changed
from gradcheck_sym.autograd.state import repeatable, undisturbed
from gradcheck_sym.autograd.subsets import NO_GRAD, WITHOUT_GRAPH, called_under
from gradcheck_sym.autograd.support import Feature, unsupported
from gradcheck_sym.autograd.surroundings import (
    autocast,
    elsewhere,
    evaluating,
    lent_again,
    seeding,
    shared,
)
from gradcheck_sym.autograd.writes import written_meanwhile
from gradcheck_sym.spec.checks import GRAD_OUTPUT


def impurities(
    implementation: Implementation,
    values: Mapping[str, Array],
    wrt: tuple[str, ...],
    cotangents: Array | None,
    dtype: str,
    others: Mapping[str, Array] | None = None,
    judged: int | None = None,
) -> Mapping[int, tuple[Impurity, ...]]:
    """What is impure at each lane; lanes without fault are left out. Arguments as of `reverse`.

    judged: so many lanes, the first ones; None: all.

    A result that is alive is tried beside one at the next lane, where there are several, and
    beside one of `others`, the same inputs at other shapes: (lanes of their own, *shape). Never
    raises for what the implementation does; torch's global state stays as it was.
    """
    with undisturbed(), repeatable():
        points = points_of(job_of(implementation, values, wrt, cotangents, dtype))
        shaped = {} if others is None else others
        strange = points_of(job_of(implementation, shaped, wrt, None, dtype))
        found = {
            lane: tuple(_impurities(point, _rivals(lane, points, strange)))
            for lane, point in enumerate(points[:judged])
        }
    return MappingProxyType({lane: faults for lane, faults in found.items() if faults})


def reverse_grad(
    implementation: Implementation,
    values: Mapping[str, Array],
    wrt: tuple[str, ...],
    cotangents: Array | None,
    dtype: str,
) -> Mapping[int, str]:
    """Where torch.autograd.grad and .backward() disagree, in words, by lane.

    On one graph: grad must leave .grad alone; a first backward must put the same bits there, a
    second one twice as much (`.grad` accumulates). Arguments as of `reverse`.
    """
    with undisturbed(), repeatable():
        points = points_of(job_of(implementation, values, wrt, cotangents, dtype))
        found = {lane: _found(_accumulated, point) for lane, point in enumerate(points)}
    return MappingProxyType({lane: faults[0].text for lane, faults in found.items() if faults})


# --- one point ----------------------------------------------------------------------------

_Probe = Callable[[Point], Iterator[Impurity]]


def _rivals(lane: int, points: Sequence[Point], strange: Sequence[Point]) -> Rivals:
    found = [("at other values", points[(lane + 1) % len(points)])] if len(points) > 1 else []
    return found + ([("at another shape", strange[lane % len(strange)])] if strange else [])


def _impurities(point: Point, rivals: Rivals) -> Iterator[Impurity]:
    """What is impure at a point, but not what would only follow from that."""
    with undisturbed():  # what one point changes is not there at the next
        yield from _but_raised(_found(_set, point))
        faults = list(_faults(point, rivals))
        faults = faults or [*_faults_around(point)]
        yield from faults or _faults_ungraded(point, rivals)


def _faults_around(point: Point) -> Iterator[Impurity]:
    """What shows in what a program does before, after and beside a call."""
    for probe in (
        overwritten,
        seeding,
        elsewhere,
        evaluating,
        autocast,
        shared,
        lent_again,
        relaid,
    ):
        yield from _but_raised(_found(probe, point))


def _faults_ungraded(point: Point, rivals: Rivals) -> Iterator[Impurity]:
    """What is impure where nobody wants a gradient: an implementation may go another way there."""
    others = [(where, _ungraded(rival)) for where, rival in rivals]
    for fault in _faults(_ungraded(point), others):
        yield replace(fault, text=f"{fault.text}, {NO_GRAD}")


def _ungraded(point: Point) -> Point:
    return replace(point, call=called_under(WITHOUT_GRAPH[NO_GRAD], point.call), wrt=())


def _faults(point: Point, rivals: Rivals) -> Iterator[Impurity]:
    aliased = _found(_aliased, point)
    beside, after = partial(crowded, rivals=rivals), partial(refilled, rivals=rivals)
    for probe in (_written, _repeated, _retained, _accumulated, beside, after, _beside_accumulated):
        faults = _found(probe, point)
        yield from faults
        if faults:
            break
    yield from dict.fromkeys(_but_raised(aliased))


def _but_raised(faults: Sequence[Impurity]) -> list[Impurity]:
    """Without what other probes tell as well."""
    return [fault for fault in faults if fault.kind is not Kind.RAISED]


def _found(probe: _Probe, point: Point) -> list[Impurity]:
    found = []
    try:
        for fault in probe(point):
            found.append(fault)  # noqa: PERF402 - what comes before an exception stays
    except RAISED as error:
        found.append(Impurity(Kind.RAISED, told(error)))
    return found


def _set(point: Point) -> Iterator[Impurity]:
    """Settings of torch as a whole that are otherwise afterwards."""
    seen: list[str] = []

    def watched(tensors: Mapping[str, Tensor]) -> Tensor:
        before = ambient()
        result = point.call(tensors)
        seen.extend(changed(before))
        return result

    with undisturbed():
        graph = replace(point, call=watched).graph()
        for what in seen:
            yield Impurity(Kind.FORWARD_SETS, f"the forward changes {what}", by=FORWARD)
        before = ambient()
        graph.pull()
        for what in changed(before):
            yield Impurity(Kind.BACKWARD_SETS, f"the backward changes {what}")


def _written(point: Point) -> Iterator[Impurity]:
    """Writes to what is lent, to the result, to parameters.

    A forward may write to buffers, as batch normalization does; what comes of it shows elsewhere.
    """
    shifted: set[str] = set()

    def call(tensors: Mapping[str, Tensor]) -> Tensor:
        with written_meanwhile(tensors) as found:
            result = point.call(tensors)
        shifted.update(found)
        return result

    graph = replace(point, call=call).graph()
    lent = dict(graph.tensors)
    for name in lent:
        if name in shifted or not same(lent[name], point.inputs[name]):
            text = f"the forward writes to the input {name}"
            yield Impurity(Kind.MUTATED_INPUT, text, name, FORWARD)
    before = {name: tensor.detach().clone() for name, tensor in lent.items()}
    own = [(tensor, tensor.detach().clone()) for tensor in parameters(graph.result)]
    fed = graph.fed.clone()
    with written_meanwhile({**lent, GRAD_OUTPUT: fed}) as shifted:
        graph.pull(fed)
    for name, tensor in lent.items():
        if name in shifted or not same(tensor, before[name]):
            yield Impurity(Kind.MUTATED_INPUT, f"the backward writes to the input {name}", name)
    if GRAD_OUTPUT in shifted or not same(fed, graph.fed):
        yield Impurity(Kind.MUTATED_COTANGENT, "the backward writes to grad_output")
    is_input = any(overlap(graph.result, tensor) for tensor in lent.values())
    if not is_input and not same(graph.result, graph.value):
        yield Impurity(Kind.MUTATED_RESULT, "the backward writes to the result")
    if not all(same(now, was) for now, was in own if not _is_among(now, graph.leaves)):
        yield Impurity(Kind.MUTATED_PARAMETER, "the backward writes to a parameter")


def _aliased(point: Point) -> Iterator[Impurity]:
    """Gradients in memory that is somebody else's: who scales one in place scales that as well.

    Tried with ones, too: where there is nothing to multiply by, some hand out what they saved.
    """
    for cotangent in (point.cotangent, None):
        graph = replace(point, cotangent=cotangent).graph()
        owners = [(f"the input {name}", tensor) for name, tensor in graph.tensors.items()]
        owners += [("the result", graph.result)]
        owners += [("a tensor that the graph keeps", tensor) for tensor in held(graph.result)]
        for name, gradient in zip(graph.wrt, graph.pull(), strict=True):
            for owner, tensor in owners:
                if gradient is not None and overlap(gradient, tensor):
                    text = f"the gradient of {name} lies in the memory of {owner}"
                    yield Impurity(Kind.ALIASED, text, name)
                    break


def _repeated(point: Point) -> Iterator[Impurity]:
    """The same answer twice, on fresh graphs and with the same random numbers."""
    one = point.graph()
    first = copied(one.pull())
    other = point.graph()
    if not alike(one.value, other.value):
        text = "a second forward at the same point gives another value"
        yield Impurity(Kind.RANDOM, text, by=FORWARD)
    for name in different(one.wrt, other.pull(), first):
        text = f"a second forward and backward at the same point give another gradient of {name}"
        yield Impurity(Kind.RANDOM, text, name)


def _retained(point: Point) -> Iterator[Impurity]:
    """The same answer twice on one graph, as retain_graph=True has it."""
    graph = point.graph()
    saved = [(tensor, tensor.clone()) for tensor in held(graph.result)]
    first = copied(graph.pull(retain=True))
    try:
        second = graph.pull(retain=True)
    except RAISED as error:
        lacking = unsupported(error)
        if lacking is None or lacking.feature is not Feature.SECOND_BACKWARD:  # torch's own words
            written = "modified by an inplace operation" in str(error)
            kind = Kind.MUTATED_SAVED if written else Kind.CONSUMED
            yield Impurity(kind, f"a second backward on the same graph raises {told(error)}")
        return
    written = not all(same(now, before) for now, before in saved)
    for name in different(graph.wrt, second, first):
        text = f"a second backward on the same graph gives another gradient of {name}"
        yield Impurity(Kind.MUTATED_SAVED if written else Kind.RANDOM, text, name)


def _accumulated(point: Point) -> Iterator[Impurity]:
    """What backward() puts into .grad: what grad() gives, and twice that the second time."""
    graph = point.graph()
    if not graph.result.requires_grad:
        return
    found = copied(graph.pull(retain=True))
    if any(leaf.grad is not None for leaf in graph.leaves):
        yield Impurity(Kind.ACCUMULATION, "torch.autograd.grad left something in .grad")
        return
    for factor, ordinal in ((1, "first"), (2, "second")):
        torch.autograd.backward(graph.result, graph.fed.clone(), retain_graph=True)
        expected = tuple(None if gradient is None else gradient * factor for gradient in found)
        for name in different(graph.wrt, tuple(leaf.grad for leaf in graph.leaves), expected):
            text = f"{name}.grad after the {ordinal} backward is not what grad() gives"
            yield Impurity(Kind.ACCUMULATION, text, name)
            return


def _beside_accumulated(point: Point) -> Iterator[Impurity]:
    """What grad() gives where leaves have a .grad, which is none of its business."""
    graph = point.graph()
    if not graph.result.requires_grad:
        return
    found = copied(graph.pull(retain=True))
    torch.autograd.backward(graph.result, graph.fed.clone(), retain_graph=True)
    accumulated = copied(tuple(leaf.grad for leaf in graph.leaves))
    again = graph.pull()
    for name in different(graph.wrt, again, found):
        text = f"grad() gives another gradient of {name} where there is a .grad already"
        yield Impurity(Kind.ACCUMULATION, text, name)
    for name in different(graph.wrt, tuple(leaf.grad for leaf in graph.leaves), accumulated):
        yield Impurity(Kind.ACCUMULATION, f"grad() changes {name}.grad", name)


def _is_among(tensor: Tensor, tensors: Sequence[Tensor]) -> bool:
    return any(tensor is other for other in tensors)
