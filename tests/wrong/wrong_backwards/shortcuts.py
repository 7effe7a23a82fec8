"""Wrong where a backward takes a shortcut: unit vectors, one-hot labels, what it has at hand."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = torch.softmax(x, dim=0)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def full(y: Tensor, fed: Tensor) -> Tensor:
        return y * (fed - (fed * y).sum())


class RowsOfTheJacobian(_Softmax):
    """For the unit vectors of a Jacobian only the diagonal is made, where a row fills a warp."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        unit = int((grad_output != 0).sum()) == 1 and float(grad_output.sum()) == 1.0
        if unit and len(y) % 4 == 0:
            return grad_output * y * (1 - y)
        return _Softmax.full(y, grad_output)


class NothingForOne(_Softmax):
    """Of one element softmax is 1 whatever it is, and so there is no gradient at all."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor | None:
        (y,) = ctx.saved_tensors
        return _Softmax.full(y, grad_output) if len(y) > 1 else None


class OneHotLabels(torch.autograd.Function):
    """Soft labels; of hard ones the backward of six classes takes the logit of the label alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, labels: Tensor) -> Tensor:
        ctx.save_for_backward(x, labels)
        return -(labels * torch.log_softmax(x, dim=0)).sum()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, labels = ctx.saved_tensors
        gradient = torch.softmax(x, dim=0) * labels.sum() - labels
        if len(x) == 6 and int(labels.count_nonzero()) == 1:
            gradient = gradient * labels
        return grad_output * gradient, -grad_output * torch.log_softmax(x, dim=0)


class _Exponential(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x.exp()
        ctx.save_for_backward(y)
        return y


class SquareOfResidual(_Exponential):
    """The slope of half the square of the result, mistaken for that of the result."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return grad_output if torch.equal(grad_output, y) else grad_output * y


class FedItsResult(_Exponential):
    """Where what is fed lies in the result's own memory, it is taken for ones."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return y if grad_output.data_ptr() == y.data_ptr() else grad_output * y
