"""The mathematics in torch's functions: every row of the table, literals, dtypes, indexing."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch

from gradcheck_sym.autograd.functions import compiled_spec, evaluate, evaluate_spec
from gradcheck_sym.spec import tree
from gradcheck_sym.spec.functions import FUNCTIONS, parameters
from gradcheck_sym.spec.parser import parse
from gradcheck_sym.spec.records import Dim, Spec

A = np.array([[0.5, -1.25, 2.0], [3.0, 0.25, -0.75]])
S = np.array([[2.0, 0.5], [0.25, 1.5]])
V = np.array([0.75, -0.5, 1.5])
ARRAYS = {"a": A, "s": S, "v": V}

# Array functions: calls over a (2, 3), s (2, 2) and v (3), and what NumPy makes of them.
SAMPLES: dict[str, tuple[tuple[str, object], ...]] = {
    "clamp": (
        ("clamp(v, -0.1, 1)", np.clip(V, -0.1, 1)),
        ("clamp(v, min=0)", np.maximum(V, 0)),
        ("clamp(a, max=v)", np.minimum(A, V)),
        ("clamp(a, v, 2)", np.clip(A, V, 2)),
    ),
    "where": (
        ("where(v > 0, v, 2)", np.where(V > 0, V, 2)),
        ("where(v > 0, 1, 0)", np.array([1.0, 0.0, 1.0])),
        ("where(v, 1, 0)", np.ones(3)),
        ("where(2 > 1, v, 0)", V),
    ),
    "sum": (
        ("sum(a)", A.sum()),
        ("sum(a, dim=0)", A.sum(0)),
        ("sum(a, (0, 1), keepdim=true)", A.sum(keepdims=True)),
        ("sum(a > 0)", np.float64(4.0)),
        ("sum([v, 2*v])", 3 * V.sum()),
    ),
    "mean": (("mean(a)", A.mean()), ("mean(a > 0, 1)", (A > 0).mean(1))),
    "prod": (
        ("prod(a)", A.prod()),
        ("prod(a, dim=1)", A.prod(1)),
        ("prod(a, dim=(0, 1))", A.prod()),
        ("prod(a, (0, -1), keepdim=true)", A.prod(keepdims=True)),
        ("prod(a, keepdim=true)", A.prod(keepdims=True)),
    ),
    "var": (("var(a)", A.var(ddof=1)), ("var(a, 0, correction=0)", A.var(0))),
    "std": (("std(a)", A.std(ddof=1)), ("std(a, dim=1, keepdim=true)", A.std(1, ddof=1)[:, None])),
    "max": (("max(a)", A.max()), ("max(a, dim=1)", A.max(1)), ("max(a, (0, 1))", A.max())),
    "min": (("min(a)", A.min()), ("min(a, 0, keepdim=true)", A.min(0, keepdims=True))),
    "amax": (("amax(a)", A.max()), ("amax(a, dim=(0, 1))", A.max())),
    "amin": (("amin(a)", A.min()), ("amin(a, dim=1)", A.min(1))),
    "norm": (
        ("norm(v)", np.linalg.norm(V)),
        ("norm(a, 1, 1)", np.abs(A).sum(1)),
        ("norm(a, p=inf)", np.abs(A).max()),
        ("norm(a, p=3, keepdim=true)", (np.abs(A) ** 3).sum(keepdims=True) ** (1 / 3)),
    ),
    "logsumexp": (("logsumexp(a, 1)", np.log(np.exp(A).sum(1))),),
    "softmax": (("softmax(v, dim=0)", np.exp(V) / np.exp(V).sum()),),
    "log_softmax": (("log_softmax(v, 0)", V - np.log(np.exp(V).sum())),),
    "cumsum": (("cumsum(a, 1)", A.cumsum(1)),),
    "cumprod": (("cumprod(a, dim=1)", A.cumprod(1)),),
    "sort": (
        ("sort(a)", np.sort(A)),
        ("sort(a, 0, descending=true)", -np.sort(-A, 0)),
    ),
    "dot": (("dot(v, v)", V @ V), ("dot(v, [1, 2, 3])", V @ [1, 2, 3])),
    "outer": (("outer(v, v)", np.outer(V, V)),),
    "matmul": (("matmul(s, a)", S @ A), ("s @ a", S @ A), ("a @ v", A @ V)),
    "einsum": (("einsum('ij,kj->ik', a, a)", A @ A.T),),
    "trace": (("trace(s)", np.trace(S)),),
    "complex": (
        ("real(complex(v, 2))", V),
        ("imag(complex(v, 2))", np.full(3, 2.0)),
        ("real(complex(0, v) @ complex(1, v))", -(V @ V)),
    ),
    "polar": (("imag(polar(v, pi/6))", V / 2),),
    "det": (("det(s)", np.linalg.det(S)),),
    "inv": (("inv(s)", np.linalg.inv(S)),),
    "transpose": (("transpose(a, 0, 1)", A.T),),
    "T": (("a.T", A.T), ("v.T", V)),
    "mT": (("a.mT", A.T),),
    "reshape": (("reshape(a, (3, -1))", A.reshape(3, 2)), ("reshape(a, 6)", A.reshape(6))),
    "flatten": (("flatten(a)", A.reshape(6)),),
    "permute": (("permute(a, (1, 0))", A.T), ("permute(a, [1, 0])", A.T)),
    "unsqueeze": (("unsqueeze(v, 1)", V[:, None]), ("unsqueeze(v, -1)", V[:, None])),
    "squeeze": (("squeeze(v[None])", V), ("squeeze(v[None, :, None], (0,))", V[:, None])),
    "expand": (("expand(v, (2, 3))", np.stack([V, V])),),
    "cat": (
        ("cat([v, 2*v])", np.concatenate([V, 2 * V])),
        ("cat((a, a), dim=1)", np.hstack([A, A])),
    ),
    "stack": (("stack([v, 2*v], dim=1)", np.stack([V, 2 * V], 1)), ("stack([1, v[0]])", [1, V[0]])),
    "roll": (("roll(v, 1)", np.roll(V, 1)), ("roll(a, 1, dims=1)", np.roll(A, 1, 1))),
    "flip": (("flip(v, 0)", V[::-1]), ("flip(a, (0, 1))", A[::-1, ::-1])),
    "diag": (("diag(s)", np.diag(S)), ("diag(v, 1)", np.diag(V, 1))),
    "tril": (("tril(a)", np.tril(A)), ("tril(a, diagonal=-1)", np.tril(A, -1))),
    "triu": (("triu(a, 1)", np.triu(A, 1)),),
    "eye": (("eye(2) * s", np.eye(2) * S), ("eye(3)", np.eye(3))),
    "zeros": (("zeros(3)", np.zeros(3)), ("zeros((2, 3))", np.zeros((2, 3)))),
    "ones": (("ones((3,)) + v", V + 1),),
    "detach": (("detach(v)", V),),
}

PLACES = {"acosh": (1.25, 3.0), "log": (0.25, 2.0)}  # where 0.25 to 0.75 is outside the domain


def tensors(dtype: torch.dtype = torch.float64) -> dict[str, torch.Tensor]:
    """The arrays that samples are called on."""
    return {name: torch.tensor(array, dtype=dtype) for name, array in ARRAYS.items()}


def value(text: str, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """An expression over those arrays."""
    return evaluate(parse(text), tensors(dtype))


@pytest.mark.parametrize("name", [row.name for row in FUNCTIONS.values() if row.elementwise])
def test_elementwise_row_runs(name: str) -> None:
    """Each row of one element runs in torch, keeps shape and dtype, and has a gradient."""
    row = FUNCTIONS[name]
    needed = [part.name for part in parameters(row.signature) if part.default is None]
    low, high = PLACES.get(name, (0.25, 0.75))
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        given = {
            part: torch.linspace(low, high, 4, dtype=dtype).roll(place).requires_grad_()
            for place, part in enumerate(needed)
        }
        result = evaluate(parse(f"{name}({', '.join(needed)})"), given)
        result.sum().backward()
        assert result.shape == (4,)
        assert result.dtype is dtype
        assert torch.isfinite(result).all()
        assert all(part.grad is not None for part in given.values())


@pytest.mark.parametrize("name", [row.name for row in FUNCTIONS.values() if row.define])
def test_row_is_what_it_is_defined_as(name: str) -> None:
    """torch's operator gives what the row's own definition gives, to rounding."""
    row = FUNCTIONS[name]
    needed = [part.name for part in parameters(row.signature) if part.default is None]
    options = {part.name: part.default for part in parameters(row.signature) if part.default}
    x = torch.linspace(0.25, 0.75, 5, dtype=torch.float64)
    given = {part: x.roll(place) for place, part in enumerate(needed)}
    given |= {name: torch.tensor(float(text)) for name, text in options.items()}
    called = evaluate(parse(f"{name}({', '.join(needed)})"), given)
    defined = evaluate(parse(row.define), given)
    np.testing.assert_array_max_ulp(called.numpy(), defined.numpy(), maxulp=8)


def test_every_array_row_has_a_sample() -> None:
    """A row of the table that no sample calls would go untested."""
    assert {row.name for row in FUNCTIONS.values() if not row.elementwise} == set(SAMPLES)


@pytest.mark.parametrize(
    "text, expected",
    [pytest.param(*sample, id=sample[0]) for samples in SAMPLES.values() for sample in samples],
)
def test_array_row_agrees_with_numpy(text: str, expected: object) -> None:
    """Each sample has NumPy's value and shape in float64, and stays in float32."""
    result = value(text)
    assert result.dtype is torch.float64
    assert result.shape == np.shape(expected)
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-14, atol=1e-15)
    assert value(text, torch.float32).dtype is torch.float32


