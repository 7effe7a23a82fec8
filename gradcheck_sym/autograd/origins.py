"""What a user's modules hold by themselves: as it was when they were imported, for a while again.

A function may make a constant, or a decision, at its first call and keep it in a global, in a table
by size or under functools.cache. What the first call was like then decides about all others, and
in a process that has called it already nobody sees that again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import _lru_cache_wrapper
from types import CellType, FunctionType, ModuleType
from typing import Any, final

from gradcheck_sym.autograd.counters import is_users, parts

_MOST = 5_000  # objects that are looked into
_EMPTY = object()  # what a cell holds that is not filled yet

Held = Mapping[object, Any]  # name or place -> what is there

# What holders held when their module was first seen; the holders are kept alive, ids are theirs.
_FIRST: dict[int, tuple[Any, Held]] = {}
_MODULES: set[str] = set()  # those that were seen


def remember(module: ModuleType) -> None:
    """Notes what a user's module holds when it is seen first, and what that refers to."""
    if module.__name__ in _MODULES or not is_users(module.__name__):
        return
    _MODULES.add(module.__name__)
    for holder in _reachable(module):
        if id(holder) not in _FIRST:
            _FIRST[id(holder)] = holder, _held(holder)


@final
@dataclass(frozen=True, slots=True)
class Origin:
    """What calls have changed of what a function can reach in users' modules."""

    first: Sequence[tuple[Any, Held]]  # holders with what they held at first
    caches: Sequence[Any]  # of functools; they held nothing

    @staticmethod
    def of(function: Callable[..., Any]) -> Origin:
        """As far as can be seen now, when everything that is kept has been made."""
        reached = _reachable(function)
        known = [_FIRST[id(holder)] for holder in reached if id(holder) in _FIRST]
        changed = [(holder, held) for holder, held in known if not _same(_held(holder), held)]
        return Origin(changed, [one for one in reached if isinstance(one, _lru_cache_wrapper)])

    @contextmanager
    def restored(self) -> Iterator[None]:
        """All as it was at first; afterwards as before, but that caches of functools are empty."""
        now = [(holder, _held(holder)) for holder, _ in self.first]
        try:
            self._put(self.first)
            yield
        finally:
            self._put(now)

    def _put(self, wanted: Sequence[tuple[Any, Held]]) -> None:
        for holder, held in wanted:
            _put(holder, _held(holder), held)
        for cache in self.caches:
            cache.cache_clear()


def _reachable(root: Any) -> list[Any]:
    """What can be reached from an object and can hold something else one day."""
    found, seen, waiting = [], {id(root)}, [root]
    while waiting and len(seen) < _MOST:
        holder = waiting.pop()
        if isinstance(holder, (dict, list, set, type, ModuleType, CellType, _lru_cache_wrapper)):
            found.append(holder)
        for part in _parts(holder):
            if id(part) not in seen:
                seen.add(id(part))
                waiting.append(part)
    return found


def _parts(holder: Any) -> Iterator[Any]:
    yield from (part for _, part in parts(holder))
    if isinstance(holder, FunctionType):
        yield from holder.__closure__ or ()
        yield from _module_of(holder)
    if isinstance(holder, _lru_cache_wrapper):
        yield holder.__wrapped__
    if isinstance(holder, FunctionType) or is_users(type(holder).__module__):
        yield getattr(holder, "__dict__", None)


def _module_of(function: FunctionType) -> Iterator[ModuleType]:
    module = sys.modules.get(function.__module__)
    if module is not None and is_users(module.__name__):
        yield module


def _held(holder: Any) -> Held:
    """What a holder holds, by name or place; nothing of what Python itself puts there."""
    match holder:
        case dict():
            return dict(holder)
        case list():
            return dict(enumerate(holder))
        case set():
            return {(type(part), part): part for part in holder}
        case CellType():
            return {"": _content(holder)}
        case type() | ModuleType():
            return {k: v for k, v in vars(holder).items() if not k.startswith("__")}
    return {}


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _EMPTY


def _same(held: Held, wanted: Held) -> bool:
    return held.keys() == wanted.keys() and all(held[name] is wanted[name] for name in wanted)


def _put(holder: Any, held: Held, wanted: Held) -> None:
    """Makes a holder hold what is wanted."""
    match holder:
        case dict():
            holder.clear()
            holder.update(wanted)
        case list():
            holder[:] = wanted.values()
        case set():
            holder.clear()
            holder.update(wanted.values())
        case CellType():
            _fill(holder, wanted[""])
        case type() | ModuleType():
            for name in held.keys() - wanted.keys():
                delattr(holder, str(name))
            for name, part in wanted.items():
                if held.get(name, _EMPTY) is not part:
                    setattr(holder, str(name), part)


def _fill(cell: CellType, content: Any) -> None:
    if content is _EMPTY:
        del cell.cell_contents
    else:
        cell.cell_contents = content
