"""Trees as mathematics: MathML Core, laid out as in a textbook.

Nothing here computes: a tree is written as it is, fractions stacked, powers raised.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import final
from xml.etree.ElementTree import Element, tostring

from markupsafe import Markup

from gradcheck_sym.report.html.elements import (
    AND,
    APPLY,
    ATOM,
    COMPARISON,
    DOT,
    LOOSE,
    MINUS,
    POWER,
    PRODUCT,
    SUM,
    TERM,
    TIMES,
    Piece,
    Row,
    element,
    fenced,
    joined,
    leaf,
    listed,
    operator,
    own,
    signed,
    word,
)
from gradcheck_sym.report.html.notations import NOTATIONS, PARTIAL, arguments
from gradcheck_sym.report.problems import visible
from gradcheck_sym.spec import tree
from gradcheck_sym.spec.tree import Node
from gradcheck_sym.spec.unparse import unparse


def equations(rows: Sequence[tuple[Node, Node]]) -> Markup:
    """Equations as one MathML element, one below the other, aligned at their signs.

    Each is what stands on the left and what stands on the right. Those who listen get the text.
    """
    laid = [
        element("mtr", *(element("mtd", *part) for part in (left, [operator("=")], right)))
        for left, right in ((_STACKED.row(left), _STACKED.row(right)) for left, right in rows)
    ]
    told = "; ".join(f"{_told(left)} = {_told(right)}" for left, right in rows)
    return _math(
        element("mtable", *laid, **{"class": "equations", "columnalign": "right center left"}),
        told,
        display="block",
    )


def formula(node: Node) -> Markup:
    """One tree as a MathML element for a line of text."""
    return _math(joined(_FLAT.row(node)), _told(node), display="inline")


def laid(node: Node) -> Row:
    """One tree laid out with stacked fractions, as a row to stand among others."""
    return _STACKED.row(node)


def derivative_by(of: Node, by: Node) -> Node:
    """What stands on the left of a derivative's equation: a tree that is laid out as ∂f/∂x."""
    return tree.Call(PARTIAL, (of, by))


def _told(node: Node) -> str:
    """A tree in the language of specs; "…" for what it cannot spell."""
    if isinstance(node, tree.Call) and node.function == PARTIAL:
        return f"d {_told(node.arguments[0])} / d {_told(node.arguments[1])}"
    try:
        return unparse(node)
    except ValueError:
        return "…"


def _math(content: Element, told: str, display: str) -> Markup:
    attributes = {"display": display, "alttext": visible(told)}
    return Markup(tostring(element("math", content, **attributes), encoding="unicode"))


# ---- names and numbers

_GREEK = MappingProxyType(
    {
        "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eps": "ε",
        "zeta": "ζ", "eta": "η", "theta": "θ", "iota": "ι", "kappa": "κ", "lambda_": "λ",
        "lam": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "rho": "ρ", "sigma": "σ", "tau": "τ",
        "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "pi": "π", "inf": "∞",
    }
)  # fmt: skip
_INDEXED = re.compile(r"([A-Za-z]+?)_?(\d+)|([A-Za-z]|alpha|beta|gamma|sigma|mu)_(\w+)")


def _name(name: str) -> Element:
    """A name as one letter where it is one, with what looks like an index set lower."""
    if name == "inf":
        return leaf("mn", _GREEK[name])
    if name in _GREEK or len(name) == 1:
        return leaf("mi", _GREEK.get(name, name))
    if found := _INDEXED.fullmatch(name):
        base, index = found[1] or found[3], found[2] or found[4]
        return element("msub", _name(base), leaf("mn" if index.isdigit() else "mi", index))
    return leaf("mi", name)


def _number(node: tree.Number) -> Piece:
    """A literal; of a power of ten, the power."""
    text = unparse(node)
    digits, power, exponent = text.partition("e")
    if power:
        ten = element("msup", leaf("mn", "10"), joined(signed(exponent)))
        return ([ten] if digits == "1" else [leaf("mn", digits), operator("×"), ten]), PRODUCT
    if "/" in text or text.startswith("-"):
        return signed(text), SUM
    return [leaf("mn", text)], ATOM


# ---- the walk


