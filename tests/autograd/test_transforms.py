"""Derived functions: gradients as functions, tangents, both composed, and maps over lanes."""

# ruff: noqa: D102 - the names say what each does

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.overrides import _len_torch_function_stack

from gradcheck_sym.autograd.implementation import Implementation
from gradcheck_sym.autograd.ledger import Claims
from gradcheck_sym.autograd.mapped import vmapped
from gradcheck_sym.autograd.reverse import reverse
from gradcheck_sym.autograd.support import Feature
from gradcheck_sym.autograd.transforms import (
    functional_tangent_of,
    gradient_of,
    reached,
    second_tangent_of,
    tangent_name,
    tangent_of,
)
from gradcheck_sym.spec.checks import GRAD_OUTPUT, second_tangent_name

RNG = np.random.default_rng(7)
X = RNG.uniform(0.5, 2, (4, 3))
FED, ALONG, ALONG_FED, WEIGHTS = (RNG.normal(size=(4, 3)) for _ in range(4))
TANGENT = tangent_name("x")

Function = Callable[[Tensor], Tensor]


def own(function: Function) -> Implementation:
    """An implementation of one input."""
    return Implementation(lambda tensors: function(tensors["x"]), "user", "own")


def gradient(claims: Claims, name: str) -> np.ndarray:
    """The gradient by an input, which must be there."""
    assert not claims.problems, claims.problems
    found = claims.gradients[name]
    assert found is not None
    return found


