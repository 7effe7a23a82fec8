"""Complex mathematics: values are mpmath's, gradients torch's convention, cuts are jumps."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
from flint import ctx
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from gradcheck_sym.autograd.functions import evaluate
from gradcheck_sym.spec.dtypes import format_of
from gradcheck_sym.spec.functions import FUNCTIONS, Function, parameters
from gradcheck_sym.spec.parser import parse
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.symbolic import complexes, guard, interpret
from gradcheck_sym.symbolic.complexes import Complex
from gradcheck_sym.symbolic.derivation import Derivation, condition, derive
from gradcheck_sym.symbolic.display import derivative_text
from gradcheck_sym.symbolic.lower import LowerError
from gradcheck_sym.symbolic.places import Place
from gradcheck_sym.symbolic.program import Builder

FLOAT64 = format_of("float64")
QUICK = settings(deadline=None, derandomize=True, max_examples=25)

# Points off the real and imaginary axes, where all cuts are.
PARTS = st.tuples(*[st.floats(-3, 3).filter(lambda x: abs(x) > 1e-3)] * 2)

ROWS = [row for row in FUNCTIONS.values() if row.elementwise]
# What has no meaning for complex numbers, or none that the language gives it.
REAL_ONLY = set(
    "atan2 sinc relu erf erfc erfinv lgamma digamma sign floor ceil frac maximum minimum".split()
)
DEFINED = [row for row in ROWS if row.name not in REAL_ONLY]
_ids = {"ids": lambda row: row.name}

_REFERENCE: Mapping[str, Callable[..., Any]] = {
    "exp2": lambda z: mpmath.mpf(2) ** z,
    "log1p": lambda z: mpmath.log(1 + z),
    "expm1": lambda z: mpmath.exp(z) - 1,
    "log2": lambda z: mpmath.log(z) / mpmath.log(2),
    "rsqrt": lambda z: 1 / mpmath.sqrt(z),
    "reciprocal": lambda z: 1 / z,
    "square": lambda z: z * z,
    "pow": lambda z, w: mpmath.exp(w * mpmath.log(z)),
    "sigmoid": lambda z: 1 / (1 + mpmath.exp(-z)),
    "softplus": lambda z, beta: mpmath.log(1 + mpmath.exp(beta * z)) / beta,
    "abs": abs,
    "clone": lambda z: z,
    "real": mpmath.re,
    "imag": mpmath.im,
    "angle": mpmath.arg,
}


def reference(row: Function) -> Callable[..., Any]:
    """mpmath's function of complex numbers."""
    return _REFERENCE.get(row.name) or getattr(mpmath, row.name)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def of_complex(spec_of: Any) -> Callable[..., Spec]:
    """Make a spec over complex inputs (of these shapes), and real ones."""

    def made(expr: str, shapes: Mapping[str, tuple[int, ...]] | None = None, real: str = "") -> Any:
        spec = spec_of(expr, {"z": ()} if shapes is None else shapes)
        inputs = tuple(replace(e, complex=e.name not in real.split()) for e in spec.inputs)
        return replace(spec, inputs=inputs)

    return made


def values(derivation: Derivation, row: list[float]) -> list[Any]:
    """The elements of the value as balls, at high precision."""
    with ctx.workprec(400):
        return interpret.exact(derivation.forward, row)


def call(row: Function) -> str:
    """The row called on z, and w if it takes two."""
    return f"{row.name}({', '.join('zw'[: len(parameters(row.signature))])})"


@cache
def _derived(row: Function, of_complex: Callable[..., Spec]) -> Derivation:
    return derive(
        of_complex(call(row), dict.fromkeys("zw"[: len(parameters(row.signature))], ())), {}
    )


def test_every_row_is_decided() -> None:
    """A row is defined for complex arguments, or listed as one of real numbers only."""
    known = {*complexes.FUNCTIONS, *(row.name for row in ROWS if row.define)}
    assert {row.name for row in DEFINED} <= known
    assert not REAL_ONLY & set(complexes.FUNCTIONS)
    assert set(complexes.FUNCTIONS) <= {row.name for row in ROWS}


