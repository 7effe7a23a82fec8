"""Results without a rounding error: told from those with one, against exact fractions."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from gradcheck_sym.autograd.exact import has_plain_error, without_error

DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
NUMBERS = [0.0, -0.0, 1.0, -1.0, 3.0, 0.1, 1 / 3, 2.0**-30, 1e-3, 6.5, 1024.0, 2.0**12 + 1, 5e-324]
SIMPLE = {
    "add": (lambda a, b: a + b, lambda a, b: a + b),
    "sub": (lambda a, b: a - b, lambda a, b: a - b),
    "rsub": (lambda a, b: torch.rsub(a, b), lambda a, b: b - a),
    "mul": (lambda a, b: a * b, lambda a, b: a * b),
    "div": (lambda a, b: a / b, lambda a, b: a / b if b else None),
    "pow": (lambda a, b: a**2 + 0 * b, lambda a, b: a * a),
}


class Seen(TorchDispatchMode):
    """Keeps what is told of the operations that run under it."""

    def __init__(self) -> None:
        super().__init__()
        self.told: dict[str, Any] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **kwargs or {})
        if has_plain_error(func):
            name = func._schema.name.partition("::")[2]
            self.told[name] = without_error(func, args, kwargs or {}, result)
        return result


def told(name: str, call: Any) -> tuple[Any, Any]:
    """The result of a call, and where the operation of that name in it is without error."""
    with Seen() as seen:
        result = call()
    return result, seen.told[name]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", SIMPLE)
def test_exact_is_what_fractions_say(name: str, dtype: torch.dtype) -> None:
    """Nothing that is rounded is called exact; and what is exact is, but next to underflow."""
    run, truth = SIMPLE[name]
    a, b = torch.meshgrid(*[torch.tensor(NUMBERS, dtype=dtype)] * 2, indexing="ij")
    result, exact = told(name, lambda: run(a, b))
    count = 0
    for place in np.ndindex(*a.shape):
        found = result[place].item()
        operands = Fraction(a[place].item()), Fraction(b[place].item())
        true = truth(*operands)
        right = true is not None and np.isfinite(found) and Fraction(found) == true
        small = any(0 < abs(number or 0) < 2.0**-900 for number in (*operands, true))
        assert exact[place] == right or (right and small), operands
        count += bool(exact[place])
    assert 10 < count < a.numel()


def test_roots_and_reciprocals() -> None:
    """Of squares and of powers of two."""
    x = torch.tensor([4.0, 2.0, 0.25, 9.0, -1.0], dtype=torch.float64)
    assert told("sqrt", x.sqrt)[1].tolist() == [True, False, True, True, False]
    assert told("reciprocal", x.reciprocal)[1].tolist() == [True, True, True, False, True]


@pytest.mark.parametrize(
    "terms, exact",
    [
        ([1.0, -1.0], True),
        ([0.1, -0.1], True),
        ([0.1, 0.2], False),
        ([0.5, 0.25, 3.0], True),
        ([1e16, 1.0, -1e16], False),
        ([float("inf"), 1.0], False),
    ],
)
def test_sums_over_all_and_over_some_axes(terms: list[float], exact: bool) -> None:
    """A sum is exact where no addition in it rounds."""
    x = torch.tensor(terms, dtype=torch.float64)
    assert told("sum", x.sum)[1].tolist() == exact
    table = torch.stack([x, torch.zeros_like(x)])
    assert told("sum", lambda: table.sum(1))[1].tolist() == [exact, True]
    assert told("sum", lambda: table.T.sum(-2, keepdim=True))[1].tolist() == [[exact, True]]
    assert told("sum", lambda: table.sum((0, 1)))[1].tolist() == exact


def test_nothing_is_told_of_what_is_not_known() -> None:
    """Complex numbers, other arguments, no terms at all, and work in place."""
    x = torch.ones(2, dtype=torch.complex128)
    assert told("add", lambda: x + x)[1] is None
    y = torch.ones(2)
    assert told("div", lambda: torch.div(y, y, rounding_mode="floor"))[1] is None
    assert told("sum", lambda: y[:0].sum())[1] is None
    assert told("pow", lambda: y**3)[1] is None
    with Seen() as seen:
        y.add_(1)
    assert seen.told == {}


def test_norms_and_means() -> None:
    """Of Pythagorean numbers and of unit vectors; of as many as divide the sum."""
    x = torch.tensor([[3.0, 4.0], [0.0, -1.0], [1.0, 1.0], [0.1, 0.0]], dtype=torch.float64)
    assert told("linalg_vector_norm", lambda: x.norm(dim=1))[1].tolist() == [True, True] + 2 * [
        False
    ]
    assert told("linalg_vector_norm", lambda: x[0].norm())[1].tolist() is True
    assert told("linalg_vector_norm", lambda: x[0].norm(p=3))[1] is None
    assert told("mean", lambda: x.mean(1))[1].tolist() == [True, True, True, True]
    assert told("mean", lambda: torch.tensor([1.0, 0.0, 0.0]).mean())[1].tolist() is False


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_products_of_matrices(dtype: torch.dtype) -> None:
    """Of permutations, of orthogonal vectors, in every form; not where a digit is lost."""
    turned = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=dtype)
    tenth = torch.full((2, 2), 0.1, dtype=dtype)
    assert told("mm", lambda: turned @ turned.T)[1].all()
    assert told("mm", lambda: turned @ tenth)[1].all()
    assert not told("mm", lambda: tenth @ tenth)[1].any()
    assert told("mv", lambda: turned @ turned[0])[1].tolist() == [True, True]
    assert told("dot", lambda: turned[0].dot(turned[1]))[1].tolist() is True
    assert told("bmm", lambda: torch.bmm(turned[None], turned[None]))[1].all()
    wide = torch.ones(80, 80, dtype=dtype)
    assert told("mm", lambda: wide @ wide)[1] is None


def test_elementary_functions_at_zero() -> None:
    """Where alone they are exact at all."""
    x = torch.tensor([0.0, -0.0, 1e-3, 1.0], dtype=torch.float64)
    for name in ("exp", "exp2", "cos", "cosh", "erfc", "sigmoid"):
        function = getattr(torch.ops.aten, name)
        exact = told(name, lambda f=function: f(x))[1]
        assert exact.tolist() == [True, True, False, False], name
