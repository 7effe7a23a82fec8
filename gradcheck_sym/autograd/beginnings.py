"""Whether a function answers the same whatever its first call of all was like.

What is evaluated before it is trained, or run in single precision first, makes its constants and
takes its decisions there. A constant made under torch.inference_mode() cannot be saved for a
backward; one of fewer digits has lost those that a later call in float64 needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from gradcheck_sym.autograd.graphs import Answer, Point, alike, points_of
from gradcheck_sym.autograd.implementation import RAISED, Implementation, told
from gradcheck_sym.autograd.impurity import FORWARD, Impurity, Kind
from gradcheck_sym.autograd.ledger import Array, job_of
from gradcheck_sym.autograd.origins import Origin
from gradcheck_sym.autograd.rivals import different
from gradcheck_sym.autograd.state import repeatable, undisturbed
from gradcheck_sym.autograd.subsets import WITHOUT_GRAPH, called_under

First = Callable[[Point], object]  # a call of the function at a point
Make = Callable[[], Implementation]


def begun(
    make: Make,
    values: Mapping[str, Array],
    wrt: tuple[str, ...],
    cotangents: Array | None,
    dtype: str,
) -> Impurity | None:
    """What is different after another first call, at the first lane; arguments as of `reverse`.

    make: makes the implementation, with whatever instances belong to it.
    """
    with undisturbed(), repeatable():
        point = points_of(job_of(make(), values, wrt, cotangents, dtype))[0]
        try:
            usual = point.answer()
            after = partial(_afresh, Origin.of(point.call), make, point)
            afresh = after(lambda at: None)
        except RAISED:
            return None  # the other checks tell of it
        if any(_differing(point, usual, afresh, "")):
            return None  # as it was at first it cannot be had
        for way, first in _firsts(point):
            when = f"where the first call of all was {way}"
            try:
                found = after(first)
            except RAISED as error:
                return Impurity(Kind.FIRST_CALL, f"it raises {when}: {told(error)}", by=FORWARD)
            for fault in _differing(point, usual, found, when):
                return fault
    return None


def _firsts(point: Point) -> Iterator[tuple[str, First]]:
    """First calls that a program makes before it wants a gradient, in words; wider dtypes last."""
    for way, setting in WITHOUT_GRAPH.items():
        yield way, partial(_untracked, setting)
    if any(tensor.dtype is torch.float64 for tensor in point.inputs.values()):
        for narrow in (torch.float32, torch.bfloat16):
            yield f"in {str(narrow).removeprefix('torch.')}", partial(_narrowly, narrow)


def _untracked(setting: Callable[[], AbstractContextManager[object]], point: Point) -> object:
    return called_under(setting, point.call)(_lent(point))


def _narrowly(narrow: torch.dtype, point: Point) -> object:
    """Forward and backward in a dtype of fewer digits."""

    def cast(tensor: Tensor) -> Tensor:
        return tensor.to(narrow) if tensor.dtype is torch.float64 else tensor

    fed = None if point.cotangent is None else cast(point.cotangent)
    inputs = {name: cast(tensor) for name, tensor in point.inputs.items()}
    return replace(point, inputs=inputs, cotangent=fed).answer()


def _lent(point: Point) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in point.inputs.items()}


def _afresh(origin: Origin, make: Make, point: Point, first: First) -> Answer:
    """The answer of the function as it was when it was imported, after a first call.

    One that raises is taken for none: who does not support that has nobody call it so.
    """
    with origin.restored():
        fresh = replace(point, call=make().call)
        with undisturbed(), suppress(*RAISED):
            first(fresh)
        return fresh.answer()


def _differing(point: Point, usual: Answer, found: Answer, when: str) -> Iterator[Impurity]:
    if not alike(found[0], usual[0]):
        yield Impurity(Kind.FIRST_CALL, f"the result is another {when}", by=FORWARD)
        return
    for name in different(point.wrt, found[1], usual[1]):
        yield Impurity(Kind.FIRST_CALL, f"the gradient of {name} is another {when}", name)
