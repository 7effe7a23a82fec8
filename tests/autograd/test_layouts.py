"""Tensors in every layout: they hold the same numbers, and code that assumes one is found."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor

from gradcheck_sym.autograd.implementation import Implementation
from gradcheck_sym.autograd.layouts import (
    CHANNELS_LAST,
    CONJUGATED,
    CONTIGUOUS,
    EXPANDED,
    LAYOUTS,
    NEGATED,
    ODD,
    OFFSET,
    SLICED,
    STRIDED,
    TRANSPOSED,
    UNEVEN,
    VIEW,
    WINDOWS,
    Layout,
    constant,
    expanded,
    fitting,
    reverse_in,
    widening,
)
from gradcheck_sym.autograd.ledger import Claims
from gradcheck_sym.autograd.reverse import reverse
from gradcheck_sym.autograd.support import Feature
from gradcheck_sym.spec.checks import GRAD_OUTPUT

SHAPES = [(), (1,), (3,), (2, 3), (3, 1), (2, 3, 4), (2, 3, 4, 5), (1, 1), (0,), (2, 0)]
Function = Callable[[Tensor], Tensor]

POINTS = np.random.default_rng(2).uniform(-2, 2, (3, 4, 5))
COTANGENTS = np.random.default_rng(3).uniform(-2, 2, (3, 4, 5))


def own(function: Function) -> Implementation:
    """An implementation of one input."""
    return Implementation(lambda tensors: function(tensors["x"]), "user", "own")


def claims(function: Function, layouts: dict[str, Layout]) -> Claims:
    """The claims about x at the points, in layouts that fit them."""
    return reverse_in(own(function), {"x": POINTS}, ("x",), COTANGENTS, "float64", layouts)


def seen_by(layout: Layout, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """An input and a grad_output of a shape in a layout, as a function gets to see them."""
    seen: list[Tensor] = []

    class Spy(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            seen.append(x)
            return x.clone()

        @staticmethod
        def backward(ctx: Any, grad: Tensor) -> Tensor:
            seen.append(grad)
            return grad.clone()

    array = constant(np.random.default_rng(1).uniform(1, 2, (2, *shape)), layout)
    both = {"x": layout, GRAD_OUTPUT: layout}
    found = reverse_in(own(Spy.apply), {"x": array}, ("x",), array, "float64", both)
    assert not found.problems
    np.testing.assert_array_equal(found.values, array)
    gradient = found.gradients["x"]
    assert gradient is not None
    np.testing.assert_array_equal(gradient, array)
    return seen[0], seen[1]


# --- the layouts --------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_numbers_are_the_same_in_all_layouts(shape: tuple[int, ...]) -> None:
    """Whatever fits a shape holds the numbers, and a function sees its strides, 0-dim or empty."""
    plain = torch.empty(shape)
    for layout in (*fitting(shape), *widening(shape)):
        for tensor in seen_by(layout, shape):
            assert tensor.shape == plain.shape
            is_moved = tensor.storage_offset() % 16 != 0
            assert is_moved or tensor.stride() != plain.stride(), str(layout)


@pytest.mark.parametrize(
    "layout, shape, strides",
    [
        (CONTIGUOUS, (2, 3, 4), (12, 4, 1)),
        (TRANSPOSED, (2, 3, 4), (1, 2, 6)),
        (STRIDED, (2, 3), (6, 2)),
        (OFFSET, (2, 3), (3, 1)),
        (VIEW, (2, 3), (3, 1)),
        (CHANNELS_LAST, (2, 3, 4, 5), (60, 1, 15, 3)),
        (EXPANDED, (2, 3), (0, 0)),
        (expanded(0), (2, 3), (0, 1)),
        (expanded(1), (2, 3), (1, 0)),
    ],
)
def test_strides(layout: Layout, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
    """The strides are those that the layout is known for."""
    for tensor in seen_by(layout, shape):
        assert tensor.stride() == strides


def test_channels_last_is_torchs() -> None:
    """The layout is the memory format of that name."""
    x, _ = seen_by(CHANNELS_LAST, (2, 3, 4, 5))
    assert x.is_contiguous(memory_format=torch.channels_last)


def test_a_view_of_a_leaf() -> None:
    """The function gets a view that is no leaf; in all other layouts it gets a leaf."""
    states: list[tuple[bool, bool, bool]] = []

    def look(x: Tensor) -> Tensor:
        states.append((x.is_leaf, x._is_view(), x.requires_grad))
        return x * 2

    for layout in (VIEW, TRANSPOSED):
        reverse_in(own(look), {"x": POINTS[:1]}, ("x",), None, "float64", {"x": layout})
    assert states == [(False, True, True), (True, False, True)]


@pytest.mark.parametrize(
    "consume, shape, layout",
    [
        (lambda y: y.sum(), (3, 4), EXPANDED),
        (lambda y: y.sum(), (1,), EXPANDED),
        (lambda y: y.sum(0).sin().sum(), (3, 4), expanded(0)),
        (lambda y: y.sum(1).sin().sum(), (3, 4), expanded(1)),
        (lambda y: torch.cat([y[:, :1], y], 1).sin().sum(), (3, 4), SLICED),
        (lambda y: torch.cat([y, y], 1).sin().sum(), (3, 1), SLICED),
        (lambda y: torch.cat([y[:1], y]).sin().sum(), (3, 4), OFFSET),
        (lambda y: torch.stack([y, y], 1).sin().sum(), (3,), STRIDED),
        (lambda y: torch.stack([y[()] * 0, y]).sin().sum(), (), OFFSET),
        (lambda y: (y.t() * torch.arange(12.0).reshape(4, 3)).sum(), (3, 4), TRANSPOSED),
    ],
)
def test_what_consumers_feed(
    consume: Callable[[Tensor], Tensor], shape: tuple[int, ...], layout: Layout
) -> None:
    """sum, cat, stack and t feed grad_outputs whose strides are like those of a layout here."""
    fed: list[Tensor] = []
    y = torch.ones(shape, requires_grad=True) * 1
    consumed = consume(y)
    edges = [node for node in _before(consumed.grad_fn) if node is not y.grad_fn]
    for node in edges:
        for place, (following, _) in enumerate(node.next_functions):
            if following is y.grad_fn:
                node.register_hook(lambda given, _, place=place: fed.append(given[place]))
    consumed.backward()
    _, ours = seen_by(layout, shape)
    assert any(_kind(theirs) == _kind(ours) for theirs in fed if theirs is not None)


def _before(node: Any) -> list[Any]:
    return [node, *(part for step, _ in node.next_functions if step for part in _before(step))]


def _kind(tensor: Tensor) -> tuple[Any, ...]:
    """What code that assumes a layout can trip over."""
    order = sorted(range(tensor.dim()), key=lambda axis: -tensor.stride()[axis])
    zeros = tuple(stride == 0 for stride in tensor.stride())
    return tensor.is_contiguous(), zeros, order, tensor.storage_offset() > 0 or any(zeros)


def test_what_fits() -> None:
    """Layouts are offered where they differ from the ordinary one, expanded ones where they can."""
    assert set(fitting(())) == {OFFSET, VIEW, NEGATED}
    assert set(fitting((2,), is_paired=True)) & {NEGATED, CONJUGATED} == {CONJUGATED}
    assert TRANSPOSED not in fitting((3, 1))
    assert {ODD, SLICED} <= set(fitting((3, 1)))
    assert CHANNELS_LAST in fitting((2, 3, 4))
    assert CHANNELS_LAST not in fitting((2, 1, 4))
    assert not widening(())
    assert widening((2, 3)) == (EXPANDED, expanded(0), expanded(1), WINDOWS)
    assert WINDOWS not in widening((3, 1))
    assert not set(widening((2, 3))) & set(fitting((2, 3)))
    assert {str(layout) for layout in LAYOUTS} == {layout.name for layout in LAYOUTS}


def test_windows_overlap() -> None:
    """Each row begins one element after the one before, in one memory, as unfold has it."""
    given, fed = seen_by(WINDOWS, (3, 4))
    assert given.stride() == fed.stride() == (1, 1)
    assert given[0, 1].data_ptr() == given[1, 0].data_ptr()


def test_lazy_views_carry_their_bit() -> None:
    """A negated tensor says so and holds the negatives, of inputs and of grad_output."""
    given, fed = seen_by(NEGATED, (3,))
    assert given.is_neg()
    assert fed.is_neg()


def test_expanded_layouts_fit_equal_elements() -> None:
    """Only what is constant along an axis may be expanded; a sign or a NaN counts."""
    rows = np.tile(np.array([[1.0, 2.0]]), (2, 3, 1))
    assert expanded(0) in fitting((3, 2), rows)
    assert expanded(1) not in fitting((3, 2), rows)
    assert EXPANDED in fitting((3,), np.full((2, 3), np.nan))
    assert EXPANDED not in fitting((2,), np.array([[0.0, -0.0]]))
    for layout in widening((4, 5)):
        assert layout in fitting((4, 5), constant(POINTS, layout))


def test_callers_mistakes() -> None:
    """Names that are not there, and numbers that do not lie so."""
    for layouts, fed, text in (
        ({"y": OFFSET}, None, "there is no y"),
        ({GRAD_OUTPUT: OFFSET}, None, "there is no grad_output"),
        ({"x": EXPANDED}, None, "x is not constant along what is expanded"),
        (
            {GRAD_OUTPUT: expanded(1)},
            COTANGENTS,
            "not constant along what is expanded along axis 1",
        ),
    ):
        with pytest.raises(ValueError, match=text):
            reverse_in(own(torch.sin), {"x": POINTS}, ("x",), fed, "float64", layouts)


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
def test_dtypes(dtype: str) -> None:
    """Numbers and poison fit every dtype; no lane, no point, no crash."""
    whole = np.arange(24.0).reshape(2, 3, 4)
    for layout in fitting((3, 4)):
        found = reverse_in(own(torch.neg), {"x": whole}, ("x",), None, dtype, {"x": layout})
        np.testing.assert_array_equal(found.values, -whole)
        none = reverse_in(own(torch.neg), {"x": whole[:0]}, ("x",), None, dtype, {"x": layout})
        assert none.values.shape[0] == 0


def test_complex_numbers_stay_pairs() -> None:
    """The parts of an input that the function has as complex lie side by side in every layout."""
    strides = []

    def look(tensors: Any) -> Tensor:
        strides.append(torch.view_as_complex(tensors["z"]).stride())
        return torch.view_as_real(torch.view_as_complex(tensors["z"]) * 2)

    twice = Implementation(look, "user", "twice", complex=frozenset({"z"}))
    pairs = np.random.default_rng(4).normal(size=(2, 3, 4, 2))
    for layout in fitting((3, 4, 2)):
        both = {"z": layout, GRAD_OUTPUT: layout}
        found = reverse_in(twice, {"z": pairs}, ("z",), pairs, "float64", both)
        assert not found.problems, str(layout)
        np.testing.assert_array_equal(found.values, 2 * pairs)
        np.testing.assert_array_equal(found.gradients["z"], 2 * pairs)  # type: ignore[arg-type]
    assert {(1, 3), (8, 2), (4, 1)} <= set(strides)


# --- right and wrong code -----------------------------------------------------------------

RIGHT: dict[str, Function] = {
    "multiplied": lambda x: x * x,
    "softmax": lambda x: torch.softmax(x, -1),
    "in place on a copy": lambda x: x.clone().exp_(),
    "transposed twice": lambda x: (x.mT * 2).mT,
    "normalized": lambda x: F.layer_norm(x, (5,)),
    "the input": lambda x: x,
    "taken apart": lambda x: torch.stack([x[..., k] for k in range(5)], -1),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_code_is_right_in_all_layouts(name: str) -> None:
    """The numbers are those of ordinary tensors, up to the order of a sum; no problem is told."""
    for layout in (*fitting((4, 5)), *widening((4, 5))):
        for key in ("x", GRAD_OUTPUT):
            points, fed = POINTS, COTANGENTS
            if key == "x":
                points = constant(points, layout)
            else:
                fed = constant(fed, layout)
            plain = reverse(own(RIGHT[name]), {"x": points}, ("x",), fed, "float64")
            found = reverse_in(
                own(RIGHT[name]), {"x": points}, ("x",), fed, "float64", {key: layout}
            )
            assert not found.problems
            np.testing.assert_allclose(found.values, plain.values, rtol=1e-13)
            mine, theirs = found.gradients["x"], plain.gradients["x"]
            np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-13)  # type: ignore[arg-type]


class _Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x * 2


class ReadsRows(_Double):
    """Reads grad_output as if its rows lay one after the other."""

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        rows = (grad.shape[1], 1)
        return grad.as_strided(grad.shape, rows, grad.storage_offset()) * 2


class ForgetsOffset(_Double):
    """Reads grad_output from the beginning of its memory."""

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad.as_strided(grad.shape, grad.stride(), 0) * 2


class InPairs(_Double):
    """Takes the numbers of grad_output in pairs, as complex ones, where they lie."""

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return torch.view_as_real(torch.view_as_complex(grad.reshape(-1, 2)) * 2).view(grad.shape)


class WritesOutside(_Double):
    """Adds to what lies before grad_output."""

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        if grad.storage_offset() >= 4:
            grad.as_strided((4,), (1,), grad.storage_offset() - 4).add_(1)
        return grad * 2


class InMemoryOrder(torch.autograd.Function):
    """Gives a gradient in the order in which the input lies in memory."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.order = torch.argsort(torch.tensor(x.stride()), descending=True).tolist()
        return x * 2

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return (grad * 2).permute(ctx.order).reshape(grad.shape)


