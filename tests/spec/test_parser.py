"""The parser: what it accepts, what it refuses, and that nothing else can come of any text."""

from __future__ import annotations

import warnings
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck_sym.spec import tree
from gradcheck_sym.spec.codes import Code
from gradcheck_sym.spec.functions import FUNCTIONS, parameters
from gradcheck_sym.spec.parser import MAX_KNOWN, ParseError, closest, parse, unparse
from gradcheck_sym.spec.rewrite import occurrences
from gradcheck_sym.spec.tree import Binary, Call, Compare, Index, Logic, Name, Number, Span, Unary

EXAMPLES = settings(max_examples=300, deadline=None, derandomize=True)
X, Y = Name("x"), Name("y")


def refused(text: str, **options) -> ParseError:
    """The error that a text gives."""
    with pytest.raises(ParseError) as caught:
        parse(text, **options)
    return caught.value


def attempt(text: str, **options) -> tree.Node | ParseError:
    """The tree of a text, or the error."""
    try:
        return parse(text, **options)
    except ParseError as error:
        return error


# ---- trees


def number(text: str) -> Number:
    """The literal of that value."""
    return Number(Fraction(text))


@pytest.mark.parametrize(
    "text, expected",
    [
        ("0.1", number("0.1")),
        ("1e-3", number("1/1000")),
        ("1_000", number("1000")),
        (".5", number("1/2")),
        ("5.", number("5")),
        ("true", tree.Boolean(True)),
        ("True", tree.Boolean(True)),
        ("-x**2", Unary("-", Binary("**", X, number("2")))),
        ("2**-x", Binary("**", number("2"), Unary("-", X))),
        ("x - y - x", Binary("-", Binary("-", X, Y), X)),
        ("x @ y.T", Binary("@", X, Call("T", (Y,)))),
        ("x.mT", Call("mT", (X,))),
        ("x < y <= 1", Logic("and", (Compare("<", X, Y), Compare("<=", Y, number("1"))))),
        ("not x < y or y == x", None),
        ("x[0]", Index(X, (number("0"),))),
        ("x[..., none, 1:]", Index(X, (tree.Dots(), tree.Absent(), None))),
        ("sum(x, dim=0)", Call("sum", (X,), (("dim", number("0")),))),
        ("cat([x, y])", Call("cat", (tree.Sequence((X, Y), "[]"),))),
        ("(x, y)", tree.Sequence((X, Y), "()")),
        ("  x\n  + y", Binary("+", X, Y)),
        ("βeta", Name("βeta")),
    ],
)
def test_texts_become_the_trees_they_say(text, expected):
    """Literals are exact, precedence is Python's, words are lower or upper case."""
    found = parse(text)
    if expected is None or "1:" in text:
        assert parse(unparse(found)) == found
    else:
        assert found == expected


def test_a_slice_keeps_which_ends_are_open():
    """x[1:], x[:1], x[::2] and x[:] differ."""
    one, two = number("1"), number("2")
    ends = [(one, None, None), (None, one, None), (None, None, two), (None, None, None)]
    for text, (start, stop, step) in zip(["1:", ":1", "::2", ":"], ends, strict=True):
        assert parse(f"x[{text}]") == Index(X, (tree.Slice(start, stop, step),))


def test_spans_count_characters_of_the_text_even_beyond_ascii():
    """Python counts UTF-8 bytes; an editor counts characters."""
    text = "\n  αβ*foo(x)"
    error = refused(text)
    assert text[error.span.start : error.span.end] == "foo"
    found = parse(" αβ + y")
    assert isinstance(found, Binary)
    assert (found.span, found.right.span) == (Span(1, 7), Span(6, 7))


