"""Numbers that count calls, wherever a function keeps them: on classes, in globals, in closures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from itertools import count
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from torch import Tensor

from gradcheck_sym.autograd.installed import is_installed

_MOST = 2_000  # objects that are looked into
_FIRST = 64  # items of a container
_OWN = __name__.partition(".")[0]

Counts = Mapping[tuple[int, object], int]  # (identity of what holds it, its name there) -> number


def counts(function: Callable[..., Any]) -> Counts:
    """The whole numbers that a function can reach and a call could change."""
    found: dict[tuple[int, object], int] = {}
    for holder, name, part in reachable(function):
        number = _number(part)
        if number is not None:
            found[id(holder), name] = number
    return found


def reachable(function: Callable[..., Any]) -> Iterator[tuple[object, object, Any]]:
    """What a function can reach of a user's own: what holds it, its name there, and itself."""
    waiting: list[Any] = [function]
    seen = {id(function)}
    while waiting and len(seen) < _MOST:
        holder = waiting.pop()
        for name, part in parts(holder):
            yield holder, name, part
            if id(part) not in seen and _number(part) is None:
                seen.add(id(part))
                waiting.append(part)


def has_risen(before: Counts, after: Counts) -> bool:
    """Whether some number is larger now, or stands where there was none and counts from there."""
    return any(number > before.get(place, 0) for place, number in after.items())


def _number(part: object) -> int | None:
    if isinstance(part, int) and not isinstance(part, bool):
        return part
    if isinstance(part, count):
        text = repr(part)[len("count(") : -1].partition(",")[0]
        return int(text) if text.lstrip("-").isdigit() else None
    if isinstance(part, Tensor):
        whole = part.numel() == 1 and not (part.is_floating_point() or part.is_complex())
        return int(part) if whole and part.device.type == "cpu" else None
    return None


def parts(holder: Any) -> Iterator[tuple[object, Any]]:
    """What an object refers to, by name; nothing of what is installed."""
    match holder:
        case dict():
            yield from list(holder.items())[:_FIRST]
        case list() | tuple():
            yield from enumerate(holder[:_FIRST])
        case MethodType():
            yield "__self__", holder.__self__
            yield "__func__", holder.__func__
        case partial():
            yield from (("func", holder.func), ("args", holder.args), ("kw", holder.keywords))
        case staticmethod() | classmethod() | property():
            wrapped = holder.fget if isinstance(holder, property) else holder.__func__
            yield "__func__", wrapped
        case FunctionType():
            yield from _of_function(holder)
        case type() | ModuleType():
            name = holder.__name__ if isinstance(holder, ModuleType) else holder.__module__
            yield from _named(vars(holder)) if is_users(name) else ()
        case _ if is_users(type(holder).__module__) and hasattr(holder, "__dict__"):
            yield from _named(vars(holder))
            yield "__class__", type(holder)


def _of_function(function: FunctionType) -> Iterator[tuple[object, Any]]:
    """What a function closes over, and the globals that a user's own names."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not filled yet
            continue
    if is_users(function.__module__):
        yield from vars(function).items()
        names = set(_names(function.__code__))
        yield from ((k, v) for k, v in function.__globals__.items() if k in names)


def _names(code: CodeType) -> Iterator[str]:
    """The names that a function's code uses, and those of functions in it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _named(held: Mapping[str, Any]) -> Iterator[tuple[object, Any]]:
    return ((name, part) for name, part in list(held.items()) if not name.startswith("__"))


def is_users(module: object) -> bool:
    """Whether a module, by its name, is neither installed nor part of this program."""
    return isinstance(module, str) and _is_users(module)


@cache
def _is_users(module: str) -> bool:
    return module.partition(".")[0] != _OWN and not is_installed(module)