@pytest.mark.parametrize("row", DEFINED, **_ids)
@QUICK
@given(z=PARTS, w=PARTS)
def test_values(row: Function, z: Any, w: Any, of_complex: Any, ball_of: Any) -> None:
    """Real and imaginary part are those of mpmath's principal value."""
    arguments = [z, w][: len(parameters(row.signature))]
    derivation = _derived(row, of_complex)
    with mpmath.workdps(60):
        truth = reference(row)(*(mpmath.mpc(*parts) for parts in arguments))
        assume(abs(truth) < 1e30)
        wanted = [mpmath.re(truth), mpmath.im(truth)]
    found = values(derivation, [part for parts in arguments for part in parts])
    assert len(found) == (2 if derivation.complex_value else 1)
    for ball, number in zip(found, wanted, strict=False):
        assert ball.overlaps(ball_of(number, float(abs(truth)) * 1e-50)), (ball, number)
    if not derivation.complex_value:
        assert wanted[1] == 0


@pytest.mark.parametrize("row", DEFINED, **_ids)
@QUICK
@given(z=PARTS, w=PARTS, fed=PARTS)
def test_gradients_are_those_of_torch(
    row: Function, z: Any, w: Any, fed: Any, of_complex: Any
) -> None:
    """The gradient is the parts of what torch's backward gives for the same cotangent."""
    names = "zw"[: len(parameters(row.signature))]
    derivation = _derived(row, of_complex)
    arguments = dict(zip(names, (z, w), strict=False))
    tensors = {
        name: torch.tensor(complex(*parts), dtype=torch.complex128, requires_grad=True)
        for name, parts in arguments.items()
    }
    result = evaluate(parse(call(row)), tensors)
    assume(bool(torch.isfinite(result)))
    cotangent = torch.tensor(complex(*fed) if result.is_complex() else fed[0], dtype=result.dtype)
    result.backward(cotangent)
    given_ = [*fed] if derivation.complex_value else [fed[0]]
    row_ = [part for parts in arguments.values() for part in parts] + given_
    with ctx.workprec(400):
        truths = [float(ball) for ball in derivation.exact_gradient(row_)]
    for name, part in derivation.columns().items():
        shift = derivation.values
        truth = complex(*truths[part.start - shift : part.stop - shift])
        claimed = tensors[name].grad.item()
        scale = abs(truth) + abs(complex(*fed))
        assert abs(claimed - truth) <= 1e-9 * scale * (1 + abs(result.item())), (name, claimed)


@pytest.mark.parametrize("name", sorted(REAL_ONLY))
def test_functions_of_real_numbers_only(name: str, of_complex: Any) -> None:
    """They are refused by name, where the expression calls them."""
    text = call(FUNCTIONS[name])
    spec = of_complex(f"1 + {text}", dict.fromkeys("zw" if "w" in text else "z", ()))
    with pytest.raises(LowerError, match=f"{name} is not defined for complex") as caught:
        derive(spec, {})
    assert caught.value.span.start == 4


@pytest.mark.parametrize(
    "expr, message",
    [
        ("z > 0", "> compares real numbers"),
        ("where(z == 1, z, 0)", "== compares real numbers"),
        ("max(z)", "max is not defined for complex"),
        ("clamp(z, 0, 1)", "clamp is not defined for complex"),
        ("sort(z)", "sort is not defined for complex"),
        ("complex(z, 1)", "complex is not defined for complex"),
        ("polar(z, 1)", "polar is not defined for complex"),
        ("sum(z, dim=z)", "this option must be a constant"),
        ("where(z, 1, 0)", "a condition is wanted"),
    ],
)
def test_what_has_no_meaning(expr: str, message: str, of_complex: Any) -> None:
    """Order, extremes and options are of real numbers; the message says which."""
    with pytest.raises(LowerError, match=message):
        derive(of_complex(expr, {"z": (2,)}), {})


