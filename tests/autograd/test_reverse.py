"""The claims: values and gradients lane by lane, from well-behaved and hostile code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck_sym.autograd.functions import compiled
from gradcheck_sym.autograd.implementation import (
    Implementation,
    ImplementationError,
    implementation,
)
from gradcheck_sym.autograd.ledger import TRACKED, UNTRACKED
from gradcheck_sym.autograd.reverse import Claims, forward_output_shape, reverse
from gradcheck_sym.spec.parser import parse
from gradcheck_sym.spec.records import Spec

User = Callable[..., Implementation]
Make = Callable[..., Spec]

POINTS = np.array([[0.5, 1.0, 2.0], [-1.0, 3.0, 0.25], [4.0, 8.0, 6.0], [1.5, -2.0, 0.75]])
COTANGENTS = np.array([[1.0, -0.5, 2.0], [3.0, 0.25, 1.0], [-1.0, 1.0, 0.5], [2.0, 2.0, -4.0]])


def claims(own: Implementation, **options: object) -> Claims:
    """The claims about x at the points, in float64 with the cotangents unless told otherwise."""
    given: dict[str, object] = {"wrt": ("x",), "cotangents": COTANGENTS, "dtype": "float64"}
    return reverse(own, {"x": POINTS}, **given | options)  # type: ignore[arg-type]


def gradient(found: Claims, name: str = "x") -> np.ndarray:
    """The gradient by an input, which must be there."""
    array = found.gradients[name]
    assert array is not None
    return array


@pytest.mark.parametrize("mode", ["each", "elementwise", "vmap"])
def test_modes_agree_with_the_derivative(spec_of: Make, mode: str) -> None:
    """Values and products with the cotangents are the same, bit by bit, in every mode."""
    found = claims(implementation(spec_of({"x": (3,)}, expr="x*x*x")), mode=mode)
    np.testing.assert_array_equal(found.values, POINTS**2 * POINTS)
    np.testing.assert_array_equal(gradient(found), COTANGENTS * 3 * POINTS**2)
    assert (found.mode, found.fallback) == (mode, "")
    assert not found.problems


@pytest.mark.parametrize("text", ["logsumexp(x, 0)", "x / norm(x)", "sort(x)**2", "x @ w @ x"])
def test_vmap_agrees_with_each(spec_of: Make, text: str) -> None:
    """Over several inputs, and with a result of another shape, mapped and single runs agree."""
    own = implementation(spec_of({"x": (3,), "w": (3, 3)}, expr=f"{text} + 0*sum(w)"))
    rng = np.random.default_rng(5)
    values = {"x": rng.uniform(1, 2, (7, 3)), "w": rng.uniform(1, 2, (7, 3, 3))}
    shape = forward_output_shape(own, values, "float64")
    fed = rng.uniform(-1, 1, (7, *shape))
    one, other = (reverse(own, values, ("x", "w"), fed, "float64", m) for m in ("each", "vmap"))
    assert (other.mode, other.fallback) == ("vmap", "")
    np.testing.assert_allclose(one.values, other.values, rtol=1e-14)
    for name in ("x", "w"):
        np.testing.assert_allclose(gradient(one, name), gradient(other, name), rtol=1e-13)


def test_elementwise_lays_scalars_and_rows_out(spec_of: Make) -> None:
    """A scalar that never changes stays a scalar; one that does, and a row, are repeated."""
    own = implementation(spec_of({"x": (2, 3), "k": (), "b": (), "r": (3,)}, expr="k*x*x + b + r"))
    rng = np.random.default_rng(8)
    values = {
        "x": rng.uniform(-1, 1, (4, 2, 3)),
        "k": np.full(4, 1.5),
        "b": np.arange(4.0),
        "r": rng.uniform(-1, 1, (4, 3)),
    }
    both = [reverse(own, values, ("x",), None, "float64", m) for m in ("each", "elementwise")]
    assert both[1].mode == "elementwise"
    np.testing.assert_array_equal(both[0].values, both[1].values)
    np.testing.assert_array_equal(gradient(both[0]), gradient(both[1]))
    assert gradient(both[1]).shape == (4, 2, 3)


@pytest.mark.parametrize("mode", ["each", "elementwise", "vmap"])
@pytest.mark.parametrize("shape", [(), (3,)])
def test_an_option_that_is_an_input(spec_of: Make, mode: str, shape: tuple[int, ...]) -> None:
    """A fixed scalar without gradient may stand where torch wants a number, in every mode."""
    own = implementation(spec_of({"x": shape, "beta": ()}, torch="F.softplus(x, beta=beta)"))
    points = POINTS if shape else POINTS[:, 0]
    found = reverse(own, {"x": points, "beta": np.full(4, 2.0)}, ("x",), None, "float64", mode)
    assert (found.mode, dict(found.problems)) == (mode, {})
    np.testing.assert_allclose(gradient(found), 1 / (1 + np.exp(-2 * points)), rtol=1e-15)


@pytest.mark.parametrize(
    "text, wrt, reason",
    [
        ("k*x", ("x", "k"), "k is not of the result's shape (3,)"),
        ("k*sum(x)*ones(3)", ("x",), "returned shape (3,), not (12,)"),
    ],
)
def test_elementwise_gives_way(spec_of: Make, text: str, wrt: tuple[str, ...], reason: str) -> None:
    """A sum over a broadcast, or an implementation that is not elementwise, runs lane by lane."""
    own = implementation(spec_of({"x": (3,), "k": ()}, expr=text))
    values = {"x": POINTS, "k": np.full(4, 1.5)}
    found = reverse(own, values, wrt, COTANGENTS, "float64", "elementwise")
    assert (found.mode, found.fallback) == ("each", reason)
    assert not found.problems
    assert gradient(found).shape == (4, 3)


def test_vmap_gives_way(user: User) -> None:
    """A decision in Python cannot be mapped over lanes: torch says so, and each lane runs."""
    found = claims(user("kinky_by_hand"), mode="vmap")
    assert found.mode == "each"
    assert "vmap" in found.fallback
    factors = np.where((POINTS > 0).all(1, keepdims=True), 2, 3)
    np.testing.assert_array_equal(gradient(found), factors * COTANGENTS)


def test_functions_without_a_rule_for_vmap(user: User) -> None:
    """An old-style autograd.Function runs lane by lane when vmap is asked for."""
    found = claims(user("Square"), mode="vmap")
    assert found.mode == "each"
    assert found.fallback
    np.testing.assert_array_equal(gradient(found), 2 * POINTS * COTANGENTS)


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize("mode", ["each", "elementwise", "vmap"])
def test_dtypes_are_those_asked_for(spec_of: Make, dtype: str, mode: str) -> None:
    """Small whole numbers are exact in each format; the results come back exactly, as float64."""
    own = implementation(spec_of({"x": (3,)}, expr="x*x"))
    points = np.array([[1.0, -2.0, 3.0], [0.0, 11.0, -0.0]])
    found = reverse(own, {"x": points}, ("x",), np.full((2, 3), 2.0), dtype, mode)
    assert found.mode == mode
    assert found.values.dtype == np.float64
    np.testing.assert_array_equal(found.values, points * points)
    np.testing.assert_array_equal(gradient(found), 4 * points)


def test_rounding_is_the_dtypes_own(spec_of: Make) -> None:
    """The arithmetic happens in the dtype, not in float64."""
    own = implementation(spec_of({"x": ()}, expr="x/3"))
    found = reverse(own, {"x": np.array([1.0])}, ("x",), None, "bfloat16")
    assert found.values[0] == torch.tensor(1 / 3, dtype=torch.bfloat16).item()
    assert found.gradients["x"] == found.values


def test_no_cotangent_means_ones(spec_of: Make) -> None:
    """Without cotangents the gradient is that of the sum of the result."""
    own = implementation(spec_of({"x": (3,)}, expr="x**2"))
    for mode in ("each", "elementwise", "vmap"):
        np.testing.assert_array_equal(gradient(claims(own, cotangents=None, mode=mode)), 2 * POINTS)


@pytest.mark.parametrize("mode", ["each", "elementwise", "vmap"])
def test_forward_alone(spec_of: Make, mode: str) -> None:
    """Without wrt there are values and no gradients."""
    own = implementation(spec_of({"x": (3,)}, expr="x + 1"))
    found = claims(own, wrt=(), mode=mode)
    np.testing.assert_array_equal(found.values, POINTS + 1)
    assert (found.gradients, found.mode, dict(found.problems)) == ({}, mode, {})


def test_integer_input_of_its_own_dtype(spec_of: Make) -> None:
    """An index keeps its dtype while the others take the one under test."""
    own = implementation(spec_of({"x": (3,), "k": (2,)}, expr="x[k]", dtypes={"k": "int64"}))
    values = {"x": POINTS, "k": np.tile([2.0, 0.0], (4, 1))}
    for mode in ("each", "vmap"):
        found = reverse(own, values, ("x",), None, "float32", mode)
        assert found.mode == mode
        np.testing.assert_array_equal(found.values, POINTS[:, [2, 0]])
        np.testing.assert_array_equal(gradient(found), np.tile([1.0, 0.0, 1.0], (4, 1)))


# --- None ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["each", "vmap", "elementwise"])
def test_unused_input_has_no_gradient(user: User, mode: str) -> None:
    """An input that the graph does not reach has None, in every mode, and not zero."""
    own = user("first_argument", {"x": ("n",), "y": ("n",)})
    values = {"x": POINTS, "y": POINTS + 1}
    found = reverse(own, values, ("x", "y"), COTANGENTS, "float64", mode)
    assert found.mode == mode
    assert found.gradients["y"] is None
    np.testing.assert_array_equal(gradient(found), 2 * COTANGENTS)
    assert not found.problems


@pytest.mark.parametrize("mode", ["each", "vmap", "elementwise"])
def test_result_without_a_graph(user: User, mode: str) -> None:
    """A detached result claims values and no gradient; which lanes, is told."""
    found = claims(user("detached"), mode=mode)
    assert found.gradients == {"x": None}
    assert found.untracked == {0, 1, 2, 3}
    assert not found.problems
    np.testing.assert_array_equal(found.values, 2 * POINTS)


def test_backward_that_returns_none(user: User) -> None:
    """A Function whose backward gives None leaves .grad at None."""
    found = claims(user("NoGradient"))
    assert found.gradients == {"x": None}
    assert not found.untracked
    assert not found.problems


def test_none_at_some_lanes_only(user: User) -> None:
    """None among numbers is a problem where it is, and NaN in the array."""
    found = claims(user("detached_below_zero"))
    assert dict(found.problems) == dict.fromkeys(
        (1, 3), "x.grad is None here, at other points it is not"
    )
    assert found.untracked == {1, 3}
    assert not found.raised
    np.testing.assert_array_equal(np.isnan(gradient(found)).all(1), [False, True, False, True])


# --- hostile ------------------------------------------------------------------------------


def test_lanes_that_raise_leave_the_others(user: User) -> None:
    """Each lane that raised says what; the others claim as ever."""
    found = claims(user("raises_below_zero"))
    assert dict(found.problems) == dict.fromkeys((1, 3), "ValueError: negative")
    assert found.raised == {1, 3}
    np.testing.assert_array_equal(found.values[[0, 2]], 3 * POINTS[[0, 2]])
    assert np.isnan(found.values[[1, 3]]).all()
    assert np.isnan(gradient(found)[[1, 3]]).all()


@pytest.mark.parametrize(
    "attribute, text",
    [
        ("RaisesInBackward", "ZeroDivisionError: no backward today"),
        ("WrongGradientShape", "RuntimeError: Function WrongGradientShapeBackward returned an "),
        ("exits", "SystemExit: 3"),
        ("raises_unspeakable", "UnspeakableError"),
        ("nothing", "returned None, not a tensor"),
        ("number", "returned a float, not a tensor"),
        ("pair", "returned a tuple (Tensor, int), not a tensor"),
        ("half", "returned a tensor of float32; the inputs are float64"),
    ],
)
@pytest.mark.parametrize("mode", ["each", "elementwise", "vmap"])
def test_what_raised_is_told(user: User, attribute: str, text: str, mode: str) -> None:
    """An exception or a result that is none becomes the problem of its lane, in one line."""
    found = claims(user(attribute), mode=mode)
    assert found.mode == "each"
    assert found.raised == {0, 1, 2, 3}
    assert all(problem.startswith(text) for problem in found.problems.values())
    assert all("\n" not in problem for problem in found.problems.values())
    assert np.isnan(gradient(found)).all()


def test_values_survive_a_backward_that_raises(user: User) -> None:
    """The forward was fine, and its value stands."""
    np.testing.assert_array_equal(claims(user("RaisesInBackward")).values, POINTS**2)


@pytest.mark.parametrize("mode", ["each", "elementwise", "vmap"])
def test_writing_to_an_input(user: User, mode: str) -> None:
    """A write past autograd's guard is found, and the caller's arrays are not its victims.

    No version tells of it; that the forward did it shows when it runs alone.
    """
    before = POINTS.copy()
    found = claims(user("writes_to_input"), mode=mode)
    assert set(found.problems.values()) == {"the forward wrote to the input x"}
    assert found.valueless == {0, 1, 2, 3}
    assert set(found.problems) == {0, 1, 2, 3}
    assert not found.raised
    np.testing.assert_array_equal(POINTS, before)
    np.testing.assert_array_equal(gradient(found), COTANGENTS)


def test_writing_at_some_lanes(user: User) -> None:
    """Only the lane that was written to is blamed; a write that changes no bit is none."""
    found = claims(user("writes_where_large"))
    assert dict(found.problems) == {2: "the forward wrote to the input x"}
    assert found.valueless == {2}


@pytest.mark.parametrize("mode", ["each", "elementwise", "vmap"])
def test_writing_to_the_cotangent(user: User, mode: str) -> None:
    """A backward that computes in place in grad_output is found; its numbers stand."""
    found = claims(user("WritesToGradOutput"), mode=mode)
    assert set(found.problems.values()) == {"wrote to the cotangent"}
    np.testing.assert_array_equal(gradient(found), 2 * POINTS * COTANGENTS)


def test_writing_under_vmap(user: User) -> None:
    """A write that the first lane does not show is found as well when the lanes are mapped."""
    found = claims(user("zeroes_what_is_large"), mode="vmap")
    assert (found.mode, found.fallback) == ("each", "wrote to the input x")
    assert dict(found.problems) == {2: "the forward wrote to the input x"}


def test_wrong_shape(user: User) -> None:
    """A result of another shape than the cotangent's is no claim."""
    found = claims(user("first_only"))
    assert set(found.problems.values()) == {"returned shape (1,), not (3,)"}
    assert not found.raised
    assert np.isnan(found.values).all()