@pytest.mark.parametrize(
    "dialect, text",
    [
        ("math", " where(not z > 20, -x**2, (log(1 + exp(z)))/beta) "),
        ("math", "einsum('ij,jk->ik', (x + 1).T, y)[0, ..., 1:, :-1:2, [i, 0], none]"),
        ("math", "a < b <= c or True and +a == -(b + c)*2.5e-3"),
        ("math", "\n sum(αβ,\tdim=(0, λ), keepdim = true) @ x.mT"),
        ("steps", "x.grad + diff(y*x, x)"),
        ("torch", "F.softplus(x, beta=1.5)*torch.sum(x, dim=[0, 1])[0]"),
    ],
)
def test_every_part_is_where_its_span_says(dialect, text):
    """The text there is the part's own."""
    for _, node in occurrences(parse(text, dialect=dialect)):
        part = text[node.span.start : node.span.end]
        if isinstance(node, tree.Slice | tree.Dots):
            assert parse(f"x[{part}]", dialect=dialect) == Index(X, (node,))
        else:
            assert parse(part, dialect=dialect) == node


def test_every_function_of_the_table_is_callable_as_its_row_says():
    """By position alone, and each parameter by keyword; the row is checked without being asked."""
    for row in FUNCTIONS.values():
        declared = parameters(row.signature)
        required = [parameter for parameter in declared if parameter.default is None]
        arguments = ", ".join("x" for _ in required)
        assert isinstance(parse(f"{row.name}({arguments})"), Call)
        named = ", ".join(f"{p.name}=x" for p in declared if not p.variadic)
        if not any(parameter.variadic for parameter in declared):
            assert len(parse(f"{row.name}({named})").options) == len(declared)
            too_many = ", ".join("x" for _ in (*declared, None))
            assert refused(f"{row.name}({too_many})").code is Code.WRONG_ARGUMENTS


def test_defaults_of_the_table_are_expressions():
    """The lowering parses them."""
    for row in FUNCTIONS.values():
        for parameter in parameters(row.signature):
            if parameter.default is not None:
                parse(parameter.default)
        if row.define:
            parse(row.define, names={parameter.name for parameter in parameters(row.signature)})


# ---- names and functions


def test_unknown_names_are_told_with_what_is_near():
    """Inputs, lets and constants count as known; so do differences of case."""
    names = {"beta", "gamma", "E", "I", "N", "S", "Q", "O", "T"}
    assert parse("+".join(sorted(names)), names=names) is not None
    assert parse("pi*e*inf", names=()) is not None
    error = refused("x + btea", names={"x", "beta"})
    assert (error.code, error.span) == (Code.UNKNOWN_NAME, Span(4, 8))
    assert error.suggestion == "did you mean 'beta'?"
    assert refused("e_ + BETA", names={"e_", "beta"}).suggestion == "did you mean 'beta'?"


def test_a_function_without_arguments_is_explained():
    """sin is no value; x is no function."""
    assert refused("sin + 1", names={"x"}).suggestion == "write sin(x)"
    assert refused("x(1)", names={"x"}).message == "'x' is a value, not a function"
    assert refused("x.sum()", names={"x"}).suggestion == "write sum(…)"
    assert refused("(x + 1).sum()", names={"x"}).suggestion == "write sum(…)"
    assert refused("x.exp").suggestion == "write exp(…)"
    assert refused("x.exp", dialect="torch").suggestion == ""
    method = refused("torch.exp(x)")
    assert (method.code, method.suggestion) == (Code.UNKNOWN_FUNCTION, "write exp(…)")
    assert refused("y + x(1)", names={"x", "y"}).span == Span(4, 5)
    assert refused("sin + 1", names={"x"}).code is Code.UNKNOWN_NAME


def test_nothing_is_suggested_where_nothing_is_near():
    """Nor among more names than can be compared in no time."""
    assert refused("qqqq(x)").suggestion == ""
    assert refused("x\x07").suggestion == ""
    assert refused("qqqq + 1", names={"x", "y"}).suggestion == ""
    assert closest("name1", [f"name{number}" for number in range(MAX_KNOWN)]) != ""
    assert closest("name1", [f"name{number}" for number in range(MAX_KNOWN + 1)]) == ""


