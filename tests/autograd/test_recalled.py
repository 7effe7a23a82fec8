"""What rounding of what a forward kept moves a gradient by, and when that cannot be told."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gradcheck_sym.autograd.implementation import Implementation
from gradcheck_sym.autograd.recalled import recalled

X = np.array([0.5, 20.0])  # in the tail of tanh nothing is left of 1 - y**2


class FromResult(torch.autograd.Function):
    """The slope of tanh from its saved result."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = torch.as_tensor(np.tanh(x.detach().numpy()))
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> Tensor:
        _, y = ctx.saved_tensors
        return fed * (1 - y * y)


class FromAttribute(FromResult):
    """The same from a list of numbers."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.kept = {"y": np.tanh(x.detach().numpy()).tolist()}
        return x.tanh()

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> Tensor:
        return fed * (1 - fed.new_tensor(ctx.kept["y"]).square())


class FromInput(FromResult):
    """From the input, although the result is saved as well."""

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> Tensor:
        x, _ = ctx.saved_tensors
        return fed / x.cosh().square()


class InNumpy(FromResult):
    """The tanh is taken again where nobody looks."""

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> Tensor:
        x, _ = ctx.saved_tensors
        return fed * torch.as_tensor(1 - np.tanh(x.detach().numpy()) ** 2)


class InPython(FromResult):
    """The same in Python's numbers."""

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> Tensor:
        x, _ = ctx.saved_tensors
        return fed * fed.new_tensor([1 - np.tanh(v) ** 2 for v in x.tolist()])


class Failing(FromResult):
    """Runs once."""

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> Tensor:
        raise ValueError


def _moved(function: Any) -> np.ndarray:
    judged = Implementation(lambda tensors: function(tensors["x"]), "user", "own")
    return recalled(judged, {"x": X}, ("x",), np.ones(2), "float64")["x"]


@pytest.mark.parametrize("function", [FromResult, FromAttribute])
def test_what_was_kept_is_rounded(function: Any) -> None:
    """About as much as y is, and far more than is left of the slope in the tail."""
    moved = _moved(function.apply)
    assert (moved > 2.0**-53).all()
    assert (moved < 1e-10).all()


def test_what_is_kept_and_not_used_moves_nothing() -> None:
    """Nor does an input, which is exact."""
    assert not _moved(FromInput.apply).any()


@pytest.mark.parametrize(
    "function",
    [InNumpy.apply, InPython.apply, Failing.apply, torch.tanh],
    ids=["numpy", "python", "failing", "torch"],
)
def test_where_roundings_are_out_of_sight(function: Any) -> None:
    """Anything may be lost then."""
    assert np.isinf(_moved(function)).all()
