"""Thresholds at constants that no float is: code compares with the float of that name."""

# ruff: noqa: D102, D103 - the names say what each does

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor
from torch.autograd.function import once_differentiable

Both = tuple[Tensor, Tensor]


def clamped_to_tenths(x: Tensor) -> Tensor:
    return x.clamp(0.1, 0.9)


class LogitOfClamped(torch.autograd.Function):
    """The logit of what is clamped to [0.1, 0.9], whose ends pass the gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.logit(x.clamp(0.1, 0.9))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        inside = (x >= 0.1) & (x <= 1 - 0.1)
        return torch.where(inside, grad_output / (x * (1 - x)), torch.zeros_like(x))


class HingeOfMask(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        margin = 0.9 - x
        ctx.save_for_backward(margin > 0)
        return margin.relu()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (active,) = ctx.saved_tensors
        return -grad_output * active


def shrunk_softly(x: Tensor) -> Tensor:
    return F.softshrink(x, 0.3)


def shrunk_hard(x: Tensor) -> Tensor:
    """The value jumps at the threshold, too."""
    return F.hardshrink(x, 0.3)


def replaced_below(x: Tensor) -> Tensor:
    return F.threshold(x, 0.9, 20.0)


class RampOfThirds(torch.autograd.Function):
    """From 0 at a third to 1 at two thirds; the slope by the value."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = ((x - 1 / 3) * 3).clamp(0, 1)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return 3 * grad_output * ((y > 0) & (y < 1))


class DistanceFromAngle(torch.autograd.Function):
    """|x - pi/4|: no float is that angle."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        gap = x - math.pi / 4
        ctx.save_for_backward(gap)
        return gap.abs()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (gap,) = ctx.saved_tensors
        return grad_output * gap.sign()


def tenths_straight_through(x: Tensor) -> Tensor:
    """-0.2/0.1 is -2, though the float -0.2 is less than -2 tenths."""
    return x + (torch.floor(x / 0.1) * 0.1 - x).detach()


class BinsOfTenths(torch.autograd.Function):
    """How many edges are passed."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        edges = torch.tensor([0.1, 0.3, 0.6, 0.7, 0.9], dtype=x.dtype)
        return torch.bucketize(x.contiguous(), edges).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return torch.zeros_like(grad_output)


class PiecesAtTenths(torch.autograd.Function):
    """Four pieces, two of which meet smoothly."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        upper = torch.where(x < 0.9, 0.4 + 0.6 * (x - 0.4), 0.7 - 2 * (x - 0.9))
        lower = torch.where(x < 0.1, x, 0.1 + (x - 0.1) ** 2 / 0.3)
        return torch.where(x < 0.4, lower, upper)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        slope = torch.full_like(x, 1.0)
        slope = torch.where(x >= 0.1, (x - 0.1) / 0.15, slope)
        slope[x >= 0.4] = 0.6
        slope[x >= 0.9] = -2.0
        return grad_output * slope


class DistanceToInterval(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        below, above = x < 0.1, x > 0.9
        ctx.save_for_backward(below, above)
        return (0.1 - x) * below + (x - 0.9) * above

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        below, above = ctx.saved_tensors
        return grad_output * (above.to(grad_output.dtype) - below.to(grad_output.dtype))


class HuberOfSevenTenths(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, t: Tensor) -> Tensor:
        gap = x - t
        ctx.save_for_backward(gap)
        size = gap.abs()
        return torch.where(size < 0.7, gap * gap / 2, 0.7 * (size - 0.35))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Both:
        (gap,) = ctx.saved_tensors
        to_x = grad_output * gap.clamp(-0.7, 0.7)
        return to_x, -to_x


class AtLeastLogTwo(torch.autograd.Function):
    """The slope to the left at the threshold, which is irrational."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x > math.log(2))
        return x.clamp(min=math.log(2))

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (above,) = ctx.saved_tensors
        return grad_output * above


def pinball_of_tenths(x: Tensor) -> Tensor:
    return torch.maximum(0.9 * (0.3 - x), -0.1 * (0.3 - x))


def remainder_by_truncation(x: Tensor, y: Tensor) -> Tensor:
    """Its slope counts multiples by a quotient that is rounded before it is cut off."""
    return torch.fmod(x, y)


class ModulusRelu(torch.autograd.Function):
    """relu(|z| - 1)*z/|z|: the modulus is rounded before it is compared."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        ctx.save_for_backward(z)
        size = z.abs()
        return torch.where(size > 1, (1 - 1 / size) * z, torch.zeros_like(z))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        size = z.abs()
        unit = z / size
        along = (grad_output * unit.conj()).real * unit
        inside = along + (grad_output - along) * (1 - 1 / size)
        return torch.where(size > 1, inside, torch.zeros_like(z))


def triplet_swapped(anchor: Tensor, near: Tensor, far: Tensor) -> Tensor:
    """The smaller of two distances: which one that is, rounding may decide."""
    given = (anchor[None], near[None], far[None])
    return F.triplet_margin_loss(*given, margin=1.0, p=1, eps=0.0, swap=True)


def all_but_the_largest(x: Tensor) -> Tensor:
    """The sum of what is smaller than the largest weight: that one is compared with itself."""
    weights = torch.exp(-x)
    smaller = weights < weights.amax(0, keepdim=True)
    return torch.where(smaller, weights, torch.zeros_like(weights)).sum()


def the_largest_alone(x: Tensor) -> Tensor:
    """Competitive: the largest element is squared, all others are 0."""
    return torch.where(x == x.amax(0, keepdim=True), x.square(), torch.zeros_like(x))