@pytest.mark.parametrize(
    "text, marked",
    [
        ("sum(x, dims=1)", "dims"),
        ("sum(x, 1, true, 3)", "3"),
        ("sum(x, 1, dim=2)", "dim"),
        ("sum(x, dim=1, dim=2)", "dim"),
        ("logsumexp(x)", "logsumexp(x)"),
        ("einsum()", "einsum()"),
        ("einsum('i', operands=x)", "operands"),
    ],
)
def test_calls_that_do_not_fit_are_refused(text, marked):
    """Too many, too few, unknown and repeated arguments, each at its place."""
    error = refused(text)
    assert error.code is Code.WRONG_ARGUMENTS
    assert text[error.span.start : error.span.end] == marked


# ---- dialects


def test_the_torch_dialect_calls_the_table_and_what_use_declares():
    """Dotted operators, F for torch.nn.functional, and plain names of one's own."""
    call = parse("torch.nn.functional.gelu(x, approximate='tanh')", dialect="torch")
    assert call == Call("F.gelu", (X,), (("approximate", tree.Text("tanh")),))
    assert parse("mine(x)", dialect="torch", operators={"mine"}) == Call("mine", (X,))
    first = Index(Call("torch.sort", (X,)), (number("0"),))
    assert parse("torch.sort(x).values", dialect="torch") == first
    assert parse("torch.sort(x)[0]", dialect="torch") == first
    assert parse(" torch.sort(x).values", dialect="torch").span == Span(1, 21)


@pytest.mark.parametrize(
    "text, code",
    [
        ("torch.load(x)", Code.UNKNOWN_OPERATOR),
        ("torch.exp_(x)", Code.UNKNOWN_OPERATOR),
        ("torch.ops.aten.add(x)", Code.UNKNOWN_OPERATOR),
        ("os.system('true')", Code.UNKNOWN_OPERATOR),
        ("x.exp()", Code.UNKNOWN_OPERATOR),
        ("mine(x)", Code.UNKNOWN_OPERATOR),
        ("F.relu(x, inplace=true)", Code.FORBIDDEN_OPTION),
        ("torch.exp(x, out=y)", Code.FORBIDDEN_OPTION),
        ("torch.sum(x, dim=0, dim=1)", Code.WRONG_ARGUMENTS),
        ("torch.pi * x", Code.NOT_IN_LANGUAGE),
        ("x.values", Code.NOT_IN_LANGUAGE),
        ("x.T.values", Code.NOT_IN_LANGUAGE),
    ],
)
def test_the_torch_dialect_refuses_everything_else(text, code):
    """Nothing that loads, writes in place, or is not in the table."""
    assert refused(text, dialect="torch").code is code


def test_operators_are_suggested_with_their_prefix():
    """A plain name, or a misspelled dotted one."""
    assert refused("softmax(x)", dialect="torch").suggestion == "did you mean 'F.softmax'?"
    assert refused("F.sotfplus(x)", dialect="torch").suggestion == "did you mean 'F.softplus'?"


def test_steps_have_gradients_as_names():
    """x.grad is a name, diff a function, and neither exists in the mathematics."""
    options = {"dialect": "steps", "names": {"x", "y"}}
    assert parse("x.grad", **options) == Name("x.grad")
    assert parse("diff(y, x) + 1", **options).left == Call("diff", (Y, X))
    assert refused("z.grad", **options).code is Code.UNKNOWN_NAME
    assert refused("(x + y).grad", **options).code is Code.NOT_IN_LANGUAGE
    assert refused("diff(y)", **options).code is Code.WRONG_ARGUMENTS
    assert refused("x.grad").code is Code.NOT_IN_LANGUAGE
    assert refused("diff(y, x)").code is Code.UNKNOWN_FUNCTION


# ---- what is refused


