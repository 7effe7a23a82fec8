"""Paths to the texts of spec files, whatever stands there: folders, links, pipes, devices.

Nothing is waited for, nothing is read beyond a limit, and what cannot be read is a problem.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from gradcheck_sym.errors import Problem, SpecError
from gradcheck_sym.spec.codes import Code
from gradcheck_sym.spec.parser import closest
from gradcheck_sym.spec.yaml_nodes import Source

MAX_BYTES = 1_000_000  # of one file
SUFFIXES = (".yaml", ".yml")


def find_files(paths: Iterable[str]) -> tuple[str, ...]:
    """The spec files that paths name: files as they are, directories searched, each file once.

    In a directory, *.yaml and *.yml are taken in sorted order; what begins with a dot is passed
    over. Raises SpecError with every path that does not exist or cannot be searched.
    """
    files, problems = discover(paths)
    if problems:
        raise SpecError(problems)
    return files


def discover(paths: Iterable[str]) -> tuple[tuple[str, ...], tuple[Problem, ...]]:
    """As find_files, with the problems beside the files."""
    files: dict[str, str] = {}  # where it really is -> as the user named it
    problems: list[Problem] = []
    for path in paths:
        for found in _found(path):
            if isinstance(found, Problem):
                problems.append(found)
            else:
                files.setdefault(_really(found), found)
    return tuple(files.values()), tuple(problems)


def _really(path: str) -> str:
    """The file behind links; the path itself where the system gives up following them."""
    try:
        Path(path).stat()
    except OSError:
        return path
    return os.path.realpath(path)


def _found(path: str) -> Iterator[str | Problem]:
    """The files that one path names, or why there are none."""
    try:
        mode = Path(path).stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: it contains NUL
        hint = _sibling(path)
        yield Problem(Code.NO_SUCH_PATH, "no such file or directory", suggestion=hint, path=path)
    except OSError as err:
        yield _unreadable(path, err)
    else:
        if stat.S_ISDIR(mode):
            yield from _searched(path)
        elif stat.S_ISREG(mode):
            yield path
        else:
            yield _unreadable(path, "neither a file nor a directory")


def _searched(directory: str) -> Iterator[str | Problem]:
    """The spec files of a folder, then those of the folders in it; links are not entered."""
    pending = [directory]
    while pending:  # without recursion: folders may be nested as deep as paths are long
        folder = pending.pop()
        try:
            with os.scandir(folder) as entries:
                found = sorted((e for e in entries if e.name[:1] != "."), key=lambda e: e.name)
        except OSError as err:
            yield _unreadable(folder, err)
            continue
        inner = [entry for entry in found if _is_folder(entry)]
        pending += [entry.path for entry in reversed(inner) if not entry.is_symlink()]
        files = [entry for entry in found if entry not in inner]
        yield from (str(Path(entry.path)) for entry in files if entry.name.endswith(SUFFIXES))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads nowhere: reading it will tell
        return False


def _unreadable(path: str, why: OSError | str) -> Problem:
    reason = why if isinstance(why, str) else why.strerror or "cannot be read"
    return Problem(Code.UNREADABLE, reason, path=path)


def _sibling(path: str) -> str:
    """A file of a similar name beside a path that does not exist."""
    missing = Path(path)
    try:
        return closest(missing.name, [entry.name for entry in missing.parent.iterdir()])
    except (OSError, ValueError):
        return ""


def source_of(path: str) -> Source | Problem:
    """The text of a file, or why it has none."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return _unreadable(path, "neither a file nor a directory")
            data = file.read(MAX_BYTES + 1) or b""  # None from what would have to be waited for
    except OSError as err:
        return _unreadable(path, err)
    if len(data) > MAX_BYTES:
        message = f"the file has more than {MAX_BYTES} bytes"
        return Problem(Code.FILE_TOO_LARGE, message, path=path)
    try:
        return Source(path, data.decode("utf-8").removeprefix("\ufeff"))
    except UnicodeDecodeError as err:
        before = Source(path, data[: err.start].decode("utf-8").removeprefix("\ufeff"))
        message = f"the byte 0x{data[err.start]:02x} here is not UTF-8"
        return before.problem(Code.NOT_UTF8, message, len(before.text))


def _without_waiting(path: str, flags: int) -> int:
    """Opens as ever, but for writers of a pipe or the line of a device nobody waits."""
    return os.open(path, flags | os.O_NONBLOCK)
