"""Rules for vmap that were tried with the batch in front, or not at all."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

Placed = tuple[Tensor, int | None]


class _ByOutput(torch.autograd.Function):
    """exp: its slope is its output, so that a wrong output makes a wrong gradient."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.exp()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return grad_output * y


class BatchTakenForFirst(_ByOutput):
    """Says that the batch comes out in front, wherever it went in."""

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], x: Tensor) -> Placed:
        return BatchTakenForFirst.apply(x), 0


class FirstLaneForAll(_ByOutput):
    """Computes one lane and expands it: fine for the weights it was written for."""

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], x: Tensor) -> Placed:
        one = FirstLaneForAll.apply(x.select(in_dims[0] or 0, 0))
        return one.expand(info.batch_size, *one.shape), 0


class RuleWithoutGraph(_ByOutput):
    """A fast path for batches that computes on detached tensors: what is mapped has no gradient."""

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], x: Tensor) -> Placed:
        return x.detach().exp(), in_dims[0]


class SumsTheBatch(torch.autograd.Function):
    """The reduction runs over the batch as well."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return torch.logsumexp(x, dim=-1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs, output)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        x, y = ctx.saved_tensors
        return grad_output.unsqueeze(-1) * (x - y.unsqueeze(-1)).exp()

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], x: Tensor) -> Placed:
        total = SumsTheBatch.apply(x.movedim(in_dims[0] or 0, 0).reshape(-1))
        return total.expand(info.batch_size), 0


class EveryInputBatched(torch.autograd.Function):
    """An input that all lanes share has no batch dimension to move."""

    @staticmethod
    def forward(x: Tensor, w: Tensor) -> Tensor:
        return x * w.square()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, w = ctx.saved_tensors
        return grad_output * w.square(), 2 * grad_output * x * w

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], x: Tensor, w: Tensor) -> Placed:
        first, second = (t.movedim(dim, 0) for t, dim in zip((x, w), in_dims, strict=True))
        return EveryInputBatched.apply(first, second), 0
