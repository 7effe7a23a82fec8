"""That the newer faults are faults is shown by torch alone: each by one experiment.

`gradcheck_sym` takes no part here: a bank of wrong implementations must not rest on the program
that it tests.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor
from torch.autograd import forward_ad

HERE = Path(__file__).parent

Function = Callable[..., Tensor]
Experiment = Callable[[Function], bool]  # whether the fault shows

A = ((1.0, 2.0), (3.0, 5.0))
B = ((0.5, -1.0), (2.0, 1.5))
ROW = (0.5, -1.5, 2.0)
WIDE = (ROW, (1.0, 2.5, -0.25))


def leaf(numbers: object, dtype: torch.dtype = torch.float64) -> Tensor:
    """A leaf that requires a gradient."""
    return torch.tensor(numbers, dtype=dtype, requires_grad=True)


def differs(claimed: Tensor | None, true: object) -> bool:
    """Whether a claim is further from the truth than any rounding of its dtype, or missing."""
    if claimed is None:
        return True
    wanted = torch.as_tensor(true, dtype=torch.float64)
    slack = 64 * torch.finfo(claimed.dtype).eps
    return not torch.allclose(claimed.detach().double(), wanted, rtol=slack, atol=slack)


def gradients(function: Function, *inputs: Tensor, fed: Tensor | None = None) -> list[Tensor]:
    """What autograd gives for those inputs that require a gradient."""
    result = function(*inputs)
    fed = torch.ones_like(result) if fed is None else fed
    leaves = [x for x in inputs if x.requires_grad]
    return list(torch.autograd.grad(result, leaves, fed, allow_unused=True))


def value(true: Function, *inputs: object, dtype: torch.dtype = torch.float64) -> Experiment:
    """The result is not that of the true function in float64 at the same numbers."""

    def shows(function: Function) -> bool:
        given = [torch.tensor(x, dtype=dtype) for x in inputs]
        return differs(function(*given), true(*(x.double() for x in given)))

    return shows


def slope(
    true: Function, *inputs: object, dtype: torch.dtype = torch.float64, fed: object = None
) -> Experiment:
    """Some gradient is not that of the true function in float64, by torch's own derivatives."""

    def shows(function: Function) -> bool:
        given = [leaf(x, dtype) for x in inputs]
        exact = [x.detach().double().requires_grad_() for x in given]
        cotangent = None if fed is None else torch.tensor(fed, dtype=dtype)
        found = gradients(function, *given, fed=cotangent)
        right = gradients(true, *exact, fed=None if cotangent is None else cotangent.double())
        return any(map(differs, found, right))

    return shows


def known(*inputs: object, wrong: Callable[..., bool]) -> Experiment:
    """Where torch has no derivative to compare with: the gradients themselves tell."""
    return lambda function: wrong(*gradients(function, *map(leaf, inputs)))


def raises(attempt: Callable[[Function], object]) -> Experiment:
    """What a right implementation does without complaint ends in an exception."""

    def shows(function: Function) -> bool:
        try:
            attempt(function)
        except Exception:  # noqa: BLE001 - whatever it raises
            return True
        return False

    return shows


def laid_out(change: Callable[[Tensor], Tensor], numbers: object = WIDE) -> Experiment:
    """The result changes with the layout of the input."""

    def shows(function: Function) -> bool:
        x = change(torch.tensor(numbers, dtype=torch.float64))
        return differs(function(x), function(x.contiguous()))

    return shows


def fed_as(change: Callable[[Tensor], Tensor], *inputs: object) -> Experiment:
    """The gradients change with the layout of grad_output."""

    def shows(function: Function) -> bool:
        given = [leaf(x) for x in inputs]
        base = torch.arange(1.0, 5.0, dtype=torch.float64)
        fed = change(base)
        found = gradients(function, *given, fed=fed)
        right = gradients(function, *given, fed=fed.contiguous().clone())
        return any(map(differs, found, right))

    return shows


