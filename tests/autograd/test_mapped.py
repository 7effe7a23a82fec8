"""Maps over points: every way to map and to differentiate gives what single runs give."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gradcheck_sym.autograd.implementation import Implementation
from gradcheck_sym.autograd.mapped import USUAL, Way, vmapped, ways
from gradcheck_sym.autograd.reverse import reverse

RNG = np.random.default_rng(11)
LANES = 5
SHAPES = {"x": (2, 3), "w": (3,), "t": ()}
VALUES = {name: RNG.uniform(0.5, 2, (LANES, *shape)) for name, shape in SHAPES.items()}
FED = RNG.normal(size=(LANES, 2, 3))
WRT = tuple(SHAPES)


def product(tensors: Mapping[str, Tensor]) -> Tensor:  # noqa: D103
    return tensors["x"] ** 2 * tensors["w"].sin() * tensors["t"].exp()


def given(way: Way) -> dict[str, np.ndarray]:
    """The points of a way: what is shared is that of the first lane."""
    if way.crossed:
        return {
            name: array[[0, 1, 2] * 2 if name in way.crossed else [0] * 3 + [1] * 3]
            for name, array in VALUES.items()
        }
    return {
        name: np.broadcast_to(array[:1], array.shape) if name in way.shared else array
        for name, array in VALUES.items()
    }


@pytest.mark.parametrize("way", [USUAL, *ways(SHAPES)], ids=lambda way: way.name or "usual")
def test_every_way_gives_what_single_runs_give(way: Way) -> None:
    """Values and gradients, but for those of shared inputs where the map is differentiated."""
    judged = Implementation(product, "user", "own")
    fed = FED[[0, 1, 2, 3, 4, 0]] if way.crossed else FED
    found = vmapped(judged, given(way), WRT, fed, "float64", way)
    alone = reverse(judged, given(way), WRT, fed, "float64")
    assert not found.problems
    np.testing.assert_allclose(found.values, alone.values, rtol=1e-14)
    for name in WRT:
        if not (way.after and name in way.shared):
            np.testing.assert_allclose(found.gradients[name], alone.gradients[name], rtol=1e-13)


def test_many_of_one_input_for_each_of_many_points() -> None:
    """What the inner map does not map over comes in pairs."""
    judged = Implementation(product, "user", "own")
    way = Way("many", nested=True, inner=frozenset("w"))
    pairs = {
        name: array[:4] if name == "w" else array[[0, 0, 1, 1]] for name, array in VALUES.items()
    }
    found = vmapped(judged, pairs, (), FED[:4], "float64", way)
    assert not found.problems
    alone = reverse(judged, pairs, (), FED[:4], "float64")
    np.testing.assert_allclose(found.values, alone.values, rtol=1e-14)


def test_two_maps_over_an_input_each_are_told_when_they_are_refused() -> None:
    """torch 2.13.0 lays all of the outer map's points in a row where the inner has one target."""

    def loss(tensors: Mapping[str, Tensor]) -> Tensor:
        return torch.nn.functional.mse_loss(tensors["x"], tensors["y"], reduction="none")

    outer, inner = [0, 0, 0, 1, 1, 1], [0, 1, 2, 0, 1, 2]
    rows = VALUES["w"]
    values = {"x": rows[outer], "y": rows[inner] + 1}
    way = Way("crossed", lanes=6, nested=True, crossed=frozenset("y"))
    found = vmapped(
        Implementation(loss, "torch", "loss"), values, ("x", "y"), rows[inner], "float64", way
    )
    assert set(found.problems) == set(range(6))


def test_points_that_raise_alone_are_left_out() -> None:
    """A matrix without an inverse takes none from the others of its batch."""
    judged = Implementation(lambda tensors: torch.linalg.inv(tensors["a"]), "torch", "inv")
    matrices = np.stack([np.eye(2), np.ones((2, 2)), 2 * np.eye(2)])
    found = vmapped(judged, {"a": matrices}, ("a",), np.ones((3, 2, 2)), "float64")
    assert set(found.problems) == set(found.raised) == {1}
    np.testing.assert_allclose(found.values[[0, 2]], [np.eye(2), np.eye(2) / 2])


