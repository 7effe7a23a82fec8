"""Which size looks wrong by differences: the one at which it is, and none where nothing is."""

# ruff: noqa: D102 - a Function's methods are torch's

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from gradcheck_sym.run import suspects
from gradcheck_sym.run.elsewhere import elsewhere
from gradcheck_sym.symbolic.program import ProgramError

TEXT = """
inputs: {x: {shape: [n], domain: "[-3, 3]"}, w: {shape: [n, k], domain: "[-3, 3]"}}
expr: exp(x) @ w
use: {own: "somewhere:own"}
torch: own(x, w)
"""
AT = {"n": 19, "k": 20}  # one of more than sixty that are tried


class Product(torch.autograd.Function):
    """exp(x) @ w, each slope by x times a factor that may depend on the shape of w."""

    @staticmethod
    def forward(x: Tensor, w: Tensor, factor: Callable[[Tensor], float], of: str) -> Tensor:
        return x.exp() @ w

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        x, w, ctx.factor, ctx.of = inputs
        ctx.save_for_backward(x, w)
        ctx.save_for_forward(x, w)

    @staticmethod
    def backward(ctx: Any, fed: Tensor) -> Any:
        x, w = ctx.saved_tensors
        factor = ctx.factor(w)
        slope = x.exp() * (factor if ctx.of == "backward" else 1)
        if ctx.of == "twice":  # the gradient is right, and its derivative is not
            slope = slope + (factor - 1) * (x - x.detach())
        return slope * (w @ fed), x.exp()[:, None] * fed, None, None

    @staticmethod
    def jvp(ctx: Any, along: Tensor, across: Tensor, *rest: None) -> Tensor:
        x, w = ctx.saved_tensors
        slope = x.exp() * (ctx.factor(w) if ctx.of == "jvp" else 1)
        return (slope * along) @ w + x.exp() @ across


SUSPECTED = {
    "backward": suspects.suspected,
    "jvp": suspects.tangent_suspected,
    "twice": suspects.gradient_suspected,
}


@pytest.fixture
def sizes_of(subject_of: Any) -> Callable[..., list[Any]]:
    """The sizes that look wrong, where a factor depends on them."""

    def found(kind: str, factor: Callable[[Tensor], float]) -> list[Any]:
        def own(x: Tensor, w: Tensor) -> Any:
            return Product.apply(x, w, factor, kind)

        subject = subject_of(TEXT, implementations={"own": own})
        return list(SUSPECTED[kind](subject))

    return found


@pytest.mark.parametrize("kind", SUSPECTED)
@pytest.mark.parametrize("by", [2.0, 1.001, 0.0])
def test_the_one_size_at_which_it_is_off(kind: str, by: float, sizes_of: Any) -> None:
    """Alone of all that are tried."""
    shape = tuple(AT.values())
    assert sizes_of(kind, lambda w: by if tuple(w.shape) == shape else 1.0) == [AT]


@pytest.mark.parametrize("kind", SUSPECTED)
@pytest.mark.parametrize("by", [1.0, 1 + 1e-7])
def test_nothing_stands_out_where_all_sizes_are_alike(kind: str, by: float, sizes_of: Any) -> None:
    """Where nothing is off, and where every size is a little, as by single precision inside."""
    assert sizes_of(kind, lambda w: by) == []


def test_a_run_of_one_point_looks_at_no_other(subject_of: Any) -> None:
    """What is replayed is that point."""
    point = {"x": [1.0], "w": [[1.0]]}
    subject = subject_of(TEXT, implementations={"own": lambda x, w: 2 * x.exp() @ w}, point=point)
    assert list(suspects.suspected(subject)) == []


def test_a_suspected_size_that_is_too_large_to_derive_is_left_out(subject_of: Any) -> None:
    """The others are judged all the same."""
    subject = subject_of(TEXT, implementations={"own": lambda x, w: x.exp() @ w})

    def made(dims: Any) -> Any:
        if dims == AT:
            raise ProgramError("the mathematics needs too many operations")
        return subject.function_at(dims)

    judged = [item.trial.dims for item in elsewhere(subject, made, lambda _: iter([AT]))]
    assert judged
    assert AT not in judged