class Cube(torch.autograd.Function):
    """Differentiable as often as one likes, both ways."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        ctx.save_for_forward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return 3 * x**2 * grad

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 3 * x**2 * tangent


class WrongTangent(Cube):
    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 2 * x**2 * tangent


class DetachedSlope(Cube):
    """Its backward has a graph, which lacks the way through the slope."""

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return (3 * x**2).detach() * grad


class Once(Cube):
    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return 3 * x**2 * grad


class WithoutGraph(Cube):
    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        with torch.no_grad():
            return 3 * x**2 * grad


# --- gradients ----------------------------------------------------------------------------


def second(function: Function, wrt: tuple[str, ...] = ("x", GRAD_OUTPUT)) -> Claims:
    """What reverse mode claims about the gradient of a function of x."""
    values = {"x": X, GRAD_OUTPUT: FED}
    return reverse(gradient_of(own(function), ("x",)), values, wrt, WEIGHTS, "float64")


@pytest.mark.parametrize("function", [Cube.apply, lambda x: x**3, lambda x: x * x * x])
def test_second_derivatives(function: Function) -> None:
    """The gradient of x**3 is 3*x**2*g; its own gradients are 6*x*g and 3*x**2."""
    found = second(function)
    np.testing.assert_allclose(found.values, 3 * X**2 * FED, rtol=1e-14)
    np.testing.assert_allclose(gradient(found, "x"), 6 * X * FED * WEIGHTS, rtol=1e-14)
    np.testing.assert_allclose(gradient(found, GRAD_OUTPUT), 3 * X**2 * WEIGHTS, rtol=1e-14)


def test_mixed_partials() -> None:
    """Gradients by two inputs stand one after the other, as the cotangents for them do."""

    def function(tensors: Mapping[str, Tensor]) -> Tensor:
        return tensors["x"].sum() * tensors["w"] ** 2

    derived = gradient_of(Implementation(function, "user", "own"), ("w", "x"))
    w = RNG.uniform(1, 2, (4, 2, 2))
    fed, weights = RNG.normal(size=(4, 2, 2)), RNG.normal(size=(4, 7))
    values = {"x": X, "w": w, GRAD_OUTPUT: fed}
    found = reverse(derived, values, ("x", "w"), weights, "float64")
    total = X.sum(1)
    by_w = 2 * w * total[:, None, None] * fed
    by_x = np.repeat((w**2 * fed).sum((1, 2))[:, None], 3, 1)
    flat = np.concatenate([by_w.reshape(4, -1), by_x], 1)
    np.testing.assert_allclose(found.values, flat, rtol=1e-13)
    pulled = (weights[:, :4] * (2 * w * fed).reshape(4, -1)).sum(1)
    np.testing.assert_allclose(gradient(found, "x"), np.repeat(pulled[:, None], 3, 1), rtol=1e-12)
    own_part = weights[:, :4].reshape(4, 2, 2) * 2 * total[:, None, None] * fed
    cross = weights[:, 4:].sum(1)[:, None, None] * 2 * w * fed
    np.testing.assert_allclose(gradient(found, "w"), own_part + cross, rtol=1e-12)


def test_what_does_not_depend_has_zeros() -> None:
    """Unused inputs, linear functions, and constants: zeros, never None."""
    for function, slope in ((lambda x: 3 * x, 3.0), (torch.floor, 0.0), (torch.zeros_like, 0.0)):
        found = second(function)
        np.testing.assert_array_equal(found.values, slope * FED)
        np.testing.assert_array_equal(gradient(found, "x"), 0 * X)
        np.testing.assert_array_equal(gradient(found, GRAD_OUTPUT), slope * WEIGHTS)


def test_branches_that_differ_in_kind() -> None:
    """Where one point has a second derivative and the next has none, that is 0, no problem."""

    def function(x: Tensor) -> Tensor:
        return x**2 if x[0] > 1 else 2 * x

    found = second(function)
    curved = X[:, :1] > 1
    assert 0 < curved.sum() < 4
    np.testing.assert_allclose(gradient(found, "x"), np.where(curved, 2 * FED * WEIGHTS, 0))


def test_a_graph_that_lacks_a_part() -> None:
    """A detached slope is silently constant: numbers come out, and they are wrong."""
    found = second(DetachedSlope.apply)
    np.testing.assert_array_equal(gradient(found, "x"), 0 * X)
    np.testing.assert_allclose(gradient(found, GRAD_OUTPUT), 3 * X**2 * WEIGHTS, rtol=1e-14)


@pytest.mark.parametrize("wrt", [("x",), (GRAD_OUTPUT,), ("x", GRAD_OUTPUT)])
@pytest.mark.parametrize("function", [Once.apply, WithoutGraph.apply])
def test_a_gradient_without_a_graph(function: Function, wrt: tuple[str, ...]) -> None:
    """What a user would be told loudly is not supported, whatever the gradient is asked by."""
    found = second(function, wrt)
    assert {what.feature for what in found.unsupported.values()} == {Feature.DERIVATIVE}
    assert set(found.unsupported) == found.raised == {0, 1, 2, 3}


def test_a_cotangent_of_another_shape_and_name() -> None:
    """The shape of the result is checked; where an input is called grad_output, another name is."""
    derived = gradient_of(own(torch.sin), ("x",))
    found = reverse(derived, {"x": X, GRAD_OUTPUT: FED[:, :2]}, ("x",), None, "float64")
    assert set(found.problems.values()) == {"returned shape (3,), not (2,)"}

    def masked(tensors: Mapping[str, Tensor]) -> Tensor:
        return tensors["x"] * tensors[GRAD_OUTPUT]

    derived = gradient_of(Implementation(masked, "user", "own"), ("x",), fed="v")
    found = reverse(derived, {"x": X, GRAD_OUTPUT: FED, "v": ALONG}, ("v",), None, "float64")
    np.testing.assert_array_equal(gradient(found, "v"), FED)


def test_sparse_gradients() -> None:
    """They are laid out like others."""

    def rows(x: Tensor) -> Tensor:
        return F.embedding(torch.tensor([1, 1, 0]), x, sparse=True)[:, 0]

    values = {"x": X[..., None], GRAD_OUTPUT: FED}
    found = reverse(gradient_of(own(rows), ("x",)), values, (GRAD_OUTPUT,), WEIGHTS, "float64")
    expected = np.stack([FED[:, 2], FED[:, 0] + FED[:, 1], 0 * FED[:, 0]], 1)
    np.testing.assert_allclose(found.values, expected)


# --- tangents -----------------------------------------------------------------------------


@pytest.mark.parametrize("function", [Cube.apply, lambda x: x**3])
@pytest.mark.parametrize("wrt", [(), ("x",), ("x", TANGENT)])
def test_tangents(function: Function, wrt: tuple[str, ...]) -> None:
    """The tangent of x**3 is 3*x**2*t; reverse over forward gives 6*x*t and 3*x**2."""
    derived = tangent_of(own(function), ("x",))
    found = reverse(derived, {"x": X, TANGENT: ALONG}, wrt, WEIGHTS, "float64")
    np.testing.assert_allclose(found.values, 3 * X**2 * ALONG, rtol=1e-14)
    expected = {"x": 6 * X * ALONG * WEIGHTS, TANGENT: 3 * X**2 * WEIGHTS}
    for name in wrt:
        np.testing.assert_allclose(gradient(found, name), expected[name], rtol=1e-14)


def test_forward_over_reverse_and_reverse_over_forward() -> None:
    """Both orders give the Hessian times a vector, 6*x*g*t, and what comes with it."""
    gradients = gradient_of(own(lambda x: x**3), ("x",))
    over = tangent_of(gradients, ("x", GRAD_OUTPUT))
    values = {"x": X, GRAD_OUTPUT: FED, TANGENT: ALONG, tangent_name(GRAD_OUTPUT): ALONG_FED}
    expected = 6 * X * FED * ALONG + 3 * X**2 * ALONG_FED
    for wrt in ((), ("x",)):
        found = reverse(over, values, wrt, WEIGHTS, "float64")
        assert not found.problems
        np.testing.assert_allclose(found.values, expected, rtol=1e-13)
    third = (6 * FED * ALONG + 6 * X * ALONG_FED) * WEIGHTS
    np.testing.assert_allclose(gradient(found, "x"), third, rtol=1e-12)
    under = gradient_of(tangent_of(own(lambda x: x**3), ("x",)), ("x", TANGENT))
    values = {"x": X, TANGENT: ALONG, GRAD_OUTPUT: FED}
    both = np.concatenate([6 * X * FED * ALONG, 3 * X**2 * FED], 1)
    np.testing.assert_allclose(reverse(under, values, (), None, "float64").values, both, rtol=1e-13)


def test_forward_over_forward() -> None:
    """Along two directions, 6*x*v*w."""
    derived = second_tangent_of(own(lambda x: x**3), ("x",))
    values = {"x": X, TANGENT: ALONG, second_tangent_name("x"): ALONG_FED}
    found = reverse(derived, values, (), None, "float64")
    assert not found.problems
    np.testing.assert_allclose(found.values, 6 * X * ALONG * ALONG_FED, rtol=1e-13)


def test_forward_over_reverse_under_transforms() -> None:
    """As where torch looks at numbers, and torch.func is what runs it."""
    seen = []

    def cube(x: Tensor) -> Tensor:
        seen.append(torch._C._functorch.is_gradtrackingtensor(x))
        return x**3

    values = {"x": X, GRAD_OUTPUT: FED, TANGENT: ALONG, tangent_name(GRAD_OUTPUT): ALONG_FED}
    derived = functional_tangent_of(own(cube), ("x",))
    found = reverse(derived, values, (), None, "float64")
    assert not found.problems
    expected = 6 * X * FED * ALONG + 3 * X**2 * ALONG_FED
    np.testing.assert_allclose(found.values, expected, rtol=1e-13)
    assert all(seen)


def test_a_wrong_tangent() -> None:
    """A jvp of its own may be wrong where the backward is right."""
    derived = tangent_of(own(WrongTangent.apply), ("x",))
    found = reverse(derived, {"x": X, TANGENT: ALONG}, (), None, "float64")
    np.testing.assert_allclose(found.values, 2 * X**2 * ALONG)


def test_what_does_not_depend_has_no_tangent() -> None:
    """Zeros, of the shape of the result."""
    derived = tangent_of(own(lambda x: x.detach()[:2] * 2), ("x",))
    found = reverse(derived, {"x": X, TANGENT: ALONG}, ("x",), None, "float64")
    assert not found.problems
    np.testing.assert_array_equal(found.values, np.zeros((4, 2)))


@torch.library.custom_op("gradcheck_sym_tests::cube", mutates_args=())
def cube_operator(x: Tensor) -> Tensor:
    """x**3 as an operator of its own."""
    return x**3


def _save(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _pull_back(ctx: Any, grad: Tensor) -> Tensor:
    (x,) = ctx.saved_tensors
    slope: Tensor = 3 * x**2 * grad
    return slope


cube_operator.register_autograd(_pull_back, setup_context=_save)


@pytest.mark.parametrize("wrt", [(), ("x",)])
def test_operators_without_forward_mode(wrt: tuple[str, ...]) -> None:
    """An operator of torch.library has none, and must not pass for one whose tangent is 0."""
    derived = tangent_of(own(cube_operator), ("x",))
    found = reverse(derived, {"x": X, TANGENT: ALONG}, wrt, None, "float64")
    assert {what.feature for what in found.unsupported.values()} == {Feature.FORWARD_MODE}


def test_forward_mode_is_left_after_an_error() -> None:
    """A function that raises inside leaves no level of forward mode behind."""

    def broken(x: Tensor) -> Tensor:
        raise ValueError("no")

    derived = tangent_of(own(broken), ("x",))
    assert reverse(derived, {"x": X, TANGENT: ALONG}, (), None, "float64").raised
    derived = tangent_of(own(torch.sin), ("x",))
    assert not reverse(derived, {"x": X, TANGENT: ALONG}, (), None, "float64").problems


# --- mapped -------------------------------------------------------------------------------


class FirstLane(torch.autograd.Function):
    """Its vmap rule takes the slope of the first lane for all."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x**2

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return FirstLaneBackward.apply(x, grad)

    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Tensor) -> Any:
        return FirstLane.apply(x), 0


