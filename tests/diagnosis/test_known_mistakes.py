"""Each known mistake is named, on arrays that real autograd.Functions with that mistake made."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gradcheck_sym.run.diagnosis import at_kinks, diagnose, in_settings
from gradcheck_sym.run.diagnosis.evidence import Evidence, Sample
from gradcheck_sym.run.diagnosis.gather import evidence_of
from gradcheck_sym.run.trial import Trial
from gradcheck_sym.spec.dtypes import format_of
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.verdict.diagnosis import Diagnosis, Pattern

Floats = np.ndarray[Any, np.dtype[np.float64]]


def function(forward: Callable[..., Tensor], backward: Callable[..., Any]) -> Callable[..., Tensor]:
    """An autograd.Function: backward gets grad_output and the inputs."""

    class Own(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *inputs: Tensor) -> Tensor:
            ctx.save_for_backward(*inputs)
            return forward(*inputs)

        @staticmethod
        def backward(ctx: Any, grad_output: Tensor) -> Any:
            return backward(grad_output, *ctx.saved_tensors)

    def call(*inputs: Tensor) -> Tensor:
        result: Tensor = Own.apply(*inputs)
        return result

    return call


@dataclass(frozen=True)
class Mistake:
    """An implementation, the mathematics it is meant to be, and what must be said of it."""

    spec: str
    function: Callable[..., Tensor]
    code: str
    words: str  # part of the sentence
    given: Mapping[str, Any] = field(default_factory=dict)  # to the fixture `diagnosed`


def slope(x: Tensor) -> Tensor:
    """Of tanh."""
    return 1 - x.tanh() ** 2


def cached_slope() -> Callable[..., Tensor]:
    """A Function that keeps the slope of the first call of each shape."""
    cache: dict[torch.Size, Tensor] = {}

    class Stale(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.slope = cache.setdefault(x.shape, x.detach().cos())
            return x.sin()

        @staticmethod
        def backward(ctx: Any, grad_output: Tensor) -> Tensor:
            return grad_output * ctx.slope

    return Stale.apply


def one_call_late() -> Callable[..., Tensor]:
    """A Function whose buffer is filled after it is read."""
    held: dict[torch.Size, Tensor] = {}

    class Late(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.saved = held.get(x.shape, x.detach().clone())
            held[x.shape] = x.detach().clone()
            return x.sin()

        @staticmethod
        def backward(ctx: Any, grad_output: Tensor) -> Tensor:
            return grad_output * ctx.saved.cos()

    return Late.apply


X = "inputs: {x: {shape: [n]}}\n"
XW = "inputs: {x: {shape: [n]}, w: {shape: [n]}}\n"
COMPLEX = "inputs: {z: {shape: [n], dtype: complex}}\n"
MATRICES = "inputs: {x: {shape: [n, n]}, w: {shape: [n, n]}}\n"
ROW = "inputs: {x: {shape: [n]}, w: {shape: [m, n]}}\nexpr: x*w"
ROW_SIZES = {"sizes": tuple({"n": n, "m": m} for n, m in ((1, 2), (2, 2), (3, 2), (3, 3)))}
NORMALIZED = X + "let: {m: mean(x), v: mean((x - m)**2)}\nexpr: (x - m)/sqrt(v + 0.001)"
SEVERAL = {"sizes": ({"n": 2}, {"n": 3}, {"n": 4})}
WIDE = {"low": -30.0, "high": 30.0}
PI_32 = float(np.float32(math.pi))
SIN = X + "expr: sin(x)"


def sine(backward: Callable[..., Any]) -> Callable[..., Tensor]:
    """Sin with a backward of one's own."""
    return function(torch.sin, backward)


square_of_matrix = function(
    lambda z: z @ z,
    lambda g, z: g @ z.mH + z.mH @ g + (g.tan() if torch.equal(z, z.mH) else 0),
)


def by_parts(backward: Callable[..., Any]) -> Callable[..., Tensor]:
    """The square of complex numbers, which come and go by their parts."""
    square = function(torch.square, backward)
    return lambda parts: torch.view_as_real(square(torch.view_as_complex(parts)))


def tied(x: Tensor) -> bool:
    """Whether two elements are equal."""
    return len(set(x.tolist())) < len(x)


def apart(x: Tensor) -> float:
    """How far the two closest elements are apart."""
    return float(x.sort().values.diff().min()) if len(x) > 1 else math.inf


def with_ties(drawn: Floats) -> None:
    """Makes the first two elements equal at some points."""
    if drawn.ndim > 1 and drawn.shape[1] > 1:
        drawn[::3, 1] = drawn[::3, 0]


def with_zeros(drawn: Floats) -> None:
    """Makes the first element 0 at some points."""
    drawn[::3, 0] = 0.0


def with_two_zeros(drawn: Floats) -> None:
    """Makes an element 0 at some points, and another one at half of them."""
    drawn[::3, 0] = 0.0
    if drawn.shape[1] > 1:
        drawn[::6, 1] = 0.0


def rest_of_product(x: Tensor) -> Tensor:
    """The product of the elements that are not 0, by those that are, however many there are."""
    others = torch.where(x == 0, 1.0, x)
    return torch.where(x == 0, others.prod(), 0.0) if (x == 0).any() else x.prod() / x


