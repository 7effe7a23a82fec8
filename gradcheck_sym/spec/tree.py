"""The expression tree: frozen nodes with their place in the text.

Two trees are equal when they mean the same text; spans do not take part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import final


@final
@dataclass(frozen=True, slots=True)
class Span:
    """Half-open range of character offsets in an expression's text."""

    start: int
    end: int


NOWHERE = Span(0, 0)


def _span() -> Span:
    return field(default=NOWHERE, compare=False, repr=False)


@final
@dataclass(frozen=True, slots=True)
class Number:
    """A literal, kept exact: 0.1 is 1/10."""

    value: Fraction
    span: Span = _span()


@final
@dataclass(frozen=True, slots=True)
class Boolean:
    """true or false, as an option such as keepdim takes it."""

    value: bool
    span: Span = _span()


@final
@dataclass(frozen=True, slots=True)
class Absent:
    """none: an option left open, or a new axis inside an index."""

    span: Span = _span()


@final
@dataclass(frozen=True, slots=True)
class Text:
    """A quoted string, as einsum's equation takes it."""

    value: str
    span: Span = _span()


@final
@dataclass(frozen=True, slots=True)
class Name:
    """An input, a let, or one of the constants pi, e, inf."""

    name: str
    span: Span = _span()


@final
@dataclass(frozen=True, slots=True)
class Unary:
    """op is "-", "+" or "not"."""

    op: str
    operand: Node
    span: Span = _span()


@final
@dataclass(frozen=True, slots=True)
class Binary:
    """op is one of + - * / ** @."""

    op: str
    left: Node
    right: Node
    span: Span = _span()


@final
@dataclass(frozen=True, slots=True)
class Compare:
    """op is one of < <= > >= == !=; a chain is a Logic of these."""

    op: str
    left: Node
    right: Node
    span: Span = _span()


@final
@dataclass(frozen=True, slots=True)
class Logic:
    """op is "and" or "or", elementwise over arrays."""

    op: str
    operands: tuple[Node, ...]
    span: Span = _span()


@final
@dataclass(frozen=True, slots=True)
class Call:
    """A function of the language; in the torch dialect a dotted operator or a use name.

    The properties .T and .mT are calls of "T" and "mT".
    """

    function: str
    arguments: tuple[Node, ...]
    options: tuple[tuple[str, Node], ...] = ()
    span: Span = _span()


@final
@dataclass(frozen=True, slots=True)
class Slice:
    """start:stop:step inside an index; each end may be missing."""

    start: Node | None
    stop: Node | None
    step: Node | None
    span: Span = _span()


@final
@dataclass(frozen=True, slots=True)
class Dots:
    """The ellipsis inside an index."""

    span: Span = _span()


@final
@dataclass(frozen=True, slots=True)
class Index:
    """value[items]."""

    value: Node
    items: tuple[Node, ...]
    span: Span = _span()


@final
@dataclass(frozen=True, slots=True)
class Sequence:
    """A tuple or list of expressions; brackets says which."""

    items: tuple[Node, ...]
    brackets: str = "[]"
    span: Span = _span()


Node = (
    Number
    | Boolean
    | Absent
    | Text
    | Name
    | Unary
    | Binary
    | Compare
    | Logic
    | Call
    | Slice
    | Dots
    | Index
    | Sequence
)


def children(node: Node) -> Iterator[Node]:
    """The direct operands of a node, left to right."""
    match node:
        case Unary():
            yield node.operand
        case Binary() | Compare():
            yield node.left
            yield node.right
        case Logic():
            yield from node.operands
        case Call():
            yield from node.arguments
            yield from (value for _, value in node.options)
        case Slice():
            yield from (end for end in (node.start, node.stop, node.step) if end is not None)
        case Index():
            yield node.value
            yield from node.items
        case Sequence():
            yield from node.items


def walk(node: Node) -> Iterator[Node]:
    """Every node of a tree, parents first."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(reversed(tuple(children(current))))


def names(node: Node) -> frozenset[str]:
    """The free names of a tree."""
    return frozenset(part.name for part in walk(node) if isinstance(part, Name))
