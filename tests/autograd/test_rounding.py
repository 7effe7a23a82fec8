"""Rounding errors of an implementation: what digits are lost by, and what they are not lost by."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise

import mpmath
import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor

from gradcheck_sym.autograd.implementation import Implementation
from gradcheck_sym.autograd.reverse import reverse
from gradcheck_sym.autograd.rounding import Spread, reach, spreads
from gradcheck_sym.autograd.transforms import tangent_of
from gradcheck_sym.spec.checks import tangent_name

Array = np.ndarray


def of(function: Callable[[Tensor], Tensor]) -> Implementation:
    """The implementation that calls a function on x."""
    return Implementation(lambda tensors: function(tensors["x"]), "user", function.__name__)


def at(function: Callable[[Tensor], Tensor], points: object, **options: object) -> Spread:
    """The spread at points of x, with cotangents of 1, in float64 unless told otherwise."""
    given: dict[str, object] = {"dtype": "float64", "cotangents": None}
    values = {"x": np.array(points, dtype=float)}
    *_, last = spreads(of(function), values, ("x",), **given | options)  # type: ignore[arg-type]
    return last


def gradient(found: Spread) -> Array:
    """The spread of the gradient by x, which must be there."""
    array = found.gradients["x"]
    assert array is not None
    return array


def errors(
    function: Callable[[Tensor], Tensor], points: object, truth: Callable[[float], object]
) -> Array:
    """How far the values in float64 are from mpmath's."""
    claims = reverse(of(function), {"x": np.array(points, dtype=float)}, (), None, "float64")
    with mpmath.workdps(400):
        exact = np.vectorize(truth, otypes=[object])(np.array(points, dtype=float))
        return np.abs(np.array(claims.values, dtype=object) - exact).astype(float)


# --- digits that are lost -------------------------------------------------------------------


def expanded(x: Tensor) -> Tensor:
    """(x - 1)**3, multiplied out."""
    return x**3 - 3 * x**2 + 3 * x - 1


def erf_and_one(x: Tensor) -> Tensor:
    """Absorbs erfc where that is small."""
    return 1 + torch.erf(x)


def by_moments(x: Tensor) -> Tensor:
    """The variance as a difference of large numbers."""
    return (x.square().mean() - x.mean().square()).reshape(1)


def normal_density(x: Tensor) -> mpmath.mpf:
    """gelu by mpmath."""
    return mpmath.mpf(x) * (1 + mpmath.erf(mpmath.mpf(x) / mpmath.sqrt(2))) / 2


LOSING: Mapping[str, tuple[Callable[[Tensor], Tensor], object, Callable[[float], object]]] = {
    "cancelled": (expanded, [[1.0001, 0.999, 1.01]], lambda x: (mpmath.mpf(x) - 1) ** 3),
    "absorbed": (erf_and_one, [[-9.0, -6.5, -3.0]], lambda x: 1 + mpmath.erf(mpmath.mpf(x))),
    "inside_a_kernel": (F.gelu, [[-9.0, -7.5, -5.0]], normal_density),
}


@pytest.mark.parametrize("function, points, truth", LOSING.values(), ids=LOSING)
def test_lost_digits_are_within_reach(
    function: Callable[[Tensor], Tensor], points: object, truth: Callable[[float], object]
) -> None:
    """Each is off by many ulps, and rounding explains it."""
    error = errors(function, points, truth)
    exact = np.vectorize(lambda x: float(truth(x)))(np.array(points))
    assert (error > 50 * np.spacing(np.abs(exact))).all()
    assert (error <= reach() * at(function, points).values).all()


def test_a_stable_formula_is_reached_by_a_few_ulps_only() -> None:
    """(x - 1)**3 as it stands loses nothing: the spread says so near its zero."""
    found = at(lambda x: (x - 1) ** 3, [[1.0001, 0.999, 1.01]])
    value = np.abs(np.array([1.0001, 0.999, 1.01]) - 1) ** 3
    assert (found.values > 0).all()
    assert (found.values < 1e-14 * value).all()


def convolution(x: Tensor) -> Tensor:
    """Of a large and a small signal, by the Fourier transform."""
    kernel = torch.tensor([1e-9, 1.0], dtype=x.dtype)
    return torch.fft.irfft(torch.fft.rfft(x) * torch.fft.rfft(kernel), n=2)


