"""Reverse mode where only some of the inputs require a gradient, or only one is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations

from gradcheck_sym.autograd.implementation import Implementation
from gradcheck_sym.autograd.ledger import Array, Claims, job_of
from gradcheck_sym.autograd.reverse import each
from gradcheck_sym.autograd.state import undisturbed

Subset = tuple[str, ...]

_ALL_OF = 4  # inputs of which every subset is tried; of more, the smallest and the largest


def subsets(wrt: Subset) -> tuple[Subset, ...]:
    """Which inputs require a gradient together: from none to all, each in the order of `wrt`."""
    sizes = range(len(wrt) + 1)
    if len(wrt) > _ALL_OF:
        sizes = (0, 1, len(wrt) - 1, len(wrt))  # type: ignore[assignment]
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
