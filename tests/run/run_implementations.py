"""Implementations under test: right, wrong in one way, and unruly."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def _made(forward: Any, slope: Any) -> Any:
    class Made(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return forward(x)

        @staticmethod
        def backward(ctx: Any, fed: Tensor) -> Tensor:  # type: ignore[override]
            (x,) = ctx.saved_tensors
            return fed * slope(x)

    return Made


def _cosh2(x: Tensor) -> Tensor:
    return torch.cosh(x) ** -2


right = _made(torch.tanh, _cosh2)
zero = _made(torch.tanh, lambda x: 0 * x)
negative = _made(torch.tanh, lambda x: -_cosh2(x))
a_little_off = _made(torch.tanh, lambda x: _cosh2(x) * (1 + 1e-9))
another_function = _made(lambda x: torch.tanh(x) * 1.001, lambda x: _cosh2(x) * 1.001)
from_output = _made(torch.tanh, lambda x: 1 - torch.tanh(x) ** 2)
nan_beyond = _made(torch.tanh, lambda x: torch.where(x > 2, x * torch.nan, _cosh2(x)))
steep_at_zero = _made(torch.relu, lambda x: torch.where(x == 0, 5.0, (x > 0).to(x)))
gaussian_without_slope = _made(lambda x: torch.exp(-x * x), lambda x: 0 * x)
gaussian = _made(lambda x: torch.exp(-x * x), lambda x: -2 * x * torch.exp(-x * x))


def raises_at_seven(x: Tensor) -> Tensor:
    """Raises where any element is exactly 7."""
    if (x.detach() == 7).any():
        raise ArithmeticError("seven")
    return torch.tanh(x)


def raises(x: Tensor) -> Tensor:
    """Raises always."""
    raise RuntimeError("no")


def untracked(x: Tensor) -> Tensor:
    """The right value, without a gradient."""
    return torch.tanh(x.detach())


def other_shape(x: Tensor) -> Tensor:
    """A result of another shape."""
    return torch.tanh(x).sum()


def in_float32(x: Tensor) -> Tensor:
    """The right function at single precision, whatever comes in."""
    return torch.tanh(x.to(torch.float32)).to(x.dtype)


def first_only(x: Tensor, y: Tensor) -> Tensor:
    """x*y with nothing flowing into y."""
    return x * y.detach()
