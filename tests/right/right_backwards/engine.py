"""Uses of autograd that look suspicious and are sound."""

# ruff: noqa: D102, D103 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint


def _inner(x: Tensor) -> Tensor:
    return torch.tanh(x) * x.exp()


def recomputed(x: Tensor) -> Tensor:
    """Checkpointed: the forward runs again in the backward."""
    result: Tensor = checkpoint(_inner, x, use_reentrant=False)
    return result


class RecomputesInBackward(torch.autograd.Function):
    """Keeps the input only, and differentiates its own forward when asked."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return _inner(x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        with torch.enable_grad():
            leaf = x.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(_inner(leaf), leaf, grad_output)
        return gradient


class OnceOnly(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.atan()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output / (1 + x * x)


class SavesTransposed(torch.autograd.Function):
    """What is saved is not contiguous."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a.T, b.T)
        return a @ b

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        a_t, b_t = ctx.saved_tensors
        return grad_output @ b_t, a_t @ grad_output


def trace_by_strides(m: Tensor) -> Tensor:
    """The diagonal as a view with strides of its own."""
    return m.as_strided((m.shape[0],), (m.stride(0) + m.stride(1),)).sum()


class BiasLeftToAutograd(torch.autograd.Function):
    """The bias's gradient has the result's shape; autograd sums it to the bias's."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, bias: Tensor) -> Tensor:
        return x + bias

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        return grad_output, grad_output


class SumByExpanding(torch.autograd.Function):
    """The gradient is a view with stride 0, without memory of its own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.shape = x.shape
        return x.sum()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output.expand(ctx.shape)


class FloorStraightThrough(torch.autograd.Function):
    """Rounds down in the forward, passes the gradient on as it comes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.floor()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output


class Scaled(nn.Module):
    """A module with a buffer, made in float32 and used in any dtype."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.tensor(0.75))

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(self.scale * x)


def in_place_on_a_clone(x: Tensor) -> Tensor:
    y = x.clone()
    y[..., 0] *= 3
    return y.sin_().mul_(2)


def product_by_loops(a: Tensor, b: Tensor) -> Tensor:
    """einsum("ij,jk->ik"), element by element."""
    rows = [[sum(a[i, j] * b[j, k] for j in range(2)) for k in range(2)] for i in range(2)]
    return torch.stack([torch.stack(row) for row in rows])


def watched(x: Tensor) -> Tensor:
    """A hook that looks and leaves the gradient as it is."""
    y = x.square()
    if y.requires_grad:
        y.register_hook(lambda gradient: None if gradient.isfinite().all() else gradient.clone())
    return y


def chosen_in_python(x: Tensor) -> Tensor:
    """A branch on a value: only the taken one is in the graph."""
    return x.exp() if float(x.detach().sum()) > 0 else 1 + x


class FusedCrossEntropy(torch.autograd.Function):
    """The gradient is made in the forward and only scaled in the backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, t: Tensor) -> Tensor:
        log_p = torch.log_softmax(x, dim=1)
        rows = x.shape[0]
        ctx.save_for_backward((log_p.exp() * t.sum(dim=1, keepdim=True) - t) / rows)
        return -(t * log_p).sum() / rows

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None]:
        (gradient,) = ctx.saved_tensors
        return grad_output * gradient, None


class OnlyWhatIsNeeded(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, y = ctx.saved_tensors
        to_x = grad_output * y if ctx.needs_input_grad[0] else None
        to_y = grad_output * x if ctx.needs_input_grad[1] else None
        return to_x, to_y


class ProdOfOthers(torch.autograd.Function):
    """Exact at zeros: products of the elements before and after each."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.prod()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        one = x.new_ones(1)
        before = torch.cat([one, x[:-1].cumprod(0)])
        after = torch.cat([x.flip(0)[:-1].cumprod(0).flip(0), one])
        return grad_output * before * after


class ReluOneAtZero(torch.autograd.Function):
    """At the kink any slope between 0 and 1 will do."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * (x >= 0)


def slope_of_cube(x: Tensor) -> Tensor:
    """x**2, as the derivative of x**3/3: a second derivative is taken of that."""
    if not x.requires_grad:
        x = x.detach().requires_grad_()
    with torch.enable_grad():
        (slope,) = torch.autograd.grad((x**3 / 3).sum(), x, create_graph=True)
    return slope


def sparse_rows(table: Tensor) -> Tensor:
    """The gradient of the table is a sparse tensor."""
    rows: Tensor = F.embedding(torch.tensor([0, 2, 0]), table, sparse=True)
    return rows


class MarkedDirty(torch.autograd.Function):
    """Works in place, and says so."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        x.mul_(2)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return 2 * grad_output


def doubled_in_place(x: Tensor) -> Tensor:
    result: Tensor = MarkedDirty.apply(x.clone())
    return result


class FusedLayerNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        centred = x - x.mean()
        scale = (centred.square().mean() + 0.01).rsqrt()
        ctx.save_for_backward(centred * scale, scale)
        return centred * scale

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        y, scale = ctx.saved_tensors
        return scale * (grad_output - grad_output.mean() - y * (grad_output * y).mean())


def running_sum_by_matrix(x: Tensor) -> Tensor:
    return torch.ones(x.numel(), x.numel(), dtype=x.dtype).tril() @ x


def inverse(m: Tensor) -> Tensor:
    """By elimination with pivots: small elements are as far off as large ones."""
    return torch.linalg.inv(m)


class _PowerBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, grad_output: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(grad_output, x)
        return 3 * grad_output * x**2

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> tuple[Tensor | None, Tensor | None]:
        grad_output, x = ctx.saved_tensors
        by_fed = 3 * fed * x**2 if ctx.needs_input_grad[0] else None
        by_x = 6 * fed * grad_output * x if ctx.needs_input_grad[1] else None
        return by_fed, by_x


class NeededAtEitherOrder(torch.autograd.Function):
    """Leaves out, at either order, what requires no gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return x**3 + 2 * y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, _ = ctx.saved_tensors
        by_x = _PowerBackward.apply(grad_output, x) if ctx.needs_input_grad[0] else None
        return by_x, 2 * grad_output if ctx.needs_input_grad[1] else None


class TanhForGraphs(torch.autograd.Function):
    """Saves work where the gradient gets no graph: the same numbers another way."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x.tanh()
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        x, y = ctx.saved_tensors
        if torch.is_grad_enabled():
            y = x.tanh()
        return grad_output * (1 - y * y)


class _CubeByHand(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gradient: Tensor = _PowerBackward.apply(grad_output, x)
        return gradient


def kinked_beside_by_hand(x: Tensor) -> Tensor:
    """The kink of abs, which the function has not, is nobody's who wrote a derivative by hand."""
    by_hand: Tensor = _CubeByHand.apply(x)
    return x.abs().cosh().log() + by_hand