class FirstLaneBackward(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, grad: Tensor) -> Tensor:
        return 2 * x * grad

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        pass

    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Tensor, grad: Tensor) -> Any:
        return 2 * x[:1] * grad, 0


@pytest.mark.parametrize("fed", [FED, None])
def test_mapped_gradients(fed: np.ndarray | None) -> None:
    """The claims are those of single runs; an option is not mapped; the unused have zeros."""

    def function(tensors: Mapping[str, Tensor]) -> Tensor:
        return F.softplus(tensors["x"], beta=tensors["beta"].item()) * tensors["w"]

    values = {"x": X, "w": ALONG, "beta": np.full(4, 1.5), "unused": X}
    three = Implementation(function, "user", "own")
    wrt = ("x", "unused")
    found = vmapped(three, values, wrt, fed, "float64")
    assert not found.problems
    alone = reverse(three, values, wrt, fed, "float64")
    np.testing.assert_allclose(found.values, alone.values, rtol=1e-14)
    np.testing.assert_allclose(gradient(found, "x"), gradient(alone, "x"), rtol=1e-14)
    np.testing.assert_array_equal(gradient(found, "unused"), 0 * X)
    assert not found.valueless


def test_a_wrong_rule_for_vmap() -> None:
    """A Function that is right alone may be wrong when it is mapped."""
    alone = reverse(own(FirstLane.apply), {"x": X}, ("x",), FED, "float64")
    np.testing.assert_allclose(gradient(alone, "x"), 2 * X * FED)
    found = vmapped(own(FirstLane.apply), {"x": X}, ("x",), FED, "float64")
    np.testing.assert_allclose(gradient(found, "x"), 2 * X[:1] * FED)


