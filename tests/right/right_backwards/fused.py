"""Fused kernels as they are shipped: float32 inside, statistics saved, tiles and running maxima."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn


def _wide(x: Tensor) -> Tensor:
    """In float32 at least."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


class LayerNorm(torch.autograd.Function):
    """Mean and reciprocal deviation are saved in float32 for 16-bit inputs; affine."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        wide = _wide(x)
        mean = wide.mean(dim=-1, keepdim=True)
        rstd = torch.rsqrt((wide - mean).square().mean(dim=-1, keepdim=True) + 1e-2)
        ctx.save_for_backward(x, weight, mean, rstd)
        return ((wide - mean) * rstd * _wide(weight) + _wide(bias)).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, rstd = ctx.saved_tensors
        fed, normed = _wide(grad_output), (_wide(x) - mean) * rstd
        scaled = fed * _wide(weight)
        to_x = to_weight = to_bias = None
        if ctx.needs_input_grad[0]:
            centred = scaled - scaled.mean(dim=-1, keepdim=True)
            along = (scaled * normed).mean(dim=-1, keepdim=True)
            to_x = ((centred - normed * along) * rstd).to(x.dtype)
        if ctx.needs_input_grad[1]:
            to_weight = (fed * normed).sum(dim=0).to(weight.dtype)
        if ctx.needs_input_grad[2]:
            to_bias = fed.sum(dim=0).to(x.dtype)
        return to_x, to_weight, to_bias


class RmsNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        wide = _wide(x)
        scale = torch.rsqrt(wide.square().mean(dim=-1, keepdim=True) + 0.01)
        ctx.save_for_backward(x, weight, scale)
        return (wide * scale).to(x.dtype) * weight

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, weight, scale = ctx.saved_tensors
        wide, fed = _wide(x), _wide(grad_output)
        scaled = fed * _wide(weight)
        along = (scaled * wide).mean(dim=-1, keepdim=True) * scale.square()
        to_weight = (fed * wide * scale).flatten(0, -2).sum(dim=0)
        return (scale * (scaled - wide * along)).to(x.dtype), to_weight.to(weight.dtype)


class Softmax(torch.autograd.Function):
    """Over the last dimension, from the output."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        wide = _wide(x)
        grown = torch.exp(wide - wide.amax(dim=-1, keepdim=True))
        y = (grown / grown.sum(dim=-1, keepdim=True)).to(x.dtype)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        fed, share = _wide(grad_output), _wide(y)
        return (share * (fed - (fed * share).sum(dim=-1, keepdim=True))).to(y.dtype)


class CrossEntropy(torch.autograd.Function):
    """Of class indices that are fixed: the gradient overwrites the probabilities, as kernels do."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor) -> Tensor:
        target = torch.tensor([2, 0])
        wide = _wide(logits)
        norm = torch.logsumexp(wide, dim=-1)
        picked = wide.gather(-1, target[:, None]).squeeze(-1)
        ctx.save_for_backward(logits, norm, target)
        return (norm - picked).mean().to(logits.dtype)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        logits, norm, target = ctx.saved_tensors
        gradient = torch.exp(_wide(logits) - norm[:, None])
        gradient[torch.arange(2), target] = torch.expm1(
            _wide(logits).gather(-1, target[:, None]).squeeze(-1) - norm
        )
        gradient *= _wide(grad_output) / len(target)
        return gradient.to(logits.dtype)


class SmoothedCrossEntropy(torch.autograd.Function):
    """With label smoothing; the target is class 1."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, smoothing: float = 0.1) -> Tensor:
        wide = _wide(logits)
        log_p = torch.log_softmax(wide, dim=0)
        target = torch.full_like(wide, smoothing / len(wide))
        target[1] += 1 - smoothing
        ctx.save_for_backward(log_p.exp() - target)
        ctx.dtype = logits.dtype
        return -(target * log_p).sum().to(logits.dtype)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None]:
        (gradient,) = ctx.saved_tensors
        return (gradient * grad_output).to(ctx.dtype), None


class Attention(torch.autograd.Function):
    """One head; only the row sums' logarithm is saved, the weights are made anew."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        scores = _wide(q) @ _wide(k).mT / math.sqrt(q.shape[-1])
        norm = torch.logsumexp(scores, dim=-1, keepdim=True)
        out = (torch.exp(scores - norm) @ _wide(v)).to(q.dtype)
        ctx.save_for_backward(q, k, v, norm)
        return out

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, ...]:
        q, k, v, norm = (_wide(t) for t in ctx.saved_tensors)
        fed, root = _wide(grad_output), math.sqrt(q.shape[-1])
        weights = torch.exp(q @ k.mT / root - norm)
        to_weights = fed @ v.mT
        along = (weights * to_weights).sum(dim=-1, keepdim=True)
        to_scores = weights * (to_weights - along) / root
        found = to_scores @ k, to_scores.mT @ q, weights.mT @ fed
        return tuple(t.to(grad_output.dtype) for t in found)


def causal_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """torch's own fused kernel."""
    given = (t[None, None] for t in (q, k, v))
    return nn.functional.scaled_dot_product_attention(*given, is_causal=True)[0, 0]


