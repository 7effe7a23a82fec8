"""Kinks: each member of the generalized gradient is right, whichever an author chose."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class ReluHalfAtZero(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * torch.heaviside(x, torch.full_like(x, 0.5))


class ReluZeroAtZero(torch.autograd.Function):
    """By its output, in place of its input."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x.clamp(min=0)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return grad_output.masked_fill(y <= 0, 0)


class AbsolutePlusAtZero(torch.autograd.Function):
    """At 0 the slope to the right."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.abs()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return torch.where(x >= 0, grad_output, -grad_output)


class MaximumToFirst(torch.autograd.Function):
    """At a tie the first argument gets all."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x >= y)
        return torch.maximum(x, y)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        (first,) = ctx.saved_tensors
        return grad_output * first, grad_output * ~first


class AmaxSplit(torch.autograd.Function):
    """Equal maxima share the gradient evenly."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x.amax()
        ctx.save_for_backward(x == y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (mask,) = ctx.saved_tensors
        return grad_output * mask / mask.sum()


class AmaxToLast(torch.autograd.Function):
    """The last of equal maxima gets all."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x.amax()
        ctx.save_for_backward(x == y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (mask,) = ctx.saved_tensors
        last = mask & (mask.flip(0).cumsum(0).flip(0) == 1)
        return grad_output * last


class NormZeroAtZero(torch.autograd.Function):
    """Of a vector in the plane: at the origin 0, out of the unit ball; elsewhere x/|x|."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.hypot(x[0], x[1])

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        scale = x.detach().abs().amax()
        if scale == 0:
            return torch.zeros_like(x)
        unit = x / scale  # the length of a subnormal vector has hardly a digit
        return grad_output * unit / torch.hypot(unit[0], unit[1])


class SignStraightThrough(torch.autograd.Function):
    """-1 or 1 in the forward; in the backward the slope of clamp(x, -1, 1)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.where(x >= 0, 1.0, -1.0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * (x.abs() <= 1)


class ConcatenatedRelu(torch.autograd.Function):
    """Both parts have the slope 0 at 0."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.cat([x.clamp_min(0), (-x).clamp_min(0)])

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        up, down = grad_output.chunk(2)
        return up * (x > 0) - down * (x < 0)


def extremes(x: Tensor) -> Tensor:
    """The first of those that tie has the slope of either."""
    return torch.stack([x.min(dim=0).values, x.max(dim=0).values])


class ReluByMean(torch.autograd.Function):
    """Adds before it divides: not for the largest numbers, which nobody asked it for."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return (x.abs() + x) / 2

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * (x.sign() + 1) / 2


class RootOfPositivePart(torch.autograd.Function):
    """At 0 the slope from the left, where the function is 0 all along."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        inside = x > 0
        y = torch.where(inside, x, 0).sqrt()
        ctx.save_for_backward(inside, y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        inside, y = ctx.saved_tensors
        return torch.where(inside, grad_output / (2 * torch.where(inside, y, 1)), 0)


class LayerOfRelus(torch.autograd.Function):
    """Each of nine values has the slope 0 at its own kink: there are all of them where w is 0."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        y = (x @ w.T).relu()
        ctx.save_for_backward(x, w, y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, w, y = ctx.saved_tensors
        inner = grad_output * (y > 0)
        return inner @ w, inner.T @ x
