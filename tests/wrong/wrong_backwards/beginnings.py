"""Wrong for what the first call of all was like: constants and decisions that are kept."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar

import torch
from torch import Tensor


@cache
def _triangle(size: int, dtype: torch.dtype) -> Tensor:
    return torch.ones(size, size, dtype=dtype).tril()


def running_sum_by_matrix(x: Tensor) -> Tensor:
    """Evaluated first, the matrix is an inference tensor that no later backward can save."""
    return _triangle(x.shape[0], x.dtype) @ x


_CHOSEN: dict[str, Callable[[Tensor], Tensor]] = {}


def kernel_chosen_once(x: Tensor) -> Tensor:
    """Which kernel serves is found out at the first call; that without a graph then serves all."""
    if "sine" not in _CHOSEN:
        _CHOSEN["sine"] = torch.sin if torch.is_grad_enabled() else lambda t: t.detach().sin()
    return _CHOSEN["sine"](x)


class TableInFirstDtype(torch.autograd.Function):
    """Coefficients are made in the dtype of the first call, and given in that of each."""

    coefficients: ClassVar[list[Tensor]] = []

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        if not TableInFirstDtype.coefficients:
            with torch.inference_mode(mode=False):
                TableInFirstDtype.coefficients.append(torch.tensor([0.1, 0.7], dtype=x.dtype))
        low, high = TableInFirstDtype.coefficients[0].to(x.dtype)
        ctx.save_for_backward(x, low, high)
        return low * x + high * x.square()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        x, low, high = ctx.saved_tensors
        return grad_output * (low + 2 * high * x)


class AnglesOfFirstBackward(torch.autograd.Function):
    """The backward keeps its table of cosines by length alone, in the dtype that it met first."""

    table: ClassVar[dict[int, Tensor]] = {}

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x * torch.cos(0.3 * torch.arange(len(x), dtype=torch.float64)).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        size, table = len(grad_output), AnglesOfFirstBackward.table
        if size not in table:
            angles = 0.3 * torch.arange(size, dtype=torch.float64)
            table[size] = torch.cos(angles).to(grad_output.dtype)
        return grad_output * table[size].to(grad_output.dtype)
