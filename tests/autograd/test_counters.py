"""Where a function may count its calls."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest
import torch
from torch import Tensor, nn

from gradcheck_sym.autograd.counters import counts, has_risen

CALLS: dict[str, int] = {}
NUMBERS = count()


def in_a_global(x: Tensor) -> Tensor:
    """In a dict of the module."""
    CALLS["done"] = CALLS.get("done", 0) + 1
    return x


def by_itertools(x: Tensor) -> Tensor:
    """In an iterator."""
    next(NUMBERS)
    return x


def in_a_closure() -> Callable[[Tensor], Tensor]:
    """In a cell."""
    done = 0

    def call(x: Tensor) -> Tensor:
        nonlocal done
        done += 1
        return x

    return call


class OnTheClass(torch.autograd.Function):
    """On a Function."""

    calls = 0

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        """The same numbers."""
        OnTheClass.calls += 1
        return x.clone()


class InABuffer(nn.Module):
    """In a tensor of a module."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        """The same numbers."""
        self.seen += 1
        return x


COUNTING = [in_a_global, by_itertools, in_a_closure(), OnTheClass.apply, InABuffer()]


@pytest.mark.parametrize("function", COUNTING)
def test_a_count_is_found(function: Callable[[Tensor], Tensor]) -> None:
    """Wherever it is kept, it is larger after a call."""
    before = counts(function)
    function(torch.zeros(2))
    assert has_risen(before, counts(function))


def test_without_a_count() -> None:
    """Most functions keep none."""
    before = counts(torch.sin)
    torch.sin(torch.zeros(2))
    assert not has_risen(before, counts(torch.sin))