@pytest.mark.parametrize(
    "function, layouts",
    [
        (ReadsRows.apply, {GRAD_OUTPUT: TRANSPOSED}),
        (ReadsRows.apply, {GRAD_OUTPUT: STRIDED}),
        (ReadsRows.apply, {GRAD_OUTPUT: SLICED}),
        (ReadsRows.apply, {GRAD_OUTPUT: EXPANDED}),
        (ForgetsOffset.apply, {GRAD_OUTPUT: OFFSET}),
        (InMemoryOrder.apply, {"x": TRANSPOSED}),
    ],
)
def test_code_that_assumes_a_layout(function: Function, layouts: dict[str, Layout]) -> None:
    """Wrong numbers come out where the layout is another, and right ones in the ordinary one."""
    fed = constant(COTANGENTS, layouts.get(GRAD_OUTPUT, CONTIGUOUS))
    ordinary = reverse(own(function), {"x": POINTS[:1]}, ("x",), fed[:1], "float64")
    np.testing.assert_array_equal(ordinary.gradients["x"], 2 * fed[:1])  # type: ignore[arg-type]
    found = reverse_in(own(function), {"x": POINTS}, ("x",), fed, "float64", layouts)
    gradient = found.gradients["x"]
    assert gradient is not None
    assert not np.array_equal(gradient, 2 * fed)


