"""Reductions and scans: what a reduction's backward must spread, count or reverse, and does not."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class SoftmaxDiagonal(torch.autograd.Function):
    """Only the diagonal of the Jacobian."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = torch.softmax(x, dim=-1)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return grad_output * y * (1 - y)


class SoftmaxWrongAxis(torch.autograd.Function):
    """Along dim 1, but summed over dim 0 in the backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = torch.softmax(x, dim=1)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return y * (grad_output - (grad_output * y).sum(dim=0, keepdim=True))


class LogSoftmaxWithoutSum(torch.autograd.Function):
    """grad - softmax, as if grad_output summed to 1."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = torch.log_softmax(x, dim=-1)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return grad_output - y.exp()


class MeanWithoutCount(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.shape = x.shape
        return x.mean()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output.expand(ctx.shape).clone()


class VarianceCorrection(torch.autograd.Function):
    """Divided by n - 1 in the forward, by n in the backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.var(dim=-1)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        centred = x - x.mean(dim=-1, keepdim=True)
        return grad_output.unsqueeze(-1) * 2 * centred / x.shape[-1]


def biased_variance(x: Tensor) -> Tensor:
    """The variance of a sample was wanted."""
    return (x - x.mean(dim=-1, keepdim=True)).square().mean(dim=-1)


class CumsumNotReversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return torch.cumsum(x, dim=0)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return torch.cumsum(grad_output, dim=0)


class ProdByDivision(torch.autograd.Function):
    """The product without one factor as a quotient: 0/0 where that factor is 0."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x.prod()
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        x, y = ctx.saved_tensors
        return grad_output * y / x


class MaxToTheFirst(torch.autograd.Function):
    """The gradient goes to the first element, whichever was the largest."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.shape = x.shape
        return x.amax()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        gradient = grad_output.new_zeros(ctx.shape)
        gradient[0] = grad_output
        return gradient


class SortForgetsPermutation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.sort().values

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output.clone()