@pytest.mark.parametrize(
    "text, code, marked",
    [
        ("", Code.EMPTY_EXPRESSION, ""),
        (" \n ", Code.EMPTY_EXPRESSION, " \n "),
        ("x" * 10_001, Code.TEXT_TOO_LONG, "x"),
        ("[" * 9_000, Code.NESTED_TOO_DEEP, "["),
        ("-" * 9_000 + "x", Code.NESTED_TOO_DEEP, "-"),
        ("not " * 2_000 + "x", Code.NESTED_TOO_DEEP, "not"),
        ("(" * 101 + "x" + ")" * 101, Code.NESTED_TOO_DEEP, "("),
        ("+".join("x" * 102), Code.NESTED_TOO_DEEP, "+".join("x" * 102)),
        ("**".join("x" * 2_000), Code.NESTED_TOO_DEEP, "**".join("x" * 2_000)),
        ("x" + ".T" * 2_000, Code.NESTED_TOO_DEEP, "x" + ".T" * 2_000),
        ("[" + "x," * 2_001 + "]", Code.TOO_MANY_PARTS, "[" + "x," * 2_001 + "]"),
        ("1e999999", Code.LITERAL_TOO_LARGE, "1e999999"),
        ("x + 1e401", Code.LITERAL_TOO_LARGE, "1e401"),
        ("1e-401", Code.LITERAL_TOO_LARGE, "1e-401"),
        ("1e" + "9" * 5_000, Code.LITERAL_TOO_LARGE, "1e" + "9" * 5_000),
        ("9" * 5_000, Code.LITERAL_TOO_LARGE, "9" * 5_000),
        ("9**9**9", Code.EXPONENT_TOO_LARGE, "9**9**9"),
        ("1 + x**(10**9)", Code.EXPONENT_TOO_LARGE, "x**(10**9)"),
        ("x**-1001", Code.EXPONENT_TOO_LARGE, "x**-1001"),
        ("pow(x, 2*1000)", Code.EXPONENT_TOO_LARGE, "pow(x, 2*1000)"),
        ("pow(x, exponent=2*1000)", Code.EXPONENT_TOO_LARGE, "pow(x, exponent=2*1000)"),
        ("pow(exponent=10**300, x=9)", Code.EXPONENT_TOO_LARGE, "pow(exponent=10**300, x=9)"),
        ("sin(9**9**9)", Code.EXPONENT_TOO_LARGE, "9**9**9"),
        ("sum(x, dim=9**9**9)", Code.EXPONENT_TOO_LARGE, "9**9**9"),
        ("x < 9**9**9", Code.EXPONENT_TOO_LARGE, "9**9**9"),
        ("not (x > 0 or 9**9**9 < x)", Code.EXPONENT_TOO_LARGE, "9**9**9"),
        ("[x, (1, 9**9**9)]", Code.EXPONENT_TOO_LARGE, "9**9**9"),
        ("x[1:9**9**9]", Code.EXPONENT_TOO_LARGE, "9**9**9"),
        ("-(x*(1 - 9**9**9))", Code.EXPONENT_TOO_LARGE, "9**9**9"),
        ("x*(9**999)**999", Code.CONSTANT_TOO_LARGE, "(9**999)**999"),
        ("pow(9**999, 999)", Code.CONSTANT_TOO_LARGE, "pow(9**999, 999)"),
        ("*".join(["0.1**999"] * 9), Code.CONSTANT_TOO_LARGE, None),
        ("x^2", Code.STRANGE_CHARACTER, "^"),
        ("|x|", Code.STRANGE_CHARACTER, "|"),
        ("x // y", Code.STRANGE_CHARACTER, "//"),
        ("x\0", Code.STRANGE_CHARACTER, "\0"),
        ("x + \ud800", Code.STRANGE_CHARACTER, "\ud800"),
        ("x − y", Code.STRANGE_CHARACTER, "−"),
        ("x\u00a0+ y", Code.STRANGE_CHARACTER, "\u00a0"),
        ("x # y", Code.STRANGE_CHARACTER, "#"),
        ("x \\\n + y", Code.STRANGE_CHARACTER, "\\"),
        (r"einsum('\n', x)", Code.STRANGE_CHARACTER, "\\"),
        ("einsum('\u202e', x)", Code.STRANGE_CHARACTER, "\u202e"),
        ("{x}", Code.STRANGE_CHARACTER, "{"),
        ("x +", Code.SYNTAX, ""),
        ("(x", Code.SYNTAX, "("),
        ("x)", Code.SYNTAX, ")"),
        ("(x]", Code.SYNTAX, "]"),
        ("x y", Code.SYNTAX, "y"),
        ("'x", Code.SYNTAX, "'"),
        ("@x", Code.SYNTAX, "@"),
        ("sum(x, dim=)", Code.SYNTAX, None),
        ("x = y", Code.SYNTAX, None),
        ("[a, *b]", Code.NOT_IN_LANGUAGE, "*b"),
        ("sum(*x)", Code.NOT_IN_LANGUAGE, "*x"),
        ("sum(x, **y)", Code.NOT_IN_LANGUAGE, "**y"),
        ("(x := 1)", Code.NOT_IN_LANGUAGE, "x := 1"),
        ("x.shape", Code.NOT_IN_LANGUAGE, "x.shape"),
        ("2(x)", Code.NOT_IN_LANGUAGE, "2(x)"),
        ("x + ...", Code.NOT_IN_LANGUAGE, "..."),
        ("lambda x: x", Code.BAD_IDENTIFIER, "lambda"),
        ("[x for x in y]", Code.BAD_IDENTIFIER, "for"),
        ("x if y else 1", Code.BAD_IDENTIFIER, "if"),
        ("x is y", Code.BAD_IDENTIFIER, "is"),
        ("await x", Code.BAD_IDENTIFIER, "await"),
        ("__import__('os')", Code.BAD_IDENTIFIER, "__import__"),
        ("x.__class__", Code.BAD_IDENTIFIER, "__class__"),
        ("ﬁ", Code.BAD_IDENTIFIER, "ﬁ"),
        ("x²", Code.BAD_IDENTIFIER, "x²"),
        ("٣", Code.BAD_IDENTIFIER, "٣"),
        ("2x", Code.BAD_LITERAL, "2x"),
        ("0x1f", Code.BAD_LITERAL, "0x1f"),
        ("1j", Code.BAD_LITERAL, "1j"),
        ("1__0", Code.BAD_LITERAL, "1__0"),
        ("010", Code.BAD_LITERAL, "010"),
        ("1.2.3", Code.BAD_LITERAL, "1.2.3"),
        ("f'{x}'", Code.BAD_LITERAL, "f'{x}'"),
        ("einsum('i' 'j', x)", Code.BAD_LITERAL, "'i' 'j'"),
        ("x + 'a'", Code.NOT_A_NUMBER, "'a'"),
        ("x == none", Code.NOT_A_NUMBER, "none"),
        ("softplsu(x)", Code.UNKNOWN_FUNCTION, "softplsu"),
        ("print(x)", Code.UNKNOWN_FUNCTION, "print"),
    ],
)
def test_each_mistake_has_its_code_and_its_place(text, code, marked):
    """Limits, strange characters, Python's other syntax, and plain slips."""
    error = refused(text)
    assert error.code is code
    assert error.span.start <= error.span.end
    if marked is not None:
        assert text[error.span.start : error.span.end] == marked


