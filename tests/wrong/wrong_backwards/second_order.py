"""Right first derivatives; what is differentiated again is something else."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class SavesItsSlope(torch.autograd.Function):
    """What the forward computed is saved as a constant: no second derivative by x."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x.cos())
        return x.sin()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (slope,) = ctx.saved_tensors
        return grad_output * slope


class SavesItsScale(torch.autograd.Function):
    """One factor is an input, which is tracked, the other an intermediate, which is not."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        scale = (x.square().mean() + 0.01).rsqrt()
        ctx.save_for_backward(x, scale)
        return x * scale

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        x, scale = ctx.saved_tensors
        return scale * grad_output - x * scale**3 * (grad_output * x).mean()


class BackwardWithoutGrad(torch.autograd.Function):
    """no_grad in the backward, for speed: the gradient has no graph, and nobody is told."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**4

    @staticmethod
    @torch.no_grad()
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 4 * x**3 * grad_output


class _SineBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, grad_output: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(grad_output, x)
        return grad_output * x.cos()

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> tuple[Tensor, Tensor]:
        grad_output, x = ctx.saved_tensors
        return fed * x.cos(), fed * grad_output * x.sin()


class SineTwiceByHand(torch.autograd.Function):
    """A double backward written out, with a sign lost."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gradient: Tensor = _SineBackward.apply(grad_output, x)
        return gradient


class _ProductBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, grad_output: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(x, y)
        return grad_output * y, grad_output * x

    @staticmethod
    def backward(ctx: Any, to_x: Tensor, to_y: Tensor) -> tuple[Tensor, None, None]:
        x, y = ctx.saved_tensors
        return to_x * y + to_y * x, None, None


class ProductWithoutMixed(torch.autograd.Function):
    """The product is linear in each factor, so second derivatives are 0; the mixed one is not."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, y = ctx.saved_tensors
        to_x, to_y = _ProductBackward.apply(grad_output, x, y)
        return to_x, to_y


class NumberInBackward(torch.autograd.Function):
    """A Python number in the backward: right once, and a constant from then on."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.log1p(x.square().sum())

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        total = 1 + float(x.detach().square().sum())
        return grad_output * 2 * x / total


class SoftplusSecondNan(torch.autograd.Function):
    """The quotient of infinities is not selected, but differentiated."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.logaddexp(x, torch.zeros_like(x))

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        slope = torch.where(x > 40, torch.ones_like(x), x.exp() / (1 + x.exp()))
        return grad_output * slope
