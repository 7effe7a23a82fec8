"""Domains in interval notation: text to record and back."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from gradcheck_sym.spec.codes import Code
from gradcheck_sym.spec.constants import nearest
from gradcheck_sym.spec.parser import closest, parse
from gradcheck_sym.spec.records import Domain, Interval
from gradcheck_sym.spec.tokens import ParseError, quoted
from gradcheck_sym.spec.tree import Span

INF = math.inf


def _between(left: str, low: float, high: float, right: str) -> Interval:
    return Interval(low, high, low_closed=left == "[", high_closed=right == "]")


_WORDS: Mapping[str, Interval] = MappingProxyType(
    {
        "real": _between("(", -INF, INF, ")"),
        "positive": _between("(", 0.0, INF, ")"),
        "negative": _between("(", -INF, 0.0, ")"),
        "nonnegative": _between("[", 0.0, INF, ")"),
        "nonpositive": _between("(", -INF, 0.0, "]"),
    }
)
_PIECE = re.compile(
    r"""(?P<integers> integers \b \s* )?
    (?: (?P<word> \w+ )
      | (?P<left> [\[(] ) (?P<low> [^,|]* ) , (?P<high> [^,|]*? ) (?P<right> [\])] )
      | \{ (?P<points> [^}|]* ) \}
    )?""",
    re.VERBOSE,
)
_ENDPOINT = "an endpoint is a number, inf or -inf"


def parse_domain(text: str) -> Domain:
    """The domain that a text describes, its pieces merged and in rising order.

    Pieces are joined by `|`: intervals such as `(0, inf)` or `[-1, 1/3]`, points `{0, pi/2}`,
    the words real, positive, negative, nonnegative, nonpositive, integers, and `integers` before
    an interval. Ends are rounded to the nearest float64. Raises ParseError with the span of
    what is wrong.
    """
    pieces: list[Interval] = []
    kinds: set[bool] = set()
    start = 0
    for part in text.split("|"):
        integers, found = _piece(text, start, start + len(part))
        pieces += found
        kinds.add(integers)
        start += len(part) + 1
    if len(kinds) > 1:
        message = f"got {quoted(text)}; a domain is of real numbers or of integers, not of both"
        raise ParseError(Code.BAD_DOMAIN, message, Span(0, len(text)), "write integers each time")
    return Domain(tuple(_merged(pieces)), integers=kinds.pop())


def _piece(text: str, start: int, end: int) -> tuple[bool, list[Interval]]:
    """Whether the piece is of integers, and its intervals."""
    part = text[start:end]
    lead, tail = len(part) - len(part.lstrip()), len(part) - len(part.rstrip())
    match = _PIECE.fullmatch(text, start + lead, end - tail) if part.strip() else None
    if match is None:
        raise _unreadable(text, start, end)
    integers = match["integers"] is not None
    if match["word"]:
        found = [_word(text, match)]
    elif match["points"] is not None:
        found = list(_points(text, match))
    elif match["left"]:
        found = [_interval(text, match, integers)]
    else:
        found = [_WORDS["real"]]
    return integers, found


def _unreadable(text: str, start: int, end: int) -> ParseError:
    lead = len(text[start:end]) - len(text[start:end].lstrip())
    span = Span(start + lead if lead < end - start else start, max(end, start + 1))
    message = f"got {quoted(text)}; a domain is written (low, high), [low, high], or as a word"
    return ParseError(Code.BAD_DOMAIN, message, span)


def _word(text: str, match: re.Match[str]) -> Interval:
    word = match["word"]
    if word in _WORDS and not match["integers"]:
        return _WORDS[word]
    known = (*_WORDS, "integers")
    message = f"got {quoted(text)}; the words are {', '.join(known)}"
    raise ParseError(Code.BAD_DOMAIN, message, Span(*match.span("word")), closest(word, known))


def _points(text: str, match: re.Match[str]) -> Iterator[Interval]:
    start = match.start("points")
    for part in match["points"].split(","):
        value = _end(text, start, start + len(part))
        if math.isinf(value):
            message = f"got {quoted(text)}; a point is finite"
            raise ParseError(Code.BAD_DOMAIN, message, Span(start, start + len(part)))
        if match["integers"] and value % 1:
            raise _empty(text, Span(start, start + len(part)), "the point is no integer")
        yield _between("[", value, value, "]")
        start += len(part) + 1


def _interval(text: str, match: re.Match[str], integers: bool) -> Interval:
    low, high = _end(text, *match.span("low")), _end(text, *match.span("high"))
    low_closed, high_closed = match["left"] == "[", match["right"] == "]"
    for value, closed, side in ((low, low_closed, "left"), (high, high_closed, "right")):
        if math.isinf(value) and closed:
            message = f"got {quoted(text)}; an infinite end is open, with a round bracket"
            raise ParseError(Code.BAD_DOMAIN, message, Span(*match.span(side)))
    span = Span(match.start("left"), match.end("right"))
    if low > high:
        raise _empty(text, span, "the ends are reversed")
    if _first(low, low_closed) > -_first(-high, high_closed):
        raise _empty(text, span, "the ends are equal, or neighbours, and open")
    found = Interval(low, high, low_closed, high_closed)
    if integers and not _has_integer(found):
        raise _empty(text, span, "there is no integer in it")
    return found


def _empty(text: str, span: Span, why: str) -> ParseError:
    return ParseError(Code.EMPTY_DOMAIN, f"got {quoted(text)}; nothing lies in it: {why}", span)


def _first(low: float, closed: bool) -> float:
    """The smallest float64 of an interval that begins at low."""
    return low if closed else math.nextafter(low, INF)


def _has_integer(piece: Interval) -> bool:
    if math.isinf(piece.low) or math.isinf(piece.high):
        return True
    first = math.ceil(piece.low)
    first += first == piece.low and not piece.low_closed
    last = math.floor(piece.high)
    last -= last == piece.high and not piece.high_closed
    return first <= last


def _end(text: str, start: int, end: int) -> float:
    """The number that text[start:end] states: a constant expression, or ±inf."""
    part = text[start:end]
    lead = start + len(part) - len(part.lstrip())
    span = Span(lead, max(lead + len(part.strip()), lead + 1))
    try:
        value = nearest(parse(part, names=()))
    except ParseError as err:
        message = f"got {quoted(text)}; {_ENDPOINT}"
        raise ParseError(Code.BAD_DOMAIN, message, span, err.suggestion) from None
    if value is None:
        raise ParseError(Code.BAD_DOMAIN, f"got {quoted(text)}; {_ENDPOINT}", span)
    return value


def _merged(pieces: list[Interval]) -> Iterator[Interval]:
    """The union of the pieces as disjoint intervals in rising order, none touching the next."""
    ordered = sorted(pieces, key=lambda piece: (piece.low, not piece.low_closed))
    current = ordered[0]
    for piece in ordered[1:]:
        apart = piece.low > current.high or (
            piece.low == current.high and not (piece.low_closed or current.high_closed)
        )
        if apart:
            yield current
            current = piece
            continue
        high, closed = max((current.high, current.high_closed), (piece.high, piece.high_closed))
        current = Interval(current.low, high, current.low_closed, closed)
    yield current


def format_domain(domain: Domain) -> str:
    """The text of a domain: parse_domain(format_domain(d)) == d."""
    prefix = "integers" if domain.integers else ""
    return " | ".join(_format(piece, prefix) for piece in domain.intervals)


def _format(piece: Interval, prefix: str) -> str:
    if piece == _WORDS["real"]:
        return prefix or "real"
    low, high = _format_end(piece.low), _format_end(piece.high)
    text = f"{'[' if piece.low_closed else '('}{low}, {high}{']' if piece.high_closed else ')'}"
    if piece.low == piece.high:
        text = f"{{{low}}}"
    return f"{prefix} {text}".strip()


def _format_end(value: float) -> str:
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return str(int(value)) if value == int(value) and abs(value) < 1e16 else repr(value)
