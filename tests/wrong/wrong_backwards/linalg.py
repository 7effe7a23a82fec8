"""Linear algebra: transposes, sums over broadcast dimensions and second factors gone missing."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor


class MatmulNotTransposed(torch.autograd.Function):
    """Goes unnoticed in shape as long as the matrices are square."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return a @ b

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        a, b = ctx.saved_tensors
        return grad_output @ b, a @ grad_output


class MatvecJacobian(torch.autograd.Function):
    """Multiplies by the Jacobian where its transpose is due."""

    @staticmethod
    def forward(ctx: Any, m: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(m, x)
        return m @ x

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        m, x = ctx.saved_tensors
        return torch.outer(grad_output, x), m @ grad_output


class BiasOfFirstRow(torch.autograd.Function):
    """The bias was added to every row; its gradient is that of the first."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, bias: Tensor) -> Tensor:
        return x + bias

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        return grad_output, grad_output[0].clone()


class ScaleWithoutFactor(torch.autograd.Function):
    """A learned scale: summed rightly over the rows, but without the input as a factor."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor) -> Tensor:
        ctx.save_for_backward(scale)
        return x * scale

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        (scale,) = ctx.saved_tensors
        return grad_output * scale, grad_output.sum(dim=0)


class DetWithoutDet(torch.autograd.Function):
    """The gradient of log|det|, under the name of that of det."""

    @staticmethod
    def forward(ctx: Any, m: Tensor) -> Tensor:
        ctx.save_for_backward(m)
        return torch.linalg.det(m)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (m,) = ctx.saved_tensors
        return grad_output * torch.linalg.inv(m).mT


class InverseSign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, m: Tensor) -> Tensor:
        inverse = torch.linalg.inv(m)
        ctx.save_for_backward(inverse)
        return inverse

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (inverse,) = ctx.saved_tensors
        return inverse.mT @ grad_output @ inverse.mT


class AttentionUnscaled(torch.autograd.Function):
    """Scaled by 1/sqrt(d) in the forward only."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        weights = torch.softmax(q @ k.mT / math.sqrt(q.shape[-1]), dim=-1)
        ctx.save_for_backward(q, k, v, weights)
        return weights @ v

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v, weights = ctx.saved_tensors
        to_weights = grad_output @ v.mT
        scores = weights * (to_weights - (to_weights * weights).sum(dim=-1, keepdim=True))
        return scores @ k, scores.mT @ q, weights.mT @ grad_output


class DistanceOneSided(torch.autograd.Function):
    """|x - y|^2 of two vectors: y gets the gradient of x, without the sign."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x - y)
        return (x - y).square().sum()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        (gap,) = ctx.saved_tensors
        return 2 * grad_output * gap, 2 * grad_output * gap


class InverseOfDiagonal(torch.autograd.Function):
    """What is diagonal takes a short way, which has nothing for the other places."""

    @staticmethod
    def forward(ctx: Any, m: Tensor) -> Tensor:
        inverse = torch.linalg.inv(m)
        ctx.save_for_backward(inverse)
        return inverse

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (inverse,) = ctx.saved_tensors
        diagonal = inverse.diagonal()
        if torch.equal(inverse, diagonal.diag()):
            return (-grad_output.diagonal() * diagonal**2).diag()
        return -inverse.mT @ grad_output @ inverse.mT
