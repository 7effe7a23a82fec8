"""What the shell offers after a tab, where argcomplete is installed and the shell asks for it.

eval "$(register-python-argcomplete gradcheck-sym)"
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gradcheck_sym.commands.command import Command
from gradcheck_sym.commands.values import Word, Words

ASKED = "_ARGCOMPLETE"  # the variable by which a shell asks
_LINE, _POINT = "COMP_LINE", "COMP_POINT"


def complete(
    commands: Mapping[str, Command], parser_of: Callable[[str, Command], argparse.ArgumentParser]
) -> None:
    """Answer the shell, and end the process; without argcomplete, or unasked, do nothing."""
    if ASKED not in os.environ:
        return
    try:
        import argcomplete
    except ImportError:
        return
    words = _typed()
    name = next((word for word in words if word in commands), next(iter(commands)))
    parser = parser_of(name, commands[name])
    first = [] if name in words else list(commands)
    for action in parser._actions:
        action.completer = _completer(action, first)  # type: ignore[attr-defined]
    argcomplete.autocomplete(parser, always_complete_options="long")


def _typed() -> list[str]:
    """The words before the cursor, without the program's name and the word being typed."""
    line = os.environ.get(_LINE, "")[: int(os.environ.get(_POINT, "0") or 0)]
    return line.split()[1:] if line.endswith(" ") else line.split()[1:-1]


def _completer(action: argparse.Action, first: list[str]) -> Callable[..., Iterable[str]]:
    """What is offered as the value of an option, or as an operand."""
    if isinstance(action.type, Word):
        return _among(action.type.known)
    if isinstance(action.type, Words):
        return _listed(action.type.known)
    return _operands(first) if action.dest in ("paths", "words") else _files


def _among(known: tuple[str, ...]) -> Callable[..., Iterable[str]]:
    return lambda prefix, **_: [word for word in known if word.startswith(prefix)]


def _listed(known: tuple[str, ...]) -> Callable[..., Iterable[str]]:
    """Words separated by commas: those that are left for the last one."""

    def offered(prefix: str, **_: Any) -> Iterable[str]:
        before, comma, last = prefix.rpartition(",")
        taken = before.split(",")
        left = [word for word in known if word.startswith(last) and word not in taken]
        return [f"{before}{comma}{word}" for word in left]

    return offered


def _operands(first: list[str]) -> Callable[..., Iterable[str]]:
    """Commands where none is given yet, files, and behind :: the specs of a file."""

    def offered(prefix: str, **_: Any) -> Iterable[str]:
        path, colons, begun = prefix.partition("::")
        if colons:
            return [f"{path}::{name}" for name in _names(path) if name.startswith(begun)]
        return [*(name for name in first if name.startswith(prefix)), *_files(prefix)]

    return offered


def _names(path: str) -> Iterable[str]:
    from gradcheck_sym.spec.reader import read_file

    specs, _ = read_file(path)
    return [spec.name for spec in specs]


def _files(prefix: str, **_: Any) -> Iterable[str]:
    from argcomplete.completers import FilesCompleter

    found: Iterable[str] = FilesCompleter()(prefix)
    return found
