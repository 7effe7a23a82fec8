"""The formulas of a lesson as elements of MathML."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

from gradcheck_sym.report.html.elements import MINUS, Row, element, joined, leaf, operator, own
from gradcheck_sym.report.html.mathml import laid
from gradcheck_sym.report.lessons.plain import math_text
from gradcheck_sym.report.problems import visible
from gradcheck_sym.verdict.lesson import Math, Partial, Sign, Term

_NUMBERS = re.compile(r"[-+\d.e\[\], i]+")


def math_element(math: Math, *, large: bool = False) -> Element:
    """Formulas in a row as one <math>; large where fractions need not shrink into a line."""
    how = {"displaystyle": "true"} if large else {}
    return element("math", joined(row(math)), alttext=visible(math_text(math)), **how)


def row(math: Math) -> Row:
    """Formulas in a row."""
    return [part for term in math.terms for part in _term(term)]


def _term(term: Term) -> Row:
    match term:
        case Sign(text):
            return _sign(text)
        case Partial(of, by, total):
            mark = leaf("mi", "d" if total else "∂", mathvariant="normal")
            above, below = element("mrow", mark, *laid(of)), element("mrow", mark, *laid(by))
            return [element("mfrac", above, below)]
        case _:
            return laid(term)


def _sign(text: str) -> Row:
    """A sign, numbers, or words in the place of numbers."""
    if text.lstrip("-") == "inf":
        return [*([operator(MINUS, form="prefix")] if text[0] == "-" else []), leaf("mn", "∞")]
    if _NUMBERS.fullmatch(text) and any(map(str.isdigit, text)):
        return [leaf("mn", text.replace("-", MINUS))]
    return [own("mtext", text)] if any(map(str.isalpha, text)) else [operator(text)]
