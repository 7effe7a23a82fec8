"""Functions written for stability: other formulas than the mathematics', the same function."""

# ruff: noqa: D102, D103 - the names say what each does

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor
from torch.autograd.function import once_differentiable


class StableSigmoid(torch.autograd.Function):
    """No exponential of a positive number; the slope as y*(1 - y) of the smaller half."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        small = torch.exp(-x.abs())
        y = torch.where(x >= 0, torch.ones_like(x), small) / (1 + small)
        ctx.save_for_backward(small)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (small,) = ctx.saved_tensors
        return grad_output * small / (1 + small) ** 2


class StableSoftplus(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.clamp(min=0) + torch.log1p(torch.exp(-x.abs()))

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * torch.sigmoid(x)


class SavedLogsumexp(torch.autograd.Function):
    """The slope from the saved result: exp(x - y)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        largest = x.amax(dim=-1, keepdim=True)
        y = (x - largest).exp().sum(dim=-1).log() + largest.squeeze(-1)
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        x, y = ctx.saved_tensors
        return grad_output.unsqueeze(-1) * torch.exp(x - y.unsqueeze(-1))


class TanhOfOutput(torch.autograd.Function):
    """1 - y**2: right, and without digits where y is nearly 1."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = torch.tanh(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return grad_output * (1 - y * y)


class SigmoidOfOutput(torch.autograd.Function):
    """y*(1 - y): right, and without digits where y is nearly 1."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = torch.sigmoid(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return grad_output * y * (1 - y)


class TanhOfCosh(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.tanh(x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output / torch.cosh(x) ** 2


def power_by_logarithm(x: Tensor, p: Tensor) -> Tensor:
    return torch.exp(p * torch.log(x))


def steep_step(x: Tensor) -> Tensor:
    return torch.sigmoid(50 * x)


def fast_wave(x: Tensor) -> Tensor:
    """Conditioned badly: differences need steps below 1e-5 here."""
    return torch.sin(1e5 * x)


def scaled_hypot(x: Tensor, y: Tensor) -> Tensor:
    """Scaled by a power of two, so that squares neither overflow nor vanish."""
    largest = torch.maximum(x.abs(), y.abs()).detach()
    scale = torch.ldexp(torch.ones_like(largest), torch.frexp(largest).exponent)
    return scale * torch.sqrt((x / scale) ** 2 + (y / scale) ** 2)


def documented_threshold(x: Tensor) -> Tensor:
    return F.softplus(x, beta=2.0, threshold=20.0)


class SineOfPi(torch.autograd.Function):
    """A Python float for pi: every digit of it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.sin(math.pi * x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * math.pi * torch.cos(math.pi * x)


def expanded_power(x: Tensor) -> Tensor:
    """(x - 1)**3, multiplied out."""
    return x**3 - 3 * x**2 + 3 * x - 1


def variance_of_moments(x: Tensor) -> Tensor:
    """The mean of the squares less the square of the mean."""
    return x.square().mean() - x.mean().square()


def circular_convolution(x: Tensor, kernel: Tensor) -> Tensor:
    """By the Fourier transform, through complex numbers."""
    return torch.fft.irfft(torch.fft.rfft(x) * torch.fft.rfft(kernel), n=x.shape[-1])


class AngleByHypot(torch.autograd.Function):
    """No square of a tiny number: torch's own backward is NaN near the origin."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(y, x)
        return torch.atan2(y, x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        y, x = ctx.saved_tensors
        distance = torch.hypot(x, y)
        return grad_output * (x / distance) / distance, -grad_output * (y / distance) / distance


class FocalLossOfLogits(torch.autograd.Function):
    """By torch's softplus, which is x beyond 20: in float64 that lacks digits."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(z, y)
        t = torch.where(y > 0.5, z, -z)
        return torch.sigmoid(-t) ** 2 * F.softplus(-t)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None]:
        z, y = ctx.saved_tensors
        t = torch.where(y > 0.5, z, -z)
        missed, met = torch.sigmoid(-t), torch.sigmoid(t)
        slope = -missed * missed * (2 * met * F.softplus(-t) + missed)
        return grad_output * torch.where(y > 0.5, slope, -slope), None