class GeluTanh(torch.autograd.Function):
    """The approximation by tanh, with the polynomial by Horner."""

    SCALE = math.sqrt(2 / math.pi)

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        wide = _wide(x)
        inner = GeluTanh.SCALE * wide * (1 + 0.044715 * wide * wide)
        return (wide * torch.sigmoid(2 * inner)).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        wide = _wide(x)
        inner = GeluTanh.SCALE * wide * (1 + 0.044715 * wide * wide)
        steep = 2 * GeluTanh.SCALE * (1 + 3 * 0.044715 * wide * wide)
        gate, rest = torch.sigmoid(2 * inner), torch.sigmoid(-2 * inner)
        return (_wide(grad_output) * gate * (1 + wide * rest * steep)).to(x.dtype)


class GeluExact(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        wide = _wide(x)
        return (wide * 0.5 * torch.erfc(-wide / math.sqrt(2))).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        wide = _wide(x)
        below = 0.5 * torch.erfc(-wide / math.sqrt(2))
        density = torch.exp(-0.5 * wide * wide) / math.sqrt(2 * math.pi)
        return (_wide(grad_output) * (below + wide * density)).to(x.dtype)


class SwiGlu(torch.autograd.Function):
    """silu(a)*b, all of it made anew in the backward."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        wide = _wide(a)
        return (wide * torch.sigmoid(wide) * _wide(b)).to(a.dtype)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        a, b = ctx.saved_tensors
        wide, fed = _wide(a), _wide(grad_output)
        gate = torch.sigmoid(wide)
        silu = wide * gate
        to_a = fed * _wide(b) * (gate * (1 + wide * torch.sigmoid(-wide)))
        return to_a.to(a.dtype), (fed * silu).to(b.dtype)


class LinearInSingle(torch.autograd.Function):
    """x @ w.T + b, accumulated in float32, the bias's gradient summed in float32."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return torch.addmm(_wide(bias), _wide(x), _wide(weight).T).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        fed = _wide(grad_output)
        found = fed @ _wide(weight), fed.T @ _wide(x), fed.sum(dim=0)
        to_x, to_weight, to_bias = (t.to(x.dtype) for t in found)
        return to_x, to_weight, to_bias


class BatchNormInference(nn.Module):
    """With running statistics as buffers, folded into one scale and one shift."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.5, -1.0]))
        self.register_buffer("variance", torch.tensor([4.0, 0.25]))
        self.weight = nn.Parameter(torch.tensor([1.5, -0.5]))

    def forward(self, x: Tensor) -> Tensor:
        scale = self.weight * self.variance.rsqrt()
        return torch.addcmul(-self.mean * scale, x, scale)


class GroupNormFast(torch.autograd.Function):
    """Two groups of two channels; the backward folded into a*x + b*grad + c."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        grouped = _wide(x).view(2, 2)
        mean = grouped.mean(dim=1, keepdim=True)
        rstd = (grouped.var(dim=1, keepdim=True, correction=0) + 0.1).rsqrt()
        ctx.save_for_backward(grouped - mean, rstd)
        return ((grouped - mean) * rstd).view(4).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        centred, rstd = ctx.saved_tensors
        fed = _wide(grad_output).reshape(2, 2)
        a = -(rstd**3) * (fed * centred).mean(dim=1, keepdim=True)
        c = -rstd * fed.mean(dim=1, keepdim=True)
        return torch.addcmul(rstd * fed + c, a, centred).view(4).to(grad_output.dtype)


def layer_norm_singly(x: Tensor) -> Tensor:
    """In float32 whatever comes in, as a kernel that has no other."""
    return torch.layer_norm(x.float(), x.shape).to(x.dtype)


class Rotary(torch.autograd.Function):
    """A rotary embedding: the backward is the rotation back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        angles = torch.tensor([0.3, 0.03], dtype=torch.float64)
        ctx.cos, ctx.sin = angles.cos(), angles.sin()
        return _rotated(x, ctx.cos, ctx.sin)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return _rotated(grad_output, ctx.cos, -ctx.sin)


def _rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.double().chunk(2)
    return torch.cat([first * cos - second * sin, second * cos + first * sin]).to(x.dtype)


class _SumAndSquares(torch.autograd.Function):
    """Two results, of which each may go unused."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x)
        return x.sum(), x * x

    @staticmethod
    def backward(ctx: Any, *fed: Tensor | None) -> Tensor | None:
        (x,) = ctx.saved_tensors
        of_sum, of_squares = fed
        parts = []
        if of_sum is not None:
            parts.append(of_sum.expand_as(x))
        if of_squares is not None:
            parts.append(2 * x * of_squares)
        return sum(parts[1:], parts[0]) if parts else None


def squares_and_sum(x: Tensor) -> Tensor:
    """The sum goes to every element, so that no element is alone but where there is one."""
    total, squares = _SumAndSquares.apply(x)
    return total + squares


class TransposedProduct(torch.autograd.Function):
    """Of matrices that may be empty on every side: then there is no number at all."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return (a @ b).t().contiguous()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        a, b = ctx.saved_tensors
        return (b @ grad_output).t(), (grad_output @ a).t()


class GainInSingle(torch.autograd.Function):
    """Activations of any dtype beside a gain in float32, in which all is computed."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(x, w)
        wide = x.float()
        return (w * wide * torch.rsqrt(wide.square().mean() + 1e-3)).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, w = ctx.saved_tensors
        wide, fed = x.float(), grad_output.float()
        scale = torch.rsqrt(wide.square().mean() + 1e-3)
        gained = fed * w
        slope = scale * (gained - wide * scale.square() * (gained * wide).mean())
        return slope.to(x.dtype), fed * wide * scale
