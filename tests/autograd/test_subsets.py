"""Gradients by some of the inputs only."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gradcheck_sym.autograd.implementation import Implementation
from gradcheck_sym.autograd.reverse import Claims, reverse
from gradcheck_sym.autograd.subsets import reverse_alone, subsets

X = np.array([[0.5, 2.0], [-1.0, 3.0]])
Y = np.array([[4.0, 0.25], [2.0, -3.0]])
FED = np.array([[1.0, -2.0], [0.5, 3.0]])
VALUES = {"x": X, "y": Y}


class Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        x, y = ctx.saved_tensors
        return y * grad, x * grad


class PacksGradients(Product):
    """Puts the gradients that are needed into the first places."""

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        x, y = ctx.saved_tensors
        both = zip(ctx.needs_input_grad, (y, x), strict=True)
        needed = [other * grad for is_needed, other in both if is_needed]
        return tuple(needed + [None] * (2 - len(needed)))


class SavesWhatRequires(Product):
    """Forgets that the gradient by one input needs the other."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.x, ctx.y = (x * t.requires_grad for x, t in ((x, x), (y, y)))
        return x * y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return ctx.y * grad, ctx.x * grad


def own(function: Any) -> Implementation:
    """An implementation of x and y."""
    return Implementation(lambda tensors: function(tensors["x"], tensors["y"]), "user", "own")


def in_subsets(function: Any) -> dict[tuple[str, ...], Claims]:
    """What is claimed where some of the inputs require a gradient, by subset."""
    return {
        subset: reverse(own(function), VALUES, subset, FED, "float64")
        for subset in subsets(("x", "y"))
    }


def each_alone(function: Any) -> dict[str, Claims]:
    """What torch.autograd.grad gives by one input, by input."""
    names = ("x", "y")
    return {
        name: reverse_alone(own(function), VALUES, names, FED, "float64", name) for name in names
    }


def test_subsets() -> None:
    """All of up to four inputs; of more none, each, each two, all but each, and all."""
    assert subsets(("a", "b")) == ((), ("a",), ("b",), ("a", "b"))
    assert len(subsets(tuple("abcd"))) == 16
    counts = [len(subset) for subset in subsets(tuple("abcde"))]
    assert counts == [0, *[1] * 5, *[2] * 10, *[4] * 5, 5]
    assert subsets(()) == ((),)
    for names in ("a", "abc", "abcdef"):
        found = subsets(tuple(names))
        assert len(set(found)) == len(found)


def test_right_code() -> None:
    """Each input that requires a gradient has the right one, whatever the others do."""
    for subset, claims in in_subsets(Product.apply).items():
        assert not claims.problems
        assert set(claims.gradients) == set(subset)
        np.testing.assert_array_equal(claims.values, X * Y)
        for name in subset:
            other = Y if name == "x" else X
            np.testing.assert_array_equal(claims.gradients[name], other * FED)  # type: ignore[arg-type]


@pytest.mark.parametrize("function", [Product.apply, torch.mul])
def test_one_alone(function: Any) -> None:
    """torch.autograd.grad by one input gives that one, though both require a gradient."""
    found = each_alone(function)
    for name, other in (("x", Y), ("y", X)):
        assert not found[name].problems
        assert set(found[name].gradients) == {name}
        np.testing.assert_array_equal(found[name].gradients[name], other * FED)  # type: ignore[arg-type]


def test_unused_inputs_have_none() -> None:
    """None, not zeros, for an input that the graph does not reach, in each way of asking."""

    def first(x: Tensor, y: Tensor) -> Tensor:
        return x * 2 + y.detach()

    by_subset = in_subsets(first)
    assert by_subset["x", "y"].gradients["y"] is None
    assert by_subset[("y",)].gradients["y"] is None
    assert by_subset[("y",)].untracked == {0, 1}
    alone = each_alone(first)
    assert alone["y"].gradients["y"] is None
    np.testing.assert_array_equal(alone["x"].gradients["x"], 2 * FED)  # type: ignore[arg-type]


def wrong_in(function: Any) -> set[tuple[str, ...]]:
    """The subsets in which some gradient is not that of a product."""
    found = in_subsets(function)
    truth: Mapping[str, np.ndarray] = {"x": Y * FED, "y": X * FED}
    return {
        subset
        for subset, claims in found.items()
        for name in subset
        if claims.gradients[name] is None or not np.array_equal(claims.gradients[name], truth[name])
    }


@pytest.mark.parametrize(
    "function, wrong",
    [
        (Product.apply, set()),
        (PacksGradients.apply, {("y",)}),
        (SavesWhatRequires.apply, {("x",), ("y",)}),
    ],
)
def test_faults_of_some_subsets_only(function: Any, wrong: set[tuple[str, ...]]) -> None:
    """Code that is right where all inputs require a gradient is found to be wrong elsewhere."""
    assert wrong_in(function) == wrong


def test_hostile_code() -> None:
    """What raises in a subset is a problem of that subset; the others stand."""

    def needs_both(x: Tensor, y: Tensor) -> Tensor:
        if not y.requires_grad:
            raise ValueError("y must require a gradient")
        return x * y

    found = in_subsets(needs_both)
    assert {subset for subset, claims in found.items() if claims.raised} == {(), ("x",)}
    alone = each_alone(needs_both)
    assert not any(claims.problems for claims in alone.values())