def alone(index: int, *inputs: object) -> Experiment:
    """The gradient of one input is another one, or none, when no other input requires one."""

    def shows(function: Function) -> bool:
        together = gradients(function, *map(leaf, inputs))[index]
        given = [torch.tensor(x, dtype=torch.float64) for x in inputs]
        given[index].requires_grad_()
        try:
            (by_itself,) = gradients(function, *given)
        except Exception:  # noqa: BLE001 - as wrong as a wrong number
            return True
        return differs(by_itself, together)

    return shows


def twice(*inputs: object) -> Experiment:
    """A second backward through the same graph gives something else than the first."""

    def shows(function: Function) -> bool:
        given = [leaf(inputs[0]), *(torch.tensor(x, dtype=torch.float64) for x in inputs[1:])]
        result = function(*given)
        fed = torch.full_like(result, 2.0)
        (first,) = torch.autograd.grad(result, given[:1], fed, retain_graph=True)
        kept = first.clone()
        try:
            (second,) = torch.autograd.grad(result, given[:1], fed)
        except Exception:  # noqa: BLE001 - as wrong as a wrong number
            return True
        return differs(second, kept) or differs(first, kept)

    return shows


def tangent(true: Function, inputs: Sequence[object], tangents: Sequence[object]) -> Experiment:
    """Forward mode is not what it is for the true function; a tangent of None is not given."""

    def pushed(function: Function) -> Tensor:
        with warnings.catch_warnings(action="ignore"), forward_ad.dual_level():  # torch's own
            duals = [
                x if t is None else forward_ad.make_dual(x, torch.tensor(t, dtype=x.dtype))
                for x, t in zip(map(leaf, inputs), tangents, strict=True)
            ]
            return forward_ad.unpack_dual(function(*duals)).tangent.detach().clone()

    def shows(function: Function) -> bool:
        try:
            found = pushed(function)
        except TypeError:  # a None is multiplied
            return True
        return differs(found, pushed(true))

    return shows


def curvature(true: Function, *inputs: object) -> Experiment:
    """A Hessian-vector product differs from that of the true function, or has no graph."""

    def product(function: Function) -> Tensor | None:
        given = [leaf(x) for x in inputs]
        found = torch.autograd.grad(function(*given).sum(), given, create_graph=True)
        total = sum(((1 + k) * g * (1 + g.detach())).sum() for k, g in enumerate(found))
        if not total.requires_grad:
            return None
        return torch.autograd.grad(total, given[0], allow_unused=True)[0]

    return lambda function: differs(product(function), product(true))


def mapped(
    inputs: Sequence[object], in_dims: tuple[int | None, ...], out_dims: int = 0
) -> Experiment:
    """vmap of the gradient differs from a loop."""

    def shows(function: Function) -> bool:
        given = [torch.tensor(x, dtype=torch.float64) for x in inputs]

        def loss(*lane: Tensor) -> Tensor:
            return function(*lane).sum()

        lanes = next(x.shape[d] for x, d in zip(given, in_dims, strict=True) if d is not None)
        looped = [
            torch.func.grad(loss)(
                *(x if d is None else x.select(d, k) for x, d in zip(given, in_dims, strict=True))
            )
            for k in range(lanes)
        ]
        try:
            found = torch.func.vmap(torch.func.grad(loss), in_dims, out_dims)(*given)
        except Exception:  # noqa: BLE001 - as wrong as a wrong number
            return True
        return differs(found, torch.stack(looped, out_dims))

    return shows


def with_transposed_input(function: Function) -> bool:
    """The gradient is another one where the input is a transposed matrix."""
    fed = torch.tensor(B, dtype=torch.float64)
    (right,) = gradients(function, leaf(tuple(zip(*A, strict=True))), fed=fed)
    (found,) = gradients(function, leaf(A).detach().T.requires_grad_(), fed=fed)
    return differs(found, right)


def changes_bits(function: Function) -> bool:
    """The forward leaves its input with other bits."""
    x = torch.tensor([0.1, 1e-17], dtype=torch.float64)
    before = x.clone()
    function(x)
    return not torch.equal(x, before)


