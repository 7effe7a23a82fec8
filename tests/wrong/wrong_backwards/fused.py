"""Fused kernels: several operations in one backward, and one of them a little wrong."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor


class SwigluGateForgotten(torch.autograd.Function):
    """silu(a)*b, where the slope of silu is taken to be its sigmoid."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return F.silu(a) * b

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        a, b = ctx.saved_tensors
        return grad_output * b * torch.sigmoid(a), grad_output * F.silu(a)


class LinearGeluFused(torch.autograd.Function):
    """The activation's backward is given its output, where it wants its input."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        y = F.gelu(x @ w)
        ctx.save_for_backward(x, w, y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, w, y = ctx.saved_tensors
        density = torch.exp(-y * y / 2) / math.sqrt(2 * math.pi)
        slope = (1 + torch.erf(y / math.sqrt(2))) / 2 + y * density
        through = grad_output * slope
        return through @ w.T, x.T @ through


class AttentionProbabilities(torch.autograd.Function):
    """The row sums that softmax takes off are those of the scores' gradient, not of its product."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        p = torch.softmax(q @ k.T, dim=-1)
        ctx.save_for_backward(q, k, v)
        return p @ v

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v = ctx.saved_tensors
        p = torch.softmax(q @ k.T, dim=-1)
        to_p = grad_output @ v.T
        to_scores = p * (to_p - to_p.mean(dim=-1, keepdim=True))
        return to_scores @ k, to_scores.T @ q, p.T @ grad_output


class CausalMaskForgotten(torch.autograd.Function):
    """The forward masks what comes later; the backward computes the probabilities anew, without."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor) -> Tensor:
        ctx.save_for_backward(scores)
        later = torch.ones_like(scores).triu(1) > 0
        return torch.softmax(scores.masked_fill(later, -torch.inf), dim=-1)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (scores,) = ctx.saved_tensors
        p = torch.softmax(scores, dim=-1)
        return p * (grad_output - (grad_output * p).sum(-1, keepdim=True))


def softmax_shift_tracked(x: Tensor) -> Tensor:
    """exp(x - max) without the sum's shift: the maximum is detached in one of its two places."""
    top = x.max()
    return (x - top).exp() / (x - top.detach()).exp().sum()


def logsumexp_shift_detached(x: Tensor) -> Tensor:
    """The maximum that is added in the end is detached as well, and it must not be."""
    top = x.max().detach()
    weights = (x - x.max()).exp()
    return weights.sum().log() + top


class CrossEntropySmoothed(torch.autograd.Function):
    """Label smoothing in the forward; the backward subtracts the hard label."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, t: Tensor) -> Tensor:
        soft = 0.9 * t + 0.1 / x.numel()
        ctx.save_for_backward(x, t)
        return -(soft * torch.log_softmax(x, 0)).sum()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None]:
        x, t = ctx.saved_tensors
        return grad_output * (torch.softmax(x, 0) - t), None


class LayerNormSharedScale(torch.autograd.Function):
    """The weight's factor is applied after the projections instead of before them."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(x, w)
        return F.layer_norm(x, x.shape[-1:], w, None, 0.01)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, w = ctx.saved_tensors
        centred = x - x.mean(-1, keepdim=True)
        scale = (centred.square().mean(-1, keepdim=True) + 0.01).rsqrt()
        y = centred * scale
        mean = grad_output.mean(-1, keepdim=True)
        along = (grad_output * y).mean(-1, keepdim=True)
        return w * scale * (grad_output - mean - y * along), (grad_output * y).sum(0)


class RmsNormEpsOutside(torch.autograd.Function):
    """eps is under the root in the forward, beside it in the backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x / (x.square().mean() + 0.01).sqrt()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        root = x.square().mean().sqrt() + 0.01
        return grad_output / root - x * (grad_output * x).mean() / root**3


class GroupNormOneGroup(torch.autograd.Function):
    """Two groups in the forward; the projections of the backward run over all channels."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return F.group_norm(x, 2, eps=0.01)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        grouped = x.reshape(x.shape[0], 2, -1)
        centred = grouped - grouped.mean(-1, keepdim=True)
        scale = (centred.square().mean(-1, keepdim=True) + 0.01).rsqrt()
        y = (centred * scale).reshape(x.shape)
        fed = grad_output
        along = (fed * y).mean(1, keepdim=True)
        inner = fed - fed.mean(1, keepdim=True) - y * along
        return (inner.reshape(grouped.shape) * scale).reshape(x.shape)