@pytest.mark.parametrize(
    "text, message",
    [
        ("x" * 10_001, "the expression has 10001 characters; at most 10000 are read"),
        ("", "the expression is empty"),
        ("x\x07", r"'\x07' means nothing here"),
        ("x × y", "'×' (MULTIPLICATION SIGN) means nothing here"),
        ("x // y", "'//' means nothing here"),
        ("'x", "the text that begins here is not closed"),
        (r"einsum('\n', x)", r"'\' may not stand in a text"),
        ("f'x'", "a text stands alone: it has no prefix and is not continued"),
        ("1__0", "'1__0' is not a decimal number"),
        ("0x1f", "'0x1f' is not a decimal number"),
        ("2x", "'2x' is neither a number nor a name"),
        ("9" * 900, f"the number '{'9' * 20}…' is too large, too small or too long"),
        ("x" * 101, f"'{'x' * 30}…' has more than 100 characters"),
        ("x²", "'x²' is not a name"),
        ("ﬁ", "'ﬁ' is written with characters that stand for others"),
        ("__x", "'__x' begins with two underscores"),
        ("lambda x: x", "'lambda' is a reserved word"),
        ("(" * 101, "the expression is nested deeper than 100 levels"),
        ("+".join("x" * 102), "the expression is nested deeper than 100 levels"),
        ("[" + "x," * 2_001 + "]", "the expression has more than 2000 parts"),
        ("(x", "'(' is never closed"),
        ("x)", "')' closes nothing"),
        ("(x]", "'(' is closed by ']'"),
        ("x +", "the expression ends too early"),
        ("x y", "something is missing or misplaced here"),
        ("x + none", "'none' is no value to compute with"),
        ("x + ...", "'...' stands inside an index only"),
        ("x.shape", "'x.shape' is not part of the language"),
        ("sum(x, **y)", "'**' does not spread options in a call"),
        ("x**1001", "a constant exponent beyond 1000"),
        ("(9**999)**999", "a constant of more than 20000 binary digits"),
        ("z", "unknown name 'z'; known are x, y"),
        ("sin + 1", "'sin' is a function; its arguments are missing"),
        ("x(1)", "'x' is a value, not a function"),
        ("softplsu(x)", "unknown function 'softplsu'"),
        ("torch.exp(x)", "unknown function 'torch.exp'"),
        ("sum(x, dims=1)", "sum(x, dim=none, keepdim=false) has no parameter 'dims'"),
        (
            "norm(x, 2, p=2)",
            "norm(x, p=2, dim=none, keepdim=false): 'p' is given by position already",
        ),
        ("sum(x, dim=1, dim=2)", "the option 'dim' is given twice"),
        ("sum(x, 1, true, 3)", "sum(x, dim=none, keepdim=false) takes at most 3 arguments"),
        ("logsumexp(x)", "logsumexp(x, dim, keepdim=false) needs 'dim'"),
    ],
)
def test_each_mistake_has_its_sentence(text, message):
    """What came and what is wrong with it, in whole sentences."""
    assert refused(text, names={"x", "y"}).message == message


