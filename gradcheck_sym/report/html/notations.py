"""How single functions are written: roots, cases, sums, and names of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol
from xml.etree.ElementTree import Element

from gradcheck_sym.report.html.elements import (
    ATOM,
    LOOSE,
    POWER,
    TERM,
    Piece,
    Row,
    element,
    fenced,
    joined,
    leaf,
    operator,
    own,
    signed,
    word,
)
from gradcheck_sym.spec import tree
from gradcheck_sym.spec.functions import FUNCTIONS, parameters
from gradcheck_sym.spec.parser import parse
from gradcheck_sym.spec.tree import Node

PARTIAL = "d"  # of a derivative's left-hand side; no function of the language is called so

_LARGEST_EXPONENT = 24  # parts of a tree; what is larger stands in parentheses after exp


class Layout(Protocol):
    """What lays out the parts of a call."""

    @property
    def raised(self) -> Layout:
        """How what stands above or below the line is laid out."""

    def row(self, node: Node, place: int = LOOSE) -> Row:
        """A tree for a place that asks for so tight a binding."""

    def one(self, node: Node, place: int = LOOSE) -> Element:
        """The same as one element."""

    def piece(self, node: Node) -> Piece:
        """A tree, and how tightly it binds."""

    def applied(
        self, function: Row, arguments: Sequence[Node], options: Sequence[tuple[str, Node]] = ()
    ) -> Row:
        """A function before its arguments in parentheses."""


Given = Mapping[str, Node]  # parameter -> what it is given; without what is left at its default
Notation = Callable[[Layout, Given], "Piece | None"]


_BEYOND = {"polygamma": "order, x"}  # functions that only derivatives have


def arguments(node: tree.Call) -> Given | None:
    """What a call gives to each parameter; None for functions that the table does not have."""
    if node.function == PARTIAL:
        return dict(zip(("of", "by"), node.arguments, strict=True))
    row = FUNCTIONS.get(node.function)
    signature = _BEYOND.get(node.function, "" if row is None else row.signature)
    if not signature:
        return None
    names = [parameter.name for parameter in parameters(signature)]
    return dict(zip(names, node.arguments, strict=False)) | dict(node.options)


def _partial(layout: Layout, given: Given) -> Piece:
    above, below = (layout.row(given[key], ATOM) for key in ("of", "by"))
    sign = "∂"
    return [
        element(
            "mfrac",
            element("mrow", leaf("mo", sign), *above),
            element("mrow", leaf("mo", sign), *below),
        )
    ], POWER


def _exp(layout: Layout, given: Given) -> Piece | None:
    argument = given["x"]
    if sum(1 for _ in tree.walk(argument)) > _LARGEST_EXPONENT:
        return None
    return [element("msup", leaf("mi", "e"), layout.raised.one(argument))], POWER


def _root(layout: Layout, given: Given) -> Piece:
    return [element("msqrt", *layout.row(given["x"]))], ATOM


def _where(layout: Layout, given: Given) -> Piece:
    """Cases; a where in place of what is left over goes on below."""
    rows, rest = [], tree.Call("where", tuple(given[key] for key in ("condition", "x", "y")))
    last: Node = rest
    while isinstance(last, tree.Call) and last.function == "where" and len(last.arguments) == 3:
        condition, value, last = last.arguments
        rows.append([layout.row(value), [own("mtext", "if\u00a0"), *layout.row(condition)]])
    rows.append([layout.row(last), [leaf("mtext", "otherwise")]])
    table = [element("mtr", *(element("mtd", *cell) for cell in row)) for row in rows]
    cases = element("mtable", *table, **{"class": "cases", "columnalign": "left left"})
    return [element("mrow", operator("{", form="prefix"), cases)], LOOSE


def _between(left: str, right: str) -> Notation:
    def notation(layout: Layout, given: Given) -> Piece:
        return fenced(layout.row(given["x"]), left, right), ATOM

    return notation


def _norm(layout: Layout, given: Given) -> Piece | None:
    if "dim" in given:
        return None
    whole = joined(fenced(layout.row(given["x"]), "‖", "‖"))
    kind = layout.raised.one(given["p"]) if "p" in given else leaf("mn", "2")
    return [element("msub", whole, kind)], ATOM


def _raised(exponent: str) -> Notation:
    """A mark or number above the argument: a transpose, an inverse."""

    def notation(layout: Layout, given: Given) -> Piece:
        sign = joined(signed(exponent)) if exponent.lstrip("-").isdigit() else operator(exponent)
        return [element("msup", layout.one(given["x"], ATOM), sign)], POWER

    return notation


def _over(layout: Layout, given: Given) -> Piece:
    return [element("mover", layout.one(given["x"]), operator("‾", stretchy="true"))], ATOM


def _named(*symbols: str) -> Notation:
    """Another name for the function: the last one in the row stands before the parentheses."""

    def notation(layout: Layout, given: Given) -> Piece:
        return layout.applied([word(symbol) for symbol in symbols], list(given.values())), ATOM

    return notation


def _inverse(name: str) -> Notation:
    def notation(layout: Layout, given: Given) -> Piece:
        function = element("msup", leaf("mi", name), joined(signed("-1")))
        return layout.applied([function], [given["x"]]), ATOM

    return notation


def _as(text: str) -> Notation:
    """A function that is written as the operation it is, over its parameters."""
    body = parse(text)

    def notation(layout: Layout, given: Given) -> Piece:
        return layout.piece(_filled(body, given))

    return notation


def _filled(node: Node, given: Given) -> Node:
    """A tree with what is given in place of the parameters."""
    match node:
        case tree.Name(name):
            return given.get(name, node)
        case tree.Binary(op, left, right):
            return tree.Binary(op, _filled(left, given), _filled(right, given))
        case tree.Call(function, arguments):
            return tree.Call(function, tuple(_filled(part, given) for part in arguments))
    return node


def _polygamma(layout: Layout, given: Given) -> Piece:
    order = element("mrow", *fenced(layout.raised.row(given["order"])))
    return layout.applied([element("msup", leaf("mi", "ψ"), order)], [given["x"]]), ATOM


_OF_A_SUM = {"x", "dim", "keepdim"}  # the last tells only of the shape


def _big(sign: str) -> Notation:
    """A sum or product over all elements, or along the dimensions below the sign."""

    def notation(layout: Layout, given: Given) -> Piece | None:
        if not given.keys() <= _OF_A_SUM:
            return None
        big = _below(layout, operator(sign), given)
        return [big, *layout.row(given["x"], TERM)], TERM

    return notation


def _along(layout: Layout, given: Given, name: str) -> Piece:
    """A reduction with the dimensions that it goes along set lower."""
    others = [(key, value) for key, value in given.items() if key not in ("x", "dim", "keepdim")]
    return layout.applied([_below(layout, leaf("mi", name), given)], [given["x"]], others), ATOM


def _below(layout: Layout, base: Element, given: Given) -> Element:
    if "dim" not in given or isinstance(given["dim"], tree.Absent):
        return base
    label = element("mrow", own("mtext", "dim\u00a0"), *layout.raised.row(given["dim"]))
    return element("munder" if base.tag == "mo" else "msub", base, label)


def _reduction(name: str) -> Notation:
    return lambda layout, given: _along(layout, given, name)


_REDUCTIONS = "mean var std max min amax amin logsumexp softmax log_softmax cumsum cumprod".split()
NOTATIONS: Mapping[str, Notation] = MappingProxyType(
    {
        PARTIAL: _partial,
        "exp": _exp,
        "sqrt": _root,
        "where": _where,
        "abs": _between("|", "|"),
        "floor": _between("⌊", "⌋"),
        "ceil": _between("⌈", "⌉"),
        "norm": _norm,
        "T": _raised("⊤"),
        "mT": _raised("⊤"),
        "inv": _raised("-1"),
        "conj": _over,
        "reciprocal": _as("1/x"),
        "rsqrt": _as("1/sqrt(x)"),
        "square": _as("x**2"),
        "pow": _as("x**exponent"),
        "exp2": _as("2**x"),
        "matmul": _as("x @ y"),
        "sigmoid": _named("σ"),
        "lgamma": _named("log", "Γ"),
        "digamma": _named("ψ"),
        "polygamma": _polygamma,
        "asin": _named("arcsin"),
        "acos": _named("arccos"),
        "atan": _named("arctan"),
        "asinh": _named("arsinh"),
        "acosh": _named("arcosh"),
        "atanh": _named("artanh"),
        "erfinv": _inverse("erf"),
        "maximum": _named("max"),
        "minimum": _named("min"),
        "real": _named("Re"),
        "imag": _named("Im"),
        "sign": _named("sgn"),
        "trace": _named("tr"),
        "sum": _big("∑"),
        "prod": _big("∏"),
        **{name: _reduction(name) for name in _REDUCTIONS},
    }
)
