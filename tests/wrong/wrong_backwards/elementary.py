"""Functions of one or two numbers whose backward has a slip of algebra in it."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor


class SquareWithoutTwo(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * x


class TanhSavesInput(torch.autograd.Function):
    """The formula wants the output; the input was saved."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.tanh(x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return grad_output * (1 - y * y)


class Log1pLikeLog(torch.autograd.Function):
    """The forward is log1p, the backward that of its neighbour log."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.log1p(x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output / x


class PowOfConstantExponent(torch.autograd.Function):
    """Written for fixed exponents; later the exponent was learned."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, exponent: Tensor) -> Tensor:
        ctx.save_for_backward(x, exponent)
        return x**exponent

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None]:
        x, exponent = ctx.saved_tensors
        return grad_output * exponent * x ** (exponent - 1), None


class Atan2Exchanged(torch.autograd.Function):
    """The gradients come in the order (x, y); the arguments in the order (y, x)."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(y, x)
        return torch.atan2(y, x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        y, x = ctx.saved_tensors
        scaled = grad_output / (x * x + y * y)
        return -y * scaled, x * scaled


class CosineSign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.cos()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * x.sin()


class SineOfDegrees(torch.autograd.Function):
    """The chain rule's factor for degrees is missing."""

    @staticmethod
    def forward(ctx: Any, degrees: Tensor) -> Tensor:
        radians = degrees * (math.pi / 180)
        ctx.save_for_backward(radians)
        return radians.sin()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (radians,) = ctx.saved_tensors
        return grad_output * radians.cos()


class ProductOneTerm(torch.autograd.Function):
    """One term of the product rule."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x.sin()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * x * x.cos()


class QuotientNotSquared(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return x / y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, y = ctx.saved_tensors
        return grad_output / y, -grad_output * x / y


class ErfFourDigits(torch.autograd.Function):
    """2/sqrt(pi) from a table of four decimals."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.erf(x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * 1.1284 * torch.exp(-x * x)


class ExpIgnoresGradOutput(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return y.clone()


class LgammaSeries(torch.autograd.Function):
    """digamma by its asymptotic series, without moving small arguments up first."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.lgamma(x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * (x.log() - 0.5 / x - 1 / (12 * x**2) + 1 / (120 * x**4))
