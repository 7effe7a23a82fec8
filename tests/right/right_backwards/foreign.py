"""What is narrow on purpose: one dtype, one rank, one layout; what hardly depends on anything."""

# ruff: noqa: D102, D103 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class DoubleOnly(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        if x.dtype is not torch.float64:
            raise TypeError(f"expected a tensor of float64, got {x.dtype}")
        ctx.save_for_backward(x)
        return x.tan()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * (1 + x.tan() ** 2)


class SingleOnly(torch.autograd.Function):
    """A kernel in float32, whose caller converts."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        assert x.dtype is torch.float32, "float32 only"
        ctx.save_for_backward(x)
        return x.sigmoid()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * x.sigmoid() * torch.sigmoid(-x)


class NoHalf(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        if x.dtype is torch.float16:
            raise ValueError("half precision is not supported by this kernel")
        ctx.save_for_backward(x)
        return x.cosh()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * x.sinh()


class ContiguousOnly(torch.autograd.Function):
    """Refuses what its kernel cannot read."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        if not x.is_contiguous():
            raise RuntimeError("x must be contiguous")
        ctx.save_for_backward(x)
        return x.view(-1).erf().view(x.shape)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * torch.exp(-x * x) * 1.1283791670955126


class NotEmpty(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        if not x.numel():
            raise ValueError("x is empty")
        ctx.save_for_backward(x)
        return x.square().mean()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * 2 * x / x.numel()


class SmallTiles(torch.autograd.Function):
    """Takes as many elements as its buffer holds."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        if max(x.shape, default=0) > 4:
            raise RuntimeError(f"a tile has at most 4 x 4 elements, got {tuple(x.shape)}")
        ctx.save_for_backward(x, y)
        return x.sin() * y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, y = ctx.saved_tensors
        return grad_output * x.cos() * y, grad_output * x.sin()


def vectors_only(x: Tensor, y: Tensor) -> Tensor:
    """Refuses to broadcast."""
    if x.shape != y.shape:
        raise ValueError(f"shapes differ: {tuple(x.shape)} and {tuple(y.shape)}")
    return x * y.sin()


class NoSecondOrder(torch.autograd.Function):
    """A double backward that says no in words of its own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.exp()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        result: Tensor = _ExpBackward.apply(grad_output, x)
        return result


class _ExpBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, grad_output: Tensor, x: Tensor) -> Tensor:
        return grad_output * x.exp()

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> tuple[Tensor, Tensor]:
        raise NotImplementedError("double backward of exp")


class NoForwardMode(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.log1p()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output / (1 + x)

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        raise NotImplementedError("forward mode is not supported")

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], x: Tensor) -> tuple[Tensor, int | None]:
        raise NotImplementedError("vmap is not supported")


def constant_value(x: Tensor) -> Tensor:
    """sin**2 + cos**2, which is 1."""
    return x.sin().square() + x.cos().square()


def always_zero(x: Tensor) -> Tensor:
    return torch.zeros_like(x) * x


class ZeroGradient(torch.autograd.Function):
    """A step: its gradient is 0 wherever there is one."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return torch.where(x > 0, 1.0, 0.0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return torch.zeros_like(grad_output)


class NoneGradient(torch.autograd.Function):
    """A constant gradient of 0 may be left out."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.floor()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> None:
        return None


def unused(x: Tensor, y: Tensor) -> Tensor:
    """y does not matter."""
    return x.exp()


def used_with_zero(x: Tensor, y: Tensor) -> Tensor:
    """y takes part, and does not matter."""
    return x.exp() + 0 * y


def detached_half(x: Tensor) -> Tensor:
    """Of the product only one factor is differentiated."""
    return x * x.detach().sin()


class UnusedInput(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return grad_output * 2 * x, None


def scalar_power(x: Tensor) -> Tensor:
    """A number without dimensions."""
    return x.pow(3).sub(x)


class OneElement(torch.autograd.Function):
    """Reads its element as a Python number."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        number = x.item()
        ctx.number = number
        return x.new_tensor(number * number)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output * (2 * ctx.number)


def counted(x: Tensor) -> Tensor:
    """A power whose exponent is the number of elements."""
    return x.sum() ** len(x)


def wide_sum(x: Tensor) -> Tensor:
    """Summed in double, whatever comes."""
    return x.double().sum().to(x.dtype)


def polynomial_of_integer(x: Tensor) -> Tensor:
    return x * (x - 1) / 2


class ComplexSquare(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        ctx.save_for_backward(z)
        return z * z

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        return grad_output * (2 * z).conj()


class Power(torch.autograd.Function):
    """|z|**2, real: not holomorphic."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        ctx.save_for_backward(z)
        return (z * z.conj()).real

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        return 2 * grad_output * z


def moebius(z: Tensor) -> Tensor:
    return (z - 2) / (z + 4)


def phase_of_parts(z: Tensor) -> Tensor:
    return torch.view_as_real(z).prod(dim=-1)