def test_shape_that_depends_on_the_value(user: User) -> None:
    """Without cotangents the first lane's shape is the measure of the others."""
    found = claims(user("shape_by_value"), cotangents=None)
    assert dict(found.problems) == {1: "returned shape (3,), not (1,)"}
    assert found.values.shape == (4, 1)


@pytest.mark.parametrize(
    "attribute, values, factor",
    [
        ("strided", 2 * POINTS, 2),
        ("transposed", 2 * POINTS, 2),
        ("itself", POINTS, 1),
        ("in_place_on_clone", 3 * POINTS + 1, 3),
        ("warns", 2 * POINTS, 2),
        ("changes_the_world", 2 * POINTS, 2),
        ("Doubled", 2 * POINTS, 2),
    ],
)
@pytest.mark.filterwarnings("error")
def test_unusual_and_right(user: User, attribute: str, values: np.ndarray, factor: float) -> None:
    """Strided results, the input itself, in-place work, warnings and settings do no harm."""
    found = claims(user(attribute))
    assert dict(found.problems) == {}
    np.testing.assert_array_equal(found.values, values)
    np.testing.assert_array_equal(gradient(found), factor * COTANGENTS)


def test_a_buffer_used_again(user: User) -> None:
    """Values are read before the next call overwrites them."""
    found = claims(user("OneBuffer"))
    np.testing.assert_array_equal(found.values, POINTS**2)
    np.testing.assert_array_equal(gradient(found), 2 * POINTS * COTANGENTS)