@final
@dataclass(frozen=True, slots=True)
class _Layout:
    """How trees are laid out: with stacked fractions, or flat as in an exponent."""

    flat: bool

    def row(self, node: Node, place: int = LOOSE) -> Row:
        """A tree for a place that asks for so tight a binding."""
        laid, own = self.piece(node)
        return laid if own >= place else fenced(laid)

    def one(self, node: Node, place: int = LOOSE) -> Element:
        """The same as one element."""
        return joined(self.row(node, place))

    @property
    def raised(self) -> _Layout:
        """How what stands above or below the line is laid out: without stacked fractions."""
        return _FLAT

    def piece(self, node: Node) -> Piece:
        """A tree, and how tightly it binds."""
        match node:
            case tree.Number():
                return _number(node)
            case tree.Name():
                return [_name(node.name)], ATOM
            case tree.Unary():
                return self._unary(node)
            case tree.Binary():
                return self._binary(node)
            case tree.Compare():
                return self._between([node.left, node.right], _SIGNS[node.op], SUM), COMPARISON
            case tree.Logic():
                own = LOOSE if node.op == "or" else AND
                return self._between(node.operands, node.op, own + 1), own
            case tree.Call():
                return self._call(node)
            case tree.Index():
                return [self._index(node)], ATOM
            case tree.Sequence():
                return self._sequence(node), ATOM
            case tree.Text():
                return [leaf("mtext", f"'{node.value}'")], ATOM
            case _:
                return [leaf("mtext", unparse(node))], ATOM

    def _unary(self, node: tree.Unary) -> Piece:
        if node.op == "not":
            return [operator("¬", form="prefix"), *self.row(node.operand, SUM)], COMPARISON
        sign = operator(MINUS if node.op == "-" else "+", form="prefix")
        return [sign, *self.row(node.operand, TERM)], SUM

    def _between(self, operands: Sequence[Node], sign: str, place: int) -> Row:
        found: Row = []
        for operand in operands:
            row = self.row(operand, place)
            between = own("mtext", f"\u00a0{sign}\u00a0") if sign.isalpha() else operator(sign)
            found += [between, *row] if found else row
        return found

    def _binary(self, node: tree.Binary) -> Piece:
        if node.op in "+-":
            sign = operator(MINUS if node.op == "-" else "+", form="infix")
            return [*self.row(node.left, SUM), sign, *self.row(node.right, TERM)], SUM
        if (positive := _without_sign(node)) is not None:
            return [operator(MINUS, form="prefix"), *self.row(positive, TERM)], SUM
        match node.op:
            case "/":
                return self._quotient(node)
            case "**":
                return self._power(node)
            case "*":
                return self._product(node.left, node.right), PRODUCT
        left, right = self.row(node.left, PRODUCT), self.row(node.right, POWER)
        return [*left, operator(TIMES), *right], PRODUCT

    def _product(self, left: Node, right: Node) -> Row:
        """Two factors side by side, with a dot where they would run into each other."""
        first, second = self.row(left, PRODUCT), self.row(right, POWER)
        apart = _runs_on(first[-1], second[0])
        return [*first, operator(DOT if apart else TIMES), *second]

    def _quotient(self, node: tree.Binary) -> Piece:
        if not self.flat:
            return [element("mfrac", self.one(node.left), self.one(node.right))], POWER
        over = operator("/", lspace="0", rspace="0")
        return [*self.row(node.left, PRODUCT), over, *self.row(node.right, POWER)], PRODUCT

    def _power(self, node: tree.Binary) -> Piece:
        base, exponent = self.one(node.left, ATOM), self.raised.one(node.right)
        return [element("msup", base, exponent)], POWER

    def _index(self, node: tree.Index) -> Element:
        places = [
            [leaf("mtext", _range(item))] if _range(item) else self.raised.row(item)
            for item in node.items
        ]
        return element("msub", self.one(node.value, ATOM), joined(listed(places)))

    def _sequence(self, node: tree.Sequence) -> Row:
        items = node.items
        nested = [item for item in items if isinstance(item, tree.Sequence)]
        if items and len(nested) == len(items) and node.brackets == "[]":
            rows = [
                element("mtr", *(element("mtd", *self.row(part)) for part in row.items))
                for row in nested
            ]
            return fenced([element("mtable", *rows)], "[", "]")
        fences = node.brackets[:1], node.brackets[1:]
        return fenced(listed([self.row(item) for item in items]), *fences)

    # ---- calls

    def _call(self, node: tree.Call) -> Piece:
        """A function in its own notation, else its name and its arguments."""
        special = NOTATIONS.get(node.function)
        given = arguments(node)
        if special is not None and given is not None:
            laid = special(self, given)
            if laid is not None:
                return laid
        return self.applied([word(node.function)], node.arguments, node.options), ATOM

    def applied(
        self,
        function: Row,
        arguments: Sequence[Node],
        options: Sequence[tuple[str, Node]] = (),
    ) -> Row:
        """A function before its arguments in parentheses."""
        given = [self.row(argument) for argument in arguments]
        given += [[leaf("mi", key), operator("="), *self.row(value)] for key, value in options]
        return [*function, operator(APPLY), *fenced(listed(given))]


_SIGNS = {"<": "<", "<=": "≤", ">": ">", ">=": "≥", "==": "=", "!=": "≠"}
_STACKED, _FLAT = _Layout(flat=False), _Layout(flat=True)


def _without_sign(node: Node) -> Node | None:
    """A product or quotient without the sign that it begins with; None where it has none."""
    if isinstance(node, tree.Unary) and node.op == "-":
        return node.operand
    if isinstance(node, tree.Binary) and node.op in "*/":
        left = _without_sign(node.left)
        return None if left is None else tree.Binary(node.op, left, node.right)
    return None


def _runs_on(left: Element, right: Element) -> bool:
    """Whether two factors side by side would be read as one number, word or call."""
    before, after = _last(left), _first(right)
    if after.tag == "mn" or (before.tag, after.tag) == ("mfrac", "mfrac"):
        return True
    word = any(part.tag == "mi" and len(part.text or "") > 1 for part in (before, after))
    call = before.tag == "mi" and after.text == "("
    return word or call


def _first(element: Element) -> Element:
    while element.tag in ("mrow", "msub", "msup") and len(element):
        element = element[0]
    return element


def _last(element: Element) -> Element:
    while element.tag in ("mrow", "msub", "msup") and len(element):
        element = element[-1] if element.tag == "mrow" else element[0]
    return element


def _range(item: Node) -> str:
    return unparse(tree.Index(tree.Name("x"), (item,)))[2:-1] if isinstance(item, _PLACES) else ""


_PLACES = (tree.Slice, tree.Dots, tree.Absent)