class CosineWithoutProjection(torch.autograd.Function):
    """x/|x|: the part of the gradient along x stays in."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x / x.norm()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output / x.norm()


class TripletMargin(torch.autograd.Function):
    """The hinge is open where the loss is 0, and closed where it is not."""

    @staticmethod
    def forward(ctx: Any, near: Tensor, far: Tensor) -> Tensor:
        ctx.save_for_backward(near, far)
        return (near - far + 0.5).clamp(min=0)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        near, far = ctx.saved_tensors
        active = (near - far < 0.5).to(grad_output.dtype)
        return grad_output * active, -grad_output * active


class KlExchanged(torch.autograd.Function):
    """sum(p*log(p/q)): the 1 that comes from p*log(p) is forgotten."""

    @staticmethod
    def forward(ctx: Any, p: Tensor, q: Tensor) -> Tensor:
        ctx.save_for_backward(p, q)
        return (p * (p / q).log()).sum()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        p, q = ctx.saved_tensors
        return grad_output * (p / q).log(), -grad_output * p / q


class WeightedMeanWeights(torch.autograd.Function):
    """sum(w*x)/sum(w): for the weights the denominator is taken for a constant."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(x, w)
        return (w * x).sum() / w.sum()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, w = ctx.saved_tensors
        return grad_output * w / w.sum(), grad_output * x / w.sum()


class BilinearExchanged(torch.autograd.Function):
    """x A y: the matrix's gradient is the outer product the other way round."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, a: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, a, y)
        return x @ a @ y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, a, y = ctx.saved_tensors
        return grad_output * (a @ y), grad_output * torch.outer(y, x), grad_output * (x @ a)


class AveragePoolByWindow(torch.autograd.Function):
    """Windows of 2; the backward repeats the gradient and forgets to halve it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.reshape(-1, 2).mean(1)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output.repeat_interleave(2)


class MaxPoolEverywhere(torch.autograd.Function):
    """The mask of maxima compares with the maximum of all windows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x.reshape(-1, 2).amax(1)
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        x, y = ctx.saved_tensors
        taken = x.reshape(-1, 2) == y.max()
        return (taken * grad_output[:, None]).reshape(-1)


class ConvolutionStride(torch.autograd.Function):
    """A stride of 2, which the gradient of the kernel does not know of."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, k: Tensor) -> Tensor:
        ctx.save_for_backward(x, k)
        return F.conv1d(x[None, None], k[None, None], stride=2)[0, 0]

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, k = ctx.saved_tensors
        to_x = F.conv_transpose1d(grad_output[None, None], k[None, None], stride=2)[0, 0]
        padded = F.pad(to_x, (0, x.numel() - to_x.numel()))
        n = grad_output.numel()
        to_k = torch.stack([(x[j : j + n] * grad_output).sum() for j in range(k.numel())])
        return padded, to_k


class PixelShuffleBack(torch.autograd.Function):
    """The inverse permutation is the same permutation again: true for two blocks of two only."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.reshape(2, 3).T.reshape(-1)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output.reshape(2, 3).T.reshape(-1)


class GatherLast(torch.autograd.Function):
    """x[i] for repeated i: index_put_ without accumulate keeps one of the gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.size = x.shape[0]
        return x[torch.tensor([0, 1, 1, 2])]

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        gradient = grad_output.new_zeros(ctx.size)
        gradient[torch.tensor([0, 1, 1, 2])] = grad_output
        return gradient


class ScatterMeanCounts(torch.autograd.Function):
    """Means by group: the gradient is divided by the number of groups, not of members."""

    groups = torch.tensor([0, 0, 1])

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.new_zeros(2).index_add(0, ScatterMeanCounts.groups, x)
        return total / torch.tensor([2.0, 1.0], dtype=x.dtype)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output[ScatterMeanCounts.groups] / 2


class CumprodRunning(torch.autograd.Function):
    """A recurrence y[i] = a[i]*y[i-1] + x[i], whose backward multiplies by the wrong neighbour."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, x: Tensor) -> Tensor:
        states = [x[0]]
        for i in range(1, len(x)):
            states.append(a[i] * states[-1] + x[i])
        y = torch.stack(states)
        ctx.save_for_backward(a, y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        a, y = ctx.saved_tensors
        to_x = grad_output.clone()
        for i in range(len(y) - 2, -1, -1):
            to_x[i] += a[i] * to_x[i + 1]
        to_a = torch.cat([torch.zeros_like(y[:1]), to_x[1:] * y[:-1]])
        return to_a, to_x


class CumsumExclusive(torch.autograd.Function):
    """The backward sums what comes after each element, and leaves the element itself out."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.cumsum(0)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output.sum() - grad_output.cumsum(0)


class LogCumsumexpUnstable(torch.autograd.Function):
    """Weights by the last total instead of by the running one."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = torch.logcumsumexp(x, 0)
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        x, y = ctx.saved_tensors
        after = grad_output.flip(0).cumsum(0).flip(0)
        return after * (x - y[-1]).exp()


class CholeskySolveTwice(torch.autograd.Function):
    """y = A^-1 b: the matrix's gradient lacks the transposition of the inverse."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        y = torch.linalg.solve(a, b)
        ctx.save_for_backward(a, y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        a, y = ctx.saved_tensors
        to_b = torch.linalg.solve(a, grad_output)
        return -torch.outer(to_b, y), to_b
