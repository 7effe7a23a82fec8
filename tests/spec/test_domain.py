"""Domains: interval notation to records and back."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck_sym.spec.codes import Code
from gradcheck_sym.spec.domain import format_domain, parse_domain
from gradcheck_sym.spec.functions import FUNCTIONS
from gradcheck_sym.spec.parser import ParseError
from gradcheck_sym.spec.records import Domain, Interval

INF = math.inf
EXAMPLES = settings(max_examples=200, deadline=None, derandomize=True)


def intervals(text: str) -> list[tuple[float, float, bool, bool]]:
    """The pieces of a domain's text, as plain tuples."""
    pieces = parse_domain(text).intervals
    return [(piece.low, piece.high, piece.low_closed, piece.high_closed) for piece in pieces]


def attempt(text: str) -> Domain | ParseError:
    """The domain that a text describes, or the error."""
    try:
        return parse_domain(text)
    except ParseError as error:
        return error


@pytest.mark.parametrize(
    "text, expected",
    [
        ("(0, inf)", [(0, INF, False, False)]),
        ("[-1,1]", [(-1, 1, True, True)]),
        (" [ -1/3 , 1e-3 ) ", [(-1 / 3, 1e-3, True, False)]),
        ("(-pi/2, pi/2)", [(-math.pi / 2, math.pi / 2, False, False)]),
        ("(0, 1 + e)", [(0, 1 + math.e, False, False)]),
        ("(0, +pi]", [(0, math.pi, False, True)]),
        ("[-(e + 1), -1]", [(-math.e - 1, -1, True, True)]),
        ("(0, 5e-324]", [(0, 5e-324, False, True)]),
        ("[1, 1]", [(1, 1, True, True)]),
        ("[0**0, 1**-1 + 1]", [(1, 2, True, True)]),
        ("real", [(-INF, INF, False, False)]),
        ("positive", [(0, INF, False, False)]),
        ("negative", [(-INF, 0, False, False)]),
        ("nonnegative", [(0, INF, True, False)]),
        ("nonpositive", [(-INF, 0, False, True)]),
        ("integers", [(-INF, INF, False, False)]),
        ("integers [0, 5]", [(0, 5, True, True)]),
        ("integers [3, inf)", [(3, INF, True, False)]),
        ("integers (-inf, 3]", [(-INF, 3, False, True)]),
        ("integers (0.5, 1.5)", [(0.5, 1.5, False, False)]),
        ("integers [1, 1]", [(1, 1, True, True)]),
        ("{0}", [(0, 0, True, True)]),
        ("{1, -1}", [(-1, -1, True, True), (1, 1, True, True)]),
        ("(1, 2) | (-1, 0)", [(-1, 0, False, False), (1, 2, False, False)]),
        ("(0, 1) | (1, 2)", [(0, 1, False, False), (1, 2, False, False)]),
        ("(0, 1] | (1, 2)", [(0, 2, False, False)]),
        ("(0, 1) | {1}", [(0, 1, False, True)]),
        ("(0, 3) | [1, 2]", [(0, 3, False, False)]),
        ("negative | positive", [(-INF, 0, False, False), (0, INF, False, False)]),
    ],
)
def test_texts_become_disjoint_intervals_in_rising_order(text, expected):
    """Pieces that overlap or touch are one; a point that is missing keeps them apart."""
    assert intervals(text) == expected


def test_integers_contain_integers_only():
    """Infinities and NaN are not among them."""
    domain = parse_domain("integers [0, 5]")
    assert domain.integers
    assert [value for value in (-1, 0, 2.5, 5, INF, math.nan) if value in domain] == [0, 5]
    assert [INF in parse_domain("integers"), -INF in parse_domain("integers")] == [False, False]