def test_sparse_gradient(user: User) -> None:
    """A sparse .grad counts as the dense one that it stands for."""
    own = user("embedded", {"x": ("n", 1)})
    found = reverse(own, {"x": POINTS[..., None]}, ("x",), None, "float64")
    assert not found.problems
    np.testing.assert_array_equal(gradient(found)[..., 0], np.tile([1.0, 2.0, 0.0], (4, 1)))


def test_gradient_of_another_dtype(user: User) -> None:
    """Where the code has arranged for a .grad of another dtype, that is no claim."""
    problem = "x.grad has shape (3,) and torch.float16; x has (3,) and torch.float64"
    found = claims(user("grad_in_half"))
    assert set(found.problems.values()) == {problem}
    assert not found.raised


@pytest.mark.parametrize("attribute", ["changes_the_world", "noisy", "raises_below_zero", "cube"])
@pytest.mark.parametrize("mode", ["each", "elementwise", "vmap"])
def test_global_state_stays(user: User, attribute: str, mode: str) -> None:
    """Grad mode, default dtype and random numbers are afterwards what they were, on or off."""
    own = user(attribute)
    for grad in (True, False):
        generator = torch.get_rng_state()
        with torch.set_grad_enabled(grad):
            claims(own, mode=mode)
            assert torch.is_grad_enabled() is grad
        assert torch.get_default_dtype() is torch.float32
        assert torch.equal(generator, torch.get_rng_state())


