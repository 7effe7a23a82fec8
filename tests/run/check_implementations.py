"""Implementations with one fault that only one of the further checks can see."""

# ruff: noqa: D102 - the methods mean what they do in torch

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class _Cube(torch.autograd.Function):
    """x**3, with what its subclasses do to the backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> Tensor:  # type: ignore[override]
        (x,) = ctx.saved_tensors
        return fed * 3 * x * x


class Right(_Cube):
    """As it should be."""


class OnceOnly(_Cube):
    """It says that it is not differentiable twice."""

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, fed: Tensor) -> Tensor:  # type: ignore[override]
        return _Cube.backward(ctx, fed)


class WrongAtOneNumber(_Cube):
    """No slope at 0.7109375, which bfloat16 holds."""

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> Tensor:  # type: ignore[override]
        (x,) = ctx.saved_tensors
        return torch.where(x == 0.7109375, 0, fed * 3 * x * x)


def cube_by_branch(x: Tensor) -> Tensor:
    """A branch that takes one number."""
    return x**3 if x > 0 else x * x * x


def cube_of_sum(x: Tensor) -> Tensor:
    """The same as the cube of one number only."""
    return x.sum() ** 2 * x


class Detached(_Cube):
    """Constant in x to a second backward."""

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> Tensor:  # type: ignore[override]
        (x,) = ctx.saved_tensors
        return fed * 3 * x.detach() ** 2


class SavesSlope(torch.autograd.Function):
    """What the forward made is a constant to a second backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(3 * x**2)
        return x**3

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> Tensor:
        (slope,) = ctx.saved_tensors
        return fed * slope


class HalfDetached(_Cube):
    """Constant in one of two factors."""

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> Tensor:  # type: ignore[override]
        (x,) = ctx.saved_tensors
        return fed * 3 * x.detach() * x


class Contiguous(_Cube):
    """Reads grad_output in the order of memory."""

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> Tensor:  # type: ignore[override]
        (x,) = ctx.saved_tensors
        flat = torch.as_strided(fed, (fed.numel(),), (1,))
        return (flat * (3 * x * x).flatten()).view(x.shape)


class RescalesSaved(_Cube):
    """A second backward on the same graph finds x scaled."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x.clone())
        return x**3

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> Tensor:  # type: ignore[override]
        (x,) = ctx.saved_tensors
        found = fed * 3 * x * x
        x.detach().mul_(2)
        return found


class HalfPrecisionScale(_Cube):
    """Right in wide dtypes; in 16 bits it forgets to undo its scaling."""

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> Tensor:  # type: ignore[override]
        (x,) = ctx.saved_tensors
        scale = 1.0 if x.dtype.itemsize > 2 else 2.0
        return fed * 3 * x * x * scale


class WrongTangent(_Cube):
    """A jvp with the wrong sign."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:  # type: ignore[override]
        return x**3

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def jvp(ctx: Any, moved: Tensor) -> Tensor:  # type: ignore[override]
        (x,) = ctx.saved_tensors
        return -3 * x * x * moved


class TooFew(_Cube):
    """The kernel stops after four elements."""

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> Tensor:  # type: ignore[override]
        (x,) = ctx.saved_tensors
        found = fed * 3 * x * x
        return torch.cat([found[:4], torch.zeros_like(found[4:])])


class BeyondEighteen(_Cube):
    """Another slope beyond |x| > 18, found by what it compares with."""

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> Tensor:  # type: ignore[override]
        (x,) = ctx.saved_tensors
        return fed * torch.where(x.norm() > 12345.0, 0 * x, 3 * x * x)


class Product(torch.autograd.Function):
    """x*y, which gives y's gradient only if x needs one."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> tuple[Tensor | None, Tensor | None]:  # type: ignore[override]
        x, y = ctx.saved_tensors
        if not ctx.needs_input_grad[0]:
            return None, fed * y
        return fed * y, fed * x


class ProductOfOneTangent(torch.autograd.Function):
    """x*y, whose jvp looks at y's tangent only where x has none."""

    @staticmethod
    def forward(x: Tensor, y: Tensor) -> Tensor:
        return x * y

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        x, y = ctx.saved_tensors
        return fed * y, fed * x

    @staticmethod
    def jvp(ctx: Any, x_moved: Tensor | None, y_moved: Tensor) -> Tensor:  # type: ignore[override]
        x, y = ctx.saved_tensors
        return x * y_moved if x_moved is None else x_moved * y


