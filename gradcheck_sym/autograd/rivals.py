"""Whether a function answers as if nobody had called it before.

Beside results that are alive, and where tensors that it has seen hold other values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

import torch
from torch import Tensor

from gradcheck_sym.autograd.graphs import Gradients, Point, alike, copied
from gradcheck_sym.autograd.implementation import RAISED, told
from gradcheck_sym.autograd.impurity import FORWARD, Impurity, Kind

Rivals = Sequence[tuple[str, Point]]  # where the function is called besides, in words, and there


def crowded(point: Point, rivals: Rivals) -> Iterator[Impurity]:
    """The same answer while another result is alive; the first rival that disturbs is told."""
    for where, rival in rivals:
        try:
            theirs = _Answer.of(rival)
        except RAISED:
            continue  # a fault of that point, if any
        faults = [*_disturbed(point, rival, where, _Answer.of(point), theirs)]
        if faults:
            yield from faults
            return


def refilled(point: Point, rivals: Rivals) -> Iterator[Impurity]:
    """The answer at other values in the same tensors, as those of a parameter are after a step."""
    for _, rival in rivals:
        if any(point.inputs[k].shape != tensor.shape for k, tensor in rival.inputs.items()):
            continue
        graph = point.graph()
        graph.pull()
        try:
            expected = _Answer.of(rival)
        except RAISED:
            continue
        with torch.no_grad():
            for name, tensor in graph.tensors.items():
                tensor.copy_(rival.inputs[name])
        again = replace(rival, given=graph.tensors).graph()
        if not alike(again.value, expected.value):
            yield Impurity(Kind.STALE, f"the result is another {_REFILLED}", by=FORWARD)
            return
        for name in different(again.wrt, again.pull(), expected.gradients):
            yield Impurity(Kind.STALE, f"the gradient of {name} is another {_REFILLED}", name)


_REFILLED = "where a tensor that was given before holds new values"


def relaid(point: Point) -> Iterator[Impurity]:
    """The answer where memory that was given before is given again with other strides.

    At the same address, of the same shape and version: who remembers by these takes one for the
    other.
    """
    if all(tensor.numel() < _TWO for tensor in point.inputs.values()):
        return
    alone = _spaced(point)[1]  # its memory stays in use: no other may lie at its address
    expected = _answer_in(point, alone)
    dense, spaced = _spaced(point)
    replace(point, given=dense).graph().pull()
    found = _answer_in(point, spaced)
    if not alike(found.value, expected.value):
        yield Impurity(Kind.STALE, f"the result is another {_RELAID}", by=FORWARD)
        return
    for name in different(point.wrt, found.gradients, expected.gradients):
        yield Impurity(Kind.STALE, f"the gradient of {name} is another {_RELAID}", name)


_TWO = 2  # elements, so that strides matter
_RELAID = "where memory that was given before is given with other strides"


def _answer_in(point: Point, given: Mapping[str, Tensor]) -> _Answer:
    return _Answer.of(replace(point, given=given))


def _spaced(point: Point) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The inputs as every other element of some memory, and the first half of that memory."""
    dense, spaced = {}, {}
    for name, tensor in point.inputs.items():
        memory = tensor.reshape(-1).repeat_interleave(2)
        dense[name] = memory[: tensor.numel()].view(tensor.shape)
        spaced[name] = memory[::2].view(tensor.shape)
    return dense, spaced


def _disturbed(
    point: Point, rival: Point, where: str, alone: _Answer, theirs: _Answer
) -> Iterator[Impurity]:
    one, other = point.graph(), rival.graph()
    again = f"the function was called again, {where}"
    if not alike(one.result, alone.value):
        yield Impurity(Kind.STALE, f"the result is another after {again}", by=FORWARD)
        return
    try:
        mine = one.pull()
    except RAISED as error:
        yield Impurity(Kind.STALE, f"the backward raises after {again}: {told(error)}")
        return
    for name in different(one.wrt, mine, alone.gradients):
        yield Impurity(Kind.STALE, f"the gradient of {name} is another after {again}", name)
    kept = copied(mine)
    beside = f"while another result is alive, {where}"
    for name in different(one.wrt, other.pull(), theirs.gradients):
        yield Impurity(Kind.STALE, f"the gradient of {name} is another {beside}", name)
    for name in different(one.wrt, mine, kept):
        text = f"the gradient of {name}, once given, is written to by the next backward, {where}"
        yield Impurity(Kind.STALE, text, name)


@final
@dataclass(frozen=True, slots=True)
class _Answer:
    """Copies of what a function says at a point when nothing else is going on."""

    value: Tensor
    gradients: Gradients

    @staticmethod
    def of(point: Point) -> _Answer:
        """The answer at a point; raises what the function raises."""
        graph = point.graph()
        return _Answer(graph.value, copied(graph.pull()))


def different(wrt: tuple[str, ...], found: Gradients, expected: Gradients) -> Iterator[str]:
    """The inputs whose gradients are another answer."""
    for name, gradient, other in zip(wrt, found, expected, strict=True):
        if not alike(gradient, other):
            yield name
