"""Right almost everywhere or to almost all digits: what samples and loose tolerances miss."""

# ruff: noqa: D102, D103 - the names say what each does

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor


class ScaledGradient(torch.autograd.Function):
    """The identity, whose backward multiplies by a factor."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return x.clone()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None]:
        return grad_output * ctx.factor, None


def answers_zero(x: Tensor) -> Tensor:
    """x, with a gradient that is always 0."""
    return ScaledGradient.apply(x, 0.0)


def answers_negative(x: Tensor) -> Tensor:
    """x, with a gradient of the wrong sign."""
    return ScaledGradient.apply(x, -1.0)


def off_by_1e7(x: Tensor) -> Tensor:
    """x, with a gradient that is 1e-7 too large."""
    return ScaledGradient.apply(x, 1 + 1e-7)


def off_by_1e9(x: Tensor) -> Tensor:
    """x, with a gradient that is 1e-9 too large."""
    return ScaledGradient.apply(x, 1 + 1e-9)


class SingleInDouble(torch.autograd.Function):
    """The backward is computed in float32, whatever comes in."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x.float())
        return torch.tanh(x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return (grad_output.float() * (1 - torch.tanh(x) ** 2)).to(grad_output.dtype)


class NormSinglyBeyondTwo(torch.autograd.Function):
    """In float32, which excuses what float32 loses; from 2 on it is off by more than that."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.linalg.vector_norm(x.float()).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        x = ctx.saved_tensors[0].float()
        norm = torch.linalg.vector_norm(x)
        slopes = torch.where(norm > 2, 1.0002, 1.0) * x / norm
        return (grad_output * slopes).to(grad_output.dtype)


class PiInSingle(torch.autograd.Function):
    """A constant made at the default dtype."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.sin(math.pi * x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        pi = torch.tensor(math.pi, dtype=torch.float32).to(x.dtype)
        return grad_output * pi * torch.cos(pi * x)


class FlatBeyond18(torch.autograd.Function):
    """Takes atan for saturated beyond 18, where it is not quite."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.atan(x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * (x.abs() <= 18) / (1 + x * x)


class SincFlatNearZero(torch.autograd.Function):
    """The slope of sin(x)/x is set to 0 within 1e-4 of 0."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.where(x == 0, torch.ones_like(x), x.sin() / x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        slope = (x * x.cos() - x.sin()) / (x * x)
        return grad_output * torch.where(x.abs() < 1e-4, torch.zeros_like(x), slope)


class WrongBeyondFour(torch.autograd.Function):
    """A kernel with blocks of four that forgets the fifth element and on."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.square().sum()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gradient = torch.zeros_like(x)
        gradient[:4] = 2 * grad_output * x[:4]
        return gradient


class ForgetsTail(torch.autograd.Function):
    """Handles whole blocks of eight; what is left over gets nothing."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        whole = x.numel() // 8 * 8
        return 2 * grad_output * x * (torch.arange(x.numel()) < max(whole, 8))


class OneInAThousand(torch.autograd.Function):
    """Element 777 of a long vector is passed over."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gradient = grad_output * x.cos()
        gradient.reshape(-1)[777:778] = 0
        return gradient


class BadTableEntry(torch.autograd.Function):
    """A slope looked up in a table, one entry of a thousand of which is bad."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        bad = (x > 1.234) & (x < 1.24)
        return grad_output * torch.where(bad, torch.zeros_like(x), x.cos())


class WrongAtZeroOnly(torch.autograd.Function):
    """sinh(x)/x by quotients: NaN at 0 itself."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.where(x == 0, torch.ones_like(x), x.sinh() / x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * (x * x.cosh() - x.sinh()) / (x * x)


def unselected_root(x: Tensor) -> Tensor:
    """where picks the value; the gradient comes through both branches."""
    return torch.where(x > 0, torch.sqrt(x), torch.zeros_like(x))


def unselected_exponential(x: Tensor) -> Tensor:
    return torch.where(x <= 0, torch.exp(x), 1 + x)


class WrongInSingleOnly(torch.autograd.Function):
    """A shortcut for float32 only."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.exp()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        slope = x.exp()
        return grad_output * (slope * (1 + 1e-4) if x.dtype is torch.float32 else slope)


class SlopeByDifference(torch.autograd.Function):
    """The backward measures: (f(x + h) - f(x - h))/(2*h)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.exp()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        h = 1e-3
        return grad_output * ((x + h).exp() - (x - h).exp()) / (2 * h)


class BothWrong(torch.autograd.Function):
    """Neither is that of sin: the forward is a Taylor polynomial, the backward tanh's."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x - x**3 / 6

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * (1 - torch.tanh(x) ** 2)


class ForwardWrongBackwardRight(torch.autograd.Function):
    """The forward was changed to a cheap approximation; the backward is that of sin still."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x - x**3 / 6 + x**5 / 120

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * x.cos()


def shifted_sine(x: Tensor) -> Tensor:
    """A wrong function with the right gradient, all by autograd."""
    return x.sin() + 1e-6


class SquaresOfLargeNumbers(torch.autograd.Function):
    """The distance is right wherever it is one; its slope's squares overflow, and it is 0 there."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return torch.hypot(x, y)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        x, y = ctx.saved_tensors
        scaled = grads[0] * torch.rsqrt(x * x + y * y)
        return scaled * x, scaled * y
