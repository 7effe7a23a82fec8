"""What does an implementation hold its sizes against? Numbers beyond which other code runs.

Blocks, unrolled loops and rests are made of sizes, in Python: n // 96, n % 8, n > 512. What they
are divided by and compared with shows at any size, where what tensors say of their shapes are
numbers that take this down. So do the bounds of slices and the lengths of pieces that lie beyond
the end of a small tensor.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, final

import torch
from torch.autograd.function import BackwardCFunction
from torch.overrides import TorchFunctionMode

from gradcheck_sym.autograd.implementation import RAISED, Implementation
from gradcheck_sym.autograd.ledger import Array, job_of
from gradcheck_sym.autograd.state import undisturbed
from gradcheck_sym.autograd.tape import nodes

_IN_PIECES = frozenset(("chunk", "narrow", "split", "tensor_split", "unfold"))
_INDEXED = frozenset(("__getitem__", "__setitem__"))

Note = Callable[[int], None]


def held_against(
    implementation: Implementation, values: Mapping[str, Array], wrt: tuple[str, ...], dtype: str
) -> frozenset[int]:
    """The numbers that sizes are held against at the first lane, forward and backward.

    Those above 1: dimensions, which pass as well, are small. Arguments as of `reverse`. Raises
    nothing that the implementation raises: what it did until then is known. Code that leaves torch
    asks for no sizes that could be seen.
    """
    found: set[int] = set()
    with undisturbed():
        job = job_of(implementation, values, wrt, None, dtype)
        tensors = {name: batch[0].detach().clone() for name, batch in job.inputs.items()}
        for name in wrt:
            tensors[name].requires_grad_()
        try:
            with _Watching(found.add):
                result = job.call(tensors)
            if result.requires_grad:
                with _in_backward(result, found.add):
                    torch.autograd.backward(result, torch.ones_like(result))
        except RAISED:
            pass
    return frozenset(number for number in found if number > 1)


@contextmanager
def _in_backward(result: torch.Tensor, note: Note) -> Iterator[None]:
    """Watches the backward of every Function: calling torch to run it ends all watching."""
    entered: list[ExitStack] = []

    def enter(received: Any) -> None:
        entered.append(ExitStack())
        entered[-1].enter_context(_Watching(note))

    def leave(handed: Any, received: Any) -> None:
        entered.pop().close()

    handles = []
    for node in nodes([result]):
        if isinstance(node, BackwardCFunction):
            handles += [node.register_prehook(enter), node.register_hook(leave)]
    try:
        yield
    finally:
        while entered:  # it raised
            entered.pop().close()
        for handle in handles:
            handle.remove()


@final
class _Watching(TorchFunctionMode):
    """Hands out sizes that note what they are held against."""

    def __init__(self, note: Note) -> None:
        super().__init__()
        self._note = note

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The function's result; if it is a size, one that notes."""
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in _IN_PIECES:
            self._note_all([*args[1:], *kwargs.values()])
        if name in _INDEXED:
            index = args[1] if isinstance(args[1], tuple) else (args[1],)
            self._note_all(each.stop for each in index if isinstance(each, slice))
        result = func(*args, **kwargs)
        if isinstance(result, torch.Size):
            return torch.Size([_size(number, self._note) for number in result])
        return _size(result, self._note) if type(result) is int else result

    def _note_all(self, numbers: Any) -> None:
        for number in numbers:
            if type(number) is int:
                self._note(number)


class _Size(int):
    """A size, or a number made of sizes, that tells what it is held against."""

    note: Note


def _size(number: int, note: Note) -> _Size:
    made = _Size(number)
    made.note = note
    return made


def _telling(name: str) -> Callable[[_Size, Any], Any]:
    """The method of that name, which notes the other number where it is none of the sizes."""
    plain = getattr(int, name)

    def method(self: _Size, other: Any) -> Any:
        if type(other) is int:
            self.note(other)
        return _kept(plain(self, other), self.note)

    return method


def _carrying(name: str) -> Callable[..., Any]:
    """The method of that name, whose result is a size, too."""
    plain = getattr(int, name)

    def method(self: _Size, *other: Any) -> Any:
        return _kept(plain(self, *other), self.note)

    return method


def _kept(result: Any, note: Note) -> Any:
    if type(result) is int:
        return _size(result, note)
    return tuple(_kept(each, note) for each in result) if isinstance(result, tuple) else result


def _masking(self: _Size, other: Any) -> Any:
    if type(other) is int:
        self.note(other + 1)  # n & 7 is n % 8
    return _kept(operator.and_(int(self), other), self.note)


for _name in ("lt", "le", "gt", "ge", "eq", "ne", "floordiv", "truediv", "mod", "divmod"):
    setattr(_Size, f"__{_name}__", _telling(f"__{_name}__"))
for _name in ("add", "radd", "sub", "rsub", "mul", "rmul", "neg"):
    setattr(_Size, f"__{_name}__", _carrying(f"__{_name}__"))
setattr(_Size, "__and__", _masking)  # noqa: B010
setattr(_Size, "__hash__", int.__hash__)  # noqa: B010
