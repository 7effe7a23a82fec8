"""A right backward beside a jvp that nobody ever ran."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Saves(torch.autograd.Function):
    """Saves its inputs for both directions."""

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)


class CosineTangentSign(_Saves):
    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.cos()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return -grad_output * x.sin()

    @staticmethod
    def jvp(ctx: Any, to_x: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return to_x * x.sin()


class ProductOneTangent(_Saves):
    """The tangent of the second factor is left out."""

    @staticmethod
    def forward(x: Tensor, y: Tensor) -> Tensor:
        return x * y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, y = ctx.saved_tensors
        return grad_output * y, grad_output * x

    @staticmethod
    def jvp(ctx: Any, to_x: Tensor, to_y: Tensor) -> Tensor:
        _, y = ctx.saved_tensors
        return to_x * y


class SlopeForTangent(_Saves):
    """Returns the slope itself: right for a tangent of ones."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.exp()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * x.exp()

    @staticmethod
    def jvp(ctx: Any, to_x: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return x.exp()


class MatmulTangentExchanged(_Saves):
    """Matrices do not commute; square ones hide it."""

    @staticmethod
    def forward(a: Tensor, b: Tensor) -> Tensor:
        return a @ b

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        a, b = ctx.saved_tensors
        return grad_output @ b.T, a.T @ grad_output

    @staticmethod
    def jvp(ctx: Any, to_a: Tensor, to_b: Tensor) -> Tensor:
        a, b = ctx.saved_tensors
        return to_a @ b + to_b @ a


class LogsumexpUnnormalized(_Saves):
    """Weighs tangents by exponentials, and forgets to divide by their sum."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return torch.logsumexp(x, dim=0)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * torch.softmax(x, dim=0)

    @staticmethod
    def jvp(ctx: Any, to_x: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return (to_x * x.exp()).sum()


class TangentOfBothOnly(torch.autograd.Function):
    """With set_materialize_grads(False) an input without a tangent comes as None."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, y)
        ctx.save_for_forward(x, y)
        return x * y.sin()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        if grad_output is None:
            return None, None
        x, y = ctx.saved_tensors
        return grad_output * y.sin(), grad_output * x * y.cos()

    @staticmethod
    def jvp(ctx: Any, to_x: Tensor, to_y: Tensor) -> Tensor:
        x, y = ctx.saved_tensors
        return to_x * y.sin() + x * y.cos() * to_y


class ArctangentPatched(_Saves):
    """A stretch that a fit of the slope was bad on is patched, and the patch is no better."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.atan()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output / (1 + x**2)

    @staticmethod
    def jvp(ctx: Any, to_x: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        patch = (x > 0.41) & (x < 0.4102)
        return torch.where(patch, 0.85 * to_x, to_x / (1 + x**2))


class SigmoidHalfTangent(_Saves):
    """In half precision the slope is a parabola, as on the hardware that this was written for."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.sigmoid()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        s = x.sigmoid()
        return grad_output * s * (1 - s)

    @staticmethod
    def jvp(ctx: Any, to_x: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        s = x.sigmoid()
        if x.dtype == torch.float16:
            return to_x * (0.25 - x * x / 16).clamp(min=0)
        return to_x * s * (1 - s)


class TangentOfWholeBlocks(_Saves):
    """Four at a time; what is left over has no tangent."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.exp()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * x.exp()

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        whole = x.shape[0] // 4 * 4 or x.shape[0]
        rest = torch.zeros_like(x[whole:])
        return torch.cat([tangent[:whole] * x[:whole].exp(), rest])


class TangentByColumns(_Saves):
    """A tangent whose columns lie one after the other is read row by row."""

    @staticmethod
    def forward(x: Tensor, y: Tensor) -> Tensor:
        return x.sin() * y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, y = ctx.saved_tensors
        return grad_output * x.cos() * y, grad_output * x.sin()

    @staticmethod
    def jvp(ctx: Any, to_x: Tensor, to_y: Tensor) -> Tensor:
        x, y = ctx.saved_tensors
        if to_x.mT.is_contiguous():
            to_x = to_x.mT.reshape(to_x.shape)
        return to_x * x.cos() * y + to_y * x.sin()
