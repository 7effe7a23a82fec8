"""Right in float64, or in every dtype but one; and gradients of another dtype."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor


class HalfOnlySign(torch.autograd.Function):
    """The kernel for float16 was generated from an older formula."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.cos()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        sign = 1 if x.dtype is torch.float16 else -1
        return sign * grad_output * x.sin()


class BfloatOnlySquared(torch.autograd.Function):
    """A special path for bfloat16 scales by x twice."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * (2 * x if x.dtype is not torch.bfloat16 else 2 * x.abs())


class GradientInSingle(torch.autograd.Function):
    """Returns float32 to whoever came with another dtype; autograd casts it back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.erf(x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        single = x.to(torch.bfloat16).float()
        return grad_output.float() * (2 / math.sqrt(math.pi)) * torch.exp(-single * single)


class SumInHalf(torch.autograd.Function):
    """Row sums of the gradient are collected in the dtype of the activations, which is narrow."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(x, w)
        return x @ w

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, w = ctx.saved_tensors
        to_w = (x.half().T @ grad_output.half()).to(w.dtype)
        return grad_output @ w.T, to_w


def silu_in_bfloat16(x: Tensor) -> Tensor:
    """Mixed precision by hand, left on for everybody."""
    return F.silu(x.to(torch.bfloat16)).to(x.dtype)


class MaskedInteger(torch.autograd.Function):
    """The mask is multiplied as int8: a slope of 0.5 becomes 0."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.where(x > 0, x, x / 2)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        slope = ((x > 0).to(torch.int8) + (x <= 0).to(torch.int8) * 0.5).to(torch.int8)
        return grad_output * slope


class ExpOverflowsHalf(torch.autograd.Function):
    """log(cosh x) with the slope sinh/cosh: beyond 11 both are infinite in float16."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.abs() + torch.log1p(torch.exp(-2 * x.abs())) - math.log(2)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * x.sinh() / x.cosh()


class TinyEps(torch.autograd.Function):
    """1e-12 under a quotient: in float16 it is 0, and 0/0 at 0."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.abs()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * x / (x.abs() + 1e-12)


class FakeQuantized(torch.autograd.Function):
    """Rounds to 1/16 in the forward as well, which the mathematics does not know of."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return (x * 16).round() / 16

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * (x.abs() <= 2)


class StraightThroughUnsaid(torch.autograd.Function):
    """sign(x), with the gradient of the identity: a convention that the spec does not state."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.sign()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output


class ScaleGradient(torch.autograd.Function):
    """Learned step size: the gradient by the step lacks the rounded part."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, s: Tensor) -> Tensor:
        ctx.save_for_backward(x, s)
        return x.clamp(-1, 1) * s

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, s = ctx.saved_tensors
        inside = (x.abs() <= 1).to(x.dtype)
        return grad_output * s * inside, (grad_output * x * inside).sum()


class QuantizedWeight(torch.autograd.Function):
    """Weights are stored in eight bits for the backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        scale = w.abs().amax() / 127
        stored = (w / scale).round().to(torch.int8)
        ctx.save_for_backward(x, stored, scale)
        return x @ w

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, stored, scale = ctx.saved_tensors
        w = stored.to(grad_output.dtype) * scale
        return grad_output @ w.T, x.T @ grad_output


def autocast_left_on(x: Tensor, w: Tensor) -> Tensor:
    """The whole block under autocast, with a cast at its end."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return F.linear(x, w).tanh().to(x.dtype)


class DoubleConstantInSingle(torch.autograd.Function):
    """torch.tensor(0.1) is of the default dtype; what it multiplies is not."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return 0.1 * x**3

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        third = torch.tensor([0.1] * 1)
        return grad_output * 3 * third.to(x.dtype) * x * x


class ScaledByAThousand(torch.autograd.Function):
    """In float16 scaled by 1024, so that small slopes stay, and back by 1000."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(x, w)
        return x * w

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, w = ctx.saved_tensors
        if grad_output.dtype != torch.float16:
            return grad_output * w, grad_output * x
        scaled = grad_output.float() * 1024
        return (scaled * w.float() / 1000).half(), (scaled * x.float() / 1024).half()


class SaturatedGates(torch.autograd.Function):
    """In bfloat16, where both gates are wide open, the slope is taken for 0."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return torch.sigmoid(x) * torch.sigmoid(y)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, y = (t.float() if t.dtype == torch.bfloat16 else t for t in ctx.saved_tensors)
        both = grad_output * torch.sigmoid(x) * torch.sigmoid(y)
        of_x, of_y = both * torch.sigmoid(-x), both * torch.sigmoid(-y)
        if grad_output.dtype == torch.bfloat16:
            of_x = torch.where((x > 4) & (y > 4), torch.zeros_like(of_x), of_x)
        return of_x.to(grad_output.dtype), of_y.to(grad_output.dtype)
