"""What rounding of what a forward keeps moves a gradient by: y of tanh, where 1 - y**2 is made of.

A forward may make what it keeps where no perturbed run sees it round, in NumPy or in a kernel of
its own. What was kept can be rounded otherwise all the same, and the backward run on that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import numpy as np
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from gradcheck_sym.autograd.dispatch import EagerMode
from gradcheck_sym.autograd.graphs import Gradients, Graph, Point, points_of, same
from gradcheck_sym.autograd.implementation import RAISED, Implementation
from gradcheck_sym.autograd.kernels import is_seen_through
from gradcheck_sym.autograd.leaving import Leaving
from gradcheck_sym.autograd.ledger import Array, dense, frozen, job_of
from gradcheck_sym.autograd.memory import nodes, own_nodes
from gradcheck_sym.autograd.noise import moved, rounds
from gradcheck_sym.autograd.rounding import reach
from gradcheck_sym.autograd.state import repeatable, undisturbed

_RUNS = 8  # each is one backward


def recalled(
    implementation: Implementation,
    values: Mapping[str, Array],
    wrt: tuple[str, ...],
    cotangent: Array,
    dtype: str,
) -> Mapping[str, Array]:
    """The most that rounding of what the forward kept may move each gradient by, at one point.

    Values and cotangent of the shapes of inputs and result, gradients of those of the inputs.
    Inputs that are kept are exact. Infinite where nobody wrote a Function: torch rounds what it
    keeps, in kernels of its own. So where the backward rounds out of sight itself, in NumPy or in
    kernels that are not torch's, so that what it makes anew counts as kept as well; and where it
    cannot be run again.
    """
    lanes = {name: np.asarray(array)[None] for name, array in values.items()}
    (point,) = points_of(job_of(implementation, lanes, wrt, np.asarray(cotangent)[None], dtype))
    with undisturbed(), repeatable():
        try:
            kept = _Kept(point)
            plain = kept.pulled(None)
            if kept.is_hidden:
                raise RuntimeError("its roundings cannot be seen")
            found = [_gaps(plain, kept.pulled(salt)) for salt in range(_RUNS)]
        except RAISED:
            return {name: np.full(lanes[name].shape[1:], np.inf) for name in wrt}
    most = [reach(_RUNS) * np.max(gaps, axis=0) for gaps in zip(*found, strict=True)]
    return dict(zip(wrt, most, strict=True))


def _gaps(plain: list[Array], moved_by: list[Array]) -> list[Array]:
    """How far two lists of gradients are apart; infinitely where one is no number."""
    with np.errstate(invalid="ignore", over="ignore"):
        gaps = [
            np.where(before == after, 0.0, np.abs(after - before))
            for before, after in zip(plain, moved_by, strict=True)
        ]
    return [np.where(np.isnan(gap), np.inf, gap) for gap in gaps]


@final
class _Kept:
    """The graph at one point, whose backward runs on what was kept, rounded in any way."""

    def __init__(self, point: Point) -> None:
        self._salt: int | None = None
        self._inputs = list(point.inputs.values())
        with saved_tensors_hooks(Tensor.detach, self._rounded):
            self._graph: Graph = point.graph()
        self._attributes = [
            (vars(node), dict(vars(node)))
            for node in nodes(self._graph.result)
            if hasattr(node, "__dict__")
        ]
        self.is_hidden = not own_nodes(self._graph.result)  # some of the backward's roundings

    def pulled(self, salt: int | None) -> list[Array]:
        """The gradients, flat in float64; with a salt, what was kept is rounded otherwise."""
        self._salt = salt
        for kept, before in self._attributes:
            kept.update({name: self._rounded(value) for name, value in before.items()})
        if salt is not None:
            return self._numbers(self._graph.pull(retain=True))
        leaving, watch = Leaving(self._graph.result), _Watch()
        with watch:
            found = self._graph.pull(retain=True)
        self.is_hidden |= leaving.read or watch.hidden
        return self._numbers(found)

    def _numbers(self, gradients: Gradients) -> list[Array]:
        return [
            np.zeros(leaf.shape) if part is None else frozen(dense(part))
            for leaf, part in zip(self._graph.leaves, gradients, strict=True)
        ]

    def _rounded(self, kept: Any) -> Any:
        """What was kept, with all numbers in it that are no input's moved by a rounding."""
        if self._salt is None:
            return kept
        match kept:
            case Tensor():
                exact = not rounds(kept) or any(same(kept, own) for own in self._inputs)
                return kept if exact else _moved(kept, self._salt)
            case float():
                return _moved(torch.tensor(kept, dtype=torch.float64), self._salt).item()
            case np.ndarray() if kept.dtype.kind == "f":
                return _moved(torch.from_numpy(kept.copy()), self._salt).numpy()
            case list() | tuple():
                return type(kept)([self._rounded(part) for part in kept])
            case dict():
                return {name: self._rounded(part) for name, part in kept.items()}
        return kept


def _moved(numbers: Tensor, salt: int) -> Tensor:
    """Moved by a rounding; a 0 may be what is left of a smaller number."""
    return moved(numbers.detach(), salt, None, lost=np.ones(1, dtype=np.bool_))


@final
class _Watch(EagerMode):
    """Notes whether anything is rounded that a perturbed run does not see."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.hidden = False

    def carry_out(self, func: Any, args: Any, kwargs: Any) -> Any:
        """The operation as it is."""
        self.hidden |= not is_seen_through(func, args)
        return func(*args, **kwargs)
