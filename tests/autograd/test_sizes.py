"""What sizes are held against shows at any size, forward and backward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gradcheck_sym.autograd.implementation import Implementation
from gradcheck_sym.autograd.sizes import held_against

HELD: dict[str, tuple[Callable[[Tensor], object], set[int]]] = {
    "nothing": (lambda x: x.shape, set()),
    "a bound": (lambda x: x.shape[1] > 512, {512}),
    "a bound on all": (lambda x: x.numel() >= 64, {64}),
    "blocks": (lambda x: x.size(-1) // 96 * 96, {96}),
    "a rest": (lambda x: divmod(2 * x.shape[0] - 1, 48), {48}),
    "a mask": (lambda x: x.shape[0] & 15, {16}),
    "the smaller": (lambda x: min(x.shape[0], 24), {24}),
    "pieces": (lambda x: x.split(100), {100}),
    "a slice": (lambda x: [x[k : k + 40] for k in range(0, len(x), 40)], {40}),
    "what is written to": (lambda x: x.clone().__setitem__((0, slice(0, 12)), 1), {12}),
    "each other": (lambda x: x.shape[0] < x.shape[1], set()),
}


def _own(ask: Callable[[Tensor], object], when: str) -> Implementation:
    class Own(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            if when == "forward":
                ask(x)
            return x.clone()

        @staticmethod
        def backward(ctx: Any, grad_output: Tensor) -> Tensor:
            (x,) = ctx.saved_tensors
            if when == "backward":
                ask(x)
            if when == "raise":
                ask(x)
                raise ValueError
            return grad_output

    return Implementation(lambda tensors: Own.apply(tensors["x"]), "user", "own")


@pytest.mark.parametrize("when", ["forward", "backward", "raise"])
@pytest.mark.parametrize("name", HELD)
def test_what_sizes_are_held_against(name: str, when: str) -> None:
    """Also where it raises afterwards; nothing goes on being watched."""
    ask, numbers = HELD[name]
    found = held_against(_own(ask, when), {"x": np.ones((1, 3, 4))}, ("x",), "float64")
    assert found == numbers
    assert type(torch.ones(3).shape[0]) is int


def test_nothing_that_requires_a_gradient() -> None:
    """Only the forward runs."""
    ask, numbers = HELD["blocks"]
    found = held_against(_own(ask, "forward"), {"x": np.ones((1, 3, 4))}, (), "float64")
    assert found == numbers
