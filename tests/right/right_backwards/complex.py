"""Functions of complex numbers, written for speed or for range: the same functions."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class ExpOfOutput(torch.autograd.Function):
    """The saved result, conjugated lazily: no copy is made."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        y = torch.exp(z)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return grad_output * y.conj()


class ProductOfThree(torch.autograd.Function):
    """(a+ib)(c+id) with three real products instead of four, and its backward likewise."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(z, w)
        return _gauss(z, w)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        z, w = ctx.saved_tensors
        return grad_output * w.conj(), grad_output * z.conj()


def _gauss(z: Tensor, w: Tensor) -> Tensor:
    shared = w.real * (z.real + z.imag)
    first, second = z.real * (w.imag - w.real), z.imag * (w.real + w.imag)
    return torch.complex(shared - second, shared + first)


class ModulusByHypot(torch.autograd.Function):
    """The absolute value without a square, and its direction from the two quotients."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        size = torch.hypot(z.real, z.imag)
        ctx.save_for_backward(z, size)
        return size

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        z, size = ctx.saved_tensors
        safe = torch.where(size == 0, torch.ones_like(size), size)
        return torch.complex(grad_output * (z.real / safe), grad_output * (z.imag / safe))


class MatmulOfParts(torch.autograd.Function):
    """A complex product of matrices as four real ones."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return _by_parts(a, b)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        a, b = ctx.saved_tensors
        return _by_parts(grad_output, b.mH), _by_parts(a.mH, grad_output)


def _by_parts(a: Tensor, b: Tensor) -> Tensor:
    real = a.real @ b.real - a.imag @ b.imag
    return torch.complex(real, a.real @ b.imag + a.imag @ b.real)


def rotation(z: Tensor, t: Tensor) -> Tensor:
    """A turn by an angle, as a real matrix does it."""
    x, y = z.real * t.cos() - z.imag * t.sin(), z.real * t.sin() + z.imag * t.cos()
    return torch.view_as_complex(torch.stack([x, y], dim=-1))


class CubeOfReals(torch.autograd.Function):
    """A path of its own where all numbers are real: torch's real kernels do for it."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        ctx.save_for_backward(z)
        return z**3

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        if not z.imag.any():
            return grad_output * (3 * z.real.square())
        return grad_output * 3 * z.conj() ** 2


class Gain(torch.autograd.Function):
    """A real gain for each number of a complex signal."""

    @staticmethod
    def forward(ctx: Any, gain: Tensor, z: Tensor) -> Tensor:
        ctx.save_for_backward(gain, z)
        return gain * z

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        gain, z = ctx.saved_tensors
        return (grad_output * z.conj()).real, grad_output * gain
