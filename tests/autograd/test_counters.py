"""Where a function may count its calls."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gradcheck_sym.autograd.counters import counts, has_risen
from gradcheck_sym.autograd.endurance import outworn
from gradcheck_sym.autograd.implementation import Implementation
from gradcheck_sym.autograd.impurity import Kind

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

    @staticmethod
    def backward(ctx: object, grad_output: Tensor) -> Tensor:
        """What comes."""
        return grad_output


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


class Tuned(torch.autograd.Function):
    """Another slope from the thousandth call on."""

    calls = 0

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Twice x."""
        Tuned.calls += 1
        ctx.slope = 2.0 if Tuned.calls < 1000 else 2.002
        return 2 * x

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        """The slope of that call."""
        return ctx.slope * grad_output  # type: ignore[no-any-return]


@pytest.mark.parametrize("function, told", [(Tuned.apply, True), (OnTheClass.apply, False)])
def test_what_counting_changes(function: Any, told: bool) -> None:
    """Only a number that the answer depends on is a fault."""
    values = {"x": np.ones((1, 2))}
    own = Implementation(lambda tensors: function(tensors["x"]), "user", "own")
    fault = outworn(own, values, ("x",), None, "float64")
    assert (fault is not None) is told
    assert fault is None or (fault.kind, fault.name) == (Kind.COUNTED, "x")


def test_without_a_count() -> None:
    """Most functions keep none."""
    before = counts(torch.sin)
    torch.sin(torch.zeros(2))
    assert not has_risen(before, counts(torch.sin))
