"""Right wherever a derivative exists; at ties and kinks no slope that any neighbour has."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class MasksOverlap(torch.autograd.Function):
    """Both masks hold at 0, where the slopes add up."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.where(x > 0, x, 0.01 * x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * (x >= 0) + 0.01 * grad_output * (x <= 0)


class MasksLeaveAGap(torch.autograd.Function):
    """Neither mask holds at 1, where the function is steep on both sides."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.where(x > 1, 3 * x - 2, x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gradient = torch.zeros_like(x)
        gradient[x > 1] = 3
        gradient[x < 1] = 1
        return grad_output * gradient


class EveryMaximumTakesAll(torch.autograd.Function):
    """Each of several equal maxima gets the whole gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x.amax()
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        x, y = ctx.saved_tensors
        return grad_output * (x == y)


class MaximumCountsTiesTwice(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return torch.maximum(x, y)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, y = ctx.saved_tensors
        return grad_output * (x >= y), grad_output * (y >= x)


class MinimumDropsTies(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return torch.minimum(x, y)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, y = ctx.saved_tensors
        return grad_output * (x < y), grad_output * (y < x)


class SortLooksValuesUp(torch.autograd.Function):
    """Finds each element's place by its value: equal ones all find the first."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x.sort().values
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        x, y = ctx.saved_tensors
        return grad_output[torch.searchsorted(y, x)]


class SignByDivision(torch.autograd.Function):
    """x/|x| is a sign everywhere but at 0."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.abs().sum()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * (x / x.abs())


def absolute_by_root(x: Tensor) -> Tensor:
    """sqrt(x**2): 0 times infinity at 0, and no square for tiny numbers."""
    return torch.sqrt(x * x)


class StraightThroughButTheLast(torch.autograd.Function):
    """Rounds to eighths; the last code that there is passes no gradient, though it is in range."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        code = torch.floor(8 * x)
        ctx.save_for_backward(code)
        return code.clamp(-8, 7) / 8

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (code,) = ctx.saved_tensors
        return grad_output * ((code >= -8) & (code < 7))