# Functions of arrays: what they are over two complex vectors and matrices, in NumPy.
ARRAYS: Mapping[str, Callable[..., Any]] = {
    "sum(z)": np.sum,
    "mean(m, dim=0)": lambda z, m: m.mean(0),
    "prod(z)": lambda z, m: np.prod(z),
    "cumsum(z, 0)": lambda z, m: np.cumsum(z),
    "cumprod(m, 1)": lambda z, m: np.cumprod(m, 1),
    "var(z)": lambda z, m: np.var(z, ddof=1),
    "std(z, correction=0)": lambda z, m: np.std(z),
    "norm(m)": lambda z, m: np.linalg.norm(m),
    "norm(z, 1)": lambda z, m: np.abs(z).sum(),
    "norm(z, 3)": lambda z, m: (np.abs(z) ** 3).sum() ** (1 / 3),
    "norm(z, inf)": lambda z, m: np.abs(z).max(),
    "logsumexp(z, 0)": lambda z, m: np.log(np.exp(z).sum()),
    "softmax(z, 0)": lambda z, m: np.exp(z) / np.exp(z).sum(),
    "m @ z": lambda z, m: m @ z,
    "m.mT @ m": lambda z, m: m.T @ m,
    "dot(z, z)": lambda z, m: z @ z,
    "outer(z, [1, 2])": lambda z, m: np.outer(z, [1, 2]),
    "einsum('ij,j->i', m, conj(z))": lambda z, m: m @ z.conj(),
    "det(m)": lambda z, m: np.linalg.det(m),
    "inv(m)": lambda z, m: np.linalg.inv(m),
    "trace(m)": lambda z, m: np.trace(m),
    "tril(m)": lambda z, m: np.tril(m),
    "diag(z)": lambda z, m: np.diag(z),
    "reshape(m, (4,))[1:3]": lambda z, m: m.reshape(4)[1:3],
    "[1, z[0]]": lambda z, m: np.array([1, z[0]]),
    "log([-1, z[0]])[1]": lambda z, m: np.log(z[0]),
    "cat([z, real(z)])": lambda z, m: np.concatenate([z, z.real]),
    "where(real(z) > 0, z, 1)": lambda z, m: np.where(z.real > 0, z, 1),
    "z*(real(z) > 0)": lambda z, m: z * (z.real > 0),
    "z + detach(z)": lambda z, m: 2 * z,
    "complex(real(z), 3)*2": lambda z, m: 2 * (z.real + 3j),
    "polar(abs(z), angle(z))": lambda z, m: z,
    "conj(m).T": lambda z, m: m.conj().T,
    "z**-2": lambda z, m: z**-2.0,
    "z**7": lambda z, m: z**7,
    "z**0": lambda z, m: z**0,
    "z**(1/3)": lambda z, m: z ** (1 / 3),
    "z**real(z)": lambda z, m: z**z.real,
    "2**z": lambda z, m: 2.0**z,
    "abs(z)**z": lambda z, m: np.abs(z) ** z,
    "real(m)[0]**z": lambda z, m: m.real[0] ** z,
    "1 - z": lambda z, m: 1 - z,
    "3/z": lambda z, m: 3 / z,
    "z/3": lambda z, m: z / 3,
    "z/m": lambda z, m: z / m,
    "-z": lambda z, m: -z,
    "real(m) @ z": lambda z, m: m.real @ z,
    "eye(2) @ z": lambda z, m: z,
}
Z = np.array([1.5 - 0.5j, -0.75 + 2j])
M = np.array([[0.5 + 1j, 2 - 0.25j], [1.25 + 0j, -1 - 2j]])


@pytest.mark.parametrize("expr", ARRAYS)
def test_arrays(expr: str, of_complex: Any) -> None:
    """Functions of arrays mean for complex elements what they mean in NumPy."""
    derivation = derive(of_complex(expr, {"z": (2,), "m": (2, 2)}), {})
    wanted = np.asarray(ARRAYS[expr](Z, M) if expr != "sum(z)" else Z.sum())
    row = [part for x in (*Z, *M.ravel()) for part in (x.real, x.imag)]
    found = np.array([float(ball) for ball in values(derivation, row)])
    found = found.reshape(derivation.out_shape)
    assert derivation.complex_value is np.iscomplexobj(wanted)
    if derivation.complex_value:
        found = found[..., 0] + 1j * found[..., 1]
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-13, atol=1e-14)


def test_a_sum_of_nothing_is_as_complex_as_one_of_something(of_complex: Any) -> None:
    """So that it has the parts of torch's empty sum, and a spec holds at all sizes."""
    spec = of_complex("sum(conj(z)*z)", {"z": ("n",)})
    assert derive(spec, {"n": 0}).out_shape == derive(spec, {"n": 1}).out_shape == (2,)
    assert derive(of_complex("sum(abs(z))", {"z": ("n",)}), {"n": 0}).out_shape == ()