def changes_fed(function: Function) -> bool:
    """The backward writes to grad_output."""
    fed = torch.ones(2, dtype=torch.float64)
    gradients(function, leaf((-1.0, 1.0)), fed=fed)
    return bool((fed != 1).any())


def shares_memory(function: Function) -> bool:
    """The gradient lies where the input lies."""
    x = leaf(ROW)
    (found,) = gradients(function, x)
    return found.data_ptr() == x.data_ptr()


def overwrites_the_last(function: Function) -> bool:
    """A gradient that is still alive changes when the next one is computed."""
    (first,) = gradients(function, leaf(ROW))
    kept = first.clone()
    gradients(function, leaf((7.0, 8.0, 9.0)))
    return not torch.equal(first, kept)


def gelu(x: Tensor) -> Tensor:
    """The textbook's."""
    return x * (1 + torch.erf(x / math.sqrt(2))) / 2


def rms(x: Tensor) -> Tensor:
    """x over its root mean square."""
    return x / torch.sqrt((x * x).mean() + 0.01)


def any_nan(*found: Tensor) -> bool:
    """Whether there is a NaN where a gradient exists."""
    return any(bool(g.isnan().any()) for g in found)


def sums_not_to_one(*found: Tensor) -> bool:
    """At a tie the shares of all inputs together are 1, in every convention."""
    return not math.isclose(sum(float(g.sum()) for g in found), 1)


HALF, SINGLE = torch.float16, torch.float32