def test_hostile_code_in_a_map() -> None:
    """What raises is a problem of all lanes; writes are found; a wrong shape is told."""

    def broken(x: Tensor) -> Tensor:
        raise ZeroDivisionError("not today")

    found = vmapped(own(broken), {"x": X}, ("x",), FED, "float64")
    assert dict(found.problems) == dict.fromkeys(range(4), "ZeroDivisionError: not today")
    assert not found.unsupported
    found = vmapped(own(lambda x: x[:2]), {"x": X}, ("x",), None, "float64")
    assert found.values.shape == (4, 2)
    found = vmapped(own(lambda x: x[:2]), {"x": X}, ("x",), FED, "float64")
    assert found.raised == {0, 1, 2, 3}
    assert vmapped(own(torch.sin), {"x": X[:0]}, ("x",), FED[:0], "float64").values.shape == (0, 3)


# --- what a backward leads to, and what it has as a constant --------------------------------


class OfArray(torch.autograd.Function):
    """Its slope is computed by NumPy, which keeps no graph."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad * torch.from_numpy(2 * x.detach().numpy())


class OfNumbers(torch.autograd.Function):
    """Its slope is made of what the forward keeps as Python's numbers."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.kept = {"slopes": [2 * number for number in x.tolist()]}
        return x.square()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad * grad.new_tensor(ctx.kept["slopes"])


