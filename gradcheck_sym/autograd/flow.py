"""One backward, watched: what reaches each node of the graph, and what it hands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gradcheck_sym.autograd.implementation import Implementation
from gradcheck_sym.autograd.ledger import job_of
from gradcheck_sym.autograd.state import undisturbed
from gradcheck_sym.autograd.tape import nodes

Array = NDArray[Any]  # of float64, or complex
_SAVED = "_saved_"


@final
@dataclass(frozen=True, slots=True)
class Pass:
    """What one node did in a backward."""

    node: str  # "MulBackward0"
    received: tuple[Array | None, ...]  # by output of the operation; None: none arrived
    handed: tuple[tuple[str, Array | None], ...]  # to whom: a node, or the leaf that is an input
    saved: Mapping[str, object]  # what it had kept: arrays and numbers by torch's names


@final
@dataclass(frozen=True, slots=True)
class Flow:
    """One forward and its backward."""

    value: Array
    passes: tuple[Pass, ...]  # in the order in which they ran
    gradients: Mapping[str, Array | None]  # what .grad is after that, by input


def flow(
    implementation: Implementation,
    point: Mapping[str, Array],
    wrt: tuple[str, ...],
    dtype: str,
) -> Flow:
    """Runs an implementation at one point, and the sum of its value backward.

    point: (1, *shape) by input name. Raises whatever the implementation raises.
    """
    with undisturbed():
        job = job_of(implementation, point, wrt, None, dtype)
        tensors = {name: batch[0].detach() for name, batch in job.inputs.items()}
        for name in wrt:
            tensors[name].requires_grad_()
        result = job.call(tensors)
        watch = _Watch({id(tensors[name]): name for name in wrt})
        if result.requires_grad:
            watch.attach(result)
            torch.autograd.backward(result, torch.ones_like(result))
        gradients = {name: _array(tensors[name].grad) for name in wrt}
        value = _array(result)
    assert value is not None
    return Flow(value, tuple(watch.passes), gradients)


@final
class _Watch:
    """Hooks on every node of a graph."""

    def __init__(self, leaves: Mapping[int, str]) -> None:
        self.passes: list[Pass] = []
        self._leaves = leaves  # inputs by the identity of their tensors

    def attach(self, result: Tensor) -> None:
        """Watch all nodes behind a result."""
        for node in list(nodes([result])):
            if not _is_leaf(node):
                self._attach(node)

    def _attach(self, node: Any) -> None:
        to = [self._target(following) for following, _ in node.next_functions]
        saved = dict(_saved(node))

        def on_pass(handed: tuple[Tensor | None, ...], received: tuple[Tensor | None, ...]) -> None:
            arrived = tuple(map(_array, received))
            given = tuple((name, _array(g)) for name, g in zip(to, handed, strict=False) if name)
            self.passes.append(Pass(node.name(), arrived, given, saved))

        node.register_hook(on_pass)

    def _target(self, node: Any) -> str:
        """Whom a gradient goes to: an input by its name, a node by its; "" where to nobody."""
        if node is None:
            return ""
        if _is_leaf(node):
            return self._leaves.get(id(node.variable), "a tensor of its own")
        return str(node.name())


def _is_leaf(node: Any) -> bool:
    return hasattr(node, "variable")


def _saved(node: Any) -> Any:
    """What a node has kept, as far as it can be shown: arrays and numbers."""
    for name in dir(node):
        if name.startswith(_SAVED) and "_sym_" not in name:  # sizes, as the compiler has them
            found = _shown(getattr(node, name, None))
            if found is not None:
                yield name.removeprefix(_SAVED), found


def _shown(value: object) -> object:
    if isinstance(value, Tensor):
        return _array(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value - 2**64 if value >= 2**63 else value  # torch shows -1 without its sign


def _array(tensor: Tensor | None) -> Array | None:
    if tensor is None:
        return None
    wide = torch.complex128 if tensor.is_complex() else torch.float64
    return np.asarray(tensor.detach().to(wide, copy=True).resolve_conj().numpy())