def test_gradients_are_on_whatever_the_caller_set(spec_of: Make) -> None:
    """Neither no_grad nor inference_mode around us turns the claims into None."""
    own = implementation(spec_of({"x": (3,)}, expr="x*x"))
    for off in (torch.no_grad(), torch.inference_mode()):
        with off:
            np.testing.assert_array_equal(gradient(claims(own)), 2 * POINTS * COTANGENTS)


def test_random_numbers_repeat(user: User) -> None:
    """Two runs draw the same numbers, whatever was drawn between."""
    one = claims(user("noisy")).values
    torch.rand(5)
    np.testing.assert_array_equal(one, claims(user("noisy")).values)
    assert not np.array_equal(one, POINTS)


# --- edges of the interface ---------------------------------------------------------------


@pytest.mark.parametrize("mode", ["each", "elementwise", "vmap"])
def test_no_lanes(spec_of: Make, mode: str) -> None:
    """No point, no claim, no crash."""
    own = implementation(spec_of({"x": (3,)}, expr="x*x"))
    found = reverse(own, {"x": np.zeros((0, 3))}, ("x",), np.zeros((0, 3)), "float64", mode)
    assert found.values.shape == (0, 3)
    assert gradient(found).shape == (0, 3)


@pytest.mark.parametrize("mode", ["each", "elementwise", "vmap"])
def test_empty_arrays(spec_of: Make, mode: str) -> None:
    """An input without elements has a gradient without elements."""
    own = implementation(spec_of({"x": ("n",)}, expr="x*x"))
    found = reverse(own, {"x": np.zeros((2, 0))}, ("x",), np.zeros((2, 0)), "float64", mode)
    assert gradient(found).shape == (2, 0)
    assert not found.problems