def test_ways_of_one_number() -> None:
    """Without axes there is no last one, and one input alone shares nothing."""
    assert [way.name for way in ways({"t": ()})] == [
        "the map differentiated",
        "one point mapped",
        "one map in another",
        "many grad_outputs at once",
    ]


class InFront(torch.autograd.Function):
    """Says that the batch comes out in front, wherever it went in."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.exp()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return grad * ctx.saved_tensors[0]

    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Tensor) -> Any:
        return InFront.apply(x), 0


class Detached(InFront):
    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Tensor) -> Any:
        return x.detach().exp(), in_dims[0]


class Alone(InFront):
    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Tensor) -> Any:
        return Alone.apply(x if info.batch_size > 1 else 2 * x), in_dims[0]


class AllMapped(InFront):
    @staticmethod
    def forward(x: Tensor, w: Tensor) -> Tensor:
        return (x * w).exp()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        ctx.save_for_backward(*inputs, output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        x, w, y = ctx.saved_tensors
        return grad * w * y, grad * x * y

    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Tensor, w: Tensor) -> Any:
        first, second = (t.movedim(dim, 0) for t, dim in zip((x, w), in_dims, strict=True))
        return AllMapped.apply(first, second), 0


class OneAxis(AllMapped):
    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Tensor, w: Tensor) -> Any:
        if None in in_dims:
            pair = zip((x, w), in_dims, strict=True)
            x, w = (t if dim is None else t.movedim(dim, 0) for t, dim in pair)
            return OneAxis.apply(x, w), 0
        return OneAxis.apply(x, w), in_dims[0]


@pytest.mark.parametrize(
    "function, names, expected",
    [
        (Alone, ("x",), {"one point mapped"}),
        (OneAxis, ("x", "w"), {f"the batch in the last axis of {k} alone" for k in "xw"}),
        (InFront, ("x",), {"the batch in the last axis"}),
        (Detached, ("x",), {"the map differentiated"}),
        (AllMapped, ("x", "w"), {"only x mapped", "only w mapped"}),
    ],
)
def test_each_way_finds_its_fault(function: Any, names: Any, expected: set[str]) -> None:
    """The rules are right as most people map; each is wrong in the way that looks there."""
    judged = Implementation(lambda t: function.apply(*(t[k] for k in names)), "user", "own")
    wrong = set()
    for way in (USUAL, *ways(dict.fromkeys(names, (2,)))):
        if way.crossed:  # asks for more points
            continue
        values = {name: given(way)["w"][: way.lanes, :2] for name in names}
        fed = FED[: way.lanes, 0, :2]
        found = vmapped(judged, values, names, fed, "float64", way)
        alone = reverse(judged, values, names, fed, "float64")
        judged_here = set(names) - (way.shared if way.after else set())
        if found.problems or not all(
            np.allclose(found.gradients[name], alone.gradients[name]) for name in judged_here
        ):
            wrong.add(way.name)
    assert expected <= wrong
    assert USUAL.name not in wrong


@pytest.mark.parametrize("waits", [True, False])
def test_another_thread_is_not_supported(waits: bool) -> None:
    """What is raised where a result is made on another thread is no mistake; anything else is."""

    def on_another(tensors: Mapping[str, Tensor]) -> Tensor:
        with ThreadPoolExecutor(1) as pool:
            made = pool.submit(torch.sin, tensors["x"])
            if waits:
                return made.result()
            found = [] if made.exception() else [made.result()]
            return found[0]

    def here(tensors: Mapping[str, Tensor]) -> Tensor:
        if tensors["x"].dim() != torch.func.debug_unwrap(tensors["x"], recurse=True).dim():
            raise IndexError("list index out of range")
        return tensors["x"].sin()

    values = {"x": np.ones((3, 2))}
    for call, excused in ((on_another, True), (here, False)):
        claims = vmapped(Implementation(call, "user", ""), values, ("x",), None, "float64")
        assert set(claims.problems) == {0, 1, 2}
        assert bool(claims.unsupported) == excused
