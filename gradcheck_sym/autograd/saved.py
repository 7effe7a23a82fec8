"""What a backward takes out of its forward as constants, and what a second derivative so lacks.

An intermediate that a forward saves is constant to whatever differentiates the backward: the
second derivative then lacks the part that goes through it, and nobody is told. Here a backward is
run at one point on what its forward saved at another, so that this very part can be measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from gradcheck_sym.autograd.graphs import Graph, Point, points_of
from gradcheck_sym.autograd.implementation import RAISED, Implementation
from gradcheck_sym.autograd.ledger import Array, dense, job_of
from gradcheck_sym.autograd.memory import nodes, tensors_in
from gradcheck_sym.autograd.state import repeatable, undisturbed

Along = Callable[[Array], Array]


@final
@dataclass(frozen=True, slots=True)
class Line:
    """A line of points, and the number that is looked at along it."""

    steps: Mapping[str, Array]  # of the inputs that move, each of its shape
    weights: Array  # of the gradient's elements, all inputs' in a row


def of_saved(
    implementation: Implementation,
    values: Mapping[str, Array],
    wrt: tuple[str, ...],
    cotangent: Array,
    dtype: str,
    line: Line,
) -> Along:
    """How the gradient at a point depends on what its forward saved, as a function of offsets (K,).

    The point, values and cotangent of the shapes of inputs and result, stays where it is; what its
    forward saved besides inputs and results is that of the point moved along the line. Numbers are
    NaN where a forward or backward raises, or saves other things there.
    """
    lanes = {name: np.asarray(array)[None] for name, array in values.items()}
    (point,) = points_of(job_of(implementation, lanes, wrt, np.asarray(cotangent)[None], dtype))

    def along(offsets: Array) -> Array:
        with undisturbed(), repeatable():
            try:
                here = _Kept.of(point)
            except RAISED:
                return np.full(len(offsets), np.nan)
            return np.array([_number(here, point, line, offset) for offset in offsets])

    return along


def _number(here: _Kept, point: Point, line: Line, offset: float) -> float:
    try:
        if not here.take(_Kept.of(_moved(point, line, offset))):
            return float("nan")
        parts = here.graph.pull(retain=True)
    except RAISED:
        return float("nan")
    flat = [
        torch.zeros_like(leaf).flatten() if part is None else dense(part).flatten()
        for leaf, part in zip(here.graph.leaves, parts, strict=True)
    ]
    return float(np.dot(line.weights, torch.cat(flat).detach().double().numpy()))


def _moved(point: Point, line: Line, offset: float) -> Point:
    steps = {name: torch.as_tensor(offset * step) for name, step in line.steps.items()}
    inputs = {
        name: tensor + steps[name].to(tensor.dtype) if name in steps else tensor
        for name, tensor in point.inputs.items()
    }
    return Point(point.call, inputs, point.wrt, point.cotangent)


@final
@dataclass(frozen=True, slots=True)
class _Kept:
    """A graph, and what it keeps; what is constant of it can be replaced."""

    graph: Graph
    saved: list[Tensor]
    constant: list[bool]  # of each of them: neither an input that is differentiated nor a result

    @staticmethod
    def of(point: Point) -> _Kept:
        """The graph at a point; raises what the forward raises."""
        saved: list[Tensor] = []
        constant: list[bool] = []

        def pack(tensor: Tensor) -> int:
            saved.append(tensor.detach())
            constant.append(not tensor.requires_grad)
            return len(saved) - 1

        with saved_tensors_hooks(pack, lambda place: saved[place]):
            return _Kept(point.graph(), saved, constant)

    def take(self, other: _Kept) -> bool:
        """Takes the constants of another graph; False where that one keeps other things."""
        mine, theirs = self._attributes(), other._attributes()
        alike = [set(kept) for kept in mine] == [set(kept) for kept in theirs]
        if not alike or self.constant != other.constant:
            return False
        for place, replaced in enumerate(other.saved):
            if self.constant[place]:
                self.saved[place] = replaced
        for kept, replacing in zip(mine, theirs, strict=True):
            constants = {
                name: value
                for name, value in replacing.items()
                if not any(tensor.requires_grad for tensor in tensors_in(value))
            }
            kept.update(constants)
        return True

    def _attributes(self) -> list[dict[str, Any]]:
        """What Functions keep as attributes of ctx, one after the other."""
        return [vars(node) for node in nodes(self.graph.result) if hasattr(node, "__dict__")]
