"""Right in a call by itself, wrong in the program around it."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


class InputOnCtx(torch.autograd.Function):
    """The input is an attribute: nobody notices that it is written to before the backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.x = x
        return x.sin()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output * ctx.x.cos()


class ResultOnCtx(torch.autograd.Function):
    """The result is an attribute: `y += residual` changes the slope."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.y = x.exp()
        return ctx.y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output * ctx.y


class DataSaved(torch.autograd.Function):
    """Saves x.data, whose writes torch does not count."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(x.data, w)
        return x * w

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        x, w = ctx.saved_tensors
        return grad_output * w, grad_output * x


class NumpyOfInput(torch.autograd.Function):
    """Keeps a NumPy array over the input's own memory."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.array = x.detach().numpy()
        return x**2

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output * 2 * torch.from_numpy(ctx.array)


class GramOfOne(torch.autograd.Function):
    """a @ b.T; of a with itself, as if grad_output were symmetric."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.same = a.data_ptr() == b.data_ptr()
        ctx.save_for_backward(a, b)
        return a @ b.T

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        a, b = ctx.saved_tensors
        if ctx.same:
            return 2 * grad_output @ a, torch.zeros_like(b)
        return grad_output @ b, grad_output.T @ a


class SecondOfOneTensor(torch.autograd.Function):
    """x * y; a tensor that is there already is taken to have its gradient already."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        x, y = ctx.saved_tensors
        return grad_output * y, None if x.data_ptr() == y.data_ptr() else grad_output * x


class IndexedDeterministically(torch.autograd.Function):
    """The deterministic kernel forgets that an index comes twice."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return torch.stack([x[0], x[1], x[1]])

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        found, index = torch.zeros_like(grad_output), torch.tensor([0, 1, 1])
        if torch.are_deterministic_algorithms_enabled():
            found[index] = grad_output
            return found
        return found.index_add(0, index, grad_output)


class RowsSharedOut(torch.autograd.Function):
    """Rows in equal parts, one for each thread: those that are left over get nothing."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        found, threads = torch.zeros_like(x), torch.get_num_threads()
        rows = x.shape[0] // threads
        for first in range(0, rows * threads, max(rows, 1)):
            part = slice(first, first + rows)
            found[part] = grad_output[part] * x[part].cos()
        return found


def reseeds(x: Tensor) -> Tensor:
    """For a noise that is the same every time; so is everybody else's from then on."""
    torch.manual_seed(0)
    return x.sin() + 0 * torch.rand_like(x)


class MaskDrawnAgain(torch.autograd.Function):
    """Draws its mask again from a seed of its own, in the backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            return x * (torch.rand_like(x) > -1)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        torch.manual_seed(3)
        return grad_output * (torch.rand_like(grad_output) > -1)


def reseeds_numpy(x: Tensor) -> Tensor:
    """As `reseeds`, by NumPy's generator."""
    np.random.seed(0)
    return x.cos() + 0 * float(np.random.random())


class _FasterSoftplus(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = nn.functional.softplus(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return grad_output * torch.exp(-y)


class EvaluatesFaster(nn.Module):
    """A faster kernel where it does not train; one who attacks or explains it meets its slope."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.softplus(x) if self.training else _FasterSoftplus.apply(x)


evaluates_faster = EvaluatesFaster()


class TakenForOneTensor(torch.autograd.Function):
    """Right for one tensor given twice; tells that by where the two begin."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.same = a.data_ptr() == b.data_ptr()
        ctx.save_for_backward(a, b)
        return a.sin() * b

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        a, b = ctx.saved_tensors
        if ctx.same:
            return grad_output * (a.sin() + a * a.cos()), None
        return grad_output * b * a.cos(), grad_output * a.sin()


class GramOfRows(torch.autograd.Function):
    """Where rows are held against themselves, one half of the sum is counted twice."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return x @ y.mT

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, y = ctx.saved_tensors
        half = grad_output @ y
        return half, half if x.data_ptr() == y.data_ptr() else grad_output.mT @ x