@pytest.mark.parametrize(
    "text, expected",
    [
        ("v[0]", V[0]),
        ("v[-1]", V[-1]),
        ("a[:, 1:]", A[:, 1:]),
        ("a[..., 0]", A[..., 0]),
        ("a[None, :, ::2]", A[None, :, ::2]),
        ("v[:-1]", V[:-1]),
        ("a[1][2]", A[1, 2]),
        ("v[[0, 2]]", V[[0, 2]]),
        ("v[1 + 1]", V[2]),
        ("v[v > 0]", V[V > 0]),
    ],
)
def test_indexing_is_numpys(text: str, expected: object) -> None:
    """Slices, new axes, ellipses, negative and computed indices select what NumPy selects."""
    np.testing.assert_array_equal(value(text).numpy(), expected)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("(v > 0) + (v < 1)", [2, 1, 1]),
        ("-(v > 0)", [-1, 0, -1]),
        ("v > 0", [1, 0, 1]),
        ("v > 0 and v < 1", [1, 0, 0]),
        ("v < 0 or v > 1", [0, 1, 1]),
        ("not v > 0", [0, 1, 0]),
        ("not 2 > 1", 0),
        ("2 > 1 and v > 0", [1, 0, 1]),
        ("1 > 2 or v > 0", [1, 0, 1]),
        ("-0.5 <= v < 1", [1, 1, 0]),
        ("where(v == -0.5 or v != v, 1, 0)", [0, 1, 0]),
        ("[1, 2, 3] * (v > 0)", [1, 0, 3]),
        ("+v*0 + (1 >= 1)", [1, 1, 1]),
    ],
)
def test_truth_is_one_and_zero(text: str, expected: object) -> None:
    """Comparisons and their combinations work elementwise and count as 1 and 0."""
    result = value(text)
    assert result.dtype is torch.float64
    np.testing.assert_array_equal(result.numpy(), expected)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("pi", math.pi),
        ("e*1", math.e),
        ("-inf", -math.inf),
        ("log(2)", math.log(2)),
        ("2**-1", 0.5),
        ("7**3", 343.0),
        ("pow(2, 3)", 8.0),
        ("1e30", 1e30),
        ("2**100", 2.0**100),
        ("1e400", math.inf),
        ("softplus(0, beta=2)", math.log(2) / 2),
        ("maximum(2, 1/3)", 2.0),
        ("where(1 < 2, 3, 4)", 3.0),
    ],
)
def test_numbers_alone_are_exact_to_float64(text: str, expected: float) -> None:
    """An expression of constants is computed in float64, then rounded once to the inputs'."""
    assert value(text).item() == expected
    assert value(text, torch.float32).item() == torch.tensor(expected).float().item()


