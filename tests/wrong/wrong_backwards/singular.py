"""Divisions by what may be 0, in places where the mathematics has no such division."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class DetByInverse(torch.autograd.Function):
    """Jacobi's formula with the inverse: a singular matrix has a gradient, but no inverse."""

    @staticmethod
    def forward(ctx: Any, m: Tensor) -> Tensor:
        y = torch.linalg.det(m)
        ctx.save_for_backward(m, y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        m, y = ctx.saved_tensors
        return grad_output * y * torch.linalg.inv(m).mT


class DetBySolve(torch.autograd.Function):
    """Jacobi's formula where there is an inverse, and zeros for a singular matrix.

    A step beside it the inverse is huge, and yet the product right: the zeros are no rounding.
    """

    @staticmethod
    def forward(ctx: Any, m: Tensor) -> Tensor:
        lu, pivots = torch.linalg.lu_factor_ex(m)[:2]
        sign = 1 - 2 * ((pivots != torch.arange(1, len(m) + 1)).sum() % 2)
        y = sign * lu.diagonal().prod()
        ctx.save_for_backward(lu, pivots, y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        lu, pivots, y = ctx.saved_tensors
        if y == 0:
            return torch.zeros_like(lu)
        unit = torch.eye(len(lu), dtype=lu.dtype)
        return grad_output * y * torch.linalg.lu_solve(lu, pivots, unit).mT


class CumprodByDivision(torch.autograd.Function):
    """Running products divided by the element: 0/0 from the first zero on."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = torch.cumprod(x, dim=0)
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        x, y = ctx.saved_tensors
        return (grad_output * y).flip(0).cumsum(0).flip(0) / x


class NormByDivision(torch.autograd.Function):
    """x/|x| at the origin, where any vector of the unit ball would do."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = torch.linalg.vector_norm(x)
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        x, y = ctx.saved_tensors
        return grad_output * x / y


class PowerOfZero(torch.autograd.Function):
    """0**p does not change with p > 0; y*log(x) is 0 times infinity."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, p: Tensor) -> Tensor:
        y = x**p
        ctx.save_for_backward(x, p, y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, p, y = ctx.saved_tensors
        return grad_output * p * x ** (p - 1), grad_output * y * x.log()


class SquareBySlopeOverInput(torch.autograd.Function):
    """2*y/x instead of 2*x, since y was saved."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x.square()
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        x, y = ctx.saved_tensors
        return grad_output * 2 * y / x


def distance_masked(x: Tensor, y: Tensor) -> Tensor:
    """where hides the root of 0, not the infinite slope that is multiplied by 0."""
    squared = (x - y).square().sum()
    return torch.where(squared > 0, squared.sqrt(), torch.zeros_like(squared))


def reciprocal_unselected(x: Tensor) -> Tensor:
    """x between -1 and 1, else 1/x: which is infinite at 0, unselected or not."""
    return torch.where(x.abs() < 1, x, 1 / x)
