"""What memory a graph holds on to, and whether two tensors share any."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import BackwardCFunction, Function

_OF_BACKWARD = re.compile(r"BackwardBackward\d+$")  # nodes of torch's table of derivatives
_DEEPEST = 4  # containers in containers that are looked into, where a backward keeps its tensors


def overlap(left: Tensor, right: Tensor) -> bool:
    """Whether some element of one tensor lies where an element of the other does.

    Sharing a storage is not enough: the even and the odd elements of a buffer do not overlap.
    """
    if any(tensor.layout is not torch.strided or not tensor.numel() for tensor in (left, right)):
        return False
    (start, end), (other_start, other_end) = _extent(left), _extent(right)
    if end <= other_start or other_end <= start:
        return False
    if _gapless(left) and _gapless(right):
        return True
    return bool(np.isin(_bytes(left), _bytes(right)).any())


def _extent(tensor: Tensor) -> tuple[int, int]:
    """The addresses of a tensor's first byte, and of the one behind its last."""
    steps = (
        (size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True)
    )
    start = tensor.data_ptr()
    return start, start + (sum(steps) + 1) * tensor.element_size()


def _gapless(tensor: Tensor) -> bool:
    """Whether every byte of a tensor's extent is one of its own."""
    reach = 1
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size > 1:
            if stride > reach:
                return False
            reach += (size - 1) * stride
    return True


def _bytes(tensor: Tensor) -> NDArray[np.int64]:
    """The addresses of all bytes of a tensor."""
    places = np.zeros((), dtype=np.int64)
    for size, stride in zip(tensor.shape, tensor.stride(), strict=True):
        places = np.add.outer(places, np.arange(size) * stride)
    first = np.unique(places) * tensor.element_size() + tensor.data_ptr()
    return np.add.outer(first, np.arange(tensor.element_size())).ravel()


def held(result: Tensor) -> list[Tensor]:
    """What the graph of a result keeps for backward: saved tensors, attributes of ctx, leaves."""
    return [tensor.detach() for node in nodes(result) for tensor in _kept(node)]


def own_nodes(result: Tensor) -> set[object]:
    """The nodes in the graph of a result whose backward is a Function's own."""
    return {node for node in nodes(result) if isinstance(node, BackwardCFunction)}


def has_jvps(result: Tensor) -> bool:
    """Whether all of a graph but its leaves is of Functions that have a jvp of their own."""
    made = [node for node in nodes(result) if not hasattr(node, "variable")]
    own = own_nodes(result)
    classes = [getattr(node, "_forward_cls", None) for node in made if node in own]
    rules = [cls is not None and cls.jvp is not Function.jvp for cls in classes]
    return bool(made) and len(rules) == len(made) and all(rules)


def has_formula(result: Tensor) -> bool:
    """Whether a formula of torch's own for the derivative of a backward takes part in its graph."""
    return any(_OF_BACKWARD.search(node.name()) for node in nodes(result))


def constants(result: Tensor) -> list[Tensor]:
    """What the graph's own Functions keep that no way back leads from: inputs, and constants."""
    kept = (tensor for node in own_nodes(result) for tensor in _kept(node))
    return [tensor for tensor in kept if tensor.grad_fn is None]


def plain_numbers(result: Tensor) -> list[object]:
    """What the graph's own Functions keep as attributes and is number or array, but no tensor."""
    custom = (node for node in nodes(result) if isinstance(node, BackwardCFunction))
    kept = (part for node in custom for part in _parts(getattr(node, "__dict__", None)))
    return [part for part in kept if isinstance(part, (float, complex, np.ndarray, np.inexact))]


def parameters(result: Tensor) -> list[Tensor]:
    """The leaves that a backward through the graph of a result leads to."""
    leaves = [getattr(node, "variable", None) for node in nodes(result)]
    return [leaf for leaf in leaves if isinstance(leaf, Tensor)]


def nodes(result: Tensor) -> Iterator[Any]:
    """The nodes of the graph of a result, each once."""
    waiting, seen = [result.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting += [following for following, _ in node.next_functions]
            yield node


def _kept(node: Any) -> Iterator[Tensor]:
    names = [name for name in dir(node) if name.startswith("_saved_")]
    for name in (*names, "saved_tensors", "variable"):
        try:
            yield from tensors_in(getattr(node, name, None))
        except RuntimeError:  # freed, or written to since it was saved
            continue
    yield from tensors_in(getattr(node, "__dict__", None))


def tensors_in(kept: object) -> Iterator[Tensor]:
    """The tensors in containers, and in containers in these."""
    return (part for part in _parts(kept) if isinstance(part, Tensor))


def _parts(kept: object, depth: int = 0) -> Iterator[object]:
    if depth < _DEEPEST and isinstance(kept, (dict, list, tuple)):
        parts: Iterable[object] = kept.values() if isinstance(kept, dict) else kept
        for part in parts:
            yield from _parts(part, depth + 1)
    else:
        yield kept
