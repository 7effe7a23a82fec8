"""Steep, curved, oscillating, cancelling: differences and guesses fail here, the code does not."""

# ruff: noqa: D102, D103 - the names say what each does

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor
from torch.autograd.function import once_differentiable


class FastSine(torch.autograd.Function):
    """A wave of length 6e-5; its slope is 1e5 times the cosine."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        phase = 1e5 * x
        ctx.save_for_backward(x)
        return torch.sin(phase)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * 1e5 * torch.cos(1e5 * x)


def chirp(x: Tensor) -> Tensor:
    """Ever faster towards 0."""
    return torch.sin(1 / x)


def beats(x: Tensor) -> Tensor:
    """Two waves of nearly one length, as their product."""
    return 2 * torch.sin(1000.5 * x) * torch.cos(0.5 * x)


class Soliton(torch.autograd.Function):
    """1/cosh(40*x)**2, by exponentials that cannot overflow."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        small = torch.exp(-80 * x.abs())
        ctx.save_for_backward(x, small)
        return 4 * small / (1 + small) ** 2

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        x, small = ctx.saved_tensors
        slope = 320 * small * torch.expm1(-80 * x.abs()) / (1 + small) ** 3
        return grad_output * torch.where(x < 0, -slope, slope)


def gaussian_bump(x: Tensor) -> Tensor:
    return torch.exp(-((x - 0.5) ** 2) / 2e-4)


def one_minus_cosine(x: Tensor) -> Tensor:
    """By the half angle: no digit lost at 0."""
    return 2 * torch.sin(0.5 * x).square()


class LogOfOneMinusExp(torch.autograd.Function):
    """log(1 - exp(-x)), by expm1 for small x and log1p for large (Maechler's switch)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        small = x < math.log(2)
        return torch.where(small, torch.log(-torch.expm1(-x)), torch.log1p(-torch.exp(-x)))

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output / torch.expm1(x)


class LogAddExp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x - y)
        return torch.maximum(x, y) + torch.log1p(torch.exp(-(x - y).abs()))

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        (gap,) = ctx.saved_tensors
        return grad_output * torch.sigmoid(gap), grad_output * torch.sigmoid(-gap)


def relative_exponential(x: Tensor) -> Tensor:
    """(exp(x) - 1)/x; at 0 the series' first terms."""
    near = x.abs() < 1e-5
    safe = torch.where(near, torch.ones_like(x), x)
    return torch.where(near, 1 + x / 2 + x * x / 6, torch.expm1(safe) / safe)


def nearly_cancelling(x: Tensor, y: Tensor) -> Tensor:
    """The square difference as a product."""
    return (x - y) * (x + y)


def heron(a: Tensor, b: Tensor) -> Tensor:
    """The area of an isosceles triangle with legs a and base b, by Kahan's order."""
    return 0.25 * torch.sqrt((2 * a + b) * b * b * (2 * a - b))


class SmallerRoot(torch.autograd.Function):
    """Of x**2 - 2*b*x + c, without a difference: c over the larger one."""

    @staticmethod
    def forward(ctx: Any, b: Tensor, c: Tensor) -> Tensor:
        root = torch.sqrt(b * b - c)
        ctx.save_for_backward(b, c, root)
        return c / (b + root)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        b, c, root = ctx.saved_tensors
        smaller = c / (b + root)
        return -grad_output * smaller / root, grad_output / (2 * root)


def steep_gate(x: Tensor) -> Tensor:
    """A soft step that is nearly hard."""
    return 0.5 * (1 + torch.tanh(300 * (x - 0.25)))


def powers_by_squaring(x: Tensor) -> Tensor:
    """x**20 with five products."""
    x2 = x * x
    x4 = x2 * x2
    x16 = (x4 * x4).square()
    return x16 * x4


def log_ratio(x: Tensor, y: Tensor) -> Tensor:
    return torch.log(x / y)


def logit(p: Tensor) -> Tensor:
    return torch.logit(p)


def horner(x: Tensor) -> Tensor:
    """The Chebyshev polynomial T6, by Clenshaw's recurrence."""
    before, last = torch.zeros_like(x), torch.zeros_like(x)
    for coefficient in (1.0, 0.0, 0.0, 0.0, 0.0, 0.0):
        before, last = last, coefficient + 2 * x * last - before
    return x * last - before


def log_sigmoid(x: Tensor) -> Tensor:
    return F.logsigmoid(x)


class Mish(torch.autograd.Function):
    """x*tanh(softplus(x)) as a rational function of one exponential."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * Mish.gate(x)

    @staticmethod
    def gate(x: Tensor) -> Tensor:
        e = torch.exp(-x.abs())
        above, below = (1 + 2 * e) / (1 + 2 * e + 2 * e * e), (e * e + 2 * e) / (2 + 2 * e + e * e)
        return torch.where(x > 0, above, below)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        e = torch.exp(-x.abs())
        rising = 4 * e * e * (1 + e) / (1 + 2 * e + 2 * e * e) ** 2
        falling = 4 * e * (1 + e) / (2 + 2 * e + e * e) ** 2
        return grad_output * (Mish.gate(x) + x * torch.where(x > 0, rising, falling))
