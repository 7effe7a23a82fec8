"""The expressions of -k: words joined by and, or, not and parentheses."""

from __future__ import annotations

import re
from collections.abc import Callable

from gradcheck_sym.commands.usage import Code, mistake

Matcher = Callable[[str], bool]

_TOKEN = re.compile(r"\s*([()]|[^\s()]+)")
_RESERVED = frozenset({"and", "or", "not", "(", ")"})
_MAX_DEPTH = 50  # of parentheses and nots; the parser recurses on them


def matcher(expression: str) -> Matcher:
    """Whether a text contains the words that an expression asks for, in any case.

    Raises SpecError where the expression does not parse.
    """
    parser = _Parser(expression)
    matches = parser.alternatives()
    parser.expect_end()
    return lambda text: matches(text.casefold())


class _Parser:
    """Recursive descent: or binds least, then and, then not."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = _TOKEN.findall(expression)
        self._next = 0
        self._depth = 0

    def alternatives(self) -> Matcher:
        terms = [self._conjunction()]
        while self._accept("or"):
            terms.append(self._conjunction())
        return lambda text: any(term(text) for term in terms)

    def expect_end(self) -> None:
        if self._next < len(self._tokens):
            raise self._error(
                f"'{self._tokens[self._next]}' stands where and, or or the end should"
            )

    def _conjunction(self) -> Matcher:
        factors = [self._factor()]
        while self._accept("and"):
            factors.append(self._factor())
        return lambda text: all(factor(text) for factor in factors)

    def _factor(self) -> Matcher:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self._error(f"nested deeper than {_MAX_DEPTH}")
        factor = self._unguarded_factor()
        self._depth -= 1
        return factor

    def _unguarded_factor(self) -> Matcher:
        if self._accept("not"):
            negated = self._factor()
            return lambda text: not negated(text)
        if self._accept("("):
            inner = self.alternatives()
            if not self._accept(")"):
                raise self._error("a parenthesis is not closed")
            return inner
        return self._word()

    def _word(self) -> Matcher:
        if self._next == len(self._tokens):
            raise self._error("it ends where a word should stand")
        word = self._tokens[self._next]
        if word in _RESERVED:
            raise self._error(f"'{word}' stands where a word should")
        self._next += 1
        return lambda text: word.casefold() in text

    def _accept(self, token: str) -> bool:
        if self._tokens[self._next : self._next + 1] == [token]:
            self._next += 1
            return True
        return False

    def _error(self, message: str) -> Exception:
        hint = "as in -k 'soft and not (max or plus)'"
        return mistake(Code.KEYWORD, f"-k: {message}", hint, self._expression)
