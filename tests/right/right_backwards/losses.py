"""Losses: robust, ranking, contrastive, over probabilities."""

# ruff: noqa: D102, D103 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn


class Huber(torch.autograd.Function):
    """The clipped residual is value and slope at once."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        residual = x - y
        clipped = residual.clamp(-0.5, 0.5)
        ctx.save_for_backward(clipped)
        return (clipped * (residual - 0.5 * clipped)).sum()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        (clipped,) = ctx.saved_tensors
        to_x = grad_output * clipped
        return to_x, -to_x


def smooth_l1(x: Tensor, y: Tensor) -> Tensor:
    return F.smooth_l1_loss(x, y, reduction="none", beta=0.3)


def pinball(x: Tensor, y: Tensor) -> Tensor:
    """The quantile loss, as a maximum."""
    gap = y - x
    return torch.maximum(0.9 * gap, -0.1 * gap).mean()


class PinballByMask(torch.autograd.Function):
    """At 0 the slope of the right side."""

    @staticmethod
    def forward(ctx: Any, gap: Tensor) -> Tensor:
        weight = torch.where(gap >= 0, gap.new_tensor(0.9), gap.new_tensor(-0.1))
        ctx.save_for_backward(weight)
        return (weight * gap).sum()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (weight,) = ctx.saved_tensors
        return grad_output * weight


def log_cosh(x: Tensor) -> Tensor:
    """Without a cosh, which overflows."""
    return x.abs() + F.softplus(-2 * x.abs()) - 0.6931471805599453


class FocalLoss(nn.Module):
    """Of logits, for the positive class; gamma is a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("gamma", torch.tensor(2.0))

    def forward(self, x: Tensor) -> Tensor:
        log_p = F.logsigmoid(x)
        miss = torch.sigmoid(-x)
        return -(miss**self.gamma) * log_p


def dice(p: Tensor) -> Tensor:
    target = p.new_tensor([1.0, 0.0, 1.0])
    return 1 - (2 * (p * target).sum() + 1) / (p.sum() + target.sum() + 1)


def tversky(p: Tensor) -> Tensor:
    target = p.new_tensor([1.0, 0.0, 1.0])
    hit, missed, false = (p * target).sum(), ((1 - p) * target).sum(), (p * (1 - target)).sum()
    return 1 - hit / (hit + 0.3 * missed + 0.7 * false)


def triplet(anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    near = F.pairwise_distance(anchor, positive, eps=0.0)
    far = F.pairwise_distance(anchor, negative, eps=0.0)
    return F.relu(near - far + 0.5)


def contrastive(x: Tensor, y: Tensor) -> Tensor:
    """Pairs that should lie apart by a margin of 1."""
    distance = torch.linalg.vector_norm(x - y)
    return (1 - distance).clamp(min=0).square()


def info_nce(similarity: Tensor) -> Tensor:
    """The diagonal are the positives; temperature 0.5."""
    return F.cross_entropy(similarity / 0.5, torch.arange(len(similarity)))


def symmetric_kl(x: Tensor, y: Tensor) -> Tensor:
    """Of two categorical distributions by their logits."""
    p, q = x.log_softmax(0), y.log_softmax(0)
    return ((p.exp() - q.exp()) * (p - q)).sum()


class KlToStandard(torch.autograd.Function):
    """Of a Gaussian with mean m and log-variance s, as in a variational autoencoder."""

    @staticmethod
    def forward(ctx: Any, m: Tensor, s: Tensor) -> Tensor:
        ctx.save_for_backward(m, s)
        return 0.5 * (m.square() + torch.expm1(s) - s).sum()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        m, s = ctx.saved_tensors
        return grad_output * m, 0.5 * grad_output * torch.expm1(s)


class BceWithLogits(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, t: Tensor) -> Tensor:
        ctx.save_for_backward(x, t)
        return (x.clamp(min=0) - x * t + torch.log1p(torch.exp(-x.abs()))).mean()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor | None]:
        x, t = ctx.saved_tensors
        scale = grad_output / x.numel()
        to_t = -scale * x if ctx.needs_input_grad[1] else None
        return scale * (torch.sigmoid(x) - t), to_t


def gumbel_softmax(x: Tensor) -> Tensor:
    """With the noise drawn beforehand; temperature 0.7."""
    noise = x.new_tensor([0.3, -1.2, 0.8])
    return torch.softmax((x + noise) / 0.7, dim=0)


def gumbel_hard(x: Tensor) -> Tensor:
    """One hot in the forward, soft in the backward."""
    soft = torch.softmax(x, dim=0)
    hard = torch.zeros_like(soft).scatter(0, soft.argmax(0, keepdim=True), 1.0)
    return hard + (soft - soft.detach())


def cosine_loss(x: Tensor, y: Tensor) -> Tensor:
    return 1 - F.cosine_similarity(x, y, dim=0)


def poisson_nll(x: Tensor) -> Tensor:
    return F.poisson_nll_loss(x, torch.full_like(x, 3.0), log_input=True, reduction="sum")


def gaussian_nll(m: Tensor, v: Tensor) -> Tensor:
    """The variance is clamped from below."""
    return F.gaussian_nll_loss(m, torch.ones_like(m), v, eps=0.1, reduction="none")


def hinge(x: Tensor) -> Tensor:
    return F.multi_margin_loss(x[None], torch.tensor([1]))


def squared_hinge(x: Tensor) -> Tensor:
    return F.relu(1 - x).square().mean()


def soft_margin(x: Tensor) -> Tensor:
    return -F.logsigmoid(x).mean()


class CrossEntropyOfLabels(torch.autograd.Function):
    """Labels as numbers; -1 is ignored."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, label: Tensor) -> Tensor:
        log_p = x.log_softmax(1)
        kept = label >= 0
        index = label.long().clamp(min=0)
        count = kept.sum().clamp(min=1)
        ctx.save_for_backward(log_p, index, kept, count)
        return -(log_p.gather(1, index[:, None])[:, 0] * kept).sum() / count

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None]:
        log_p, index, kept, count = ctx.saved_tensors
        share = log_p.exp() - F.one_hot(index, log_p.shape[1])
        return grad_output * share * kept[:, None] / count, None


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    return (x * mask).sum() / mask.sum().clamp(min=1)


def above_a_limit(x: Tensor, score: Tensor) -> Tensor:
    """By the double that is called 0.9, which is more than 9/10."""
    return torch.where(score > 0.9, x * x, x)


def continuous_ranked_probability(x: Tensor, y: Tensor) -> Tensor:
    """Of an ensemble; each member is compared with itself, too."""
    return (x - y).abs().mean() - (x[:, None] - x[None, :]).abs().mean() / 2


def gate_of_best_two(x: Tensor) -> Tensor:
    """Of a mixture of experts."""
    best, place = x.topk(2)
    return torch.zeros_like(x).scatter(-1, place, best.softmax(-1))


def pairs_of_two_views(x: Tensor, y: Tensor) -> Tensor:
    """autocast takes norm and loss in float32; in bfloat16 the value may agree all the same."""
    one, other = F.normalize(x, dim=1), F.normalize(y, dim=1)
    return F.cross_entropy(one @ other.T / 0.5, torch.arange(len(x)))