@pytest.mark.parametrize(
    "expr, point, place",
    [
        ("log(z)", (-2.0, 0.0), Place.JUMP),
        ("log(z)", (-2.0, -0.0), Place.JUMP),
        ("log(z)", (2.0, 0.0), Place.REGULAR),
        ("log(z)", (0.0, -1.0), Place.REGULAR),
        ("sqrt(z)", (-1.0, 0.0), Place.JUMP),
        ("sqrt(z)", (4.0, 0.0), Place.REGULAR),
        ("angle(z)", (-1.0, 0.0), Place.JUMP),
        ("angle(z)", (0.0, 0.0), Place.JUMP),
        ("abs(z)", (0.0, 0.0), Place.SINGULAR),
        ("abs(z)", (0.0, -3.0), Place.REGULAR),
        ("1/z", (0.0, 0.0), Place.SINGULAR),
        ("z**2", (0.0, 0.0), Place.REGULAR),
        ("z**-1", (0.0, 0.0), Place.SINGULAR),
        ("asin(z)", (0.5, 0.0), Place.REGULAR),
        ("asin(z)", (2.0, 0.0), Place.JUMP),
        ("acosh(z)", (0.5, 0.0), Place.JUMP),
        ("acosh(z)", (1.5, 0.0), Place.REGULAR),
        ("atan(z)", (0.0, 2.0), Place.JUMP),
        ("conj(z)", (0.0, 0.0), Place.REGULAR),
    ],
)
def test_places(expr: str, point: tuple[float, float], place: Place, of_complex: Any) -> None:
    """On a branch cut the value jumps; at 0 it depends on the function."""
    derivation = derive(of_complex(expr), {})
    row = [*point, *np.ones(derivation.values)]
    assert derivation.settle(row, FLOAT64).place is place


def test_facts(of_complex: Any) -> None:
    """|z|**2 at 1+2i has the gradient 2+4i; the product of z**2 with 1 is 2-4i."""
    for expr, wanted in (("abs(z)**2", [2.0, 4.0]), ("z**2", [2.0, -4.0])):
        derivation = derive(of_complex(expr), {})
        settled = derivation.settle([1.0, 2.0, *derivation.ones.ravel()], FLOAT64)
        assert [truth.middle for truth in settled.gradient] == wanted


@QUICK
@given(z=PARTS, w=PARTS)
@example(z=(1.0, 2.0), w=(3.0, -1.0))
def test_operators_are_those_of_python(z: Any, w: Any) -> None:
    """Every operator of complex scalars, in both orders, with whole numbers and real scalars."""
    builder = Builder()
    a, b = (Complex(*(builder.input(f"{n}{k}") for k in "01")) for n in "zw")
    real = builder.input("w0")
    left, right = complex(*z), complex(*w)
    for op in (operator.add, operator.sub, operator.mul, operator.truediv):
        pairs = [
            (op(a, b), op(left, right)),
            (op(a, 3), op(left, 3)),
            (op(3, a), op(3, left)),
            (op(a, real), op(left, w[0])),
            (op(real, a), op(w[0], left)),
        ]
        for found, wanted in pairs:
            known = {"z0": z[0], "z1": z[1], "w0": w[0], "w1": w[1]}
            number = complex(*(_number(part, known) for part in (found.re, found.im)))
            assert number == pytest.approx(wanted, rel=1e-12, abs=1e-12 * abs(left) * abs(right))


def _number(scalar: Any, known: Mapping[str, float]) -> float:
    step = scalar.instruction
    args = [_number(type(scalar)(scalar.builder, arg), known) for arg in step.args]
    if step.op == "input":
        return known[step.data]
    if step.op == "const":
        return float(step.data)
    if step.op == "neg":
        return -args[0]
    names = {"div": operator.truediv, "pow": operator.pow}
    function: Callable[[float, float], float] = names.get(step.op) or getattr(operator, step.op)
    return function(*args)


def test_what_is_no_number_is_no_operand() -> None:
    """A float is not exact: neither real nor complex scalars take one."""
    builder = Builder()
    z = Complex(builder.input("re"), builder.input("im"))
    for left, right in ((z, 0.5), (0.5, z), (z.re, 0.5), (z, "x"), (z.re, "x")):
        with pytest.raises(TypeError):
            operator.add(left, right)


def test_conditions_and_formulas(of_complex: Any) -> None:
    """A `where` sees complex inputs; a derivative is told by the parts."""
    spec = of_complex("z**2", {"z": (2,)})
    holds = replace(spec.expr, tree=parse("abs(z) < 2"))
    program = condition(spec, holds, {"z": (2, 2)})
    assert len(program.outputs) == 2
    assert derivative_text(of_complex("z**2"), "z") == "2*real(z)"


@pytest.mark.parametrize("expr", ["sqrt(z)", "tanh(z)", "z**w", "1/z", "angle(z*w)", "acosh(z)"])
def test_sympy_agrees_with_taylor_arithmetic(expr: str, of_complex: Any) -> None:
    """The guard on SymPy holds for complex mathematics, too."""
    derivation = derive(of_complex(expr, {"z": (), "w": ()}), {})
    row = [0.75, -1.25, 0.5, 2.0, *np.linspace(1, 2, derivation.values)]
    assert derivation.settle(row, FLOAT64).place is Place.REGULAR
    assert guard.disagreement(derivation, row) == ""
