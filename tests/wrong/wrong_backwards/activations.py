"""Activations: constants, thresholds and saved values that are not quite those of the forward."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn


class GeluTanhConstant(torch.autograd.Function):
    """0.044715 in the forward, 0.04471 in the backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return F.gelu(x, approximate="tanh")

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        root = math.sqrt(2 / math.pi)
        t = torch.tanh(root * (x + 0.04471 * x**3))
        inner = root * (1 + 3 * 0.044715 * x * x)
        return grad_output * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner)


class SoftplusEarlyThreshold(torch.autograd.Function):
    """The forward is exact; the backward takes the slope for 1 above 15 already."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.logaddexp(x, torch.zeros_like(x))

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * torch.where(x > 15, torch.ones_like(x), torch.sigmoid(x))


def softplus_unscaled_threshold(x: Tensor, beta: float = 4.0) -> Tensor:
    """The threshold is meant for beta*x and looked up with x."""
    safe = x.clamp(max=5.0)
    return torch.where(x > 5, x, torch.log1p(torch.exp(beta * safe)) / beta)


class SoftplusNaive(torch.autograd.Function):
    """exp(x)/(1 + exp(x)) is NaN where exp(x) is infinite."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return F.softplus(x, threshold=40)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * x.exp() / (1 + x.exp())


class LeakySlope(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return F.leaky_relu(x, 0.01)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return torch.where(x > 0, grad_output, 0.1 * grad_output)


class Relu6LikeRelu(torch.autograd.Function):
    """What saturates above 6 still lets the gradient through."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.clamp(0, 6)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * (x > 0)


class EluForAlphaOne(torch.autograd.Function):
    """The slope is y + alpha; 1 was put in for alpha."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = F.elu(x, alpha=1.5)
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        x, y = ctx.saved_tensors
        return grad_output * torch.where(x > 0, torch.ones_like(y), y + 1)


class PreluWholeSum(torch.autograd.Function):
    """The weight's gradient sums over all elements, not over the negative ones."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return torch.where(x > 0, x, weight * x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        return torch.where(x > 0, grad_output, weight * grad_output), (grad_output * x).sum()


class LogSigmoidClamped(nn.Module):
    """Clamped against an overflow that would not have come; below -30 it is flat."""

    def forward(self, x: Tensor) -> Tensor:
        return -torch.log1p(torch.exp(-x.clamp(-30, 30)))