def test_code_that_takes_numbers_in_pairs() -> None:
    """What raises behind an odd number of others is a problem there, and not behind an even one."""
    for layout, raised in ((UNEVEN, {0, 1, 2}), (OFFSET, set())):
        found = reverse_in(
            own(InPairs.apply), {"x": POINTS}, ("x",), COTANGENTS, "float64", {GRAD_OUTPUT: layout}
        )
        assert found.raised == raised


def test_views_that_need_contiguous_memory() -> None:
    """What raises in a layout is a problem there."""
    found = claims(lambda x: x.view(-1).sin().view(4, 5), {"x": TRANSPOSED})
    assert found.raised == {0, 1, 2}
    assert "view size is not compatible" in found.problems[0]


@pytest.mark.parametrize("layout", [OFFSET, STRIDED, SLICED])
def test_writes_outside(layout: Layout) -> None:
    """A write around a tensor is found, even where it adds to NaN."""
    found = claims(WritesOutside.apply, {GRAD_OUTPUT: layout})
    assert set(found.problems) == {0, 1, 2}
    assert "wrote to the memory around the cotangent" in found.problems[0]


def test_reads_outside() -> None:
    """What is read around a tensor is NaN, or nowhere near the numbers of the tensor."""
    found = claims(
        lambda x: x + x.as_strided((1,), (1,), x.storage_offset() + x.numel()), {"x": OFFSET}
    )
    assert not (np.abs(found.values) < 100).any()


