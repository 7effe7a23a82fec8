"""Elements of MathML: leaves with text, rows, parentheses."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from gradcheck_sym.report.problems import visible

# How tightly a construct binds; a part that binds less than its place asks for gets parentheses.
LOOSE, AND, COMPARISON, SUM, TERM, PRODUCT, POWER, ATOM = range(8)

TIMES, DOT, APPLY, MINUS = "\u2062", "\u22c5", "\u2061", "\u2212"

Row = list[Element]
Piece = tuple[Row, int]  # what stands in a row, and how tightly it binds


def element(tag: str, *children: Element, **attributes: str) -> Element:
    """An element with what stands in it."""
    made = Element(tag, attributes)
    made.extend(children)
    return made


def leaf(tag: str, text: str, **attributes: str) -> Element:
    """A leaf with text that may be anybody's."""
    return own(tag, visible(text), **attributes)


def own(tag: str, text: str, **attributes: str) -> Element:
    """A leaf with text of ours, which may hold signs that nobody sees."""
    made = Element(tag, attributes)
    made.text = text
    return made


def operator(sign: str, **attributes: str) -> Element:
    """A sign, a bracket, or an operation that nobody sees."""
    return own("mo", sign, **attributes)


def joined(row: Row) -> Element:
    """One element of a row, for places that take one."""
    return row[0] if len(row) == 1 else element("mrow", *row)


def fenced(row: Row, left: str = "(", right: str = ")") -> Row:
    """A row between brackets that grow with it."""
    return [element("mrow", operator(left), *row, operator(right))]


def listed(rows: Sequence[Row]) -> Row:
    """Rows with commas between them."""
    found: Row = []
    for row in rows:
        found += [operator(",", separator="true"), *row] if found else row
    return found


def signed(text: str) -> Row:
    """A number as written, its sign a true minus."""
    minus = [operator(MINUS, form="prefix")] if text.startswith("-") else []
    return [*minus, leaf("mn", text.lstrip("-"))]


def word(name: str) -> Element:
    """The name of a function, upright."""
    return leaf("mi", name, mathvariant="normal") if len(name) == 1 else leaf("mi", name)
