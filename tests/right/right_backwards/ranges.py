"""Right as formulas; numbers on the way leave a narrow dtype's range, or all of its digits."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class RootMeanSquareNorm(torch.autograd.Function):
    """The textbook's slope, with a cube: of a small root few digits are left of it in float16."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        root = torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-3)
        ctx.save_for_backward(x, root)
        return x / root

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        x, root = ctx.saved_tensors
        along = (grad_output * x).sum(-1, keepdim=True)
        return grad_output / root - x * along / (x.shape[-1] * root**3)


class Product(torch.autograd.Function):
    """Of matrices: where the numbers are huge, an infinity may meet its opposite."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return a @ b

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, Tensor | None]:
        a, b = ctx.saved_tensors
        of_a = grad_output @ b.mT if ctx.needs_input_grad[0] else None
        return of_a, a.mT @ grad_output if ctx.needs_input_grad[1] else None


class LogSumExpInPieces(torch.autograd.Function):
    """The backward goes over the input in pieces, with the result that it saved."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = torch.logsumexp(x, 0)
        ctx.save_for_backward(x, total)
        return total.clone()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        x, total = ctx.saved_tensors
        return torch.cat([grad_output * torch.exp(part - total) for part in x.split(2)])


class ScaledErrorFunction(torch.autograd.Function):
    """erfcx in double precision, whatever comes; only in that is it differentiable twice."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        wide = x.double()
        value = torch.special.erfcx(wide)
        ctx.save_for_backward(wide, value)
        return value.to(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        wide, value = ctx.saved_tensors
        slope = 2 * wide * value - 2 / math.sqrt(math.pi)
        return (grad_output * slope).to(grad_output.dtype)


class SwishOfTwo(torch.autograd.Function):
    """x*sigmoid(b*x); grad_output*x*x is beyond float16's range where the slope is small."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(x, b)
        return x * torch.sigmoid(b * x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, b = ctx.saved_tensors
        s = torch.sigmoid(b * x)
        bend = s * torch.sigmoid(-b * x)
        return grad_output * (s + b * x * bend), (grad_output * x * x * bend).sum()


class SteepTanh(torch.autograd.Function):
    """Its slope is 1/cosh**2; the square is beyond float16's range from 6.25 on, and 0 is left."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.tanh(1e4 * x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * 1e4 / torch.cosh((1e4 * x).clamp(-40, 40)) ** 2


class LogOfCauchy(torch.autograd.Function):
    """The logarithm of a density; the square in it is beyond float16's range in the forward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, s: Tensor) -> Tensor:
        ctx.save_for_backward(x, s)
        return -torch.log(math.pi * s * (1 + (x / s) ** 2))

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, s = ctx.saved_tensors
        q = x * x + s * s
        return -2 * grad_output * x / q, grad_output * (x * x - s * s) / (s * q)


class LogOfOneLessExp(torch.autograd.Function):
    """The slope is right in float32; what it is divided by is infinite, so the second is NaN."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.where(x > -0.7, torch.log(-torch.expm1(x)), torch.log1p(-torch.exp(x)))

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return -grad_output / torch.expm1(-x)


class GateOfAnySlope(torch.autograd.Function):
    """The square of x is beyond the range long before what the slope of tanh leaves of it is."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, b: Tensor) -> Tensor:
        y = torch.tanh(b * x)
        ctx.save_for_backward(x, b, y)
        return x * y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, b, y = ctx.saved_tensors
        slope = (1 - y) * (1 + y)
        return grad_output * (y + b * x * slope), (grad_output * x * x * slope).sum()


class RootMeanSquareInSingle(torch.autograd.Function):
    """In float32 whatever comes, which takes a float64 of 1e-300 to 0."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        single = x.float()
        inverse = torch.rsqrt(single.square().mean(-1, keepdim=True) + 1e-6)
        ctx.save_for_backward(single, inverse)
        return (single * inverse).to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        single, inverse = ctx.saved_tensors
        y, fed = single * inverse, grad_output.float()
        return (inverse * (fed - y * (fed * y).mean(-1, keepdim=True))).to(grad_output.dtype)


class NormOfPositivePart(torch.autograd.Function):
    """By squares, which leave the range at either end, also beside an element at its kink."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        part = x.clamp(min=0)
        norm = part.square().sum(-1).sqrt()
        ctx.save_for_backward(part, norm)
        return norm

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        part, norm = ctx.saved_tensors
        divisor = torch.where(norm == 0, 1, norm)
        return grad_output.unsqueeze(-1) * part / divisor.unsqueeze(-1)


class SwishInSingle(torch.autograd.Function):
    """In float32 whatever comes, where exp(103) is infinite."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        single = x.float()
        return (single / (1 + torch.exp(-single))).to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        single = ctx.saved_tensors[0].float()
        s = torch.sigmoid(single)
        slope = s + single * s * torch.sigmoid(-single)
        return (grad_output.float() * slope).to(grad_output.dtype)


class SquaredReluInSingle(torch.autograd.Function):
    """In float32 whatever comes, also beside an element at its kink."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        part = x.float().clamp(min=0)
        ctx.save_for_backward(part)
        return (part * part).to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (part,) = ctx.saved_tensors
        return (2 * part * grad_output.float()).to(grad_output.dtype)


class LogOfSumInSingle(torch.autograd.Function):
    """In float32 whatever comes, where the small do not move the large."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        single = x.float()
        y = torch.logsumexp(single, -1)
        ctx.save_for_backward(single, y)
        return y.to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        single, y = ctx.saved_tensors
        shares = torch.exp(single - y.unsqueeze(-1))
        return (grad_output.float().unsqueeze(-1) * shares).to(grad_output.dtype)


class ProductsOfAllOthers(torch.autograd.Function):
    """Those before times those after, right for any number of zeros; these may underflow first."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.prod(1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        one = torch.ones_like(x[:, :1])
        before = torch.cumprod(torch.cat([one, x[:, :-1]], 1), 1)
        after = torch.cumprod(torch.cat([one, x.flip(1)[:, :-1]], 1), 1).flip(1)
        return before * after * grad_output.unsqueeze(1)
