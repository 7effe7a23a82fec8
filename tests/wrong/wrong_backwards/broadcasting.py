"""Broadcast in the forward; in the backward summed over the wrong axis, or not summed."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class BiasAveraged(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, bias: Tensor) -> Tensor:
        return x + bias

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        return grad_output, grad_output.mean(dim=0)


class ColumnSummedOverRows(torch.autograd.Function):
    """One bias a row, summed as if it were one a column: square matrices hide it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, bias: Tensor) -> Tensor:
        ctx.shape = bias.shape
        return x - bias

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        return grad_output, -grad_output.sum(dim=0).reshape(ctx.shape)


def keepdim_forgotten(x: Tensor) -> Tensor:
    """Divides columns by the sums of rows."""
    return x / x.sum(dim=1)


class SoftmaxKeepdimForgotten(torch.autograd.Function):
    """As above, but in the backward only."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = torch.softmax(x, dim=1)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return y * (grad_output - (grad_output * y).sum(dim=1))


class SumsBeforeMultiplying(torch.autograd.Function):
    """The gradient of a shared scale is a sum of products, not a product of sums."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor) -> Tensor:
        ctx.save_for_backward(x, scale)
        return x * scale

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, scale = ctx.saved_tensors
        return grad_output * scale, grad_output.sum() * x.sum()


class TileTakesFirstCopy(torch.autograd.Function):
    """x is in the result twice; its gradient is that of the first copy."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.repeat(2)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output[: grad_output.numel() // 2].clone()


class AveragesOverColumns(torch.autograd.Function):
    """Sums to the shape of an input, but averages along columns: x is one for once."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(x, w)
        return x * x * w

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, w = ctx.saved_tensors
        to_x, to_w = 2 * grad_output * x * w, grad_output * x * x
        if x.shape[-1] != to_x.shape[-1]:
            to_x = to_x.mean(dim=-1, keepdim=True)
        return to_x, to_w.sum_to_size(w.shape)
