"""Care with memory: views, buffers, tiles and work in place, all of it sound."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from functools import cache
from itertools import count
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint


class TransposesByView(torch.autograd.Function):
    """The gradient is a view of grad_output: nobody owns it alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.T.clone()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output.T


class MeanByExpanding(torch.autograd.Function):
    """Row means; the gradient has stride 0 along the rows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.shape = x.shape
        return x.mean(dim=1)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return (grad_output / ctx.shape[1]).unsqueeze(1).expand(ctx.shape)


class FlatAfterContiguous(torch.autograd.Function):
    """A kernel for dense memory only, and the copies that it needs."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.contiguous().view(-1).atan().view(x.shape)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        flat = x.contiguous().view(-1)
        return (grad_output.contiguous().view(-1) / (1 + flat * flat)).view(x.shape)


class WorkspaceThatGrows(torch.autograd.Function):
    """A workspace that `out=` makes as large as is needed; the gradient is a copy of it."""

    workspaces: ClassVar[dict[torch.dtype, Tensor]] = {}

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        fresh = torch.empty(0, dtype=x.dtype)
        space = WorkspaceThatGrows.workspaces.setdefault(x.dtype, fresh)
        return grad_output * torch.cos(x, out=space.resize_(x.shape))


class _ExponentialInPlace(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        x.exp_()
        ctx.mark_dirty(x)
        ctx.save_for_backward(x)
        return x

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return grad_output * y


def exponential_in_place(x: Tensor) -> Tensor:
    """In place, on a copy; the result is what is saved."""
    result: Tensor = _ExponentialInPlace.apply(x.clone())
    return result


class OwnBufferPerCall(torch.autograd.Function):
    """Scratch memory of the call's own, written to in the backward before it is handed out."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output.clone(memory_format=torch.contiguous_format).mul_(2).mul(x)


@cache
def _triangle(size: int, dtype: torch.dtype) -> Tensor:
    with torch.inference_mode(mode=False):  # whoever asks first, the next may want a gradient
        return torch.ones(size, size, dtype=dtype).tril()


def running_sum_cached(x: Tensor) -> Tensor:
    """A constant matrix, made once for each size and dtype."""
    return _triangle(x.shape[0], x.dtype) @ x


def product_by_tiles(a: Tensor, b: Tensor) -> Tensor:
    """A matrix product in tiles of two columns, the last of which is narrower."""
    steps = range(0, a.shape[1], 2)
    return sum(a[:, k : k + 2] @ b[k : k + 2] for k in steps)  # type: ignore[return-value]


def online_logsumexp(x: Tensor) -> Tensor:
    """In one pass over tiles of two, with a running maximum, as fused attention does it."""
    largest = x.new_full((), -torch.inf)
    total = x.new_zeros(())
    for tile in x.split(2):
        new = torch.maximum(largest, tile.max()).detach()
        total = total * (largest - new).exp() + (tile - new).exp().sum()
        largest = new
    return largest + total.log()


class CompensatedSum(torch.autograd.Function):
    """Neumaier's sum: what each addition loses is added in the end."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.shape = x.shape
        total, lost = x.new_zeros(()), x.new_zeros(())
        for element in x:
            new = total + element
            larger = total.abs() >= element.abs()
            lost = lost + torch.where(larger, (total - new) + element, (element - new) + total)
            total = new
        return total + lost

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output.expand(ctx.shape).clone()


class Weighted(nn.Module):
    """A layer with a parameter, which collects a gradient of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.75))
        self.register_full_backward_hook(lambda module, to_inputs, fed: None)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(self.weight * x)


def reentrant(x: Tensor) -> Tensor:
    """The older kind of checkpoint, which runs a backward inside the backward."""
    result: Tensor = checkpoint(lambda t: t.exp() * t.sin(), x, use_reentrant=True)
    return result


def retained(x: Tensor) -> Tensor:
    """Keeps the gradient of an intermediate, and looks at that of its input."""
    y = x.square()
    if y.requires_grad:
        y.retain_grad()
        x.register_hook(lambda gradient: None)
    return y.sin()


class FreesItsIntermediate(torch.autograd.Function):
    """Keeps no intermediate: the backward makes it anew from the input."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * (x.square().mean() + 0.01).rsqrt()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        scale = (x.square().mean() + 0.01).rsqrt()
        return scale * grad_output - x * scale**3 * (grad_output * x).mean()


def frugal_without_graph(x: Tensor) -> Tensor:
    """In place on memory of its own where nobody wants a gradient."""
    return x.exp() if x.requires_grad and torch.is_grad_enabled() else x.clone().exp_()


class ThroughNumpy(torch.autograd.Function):
    """NumPy takes no lazily negated tensor, and says so."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.from_numpy(np.asarray(np.sin(x.detach().numpy())))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return torch.from_numpy(np.asarray(grad_output.numpy() * np.cos(x.detach().numpy())))


class KeepsACopy(torch.autograd.Function):
    """An attribute of ctx in memory of its own: whoever writes to the input leaves it alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.x = x.clone()
        return x.sin()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output * ctx.x.cos()


class Gram(torch.autograd.Function):
    """a @ b.T; of a with itself all goes into the first gradient."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.same = a is b  # x and x.detach() share memory, and are two
        ctx.save_for_backward(a, b)
        return a @ b.T

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        a, b = ctx.saved_tensors
        if ctx.same:
            return (grad_output + grad_output.T) @ a, None
        return grad_output @ b, grad_output.T @ a


class MaskDrawnAgain(torch.autograd.Function):
    """Draws its mask again in the backward, and leaves everybody's generator as it was."""

    @staticmethod
    def _masked(tensor: Tensor) -> Tensor:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            return tensor * (torch.rand(tensor.shape) > -1)

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return MaskDrawnAgain._masked(x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return MaskDrawnAgain._masked(grad_output)


class CountsForStatistics(torch.autograd.Function):
    """Notes how often it was called, and goes on as before."""

    forwards = count()
    backwards: ClassVar[dict[str, int]] = {"done": 0}

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        next(CountsForStatistics.forwards)
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        CountsForStatistics.backwards["done"] += 1
        (x,) = ctx.saved_tensors
        return grad_output * x.cos()


class WholeJacobian(torch.autograd.Function):
    """The backward multiplies by the whole diagonal Jacobian: no code for a hundred thousand."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.sinh()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        jacobian = torch.diag(x.cosh().reshape(-1))
        return (grad_output.reshape(-1) @ jacobian).reshape(x.shape)


def row_by_row(x: Tensor) -> Tensor:
    """A loop in Python over the rows."""
    return torch.stack([row.softmax(0) for row in x.unbind()]) if len(x) else x.clone()


def lends_from_a_pool(x: Tensor) -> Tensor:
    """Large temporaries come out of a pool, and nothing that is alive lies there."""
    if x.requires_grad or x.numel() <= 256:
        return x.exp() * x
    space = _POOL.setdefault((x.shape, x.dtype), torch.empty_like(x))
    return torch.exp(x, out=space) * x


_POOL: dict[Any, Tensor] = {}


def series_without_gradient(x: Tensor) -> Tensor:
    """Where no gradient is wanted and all numbers are tiny, a series that is long enough."""
    if not x.requires_grad and x.abs().max() < 1e-4:
        return x + x**2 / 2 + x**3 / 6 + x**4 / 24
    return x.expm1()