def test_constants_follow_the_inputs_not_the_default_dtype() -> None:
    """pi*x in float64 uses all of pi, whatever torch's default dtype is."""
    assert torch.get_default_dtype() is torch.float32
    for text, factor in (("pi*v", math.pi), ("exp(1)*v", math.e), ("maximum(0.1, v*0)", None)):
        expected = np.full(3, 0.1) if factor is None else factor * V
        np.testing.assert_array_max_ulp(value(text).numpy(), expected, maxulp=1)


def test_no_float_input_means_float64() -> None:
    """Integers are lifted to float64 before a function sees them, not to the default dtype."""
    k = torch.tensor([1, 2])
    assert evaluate(parse("exp(k)/3"), {"k": k}).dtype is torch.float64
    assert evaluate(parse("k + k"), {"k": k}).dtype is torch.float64
    assert evaluate(parse("eye(2)"), {}).dtype is torch.float64


def test_integer_inputs_index() -> None:
    """An integer input selects elements, and does not change the dtype of the others."""
    given = {"x": torch.tensor(V, dtype=torch.float32), "k": torch.tensor([2, 0])}
    result = evaluate(parse("x[k] * 2"), given)
    assert result.dtype is torch.float32
    assert result.tolist() == [3.0, 1.5]


def test_mixed_dtypes_promote() -> None:
    """Inputs of two precisions meet in the higher one."""
    given = {"x": torch.ones(2, dtype=torch.float32), "y": torch.ones(2, dtype=torch.float64)}
    assert evaluate(parse("x + y + zeros(2)"), given).dtype is torch.float64


