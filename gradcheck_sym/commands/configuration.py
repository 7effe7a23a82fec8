"""The configuration: options of `run` that a project keeps in its pyproject.toml.

    [tool.gradcheck_sym]
    paths = ["specs"]
    allow-import = ["my_kernels"]

A value is read as the command line reads it, by the option of the same name.
"""

from __future__ import annotations

import argparse
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, final

from gradcheck_sym.commands.command import Parser
from gradcheck_sym.commands.usage import Code, did_you_mean
from gradcheck_sym.errors import Position, Problem, SpecError
from gradcheck_sym.run.options import Profile

FILE = "pyproject.toml"
TABLE = ("tool", "gradcheck_sym")

# What a project can settle once; the rest belongs to a single run. Paths are from the file's
# folder; every other name is that of an option of `run`.
KEYS = (
    "paths",
    "allow-import",
    "checks",
    "dtype",
    "format",
    "jobs",
    "memory",
    "points",
    "profile",
    "searches",
    "seed",
    "strict",
    "timeout",
)


@final
@dataclass(frozen=True, slots=True)
class Configuration:
    """What a project has settled."""

    path: str = ""  # of the file; "" where there is none
    values: Mapping[str, Any] = field(default_factory=dict)  # as in the arguments of `run`


def configuration(folder: Path | None = None) -> Configuration:
    """What the nearest pyproject.toml with a table [tool.gradcheck_sym] says, upward from a folder.

    Without a folder, from the current one. Raises SpecError with every mistake of the table.
    """
    start = Path.cwd() if folder is None else folder.resolve()
    for directory in (start, *start.parents):
        found = _file(directory / FILE)
        if found is not None:
            return found.read()
    return Configuration()


def with_configuration(
    parser: Parser, words: Sequence[str], settled: Configuration
) -> argparse.Namespace:
    """The arguments; what is not among the words is as the project has settled it."""
    arguments = parser.read(words)
    values = settled.values
    if getattr(arguments, "profile", None):  # it is about these, too
        about = {entry.name for entry in fields(Profile)}
        values = {dest: value for dest, value in values.items() if dest not in about}
    parser.set_defaults(**{dest: values[dest] for dest in values if hasattr(arguments, dest)})
    return parser.read(words)


def _file(path: Path) -> _File | None:
    """A file that has our table, or that cannot be read although it speaks of it."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    if TABLE[-1].encode() not in data:
        return None
    name = _named(path)
    try:
        file = _File(name, path.parent, data.decode())
    except UnicodeDecodeError as err:
        raise SpecError((Problem(Code.CONFIGURATION, "not UTF-8", path=name),)) from err
    return file if _table(file.parsed(), TABLE) is not None else None


def _named(path: Path) -> str:
    """The path as a message names it."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def _table(document: Mapping[str, Any], keys: tuple[str, ...]) -> Mapping[str, Any] | None:
    found: Any = document
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


