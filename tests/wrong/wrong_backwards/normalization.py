"""Normalizations: eps, axes, counts and the terms that go through the statistics."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

EPS = 0.01


class LayerNormConstantMean(torch.autograd.Function):
    """The gradient through the mean is missing."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        centred = x - x.mean()
        scale = (centred.square().mean() + EPS).rsqrt()
        ctx.save_for_backward(centred * scale, scale)
        return centred * scale

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        y, scale = ctx.saved_tensors
        return scale * (grad_output - y * (grad_output * y).mean())


def layer_norm_eps_outside(x: Tensor) -> Tensor:
    """eps belongs under the root."""
    centred = x - x.mean()
    return centred / (centred.square().mean().sqrt() + EPS)


class LayerNormBackwardEps(torch.autograd.Function):
    """eps is under the root in the forward and forgotten in the backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        centred = x - x.mean()
        ctx.save_for_backward(centred)
        return centred * (centred.square().mean() + EPS).rsqrt()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (centred,) = ctx.saved_tensors
        scale = centred.square().mean().rsqrt()
        y = centred * scale
        return scale * (grad_output - grad_output.mean() - y * (grad_output * y).mean())


class RmsNormSum(torch.autograd.Function):
    """The sum where the mean is due."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        scale = (x.square().mean() + EPS).rsqrt()
        ctx.save_for_backward(x, scale)
        return x * scale

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        x, scale = ctx.saved_tensors
        return scale * grad_output - x * scale**3 * (grad_output * x).sum()


def batch_norm_wrong_axis(x: Tensor) -> Tensor:
    """Over the features where the batch was meant."""
    centred = x - x.mean(dim=1, keepdim=True)
    return centred / (centred.square().mean(dim=1, keepdim=True) + EPS).sqrt()


class RunningBatchNorm(nn.Module):
    """In training mode, normalizing by running statistics that each call moves."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.mean.mul_(0.9).add_(0.1 * x.detach().mean())
        return x - self.mean