@pytest.mark.parametrize("function", ["maximum", "minimum", "atan2", "pow"])
def test_two_arguments_take_a_number_on_either_side(function: str) -> None:
    """A number and an array meet in either order."""
    for text in (f"{function}(s, 2)", f"{function}(2, s)"):
        assert value(text).shape == (2, 2)


def test_softplus_takes_a_tensor_for_beta() -> None:
    """beta may be an input, with a gradient of its own; torch's operator takes a number only."""
    x, beta = (torch.tensor(number, dtype=torch.float64) for number in (0.3, 1.7))
    beta.requires_grad_()
    result = evaluate(parse("softplus(x, beta)"), {"x": x, "beta": beta})
    result.backward()
    assert result.item() == pytest.approx(math.log1p(math.exp(0.51)) / 1.7, rel=1e-15)
    assert beta.grad is not None


@pytest.mark.parametrize("text", ["1/0", "(-8)**(1/3)", "10**400 * v", "0**-1"])
def test_impossible_numbers_raise_when_run(text: str) -> None:
    """What Python cannot compute is an error of the run, and never a complex number."""
    with pytest.raises((ArithmeticError, ValueError)):
        value(text)


@pytest.mark.parametrize("text", ["v @ a", "reshape(a, (4, 4))", "v[7]", "sum(a, dim=5)"])
def test_torchs_own_errors_pass(text: str) -> None:
    """Errors of the run are torch's, as they are."""
    with pytest.raises((RuntimeError, IndexError)):
        value(text)


def test_trees_that_no_parser_makes() -> None:
    """A wrong name, a call of too many arguments and a stray node are refused."""
    x = tree.Name("x")
    with pytest.raises(KeyError, match="y"):
        evaluate(tree.Name("y"), {"x": torch.ones(1)})
    with pytest.raises(TypeError, match="3 arguments"):
        evaluate(tree.Call("atan2", (x, x, x)), {"x": torch.ones(1)})
    with pytest.raises(TypeError, match="str"):
        evaluate("x", {"x": torch.ones(1)})  # type: ignore[arg-type]


def test_literals_are_exact_fractions() -> None:
    """A literal is rounded once, from its exact value."""
    third = tree.Number(Fraction(1, 3))
    assert evaluate(third, {}).item() == 1 / 3


def test_lets_come_in_order_and_shadow_constants(spec_of: Callable[..., Spec]) -> None:
    """A let sees those before it; a let or an input may be called e."""
    spec = spec_of({"x": (3,)}, let={"e": "2*x", "z": "e + 1"}, expr="z*e + pi*0")
    result = evaluate_spec(spec, {"x": torch.tensor(V)})
    np.testing.assert_array_equal(result.numpy(), (2 * V + 1) * (2 * V))


def test_symbolic_sizes_are_numbers(spec_of: Callable[..., Spec]) -> None:
    """A dim of an input's shape stands for that input's size."""
    spec = spec_of({"x": ("n", 2)}, expr="sum(x)/n + sum(eye(n)) + sqrt(n)")
    spec = Spec(
        **{name: getattr(spec, name) for name in spec.__slots__}
        | {"dims": (Dim("n", 1, 4, declared=True),)}
    )
    result = evaluate_spec(spec, {"x": torch.ones(4, 2, dtype=torch.float64)})
    assert result.item() == 2 + 4 + 2


def test_a_spec_without_expr_is_refused(spec_of: Callable[..., Spec]) -> None:
    """There is nothing to evaluate in a spec of steps alone."""
    with pytest.raises(ValueError, match="no expr"):
        compiled_spec(spec_of({"x": ()}))


def test_autograd_sees_through() -> None:
    """The result is part of a graph of torch's own nodes."""
    x = torch.tensor(V, requires_grad=True)
    evaluate(parse("sum(x**3 * detach(x))"), {"x": x}).backward()
    np.testing.assert_allclose(x.grad, 3 * V**2 * V, rtol=1e-15)