SHOWN: Mapping[str, Experiment] = {
    # dtypes
    "saves_in_half": slope(lambda x: x * torch.sigmoid(x), (0.1, 0.7)),
    "saves_as_int8": slope(torch.tanh, ROW),
    "rms_of_squares": value(rms, (300.0, 400.0), dtype=HALF),
    "log_of_one_less": value(lambda p: torch.log((1 + 1e-8) - p), (1.0,), dtype=SINGLE),
    "shares": value(lambda x: x / (x.sum() + 1e-8), (0.0, 0.0), dtype=HALF),
    "log_of_sigmoid": value(torch.nn.functional.logsigmoid, (-20.0,), dtype=HALF),
    "accumulates_in_bfloat16": slope(torch.add, ((1.0,), (2.0,)), (0.0,), fed=((1.0,), (0.001,))),
    "product_under_autocast": value(torch.matmul, ((1.1, 2.3),), ((0.7,), (1.9,)), dtype=SINGLE),
    "gelu_fast_path": value(gelu, (2.0,), dtype=SINGLE),
    "static_loss_scale": slope(torch.sin, (0.5,), dtype=HALF, fed=(2.0,)),
    "exponential_by_bits": slope(torch.exp, (0.5,), dtype=SINGLE),
    "mask_times_number": slope(lambda x: torch.where(x > 0, x, 0.1 * x), (-1.0,)),
    # layouts
    "input_as_contiguous": laid_out(lambda x: x.T),
    "ignores_offset": fed_as(lambda g: g[2:], ROW[:2]),
    "views_grad_output": raises(lambda f: gradients(f, leaf(A), fed=leaf(A).detach().T)),
    "gradient_in_memory_order": with_transposed_input,
    "leading_dimension_only": fed_as(lambda g: g.reshape(2, 2).T, A, B),
    "allocates_by_stride": raises(
        lambda f: gradients(f, leaf(ROW).detach().expand(2, 3).requires_grad_())
    ),
    "transposes_what_is_strided": fed_as(lambda g: g.reshape(2, 2).T, A),
    "scales_by_largest": raises(lambda f: gradients(f, leaf(()))),
    # sizes
    "tail_of_first_block": slope(torch.cosh, (1.0,) * 5),
    "tail_of_first_block_unsaid": slope(torch.cosh, (1.0,) * 5),
    "sum_of_pairs": value(torch.sum, (1.0, 2.0, 4.0)),
    "sum_of_one_warp": value(lambda x: x.square().sum(), (1.0,) * 33),
    "one_block_of_threads": slope(torch.asinh, (1.0,) * 1025),
    "scan_by_doubling": slope(lambda x: torch.cumsum(x, 0), ROW),
    "softmax_of_squeezed": value(lambda x: torch.softmax(x, 1), ((1.0,), (2.0,))),
    # subsets
    "fills_the_first_slot": alone(1, ROW, ROW[::-1]),
    "all_or_nothing": alone(0, ROW, ROW),
    "saves_what_requires_grad": alone(0, ROW, ROW),
    "frozen_weight_freezes_bias": alone(2, ROW, ROW, ROW),
    "shared_term_in_one_branch": alone(1, ROW, ROW),
    "frozen_layer": alone(0, ROW, ROW),
    # purity
    "scales_saved_in_place": twice((1.0, 2.0), (0.0, 1.0)),
    "scratch_of_the_class": overwrites_the_last,
    "gradient_is_the_input": shares_memory,
    "borrows_and_gives_back": changes_bits,
    "doubled_exponential": slope(lambda x: 2 * torch.exp(x), ROW),
    "relu_masks_in_place": changes_fed,
    "frees_what_it_saved": twice(ROW),
    # forward mode
    "cosine_tangent_sign": tangent(torch.cos, [ROW], [ROW]),
    "product_one_tangent": tangent(torch.mul, [ROW, ROW], [ROW, ROW]),
    "slope_for_tangent": tangent(torch.exp, [ROW], [ROW]),
    "matmul_tangent_exchanged": tangent(torch.matmul, [A, B], [B, B]),
    "logsumexp_unnormalized": tangent(lambda x: torch.logsumexp(x, 0), [ROW], [ROW]),
    "tangent_of_both_only": tangent(lambda x, y: x * y.sin(), [ROW, ROW], [ROW, None]),
    # second order
    "saves_its_slope": curvature(torch.sin, ROW),
    "saves_its_scale": curvature(rms, ROW),
    "backward_without_grad": curvature(lambda x: x**4, ROW),
    "sine_twice_by_hand": curvature(torch.sin, ROW),
    "product_without_mixed": curvature(torch.mul, ROW, ROW),
    "number_in_backward": curvature(lambda x: torch.log1p(x.square().sum()), ROW),
    "softplus_second_nan": curvature(
        lambda x: torch.logaddexp(x, torch.zeros_like(x)), (1.0, 800.0)
    ),
    # vmap
    "batch_taken_for_first": mapped([A], (1,), 1),
    "first_lane_for_all": mapped([A], (0,)),
    "sums_the_batch": mapped([A], (0,)),
    "every_input_batched": mapped([A, ROW[:2]], (0, None)),
    "rule_without_graph": lambda f: differs(
        torch.func.grad(lambda x: torch.func.vmap(f)(x).sum())(leaf(ROW).detach()),
        leaf(ROW).exp(),
    ),
    # kinks: the shares at a tie are 1 together; a slope lies between its neighbours'
    "masks_overlap": known((0.0,), wrong=lambda g: float(g) > 1),
    "masks_leave_a_gap": known((1.0,), wrong=lambda g: float(g) < 1),
    "every_maximum_takes_all": known((2.0, 2.0, 1.0), wrong=sums_not_to_one),
    "maximum_counts_ties_twice": known((2.0,), (2.0,), wrong=sums_not_to_one),
    "minimum_drops_ties": known((2.0,), (2.0,), wrong=sums_not_to_one),
    "sort_looks_values_up": lambda f: differs(
        gradients(f, leaf((1.0, 1.0, 0.0)), fed=torch.tensor((1.0, 2.0, 4.0)).double())[0].sum(), 7
    ),
    "sign_by_division": known((0.0, 1.0), wrong=any_nan),
    "absolute_by_root": known((0.0, 1.0), wrong=any_nan),
    # singular inputs, unselected branches
    "det_by_inverse": raises(lambda f: gradients(f, leaf(((1.0, 2.0), (2.0, 4.0))))),
    "cumprod_by_division": known((1.0, 0.0, 2.0), wrong=any_nan),
    "norm_by_division": known((0.0, 0.0, 0.0), wrong=any_nan),
    "power_of_zero": known((0.0,), (2.0,), wrong=any_nan),
    "square_by_slope_over_input": known((0.0, 1.0), wrong=any_nan),
    "distance_masked": known((1.0, 2.0), (1.0, 2.0), wrong=any_nan),
    "reciprocal_unselected": known((0.0, 2.0), wrong=any_nan),
    # thresholds
    "asin_clamped": slope(torch.asin, (1 - 1e-7,)),
    "tanh_saturates_early": known((10.0,), wrong=lambda g: float(g) == 0),
    "expm1_series": lambda f: differs(f(leaf(9e-4)) * 1e4, math.expm1(9e-4) * 1e4),
    "root_plus_epsilon": slope(torch.sqrt, (1e-12,)),
    "log_clamped": value(torch.log, (1e-14,)),
    "exp_clamped": value(torch.exp, (99.0,)),
    "sine_near_pi": slope(torch.sin, (3.141595,)),
    "skips_one_value": slope(torch.square, (0.37,)),
    # broadcasting
    "bias_averaged": slope(torch.add, ((1.0,), (2.0,)), (0.5,)),
    "column_summed_over_rows": slope(torch.sub, A, ((0.5,), (1.0,)), fed=A),
    "keepdim_forgotten": value(lambda x: x / x.sum(1, keepdim=True), A),
    "softmax_keepdim_forgotten": slope(lambda x: torch.softmax(x, 1), A, fed=B),
    "sums_before_multiplying": slope(torch.mul, ROW, 0.5, fed=ROW),
    "tile_takes_first_copy": slope(lambda x: x.repeat(2), ROW, fed=(*ROW, *ROW)),
    # graph
    "written_through_data": slope(torch.sin, ROW),
    "averaged_by_hook": slope(torch.exp, ROW),
}


