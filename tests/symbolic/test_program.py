"""Scalar programs: equal instructions once, folding that never changes a value, renumbering."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import reduce
from itertools import accumulate
from operator import add, mul, sub
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck_sym.symbolic import program as module
from gradcheck_sym.symbolic.program import (
    Builder,
    ProgramError,
    Scalar,
    finish,
    flat_names,
    labels,
    reachable,
)

EXACT = settings(deadline=None, derandomize=True, max_examples=200)
_fractions = st.fractions(min_value=-50, max_value=50, max_denominator=20)


def test_equal_instructions_are_one() -> None:
    """What occurs twice is computed once, in whatever order it is written."""
    builder = Builder()
    x, y = builder.input("x"), builder.input("y")
    assert (x * y + x).index == (x * y + x).index
    assert builder.input("x").index == x.index
    assert builder.emit("exp", [x]).index == builder.emit("exp", [x]).index
    assert (x * y).index != (y * x).index  # rounding is not asked, but neither is it assumed


@pytest.mark.parametrize(
    "expression",
    [
        lambda x, zero: zero * x,
        lambda x, zero: x * zero,
        lambda x, zero: x - x,
        lambda x, zero: x / x,
        lambda x, zero: x**zero,
        lambda x, zero: zero / x,
        lambda x, zero: zero - x,
    ],
)
def test_what_may_be_singular_stays(expression: Any) -> None:
    """0*log(x), x/x and x**0 keep their operation: their singular points belong to them."""
    builder = Builder()
    log = builder.emit("log", [builder.input("x")])
    result = expression(log, builder.constant(0))
    assert result.constant is None
    assert result.index != log.index
    assert log.index in reachable(builder.code, [result.index])


def test_neutral_elements_are_dropped() -> None:
    """Adding 0, and multiplying by, dividing by or raising to 1 leave the operand itself."""
    builder = Builder()
    x, zero, one = builder.input("x"), builder.constant(0), builder.constant(1)
    for same in (x + zero, zero + x, x - zero, x * one, one * x, x / one, x**one):
        assert same.index == x.index
    assert builder.op("scale", one, x).index == x.index
    assert builder.op("scale", x, one).index == x.index
    assert (one / x).index != x.index
    assert (one**x).index != x.index
    assert (one - x).index != x.index


@EXACT
@given(_fractions, _fractions, st.sampled_from(["add", "sub", "mul", "div", "pow", "neg"]))
def test_constants_are_folded_exactly(a: Fraction, b: Fraction, op: str) -> None:
    """Folding gives the rational number that arithmetic gives, or leaves the operation alone."""
    builder = Builder()
    given_ = [a] if op == "neg" else [a, b]
    result = builder.op(op, *map(builder.constant, given_)).constant
    expected: Fraction | None
    try:
        match op:
            case "add":
                expected = a + b
            case "sub":
                expected = a - b
            case "mul":
                expected = a * b
            case "div":
                expected = a / b
            case "neg":
                expected = -a
            case _:
                whole = b.denominator == 1 and (a != 0 or b > 0)
                expected = a ** int(b) if whole else a if b == 1 else None
    except ZeroDivisionError:
        expected = None
    assert result == expected


def test_zero_to_the_power_zero_and_division_by_zero_stay() -> None:
    """0**0, 0**-1 and 1/0 have no rational value to fold to."""
    builder = Builder()
    zero, one = builder.constant(0), builder.constant(1)
    assert (zero**zero).constant is None
    assert (zero**-1).constant is None
    assert (one / zero).constant is None
    assert (builder.constant(-8) ** Fraction(1, 3)).constant is None


def test_huge_powers_are_not_written_out() -> None:
    """9**9**9 stays an operation instead of filling the memory."""
    builder = Builder()
    nine = builder.constant(9)
    tower = nine**nine
    assert tower.constant == 9**9
    assert (nine**tower).constant is None
    assert (builder.constant(Fraction(1, 3)) ** -5000).constant is None


def test_reflected_operators_and_foreign_numbers() -> None:
    """Python integers and fractions enter exactly on either side; floats are refused."""
    builder = Builder()
    x = builder.input("x")
    for result, op in (
        (2 + x, "add"),
        (2 - x, "sub"),
        (2 * x, "mul"),
        (2 / x, "div"),
        (2**x, "pow"),
    ):
        assert result.instruction.op == op
        assert builder.code[result.instruction.args[0]].data == Fraction(2)
    assert (x + Fraction(1, 10)).instruction.op == "add"
    with pytest.raises(TypeError, match="'Scalar' and 'float'"):
        x + 0.1
    with pytest.raises(TypeError, match=r"0\.1 is no exact number"):
        builder.op("add", x, 0.1)
    assert repr(x) == "%0"


def test_extremes_of_extremes_are_one() -> None:
    """max(max(a, b), c, a) is one operation on a, b and c; a max of one thing is that thing."""
    builder = Builder()
    a, b, c = (builder.input(name) for name in "abc")
    inner = builder.extreme("max", [a, b])
    outer = builder.extreme("max", [inner, c, a])
    assert outer.instruction.args == (a.index, b.index, c.index)
    assert builder.extreme("min", [a, a]).index == a.index
    mixed = builder.extreme("min", [inner, c])
    assert mixed.instruction.args == (inner.index, c.index)


def test_a_program_that_grows_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit the spec is told so, instead of the machine running out of memory."""
    monkeypatch.setattr(module, "MAX_INSTRUCTIONS", 2)
    monkeypatch.setattr(module, "PER_INPUT", 4)
    builder = Builder()
    x, y = builder.input("x"), builder.input("y")
    for number in range(8):  # two inputs have room for eight more
        x = builder.emit("sin", [x]) if number % 2 else x * y
    assert len(builder.code) == 10
    with pytest.raises(ProgramError, match="over 10 operations"):
        builder.emit("cos", [x])