class CutOff(torch.autograd.Function):
    """It has the input at hand, and cuts it off; its exponent is a number that is always there."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        ctx.exponent = 2.0
        return x**ctx.exponent

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad * ctx.exponent * x.detach()


class Raises(OfArray):
    """It raises at every point."""

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        raise ZeroDivisionError("not today")


@pytest.mark.parametrize(
    "function, inputs, keeps",
    [
        (Cube.apply, {"x"}, False),
        (lambda x: 2 * OfArray.apply(x), set(), True),
        (OfNumbers.apply, set(), True),
        (CutOff.apply, set(), False),
        (Raises.apply, set(), False),
    ],
)
def test_what_the_graph_of_a_gradient_leads_to(
    function: Function, inputs: set[str], keeps: bool
) -> None:
    """To its inputs, or to nothing since what it needs is kept as a constant; or it is cut."""
    found = reached(own(function), {"x": X}, ("x",), FED, "float64")
    assert (found.inputs, found.keeps) == (inputs, keeps)
    assert _len_torch_function_stack() == 0


def test_what_requires_no_gradient_in_a_gradient() -> None:
    """A backward sees which inputs, and whether the grad_output, require a gradient."""
    seen: list[tuple[bool, bool]] = []

    class Watches(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
            ctx.save_for_backward(x, y)
            return x**2 * y

        @staticmethod
        def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
            seen.append((ctx.needs_input_grad[1], grad_output.requires_grad))
            x, y = ctx.saved_tensors
            return 2 * grad_output * x * y, grad_output * x**2

    two = Implementation(lambda given: Watches.apply(given["x"], given["y"]), "user", "two")
    values = {"x": X, "y": ALONG, GRAD_OUTPUT: FED}
    alone = gradient_of(two, ("x", "y"), tracked=("x",))
    weights = np.concatenate([WEIGHTS, np.zeros_like(WEIGHTS)], axis=1)
    claims = reverse(alone, values, ("x",), weights, "float64")
    assert (not claims.problems, set(seen)) == (True, {(False, False)})
    np.testing.assert_allclose(gradient(claims, "x"), 2 * WEIGHTS * FED * ALONG)
    reverse(gradient_of(two, ("x", "y")), values, ("x", "y", GRAD_OUTPUT), weights, "float64")
    assert seen[-1] == (True, True)


def test_gradients_by_several_inputs_as_vectors() -> None:
    """Many points of a gradient laid out as one vector for each input give what each one gives."""
    two = Implementation(lambda given: given["x"] ** 2 * given["y"].sin(), "user", "two")
    values = {"x": X[:, :1], "y": ALONG[:, :1], GRAD_OUTPUT: FED[:, :1]}
    asked = gradient_of(two, ("x", "y")), values, ("x", "y", GRAD_OUTPUT), WEIGHTS[:, :2], "float64"
    one, many = (reverse(*asked, mode) for mode in ("each", "elementwise"))
    assert (many.mode, many.values.shape) == ("elementwise", (4, 2))
    np.testing.assert_allclose(many.values, one.values, rtol=1e-15)
    for name in ("x", "y", GRAD_OUTPUT):
        np.testing.assert_allclose(gradient(many, name), gradient(one, name), rtol=1e-14)


def test_who_writes_a_second_derivative_by_hand() -> None:
    """A Function in a backward is told from one whose backward is made of torch's operations."""

    class Twice(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x.exp()

        @staticmethod
        def backward(ctx: Any, grad_output: Tensor) -> Tensor:
            (x,) = ctx.saved_tensors
            slope: Tensor = Twice.apply(x)
            return grad_output * slope

    for function, by_hand in ((Twice.apply, True), (torch.exp, False)):
        found = reached(own(function), {"x": X}, ("x",), FED, "float64")
        assert (found.by_hand, found.inputs) == (by_hand, {"x"})