def inverted(x: Tensor) -> Tensor:
    """The first row of the inverse of a matrix whose elements differ in size."""
    one = torch.ones_like(x)
    return torch.linalg.inv(torch.stack([x, one]))[0]


def test_kernels_that_are_stable_normwise_only() -> None:
    """What a Fourier transform or an inverse loses of small elements is that of large ones."""
    assert 1e-17 < at(convolution, [[1e-20, 1.0]]).values.min() < 1e-13
    assert 1e-17 < at(inverted, [[3.0, 1e-20]]).values.min() < 1e-13


@pytest.mark.parametrize(
    "solve",
    [
        lambda m: torch.linalg.inv(m)[..., 0, :],
        lambda m: torch.linalg.solve(m, torch.ones(2, dtype=m.dtype)),
        lambda m: torch.linalg.solve_triangular(m.triu(), m[:, 1:], upper=True)[..., 0],
    ],
)
def test_what_a_singular_matrix_is_divided_by_is_noise(solve: Callable[[Tensor], Tensor]) -> None:
    """No number is certain where the matrix has no inverse within roundoff; it has elsewhere."""
    singular, regular = [[1e-40, 1e-30], [0.0, 1.0]], [[3.0, 1.0], [1e-30, 2.0]]
    found = at(solve, [singular, regular])
    assert np.isinf(found.values[0]).any()
    assert (found.values[1] < 1e-13).all()


@pytest.mark.parametrize(
    "function, x",
    [
        (lambda x: x.float().double() * 1000, 1e-300),  # a cast to a range that does not hold it
        (lambda x: torch.dot(x.float(), x.float()).double(), 1e-30),  # a product that underflows
        (lambda x: (x.float()[None] @ x.float()[:, None]).double(), 1e-30),
    ],
)
def test_what_single_precision_takes_to_zero_is_rounding(
    function: Callable[[Tensor], Tensor], x: float
) -> None:
    """It may have been any number below the normal range of float32; a 0 is none that was lost."""
    (moved,) = np.abs(at(function, [[x, 0.0]]).values).max(axis=-1).ravel()[:1]
    assert 0 < moved < 1e-33
    assert not at(function, [[0.0, 0.0]]).values.any()


@pytest.mark.parametrize("x", [1e-200, 1e-170])
def test_a_product_of_tensors_that_underflows_is_rounding(x: float) -> None:
    """The dtype that no wider one has room for is no exception; 0 times anything is exact."""

    def turned(x: Tensor) -> Tensor:
        return torch.dot(x, x) * x / 1e-300

    found = at(turned, [[x, 0.0]])
    assert reach() * found.values[0, 0] > 1e-12 * x
    assert not at(turned, [[0.0, 0.0]]).values.any()
    assert not at(lambda x: (x[:1] @ x[1:])[None], [[1e-200, 0.0]]).values.any()


def test_underflow_is_rounding() -> None:
    """x*x is 0 for a tiny x, and the slope of its root lost, but zeros of zeros are exact."""
    found = at(lambda x: (x * x).sqrt(), [[1e-200, 1.0]])
    assert reach() * found.values[0, 0] > 1e-200 or np.isinf(found.values[0, 0])
    assert at(lambda x: (x * 0).sqrt(), [[1.0, 2.0]]).values.tolist() == [[0, 0]]
    assert at(lambda x: x.clamp(min=0) * 3, [[-1.0, -2.0]]).values.tolist() == [[0, 0]]


@pytest.mark.parametrize(
    "product", [lambda x: x.prod(0), lambda x: x.cumprod(0)[-1], lambda x: x[None].prod(1)[0]]
)
def test_a_product_that_underflows_on_the_way_is_rounding(
    product: Callable[[Tensor], Tensor],
) -> None:
    """What is 0 after two factors, and is multiplied by a third, may have been any tiny number."""
    found = at(lambda x: product(x)[None], [[1e-200, 1e-175, 1e250]])
    assert reach() * found.values[0, 0] > 1e-125
    assert not at(lambda x: product(x)[None], [[0.0, 1e-175, 1e250]]).values.any()


# --- constants, and narrower dtypes -----------------------------------------------------------


def pi_in_single(x: Tensor) -> Tensor:
    """A constant of seven digits."""
    return x * torch.tensor(math.pi, dtype=torch.float32).to(x.dtype)


def computed_in_single(x: Tensor) -> Tensor:
    """A constant that is worked out in float32."""
    return x * (torch.full((1,), math.pi, dtype=torch.float32).sqrt() + 1).to(x.dtype)


