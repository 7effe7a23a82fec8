"""Branches that no sample takes: the probe leads to what is behind them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor

from gradcheck_sym.autograd.bracket import bracket, middle
from gradcheck_sym.autograd.implementation import Implementation
from gradcheck_sym.autograd.probe import Probe, bends, probe, signature
from gradcheck_sym.autograd.reverse import reverse
from gradcheck_sym.spec.checks import GRAD_OUTPUT

SAMPLE = np.array([[0.5, 1.25, -2.0]])
FED = np.array([[1.0, -0.5, 2.0]])
BOUNDS = {"x": (-100.0, 100.0), GRAD_OUTPUT: (-1e6, 1e6)}


def faulty(behind: Callable[[Tensor, Tensor], Any]) -> Callable[[Tensor], Tensor]:
    """The sine, with a gradient a thousandth too large where `behind` says so."""

    class Sine(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x.sin()

        @staticmethod
        def backward(ctx: Any, grad_output: Tensor) -> Tensor:
            (x,) = ctx.saved_tensors
            gradient = grad_output * x.cos()
            where = behind(x, grad_output)
            if isinstance(where, Tensor):
                return torch.where(where, gradient * 1.001, gradient)
            factor = 1.001 if where else 1.0
            return gradient * factor

    apply: Callable[[Tensor], Tensor] = Sine.apply
    return apply


def _table(x: Tensor) -> Tensor:
    return torch.bucketize(x, torch.tensor([-50.0, 61.5], dtype=x.dtype)) == 2


def _in_place(x: Tensor) -> Tensor:
    mask = torch.zeros_like(x, dtype=torch.bool)
    mask[x > 41] = True
    return mask


HIDDEN = {
    "beyond_18": faulty(lambda x, fed: x.abs() > 18),
    "within_1e4": faulty(lambda x, fed: x.abs() < 1e-4),
    "large_maximum": faulty(lambda x, fed: bool(x.max() > 50)),
    "small_norm": faulty(lambda x, fed: x.norm() < 1e-3),
    "equal_neighbours": faulty(lambda x, fed: bool((x[1:] == x[:-1]).any())),
    "sum_as_a_number": faulty(lambda x, fed: float(x.sum()) > 70),
    "other_operations": faulty(lambda x, fed: (x.exp() > 0) if float(x[0]) < -44.5 else False),
    "window": faulty(lambda x, fed: (x - 7.3) ** 2 < 1e-6),
    "large_exponential": faulty(lambda x, fed: x.exp() > 1e9),
    "table": faulty(lambda x, fed: _table(x)),
    "masked_write": faulty(lambda x, fed: _in_place(x)),
    "large_grad_output": faulty(lambda x, fed: fed.abs() > 1e4),
    "all_negative": faulty(lambda x, fed: bool((x < -1).all())),
    "small_spread": faulty(lambda x, fed: (x.std() < 1e-3) & (x.mean() > 30)),
}


def of(function: Callable[[Tensor], Tensor]) -> Implementation:
    """The implementation that calls a function on x."""
    return Implementation(lambda tensors: function(tensors["x"]), "user", "")


def probed(function: Callable[[Tensor], Tensor], **options: object) -> Probe:
    """What is found from the sample, in float64 unless told otherwise."""
    given: dict[str, object] = {"dtype": "float64", "bounds": {"x": BOUNDS["x"]}}
    return probe(of(function), {"x": SAMPLE}, ("x",), FED, **given | options)  # type: ignore[arg-type]


def faults(function: Callable[[Tensor], Tensor], points: np.ndarray, fed: np.ndarray) -> np.ndarray:
    """The points at which the gradient is not that of the sine."""
    gradient = reverse(of(function), {"x": points}, ("x",), fed, "float64").gradients["x"]
    assert gradient is not None
    return ~np.isclose(gradient, fed * np.cos(points), rtol=1e-9, atol=0).all(axis=-1)


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_faults_are_led_to(name: str) -> None:
    """The sample shows nothing; among the points found some show the fault and some do not."""
    bounds = BOUNDS if name == "large_grad_output" else {"x": BOUNDS["x"]}
    found = probed(HIDDEN[name], bounds=bounds)
    assert not faults(HIDDEN[name], SAMPLE, FED).any()
    faulty = faults(HIDDEN[name], found.points["x"], found.points[GRAD_OUTPUT])
    assert faulty.any()
    assert not faulty.all()
    for axis, (low, high) in bounds.items():
        assert ((found.points[axis] >= low) & (found.points[axis] <= high)).all()


def test_thresholds_are_neighbours_on_either_side() -> None:
    """The last number on this side and the first on the other, for every input that is moved."""
    found = probed(HIDDEN["beyond_18"]).thresholds["x"]
    assert {18.0, np.nextafter(18, 99), -18.0, np.nextafter(-18, -99)} <= set(found)


def test_thresholds_are_of_the_dtype() -> None:
    """In float32 the neighbours are those of float32."""
    found = probed(HIDDEN["window"], dtype="float32").thresholds["x"]
    assert found
    assert all(number == np.float32(number) for number in found)
    assert any(abs(number - 7.301) < 1e-5 for number in found)


@pytest.mark.parametrize(
    "function, expected",
    [
        (lambda x: F.hardtanh(x, -3, 5), {-3, 5}),
        (lambda x: F.softplus(x, beta=2, threshold=30), {15}),
        (lambda x: F.hardshrink(x, 4), {-4, 4}),
        (lambda x: x.clamp(max=6.5), {6.5}),
        (lambda x: F.threshold(x, 2.5, 0), {2.5}),
        (lambda x: F.huber_loss(x, torch.full_like(x, 20), delta=3), {17, 23}),
        (lambda x: (2 * x + 1).relu(), {-0.5}),
        (lambda x: -x if torch.allclose(x, torch.full_like(x, 20), 0.1, 0) else x, {18, 22}),
    ],
)
def test_what_kernels_compare_with(
    function: Callable[[Tensor], Tensor], expected: set[float]
) -> None:
    """Thresholds inside torch's own operations are found to the last digit or so."""
    fed = np.ones_like(function(torch.tensor(SAMPLE[0])).numpy())[None]
    found = probe(of(function), {"x": SAMPLE}, ("x",), fed, "float64", {"x": (-100, 100)})
    for number in expected:
        assert np.abs(np.array(found.thresholds["x"]) - number).min() < 1e-14 * abs(number) + 1e-300


