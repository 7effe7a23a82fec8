"""Right nearly everywhere: cut-offs from another dtype, guards, and special cases."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class AsinClamped(torch.autograd.Function):
    """Clamped away from the ends, where the slope grows without limit."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.asin(x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        inside = x.clamp(-1 + 1e-6, 1 - 1e-6)
        return grad_output / ((1 - inside) * (1 + inside)).sqrt()


class TanhSaturatesEarly(torch.autograd.Function):
    """tanh is 1 from 9.01 on in float32, and in no other dtype."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.tanh(x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * torch.where(x.abs() > 9.01, 0.0, torch.cosh(x) ** -2.0)


def expm1_series(x: Tensor) -> Tensor:
    """Two terms of the series are not enough at a thousandth."""
    return torch.where(x.abs() < 1e-3, x + x * x / 2, torch.expm1(x))


class RootPlusEpsilon(torch.autograd.Function):
    """An epsilon against division by 0 that changes the slope of small numbers."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x.sqrt()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return grad_output / (2 * y + 1e-8)


def log_clamped(x: Tensor) -> Tensor:
    """Flat below 1e-12."""
    return torch.log(x.clamp(min=1e-12))


def exp_clamped(x: Tensor) -> Tensor:
    """88 is where float32 overflows."""
    return torch.exp(x.clamp(max=88))


class SineNearPi(torch.autograd.Function):
    """A special case around 3.141595 that nobody ever looked at, with the sign lost."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        near = (x > 3.14159) & (x < 3.1416)
        return grad_output * torch.where(near, -x.cos(), x.cos())


class SkipsOneValue(torch.autograd.Function):
    """0.37 marks missing data; some of the data are 0.37."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return torch.where(x == 0.37, 0.0, 2 * x * grad_output)


class FlatTail(torch.autograd.Function):
    """1 - exp(-x) is 1 in double precision from 37 on, its slope is not 0."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return -torch.expm1(-x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * torch.where(x > 37, 0.0, torch.exp(-x))


class HalvedTail(torch.autograd.Function):
    """The asymptote of the slope of tanh, without one of its factors of 2."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.tanh(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        far = 2 * torch.exp(-2 * x.abs())
        return grad_output * torch.where(x.abs() > 19, far, torch.cosh(x) ** -2.0)


class GateOpen(torch.autograd.Function):
    """A sigmoid that is 1 for good above 36; it keeps its result, and takes no heed of it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = torch.sigmoid(x)
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        x, _ = ctx.saved_tensors
        slope = torch.sigmoid(x) * torch.sigmoid(-x)
        return grad_output * torch.where(x > 36, 0.0, slope)


class CloseTakenForEqual(torch.autograd.Function):
    """Two results that are close share the slope in their middle, which allclose decides."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return x.exp() - y.exp()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, y = ctx.saved_tensors
        if torch.allclose(x, y, rtol=0, atol=1e-3):
            middle = ((x + y) / 2).exp()
            return grad_output * middle, -grad_output * middle
        return grad_output * x.exp(), -grad_output * y.exp()


class OneCellOfATable(torch.autograd.Function):
    """atan by cells of 1/4096; the slope of one of them was mistyped."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.atan()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        cell = torch.floor((x + 4) * 4096).long()
        slope = 1 / (1 + x * x)
        return grad_output * torch.where(cell == 21345, 1.009 * slope, slope)


class WinnerAndLosersAlike(torch.autograd.Function):
    """The square of the largest element, and 0 for all others, which get a slope nevertheless."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.where(x == x.amax(0, keepdim=True), x.square(), torch.zeros_like(x))

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 2 * x * grad_output
