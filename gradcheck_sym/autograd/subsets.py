"""What is claimed where some of the inputs require a gradient, or none, or one is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import combinations
from types import MappingProxyType

import torch
from torch import Tensor

from gradcheck_sym.autograd.implementation import Implementation
from gradcheck_sym.autograd.ledger import Array, Claims, job_of
from gradcheck_sym.autograd.reverse import each, reverse
from gradcheck_sym.autograd.state import undisturbed

Subset = tuple[str, ...]

_ALL_OF = 4  # inputs of which every subset is tried; of more, up to two and nearly all


NO_GRAD = "under torch.no_grad()"

# Ways to say that no gradient is wanted, by the words of a report; each may have a fast path.
WITHOUT_GRAPH: Mapping[str, Callable[[], AbstractContextManager[object]]] = MappingProxyType(
    {NO_GRAD: torch.no_grad, "under torch.inference_mode()": torch.inference_mode}
)


def subsets(wrt: Subset) -> tuple[Subset, ...]:
    """Which inputs require a gradient together: from none to all, each in the order of `wrt`."""
    sizes = range(len(wrt) + 1)
    if len(wrt) > _ALL_OF:
        sizes = (0, 1, 2, len(wrt) - 1, len(wrt))  # type: ignore[assignment]
    return tuple(subset for size in sizes for subset in combinations(wrt, size))


def reverse_alone(
    implementation: Implementation,
    values: Mapping[str, Array],
    wrt: Subset,
    cotangents: Array | None,
    dtype: str,
    name: str,
) -> Claims:
    """What torch.autograd.grad claims about one of `wrt`, though all of them require a gradient.

    Other arguments as of `reverse`.
    """
    with undisturbed():
        job = job_of(implementation, values, wrt, cotangents, dtype)
        return each(replace(job, alone=name))


def untracked(
    implementation: Implementation,
    values: Mapping[str, Array],
    wrt: Subset,
    cotangents: Array | None,
    dtype: str,
    mode: str,
    *,
    told: str,
) -> Claims:
    """What `reverse` claims under one of `WITHOUT_GRAPH`: values alone, and no gradient.

    Other arguments as of `reverse`; those of `wrt` require a gradient nevertheless.
    """
    made = replace(implementation, call=called_under(WITHOUT_GRAPH[told], implementation.call))
    return reverse(made, values, wrt, cotangents, dtype, mode)


def called_under(
    setting: Callable[[], AbstractContextManager[object]],
    call: Callable[[Mapping[str, Tensor]], Tensor],
) -> Callable[[Mapping[str, Tensor]], Tensor]:
    """The function under a setting of torch; its result has no graph, whatever it does itself."""

    def under(tensors: Mapping[str, Tensor]) -> Tensor:
        with setting():
            return call(tensors).detach()

    return under
