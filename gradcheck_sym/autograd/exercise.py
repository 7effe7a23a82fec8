"""What of torch an implementation makes use of: backward nodes and operators, seen as it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils._pytree import tree_leaves

from gradcheck_sym.autograd.dispatch import EagerMode
from gradcheck_sym.autograd.implementation import RAISED, Implementation
from gradcheck_sym.autograd.ledger import job_of
from gradcheck_sym.autograd.programs import final_tensors
from gradcheck_sym.autograd.state import undisturbed
from gradcheck_sym.autograd.tape import names
from gradcheck_sym.spec.records import Spec


@final
@dataclass(frozen=True, slots=True)
class Exercised:
    """What took part in one value and its gradients."""

    nodes: frozenset[str] = frozenset()  # behind the value, which a backward runs
    second: frozenset[str] = frozenset()  # behind the gradients, which a second backward runs
    operators: frozenset[str] = frozenset()  # below autograd, where composite ones are in parts

    def __or__(self, other: Exercised) -> Exercised:
        return Exercised(
            self.nodes | other.nodes,
            self.second | other.second,
            self.operators | other.operators,
        )


def exercised(
    implementation: Implementation,
    point: Mapping[str, NDArray[np.float64]],
    wrt: tuple[str, ...],
    dtype: str,
) -> Exercised:
    """What one run at a point, (1, *shape) by input name, makes use of.

    Raises whatever the implementation raises; a backward that has none of its own is no error.
    """
    with undisturbed(), _Recorder() as recorder:
        job = job_of(implementation, point, wrt, None, dtype)
        tensors = {name: batch[0].detach() for name, batch in job.inputs.items()}
        for name in wrt:
            tensors[name].requires_grad_()
        result = job.call(tensors)
        gradients = _gradients(result, [tensors[name] for name in wrt])
    return Exercised(names([result]), names(gradients), frozenset(recorder.called))


def exercised_by_steps(spec: Spec, dtype: str) -> Exercised:
    """What the steps of a spec make use of."""
    with undisturbed(), _Recorder() as recorder:
        left = final_tensors(spec, dtype)
        gradients = [tensor.grad for tensor in left if isinstance(tensor.grad, Tensor)]
    return Exercised(names(left), names(gradients), frozenset(recorder.called))


def _gradients(result: Tensor, inputs: list[Tensor]) -> list[Tensor]:
    if not result.requires_grad or not inputs:
        return []
    ones = torch.ones_like(result)
    try:
        found = torch.autograd.grad(result, inputs, ones, create_graph=True, allow_unused=True)
    except RAISED:
        return []
    given: list[Tensor | None] = list(found)  # None: unused
    return [gradient for gradient in given if gradient is not None]


@final
class _Recorder(EagerMode):  # type: ignore[no-untyped-call]
    """Notes which operators are called on tensors that are tracked."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.called: set[str] = set()

    def carry_out(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Carry out one operator."""
        given = [*args, *kwargs.values()]
        if any(isinstance(leaf, Tensor) and leaf.requires_grad for leaf in tree_leaves(given)):
            self.called.add(func.name())
        return func(*args, **kwargs)