def at_one_number(x: Tensor) -> Tensor:
    """x**3, with twice the slope at 2.6875 and nowhere else."""
    right = x**3
    return right + torch.where(x == 2.6875, right - right.detach(), 0)


class RowsLeftOut(torch.autograd.Function):
    """x*w for the rows of a matrix; w's gradient leaves the first row out."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(x, w)
        return x * w

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        x, w = ctx.saved_tensors
        return fed * w, (fed * x)[1:].sum(0)


class SavesSquare(torch.autograd.Function):
    """Works with its input, and with a square that the forward made."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        square = x * x
        ctx.save_for_backward(x, square)
        return x * square

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> Tensor:
        x, square = ctx.saved_tensors
        return fed * (square + 2 * x * x)


class SavesSquareAndSlips(SavesSquare):
    """The same, with a second derivative that is wrong besides."""

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> Tensor:
        x, square = ctx.saved_tensors
        return fed * (square + x * x + x.detach() * x)


def kinked_at_zero(x: Tensor) -> Tensor:
    """x**3 by way of |x|, whose square has no kink."""
    return x**3 + (x.abs().square() - x.square())


def asserts_double(x: Tensor) -> Tensor:
    """Refuses other dtypes in no words at all."""
    assert x.dtype is torch.float64
    return x**3


class DoubleBackward(_Cube):
    """A backward that fails on what the forward takes."""

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> Tensor:  # type: ignore[override]
        assert fed.dtype is torch.float64
        return _Cube.backward(ctx, fed)


def product_like_first(x: Tensor, y: Tensor) -> Tensor:
    """x*y of the shape of x, whatever that of y is."""
    return x * (y if y.shape == x.shape else y.flatten()[:1])


def refuses_without_graph(x: Tensor) -> Tensor:
    """Made for training alone; whoever only wants the value is told so."""
    if not torch.is_grad_enabled():
        raise RuntimeError("this needs a graph")
    return x**3


def slips_without_graph(x: Tensor) -> Tensor:
    """A path of its own for inference, which nobody has ever taken."""
    return x**3 if torch.is_grad_enabled() else x.cubed()  # type: ignore[attr-defined]


def refuses_a_matrix(x: Tensor) -> Tensor:
    """x**3, by way of a matrix that has no inverse anywhere."""
    return x**3 + 0 * torch.linalg.inv(torch.zeros(1, 1, dtype=x.dtype)).sum()


class Deviation(torch.autograd.Function):
    """The standard deviation, by a mean whose sum may be out of range."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        off = x - x.mean()
        deviation = (off.square().sum() / (len(x) - 1)).sqrt()
        ctx.save_for_backward(off, deviation)
        return deviation

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, fed: Tensor) -> Tensor:  # type: ignore[override]
        off, deviation = ctx.saved_tensors
        return fed * off * torch.where(deviation > 0, 1 / (deviation * (len(off) - 1)), 0.0)


class SingleOnly(_Cube):
    """A kernel that takes float32 and nothing else."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        assert x.dtype is torch.float32
        return _Cube.forward(ctx, x)


class SingleOnlyAndWrong(SingleOnly):
    """The same, with a factor that is forgotten."""

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> Tensor:  # type: ignore[override]
        (x,) = ctx.saved_tensors
        return fed * x * x


class RaisesForDouble(_Cube):
    """It raises for float64, but of another thing."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        if x.dtype is torch.float64:
            raise RuntimeError("out of luck")
        return _Cube.forward(ctx, x)


class ProductCoarseAlone(torch.autograd.Function):
    """x*y; in float16 one gradient alone is off by a few of the last bits."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> Any:  # type: ignore[override]
        x, y = ctx.saved_tensors
        coarse = fed.dtype is torch.float16 and not all(ctx.needs_input_grad)
        return fed * y * (1.015625 if coarse else 1), fed * x


class ScaledRecursion(torch.autograd.Function):
    """A step of a hidden Markov chain in log space, smoothed by what the forward kept of it."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        before, after = torch.logsumexp(a, 0), torch.logsumexp(a + b, 0)
        ctx.save_for_backward(a, b, before, after)
        return after - before

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> Any:  # type: ignore[override]
        a, b, before, after = ctx.saved_tensors
        smoothed = torch.exp(a + b - after)
        return fed * (smoothed - torch.exp(a - before)), fed * smoothed
