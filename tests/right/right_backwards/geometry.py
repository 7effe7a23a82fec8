"""Distances, angles, rotations; splines and other functions in pieces; special functions."""

# ruff: noqa: D102, D103 - the names say what each does

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor


class Distances(torch.autograd.Function):
    """Of all pairs of rows; two equal rows pull each other in no direction."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        apart = x[:, None] - x[None, :]
        distance = torch.linalg.vector_norm(apart, dim=-1)
        ctx.save_for_backward(apart, distance)
        return distance

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        apart, distance = ctx.saved_tensors
        safe = torch.where(distance == 0, torch.ones_like(distance), distance)
        pull = (grad_output / safe)[..., None] * apart
        return pull.sum(dim=1) - pull.sum(dim=0)


def squared_distances(x: Tensor) -> Tensor:
    """By the product of the rows, as kernels of many points have it."""
    square = x.square().sum(dim=1)
    return square[:, None] + square[None, :] - 2 * x @ x.T


class Mirrored(torch.autograd.Function):
    """Across the plane that v stands on; of one number it is -x, whatever v is."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, v: Tensor) -> Tensor:
        square = torch.dot(v, v)
        share = torch.dot(v, x) / square
        ctx.save_for_backward(x, v, square, share)
        return x - 2 * share * v

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, v, square, share = ctx.saved_tensors
        along = torch.dot(grad_output, v) / square
        pull = share * grad_output + along * (x - 2 * share * v)
        return grad_output - 2 * along * v, -2 * pull


def smooth_norm(x: Tensor) -> Tensor:
    return torch.sqrt(x.square().sum() + 1e-4)


def norm_of_torch(x: Tensor) -> Tensor:
    return torch.linalg.vector_norm(x)


class UnitVector(torch.autograd.Function):
    """x/|x|, away from the origin."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        size = torch.linalg.vector_norm(x)
        unit = x / size
        ctx.save_for_backward(x)
        return unit

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        size = torch.linalg.vector_norm(x)
        unit = x / size
        return (grad_output - unit * (unit * grad_output).sum()) / size


def rotated_by_quaternion(q: Tensor, v: Tensor) -> Tensor:
    """v + 2*w*(u x v) + 2*u x (u x v) for the quaternion (w, u), taken as it is."""
    w, u = q[0], q[1:]
    cross = torch.linalg.cross(u, v)
    return v + 2 * (w * cross + torch.linalg.cross(u, cross))


def angle_between(x: Tensor, y: Tensor) -> Tensor:
    """In the plane, with its sign: by cross and dot product."""
    return torch.atan2(x[0] * y[1] - x[1] * y[0], x[0] * y[0] + x[1] * y[1])


def hypot_of_torch(x: Tensor, y: Tensor) -> Tensor:
    return torch.hypot(x, y)


def haversine(a: Tensor, b: Tensor) -> Tensor:
    """The angle between two meridian points at latitudes a and b."""
    half = torch.sin((a - b) / 2).square()
    return 2 * torch.asin(torch.sqrt(half))


class CubicSpline(torch.autograd.Function):
    """The cardinal B-spline of degree 3, by pieces, and its derivative by pieces."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        a = x.abs()
        inner = 2 / 3 - a * a * (1 - a / 2)
        outer = (2 - a).clamp(min=0) ** 3 / 6
        return torch.where(a < 1, inner, outer)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        a = x.abs()
        inner = a * (1.5 * a - 2)
        outer = -((2 - a).clamp(min=0) ** 2) / 2
        return grad_output * torch.sign(x) * torch.where(a < 1, inner, outer)


def hat_interpolation(x: Tensor) -> Tensor:
    """Between the values 0, 2, 1 at 0, 1, 2, by a table."""
    table = x.new_tensor([0.0, 2.0, 1.0])
    left = x.detach().floor().clamp(0, 1).long()
    return torch.lerp(table[left], table[left + 1], x - left)


class SmoothStep(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        t = x.clamp(0, 1)
        ctx.save_for_backward(t)
        return t * t * (3 - 2 * t)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (t,) = ctx.saved_tensors
        return grad_output * 6 * t * (1 - t)


def hard_swish(x: Tensor) -> Tensor:
    return F.hardswish(x)


def soft_threshold(x: Tensor) -> Tensor:
    return x.sign() * (x.abs() - 0.5).clamp(min=0)


class ClampPassing(torch.autograd.Function):
    """At both ends the gradient passes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward((x >= -1) & (x <= 1))
        return x.clamp(-1, 1)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (inside,) = ctx.saved_tensors
        return torch.where(inside, grad_output, torch.zeros_like(grad_output))


class ClampStopping(torch.autograd.Function):
    """At both ends the gradient stops."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x.clamp(-1, 1)
        ctx.save_for_backward(y.abs() < 1)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (inside,) = ctx.saved_tensors
        return grad_output * inside


def leaky(x: Tensor) -> Tensor:
    return torch.maximum(x, 0.1 * x)


class PowerOfPositive(torch.autograd.Function):
    """x**p for x >= 0 and p > 1."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**1.5

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * 1.5 * x.sqrt()


def gamma_ratio(x: Tensor) -> Tensor:
    """gamma(x + 3)/gamma(x), by logarithms."""
    return torch.exp(torch.lgamma(x + 3) - torch.lgamma(x))


class LogGamma(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.lgamma(x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * torch.digamma(x)


def log_beta(a: Tensor, b: Tensor) -> Tensor:
    return torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b)


class SphericalBessel(torch.autograd.Function):
    """sin(x)/x, with the series near 0."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.sinc(x / math.pi)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        near = x.abs() < 0.5
        square = x * x
        terms = [-1 / 3, 1 / 30, -1 / 840, 1 / 45360, -1 / 3991680, 1 / 518918400, -1 / 93405312000]
        series = torch.zeros_like(x)
        for term in reversed(terms):
            series = series * square + term
        safe = torch.where(near, torch.ones_like(x), x)
        far = (safe.cos() - safe.sin() / safe) / safe
        return grad_output * torch.where(near, x * series, far)


def normal_cdf(x: Tensor) -> Tensor:
    return torch.special.ndtr(x)


def normal_quantile(p: Tensor) -> Tensor:
    return torch.special.ndtri(p)


def entropy(p: Tensor) -> Tensor:
    return torch.special.entr(p).sum()


def x_log_y(x: Tensor, y: Tensor) -> Tensor:
    return torch.special.xlogy(x, y)


def scaled_erfc(x: Tensor) -> Tensor:
    return torch.special.erfcx(x)


def log_normal_cdf(x: Tensor) -> Tensor:
    return torch.special.log_ndtr(x)


def incomplete_gamma(x: Tensor) -> Tensor:
    """Of order 2."""
    return torch.special.gammainc(torch.full_like(x, 2.0), x)


def legendre(x: Tensor) -> Tensor:
    """P3, by the recurrence."""
    before, last = torch.ones_like(x), x
    for k in (1, 2):
        before, last = last, ((2 * k + 1) * x * last - k * before) / (k + 1)
    return last
