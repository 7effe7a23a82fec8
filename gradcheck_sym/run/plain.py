"""Records as JSON and back, by the types of their fields: what is read equals what was written.

What is read may be damaged or made up. Every field is held against its type, and nothing is
executed; a record with a new field needs no code here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Record = TypeVar("Record")

_MAX_DEPTH = 32  # of nested numbers; torch itself has no use for more


def written(value: Any) -> Json:
    """A record, or a part of one, as JSON; floats as hexadecimal texts, which are exact.

    TypeError for what is no record, number, text, enumeration or nest of these.
    """
    if isinstance(value, Enum):
        return written(value.value)
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return float(value).hex()
    if isinstance(value, tuple | list):
        return [written(part) for part in value]
    if isinstance(value, Mapping):
        return {str(key): written(part) for key, part in value.items()}
    if is_dataclass(value):
        return {field.name: written(getattr(value, field.name)) for field in fields(value)}
    raise TypeError(f"cannot write a {type(value).__name__}")


def read(kind: type[Record], found: object) -> Record:
    """The record of that type; ValueError where `found`, which came out of JSON, is none."""
    made: Record = _read(kind, found)
    return made


def _read(kind: Any, found: object) -> Any:
    origin = get_origin(kind)
    if kind is object:
        return _nest(found)
    if origin is UnionType:
        return _optional(kind, found)
    if origin is tuple:
        return _tuple(get_args(kind), _of(list, found))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {key: _read(get_args(kind)[1], part) for key, part in _of(dict, found).items()}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(found)
    if is_dataclass(kind):
        return _record(kind, found)
    return _float(found) if kind is float else _of(kind, found)


def _tuple(kinds: tuple[Any, ...], found: list[object]) -> tuple[Any, ...]:
    """As many as there are, of one kind, or one of each kind."""
    each = [kinds[0]] * len(found) if kinds[-1] is ... else kinds
    return tuple(_read(kind, part) for kind, part in zip(each, found, strict=True))


def _record(kind: Any, found: object) -> Any:
    types, given = _types(kind), _of(dict, found)
    if set(given) != set(types):
        raise ValueError(f"the fields of a {kind.__name__} are {', '.join(types)}")
    return kind(**{name: _read(types[name], part) for name, part in given.items()})


@cache
def _types(kind: type) -> Mapping[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _optional(kind: Any, found: object) -> Any:
    (inner,) = (each for each in get_args(kind) if each is not NoneType)
    return None if found is None else _read(inner, found)


def _of(kind: type, found: Any) -> Any:
    """What was found, of exactly that type: True is no number."""
    if type(found) is not kind:
        raise ValueError(f"got a {type(found).__name__}; a {kind.__name__} is wanted")
    return found


def _float(found: object) -> float:
    if isinstance(found, str):
        return float.fromhex(found)
    whole: float = _of(int, found)  # as it was written: 0 is told as 0, not as 0.0
    return whole


def _nest(found: object, depth: int = 0) -> object:
    """Numbers, None, and nests of them."""
    if found is None or type(found) in (int, bool):
        return found
    if isinstance(found, str):
        return float.fromhex(found)
    if depth == _MAX_DEPTH:
        raise ValueError("nested too deep")
    return tuple(_nest(part, depth + 1) for part in _of(list, found))
