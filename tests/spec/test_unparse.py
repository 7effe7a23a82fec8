"""From trees to texts: the shortest spelling, which parses to the same tree."""

from __future__ import annotations

import string
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck_sym.spec import tree
from gradcheck_sym.spec.codes import Code
from gradcheck_sym.spec.operators import OPERATORS
from gradcheck_sym.spec.parser import ParseError, parse, unparse
from gradcheck_sym.spec.tree import Binary, Call, Compare, Index, Logic, Name, Number, Unary

EXAMPLES = settings(max_examples=300, deadline=None, derandomize=True)
X = Name("x")

identifiers = st.sampled_from(["x", "y", "beta", "E", "T", "λ"]).map(Name)
numbers = st.one_of(
    st.integers(0, 10**12).map(Fraction),
    st.floats(0, allow_nan=False, allow_infinity=False).map(Fraction),
    st.builds(
        lambda m, e: Fraction(m) * Fraction(10) ** e,
        st.integers(0, 999),
        st.integers(-390, 390),
    ),
).map(Number)
texts = st.text(string.ascii_letters + " ,->.'", max_size=6).map(tree.Text)
options = st.one_of(texts, st.just(tree.Absent()), st.booleans().map(tree.Boolean))


def _larger(parts):
    small = st.lists(parts, min_size=1, max_size=3).map(tuple)
    ends = st.none() | parts
    items = st.one_of(parts, st.builds(tree.Slice, ends, ends, ends), st.just(tree.Dots()))
    calls = st.one_of(
        st.builds(lambda x, dim: Call("sum", (x,), (("dim", dim),)), parts, parts | options),
        st.builds(lambda x, y, z: Call("where", (x, y, z)), parts, parts, parts),
        st.builds(lambda t, xs: Call("einsum", (t, *xs)), texts, small),
        st.builds(lambda x, name: Call(name, (x,)), parts, st.sampled_from(["T", "mT", "exp"])),
    )
    indexed = st.lists(items | st.just(tree.Absent()), max_size=3).map(tuple)
    return st.one_of(
        st.builds(Unary, st.sampled_from(["-", "+", "not"]), parts),
        st.builds(Binary, st.sampled_from(["+", "-", "*", "/", "@"]), parts, parts),
        st.builds(lambda x, y: Binary("**", x, y), parts, identifiers | parts.map(_named)),
        st.builds(Compare, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), parts, parts),
        st.builds(
            Logic,
            st.sampled_from(["and", "or"]),
            st.lists(parts, min_size=2, max_size=3).map(tuple),
        ),
        calls,
        st.builds(Index, parts, indexed),
        st.builds(tree.Sequence, small | st.just(()), st.sampled_from(["()", "[]"])),
    )


def _named(part):
    """The part made no constant, so that no limit of exponents applies."""
    return Binary("*", X, part)


trees = st.recursive(
    identifiers | numbers | st.booleans().map(tree.Boolean), _larger, max_leaves=20
)


@EXAMPLES
@given(trees)
def test_unparse_is_the_inverse_of_parse(node):
    """parse(unparse(t)) == t for trees of every kind of node."""
    try:
        text = unparse(node)
    except ValueError:  # a text with both kinds of quote
        return
    try:
        found = parse(text)
    except ParseError as error:
        found = error.code
    assert found in (node, Code.EXPONENT_TOO_LARGE, Code.CONSTANT_TOO_LARGE), text


@EXAMPLES
@given(st.sampled_from(sorted(OPERATORS)), trees)
def test_operators_survive_the_round_trip(operator, node):
    """In the torch dialect, too."""
    options = (("p", Number(Fraction(1, 2))), ("dim", Unary("-", Number(Fraction(1)))))
    call = Call(operator, (X,), options)
    assert parse(unparse(call), dialect="torch") == call


@pytest.mark.parametrize(
    "text",
    [
        *("0.2", "0.05", "12.5", "0.125", "100000", "1e6", "1.5e30", "1.2e7", "2e-25", "1234567.5"),
        *("x.T", "(x + y).mT", "x[0].T", "sum(x, dim=0).T", "T(x, dim=0)", "softmax(x, dim=-1)"),
        *("x[0]", "x[0, 1]", "x[(0, 1),]", "x[(0, 1), 2]", "x[[0, 1]]", "x[()]", "x[..., none]"),
        *("x[:]", "x[1:]", "x[:2]", "x[1:2]", "x[::2]", "x[1:3:-1]"),
        *("()", "(x,)", "(x, y)", "[]", "[x]", "(x, [y], 'a')", 'f("\'")'),
        *("not x < y", "not (x < y and y < x)", "not x < y or x == y and y != x"),
        *("-x**2", "(-x)**2", "2**-x", "(x + y)*x", "x - (y - x)", "x/(y*x)", "x/y*x", "-(x + y)"),
        *("+x", "-x*y", "x*-y", "(x < y) + 1", "x@y", "true", "false", "none"),
    ],
)
def test_trees_are_written_as_people_write_them(text):
    """With the fewest parentheses, and numbers in the shorter notation."""
    operators = {"sum", "T", "softmax", "f"}
    assert unparse(parse(text, dialect="torch", operators=operators)) == text


def test_numbers_without_a_literal_are_written_as_what_they_are():
    """1/3 and -2 keep their value and their place among operators."""
    power = Binary("**", Number(Fraction(1, 3)), Number(Fraction(-2)))
    assert unparse(power) == "(1/3)**-2"
    assert unparse(Binary("*", X, Number(Fraction(1, 3)))) == "x*(1/3)"
    with pytest.raises(ValueError, match="quote"):
        unparse(tree.Text("'\""))