@final
@dataclass(frozen=True, slots=True)
class _File:
    """A pyproject.toml."""

    name: str  # as messages name it
    folder: Path
    text: str

    def parsed(self) -> Mapping[str, Any]:
        """The document; SpecError where it is not TOML."""
        try:
            return tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as err:
            raise SpecError((self._syntax(str(err)),)) from err

    def read(self) -> Configuration:
        """The values of the table; SpecError with all that is wrong with them."""
        table = _table(self.parsed(), TABLE)
        assert table is not None
        readers = _readers()
        values: dict[str, Any] = {}
        problems: list[Problem] = []
        for key, value in table.items():
            if key not in readers:
                problems.append(self._unknown(key))
                continue
            try:
                values[readers[key].dest] = self._value(key, value, readers[key])
            except SpecError as err:
                problems += [self._misread(key, problem) for problem in err.problems]
        if problems:
            raise SpecError(tuple(problems))
        return Configuration(self.name, values)

    def _value(self, key: str, value: object, reader: argparse.Action) -> Any:
        if key == "paths":
            return [os.path.relpath(self.folder / text) for text in _texts(key, value)]
        if isinstance(reader, argparse.BooleanOptionalAction):
            if isinstance(value, bool):
                return value
            raise _mistake(f"{key}: got {_shown(value)}; it takes true or false")
        read = reader.type if callable(reader.type) else str
        texts = _texts(key, value)
        return [read(text) for text in texts] if _repeats(reader) else read(",".join(texts))

    def _unknown(self, key: str) -> Problem:
        message = f"unknown key '{key}'; [tool.gradcheck_sym] has {', '.join(KEYS)}"
        alike = did_you_mean(key.replace("_", "-"), KEYS)
        return self._problem(Code.SETTING, key, message, alike)

    def _misread(self, key: str, problem: Problem) -> Problem:
        message = problem.message.removeprefix("--")
        return self._problem(Code.SETTING_VALUE, key, message, problem.suggestion)

    def _problem(self, code: Code, key: str, message: str, suggestion: str) -> Problem:
        line, column = self._place(key)
        text = self.text.splitlines()[line - 1]
        where = Position(self.name, line, column)
        return Problem(code, message, where, text, len(key), suggestion, self.name)

    def _place(self, key: str) -> tuple[int, int]:
        """Line and column of a key of the table.

        tomllib keeps no places; but the statement that sets the key is the one that ends with the
        first line up to which the file has it.
        """
        lines = self.text.splitlines(keepends=True)
        begin = 0  # where the statement begins that is being read
        for end in range(1, len(lines) + 1):
            try:
                document = tomllib.loads("".join(lines[:end]))
            except tomllib.TOMLDecodeError:
                continue
            if key in (_table(document, TABLE) or {}):
                return begin + 1, lines[begin].find(key) + 1 or 1
            begin = end
        return 1, 1

    def _syntax(self, said: str) -> Problem:
        """What tomllib says, at the place that it names."""
        message, _, place = said.rpartition(" (at ")
        numbers = [
            int(word) for word in place.rstrip(")").replace(",", "").split() if word.isdigit()
        ]
        if len(numbers) != 2:  # "(at end of document)"
            numbers = [max(1, len(self.text.splitlines())), 1]
        lines = self.text.splitlines() or [""]
        text = lines[min(numbers[0], len(lines)) - 1]
        where = Position(self.name, *numbers)
        reason = message[:1].lower() + message[1:]
        return Problem(Code.CONFIGURATION, f"not TOML: {reason}", where, text, path=self.name)


def _readers() -> Mapping[str, argparse.Action]:
    """The options of `run` that a configuration may set, by name."""
    from gradcheck_sym.commands import run

    parser = argparse.ArgumentParser(add_help=False)
    run.COMMAND.add_arguments(parser)
    named = {
        text.removeprefix("--"): each for each in parser._actions for text in each.option_strings
    }
    positional = {each.dest: each for each in parser._actions if not each.option_strings}
    return {key: (named | positional)[key] for key in KEYS}


def _repeats(reader: argparse.Action) -> bool:
    return isinstance(reader, argparse._AppendAction)


def _texts(key: str, value: object) -> list[str]:
    """A value, or each of a list, as one would type it."""
    parts = value if isinstance(value, list) else [value]
    for part in parts:
        if isinstance(part, bool) or not isinstance(part, str | int | float):
            raise _mistake(
                f"{key}: got {_shown(part)}; it takes a text or number, or a list of them"
            )
    return [str(part) for part in parts]


def _shown(value: object) -> str:
    match value:
        case dict():
            return "a table"
        case list():
            return "a list"
        case bool():
            return str(value).lower()
        case str():
            return f"'{value}'"
    return str(value)


def _mistake(message: str) -> SpecError:
    return SpecError((Problem(Code.SETTING_VALUE, message),))
