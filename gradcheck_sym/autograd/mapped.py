"""Gradients of functions that torch.func.vmap maps over many points, in every way it is used.

A map may be differentiated, or a gradient mapped; the batch may lie along any axis of an input,
and an input that all points share has none; one point may be a batch. Each way runs other parts of
a rule for vmap.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, final

import torch
from torch import Tensor

from gradcheck_sym.autograd.implementation import RAISED, Implementation
from gradcheck_sym.autograd.ledger import Array, Claims, FormError, Job, Ledger, changed, job_of
from gradcheck_sym.autograd.state import undisturbed
from gradcheck_sym.autograd.threads import of_other_threads

Shape = tuple[int, ...]


@final
@dataclass(frozen=True, slots=True)
class Way:
    """One way to map a function and to differentiate it."""

    name: str  # as a report names it; "": as most people do
    axes: Mapping[str, int] = field(default_factory=dict)  # of the batch in an input; others: 0
    shared: frozenset[str] = frozenset()  # inputs that are the same at all points
    after: bool = False  # the map is differentiated, not the gradient mapped
    lanes: int | None = None  # of the batch; None: any number
    nested: bool = False  # a map of maps, differentiated
    inner: frozenset[str] = frozenset()  # all that the second of two maps maps over; no gradient
    crossed: frozenset[str] = frozenset()  # the same, with a gradient: each of 3 with each of 2
    batched: bool = False  # grad_outputs alone are mapped over, as for a Jacobian


USUAL = Way("")
AFTER = Way("the map differentiated", after=True)


def ways(shapes: Mapping[str, Shape]) -> Iterator[Way]:
    """The ways besides the usual one, for inputs of these shapes (without the batch).

    Where the batch lies along the last axis of one input alone, or of the only one that has it, or
    grad_outputs alone are mapped over, it is as large as the first: who takes one for the other is
    not told by the sizes.
    """
    yield AFTER
    yield Way("one point mapped", lanes=1)
    last = {name: len(shape) for name, shape in shapes.items() if shape}
    if last:
        yield Way("the batch in the last axis", last)
        yield Way("the map over the last axis differentiated", last, after=True)
    for name, axis in last.items() if len(shapes) > 1 else ():
        alone = f"the batch in the last axis of {name} alone"
        yield Way(alone, {name: axis}, lanes=shapes[name][0] or None)
    for name, shape in shapes.items() if len(shapes) > 1 else ():
        shared = frozenset(shapes) - {name}
        yield Way(f"only {name} mapped", shared=shared)
        if shape:
            along = f"only {name} mapped, the batch in its last axis"
            yield Way(along, {name: last[name]}, shared, lanes=shape[0] or None)
        yield Way(f"the map of only {name} differentiated", shared=shared, after=True)
    yield Way("one map in another", lanes=4, nested=True)
    for name in shapes if len(shapes) > 1 else ():
        over = f"a map over {name} in one over the rest"
        yield Way(over, lanes=6, nested=True, crossed=frozenset({name}))
    sizes = (shape[0] for shape in shapes.values() if shape and shape[0])
    many = "many grad_outputs at once"
    yield Way(many, shared=frozenset(shapes), lanes=next(sizes, None), batched=True)


def vmapped(
    implementation: Implementation,
    values: Mapping[str, Array],
    wrt: tuple[str, ...],
    cotangents: Array | None,
    dtype: str,
    way: Way = USUAL,
) -> Claims:
    """What torch.func.vmap claims at all lanes at once; other arguments as of `reverse`.

    Inputs without gradient that are the same at all lanes are not mapped over; those that the way
    says are shared must be. Where the map of a shared input is differentiated, its gradient is
    that of all lanes together: at each lane it is claimed for a grad_output that is 0 at all
    others. What is raised is a problem of all lanes,
    unless some raise alone, as at a matrix without an inverse: the others are mapped without them.
    Where an input is not used, there are zeros.
    """
    with undisturbed():
        job = job_of(implementation, values, wrt, cotangents, dtype)
        ledger, before = Ledger(job), job.watched()
        try:
            _enter_regular(ledger, job, way)
        except FormError as fault:
            for lane in range(job.lanes):
                ledger.problem(lane, str(fault))
        except RAISED as error:
            said = of_other_threads(job, error)
            for lane in range(job.lanes):
                ledger.raised(lane, said)
        for name, batch in job.watched().items():
            for lane in changed(before[name], batch):
                ledger.written(lane, name)
        return replace(ledger.claims(), mode="vmap")


def _enter_regular(ledger: Ledger, job: Job, way: Way) -> None:
    """All lanes together; where that raises, those together that do not raise alone."""
    try:
        _enter(ledger, job, way, range(job.lanes))
    except RAISED:
        refused = _refused(job)
        left = [lane for lane in range(job.lanes) if lane not in refused]
        if not refused or not left:
            raise
        inputs = {name: batch[left] for name, batch in job.inputs.items()}
        fed = None if job.cotangents is None else job.cotangents[left]
        _enter(ledger, replace(job, inputs=inputs, cotangents=fed), _of_any_number(way), left)
        for lane, error in refused.items():
            ledger.raised(lane, error)


def _of_any_number(way: Way) -> Way:
    """The way; the usual one where it takes all of its points, or none."""
    return USUAL if way.crossed else way


def _refused(job: Job) -> dict[int, BaseException]:
    """What the forward raises at those lanes that it does not take alone."""
    found: dict[int, BaseException] = {}
    for lane in range(job.lanes):
        try:
            job.call({name: batch[lane].detach() for name, batch in job.inputs.items()})
        except RAISED as error:
            found[lane] = error
    return found


def _enter(ledger: Ledger, job: Job, way: Way, lanes: Sequence[int]) -> None:
    """What is claimed of all points of a job, entered as that of those lanes of the ledger."""
    if not job.lanes:
        return
    axes = {name: way.axes.get(name, 0) for name in job.inputs}
    shared = way.shared | job.fixed
    if way.inner:
        results, gradients = _many_for_each(job, way.inner)
    elif way.crossed:
        results, gradients = _each_with_each(job, way.crossed)
    elif way.nested or way.batched:
        results, gradients = (_map_of_maps if way.nested else _jacobian)(job)
    else:
        results, gradients = (_through_map if way.after else _within)(job, axes, shared)
    for place, lane in enumerate(lanes):
        ledger.value(lane, results[place].detach())
        for name, gradient in gradients.items():
            ledger.gradient(lane, name, gradient[place].detach(), job.inputs[name][place])


Found = tuple[Tensor, Mapping[str, Tensor]]  # results and gradients, the lanes in front
Tensors = Mapping[str, Tensor]


def through_map(job: Job, axes: Mapping[str, int], shared: Collection[str]) -> Found:
    """One ordinary backward through a map of the forward.

    It serves all lanes, since none depends on another. axes: of the lanes, by input. The gradients
    are those of inputs that are not shared; an input that is not used has zeros. Raises what
    torch.func and the implementation raise.
    """
    mapped, common, along = _placed(job, axes, shared)
    with torch.enable_grad():
        leaves = {name: mapped[name].requires_grad_() for name in job.wrt if name in mapped}
        result = _mapped(job, mapped, common, along)
        found = _pulled(result, leaves, job.cotangents)
    return result.detach(), {k: gradient.movedim(along[k], 0) for k, gradient in found.items()}


def _through_map(job: Job, axes: Mapping[str, int], shared: Collection[str]) -> Found:
    """The same, and the gradients of shared inputs: at each lane, of what is fed there alone."""
    results, gradients = through_map(job, axes, shared)
    mapped, common, along = _placed(job, axes, shared)
    graded = {name: common[name] for name in job.wrt if name in common}
    if not graded or not mapped:
        return results, gradients
    with torch.enable_grad():
        leaves = {name: tensor.requires_grad_() for name, tensor in graded.items()}
        result = _mapped(job, mapped, common, along)
        fed = torch.ones_like(result) if job.cotangents is None else job.cotangents
        alone = [torch.zeros_like(fed) for _ in range(job.lanes)]
        for lane, part in enumerate(alone):
            part[lane] = fed[lane]
        found = [_pulled(result, leaves, part, retain=True) for part in alone]
    together = {name: torch.stack([each[name] for each in found]) for name in leaves}
    return results, {**gradients, **together}


def _in_rows(
    job: Job, sizes: tuple[int, int]
) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor | None]:
    """The lanes of a job as rows of lanes: inputs, those that are the same in all, cotangents."""

    def laid(batch: Tensor) -> Tensor:
        return batch.reshape(*sizes, *batch.shape[1:])

    rows = {k: laid(batch.detach()) for k, batch in job.inputs.items() if k not in job.fixed}
    common = {name: job.inputs[name][0].detach() for name in job.fixed}
    return rows, common, None if job.cotangents is None else laid(job.cotangents)


def _map_of_maps(job: Job) -> Found:
    """One ordinary backward through two maps, one in the other, that share the lanes out."""
    sizes = (2, job.lanes // 2) if job.lanes % 2 == 0 else (job.lanes, 1)
    mapped, common, fed = _in_rows(job, sizes)
    with torch.enable_grad():
        leaves = {name: mapped[name].requires_grad_() for name in job.wrt}
        function = torch.func.vmap(torch.func.vmap(lambda own: job.call({**common, **own})))
        result: Tensor = function(mapped)
        found = _pulled(result, leaves, fed)
    return result.detach().flatten(0, 1), {
        k: gradient.flatten(0, 1) for k, gradient in found.items()
    }


def _many_for_each(job: Job, inner: Collection[str]) -> Found:
    """The results of a map over some inputs in a map over all, where the others come in pairs."""
    rows, common, _ = _in_rows(job, (job.lanes // 2, 2))
    within = {name: rows.pop(name) for name in inner}

    def one(held: Tensors, own: Tensors) -> Tensor:
        result: Tensor = torch.func.vmap(lambda each: job.call({**common, **held, **each}))(own)
        return result

    outer: Tensor = torch.func.vmap(one)({k: pairs[:, 0] for k, pairs in rows.items()}, within)
    return outer.flatten(0, 1), {}


def _each_with_each(job: Job, inner: Collection[str]) -> Found:
    """torch.func.vjp in a map over some inputs, in a map over the others.

    The inner map has the same inputs in each row of the outer one, and what they are mapped with
    is the same along a row.
    """
    rows, common, fed = _in_rows(job, (2, job.lanes // 2))
    within = {name: rows.pop(name)[0] for name in inner}
    held = {name: pairs[:, 0] for name, pairs in rows.items()}
    along = (0, None if fed is None else 0)

    def row(outer: Tensors, fed: Tensor | None) -> Found:
        one = partial(_pulled_back, job, {**common, **outer})
        found: Found = torch.func.vmap(one, along)(within, fed)
        return found

    results, gradients = torch.func.vmap(row, along)(held, fed)
    return results.flatten(0, 1), {
        name: gradient.flatten(0, 1) for name, gradient in gradients.items()
    }


def _jacobian(job: Job) -> Found:
    """All grad_outputs at once through one graph, at the first lane, as jacrev does it."""
    result, pull = _vjp(job, {name: batch[0].detach() for name, batch in job.inputs.items()})
    results = result.detach().expand(job.lanes, *result.shape)
    fed = torch.ones_like(results) if job.cotangents is None else job.cotangents
    (found,) = torch.func.vmap(pull)(fed)
    return results, found


def _vjp(job: Job, inputs: Tensors) -> tuple[Tensor, Callable[[Tensor], tuple[Any]]]:
    """The result at some inputs, and what pulls a cotangent back to those with a gradient."""

    def function(graded: Tensors) -> Tensor:
        return job.call({**inputs, **graded})

    result, pull, *_ = torch.func.vjp(function, {name: inputs[name] for name in job.wrt})
    return result, pull


def _pulled(
    result: Tensor,
    leaves: Mapping[str, Tensor],
    cotangents: Tensor | None,
    *,
    retain: bool = False,
) -> dict[str, Tensor]:
    """The gradients of one backward; zeros where an input is not used."""
    found: tuple[Tensor | None, ...] = (None,) * len(leaves)
    if leaves and result.requires_grad:
        fed = torch.ones_like(result) if cotangents is None else cotangents
        wrt = list(leaves.values())
        found = torch.autograd.grad(result, wrt, fed, retain_graph=retain, allow_unused=True)
    return {
        name: torch.zeros_like(leaf) if gradient is None else gradient
        for (name, leaf), gradient in zip(leaves.items(), found, strict=True)
    }


def _within(job: Job, axes: Mapping[str, int], shared: Collection[str]) -> Found:
    """torch.func.vjp inside the map."""
    mapped, common, along = _placed(job, axes, shared)
    one = partial(_pulled_back, job, common)
    fed_along = None if job.cotangents is None else 0
    found: Found = torch.func.vmap(one, (along, fed_along))(mapped, job.cotangents)
    return found


def _pulled_back(job: Job, common: Tensors, own: Tensors, fed: Tensor | None) -> Found:
    """The result and the gradients of one lane, by torch.func.vjp."""
    result, pull = _vjp(job, {**common, **own})
    return result, pull(torch.ones_like(result) if fed is None else fed)[0]


def _mapped(job: Job, mapped: Tensors, common: Tensors, along: Mapping[str, int]) -> Tensor:
    """The results of one map of the forward."""
    result: Tensor = torch.func.vmap(lambda own: job.call({**common, **own}), (along,))(mapped)
    return result


def _placed(
    job: Job, axes: Mapping[str, int], shared: Collection[str]
) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, int]]:
    """The batches that are mapped over, what all lanes share, and where the lanes lie."""
    along = {name: axes[name] for name in job.inputs if name not in shared}
    mapped = {name: job.inputs[name].detach().movedim(0, axis) for name, axis in along.items()}
    return mapped, {name: job.inputs[name][0].detach() for name in shared}, along
