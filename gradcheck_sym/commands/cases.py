"""The cases that failed, kept on disk: `replay` finds each again by its short name.

One small file a case, in a folder of the current directory. Keeping it is a service: a run
never fails for want of a folder to write to.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

from gradcheck_sym.commands import values
from gradcheck_sym.errors import SpecError
from gradcheck_sym.report.numbers import hex_nest
from gradcheck_sym.run import files
from gradcheck_sym.run.files import FOLDER
from gradcheck_sym.run.options import Options
from gradcheck_sym.spec.records import Nested
from gradcheck_sym.verdict.records import Case, Result

SCHEMA = 1
_KEPT = 1_000  # of the newest cases
_DIGITS = (
    10  # of a name, in base 16: among a thousand cases two are alike once in two million times
)
_WORTH_KEEPING = ("failed", "errors", "warned")


@final
@dataclass(frozen=True, slots=True)
class Point:
    """One point, exactly."""

    inputs: Mapping[str, Nested]  # input name -> value
    cotangent: Nested | None


@final
@dataclass(frozen=True, slots=True)
class Entry:
    """One failing case, with all that judging it again takes."""

    id: str
    spec: str  # FILE::NAME
    check: str
    input: str | None
    dtype: str
    smallest: Point | None  # None: the check as a whole is repeated
    worst: Point | None
    dims: Mapping[str, int]  # sizes that no input's shape shows
    seed: int
    points: int
    searches: int
    allow_import: tuple[str, ...]  # the modules that the run was permitted to import
    verdict: str
    message: str
    diagnosis: str
    pattern: str


def identified(result: Result) -> str:
    """The short name of a failing case: the same case has the same name in every run."""
    case = result.smallest or result.worst
    told = [result.spec, result.check, result.input, result.dtype]
    where = None if case is None else [case.setting, _written(case)]
    text = json.dumps([*told, where], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def keep(
    results: Sequence[Result], options: Options, folder: Path = Path(FOLDER)
) -> Sequence[Result]:
    """Write down every case that has an ID, and return the results.

    Where a case cannot be written, its result is told without the ID, which leads nowhere.
    """
    found = [result for result in results if result.id]
    try:
        _write(found, options, folder)
    except OSError:
        return [replace(result, id="") for result in results]
    return results


def _write(found: Sequence[Result], options: Options, folder: Path) -> None:
    if found:
        files.made(folder)
        for result in found:
            text = json.dumps(_entry(result, options), indent=1) + "\n"
            files.replace(folder / f"{result.id}.json", text)
        for old in _by_age(folder)[_KEPT:]:
            old.unlink(missing_ok=True)


def worth_keeping(result: Result) -> bool:
    """Whether a result is one to come back to."""
    return result.outcome in _WORTH_KEEPING


def entries(folder: Path = Path(FOLDER)) -> tuple[Entry, ...]:
    """All cases that can be read, the newest first."""
    found = [_read(path) for path in _by_age(folder)]
    return tuple(entry for entry in found if entry is not None)


def entry_of(name: str, folder: Path = Path(FOLDER)) -> Entry | None:
    """The case of that name; None where there is none that can be read."""
    if not name.isalnum():
        return None
    return _read(folder / f"{name}.json")


# ---- files


def _by_age(folder: Path) -> list[Path]:
    """The cases of a folder, the newest first."""
    aged = []
    with suppress(OSError):
        for path in folder.glob("*.json"):
            with suppress(OSError):
                aged.append((-path.stat().st_mtime_ns, path.name, path))
    return [path for _, _, path in sorted(aged)]


# ---- entries as JSON; as on the command line, every float is exact


def _entry(result: Result, options: Options) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "id": result.id,
        "spec": result.spec,
        "check": result.check,
        "input": result.input,
        "dtype": result.dtype,
        "smallest": _written(result.smallest or result.worst),
        "worst": _written(result.worst or result.smallest),
        "dims": dict(options.dims),
        "seed": options.seed,
        "points": options.points,
        "searches": options.searches,
        "allow_import": list(options.allow_import),
        "verdict": result.verdict.value,
        "message": result.message,
        "diagnosis": result.diagnosis,
        "pattern": result.pattern,
    }


def _written(case: Case | None) -> dict[str, object] | None:
    if case is None or not case.point:
        return None
    point = {name: hex_nest(value) for name, value in case.point.items()}
    return {"point": point, "cotangent": hex_nest(case.cotangent)}


def _read(path: Path) -> Entry | None:
    """A case; None for what is no case of ours."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found.pop("schema") != SCHEMA:
            return None
        return _checked(found)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, SpecError):
        return None


def _checked(found: dict[str, Any]) -> Entry:
    texts = ("id", "spec", "check", "dtype", "verdict", "message", "diagnosis", "pattern")
    for name in texts:
        if not isinstance(found[name], str):
            raise TypeError(f"{name} is a text")
    modules = [values.module(name) for name in found["allow_import"]]
    read = {
        "smallest": _point(found["smallest"]),
        "worst": _point(found["worst"]),
        "dims": {str(dim): int(size) for dim, size in found["dims"].items()},
        "allow_import": tuple(modules),
    }
    return Entry(**(found | read))


def _point(found: Any) -> Point | None:
    if found is None:
        return None
    fed = found["cotangent"]
    inputs = values.point(json.dumps(found["point"]))
    return Point(inputs, None if fed is None else values.cotangent(json.dumps(fed)))