@pytest.mark.parametrize(
    "text, message",
    [
        ("mine(x)", "unknown operator 'mine'"),
        ("torch.load(x)", "'torch.load' is not in the table of torch's pure operators"),
        ("torch.exp(x, out=y)", "the option 'out' is not for a spec to set"),
        ("F.relu(x, true)", "argument 2 is 'inplace', which is not for a spec to set"),
    ],
)
def test_each_mistake_with_operators_has_its_sentence(text, message):
    """In the torch dialect."""
    assert refused(text, dialect="torch").message == message


@pytest.mark.parametrize(
    "text, hint",
    [
        ("x^2", "powers are written **"),
        ("2x", "write 2*x"),
        ("x × y", "write *"),
        ("x // y", "write floor(x/y)"),
        ("lambda: x", "choose another name, such as lam"),
        ("2(x)", "write * to multiply"),
        ("exp(2)(x)", "give what is made here a name in its module, and name that in use"),
        ("+".join("x" * 102), "break it up with let"),
        ("x.t", "did you mean 'T'?"),
        ("x if y else 1", "write where(condition, x, y)"),
        ("softplsu(x)", "did you mean 'softplus'?"),
        ("sum(x, dims=1)", "did you mean 'dim'?"),
    ],
)
def test_slips_come_with_help(text, hint):
    """What the language has instead."""
    assert refused(text).suggestion == hint


