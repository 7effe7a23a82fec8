"""Trees with one part exchanged for another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from gradcheck_sym.spec import tree
from gradcheck_sym.spec.tree import Node, children

Path = tuple[int, ...]  # from the root, which of its children each time


def occurrences(node: Node, at: Path = ()) -> Iterator[tuple[Path, Node]]:
    """Every part of a tree with the way to it, parents first."""
    yield at, node
    for place, child in enumerate(children(node)):
        yield from occurrences(child, (*at, place))


def exchanged(node: Node, at: Path, new: Node) -> Node:
    """The tree with the part at the end of a path exchanged."""
    if not at:
        return new
    parts = list(children(node))
    parts[at[0]] = exchanged(parts[at[0]], at[1:], new)
    return rebuilt(node, parts)


def rebuilt(node: Node, parts: Sequence[Node]) -> Node:
    """The node over other children, given in the order of tree.children."""
    match node:
        case tree.Unary():
            return replace(node, operand=parts[0])
        case tree.Binary() | tree.Compare():
            return replace(node, left=parts[0], right=parts[1])
        case tree.Logic():
            return replace(node, operands=tuple(parts))
        case tree.Call():
            arguments, values = parts[: len(node.arguments)], parts[len(node.arguments) :]
            names = [name for name, _ in node.options]
            options = tuple(zip(names, values, strict=True))
            return replace(node, arguments=tuple(arguments), options=options)
        case tree.Index():
            return replace(node, value=parts[0], items=tuple(parts[1:]))
        case tree.Sequence():
            return replace(node, items=tuple(parts))
        case _:
            raise ValueError(f"a {type(node).__name__} has no parts to exchange")


def unsigned(node: Node) -> tuple[bool, Node]:
    """Whether a product or quotient begins with a minus sign, and it without that."""
    match node:
        case tree.Unary("-", operand):
            return True, operand
        case tree.Binary("*" | "/", left):
            negative, rest = unsigned(left)
            return negative, replace(node, left=rest)
    return False, node