def passes_through_single(x: Tensor) -> Tensor:
    """Numbers of seven digits."""
    return x.float().exp().to(x.dtype)


@pytest.mark.parametrize("function", [pi_in_single, computed_in_single])
def test_a_rounded_constant_is_no_rounding(function: Callable[[Tensor], Tensor]) -> None:
    """An error of 1e-8 by a constant in float32 is far beyond reach in float64."""
    found = at(function, [[1.1, -2.3]])
    assert found.narrowest == "float64"
    assert (reach() * found.values < 1e-12).all()


@pytest.mark.parametrize(
    "constant, moves", [(1 / 3, True), (0.9, True), (0.25, False), (3.0, False)]
)
def test_a_literal_is_as_far_off_as_the_dtype_rounds(constant: float, moves: bool) -> None:
    """Which side of it a number is on hangs on that; of whole numbers and halves it does not."""
    found = at(lambda x: torch.where(x - constant < 0, 1 + x, x), [[constant, constant + 1]])
    assert bool(found.values[0, 0] > 0.5) is moves
    assert reach() * found.values[0, 1] < 1e-12


def test_a_quotient_is_rounded_before_it_is_cut_off() -> None:
    """Where it is nearly whole, that chooses; its decomposition would not show it."""
    found = at(lambda x: torch.div(x, x.flip(-1), rounding_mode="floor"), [[2.1, 0.7]])
    assert found.values[0] == pytest.approx([1.0, 0.0], abs=1e-12)


def test_numbers_in_single_lose_digits() -> None:
    """The roundoff of float32 counts where data pass through it; the narrowest dtype is told."""
    found = at(passes_through_single, [[1.1, -2.3]])
    error = errors(passes_through_single, [[1.1, -2.3]], mpmath.exp)
    assert found.narrowest == "float32"
    assert (error > 1e-9 * np.exp([1.1, -2.3])).all()
    assert (error <= reach() * found.values).all()


class OffInBackward(torch.autograd.Function):
    """exp with a gradient that is off by one part in 1e9."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        """The function."""
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, grad_output: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        """The fault."""
        (y,) = ctx.saved_tensors
        return grad_output * y * (1 + 1e-9)


def test_a_small_fault_in_a_backward_is_beyond_reach() -> None:
    """The operations of a custom backward are seen, and a relative 1e-9 is no rounding there."""
    found = gradient(at(OffInBackward.apply, [[1.0, 5.0]]))
    assert (found > 0).all()
    assert (reach() * found < 1e-10 * np.exp([1.0, 5.0])).all()


@pytest.mark.parametrize("dtype, unit", [("float32", 2**-24), ("float16", 2**-11)])
def test_narrow_dtypes_have_their_own_roundoff(dtype: str, unit: float) -> None:
    """The spread of a product is a few roundoffs of the dtype."""
    found = at(lambda x: x * 1.1, [[1.5, 3.0]], dtype=dtype)
    assert (found.values >= unit * np.array([1.5, 3.0])).all()
    assert (found.values <= 16 * unit * np.array([1.5, 3.0])).all()


# --- what must not be moved -----------------------------------------------------------------


def test_selections_and_signs_are_exact() -> None:
    """What only moves, selects, compares or negates numbers rounds nothing."""

    def function(x: Tensor) -> Tensor:
        y = torch.cat([-x.flip(0), torch.ones_like(x)]).sort().values.clamp(min=-1.5)
        return torch.where(y > 0, torch.zeros_like(y), y)[: x.shape[0]].clone()

    found = at(function, [[1.1, -2.3, 0.7]])
    assert not found.values.any()
    assert not gradient(found).any()
    assert found.narrowest == ""


def test_equal_numbers_stay_equal() -> None:
    """A mask by equality with a result computed again keeps its meaning: errors are functions."""

    def function(x: Tensor) -> Tensor:
        return x * (x.exp() == x.exp().amax()) + (x.sin() == x.sin())

    found = at(function, [[1.0, 3.0, 3.0]])
    assert not found.flipped
    assert found.values.max() < 1e-13


def test_flips_are_told() -> None:
    """A branch on the sign of rounding errors comes out now so, now otherwise."""
    found = at(lambda x: torch.where(expanded(x) > 0, x, -x), [[1 + 1e-9]])
    assert found.flipped
    assert found.values.max() > 1


def test_work_in_place_is_moved_in_place() -> None:
    """Buffers that are filled, and results that are overwritten, round like others."""

    def function(x: Tensor) -> Tensor:
        buffer = torch.zeros_like(x)
        buffer[0] = x[0] * 1.1
        buffer[1:] = x[1:]
        return buffer.clone().exp_().mul_(1.1)

    found = at(function, [[1.0, 2.0]])
    assert (found.values > 0).all()
    assert (found.values < 1e-13).all()


# --- the whole ------------------------------------------------------------------------------


def test_the_same_call_gives_the_same_answer() -> None:
    """Nothing is random but by name; torch's own generator is left as it was."""
    state = torch.get_rng_state()
    first, second = (at(by_moments, [[1.0, 1.001]], runs=3) for _ in range(2))
    np.testing.assert_array_equal(first.values, second.values)
    np.testing.assert_array_equal(gradient(first), gradient(second))
    assert torch.equal(torch.get_rng_state(), state)