@cache
def targets() -> dict[str, str]:
    """The implementation of every spec in the bank: package.module:attribute."""
    texts = (path.read_text(encoding="utf-8") for path in (HERE / "specs").glob("*.yaml"))
    return {
        spec["name"]: spec["use"]["own"] for text in texts for spec in yaml.safe_load(text)["specs"]
    }


@pytest.mark.parametrize("name", SHOWN)
def test_the_fault_shows_in_torch_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The experiment finds the implementation out."""
    monkeypatch.syspath_prepend(str(HERE))
    module, _, attribute = targets()[name].partition(":")
    found = getattr(import_module(module), attribute)
    is_class = isinstance(found, type) and issubclass(found, torch.autograd.Function)
    assert SHOWN[name](found.apply if is_class else found)


# Right implementations, for which the same experiments must show nothing.
RIGHT: Sequence[tuple[Experiment, Function]] = (
    (value(gelu, (2.0,), dtype=SINGLE), torch.nn.functional.gelu),
    (slope(torch.sin, (0.5,), dtype=HALF, fed=(2.0,)), torch.sin),
    (laid_out(lambda x: x.T), torch.cos),
    (fed_as(lambda g: g.reshape(2, 2).T, A, B), torch.matmul),
    (alone(1, ROW, ROW), torch.mul),
    (twice(ROW), torch.sin),
    (tangent(torch.mul, [ROW, ROW], [ROW, None]), lambda x, y: y * x),
    (curvature(torch.mul, ROW, ROW), lambda x, y: y * x),
    (mapped([A], (1,), 1), torch.exp),
    (mapped([A, ROW[:2]], (0, None)), lambda x, w: x * w.square()),
    (known((0.0, 1.0), wrong=any_nan), torch.abs),
    (known((2.0,), (2.0,), wrong=sums_not_to_one), torch.maximum),
    (raises(lambda f: gradients(f, leaf(()))), torch.square),
    (with_transposed_input, lambda x: x**3),
    (changes_bits, torch.sin),
    (changes_fed, torch.relu),
    (shares_memory, lambda x: x.square().sum() / 2),
    (overwrites_the_last, torch.square),
)


@pytest.mark.parametrize("place", range(len(RIGHT)))
def test_nothing_shows_where_nothing_is_wrong(place: int) -> None:
    """The experiments acquit torch's own functions."""
    experiment, function = RIGHT[place]
    assert not experiment(function)
