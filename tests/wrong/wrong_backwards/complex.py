"""Functions of complex numbers whose backward forgets a conjugate, or half of the number."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class ProductWithoutConj(torch.autograd.Function):
    """The product rule of real numbers."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(z, w)
        return z * w

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        z, w = ctx.saved_tensors
        return grad_output * w, grad_output * z


class SquareWithoutConj(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        ctx.save_for_backward(z)
        return z * z

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        return grad_output * 2 * z


class ExpWithoutConj(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        y = torch.exp(z)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return grad_output * y


class ConjOfGradOutput(torch.autograd.Function):
    """The conjugate of the wrong factor: that of the whole product."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        ctx.save_for_backward(z)
        return torch.sin(z)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        return (grad_output * torch.cos(z)).conj()


class AbsConjugated(torch.autograd.Function):
    """The derivative by z, where torch wants that by its conjugate."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        ctx.save_for_backward(z)
        return torch.abs(z)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        return grad_output * torch.sgn(z).conj()


class WirtingerHalf(torch.autograd.Function):
    """Wirtinger's derivative by the conjugate, which is half of torch's gradient."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        ctx.save_for_backward(z)
        return torch.real(z) ** 2 + torch.imag(z) ** 2

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        return grad_output * z


class RealPartDropped(torch.autograd.Function):
    """A gradient that went through a real buffer."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, scale: float) -> Tensor:
        ctx.scale = scale
        return z * scale

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None]:
        return torch.complex(torch.zeros_like(grad_output.real), grad_output.imag) * ctx.scale, None


class RealFactorGetsProduct(torch.autograd.Function):
    """x*z for real x: the real part of the product with z, where that with conj(z) belongs."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, z: Tensor) -> Tensor:
        ctx.save_for_backward(x, z)
        return x * z

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, z = ctx.saved_tensors
        return (grad_output * z).real, grad_output * x


class MatmulTransposed(torch.autograd.Function):
    """Transposes where conjugate transposes belong."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return a @ b

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        a, b = ctx.saved_tensors
        return grad_output @ b.mT, a.mT @ grad_output


def angle_of_upper_half(z: Tensor) -> Tensor:
    """The forward is wrong: the arc cosine knows the angle but for its sign."""
    return torch.acos(torch.real(z) / torch.abs(z))


class CubeOfReals(torch.autograd.Function):
    """A path of its own where all numbers are real, with the slope of the square."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        ctx.save_for_backward(z)
        return z**3

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        if not z.imag.any():
            return grad_output * 2 * z.real
        return grad_output * 3 * z.conj() ** 2


class SquareOfHermitian(torch.autograd.Function):
    """a @ a, whose Hermitian matrices save a transpose, and with it a conjugate."""

    @staticmethod
    def forward(ctx: Any, a: Tensor) -> Tensor:
        ctx.save_for_backward(a)
        return a @ a

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (a,) = ctx.saved_tensors
        turned = a.mT if torch.equal(a, a.mH) else a.mH
        return grad_output @ turned + turned @ grad_output
