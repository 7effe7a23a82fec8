"""Slopes of torch forwards: weights, batches, complex steps, and forwards that misbehave."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import numpy as np
import pytest
import torch

from gradcheck_sym.numerical.estimate import Estimate
from gradcheck_sym.numerical.gradient import directional, lane_slopes, slopes

Inputs = dict[str, torch.Tensor]
Forward = Callable[[Inputs], torch.Tensor]
RNG = np.random.default_rng
ONE = np.ones(())


def single(forward: Callable[[torch.Tensor], torch.Tensor], x: float, **options: bool) -> Estimate:
    """The slope of a forward of one number."""
    return slopes(lambda inputs: forward(inputs["x"]), {"x": np.array(x)}, "x", ONE, **options)[()]


def layer(inputs: Inputs) -> torch.Tensor:
    """A layer, with or without a leading axis of points."""
    return torch.tanh(inputs["x"] @ inputs["w"])


def autograd(
    forward: Forward, point: dict[str, np.ndarray], wrt: str, cotangent: np.ndarray
) -> np.ndarray:
    """The gradient that autograd gives."""
    inputs = {name: torch.tensor(value, requires_grad=True) for name, value in point.items()}
    (gradient,) = torch.autograd.grad(forward(inputs), inputs[wrt], torch.tensor(cotangent))
    return np.asarray(gradient.numpy())


def layer_point() -> tuple[dict[str, np.ndarray], np.ndarray]:
    """A point of the layer and a cotangent."""
    rng = RNG(0)
    point = {"x": rng.standard_normal((2, 3)), "w": rng.standard_normal((3, 4))}
    return point, rng.standard_normal((2, 4))


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("complex_step", [False, True])
def test_gradient_of_a_layer(batched: bool, complex_step: bool) -> None:
    """Every coordinate agrees with autograd within the bar, which is small."""
    point, cotangent = layer_point()
    truth = autograd(layer, point, "w", cotangent)
    found = slopes(layer, point, "w", cotangent, complex_step=complex_step, batched=batched)
    assert list(found) == list(np.ndindex(3, 4))
    for index, estimate in found.items():
        assert abs(estimate.value - truth[index]) <= estimate.error + 1e-15
        assert estimate.error <= 1e-11
        assert (estimate.method == "complex step") == complex_step


def test_chosen_coordinates() -> None:
    """Only the coordinates asked for are measured."""
    point, cotangent = layer_point()
    found = slopes(layer, point, "x", cotangent, coordinates=[(1, 2)])
    assert list(found) == [(1, 2)]
    assert slopes(layer, point, "x", cotangent, coordinates=[]) == {}


def test_lanes_are_independent() -> None:
    """Several points at once give what each gives alone."""
    rng = RNG(4)
    lanes = {"x": rng.standard_normal((5, 2, 3)), "w": rng.standard_normal((5, 3, 4))}
    cotangents = rng.standard_normal((5, 2, 4))
    found = lane_slopes(layer, lanes, "x", cotangents, batched=True, complex_step=False)
    for lane in range(5):
        point = {name: value[lane] for name, value in lanes.items()}
        alone = slopes(layer, point, "x", cotangents[lane], complex_step=False)
        truth = autograd(layer, point, "x", cotangents[lane])
        for index, estimate in found[lane].items():
            assert abs(estimate.value - truth[index]) <= estimate.error + 1e-15
            assert estimate.value == pytest.approx(alone[index].value, abs=1e-11)


def test_many_coordinates_are_split_into_groups() -> None:
    """A long input does not need all of its moves in memory at once."""
    x = RNG(5).uniform(0.5, 2, 200)
    found = slopes(lambda inputs: inputs["x"].log().sum(-1), {"x": x}, "x", ONE, batched=True)
    for (index,), estimate in found.items():
        assert abs(estimate.value - 1 / x[index]) <= estimate.error <= 1e-9


def test_directional_derivative() -> None:
    """Moving all inputs at once gives the inner product with the gradient."""
    point, cotangent = layer_point()
    rng = RNG(6)
    along = {name: rng.standard_normal(value.shape) for name, value in point.items()}
    truth = sum(
        float((autograd(layer, point, name, cotangent) * step).sum())
        for name, step in along.items()
    )
    for batched in (False, True):
        estimate = directional(layer, point, along, cotangent, batched=batched)
        assert abs(estimate.value - truth) <= estimate.error + 1e-14
        assert estimate.error <= 1e-10


def test_domain_bounds() -> None:
    """No coordinate leaves its bounds, given as scalars or per element."""
    x = np.array([0.0, 0.5, 1.0])

    def forward(inputs: Inputs) -> torch.Tensor:
        if bool(((inputs["x"] < 0) | (inputs["x"] > 1)).any()):
            raise ValueError("outside")
        return inputs["x"].exp()

    for ends in ((0.0, 1.0), (np.zeros(3), np.ones(3))):
        bounds = (np.asarray(ends[0]), np.asarray(ends[1]))
        found = slopes(forward, {"x": x}, "x", np.ones(3), domain_bounds=bounds)
        for (index,), estimate in found.items():
            assert abs(estimate.value - math.exp(x[index])) <= estimate.error <= 1e-9


def test_outputs_of_weight_zero_do_not_count() -> None:
    """What has no cotangent may be anything, even NaN."""

    def forward(inputs: Inputs) -> torch.Tensor:
        return torch.stack([inputs["x"].exp(), torch.sqrt(-inputs["x"])])

    found = slopes(forward, {"x": np.array(1.0)}, "x", np.array([2.0, 0.0]))[()]
    assert abs(found.value - 2 * math.e) <= found.error <= 1e-11
    nothing = slopes(forward, {"x": np.array(1.0)}, "x", np.zeros(2))[()]
    assert (nothing.value, nothing.error) == (0.0, 0.0)


def test_large_constant_outputs_do_not_hide_a_slope() -> None:
    """The rounding of an output counts only where the output changes."""

    def forward(inputs: Inputs) -> torch.Tensor:
        return torch.stack([inputs["x"].abs(), torch.tensor(1e6, dtype=inputs["x"].dtype)])

    found = slopes(forward, {"x": np.array(1e-9)}, "x", np.ones(2))[()]
    assert abs(found.value - 1) <= found.error <= 1e-9


def test_huge_outputs() -> None:
    """Squares of values that would overflow are never taken."""
    found = single(lambda x: 1e250 * x.exp(), 1.0)
    assert abs(found.value - 1e250 * math.e) <= found.error <= 1e238


@pytest.mark.parametrize(
    "forward,slope",
    [
        (torch.abs, 1.0),
        (lambda x: torch.view_as_real(x)[..., 0] if x.is_complex() else x, 1.0),
        (lambda x: x + x.real, 2.0),
        (lambda x: (x * x.conj()).sqrt(), 1.0),
        (torch.relu, 1.0),
        (torch.erf, 2 / math.sqrt(math.pi) * math.exp(-(1.5**2))),
        (lambda x: torch.where(x > 0, x, 0 * x), 1.0),
    ],
)
def test_complex_step_is_refused(
    forward: Callable[[torch.Tensor], torch.Tensor], slope: float
) -> None:
    """What is not analytic, or not implemented, falls back to the differences."""
    found = single(forward, 1.5)
    assert found.method == "differences"
    assert abs(found.value - slope) <= found.error


def test_complex_step_is_sharper() -> None:
    """Where it is confirmed, its bar is smaller and still holds."""
    for x in RNG(7).uniform(0.1, 3, 20):
        found, plain = single(torch.log, x), single(torch.log, x, complex_step=False)
        assert found.method == "complex step"
        assert found.error < plain.error
        assert abs(found.value - 1 / x) <= found.error


def test_complex_step_resolves_saturation() -> None:
    """A slope far below the rounding of the values is found, where nothing contradicts it."""
    found = single(torch.sigmoid, 40.0)
    assert abs(found.value - math.exp(-40)) <= found.error <= 1e-15


def test_complex_step_never_decides_alone() -> None:
    """At a kink the complex step has an answer, which nothing confirms."""
    assert not single(lambda x: x * torch.sqrt(x * x) / x, 0.0).decided
    assert not single(torch.abs, 0.0).decided


def test_writing_forwards_do_no_harm() -> None:
    """A forward that writes to its input writes to a copy."""
    x = np.array([1.0, 2.0])

    def forward(inputs: Inputs) -> torch.Tensor:
        result = inputs["x"].exp()
        inputs["x"].zero_()
        return result

    for batched in (False, True):
        found = slopes(forward, {"x": x}, "x", np.ones(2), batched=batched)
        assert abs(found[(0,)].value - math.e) <= found[(0,)].error
    assert x.tolist() == [1.0, 2.0]


def test_no_graph_is_built() -> None:
    """The forward runs without autograd."""
    modes: set[bool] = set()

    def forward(inputs: Inputs) -> torch.Tensor:
        modes.add(torch.is_grad_enabled())
        return inputs["x"] ** 2

    slopes(forward, {"x": np.array(1.0)}, "x", ONE)
    assert modes == {False}


@pytest.mark.parametrize("batched", [False, True])
def test_raising_beyond_a_point_is_a_domain(batched: bool) -> None:
    """Where a forward raises, windows shrink until it does not."""

    def forward(inputs: Inputs) -> torch.Tensor:
        if bool((inputs["x"] <= 0).any()):
            raise ValueError("not positive")
        return inputs["x"].log()

    found = slopes(forward, {"x": np.array(0.5)}, "x", ONE, batched=batched)[()]
    assert abs(found.value - 2) <= found.error <= 1e-11


def _raises(inputs: Inputs) -> torch.Tensor:
    raise RuntimeError("singular\nmore")


@pytest.mark.parametrize(
    "forward,reason",
    [
        (_raises, "RuntimeError: singular"),
        (lambda inputs: inputs["x"].reshape(1, 1), r"wanted \(\)"),
        (lambda inputs: 1.0, "float, wanted a tensor"),
        (lambda inputs: inputs["x"].to(torch.complex128), "complex128"),
        (lambda inputs: inputs["x"] * math.nan, "not finite"),
    ],
)
def test_hostile_forwards_are_undecided(forward: Forward, reason: str) -> None:
    """Exceptions, wrong shapes, wrong types and NaN are reasons, not crashes."""
    found = slopes(forward, {"x": np.array(1.0)}, "x", ONE)[()]
    assert found.error == math.inf
    assert re.search(reason, found.reason)
    assert "\n" not in found.reason


def test_forward_that_raises_on_one_side() -> None:
    """One side alone is not enough, unless the bounds say that it is all there is."""

    def forward(inputs: Inputs) -> torch.Tensor:
        if float(inputs["x"]) < 1:
            raise ValueError("below 1")
        return inputs["x"] ** 2

    found = slopes(forward, {"x": np.array(1.0)}, "x", ONE)[()]
    assert found.error == math.inf
    assert "below 1" in found.reason
    bounds = (np.array(1.0), np.array(np.inf))
    ended = slopes(forward, {"x": np.array(1.0)}, "x", ONE, domain_bounds=bounds)[()]
    assert abs(ended.value - 2) <= ended.error <= 1e-9


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_forward_in_a_narrow_dtype(dtype: torch.dtype) -> None:
    """A forward that computes in a narrow dtype gets a bar that covers what it loses."""
    for x in RNG(8).uniform(-3, 3, 10):
        found = single(lambda x: torch.sin(x.to(dtype)), x)
        assert abs(found.value - math.cos(x)) <= found.error
        assert found.error >= 1e-8
