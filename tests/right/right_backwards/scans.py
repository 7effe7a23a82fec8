"""Sums in unusual orders, running operations, and moves of elements."""

# ruff: noqa: D102, D103 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor


class KahanSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total, carry = x.new_zeros(()), x.new_zeros(())
        for element in x.unbind():
            y = element - carry
            new = total + y
            carry = (new - total) - y
            total = new
        ctx.size = len(x)
        return total

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output.repeat(ctx.size)


def pairwise_sum(x: Tensor) -> Tensor:
    """By halves."""
    if len(x) < 2:
        return x.sum()
    middle = len(x) // 2
    return pairwise_sum(x[:middle]) + pairwise_sum(x[middle:])


class CumulativeSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.cumsum(0)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output.flip(0).cumsum(0).flip(0)


class CumulativeProduct(torch.autograd.Function):
    """Also where factors are 0: by the products of all others."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.cumprod(0)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        size = len(x)
        others = x.repeat(size, 1).fill_diagonal_(1.0).cumprod(1).triu()
        return others @ grad_output


class RunningLogsumexp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        largest = x.cummax(0).values
        total = x.new_zeros(())
        results = []
        for k in range(len(x)):
            previous = largest[k - 1] if k else largest[0]
            total = total * (previous - largest[k]).exp() + (x[k] - largest[k]).exp()
            results.append(largest[k] + total.log())
        y = torch.stack(results)
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        x, y = ctx.saved_tensors
        share = torch.exp(x[None, :] - y[:, None]).tril()
        return grad_output @ share


def running_maximum(x: Tensor) -> Tensor:
    return x.cummax(0).values


def exponential_average(x: Tensor) -> Tensor:
    """Each new element enters with weight 0.2."""
    state, states = x[0], []
    for element in x:
        state = torch.lerp(state, element, 0.2)
        states.append(state)
    return torch.stack(states)


class LinearRecurrence(torch.autograd.Function):
    """h = a*h + x, and the same backwards."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, x: Tensor) -> Tensor:
        h, states = torch.zeros_like(x[0]), []
        for decay, element in zip(a, x, strict=True):
            h = decay * h + element
            states.append(h)
        out = torch.stack(states)
        ctx.save_for_backward(a, out)
        return out

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        a, out = ctx.saved_tensors
        to_h, to_a, to_x = torch.zeros_like(grad_output[0]), [], []
        for k in reversed(range(len(a))):
            to_h = to_h + grad_output[k]
            to_x.append(to_h)
            to_a.append(to_h * (out[k - 1] if k else torch.zeros_like(to_h)))
            to_h = to_h * a[k]
        return torch.stack(to_a[::-1]), torch.stack(to_x[::-1])


_GROUPS = torch.tensor([0, 1, 0, 1])


def segment_sum(x: Tensor) -> Tensor:
    return x.new_zeros(2).index_add(0, _GROUPS, x)


def segment_mean(x: Tensor) -> Tensor:
    total = x.new_zeros(2).scatter_add(0, _GROUPS, x)
    return total / torch.bincount(_GROUPS)


class SegmentSoftmax(torch.autograd.Function):
    """Over the elements of each group, as on the edges of a graph."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        largest = x.new_full((2,), -torch.inf).scatter_reduce(0, _GROUPS, x, "amax")
        grown = torch.exp(x - largest[_GROUPS])
        y = grown / x.new_zeros(2).index_add(0, _GROUPS, grown)[_GROUPS]
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        weighted = y * grad_output
        total = y.new_zeros(2).index_add(0, _GROUPS, weighted)
        return weighted - y * total[_GROUPS]


class Gather(torch.autograd.Function):
    """An element that is taken twice gets both gradients."""

    PLACES = torch.tensor([2, 0, 2])

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.size = len(x)
        return x[Gather.PLACES]

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        made = grad_output.new_zeros(ctx.size)
        return made.index_put_((Gather.PLACES,), grad_output, accumulate=True)


def one_hot_lookup(w: Tensor) -> Tensor:
    """An embedding as a matrix product."""
    return F.one_hot(torch.tensor([1, 0, 1]), 2).to(w.dtype) @ w


def masked_mean(x: Tensor) -> Tensor:
    mask = torch.tensor([True, False, True])
    return x.masked_select(mask).mean()


def contraction(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return torch.einsum("i,ij,j->", a, b, c)


class Bilinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
        ctx.save_for_backward(a, b, c)
        return a @ b @ c

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, b, c = ctx.saved_tensors
        return grad_output * (b @ c), grad_output * torch.outer(a, c), grad_output * (a @ b)


def sorted_weights(x: Tensor) -> Tensor:
    """An ordered weighted average."""
    return (x.sort(descending=True).values * x.new_tensor([0.5, 0.3, 0.2])).sum()


def two_largest(x: Tensor) -> Tensor:
    return torch.topk(x, 2).values.sum()


def middle_one(x: Tensor) -> Tensor:
    return x.contiguous().median(dim=0).values


def second_smallest(x: Tensor) -> Tensor:
    return torch.kthvalue(x, 2, dim=0).values


class TopTwoByMask(torch.autograd.Function):
    """Ties are broken by the order of a stable sort."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        places = x.argsort(stable=True, descending=True)[:2]
        ctx.save_for_backward(torch.zeros_like(x).index_fill(0, places, 1.0))
        return x[places].sum()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (mask,) = ctx.saved_tensors
        return grad_output * mask


def max_pool(x: Tensor) -> Tensor:
    return F.max_pool1d(x[None], kernel_size=2, stride=1)[0]


class MaxPoolShared(torch.autograd.Function):
    """Equal maxima of a window share its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        windows = x.unfold(0, 2, 1)
        top = windows.amax(dim=1)
        hit = (windows == top[:, None]).to(x.dtype)
        ctx.save_for_backward(hit / hit.sum(dim=1, keepdim=True))
        return top

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (share,) = ctx.saved_tensors
        parts = share * grad_output[:, None]
        return F.pad(parts[:, 0], (0, 1)) + F.pad(parts[:, 1], (1, 0))


def average_pool(x: Tensor) -> Tensor:
    return F.avg_pool1d(x[None], kernel_size=2, stride=2)[0]


def convolution_by_unfold(x: Tensor, k: Tensor) -> Tensor:
    return x.unfold(0, 2, 1) @ k


class Convolution(torch.autograd.Function):
    """The backward by convolutions again: a full one, and one with the input as its kernel."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, k: Tensor) -> Tensor:
        ctx.save_for_backward(x, k)
        return F.conv1d(x[None, None], k[None, None])[0, 0]

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, k = ctx.saved_tensors
        fed = grad_output[None, None]
        to_x = F.conv_transpose1d(fed, k[None, None])
        return to_x[0, 0], F.conv1d(x[None, None], fed)[0, 0]


def upsample(x: Tensor) -> Tensor:
    return F.interpolate(x[None, None], scale_factor=2, mode="nearest")[0, 0]


def total_variation(x: Tensor) -> Tensor:
    return x.diff().abs().sum()


class RowsTimesWeights(torch.autograd.Function):
    """A layer whose backward takes all rows of all batches together."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return x @ weight.T + bias

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        x, weight = ctx.saved_tensors
        rows = grad_output.reshape(-1, grad_output.shape[-1])
        to_weight = rows.T @ x.reshape(-1, x.shape[-1])
        return grad_output @ weight, to_weight, rows.sum(0)
