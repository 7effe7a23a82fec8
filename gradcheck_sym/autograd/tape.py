"""The graph that autograd records: which backward nodes stand behind a tensor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor

Node = Any  # torch's own nodes share no public class


def nodes(results: Sequence[Tensor]) -> Iterator[Node]:
    """Every node behind some results, once each, those next to the results first."""
    pending: list[Node] = [result.grad_fn for result in results if result.grad_fn is not None]
    seen = {id(node): node for node in pending}  # holding them keeps their ids theirs
    while pending:
        node = pending.pop(0)
        yield node
        for following, _ in node.next_functions:
            if following is not None and id(following) not in seen:
                seen[id(following)] = following
                pending.append(following)


def names(results: Sequence[Tensor]) -> frozenset[str]:
    """The names of all nodes behind some results, such as "MulBackward0"."""
    return frozenset(node.name() for node in nodes(results))