def test_limits_are_not_below_what_people_write():
    """A float64 in full, a power of a hundred, a long sum broken by brackets."""
    assert parse(f"{Fraction(5e-324).numerator}") is not None
    assert parse("x**100*2**1000 + 1e400*1e-400") is not None
    assert parse("[" + ", ".join(["x + 1"] * 400) + "]") is not None


@pytest.mark.parametrize(
    "most, beyond",
    [
        ("x" * 100, "x" * 101),
        (" " * 9_999 + "x", " " * 10_000 + "x"),
        ("(" * 100 + "x" + ")" * 100, "(" * 101 + "x" + ")" * 101),
        ("-" * 99 + "x", "-" * 100 + "x"),
        ("[" + "x," * 1_999 + "]", "[" + "x," * 2_000 + "]"),
        ("0." + "1" * 798, "0." + "1" * 799),
        ("1e400", "10e400"),
        ("1e-400", "0.1e-400"),
        ("0e2400", "0e2401"),
        ("x**1000", "x**1001"),
        ("x**-1000", "x**-1001"),
        ("(2**999)**19", "(2**999)**20"),
    ],
)
def test_limits_are_as_stated(most, beyond):
    """The most that is read, and the least that is not."""
    assert parse(most) is not None
    refused(beyond)


# ---- properties


def _read(text: str) -> None:
    """Parse in every dialect; whatever comes, it is a tree or a ParseError within the text."""
    for dialect in ("math", "torch", "steps"):
        options = {"dialect": dialect, "names": {"x"}, "operators": {"f"}}
        found = attempt(text, **options)
        if isinstance(found, ParseError):
            assert 0 <= found.span.start <= len(text)
            assert found.message
            assert found.code in Code
        else:
            assert parse(unparse(found), **options) == found


@EXAMPLES
@given(st.text(max_size=60))
def test_any_text_is_a_tree_or_a_parse_error(text):
    """Nothing else is ever raised, not even a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _read(text)


PIECES = [
    *("x", "y", "f(", "sum(", "torch.exp(", "F.relu(", "einsum(", "'ij'", '"', "'", "(", ")"),
    *(
        "[",
        "]",
        "{",
        "+",
        "-",
        "*",
        "**",
        "/",
        "@",
        "<",
        "==",
        ":=",
        "=",
        ",",
        ":",
        ".",
        "...",
        ".",
    ),
    *("T", "grad", "values", "true", "none", "and", "or", "not", "if", "else", "for", "in", "0"),
    *("1e3", "1e999", "0x", "9**9", "_", "__x__", "\\", "\n", "\t", " ", "#", "λ", "\0", "\ud800"),
]


@EXAMPLES
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_any_sequence_of_pieces_is_a_tree_or_a_parse_error(text):
    """Texts that look like expressions reach deeper than random characters."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _read(text)


VALID = [
    "where(z > 20, x, log(1 + exp(z))/beta)",
    "einsum('ij,jk->ik', x, y.T)[0, ..., 1:-1]",
    "F.layer_norm(x, [3], weight=none, eps=1e-5)",
    "sum((x - mean(x, dim=-1, keepdim=true))**2)",
    "not a < b <= c or (d, [e, 1_0.5e-3])",
]


@EXAMPLES
@given(st.data())
def test_a_damaged_expression_is_a_tree_or_a_parse_error(data):
    """Characters removed, repeated, replaced or inserted anywhere."""
    text = data.draw(st.sampled_from(VALID))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(start + 5, len(text))))
        text = text[:start] + data.draw(st.sampled_from(PIECES) | st.characters()) + text[end:]
    _read(text)
