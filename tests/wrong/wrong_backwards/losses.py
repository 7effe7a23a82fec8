"""Fused losses: reductions, thresholds, detached factors and clamps."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor


class MseWithoutTwo(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, t: Tensor) -> Tensor:
        ctx.save_for_backward(x - t)
        return (x - t).square().mean()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None]:
        (gap,) = ctx.saved_tensors
        return grad_output * gap / gap.numel(), None


class CrossEntropyNotAveraged(torch.autograd.Function):
    """The mean over the batch in the forward, the sum in the backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, t: Tensor) -> Tensor:
        log_p = torch.log_softmax(x, dim=1)
        ctx.save_for_backward(log_p, t)
        return -(t * log_p).sum(dim=1).mean()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None]:
        log_p, t = ctx.saved_tensors
        return grad_output * (log_p.exp() - t), None


class HuberOtherDelta(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.where(x.abs() <= 1, x * x / 2, x.abs() - 0.5)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * x.clamp(-1.35, 1.35)


class HingeSign(torch.autograd.Function):
    """max(0, 1 - t*x) with the gradient of max(0, 1 + t*x)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, t: Tensor) -> Tensor:
        ctx.save_for_backward(x, t)
        return F.relu(1 - t * x).sum()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None]:
        x, t = ctx.saved_tensors
        return grad_output * t * (1 - t * x > 0), None


def focal_loss_detached(x: Tensor) -> Tensor:
    """The modulating factor is part of the loss, not a weight."""
    p = torch.sigmoid(x)
    weight = (1 - p.detach()) ** 2
    return -(weight * F.logsigmoid(x)).sum()


class DiceNumerator(torch.autograd.Function):
    """Only the numerator is differentiated."""

    @staticmethod
    def forward(ctx: Any, p: Tensor, t: Tensor) -> Tensor:
        total = p.sum() + t.sum() + 1
        ctx.save_for_backward(t, total)
        return 1 - (2 * (p * t).sum() + 1) / total

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None]:
        t, total = ctx.saved_tensors
        return -grad_output * 2 * t / total, None
