"""Reverse mode where only some of the inputs require a gradient, or only one is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from types import MappingProxyType

from gradcheck_sym.autograd.implementation import Implementation
from gradcheck_sym.autograd.ledger import Array, Claims, job_of
from gradcheck_sym.autograd.reverse import each, reverse
from gradcheck_sym.autograd.state import undisturbed

Subset = tuple[str, ...]

_ALL_OF = 4  # inputs of which every subset is tried; of more, the smallest and the largest


def subsets(wrt: Subset) -> tuple[Subset, ...]:
    """Which inputs require a gradient together: from none to all, each in the order of `wrt`."""
    sizes = range(len(wrt) + 1)
    if len(wrt) > _ALL_OF:
        sizes = (0, 1, len(wrt) - 1, len(wrt))  # type: ignore[assignment]
    return tuple(subset for size in sizes for subset in combinations(wrt, size))


def reverse_subsets(
    implementation: Implementation,
    values: Mapping[str, Array],
    wrt: Subset,
    cotangents: Array | None,
    dtype: str,
) -> Mapping[Subset, Claims]:
    """What `reverse` claims for each subset of `wrt`; the other inputs require no gradient."""
    return MappingProxyType(
        {
            subset: reverse(implementation, values, subset, cotangents, dtype)
            for subset in subsets(wrt)
        }
    )


def reverse_alone(
    implementation: Implementation,
    values: Mapping[str, Array],
    wrt: Subset,
    cotangents: Array | None,
    dtype: str,
) -> Mapping[str, Claims]:
    """What torch.autograd.grad claims about each of `wrt` alone, though all require a gradient.

    Claims of gradients are about that one input. Arguments as of `reverse`.
    """
    found = {}
    for name in wrt:
        with undisturbed():
            job = job_of(implementation, values, wrt, cotangents, dtype)
            found[name] = each(replace(job, alone=name))
    return MappingProxyType(found)
