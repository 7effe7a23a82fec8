"""Results on disk as they come, one line each, so that a run that ends early can be gone on with.

A journal is one file of one run. A spec is complete in it once the line that counts its results
is there; a line that was cut off is passed over. Of a run that has come to its end only those
lines are kept: they say what failed, and how long each spec took.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import final

from gradcheck_sym.run import files
from gradcheck_sym.run.plain import Json, read, written
from gradcheck_sym.verdict.records import Result

SCHEMA = 1
_FOLDER = "journal"  # within the folder of all that is kept
_KEPT = 20  # of the newest journals
_MOST_BYTES = 2**28  # of one that is read
_DAMAGE = (ValueError, TypeError, LookupError, OverflowError, RecursionError)


@final
@dataclass(frozen=True, slots=True)
class Entry:
    """What became of one spec."""

    key: str  # of the spec and all that its results depend on
    spec: str  # FILE::NAME
    seconds: float  # that it took
    outcomes: tuple[str, ...]  # of its results, each once
    results: tuple[Result, ...]  # none where the run came to its end


@final
@dataclass(frozen=True, slots=True)
class Past:
    """What earlier runs in a folder have left: of each spec only the last time counts."""

    unfinished: Mapping[str, Entry] = field(
        default_factory=dict
    )  # key -> what a run had of it that was cut short
    last: Mapping[str, Entry] = field(
        default_factory=dict
    )  # FILE::NAME -> the last time it was judged


def entry(key: str, spec: str, seconds: float, results: Sequence[Result]) -> Entry:
    """What became of one spec, with the outcomes of its results."""
    outcomes = tuple(dict.fromkeys(result.outcome for result in results))
    return Entry(key, spec, seconds, outcomes, tuple(results))


# ---- writing


@final
class Journal:
    """The journal of a run that is going on."""

    def __init__(self, folder: Path) -> None:
        """Begin one in the folder of all that is kept, of which nothing is lost; OSError."""
        inside = files.made(folder) / _FOLDER
        inside.mkdir(exist_ok=True)
        _make_room(inside)
        self._path = inside / f"{time.time_ns():020d}-{os.getpid()}.jsonl"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL
        self._file = os.open(self._path, flags, 0o600)
        _lock(self._file)
        self._length = 0  # of what is safely there
        self._waiting = b""  # for room on the disk
        self._summaries = [_line({"schema": SCHEMA})]
        self.problem = ""  # why something is not on the disk
        self._append(self._summaries[0])

    def keep(self, kept: Entry) -> None:
        """Write down what became of a spec; where there is no room, it waits for the next time."""
        summary = _line(_summary(kept))
        self._summaries.append(summary)
        lines = (_line({"key": kept.key, "result": written(each)}) for each in kept.results)
        self._append(b"".join((*lines, summary)))

    def close(self, *, finished: bool) -> None:
        """End it; of a run that came to its end the summaries are enough."""
        os.close(self._file)
        if finished:
            with suppress(OSError):
                text = b"".join((*self._summaries, _line({"finished": True}))).decode()
                files.replace(self._path, text)

    def _append(self, lines: bytes) -> None:
        self._waiting += lines
        try:
            left = self._waiting
            while left:
                left = left[os.write(self._file, left) :]
            os.fsync(self._file)
        except OSError as error:
            self.problem = error.strerror or str(error)
            with suppress(OSError):
                os.ftruncate(self._file, self._length)  # never half a line before the next one
        else:
            self._length += len(self._waiting)
            self._waiting, self.problem = b"", ""


def _summary(kept: Entry) -> dict[str, Json]:
    return {
        "key": kept.key,
        "spec": kept.spec,
        "seconds": written(kept.seconds),
        "outcomes": list(kept.outcomes),
        "results": len(kept.results),
    }


def _line(value: Mapping[str, Json]) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _lock(file: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Whether a journal is ours now: it is not while the run that writes it goes on."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _make_room(inside: Path) -> None:
    for path in _newest_first(inside)[_KEPT - 1 :]:
        with suppress(OSError), open(path, "rb") as stream:
            if _lock(stream.fileno()):
                path.unlink()


# ---- reading


def past(folder: Path) -> Past:
    """What earlier runs have left; what still goes on, or is no journal of ours, is passed over."""
    unfinished: dict[str, Entry] = {}
    last: dict[str, Entry] = {}
    seen: set[str] = set()
    for path in _newest_first(folder / _FOLDER):
        found, finished = _read(path)
        for kept in found:
            last.setdefault(kept.spec, kept)
            if kept.key not in seen and not finished:
                unfinished[kept.key] = kept
        seen.update(kept.key for kept in found)
    return Past(unfinished, last)


def _newest_first(inside: Path) -> list[Path]:
    with suppress(OSError):
        return sorted(inside.glob("*.jsonl"), reverse=True)
    return []


def _read(path: Path) -> tuple[list[Entry], bool]:
    """The specs that are complete in a journal, and whether its run came to its end."""
    counted: list[tuple[Entry, int]] = []
    results: dict[str, list[Result]] = {}
    finished = False
    for line in _lines(path):
        with suppress(*_DAMAGE):
            found = dict(json.loads(line))
            if "result" in found:
                results.setdefault(found["key"], []).append(read(Result, found["result"]))
            elif "spec" in found:
                kept = read(Entry, found | {"results": []})
                counted.append((kept, int(found["results"])))
            finished = finished or found.get("finished") is True
    if finished:
        return [kept for kept, _ in counted], True
    whole = [
        replace(kept, results=tuple(results.get(kept.key, ())))
        for kept, count in counted
        if len(results.get(kept.key, ())) == count
    ]
    return whole, False


def _lines(path: Path) -> Iterator[bytes]:
    """The whole lines of a journal that no run is writing to; none of what is no such file."""
    with suppress(OSError):
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(file, "rb") as stream:
            about = os.fstat(file)
            ours = stat.S_ISREG(about.st_mode) and about.st_size <= _MOST_BYTES
            if ours and _lock(file, fcntl.LOCK_SH):
                yield from stream.read().split(b"\n")[:-1]  # what comes last was cut off