def test_special_numbers_pass_through(spec_of: Make) -> None:
    """Infinities, NaN and negative zero come back as they are, and are no write."""
    own = implementation(spec_of({"x": (4,)}, expr="x*1"))
    points = np.array([[np.inf, -np.inf, np.nan, -0.0]])
    found = reverse(own, {"x": points}, ("x",), None, "float32")
    np.testing.assert_array_equal(found.values, points)
    assert np.signbit(found.values[0, 3])
    assert not found.problems


def test_read_only_arrays_in_and_out(spec_of: Make) -> None:
    """Read-only and strided arrays are fine as input; claims cannot be changed."""
    own = implementation(spec_of({"x": (3,)}, expr="x*x"))
    points = np.broadcast_to(POINTS[0], (4, 3))[::2]
    points.flags.writeable = False
    found = reverse(own, {"x": points}, ("x",), None, "float64")
    assert found.values.shape == (2, 3)
    with pytest.raises(ValueError, match="read-only"):
        found.values[0] = 0
    with pytest.raises(TypeError):
        found.problems[0] = "none"  # type: ignore[index]


def test_lanes_must_be_equally_many(spec_of: Make) -> None:
    """A cotangent for each point; more or fewer are the caller's mistake."""
    own = implementation(spec_of({"x": (3,)}, expr="x"))
    with pytest.raises(ValueError, match="4 of the input x, 2 of the cotangent"):
        claims(own, cotangents=COTANGENTS[:2])


