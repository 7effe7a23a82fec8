"""Indexing and moving: gradients that go to the wrong place, or once instead of twice."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_WORDS = (0, 2, 0)  # the first row is looked up twice


class EmbeddingAssigns(torch.autograd.Function):
    """Writes the gradients of repeated rows where it should add them."""

    @staticmethod
    def forward(ctx: Any, table: Tensor) -> Tensor:
        ctx.shape = table.shape
        return table[list(_WORDS)]

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        gradient = grad_output.new_zeros(ctx.shape)
        gradient[list(_WORDS)] = grad_output
        return gradient


class RollsOn(torch.autograd.Function):
    """Rolls the gradient in the same direction again."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return torch.roll(x, 1)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return torch.roll(grad_output, 1)


class CatExchanged(torch.autograd.Function):
    """The parts of the gradient come back in the wrong order."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        return torch.cat([x, y])

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        half = grad_output.numel() // 2
        return grad_output[half:].clone(), grad_output[:half].clone()


class RotaryForwardAgain(torch.autograd.Function):
    """Rotates the gradient by the angle where the opposite angle is due."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, angle: Tensor) -> Tensor:
        ctx.save_for_backward(angle)
        return RotaryForwardAgain.rotated(x, angle)

    @staticmethod
    def rotated(x: Tensor, angle: Tensor) -> Tensor:
        cos, sin = angle.cos(), angle.sin()
        return torch.stack([x[0] * cos - x[1] * sin, x[0] * sin + x[1] * cos])

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None]:
        (angle,) = ctx.saved_tensors
        return RotaryForwardAgain.rotated(grad_output, angle), None


class ConvolutionUnflipped(torch.autograd.Function):
    """The input's gradient is a full correlation with the kernel, which must be flipped."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor) -> Tensor:
        ctx.save_for_backward(x, kernel)
        return x.unfold(0, 2, 1) @ kernel

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, kernel = ctx.saved_tensors
        padded = torch.nn.functional.pad(grad_output, (1, 1))
        to_x = padded.unfold(0, 2, 1) @ kernel
        return to_x, grad_output @ x.unfold(0, 2, 1)


class WindowsOverwrite(torch.autograd.Function):
    """Overlapping windows: the last one wins where all add up."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.shape = x.shape
        return x.unfold(0, 2, 1).clone()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        gradient = grad_output.new_zeros(ctx.shape)
        for start, window in enumerate(grad_output):
            gradient[start : start + 2] = window
        return gradient


class LastClassClamped(torch.autograd.Function):
    """Picks by label; the backward holds labels below a number of classes that has grown since."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, label: Tensor) -> Tensor:
        index = label.long()
        ctx.save_for_backward(x, index)
        return x[index]

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None]:
        x, index = ctx.saved_tensors
        return torch.zeros_like(x).index_add(0, index.clamp(max=1), grad_output), None
