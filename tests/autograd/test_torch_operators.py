"""The torch dialect: calls of torch's operators as a user writes them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator

import pytest
import torch
import torch.nn.functional

from gradcheck_sym.autograd.functions import operator
from gradcheck_sym.autograd.operators import compiled_torch
from gradcheck_sym.spec.operators import FORBIDDEN_OPTIONS, FORBIDDEN_PLACES, OPERATORS, path
from gradcheck_sym.spec.parser import parse

X = torch.tensor([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]], dtype=torch.float64)
SUM = 2.5


def value(text: str, **own: Callable[..., object]) -> object:
    """An expression of the dialect over x (2, 3)."""
    node = parse(text, dialect="torch", operators=frozenset(own))
    return compiled_torch(node, frozenset({"x"}), own)({"x": X})


@pytest.mark.parametrize(
    "text, expected",
    [
        ("F.softplus(x, beta=2)", torch.nn.functional.softplus(X, beta=2)),
        ("torch.max(x, dim=0)[0]", X.max(0).values),
        ("torch.max(x, dim=0).values", X.max(0).values),
        ("torch.topk(x, 2, dim=-1)[0][:, 0] * 2", X.max(1).values * 2),
        ("F.mse_loss(x, torch.zeros_like(x), reduction='sum')", X.square().sum()),
        ("torch.linalg.vector_norm(x)**2 / 3", torch.linalg.vector_norm(X) ** 2 / 3),
        ("torch.special.expit(-x.T) @ x", torch.sigmoid(-X.T) @ X),
        ("x.mT[None, ..., 0]", X.mT[None, ..., 0]),
        ("torch.cat([x, x], dim=1)", torch.cat([X, X], 1)),
        ("torch.where(x > 0 and x < 1, x, 0.0)", torch.where((X > 0) & (X < 1), X, 0.0)),
        ("torch.einsum('ij->j', x)", X.sum(0)),
        (
            "torch.nn.functional.gelu(x, approximate='tanh')",
            torch.nn.functional.gelu(X, approximate="tanh"),
        ),
        ("(x > 0) * x * pi", (X > 0) * X * torch.pi),
        ("torch.sum(x, dim=None, keepdim=true)", X.sum().reshape(1, 1)),
    ],
)
def test_calls_are_torchs(text: str, expected: torch.Tensor) -> None:
    """Options, strings, results of several tensors, properties and arithmetic around calls."""
    result = value(text)
    assert isinstance(result, torch.Tensor)
    assert torch.equal(result, expected)


def test_pythons_rules_hold() -> None:
    """Nothing is converted: truth stays truth, several results stay several."""
    assert getattr(value("x > 0"), "dtype", None) is torch.bool
    assert len(tuple(value("torch.std_mean(x)"))) == 2  # type: ignore[arg-type]
    assert value("1/4") == 0.25


@pytest.mark.parametrize(
    "text", ["torch.full((2,), 0.1)", "torch.eye(2)*0.1", "torch.linspace(0, 0.1, 2)"]
)
def test_constructors_follow_the_inputs(text: str) -> None:
    """What torch makes anew has the dtype of the inputs, not torch's default."""
    result = value(text)
    assert isinstance(result, torch.Tensor)
    assert result.dtype is torch.float64
    assert result.max().item() == 0.1


def test_an_option_may_be_a_scalar_input() -> None:
    """Where torch wants a number, a scalar input gives its own; a tracked one does not."""
    text = "F.smooth_l1_loss(x, 0*x, beta=beta)"
    call = compiled_torch(parse(text, dialect="torch"), frozenset({"x", "beta"}), {})
    beta = torch.tensor(0.5, dtype=torch.float64)
    expected = torch.nn.functional.smooth_l1_loss(X, 0 * X, beta=0.5)
    assert torch.equal(call({"x": X, "beta": beta}), expected)
    with pytest.raises(TypeError, match="beta"):
        call({"x": X, "beta": beta.requires_grad_()})


def test_torchs_own_errors_pass() -> None:
    """A call that does not fit is torch's TypeError, as it is."""
    with pytest.raises(TypeError, match="cat"):
        value("torch.cat(x, x)")


def test_own_functions_by_name() -> None:
    """A name under use is called with what the expression gives it, strings included."""
    seen: list[object] = []

    def mine(a: torch.Tensor, *, mode: str) -> torch.Tensor:
        seen.append(mode)
        return a.sum()

    assert value("mine(x, mode='fast') * 2", mine=mine) == pytest.approx(2 * SUM, rel=1e-15)
    assert seen == ["fast"]


def test_the_whole_table_is_torchs() -> None:
    """Each name of the table is a function of this torch."""
    missing = []
    for name in sorted(OPERATORS):
        try:
            if not callable(operator(name)):
                missing.append(name)
        except AttributeError:
            missing.append(name)
    assert not missing


def by_position(name: str) -> Iterator[list[str]]:
    """The arguments that an operator takes by position, in order, for each way to call it."""
    function = operator(name)
    try:
        declared = inspect.signature(function).parameters.values()
    except ValueError:  # one of C++; its schemas say what it takes
        schema = "_".join(path(name)).removeprefix("nn_functional_")
        for found in torch._C._jit_get_schemas_for_operator(f"aten::{schema}"):
            yield [each.name for each in found.arguments if not each.kwarg_only]
    else:
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        yield [each.name for each in declared if each.kind in kinds]


def test_options_are_forbidden_by_position_where_torch_takes_them_so() -> None:
    """The table of places is torch's."""
    found = {
        name: (place, option)
        for name in OPERATORS
        for arguments in by_position(name)
        for place, option in reversed([*enumerate(arguments)])  # the first one stays
        if option in FORBIDDEN_OPTIONS
    }
    assert found == FORBIDDEN_PLACES
