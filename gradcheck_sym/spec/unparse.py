"""Tree to text: the shortest spelling that parses to the same tree."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType

from gradcheck_sym.spec import tree
from gradcheck_sym.spec.tree import Node

# How tightly a construct binds; a part that binds less than its place asks for gets parentheses.
_OR, _AND, _NOT, _COMPARISON, _SUM, _PRODUCT, _SIGN, _POWER, _LITERAL, _POSTFIX = range(10)

_BINARY: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {  # op -> its own binding, and what it asks of its left and right operand
        "+": (_SUM, _SUM, _PRODUCT),
        "-": (_SUM, _SUM, _PRODUCT),
        "*": (_PRODUCT, _PRODUCT, _SIGN),
        "/": (_PRODUCT, _PRODUCT, _SIGN),
        "@": (_PRODUCT, _PRODUCT, _SIGN),
        "**": (_POWER, _LITERAL, _SIGN),
    }
)
_PROPERTIES = ("T", "mT")


def unparse(node: Node) -> str:
    """The text of a tree: parse(unparse(t)) == t, in the dialect that t is of.

    A number that no literal spells, such as 1/3 or -1, is written as the operation it is.
    Raises ValueError for a text that holds both kinds of quote.
    """
    return _write(node)[0]


def _write(node: Node) -> tuple[str, int]:
    """The text of a node, and how tightly it binds."""
    match node:
        case tree.Number():
            return _number(node.value)
        case tree.Boolean():
            return ("true" if node.value else "false"), _POSTFIX
        case tree.Absent():
            return "none", _POSTFIX
        case tree.Dots():
            return "...", _POSTFIX
        case tree.Text():
            return _text(node.value), _POSTFIX
        case tree.Name():
            return node.name, _POSTFIX
        case tree.Slice():
            return _slice(node), _POSTFIX
        case tree.Sequence():
            return _sequence(node), _POSTFIX
        case tree.Index():
            return f"{_at(_POSTFIX, node.value)}[{_items(node.items)}]", _POSTFIX
        case tree.Call():
            return _call(node), _POSTFIX
        case _:
            return _operation(node)


def _operation(node: tree.Unary | tree.Binary | tree.Compare | tree.Logic) -> tuple[str, int]:
    match node:
        case tree.Unary("not"):
            return f"not {_at(_NOT, node.operand)}", _NOT
        case tree.Unary():
            return f"{node.op}{_at(_SIGN, node.operand)}", _SIGN
        case tree.Binary():
            own, left, right = _BINARY[node.op]
            gap = " " if own == _SUM else ""
            return f"{_at(left, node.left)}{gap}{node.op}{gap}{_at(right, node.right)}", own
        case tree.Compare():
            return f"{_at(_SUM, node.left)} {node.op} {_at(_SUM, node.right)}", _COMPARISON
        case tree.Logic():
            own = _OR if node.op == "or" else _AND
            return f" {node.op} ".join(_at(own + 1, part) for part in node.operands), own


def _at(place: int, node: Node) -> str:
    text, own = _write(node)
    return text if own >= place else f"({text})"


def _number(value: Fraction) -> tuple[str, int]:
    if value < 0:
        return f"-{_number(-value)[0]}", _SIGN
    rest, twos, fives = value.denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest != 1:
        return f"{value.numerator}/{value.denominator}", _PRODUCT
    places = max(twos, fives)
    return _decimal(str(int(value * 10**places)), places), _LITERAL


def _decimal(digits: str, places: int) -> str:
    """The decimal number digits / 10**places, in the shorter of the two notations."""
    if 0 < places <= 20 or 0 < places < len(digits):
        digits = digits.rjust(places + 1, "0")
        return f"{digits[:-places]}.{digits[-places:]}"
    significant = digits.rstrip("0") or "0"
    exponent = len(digits) - 1 - places
    if not places and len(digits) - len(significant) < 6:
        return digits
    fraction = f".{significant[1:]}" if significant[1:] else ""
    return f"{significant[0]}{fraction}e{exponent}"


def _text(value: str) -> str:
    if "'" not in value:
        return f"'{value}'"
    if '"' in value:
        raise ValueError("a text with both kinds of quote cannot be written")
    return f'"{value}"'


def _slice(node: tree.Slice) -> str:
    start, stop, step = (
        "" if end is None else unparse(end) for end in (node.start, node.stop, node.step)
    )
    return f"{start}:{stop}:{step}" if node.step is not None else f"{start}:{stop}"


def _items(items: tuple[Node, ...]) -> str:
    """The items of an index; one that is a tuple itself keeps its comma."""
    if not items:
        return "()"
    lone = len(items) == 1 and isinstance(items[0], tree.Sequence) and items[0].brackets == "()"
    return ", ".join(map(unparse, items)) + ("," if lone else "")


def _sequence(node: tree.Sequence) -> str:
    inner = ", ".join(map(unparse, node.items))
    if node.brackets == "[]":
        return f"[{inner}]"
    return f"({inner},)" if len(node.items) == 1 else f"({inner})"


def _call(node: tree.Call) -> str:
    if node.function in _PROPERTIES and len(node.arguments) == 1 and not node.options:
        return f"{_at(_POSTFIX, node.arguments[0])}.{node.function}"
    options = (f"{name}={unparse(value)}" for name, value in node.options)
    return f"{node.function}({', '.join((*map(unparse, node.arguments), *options))})"
