"""The characters and words of an expression, checked before Python's parser sees them.

What passes here is short, shallow and made of harmless tokens only, so that parsing it can
neither exhaust the stack nor build a huge number, on any version of Python.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import pairwise
from types import MappingProxyType
from typing import final

from gradcheck_sym.spec.codes import Code
from gradcheck_sym.spec.tree import Span

MAX_LENGTH = 10_000  # characters of an expression
MAX_NAME = 100  # characters of a name
MAX_DEPTH = 100  # levels of brackets, of signs in a row, and of the tree
MAX_DIGITS = 800  # of one literal; a float64 written out in full has up to 767
MAX_POWER_OF_TEN = 400  # of a literal; float64 ends at 308, its subnormals at -324


@final
class ParseError(ValueError):
    """Why a text is no expression: a fact, and the characters it is about."""

    def __init__(self, code: Code, message: str, span: Span, suggestion: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.span = span
        self.suggestion = suggestion


def shortened(text: str, limit: int = 60) -> str:
    """The beginning of a text that is too long for a message."""
    return text if len(text) <= limit else f"{text[:limit]}…"


def quoted(text: str, limit: int = 60) -> str:
    """The text in quotes for a message: on one line, without what a terminal would obey."""
    shown = shortened(text, limit)
    return "'" + "".join(c if is_seen(c) else ascii(c)[1:-1] for c in shown) + "'"


def is_seen(character: str) -> bool:
    """Whether a character can be shown as it is: it is no control, and not blank like a letter."""
    return character.isprintable() and character not in _BLANK_LETTERS


# Fillers of Hangul syllables: letters to Unicode (Lo), and nothing to the eye (default ignorable).
_BLANK_LETTERS = "\u115f\u1160\u3164\uffa0"


_TOKEN = re.compile(
    r"""
      (?P<space>   [ \t\r\n]+ )
    | (?P<number>  (?: [0-9][0-9_]*\.?[0-9_]* | \.[0-9][0-9_]* ) (?: [eE][+-]?[0-9][0-9_]* )? )
    | (?P<name>    \w+ )
    | (?P<text>    "[^"]*" | '[^']*' )
    | (?P<symbol>  \*\* | // | <= | >= | == | != | \.\.\. | [-+*/@<>=,:.()\[\]] )
    """,
    re.VERBOSE,
)
_NAME = re.compile(r"\w+")  # an identifier may have marks besides, such as accents by themselves
_DECIMAL = re.compile(  # underscores stand between digits; only zero begins with 0
    r"(?: 0 | [1-9](?:_?[0-9])* | (?=[0-9_]*[.eE]) [0-9](?:_?[0-9])* )?"
    r"(?: \.(?:[0-9](?:_?[0-9])*)? )? (?: [eE][+-]?[0-9](?:_?[0-9])* )?",
    re.VERBOSE,
)
_WORDS = frozenset({"and", "or", "not", "True", "False", "None"})
_SIGNS = frozenset({"-", "+", "not"})

# What people write for what the language has: the text, and the reason or replacement.
_HINTS: Mapping[str, str] = MappingProxyType(
    {
        "^": "powers are written **",
        "|": "write abs(x) for |x|, and 'or' between conditions",
        "&": "write 'and' between conditions",
        "!": "write 'not', or factorials as exp(lgamma(n + 1))",
        "~": "write 'not'",
        "%": "a remainder is x - y*floor(x/y)",
        "//": "write floor(x/y)",
        "#": "an expression has no comments",
        "\\": "a text has no escapes, and a line needs no continuation mark",
        "{": "use parentheses",
        "}": "use parentheses",
        ";": "use let for several expressions",
        "?": "write where(condition, x, y)",
        "−": "write -",
        "–": "write -",
        "×": "write *",
        "·": "write *",
        "÷": "write /",
        "≤": "write <=",
        "≥": "write >=",
        "≠": "write !=",
        "∞": "write inf",
        "√": "write sqrt(x)",
        "∑": "write sum(x)",
        "if": "write where(condition, x, y)",
        "else": "write where(condition, x, y)",
        "for": "use array functions such as sum, or einsum",
        "lambda": "choose another name, such as lam",
        "in": "choose another name",
        "is": "write ==",
    }
)


@final
class Token:
    """A piece of the text: its kind, "number", "name", "text" or "symbol", and its span."""

    __slots__ = ("kind", "span", "text")

    def __init__(self, match: re.Match[str]) -> None:
        self.kind = match.lastgroup or ""
        self.text = match[0]
        self.span = Span(match.start(), match.end())


def check(text: str) -> None:
    """Refuse what should not reach Python's parser; raises ParseError."""
    if len(text) > MAX_LENGTH:
        message = f"the expression has {len(text)} characters; at most {MAX_LENGTH} are read"
        raise ParseError(Code.TEXT_TOO_LONG, message, Span(MAX_LENGTH, MAX_LENGTH + 1))
    found = list(_tokens(text))
    if not found:
        raise ParseError(Code.EMPTY_EXPRESSION, "the expression is empty", Span(0, len(text)))
    _check_neighbours(found)
    _check_depth(found)


def _tokens(text: str) -> Iterator[Token]:
    """The tokens of the text, each of them harmless by itself."""
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _strange(text, position)
        position = match.end()
        if match.lastgroup != "space":
            token = Token(match)
            _CHECKS[token.kind](token)
            yield token


def _strange(text: str, position: int) -> ParseError:
    character = text[position]
    span = Span(position, position + 1)
    if character in "'\"":
        return ParseError(Code.SYNTAX, "the text that begins here is not closed", span)
    message = f"{quoted(character)} ({unicodedata.name(character, 'unnamed')}) means nothing here"
    if character.isascii():
        message = f"{quoted(character)} means nothing here"
    return ParseError(Code.STRANGE_CHARACTER, message, span, _HINTS.get(character, ""))


def _check_number(token: Token) -> None:
    if not _DECIMAL.fullmatch(token.text):
        message = f"{quoted(token.text, 20)} is not a decimal number"
        raise ParseError(Code.BAD_LITERAL, message, token.span)
    digits, _, exponent = token.text.replace("_", "").lower().partition("e")
    too_large = len(digits) > MAX_DIGITS or len(exponent) > MAX_DIGITS
    if too_large or abs(int(exponent or 0)) > 2 * (MAX_POWER_OF_TEN + MAX_DIGITS):
        raise _too_large(token)
    largest = 10**MAX_POWER_OF_TEN
    value = abs(number(token.text))
    if value and not 1 <= value * largest <= largest**2:
        raise _too_large(token)


def _too_large(token: Token) -> ParseError:
    message = f"the number {quoted(token.text, 20)} is too large, too small or too long"
    return ParseError(Code.LITERAL_TOO_LARGE, message, token.span)


def number(text: str) -> Fraction:
    """The exact value of a decimal literal; underscores between digits do not count."""
    return Fraction(text.replace("_", ""))


def _check_name(token: Token) -> None:
    complaint = identifier_complaint(token.text)
    if complaint:
        raise ParseError(Code.BAD_IDENTIFIER, complaint, token.span, _HINTS.get(token.text, ""))


def identifier_complaint(name: str) -> str:
    """What is wrong with a name as an identifier of the language; empty if nothing."""
    shown = quoted(name, 30)
    if len(name) > MAX_NAME:
        return f"{shown} has more than {MAX_NAME} characters"
    if not (name.isidentifier() and _NAME.fullmatch(name) and all(map(is_seen, name))):
        return f"{shown} is not a name"
    if unicodedata.normalize("NFKC", name) != name:
        return f"{shown} is written with characters that stand for others"
    if name.startswith("__"):
        return f"{shown} begins with two underscores"
    if keyword.iskeyword(name) and name not in _WORDS:
        return f"{shown} is a reserved word"
    return ""


def _check_text(token: Token) -> None:
    for offset, character in enumerate(token.text):
        if not is_seen(character) or character == "\\":
            start = token.span.start + offset
            message = f"{quoted(character)} may not stand in a text"
            raise ParseError(Code.STRANGE_CHARACTER, message, Span(start, start + 1))


def _check_symbol(token: Token) -> None:
    if token.text == "//":
        message = "'//' means nothing here"
        raise ParseError(Code.STRANGE_CHARACTER, message, token.span, _HINTS["//"])


_CHECKS = MappingProxyType(
    {
        "number": _check_number,
        "name": _check_name,
        "text": _check_text,
        "symbol": _check_symbol,
    }
)


def _check_neighbours(tokens: list[Token]) -> None:
    """Refuse what Python would read as one literal: 2x, 0x1f, 1j, f'…', 'a' 'b'."""
    for left, right in pairwise(tokens):
        touching = left.span.end == right.span.start
        both = Span(left.span.start, right.span.end)
        if left.kind == "number" and right.kind in ("name", "number") and touching:
            raise _run_together(left, right, both)
        if right.kind == "text" and (left.kind == "text" or (left.kind == "name" and touching)):
            message = "a text stands alone: it has no prefix and is not continued"
            raise ParseError(Code.BAD_LITERAL, message, both)


def _run_together(left: Token, right: Token, span: Span) -> ParseError:
    shown = quoted(left.text + right.text, 20)
    if left.text == "0" or right.kind == "number":
        return ParseError(Code.BAD_LITERAL, f"{shown} is not a decimal number", span)
    message = f"{shown} is neither a number nor a name"
    return ParseError(Code.BAD_LITERAL, message, span, f"write {left.text}*{right.text}")


def _check_depth(tokens: list[Token]) -> None:
    """Match the brackets, and refuse what nests beyond the limit by brackets or by signs."""
    opened: list[Token] = []
    signs = 0
    for token in tokens:
        signs = signs + 1 if token.text in _SIGNS else 0
        if token.text in ("(", "["):
            opened.append(token)
        elif token.text in (")", "]"):
            _close(opened, token)
        if len(opened) > MAX_DEPTH or signs > MAX_DEPTH:
            message = f"the expression is nested deeper than {MAX_DEPTH} levels"
            raise ParseError(Code.NESTED_TOO_DEEP, message, token.span)
    if opened:
        message = f"'{opened[-1].text}' is never closed"
        raise ParseError(Code.SYNTAX, message, opened[-1].span)


def _close(opened: list[Token], token: Token) -> None:
    if not opened:
        raise ParseError(Code.SYNTAX, f"'{token.text}' closes nothing", token.span)
    opening = opened.pop()
    if opening.text + token.text not in ("()", "[]"):
        message = f"'{opening.text}' is closed by '{token.text}'"
        raise ParseError(Code.SYNTAX, message, token.span)