def test_sparse_gradients() -> None:
    """A view hands on no sparse gradient, which is torch's lack; all other layouts take it."""

    def rows(x: Tensor) -> Tensor:
        return F.embedding(torch.tensor([1, 1, 0]), x, sparse=True)

    for layout in fitting((4, 5)):
        found = reverse_in(own(rows), {"x": POINTS}, ("x",), None, "float64", {"x": layout})
        lacking = {lane: what.feature for lane, what in found.unsupported.items()}
        assert lacking == (dict.fromkeys(range(3), Feature.LAYOUT) if layout is VIEW else {})


def test_batch_norm_reads_its_weight_as_contiguous() -> None:
    """torch 2.13 on the CPU takes a strided weight for a contiguous one, and we see it."""

    def normalized(tensors: Any) -> Tensor:
        return F.batch_norm(tensors["x"], None, None, tensors["w"], None, training=True)

    own_norm = Implementation(normalized, "torch", "batch_norm")
    rng = np.random.default_rng(6)
    values = {"x": rng.normal(size=(1, 4, 3)), "w": rng.uniform(1, 2, (1, 3))}
    fed = rng.normal(size=(1, 4, 3))
    plain = reverse(own_norm, values, ("x", "w"), fed, "float64")
    strided = reverse_in(own_norm, values, ("x", "w"), fed, "float64", {"w": STRIDED})
    assert not np.allclose(plain.gradients["x"], strided.gradients["x"])  # type: ignore[arg-type]
