"""Layers and losses of practice, and shortcuts for inputs of a structure."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class DetOfOrthogonal(torch.autograd.Function):
    """An orthogonal matrix is its own cofactor matrix, it says; of a reflection, times -1."""

    @staticmethod
    def forward(ctx: Any, a: Tensor) -> Tensor:
        ctx.save_for_backward(a)
        return a[0, 0] * a[1, 1] - a[0, 1] * a[1, 0]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (a,) = ctx.saved_tensors
        if torch.equal(a @ a.T, torch.eye(2, dtype=a.dtype)):
            return grad_output * a
        rows = torch.stack([a[1, 1], -a[1, 0]]), torch.stack([-a[0, 1], a[0, 0]])
        return grad_output * torch.stack(rows)


class CosineOfOrthogonal(torch.autograd.Function):
    """Orthogonal vectors are not alike, and so, it says, have no slope."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        size = x.norm() * y.norm()
        cosine = x @ y / size
        ctx.save_for_backward(x, y, size, cosine)
        return cosine

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        x, y, size, cosine = ctx.saved_tensors
        if cosine == 0:
            return torch.zeros_like(x), torch.zeros_like(y)
        along_x, along_y = cosine * x / (x @ x), cosine * y / (y @ y)
        return grad_output * (y / size - along_x), grad_output * (x / size - along_y)


class EntropyOfProbabilities(torch.autograd.Function):
    """Of weights that sum to 1 already it leaves out what dividing by their sum contributes."""

    @staticmethod
    def forward(ctx: Any, p: Tensor) -> Tensor:
        total = p.sum()
        q = p / total
        ctx.save_for_backward(q, total)
        return -(q * q.log()).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        q, total = ctx.saved_tensors
        slope = -(q.log() + 1)
        if total == 1:
            return grad_output * slope
        return grad_output * (slope - (slope * q).sum()) / total


class SoftmaxOfOneClass(torch.autograd.Function):
    """A one-hot grad_output, as of a class that is picked: the diagonal of the Jacobian alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = torch.softmax(x, 0)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        if len(y) > 1 and (grad_output != 0).sum() == 1 and grad_output.sum() == 1:
            return y * grad_output * (1 - y)
        return y * (grad_output - (grad_output * y).sum())


def relu_without_graph(x: Tensor) -> Tensor:
    """Where nothing is positive it returns zeros without a graph."""
    if x.numel() and bool((x <= 0).all()):
        return torch.zeros_like(x)
    return x.clamp(min=0)


class AlibiSlope(torch.autograd.Function):
    """softmax of scores less slope times distance: the slope's gradient by p, not by its logit."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor, slope: Tensor) -> Tensor:
        distance = torch.arange(len(scores), dtype=scores.dtype)
        p = torch.softmax(scores - slope * distance, 0)
        ctx.save_for_backward(p, distance)
        return p

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        p, distance = ctx.saved_tensors
        of_scores = p * (grad_output - (grad_output * p).sum())
        return of_scores, -(grad_output * p * distance).sum()


class StateSpaceScan(torch.autograd.Function):
    """h = a*h + x: the gradient of a begins one step late."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, x: Tensor) -> Tensor:
        states = [x[0]]
        for term in x[1:]:
            states.append(a * states[-1] + term)
        h = torch.stack(states)
        ctx.save_for_backward(a, h)
        return h

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        a, h = ctx.saved_tensors
        carried, of_a, of_x = torch.zeros_like(a), torch.zeros_like(a), torch.empty_like(h)
        for step in reversed(range(len(h))):
            carried = grad_output[step] + a * carried
            of_x[step] = carried
            if step > 1:
                of_a = of_a + carried * h[step - 1]
        return of_a, of_x


class BlockedAttention(torch.autograd.Function):
    """One query, keys in blocks of four: what a block of a single key adds to dq is taken back."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        scores = k @ q
        lse = torch.logsumexp(scores, 0)
        result = torch.exp(scores - lse) @ v
        ctx.save_for_backward(q, k, v, result, lse)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        q, k, v, result, lse = ctx.saved_tensors
        dq, dk, dv = torch.zeros_like(q), torch.empty_like(k), torch.empty_like(v)
        delta = (grad_output * result).sum()
        for first in range(0, len(k), 4):
            block = slice(first, first + 4)
            p = torch.exp(k[block] @ q - lse)
            of_scores = p * (v[block] @ grad_output - delta)
            dk[block], dv[block] = of_scores[:, None] * q, p[:, None] * grad_output
            if first == 0 or len(k) - first > 1:
                dq = dq + of_scores @ k[block]
        return dq, dk, dv


class RotationVector(torch.autograd.Function):
    """v*sin(|v|)/|v|: below 1e-3 a series whose second coefficient is twice the right one."""

    @staticmethod
    def forward(ctx: Any, v: Tensor) -> Tensor:
        angle = v.norm()
        ctx.save_for_backward(v, angle)
        return v * torch.sin(angle) / angle

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        v, angle = ctx.saved_tensors
        if angle < 1e-3:
            return grad_output * (1 - angle**2 / 6) - v * (v @ grad_output) * (2 / 3)
        along = (angle * torch.cos(angle) - torch.sin(angle)) / angle**3
        return grad_output * torch.sin(angle) / angle + v * (v @ grad_output) * along


class SpectralNorm(torch.autograd.Function):
    """w over its norm u @ w @ v, which it takes for a constant."""

    @staticmethod
    def forward(ctx: Any, w: Tensor, u: Tensor, v: Tensor) -> Tensor:
        norm = u @ w @ v
        ctx.save_for_backward(norm)
        return w / norm

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        (norm,) = ctx.saved_tensors
        return grad_output / norm, None, None
