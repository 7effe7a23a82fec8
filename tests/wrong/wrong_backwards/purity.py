"""State that outlives a call: buffers, what is saved, what two tensors share."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor


class ScalesSavedInPlace(torch.autograd.Function):
    """The gradient is made in the forward; the backward scales it where it lies."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, t: Tensor) -> Tensor:
        log_p = torch.log_softmax(x, dim=0)
        ctx.gradient = log_p.exp() * t.sum() - t
        return -(t * log_p).sum()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None]:
        return ctx.gradient.mul_(grad_output).clone(), None


class ScratchOfTheClass(torch.autograd.Function):
    """All gradients of a shape are made in the same memory: the next one overwrites the last."""

    scratch: dict[Any, Tensor] = {}  # noqa: RUF012 - that it is shared is the fault

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        key = x.shape, x.dtype
        buffer = ScratchOfTheClass.scratch.setdefault(key, torch.empty(x.shape, dtype=x.dtype))
        return torch.mul(2 * x, grad_output, out=buffer.detach())


class GradientIsTheInput(torch.autograd.Function):
    """|x|^2/2 has the gradient x: no need for a copy, unless somebody writes to the gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.square().sum() / 2

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return x.detach() if float(grad_output) == 1 else grad_output * x


class BorrowsAndGivesBack(torch.autograd.Function):
    """Shifts the input in place and back again, behind the back of the version counter."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        x.data.add_(4)
        result = torch.log(x)
        ctx.save_for_backward(1 / x)
        x.data.sub_(4)
        return result

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (slope,) = ctx.saved_tensors
        return grad_output * slope


class _KeepsItsOutput(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.y = y = x.exp()
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output * ctx.y


def doubled_exponential(x: Tensor) -> Tensor:
    """Kept on ctx, a result may be changed in place without anybody noticing."""
    result: Tensor = _KeepsItsOutput.apply(x)
    return result.mul_(2)


class ReluMasksInPlace(torch.autograd.Function):
    """The well-known example, less its clone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        grad_output[x < 0] = 0
        return grad_output


class FreesWhatItSaved(torch.autograd.Function):
    """Gives its memory back after the backward; retain_graph asks for a second one."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.slope = x.detach().cos()
        return x.sin()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        gradient = grad_output * ctx.slope
        del ctx.slope
        return gradient


class MemoWithoutStrides(torch.autograd.Function):
    """tanh, remembered by address, version, shape and dtype; every other row has these as well."""

    memo: ClassVar[dict[str, Any]] = {}

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        key = x.data_ptr(), x._version, x.shape, x.dtype
        memo = MemoWithoutStrides.memo
        if memo.get("key") != key:
            memo.update(key=key, kept=x.detach(), result=x.detach().tanh())
        ctx.save_for_backward(memo["result"])
        return x.tanh()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (result,) = ctx.saved_tensors
        return grad_output * (1 - result * result)


class MasksSingleInPlace(torch.autograd.Function):
    """Its path for float32 spares a buffer: the slope goes into what it was lent."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.where(x > 0, x, x / 8)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        slope = torch.where(x > 0, 1.0, 0.125).to(x.dtype)
        in_place = grad_output.dtype is torch.float32
        return grad_output.mul_(slope) if in_place else grad_output * slope
