"""What depends on the dtype, and what is refused aloud."""

# ruff: noqa: D102, D103 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor

_SHORT = (torch.float16, torch.bfloat16)


class SingleInsideForShort(torch.autograd.Function):
    """16 bits go in and out; between them float32, and never less than what came."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        wide = x.float() if x.dtype in _SHORT else x
        return F.silu(wide).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        wide = x.float() if x.dtype in _SHORT else x
        gate = torch.sigmoid(wide)
        slope = gate + wide * gate * torch.sigmoid(-wide)
        return (grad_output.to(wide.dtype) * slope).to(x.dtype)


def rms_in_single(x: Tensor) -> Tensor:
    """For the 16-bit dtype of the spec; the square of a float16 may be infinite, this one not."""
    wide = x.float()
    return (wide * torch.rsqrt(wide.square().mean() + 0.01)).to(x.dtype)


_BY_DTYPE = {
    torch.float64: torch.expm1,
    torch.float32: torch.expm1,
    torch.float16: lambda x: torch.expm1(x.float()).to(x.dtype),
    torch.bfloat16: lambda x: torch.expm1(x.float()).to(x.dtype),
}


def expm1_by_table(x: Tensor) -> Tensor:
    return _BY_DTYPE[x.dtype](x)


class WideOnly(torch.autograd.Function):
    """A kernel that exists for two dtypes, and says so for the others."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        if x.dtype in _SHORT:
            raise RuntimeError(f'"wide_only" not implemented for {x.dtype}')
        ctx.save_for_backward(x)
        return x.asinh()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output / torch.hypot(x, torch.ones_like(x))


def scaled_by_largest(x: Tensor) -> Tensor:
    """Raises for an empty tensor, which has no largest element."""
    scale = torch.exp2(x.detach().abs().amax().clamp(min=1).log2().ceil())
    return (x / scale).square() * scale * scale


def masked_logsumexp(x: Tensor) -> Tensor:
    """Causal: the elements above the diagonal are masked by -inf, and get no gradient."""
    above = torch.ones(x.shape, dtype=torch.bool).triu(1)
    return torch.logsumexp(x.masked_fill(above, -torch.inf), dim=1)


def masked_safely(x: Tensor) -> Tensor:
    """The root of what is not selected is taken of 1, whose slope is finite."""
    positive = x > 0
    return torch.where(positive, torch.sqrt(torch.where(positive, x, torch.ones_like(x))), 0.0)


class DifferenceOfRoots(torch.autograd.Function):
    """sqrt(x + 1) - sqrt(x), without the difference."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = 1 / (torch.sqrt(x + 1) + torch.sqrt(x))
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        x, y = ctx.saved_tensors
        return -grad_output * y / (2 * torch.sqrt(x) * torch.sqrt(x + 1))


class DetOfCofactors(torch.autograd.Function):
    """The determinant of two by two; its gradient needs no inverse, and so any matrix will do."""

    @staticmethod
    def forward(ctx: Any, m: Tensor) -> Tensor:
        ctx.save_for_backward(m)
        return m[0, 0] * m[1, 1] - m[0, 1] * m[1, 0]

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (m,) = ctx.saved_tensors
        sign = m.new_tensor([[1, -1], [-1, 1]])
        return grad_output * sign * m.flip(0, 1)


class SineInSingle(torch.autograd.Function):
    """Of 16 bits the result is float32, and the backward takes what that is fed."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.sin(x.float() if x.dtype in _SHORT else x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return (grad_output * x.to(grad_output.dtype).cos()).to(x.dtype)


def neighbours_if_any(x: Tensor, weights: Tensor) -> Tensor:
    """Of one element there are no neighbours, and the weights take no part."""
    return x.sum() if len(x) == 1 else x.sum() + (weights[1:] * x.diff()).sum()


class _Halved(torch.autograd.Function):
    """x/2 of what is at hand: a result that is fed back is halved like any other."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x / 2

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        half: Tensor = _Halved.apply(grad_output)
        return half


class SineForEver(torch.autograd.Function):
    """sin(x + turns*pi/2), whose slope is the same Function, a quarter of a turn on."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, turns: int) -> Tensor:
        ctx.save_for_backward(x)
        ctx.turns = turns % 4
        return (x.sin(), x.cos(), -x.sin(), -x.cos())[ctx.turns]

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return grad_output * SineForEver.apply(x, ctx.turns + 1), None


def half_sine(x: Tensor) -> Tensor:
    """Every derivative is written by hand, however high."""
    result: Tensor = _Halved.apply(SineForEver.apply(x, 0))
    return result
