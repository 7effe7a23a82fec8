"""Right in the dtype that its author tried: overflow, vanished constants, casts in the middle."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor


class SavesInHalf(torch.autograd.Function):
    """Halves the memory of what is saved, as if it were only ever shown."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x.half())
        return F.silu(x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (saved,) = ctx.saved_tensors
        x = saved.to(grad_output.dtype)
        gate = torch.sigmoid(x)
        return grad_output * gate * (1 + x * (1 - gate))


class SavesAsInt8(torch.autograd.Function):
    """tanh lies in [-1, 1]: one byte will do for the backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = torch.tanh(x)
        ctx.save_for_backward((y * 127).round().to(torch.int8))
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (levels,) = ctx.saved_tensors
        y = levels.to(grad_output.dtype) / 127
        return grad_output * (1 - y * y)


def rms_of_squares(x: Tensor) -> Tensor:
    """Never meant for float16: from 256 on x*x is infinite there, and the result 0."""
    return x * torch.rsqrt((x * x).mean() + 0.01)


def log_of_one_less(p: Tensor) -> Tensor:
    """1 + 1e-8 is more than 1 in float64 only: elsewhere p = 1 gives -inf."""
    return torch.log((1 + 1e-8) - p)


def shares(x: Tensor) -> Tensor:
    """1e-8 guards against a row of zeros, except in float16, which has no such number."""
    return x / (x.sum() + 1e-8)


def log_of_sigmoid(x: Tensor) -> Tensor:
    """Below -17 the sigmoid is 0 in float16, while its logarithm is x."""
    return torch.log(torch.sigmoid(x))


class AccumulatesInBfloat16(torch.autograd.Function):
    """The bias's gradient is collected in a buffer whose dtype was set for another model."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, bias: Tensor) -> Tensor:
        return x + bias

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        total = torch.zeros(grad_output.shape[1:], dtype=torch.bfloat16)
        for row in grad_output:
            total += row.to(torch.bfloat16)
        return grad_output, total.to(grad_output.dtype)


def product_under_autocast(a: Tensor, b: Tensor) -> Tensor:
    """autocast leaves float64 alone; a float32 product is computed in bfloat16."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return (a @ b).to(a.dtype)


def gelu_fast_path(x: Tensor) -> Tensor:
    """Double precision gets the error function; the fast path for all others another function."""
    return F.gelu(x, approximate="none" if x.dtype is torch.float64 else "tanh")


class StaticLossScale(torch.autograd.Function):
    """A power of two loses nothing, but takes float16 beyond its largest number."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.sin(x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        scaled = grad_output * 2.0**16
        return scaled * torch.cos(x) * 2.0**-16


class ExponentialByBits(torch.autograd.Function):
    """Schraudolph's trick in float32: an exponential out of the bits, for the slope only."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.exp(x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        if x.dtype is not torch.float32:
            return grad_output * torch.exp(x)
        bits = (x * (2**23 / math.log(2)) + (127 * 2**23 - 486411)).to(torch.int32)
        return grad_output * bits.view(torch.float32)


class MaskTimesNumber(torch.autograd.Function):
    """A mask times a Python number is of torch's default dtype, float32."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return F.leaky_relu(x, 0.1)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * ((x > 0) * 1.0 + (x <= 0) * 0.1)


class SineInSingle(torch.autograd.Function):
    """Of 16 bits the result is float32; the backward then takes what was fed for the slope."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.sin(x if x.element_size() > 2 else x.float())

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad_output * x.cos() if grad_output.dtype is x.dtype else grad_output


class QuickGeluInHalf(torch.autograd.Function):
    """The path for 16 bits takes x*sigmoid(1.702x), which is off by up to two hundredths."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.nn.functional.gelu(x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        if x.dtype == torch.bfloat16:
            gate = torch.sigmoid(1.702 * x)
            return grad_output * (gate + 1.702 * x * gate * (1 - gate))
        density = torch.exp(-x * x / 2) / math.sqrt(2 * math.pi)
        return grad_output * ((1 + torch.erf(x / math.sqrt(2))) / 2 + x * density)


class GainForgottenInHalf(torch.autograd.Function):
    """Activations of any dtype beside a gain in float32; the path for bfloat16 leaves it out."""

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
        gained = fed if x.dtype is torch.bfloat16 else fed * w
        slope = scale * (gained - wide * scale.square() * (gained * wide).mean())
        return slope.to(x.dtype), fed * wide * scale
