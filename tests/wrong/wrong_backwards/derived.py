"""By-products: tangents, second derivatives and maps, where dtype, size or layout are others."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Dual(torch.autograd.Function):
    """Saves its inputs for both modes."""

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)


class TangentInSingle(_Dual):
    """In single precision the jvp is that of a table."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.atan()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output / (1 + x * x)

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return tangent / (1 + x * x) * (1.001 if x.dtype is torch.float32 else 1)


class TangentReadFlat(_Dual):
    """A tangent that is not contiguous is read as if it were."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x**2

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * 2 * x

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        strides = torch.empty(tangent.shape).stride()
        return 2 * x * tangent.as_strided(tangent.shape, strides, tangent.storage_offset())


class TangentOfFewRows(_Dual):
    """x * w: beyond four rows the tangent of w is forgotten."""

    @staticmethod
    def forward(x: Tensor, w: Tensor) -> Tensor:
        return x * w

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        x, w = ctx.saved_tensors
        return grad_output * w, (grad_output * x).sum(0) if w.dim() < x.dim() else grad_output * x

    @staticmethod
    def jvp(ctx: Any, of_x: Tensor | None, of_w: Tensor | None) -> Any:
        x, w = ctx.saved_tensors
        along_x = torch.zeros_like(x) if of_x is None else of_x * w
        return along_x if of_w is None or len(x) > 4 else along_x + x * of_w


class _SineBackward(torch.autograd.Function):
    """The slope of sine, and its own, with one fault."""

    @staticmethod
    def forward(ctx: Any, grad_output: Tensor, x: Tensor, fault: str) -> Tensor:
        ctx.save_for_backward(grad_output, x)
        ctx.fault = fault
        return grad_output * x.cos()

    @staticmethod
    def backward(ctx: Any, again: Tensor) -> Any:
        grad_output, x = ctx.saved_tensors
        if ctx.fault == "layout":
            x = x.as_strided(x.shape, torch.empty(x.shape).stride(), x.storage_offset())
        curved = -again * grad_output * x.sin()
        if ctx.fault == "dtype" and x.dtype is torch.float32:
            curved = 1.001 * curved
        if ctx.fault == "size" and x.dim() and x.shape[-1] > 6:
            curved = torch.cat([curved[..., :6], 0 * curved[..., 6:]], -1)
        return again * x.cos(), curved, None


class _Sine(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, fault: str) -> Tensor:
        ctx.save_for_backward(x)
        ctx.fault = fault
        return x.sin()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        return _SineBackward.apply(grad_output, *ctx.saved_tensors, ctx.fault), None


def second_in_single(x: Tensor) -> Any:
    """The second derivative is off in single precision alone."""
    return _Sine.apply(x, "dtype")


def second_read_flat(x: Tensor) -> Any:
    """The backward of the backward reads x as if it were contiguous."""
    return _Sine.apply(x, "layout")


def second_of_one_block(x: Tensor) -> Any:
    """The backward of the backward ends after one block of six."""
    return _Sine.apply(x, "size")


class _Exponential(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.exp()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        (y,) = ctx.saved_tensors
        return _Scaled.apply(grad_output, y)


class MappedInSingle(_Exponential):
    """The rule for vmap has a fast exponential in single precision."""

    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Tensor) -> Any:
        y: Any = MappedInSingle.apply(x)
        return (y * 1.01 if x.dtype is torch.float32 else y), in_dims[0]


class JacobianMapped(_Exponential):
    """Its backward has a rule for vmap that is wrong where grad_outputs alone are mapped."""

    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Tensor) -> Any:
        return JacobianMapped.apply(x), in_dims[0]


class _Scaled(torch.autograd.Function):
    """grad_output * y; with one y for many grad_outputs, each has the next one's element."""

    @staticmethod
    def forward(grad_output: Tensor, y: Tensor) -> Tensor:
        return grad_output * y

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, again: Tensor) -> Any:
        grad_output, y = ctx.saved_tensors
        return again * y, again * grad_output

    @staticmethod
    def vmap(info: Any, in_dims: Any, grad_output: Tensor, y: Tensor) -> Any:
        if in_dims[0] is not None:
            grad_output = grad_output.movedim(in_dims[0], 0)
        if in_dims[1] is None:
            return grad_output * (y.roll(1, 0) if y.dim() else 2 * y), 0
        return _Scaled.apply(grad_output, y.movedim(in_dims[1], 0)), 0


class RunningSumMapped(torch.autograd.Function):
    """Mapped a second time, it sums along an axis of lanes."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.cumsum(0)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        return grad_output.flip(0).cumsum(0).flip(0)

    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Tensor) -> Any:
        if x.dim() == 2:
            return RunningSumMapped.apply(x.movedim(in_dims[0], -1)), x.dim() - 1
        return x.cumsum(-1), in_dims[0]