@settings(deadline=None, derandomize=True, max_examples=60, database=None)
@given(
    text=st.recursive(
        st.sampled_from(["x", "y", "2", "0.3"]),
        lambda part: st.one_of(
            st.tuples(part, st.sampled_from("+-*/"), part).map(lambda it: f"({' '.join(it)})"),
            part.map(lambda it: f"abs({it})"),
            st.tuples(part, part).map(lambda it: f"maximum({it[0]}, {it[1]})"),
            st.tuples(part, part, part).map(lambda it: f"where({it[0]} < {it[1]}, {it[2]}, x)"),
        ),
        max_leaves=8,
    ),
    values=st.lists(st.floats(-4, 4, width=16), min_size=12, max_size=12),
)
def test_modes_agree_bit_by_bit(text: str, values: list[float]) -> None:
    """Where each operation is rounded correctly, how the lanes are laid out changes no bit."""
    node = parse(f"{text} + 0*x")
    own = Implementation(compiled(node, frozenset("xy")), "tree", text)
    points = np.array(values).reshape(2, 3, 2)
    found = [
        reverse(own, dict(zip("xy", points, strict=True)), ("x",), None, "float64", mode)
        for mode in ("each", "elementwise", "vmap")
    ]
    assert [claim.mode for claim in found] == ["each", "elementwise", "vmap"] or found[0].problems
    for claim in found[1:]:
        np.testing.assert_array_equal(claim.values, found[0].values)
        np.testing.assert_array_equal(gradient(claim), gradient(found[0]))


def test_unknown_mode(spec_of: Make) -> None:
    """A mode that does not exist is the caller's mistake."""
    with pytest.raises(ValueError, match="known are each, elementwise, vmap"):
        claims(implementation(spec_of({"x": (3,)}, expr="x")), mode="all")


def test_output_shape(user: User, spec_of: Make) -> None:
    """The shape is that of the first lane that has one."""
    own = implementation(spec_of({"x": ("n",)}, expr="outer(x, x)"))
    assert forward_output_shape(own, {"x": POINTS}, "float32") == (3, 3)
    assert forward_output_shape(user("raises_below_zero"), {"x": POINTS[1:]}, "float64") == (3,)


@pytest.mark.parametrize(
    "lanes, reason",
    [(slice(1, 2), "ValueError: negative"), (slice(0, 0), "there is no point to run it at")],
)
def test_no_output_shape(user: User, lanes: slice, reason: str) -> None:
    """Where no lane has a result, the first one's reason is given."""
    with pytest.raises(ImplementationError, match=reason):
        forward_output_shape(user("raises_below_zero"), {"x": POINTS[lanes]}, "float64")


@pytest.mark.parametrize("mode", ["each", "elementwise"])
@pytest.mark.parametrize("graph, seen", [("", (False, False)), (UNTRACKED, (True, False))])
def test_gradients_with_a_graph(mode: str, graph: str, seen: tuple[bool, bool]) -> None:
    """A backward sees create_graph=True, and whether the cotangent requires a gradient."""
    assert _seen(mode, graph) == seen
    assert _seen(mode, TRACKED) == (True, True)


def _seen(mode: str, graph: str) -> tuple[bool, bool]:
    seen = []

    class Watches(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            return 2 * x

        @staticmethod
        def backward(ctx: Any, grad_output: torch.Tensor) -> torch.Tensor:
            seen.append((torch.is_grad_enabled(), grad_output.requires_grad))
            return 2 * grad_output

    own = Implementation(lambda given: Watches.apply(given["x"]), "user", "watches")
    found = reverse(own, {"x": POINTS}, ("x",), COTANGENTS, "float64", mode, graph)
    np.testing.assert_array_equal(gradient(found), 2 * COTANGENTS)
    return seen[-1]