@pytest.mark.parametrize(
    "text, code, marked",
    [
        ("(0, O)", Code.BAD_DOMAIN, "O"),
        ("(x, 1)", Code.BAD_DOMAIN, "x"),
        ("(0, none)", Code.BAD_DOMAIN, "none"),
        ("(0, )", Code.BAD_DOMAIN, ")"),
        ("[0, 9**9**9]", Code.BAD_DOMAIN, "9**9**9"),
        ("[1e400, inf)", Code.BAD_DOMAIN, "1e400"),
        ("(0, 1/0)", Code.BAD_DOMAIN, "1/0"),
        ("(0, 0**-1)", Code.BAD_DOMAIN, "0**-1"),
        ("(0, 2*inf)", Code.BAD_DOMAIN, "2*inf"),
        ("(0, pi*1e308)", Code.BAD_DOMAIN, "pi*1e308"),
        ("(0, pi/(e - e))", Code.BAD_DOMAIN, "pi/(e - e)"),
        ("(0, pi**2)", Code.BAD_DOMAIN, "pi**2"),
        ("(0, (1 < 2)*pi)", Code.BAD_DOMAIN, "(1 < 2)*pi"),
        ("(-(1 < 2), 3)", Code.BAD_DOMAIN, "-(1 < 2)"),
        ("[0, inf]", Code.BAD_DOMAIN, "]"),
        ("[-inf, 0]", Code.BAD_DOMAIN, "["),
        ("{inf}", Code.BAD_DOMAIN, "inf"),
        ("", Code.BAD_DOMAIN, ""),
        ("(0, 1) | ", Code.BAD_DOMAIN, " "),
        ("(0, 1, 2)", Code.BAD_DOMAIN, "(0, 1, 2)"),
        ("  (0 1)", Code.BAD_DOMAIN, "(0 1)"),
        ("reel", Code.BAD_DOMAIN, "reel"),
        ("integers real", Code.BAD_DOMAIN, "real"),
        ("real | integers", Code.BAD_DOMAIN, "real | integers"),
        ("(2, 1)", Code.EMPTY_DOMAIN, "(2, 1)"),
        ("[1, 1)", Code.EMPTY_DOMAIN, "[1, 1)"),
        ("(0, 5e-324)", Code.EMPTY_DOMAIN, "(0, 5e-324)"),
        ("integers (0, 1)", Code.EMPTY_DOMAIN, "(0, 1)"),
        ("integers (0, 0.5]", Code.EMPTY_DOMAIN, "(0, 0.5]"),
        ("integers [0.5, 1)", Code.EMPTY_DOMAIN, "[0.5, 1)"),
        ("integers [0.5, 0.75]", Code.EMPTY_DOMAIN, "[0.5, 0.75]"),
        ("integers {0, 0.5}", Code.EMPTY_DOMAIN, " 0.5"),
    ],
)
def test_each_mistake_is_marked(text, code, marked):
    """The end, the bracket or the word that is wrong, not just the domain."""
    with pytest.raises(ParseError) as caught:
        parse_domain(text)
    assert caught.value.code is code
    assert text[caught.value.span.start : caught.value.span.end] == marked


def test_the_message_says_what_came_and_what_is_wanted():
    """As the style's example has it."""
    with pytest.raises(ParseError) as caught:
        parse_domain("(0, O)")
    assert caught.value.message == "got '(0, O)'; an endpoint is a number, inf or -inf"
    with pytest.raises(ParseError) as caught:
        parse_domain("postive")
    assert caught.value.suggestion == "did you mean 'positive'?"
    with pytest.raises(ParseError) as caught:
        parse_domain("real | integers")
    assert caught.value.suggestion == "write integers each time"


@pytest.mark.parametrize(
    "text, message",
    [
        ("(0, O)", "an endpoint is a number, inf or -inf"),
        ("(0, 1/0)", "an endpoint is a number, inf or -inf"),
        ("(0 1)", "a domain is written (low, high), [low, high], or as a word"),
        (
            "reel",
            "the words are real, positive, negative, nonnegative, nonpositive, integers",
        ),
        ("[0, inf]", "an infinite end is open, with a round bracket"),
        ("{inf}", "a point is finite"),
        ("real | integers", "a domain is of real numbers or of integers, not of both"),
        ("(2, 1)", "nothing lies in it: the ends are reversed"),
        ("(1, 1)", "nothing lies in it: the ends are equal, or neighbours, and open"),
        ("integers (0, 1)", "nothing lies in it: there is no integer in it"),
        ("integers {0.5}", "nothing lies in it: the point is no integer"),
    ],
)
def test_each_mistake_has_its_sentence(text, message):
    """What came, and what is wrong with it."""
    with pytest.raises(ParseError) as caught:
        parse_domain(text)
    assert caught.value.message == f"got '{text}'; {message}"


def test_the_function_table_speaks_of_domains_in_this_notation():
    """Domains, singular points and kinks of every row can be read."""
    for row in FUNCTIONS.values():
        for text in (row.domain, row.singular, row.kinks):
            if text:
                parse_domain(text)


ends = st.floats(allow_nan=False, allow_infinity=False)
pieces = st.one_of(
    st.builds(
        lambda ends, low, high: f"{'[' if low else '('}{ends[0]}, {ends[1]}{']' if high else ')'}",
        st.tuples(ends, ends).map(sorted).filter(lambda pair: pair[0] + 1 < pair[1]),
        st.booleans(),
        st.booleans(),
    ),
    st.builds(lambda x: f"{{{x!r}}}", ends),
    st.sampled_from(["real", "positive", "(-inf, -1]", "[3, inf)"]),
)


@EXAMPLES
@given(st.lists(pieces, min_size=1, max_size=4).map(" | ".join))
def test_format_is_the_inverse_of_parse(text):
    """parse(format(d)) == d, whatever the pieces."""
    domain = parse_domain(text)
    assert parse_domain(format_domain(domain)) == domain
    lows = [piece.low for piece in domain.intervals]
    assert lows == sorted(lows)


def test_formats_are_as_people_write_them():
    """Whole numbers without a point; words where there is one."""
    for text in ("real", "integers", "[0, 5)", "integers [0, 5]", "{0}", "(-inf, 0.5]"):
        assert format_domain(parse_domain(text)) == text
    assert format_domain(Domain((Interval(1e20, INF, True, False),))) == "[1e+20, inf)"


@EXAMPLES
@given(st.text("()[]{},|-+*/. 019einfprltgs\n\0", max_size=20))
def test_any_text_is_a_domain_or_a_parse_error(text):
    """Nothing else is ever raised, and the place lies in the text."""
    found = attempt(text)
    if isinstance(found, ParseError):
        assert 0 <= found.span.start <= len(text)
    else:
        assert parse_domain(format_domain(found)) == found