def test_sites_tell_what_was_met() -> None:
    """A comparison that all samples pass alike is one-sided; out of the domain it stays so."""
    (far,) = probed(HIDDEN["large_exponential"], bounds={"x": (-10.0, 10.0)}).sites
    assert (far.operation, far.constant, far.one_sided, far.reached) == ("gt", 1e9, True, False)
    (near,) = probed(lambda x: torch.where(x > 1, x, -x)).sites
    assert (near.constant, near.one_sided, near.reached) == (1, False, True)


def test_numbers_that_leave_are_told() -> None:
    """.item() on a number is a hint; on a truth value it is an ordinary branch."""
    assert probed(HIDDEN["sum_as_a_number"]).leaves
    assert not probed(HIDDEN["large_maximum"]).leaves


def test_numbers_that_follow_the_input_are_no_branch() -> None:
    """A scale that is taken out of the graph changes with each point, and says nothing."""
    found = probed(lambda x: x * float(x.detach().sum()))
    assert found.leaves
    assert len(found.points["x"]) == 0


def test_nothing_compared_costs_one_run() -> None:
    """Without comparisons there is nothing to look for."""
    calls = []

    def function(x: Tensor) -> Tensor:
        calls.append(1)
        return x.sin()

    found = probed(function)
    assert (len(calls), found.sites, dict(found.thresholds)) == (1, (), {})


def test_the_search_ends() -> None:
    """After so many runs it says that there may be more."""
    assert probed(HIDDEN["beyond_18"], runs=20).exhausted
    assert not probed(HIDDEN["beyond_18"]).exhausted


def test_what_raises_is_taken_as_far_as_it_comes() -> None:
    """A branch that raises is another way like any other."""

    def function(x: Tensor) -> Tensor:
        if x.max() > 40:
            raise ArithmeticError
        return x.sin()

    assert 40.0 in probed(function).thresholds["x"]


def test_signatures_tell_sizes_apart() -> None:
    """Another way for more than four elements shows in the operations, forward or backward."""

    def function(x: Tensor) -> Tensor:
        return x.sin() if x.numel() <= 4 else x.cos().cos()

    sizes = range(1, 8)
    seen = [
        signature(of(function), {"x": np.ones((1, n))}, ("x",), np.ones((1, n)), "float64")
        for n in sizes
    ]
    assert len(set(seen[:4])) == len(set(seen[4:])) == 1
    assert seen[3] != seen[4]
    assert seen[0][:2] == ("sin", "cos")


@pytest.mark.parametrize("root", [0.1, -3e-200, 7e150, 0.0])
def test_brackets_close_on_neighbours(root: float) -> None:
    """On a smooth function in a few steps, on a step in a few more."""
    for function, most in ((lambda x: x - root, 40), (lambda x: 1.0 if x > root else -1.0, 200)):
        calls: list[float] = []
        low, high = bracket(counted(function, calls), (-1e300, -1.0), (1e300, 1.0), float)
        assert np.nextafter(low, np.inf) == high
        assert low <= root <= high
        assert len(calls) <= most


def counted(function: Callable[[float], float], calls: list[float]) -> Callable[[float], float]:
    """The function, which takes down where it is called."""

    def call(x: float) -> float:
        calls.append(x)
        return function(x)

    return call


@pytest.mark.parametrize("low, high", [(1.0, 2.0), (-1.0, 1.0), (1e-300, 1e300), (-5e-324, 0.0)])
def test_the_middle_is_between(low: float, high: float) -> None:
    """By the number of floats, and never beyond the ends."""
    assert low <= middle(low, high) <= high
    assert middle(-high, high) == 0


def test_kinks_of_operations_and_mere_comparisons() -> None:
    """abs at 0 bends, a comparison that holds there does not, nor abs elsewhere."""
    zero, one = {"x": np.zeros((1, 2))}, {"x": np.ones((1, 2))}
    for function, values, expected in (
        (torch.abs, zero, True),
        (torch.abs, one, False),
        (lambda x: torch.where(x == 0, x, 2 * x), zero, False),
    ):
        own = Implementation(lambda given, f=function: f(given["x"]), "user", "own")
        assert bends(own, values, ("x",), None, "float64") == expected
