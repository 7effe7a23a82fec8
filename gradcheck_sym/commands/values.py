"""The values of options: text in, checked values out."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

from gradcheck_sym.commands.usage import Code, did_you_mean, mistake
from gradcheck_sym.spec.records import Nested

_SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_MAX_DEPTH = 16  # of nested lists; torch itself has no use for more


def whole(option: str, least: int) -> Callable[[str], int]:
    """Reads a whole number that is at least so large."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 18 and int(text) >= least):
            raise mistake(
                Code.VALUE, f"{option}: got '{text}'; it takes a whole number from {least} on"
            )
        return int(text)

    return read


@final
@dataclass(frozen=True, slots=True)
class Words:
    """Reads words out of a list, separated by commas."""

    option: str
    known: tuple[str, ...]

    def __call__(self, text: str) -> tuple[str, ...]:
        """The words of a text; SpecError for one that is not known."""
        words = tuple(dict.fromkeys(word.strip() for word in text.split(",")))
        for word in words:
            if word not in self.known:
                raise mistake(
                    Code.VALUE,
                    f"{self.option}: got '{word}'; known are {', '.join(self.known)}",
                    did_you_mean(word, self.known),
                )
        return words


@final
@dataclass(frozen=True, slots=True)
class Word:
    """Reads one word out of a list."""

    option: str
    known: tuple[str, ...]

    def __call__(self, text: str) -> str:
        """The word of a text; SpecError for one that is not known, or several."""
        words = Words(self.option, self.known)(text)
        if len(words) != 1:
            wanted = f"it takes one of {', '.join(self.known)}"
            raise mistake(Code.VALUE, f"{self.option}: got '{text}'; {wanted}")
        return words[0]


def several(option: str, known: Sequence[str]) -> Words:
    """Reads words out of a list, separated by commas."""
    return Words(option, tuple(known))


def one(option: str, known: Sequence[str]) -> Word:
    """Reads one word out of a list."""
    return Word(option, tuple(known))


def module(text: str) -> str:
    """Reads the dotted name of a module."""
    if not all(part.isidentifier() for part in text.split(".")):
        raise mistake(
            Code.VALUE, f"--allow-import: got '{text}'; it takes a module such as package.module"
        )
    return text


def point(text: str) -> Mapping[str, Nested]:
    """Reads a point: {"x": "0x1.8p+1", "w": [1, 2]}."""
    value = _json("--point", text)
    if not isinstance(value, dict):
        raise mistake(
            Code.VALUE,
            '--point: it takes an object of inputs, such as {"x": "0x1.8p+1"}',
            text=text,
        )
    return {name: _nested(f"--point: {name}", part) for name, part in value.items()}


def cotangent(text: str) -> Nested:
    """Reads a cotangent: a number or nested lists of numbers."""
    return _nested("--cotangent", _json("--cotangent", text))


def dims(text: str) -> Mapping[str, int]:
    """Reads the sizes of a point: n=3,m=2."""
    sizes: dict[str, int] = {}
    for part in text.split(","):
        name, equals, size = (word.strip() for word in part.partition("="))
        if not equals or not name.isidentifier() or name in sizes:
            raise mistake(Code.VALUE, f"--dims: got '{part}'; it takes sizes such as n=3,m=2")
        sizes[name] = whole("--dims", 0)(size)
    return sizes


def shape(value: Nested) -> tuple[int, ...]:
    """The sizes of a rectangular nest; () of a number."""
    if not isinstance(value, tuple):
        return ()
    return (len(value), *(shape(value[0]) if value else ()))


def _json(option: str, text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise mistake(Code.VALUE, f"{option}: not JSON: {error}", text=text) from error


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"'{name}' is given twice")
    return dict(pairs)


def _nested(where: str, value: object, depth: int = 0) -> Nested:
    if not isinstance(value, list):
        return _float(where, value)
    if depth == _MAX_DEPTH:
        raise mistake(Code.VALUE, f"{where}: lists nested deeper than {_MAX_DEPTH}")
    parts = tuple(_nested(where, part, depth + 1) for part in value)
    if len({shape(part) for part in parts}) > 1:
        raise mistake(Code.VALUE, f"{where}: the rows of an array are equally long")
    return parts


def _float(where: str, value: object) -> float:
    try:
        if isinstance(value, str):
            return _SPECIAL[value] if value in _SPECIAL else float.fromhex(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    except (ValueError, OverflowError):
        pass
    raise mistake(
        Code.VALUE,
        f"{where}: got {json.dumps(value)}; a number is written 3.5, or exactly as "
        '"0x1.cp+1", "inf", "-inf" or "nan"',
    )