def test_spreads_widen_to_the_last() -> None:
    """Each run adds to what was seen; `spread` is the last."""
    values = {"x": np.array([[1.0001, 0.999]])}
    found = list(spreads(of(expanded), values, ("x",), None, "float64", runs=5))
    assert [each.runs for each in found] == [1, 2, 3, 4, 5]
    for before, after in pairwise(found):
        assert (before.values <= after.values).all()
    np.testing.assert_array_equal(found[-1].values, at(expanded, values["x"], runs=5).values)


@pytest.mark.parametrize("mode", ["elementwise", "vmap"])
def test_many_lanes_at_once(mode: str) -> None:
    """Laid out together, lanes have spreads of the same size as alone."""
    points = np.linspace(0.5, 1.5, 8).reshape(4, 2)
    alone = at(expanded, points, runs=4).values
    together = at(expanded, points, runs=4, mode=mode).values
    assert together.shape == points.shape
    assert (np.abs(np.log10(alone / together)) < 1.5).all()


def test_what_leaves_the_numbers_is_infinitely_far() -> None:
    """The root of a difference that rounding may make negative; where it can't, it is finite."""
    found = at(lambda x: expanded(x).sqrt(), [[1 + 1e-5, 2.0]])
    assert np.isinf(found.values[0, 0])
    assert np.isfinite(found.values[0, 1])


def test_a_value_that_is_none_has_no_spread() -> None:
    """NaN where the plain run has no finite number, and where it raises."""

    def function(x: Tensor) -> Tensor:
        if x[0] > 5:
            raise ArithmeticError
        return x.log()

    found = at(function, [[0.0, -1.0], [6.0, 1.0], [2.0, 3.0]])
    assert np.isnan(found.values[:2]).all()
    assert np.isfinite(found.values[2]).all()


def test_what_does_not_repeat_itself_is_no_rounding() -> None:
    """A function with a memory differs from run to run; that is not held for lost digits."""
    calls = []

    def function(x: Tensor) -> Tensor:
        calls.append(1)
        return x * (1 + len(calls))

    assert not at(function, [[1.0, 2.0]]).values.any()


def test_the_reach_covers_sums_of_roundings() -> None:
    """Errors of rounding are within reach of the spread for random sums of many terms.

    Each draws its true errors from the extremes, where a perturbed run draws them from between.
    """
    rng = np.random.default_rng(3)
    for terms in (1, 2, 3, 10, 300):
        sizes = rng.uniform(0, 1, (4000, terms))
        error = np.abs((sizes * rng.choice([-1, 1], sizes.shape)).sum(1))
        runs = [np.abs((sizes * rng.uniform(-1, 1, sizes.shape)).sum(1)) for _ in range(4)]
        assert (error <= reach(4) * np.max(runs, axis=0)).all()
    assert reach(4) > reach(16) > reach(64) > 2


# --- forward mode ---------------------------------------------------------------------------


def test_forward_mode_is_perturbed_like_anything_else() -> None:
    """A sum with what has no tangent asks for shapes without numbers; no run fails by that."""
    tangent = tangent_of(of(lambda x: x**3 + torch.where(x > 0, x - x.detach(), 0)), ("x",))
    values = {"x": np.array([[1.1, 2.3]]), tangent_name("x"): np.array([[1.0, 1.0]])}
    *_, last = spreads(tangent, values, (), None, "float64")
    assert (last.values < 1e-13).all()
    assert (last.values > 0).all()