def test_finish_keeps_what_is_needed_and_renumbers() -> None:
    """Dead instructions are dropped; arguments come before their use; unused inputs are marked."""
    builder = Builder()
    x, y, z = (builder.input(name) for name in "xyz")
    dead = x * z
    kept = builder.emit("exp", [y]) + y
    program = finish("xyz", [kept, y])
    assert dead.index not in program.outputs
    assert program.inputs_at[0] == program.inputs_at[2] == -1
    assert program.code[program.inputs_at[1]].data == "y"
    assert [step.op for step in program.code] == ["input", "exp", "add"]
    assert all(arg < at for at, step in enumerate(program.code) for arg in step.args)
    assert program.outputs == (2, 0)


def test_finish_refuses_an_input_without_a_value() -> None:
    """An input that nobody gives a value is named."""
    builder = Builder()
    with pytest.raises(ProgramError, match=r"inputs without a value: \['y'\]"):
        finish(["x"], [builder.input("x") + builder.input("y")])


def test_a_program_without_outputs() -> None:
    """Nothing to compute is an empty program."""
    program = finish(["x"], [])
    assert (program.code, program.outputs, program.inputs_at) == ((), (), (-1,))
    assert program.depth() == 0


def test_depth_is_the_longest_path() -> None:
    """Operations from an input to an output, shared ones once on each path."""
    builder = Builder()
    x = builder.input("x")
    assert finish(["x"], [x]).depth() == 0
    assert finish(["x"], [x * x + x]).depth() == 2
    assert finish(["x"], [builder.emit("exp", [x * x * x])]).depth() == 3


@EXACT
@given(st.lists(st.integers(1, 4), max_size=4))
def test_flat_names_are_row_major(shape: list[int]) -> None:
    """Flat names count as NumPy's ravel does."""
    expected = [f"a[{','.join(map(str, index))}]" if shape else "a" for index in np.ndindex(*shape)]
    assert list(flat_names("a", shape)) == expected


def test_scalars_know_what_they_are() -> None:
    """Constants are known as such, conditions too."""
    builder = Builder()
    x = builder.input("x")
    assert isinstance(builder.scalar(x), Scalar)
    assert builder.constant(3).constant == 3
    assert x.constant is None
    assert builder.op("lt", x, 3).is_condition
    assert not x.is_condition
    assert builder.emit("polygamma", [x], 1).constant is None  # its order is no constant


def _depth(make: Callable[[list[Scalar]], list[Scalar]], inputs: int = 9) -> int:
    names = [f"x{k}" for k in range(inputs)]
    builder = Builder()
    return finish(names, make([builder.input(name) for name in names])).depth()


@pytest.mark.parametrize(
    "make, depth",
    [
        (lambda x: [reduce(add, x[:2])], 1),
        (lambda x: [reduce(add, x[:8])], 3),  # as ((a + b) + (c + d)) + …
        (lambda x: [reduce(add, x)], 4),
        (lambda x: [reduce(sub, x[:4])], 2),
        (lambda x: [reduce(mul, x[:8])], 7),
        (lambda x: [reduce(add, [each * x[8] for each in x[:8]]) * x[8]], 5),  # a dot product
        (lambda x: [((x[0] * x[1] + x[2]) * x[1] + x[3]) * x[1]], 5),  # Horner's scheme
        (lambda x: list(accumulate(x[:4])), 3),  # partial sums are needed one after the other
    ],
)
def test_sums_are_as_deep_as_if_added_in_pairs(
    make: Callable[[list[Scalar]], list[Scalar]], depth: int
) -> None:
    """Other operations in a row count each; a sum that is used in its own right as well."""
    assert _depth(make) == depth


def test_labels_are_what_is_compared_for_equality() -> None:
    """And moved by nothing; an input with a gradient is none, nor one that is only larger."""
    builder = Builder()
    x, k, j = (builder.input(name) for name in "xkj")
    where_k = builder.op("select", builder.op("eq", k, 3), x, x * j)
    both = builder.op("select", builder.op("gt", j, 1), where_k, builder.op("ne", x, 2))
    made = finish(["x", "k", "j"], [both])
    still = [at for at, step in enumerate(made.code) if step.data in ("k", "j")]
    assert [made.code[at].data for at in labels(made, still)] == ["k"]