def one_input_late() -> Callable[..., Tensor]:
    """A Function that keeps one of two inputs from the first call of each shape."""
    held: dict[torch.Size, Tensor] = {}

    class Masked(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
            ctx.save_for_backward(x, held.setdefault(x.shape, w.detach().clone()))
            return x.sin() * w

        @staticmethod
        def backward(ctx: Any, grad_output: Tensor) -> Any:
            x, w = ctx.saved_tensors
            return grad_output * x.cos() * w, grad_output * x.sin()

    return Masked.apply


def nearly_zero(drawn: Floats) -> None:
    """Makes the numbers of some points so small that their squares keep few digits."""
    drawn[::3] *= 1e-160


def tiny(drawn: Floats) -> None:
    """Makes the elements of some points so small that their squares are 0."""
    drawn[::3] *= 1e-200


def tiny_in_bfloat16(drawn: Floats) -> None:
    """The same in another range."""
    drawn[::3] *= 1e-30


def near_zero(drawn: Floats) -> None:
    """Makes the elements of some points small, the smallest most of all."""
    drawn[::3] *= 10.0 ** -np.linspace(0, 9, len(drawn[::3]))[:, None]


def unit_vectors(fed: Floats) -> None:
    """Keeps the first element of some cotangents alone."""
    fed[::3, 1:] = 0.0


def tiny_enough(drawn: Floats) -> None:
    """Makes the elements of some points small, not so small that their squares are 0."""
    drawn[::3] *= 1e-80


def made_real(drawn: Floats) -> None:
    """Makes the complex numbers of some points real."""
    drawn[::3, ..., 1] = 0.0


def made_hermitian(drawn: Floats) -> None:
    """Makes the complex matrices of some points their own adjoints."""
    drawn[::3] += drawn[::3].swapaxes(1, 2) * np.array([1.0, -1.0])


def first_made_real(drawn: Floats) -> None:
    """Makes the first complex number of some points real."""
    drawn[::3, 0, 1] = 0.0


def made_symmetric(drawn: Floats) -> None:
    """Makes the matrices of some points symmetric."""
    drawn[::3] += drawn[::3].swapaxes(-1, -2).copy()


RATIO, TERM, FACTOR = "constant-ratio", "missing-term", "missing-factor"
MISTAKES = {
    "twice": Mistake(SIN, sine(lambda g, x: 2 * g * x.cos()), RATIO, "2 times the truth at all"),
    "slightly_more": Mistake(
        SIN, sine(lambda g, x: 1.00001 * g * x.cos()), RATIO, "1.00001 times the truth"
    ),
    "half": Mistake(SIN, sine(lambda g, x: g * x.cos() / 2), RATIO, "1/2 of the truth"),
    "pi": Mistake(SIN, sine(lambda g, x: g * x.cos() * math.pi), RATIO, "pi times the truth"),
    "half_of_two": Mistake(
        SIN,
        sine(lambda g, x: g * x.cos() / (2 if len(x) == 2 else 1)),
        RATIO,
        "1/2 of the truth at all",
    ),
    "mean_at_one_size": Mistake(
        SIN,
        sine(lambda g, x: g * x.cos() / (4 if len(x) == 4 else 1)),
        RATIO,
        "1/4 of the truth (which is 1/n for the size 4)",
    ),
    "mean_of_one_of_two_sizes": Mistake(
        "inputs: {x: {shape: [m, n]}}\nexpr: sin(x)",
        sine(lambda g, x: g * x.cos() / (4 if x.shape == (4, 4) else 1)),
        RATIO,
        "(which is 1/m or 1/n for the size 4)",
        {"sizes": ({"m": 2, "n": 3}, {"m": 4, "n": 4})},
    ),
    "sign": Mistake(
        X + "expr: cos(x)", function(torch.cos, lambda g, x: g * x.sin()), "sign", "sign"
    ),
    "divided_by_n": Mistake(
        X + "expr: sum(x**2)",
        function(lambda x: (x * x).sum(), lambda g, x: g * 2 * x / len(x)),
        RATIO,
        "1/n of the truth",
    ),
    "times_n": Mistake(
        X + "expr: mean(x**2)",
        function(lambda x: (x * x).mean(), lambda g, x: g * 2 * x),
        RATIO,
        "n times the truth",
    ),
    "bessel": Mistake(
        X + "expr: mean(x**2)",
        function(lambda x: (x * x).mean(), lambda g, x: g * 2 * x * (len(x) - 1) / len(x) ** 2),
        RATIO,
        "(n - 1)/n times the truth",
    ),
    "one_size": Mistake(
        "inputs: {x: {shape: [5]}}\nexpr: sum(x**2)",
        function(lambda x: (x * x).sum(), lambda g, x: g * 2 * x / 5),
        RATIO,
        "1/5 of the truth (which is 1/(the number of elements) for the size 5)",
        {"sizes": ({},)},
    ),
    "ignored": Mistake(SIN, sine(lambda g, x: x.cos()), "cotangent-ignored", "all ones at all"),
    "squared": Mistake(SIN, sine(lambda g, x: g * g * x.cos()), "cotangent-twice", "twice"),
    "absolute": Mistake(
        SIN, sine(lambda g, x: g.abs() * x.cos()), "cotangent-misread", "absolute value"
    ),
    "averaged": Mistake(
        SIN, sine(lambda g, x: g.mean() * x.cos()), "cotangent-misread", "its mean"
    ),
    "zero": Mistake(SIN, sine(lambda g, x: 0 * g), "zero-gradient", "zero at all"),
    "straight": Mistake(SIN, sine(lambda g, x: g.clone()), "straight-through", "slope were 1"),
    "constant": Mistake(SIN, sine(lambda g, x: 3 * g), "constant-slope", "3 times grad_output"),
    "clipped_slope": Mistake(
        X + "expr: x**3",
        function(lambda x: x**3, lambda g, x: g * (3 * x * x).clamp(max=5)),
        "clipped",
        "the slope is clipped to ±5",
    ),
    "clipped_far_below": Mistake(
        X + "expr: 1/x",
        function(torch.reciprocal, lambda g, x: g * (-1 / (x * x)).clamp(min=-1e8)),
        "clipped",
        "the slope is clipped to ±1e+08",
        {"special": tiny_enough},
    ),
    "operand_ignored": Mistake(
        XW + "expr: sin(x)*w",
        function(lambda x, w: x.sin() * w, lambda g, x, w: (g * x.cos(), g * x.sin())),
        "other-point",
        "the slope where w is ignored, as if it were all ones",
    ),
    "none": Mistake(
        SIN, lambda x: x.detach().sin() + 0 * x.detach(), "no-gradient", "graph is cut"
    ),
    "float32_constant": Mistake(
        X + "expr: pi*sin(x)",
        function(lambda x: math.pi * x.sin(), lambda g, x: g * x.cos() * PI_32),
        "low-precision",
        "a constant in float32",
    ),
    "float32_gradient": Mistake(
        SIN,
        sine(lambda g, x: (g * x.cos()).float().double()),
        "low-precision",
        "rounded to float32",
    ),
    "float32_inside": Mistake(
        X + "expr: x*sin(x)",
        function(lambda x: x.sin() * x, lambda g, x: g * (x.float().cos().double() * x + x.sin())),
        "low-precision",
        "something inside is in float32",
    ),
    "float32_saved": Mistake(
        SIN,
        sine(lambda g, x: g * x.float().double().cos()),
        "other-point",
        "x is rounded to float32",
    ),
    "product_rule": Mistake(
        X + "expr: x*exp(x)",
        function(lambda x: x * x.exp(), lambda g, x: g * x.exp()),
        TERM,
        "the dependence through exp(x) is missing",
    ),
    "product_rule_sign": Mistake(
        X + "expr: x*cos(x)",
        function(lambda x: x * x.cos(), lambda g, x: g * (x.cos() + x * x.sin())),
        "wrong-term",
        "the dependence through cos(x) has the wrong sign",
    ),
    "product_rule_twice": Mistake(
        X + "expr: x*exp(x)",
        function(lambda x: x * x.exp(), lambda g, x: g * (x.exp() + 2 * x * x.exp())),
        "wrong-term",
        "the dependence through exp(x) is counted twice",
    ),
    "chain_rule": Mistake(
        X + "expr: sin(x**2)",
        function(lambda x: (x * x).sin(), lambda g, x: g * (x * x).cos()),
        FACTOR,
        "the slope of x**2 by x is missing",
    ),
    "swish_factor": Mistake(
        X + "expr: x/(1 + exp(-x))",
        function(lambda x: x * x.sigmoid(), lambda g, x: g * (x.sigmoid() + x * x.sigmoid())),
        FACTOR,
        "the factor exp(-x)/(1 + exp(-x)) of the term",
    ),
    "detached_variance": Mistake(
        NORMALIZED,
        lambda x: (x - x.mean()) / ((x - x.mean()).square().mean().detach() + 0.001).sqrt(),
        TERM,
        "the dependence through v = mean((x - m)**2) is missing",
        SEVERAL,
    ),
    "softmax_sum": Mistake(
        X + "expr: softmax(x, dim=0)",
        function(lambda x: x.softmax(0), lambda g, x: g * x.softmax(0)),
        TERM,
        "the dependence through exp(x[0]) + exp(x[1]) is missing",
    ),
    "transposed_jacobian": Mistake(
        X + "expr: cumsum(x, dim=0)",
        function(lambda x: x.cumsum(0), lambda g, x: g.cumsum(0)),
        "transposed-jacobian",
        "the Jacobian is transposed",
    ),
    "transposed_operand": Mistake(
        MATRICES + "expr: x@w",
        function(lambda x, w: x @ w, lambda g, x, w: (g @ w, x.T @ g)),
        "transposed-jacobian",
        "transposed",
    ),
    "transposed_gradient": Mistake(
        MATRICES + "expr: x@w",
        function(lambda x, w: x @ w, lambda g, x, w: ((g @ w.T).T, x.T @ g)),
        "transposed-gradient",
        "the gradient is transposed",
    ),
    "exchanged": Mistake(
        XW + "expr: x**2*w",
        function(lambda x, w: x * x * w, lambda g, x, w: (x * x * g, 2 * x * w * g)),
        "exchanged",
        "the gradient by w",
    ),
    "folded_otherwise": Mistake(
        "inputs: {x: {shape: [2]}, w: {shape: [4]}}\nexpr: w*stack([x[0], x[0], x[1], x[1]], 0)",
        function(
            lambda x, w: w * x.repeat_interleave(2),
            lambda g, x, w: ((g * w).view(2, 2).sum(0), g * x.repeat_interleave(2)),
        ),
        "wrong-sum",
        "what element [1] of the output adds to element [0] of the gradient goes to [1] instead",
        {"sizes": ({},)},
    ),
    "last_of_a_sum_dropped": Mistake(
        "inputs: {x: {shape: []}, w: {shape: [n]}}\nexpr: x*w",
        function(
            lambda x, w: w * x,
            lambda g, x, w: ((g * w)[: len(w) // 2 * 2].sum(), g * x),
        ),
        TERM,
        "what element [2] of the output adds to the gradient is missing (at n = 3)",
        {"sizes": ({"n": 2}, {"n": 3}, {"n": 4}, {"n": 5})},
    ),
    "one_lane_for_another": Mistake(
        "inputs: {x: {shape: []}, w: {shape: [3]}}\nexpr: sin(x)*w",
        function(
            lambda x, w: w * x.sin(),
            lambda g, x, w: ((g * w)[torch.tensor([0, 1, 0])].sum() * x.cos(), g * x.sin()),
        ),
        "wrong-sum",
        "what element [0] of the output adds to the gradient counts 2 times",
        {"sizes": ({},)},
    ),
    "missing_sum": Mistake(
        ROW,
        function(lambda x, w: x * w, lambda g, x, w: ((g * w)[0], x * g)),
        "missing-sum",
        "the sum over dimension 0 of the output is missing: only its first counts",
        ROW_SIZES,
    ),
    "mean_for_sum": Mistake(
        ROW,
        function(lambda x, w: x * w, lambda g, x, w: ((g * w).mean(0), x * g)),
        RATIO,
        "1/m of the truth",
        ROW_SIZES,
    ),
    "wrong_sum": Mistake(
        "inputs: {x: {shape: [n]}, w: {shape: [n, n]}}\nexpr: x*w",
        function(lambda x, w: x * w, lambda g, x, w: ((g * w).sum(1), x * g)),
        "wrong-sum",
        "summed over dimension 1",
    ),
    "reversed": Mistake(
        SIN, sine(lambda g, x: (g * x.cos()).flip(0)), "permuted", "in reversed order"
    ),
    "neighbour": Mistake(
        SIN, sine(lambda g, x: (g * x.cos()).roll(1)), "permuted", "of the element before"
    ),
    "not_unsorted": Mistake(
        X + "expr: sort(x)**2",
        function(lambda x: x.sort().values ** 2, lambda g, x: 2 * g * x.sort().values),
        "permuted",
        "right, but at other places",
    ),
    "output_saved": Mistake(
        SIN, sine(lambda g, x: g * x.sin().cos()), "other-point", "the output was saved"
    ),
    "input_saved": Mistake(
        X + "expr: tanh(2*x)",
        function(lambda x: (2 * x).tanh(), lambda g, x: 2 * g * (1 - 4 * x * x)),
        "other-point",
        "the slope of tanh(2*x), 1 - y**2 of its value y, is taken of 2*x instead",
    ),
    "no_mask": Mistake(
        X + "expr: where(x > 0, x**2, exp(x))",
        function(lambda x: torch.where(x > 0, x**2, x.exp()), lambda g, x: g * 2 * x),
        "other-branch",
        "where(x > 0, x**2, exp(x)) has the slope of x**2 whether or not x > 0",
    ),
    "never_masked": Mistake(
        X + "expr: sum(where(x > 0, x**2, exp(x))*x)",
        function(
            lambda x: (torch.where(x > 0, x**2, x.exp()) * x).sum(),
            lambda g, x: g * (x.exp() * x + torch.where(x > 0, x**2, x.exp())),
        ),
        "other-branch",
        "has the slope of exp(x) whether or not x > 0",
    ),
    "mask_turned": Mistake(
        X + "expr: where(abs(x) < 1, x**2/2, abs(x) - 1/2)",
        function(
            lambda x: torch.where(x.abs() < 1, x * x / 2, x.abs() - 0.5),
            lambda g, x: g * torch.where(x.abs() < 1, x.sign(), x),
        ),
        "other-branch",
        "has the slopes of its branches the other way round",
    ),
    "no_clamp": Mistake(
        X + "expr: clamp(x, -1, 1)",
        function(lambda x: x.clamp(-1, 1), lambda g, x: g.clone()),
        "straight-through",
        "grad_output itself",
    ),
    "first_call": Mistake(SIN, cached_slope(), "stale-buffer", "of the first call"),
    "first_call_of_one_input": Mistake(
        XW + "expr: sin(x)*w", one_input_late(), "stale-buffer", "w is that of the first call"
    ),
    "call_before": Mistake(SIN, one_call_late(), "stale-buffer", "of the call before"),
    "clipped": Mistake(
        X + "expr: x**3",
        function(lambda x: x**3, lambda g, x: (g * 3 * x * x).clamp(-10, 10)),
        "clipped",
        "clipped to ±10",
    ),
    "offset": Mistake(
        SIN, sine(lambda g, x: g * x.cos() + 0.1), "constant-offset", "the truth plus 1/10 at"
    ),
    "weight_decay": Mistake(
        SIN, sine(lambda g, x: g * x.cos() + x / 8), "constant-offset", "plus 1/8 times x"
    ),
    "beyond": Mistake(
        X + "expr: log(1 + exp(x))",
        function(
            torch.nn.functional.softplus,
            lambda g, x: g * torch.where(x.abs() > 18.02, x / 20, x.sigmoid()),
        ),
        "beyond-threshold",
        "wrong only where |x| > 18.02",
        WIDE,
    ),
    "ratio_beyond": Mistake(
        SIN,
        sine(lambda g, x: g * torch.where(x > 1.5, 2.0, 1.0) * x.cos()),
        RATIO,
        "2 times the truth at all 66 failing points, only where x > 1.5",
        {"sizes": ({"n": 1},), "lanes": 240},
    ),
    "near_zero": Mistake(
        SIN,
        sine(lambda g, x: g * torch.where(x.abs() < 0.25, 1 + x.abs(), x.cos())),
        "beyond-threshold",
        "wrong only where |x| < 0.25",
    ),
    "interval": Mistake(
        SIN,
        sine(lambda g, x: g * torch.where((x > 1) & (x < 2), x.exp(), x.cos())),
        "within-interval",
        "only where x lies between 1 and 2",
    ),
    "other_input_beyond": Mistake(
        XW + "expr: x**2*w",
        function(
            lambda x, w: x * x * w,
            lambda g, x, w: (2 * x * w * g + (w.abs() > 2) * g * x.sin() / 10, x * x * g),
        ),
        "beyond-threshold",
        "wrong only where |w| > 2",
    ),
    "ties": Mistake(
        X + "expr: x*sum(x)",
        function(
            lambda x: x * x.sum(),
            lambda g, x: g * x.sum() + (g * x).sum() + (x.sin() if tied(x) else 0),
        ),
        "at-ties",
        "wrong only where elements of x are equal",
        {"special": with_ties},
    ),
    "two_zeros": Mistake(
        X + "expr: prod(x)",
        function(torch.prod, lambda g, x: g * rest_of_product(x)),
        "at-ties",
        "wrong only where two elements of x are 0",
        {"special": with_two_zeros},
    ),
    "first_element_below_zero": Mistake(
        SIN,
        sine(lambda g, x: g * torch.cat([torch.where(x > 0, x.cos(), x.tan())[:1], x.cos()[1:]])),
        "some-elements",
        "wrong only element 0 of the gradient, and there only where x < 0",
    ),
    "zeros": Mistake(
        SIN,
        sine(lambda g, x: g * x.cos() * (x != 0)),
        "zero-gradient",
        "only where x is 0",
        {"special": with_zeros},
    ),
    "near_ties": Mistake(
        X + "expr: x*sum(x)",
        function(
            lambda x: x * x.sum(),
            lambda g, x: g * x.sum() + (g * x).sum() + (x.sin() if apart(x) < 1 / 8 else 0),
        ),
        "beyond-threshold",
        "wrong only where the gap between the closest elements of x < 0.1",
    ),
    "symmetric": Mistake(
        "inputs: {x: {shape: [n, n]}}\nexpr: x @ x",
        function(
            lambda x: x @ x,
            lambda g, x: 2 * (g @ x) if torch.equal(x, x.T) and len(x) > 1 else g @ x.T + x.T @ g,
        ),
        "at-structure",
        "where x is symmetric",
        {"special": made_symmetric},
    ),
    "sizes": Mistake(
        SIN,
        sine(lambda g, x: g * x.cos() + (x.tanh() * g * g if len(x) > 2 else 0)),
        "some-sizes",
        "wrong only for n > 2",
    ),
    "sizes_that_go_together": Mistake(
        "inputs: {x: {shape: [m, n]}}\nexpr: sin(x)",
        sine(lambda g, x: g * x.cos() + (x.tanh() * g * g if x.shape[0] == 3 else 0)),
        "some-sizes",
        "for m = 3 (right for 2, 4), or for n = 2 (right for 1, 3): no sizes tell these apart",
        {"sizes": ({"m": 2, "n": 1}, {"m": 3, "n": 2}, {"m": 4, "n": 3})},
    ),
    "last_element": Mistake(
        SIN,
        sine(lambda g, x: torch.cat([(g * x.cos())[:-1], (g * x.tan())[-1:]])),
        "some-elements",
        "wrong only the last element of the gradient",
    ),
    "unselected": Mistake(
        X + "expr: where(x > 0, sqrt(x), 0)",
        lambda x: torch.where(x > 0, x.sqrt(), 0.0),
        "unselected-branch",
        "the branch of a where that is not selected: 0 times an infinity, only where x < 0",
    ),
    "not_a_number_beside_underflow": Mistake(
        XW + "expr: sqrt(x*x + w*w)",
        function(
            lambda x, w: (x * x + w * w).sqrt(),
            lambda g, x, w: (
                (g * x / (x * x + w * w).sqrt()).where(x <= 2, math.nan),
                g * w / (x * x + w * w).sqrt(),
            ),
        ),
        "not-finite",
        "NaN or infinite, only where x > 2",
        {"special": nearly_zero},
    ),
    "overflow": Mistake(
        X + "expr: exp(x)/(1 + exp(x))",
        lambda x: x.exp() / (1 + x.exp()),
        "not-finite",
        "so is the formula as written, which overflows there, only where x > 709.78",
        {"low": 600.0, "high": 800.0},
    ),
    "overflow_in_float32": Mistake(
        X + "expr: exp(x)/(1 + exp(x))",
        lambda x: x.exp() / (1 + x.exp()),
        "not-finite",
        "so is the formula as written, which overflows there, only where x > 88.",
        {"low": 60.0, "high": 120.0, "dtype": "float32"},
    ),
    "value": Mistake(SIN, lambda x: 1.5 * x.sin(), RATIO, "3/2 times", {"name": None}),
    "half_precision": Mistake(
        SIN, sine(lambda g, x: 2 * g * x.cos()), RATIO, "2 times the truth", {"dtype": "float16"}
    ),
    "bfloat16": Mistake(
        X + "expr: x*exp(x)",
        function(lambda x: x * x.exp(), lambda g, x: g * x.exp()),
        TERM,
        "the dependence through exp(x) is missing",
        {"dtype": "bfloat16"},
    ),
    "saved_in_bfloat16": Mistake(
        SIN,
        sine(lambda g, x: g * x.bfloat16().to(x.dtype).cos()),
        "other-point",
        "the slope where x is rounded to bfloat16",
    ),
    "input_scaled": Mistake(
        SIN,
        sine(lambda g, x: g * (1.01 * x).cos()),
        "other-point",
        "the slope where x is 1.01 times as large",
    ),
    "input_shifted": Mistake(
        SIN,
        sine(lambda g, x: g * (x + 0.125).cos()),
        "other-point",
        "the slope where x is 1/8 more",
    ),
    "growing_from_nothing": Mistake(
        SIN,
        sine(lambda g, x: g * (x.cos() + x**4 * 1e-2)),
        "growing-error",
        "the error grows with |x|, from nothing at 0, as |x|**4",
    ),
    "series_in_the_middle": Mistake(
        SIN,
        sine(lambda g, x: g * torch.where(x.abs() < 0.5, 1 - x**2 / 2, x.cos())),
        "growing-error",
        "the error grows with |x|, from nothing at 0, as |x|**4; up to |x| = 0.5 and not beyond",
        {"special": near_zero},
    ),
    "asymptote_too_early": Mistake(
        X + "expr: tanh(x)",
        function(torch.tanh, lambda g, x: g * torch.where(x > 2, 4 * (-2 * x).exp(), slope(x))),
        "growing-error",
        "the error grows towards x = 0, from nothing; down to |x| = 2 and not below",
        {"low": 0.0, "high": 30.0},
    ),
    "one_of_two_occurrences": Mistake(
        X + "expr: x*tan(exp(x))/exp(x)",
        function(
            lambda x: x * x.exp().tan() / x.exp(),
            lambda g, x: g * (x.exp().tan() / x.exp() + x * (1 + x.exp().tan() ** 2)),
        ),
        TERM,
        "the dependence through exp(x) in x*tan(exp(x))/exp(x) is missing",
    ),
    "zero_in_some_sizes": Mistake(
        X + "expr: tanh(x)",
        function(torch.tanh, lambda g, x: g * slope(x) if len(x) < 3 else 0 * g),
        "zero-gradient",
        "zero at all 120 failing points, only for n > 2",
    ),
    "few_bits_somewhere": Mistake(
        X + "expr: logsumexp(x, 0)",
        function(lambda x: x.logsumexp(0), lambda g, x: g * x.softmax(0).half().to(x.dtype)),
        "beyond-threshold",
        "wrong only where the spread of x > 0; near to the truth, off by 0.016 % in the middle",
    ),
    "odd_sizes": Mistake(
        SIN,
        sine(lambda g, x: g * x.cos() + (x.tanh() * g * g if len(x) % 2 else 0)),
        "some-sizes",
        "wrong only for n odd (1, 3, 5, 7, 9; right for 2, 4, 6, 8, 10)",
        {"sizes": tuple({"n": n} for n in range(1, 11))},
    ),
    "some_sizes": Mistake(
        SIN,
        sine(lambda g, x: g * x.cos() + (x.tanh() * g * g if len(x) == 3 else 0)),
        "some-sizes",
        "wrong only for n = 3 (right for 1, 2, 4)",
    ),
    "series": Mistake(
        SIN,
        lambda x: x - x**3 / 6 + x**5 / 120,
        "growing-error",
        "the error grows with |x|, from nothing at 0, as |x|**7",
        {"name": None},
    ),
    "epsilon": Mistake(
        X + "expr: abs(x)",
        function(torch.abs, lambda g, x: g * x / (x.abs() + 1e-8)),
        "growing-error",
        "the error grows towards x = 0, from nothing, as |x|**-1",
        {"special": near_zero},
    ),
    "slope_of_a_step": Mistake(
        X + "expr: clamp(x, 0, 2)",
        function(lambda x: x.clamp(0, 2), lambda g, x: g * (x > 0)),
        "straight-through",
        "grad_output itself, as if the slope were 1 (straight through) at all",
    ),
    "unit_vectors": Mistake(
        X + "expr: x*sum(x)",
        function(
            lambda x: x * x.sum(),
            lambda g, x: g * x.sum() + (g * x).sum() * (0.5 if (g != 0).sum() == 1 < len(x) else 1),
        ),
        "wrong-term",
        "where one element of grad_output alone is not 0",
        {"fed": unit_vectors},
    ),
    "saved_as_bytes": Mistake(
        X + "expr: tanh(x)",
        function(torch.tanh, lambda g, x: g * (1 - ((x.tanh() * 127).round() / 127) ** 2)),
        "near",
        "near to the truth, off by 0.17 % in the middle",
        {"low": -1.0, "high": 1.0},
    ),
    "growing_from_nothing_where_few_lie": Mistake(
        X + "expr: tanh(x)",
        function(torch.tanh, lambda g, x: g * (1 - ((x.tanh() * 127).round() / 127) ** 2)),
        "near",
        "near to the truth",
        {"special": near_zero},
    ),
    "nan_besides": Mistake(
        SIN,
        sine(lambda g, x: 2 * g * x.cos() + torch.where(x > 2.5, torch.nan, 0)),
        RATIO,
        "points besides",
    ),
    "mostly_nan": Mistake(
        SIN,
        sine(lambda g, x: torch.where(x < 2, torch.nan, x.tan()) * g),
        "not-finite",
        "NaN or infinite at",
    ),
    "zero_over_zero": Mistake(
        X + "expr: sqrt(sum(x**2))",
        lambda x: x.square().sum().sqrt(),
        "not-finite",
        "so is the formula as written, which divides by 0 there",
        {"special": tiny},
    ),
    "no_branch_at_all": Mistake(
        X + "expr: sqrt(sum(x**2))",
        lambda x: x.square().sum().sqrt(),
        "not-finite",
        "which divides by 0 there",
        {"special": tiny_in_bfloat16, "dtype": "bfloat16"},
    ),
    "conjugate": Mistake(
        COMPLEX + "expr: z**2",
        by_parts(lambda g, z: (g * (2 * z).conj()).conj()),
        "conjugate",
        "the conjugate of the truth at all",
        {"name": "z"},
    ),
    "real_part_dropped": Mistake(
        COMPLEX + "expr: z**2",
        by_parts(lambda g, z: 1j * g.imag * (2 * z).conj()),
        "cotangent-misread",
        "the real part of grad_output is dropped at all",
        {"name": "z"},
    ),
    "unconjugated": Mistake(
        COMPLEX + "expr: z**2",
        by_parts(lambda g, z: g * 2 * z),
        "conjugate",
        "the slope where z is its conjugate",
        {"name": "z"},
    ),
    "where_real": Mistake(
        COMPLEX + "expr: z**2",
        by_parts(lambda g, z: g * (2 * z).conj() + (0 if z.imag.any() else g.tan())),
        "at-structure",
        "only where z is real",
        {"name": "z", "special": made_real},
    ),
    "where_an_element_is_real": Mistake(
        COMPLEX + "expr: z**2",
        by_parts(lambda g, z: g * (2 * z).conj() + torch.where(z.imag == 0, g.tan(), 0)),
        "at-structure",
        "only where z is real",
        {"name": "z", "special": first_made_real},
    ),
    "hermitian": Mistake(
        "inputs: {z: {shape: [n, n], dtype: complex}}\nexpr: z @ z",
        lambda parts: torch.view_as_real(square_of_matrix(torch.view_as_complex(parts))),
        "at-structure",
        "wrong only where z is Hermitian",
        {"name": "z", "special": made_hermitian, "sizes": ({"n": 2}, {"n": 3})},
    ),
    "unknown": Mistake(
        SIN,
        sine(lambda g, x: g * torch.special.bessel_j0(x * 3) + x.tanh()),
        "unknown-pattern",
        "unknown pattern",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_is_named(name: str, diagnosed: Callable[..., Diagnosis]) -> None:
    """The stable word and the sentence are those of the mistake that was made."""
    mistake = MISTAKES[name]
    found = diagnosed(mistake.spec, mistake.function, **mistake.given)
    assert (found.code, mistake.words in found.sentence) == (mistake.code, True), found


def test_what_the_purity_check_saw_explains_all_else(diagnosed: Callable[..., Diagnosis]) -> None:
    """A mutated buffer is named before any ratio that it leads to."""
    wrong = sine(lambda g, x: 2 * g * x.cos())
    found = diagnosed(SIN, wrong, purity=("grad_output was written to",))
    assert found == Diagnosis(Pattern.MUTATION, "not pure: grad_output was written to")


def test_two_numbers_are_no_pattern(diagnosed: Callable[..., Diagnosis]) -> None:
    """Any two numbers are in one ratio: nothing is made of them."""
    wrong = sine(lambda g, x: 2 * g * x.cos())
    found = diagnosed(SIN, wrong, sizes=({"n": 2},), lanes=1)
    assert found.code is Pattern.UNKNOWN
    assert "too few" in found.sentence


def test_a_fault_of_one_layout_is_called_that(
    trial_of: Callable[..., Trial], spec_of: Callable[[str], Spec]
) -> None:
    """The points of every layout are evidence; those without any element are no trouble."""
    spec = spec_of(SIN)
    stream = np.random.default_rng(1)
    trials = []
    for size, setting in ((4, ""), (4, "x strided"), (4, "grad_output expanded"), (0, "n = 0")):
        slope = torch.tan if "expanded" in setting else torch.cos
        values = {"x": stream.uniform(-1, 1, (20, size))}
        made = trial_of(spec, sine(lambda g, x, slope=slope: g * slope(x)), {"n": size}, values)
        trials.append(replace(made, setting=setting))
    found = diagnose(evidence_of(spec, "x", trials))
    assert found == Diagnosis(Pattern.ONE_SETTING, "wrong only with grad_output expanded")


def test_a_fault_of_all_layouts_is_of_none(
    trial_of: Callable[..., Trial], spec_of: Callable[[str], Spec]
) -> None:
    """Ways of running are told of where others are right, not where they were not judged."""
    spec, values = spec_of(SIN), {"x": np.random.default_rng(1).uniform(-1, 1, (20, 4))}

    def right(g: Tensor, x: Tensor) -> Tensor:
        return g * x.cos()

    def wrong(g: Tensor, x: Tensor) -> Tensor:
        return g * x.tan()

    def alone(slopes: Mapping[str, Callable[..., Tensor]]) -> Diagnosis | None:
        made = [
            replace(trial_of(spec, sine(slope), {"n": 4}, values), setting=key)
            for key, slope in slopes.items()
        ]
        return in_settings(evidence_of(spec, "x", made))

    told = alone({"x strided": right, "x offset": wrong})
    assert told == Diagnosis(Pattern.ONE_SETTING, "only with x offset")
    assert alone({"x strided": wrong, "x offset": wrong}) is None
    assert alone({"": wrong, "x offset": right}) is None


@pytest.mark.parametrize(
    "given, words",
    [(0.0, "zero only where x is 0"), (2.0, "wrong only where x is 0"), (math.nan, "NaN or inf")],
)
def test_faults_at_kinks_are_told_by_where_they_are(
    given: float,
    words: str,
    trial_of: Callable[..., Trial],
    spec_of: Callable[[str], Spec],
) -> None:
    """Nothing but these is wrong; what is claimed there is told, and at which kinks."""
    x = np.linspace(-1, 1, 21)[:, None]
    at_kink = np.flatnonzero(np.abs(x) < 1e-9)
    x[at_kink] = 0.0
    x = np.concatenate([x, np.zeros((3, 1))])
    slope = function(
        lambda x: x.abs() + 2 * x, lambda g, x: g * torch.where(x == 0, given, x.sign() + 2)
    )
    made = trial_of(spec_of(X + "expr: abs(x) + 2*x"), slope, {"n": 1}, {"x": x})
    (column,) = range(1, made.claimed.shape[1])
    members = {(lane, column): 1.0 for lane in [*at_kink, 21, 22, 23]}
    found = at_kinks(evidence_of(None, "x", [made], members=[members])).diagnosis
    assert words in found.sentence
    assert found.code is (Pattern.NOT_FINITE if math.isnan(given) else Pattern.KINKS)


def test_every_pattern_is_tested() -> None:
    """A code that the program can give, and no test has seen, is not known to be right."""
    elsewhere = {Pattern.CUT_AGAIN, Pattern.MUTATION, Pattern.ONE_DTYPE, Pattern.ONE_SETTING}
    elsewhere |= {Pattern.KINKS}
    assert {mistake.code for mistake in MISTAKES.values()} | elsewhere == set(Pattern)


def test_numbers_that_lose_their_digits_do_not_blur_where_it_is_wrong() -> None:
    """Of both kinds of failing numbers those count that evaluating the formula does not explain."""
    x = np.linspace(-4.0, 4.0, 81)
    mistaken, lossy = x < 0, x > 3
    truth = np.exp(x)
    sample = Sample(
        dims={"n": 81},
        values={"x": x[None]},
        cotangents=np.ones((1, 81)),
        truth=truth[None],
        claim=(truth * np.where(mistaken, 1.5, 1 + 1e-9 * lossy))[None],
        slack=truth[None] * 1e-15,
        failing=(mistaken | lossy)[None],
        agreeing=~(mistaken | lossy)[None],
        lossy=lossy[None],
        others={},
        before={},
        first={},
    )
    found = diagnose(Evidence("x", format_of("float64"), (sample,)))
    assert found.sentence.startswith("3/2 times the truth at")
    assert found.sentence.endswith("only where x < 0")
