"""What the results of a spec depend on, as a short key: the same key, the same results.

The spec with its place in its file, every option that the results depend on, the versions of all
that takes part, and of a user's implementation the files of the modules that may be imported.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from importlib.machinery import PathFinder
from pathlib import Path

from gradcheck_sym.run.options import Options
from gradcheck_sym.spec.records import Spec

_DIGITS = 24  # of a key, in base 16
# On what one spec results in.
_WITHOUT_EFFECT = ("strict", "stop_at_first", "implementations", "memory")
_CODE = (".py", ".pyi", ".so", ".pyd", ".cpp", ".cu", ".h")


def keys(
    specs: Sequence[Spec], options: Options, versions: Mapping[str, str], path: Sequence[str]
) -> tuple[str, ...]:
    """The key of each spec; `path` is where modules would be found. Nothing is imported."""
    chosen = {
        field.name: repr(getattr(options, field.name))
        for field in fields(options)
        if field.name not in _WITHOUT_EFFECT
    }
    common = _digest([chosen, dict(versions), list(sys.version_info[:3])])
    code = _digest([_sources(module, path) for module in options.allow_import])
    return tuple(
        _digest([common, repr(spec), code if spec.use else ""])[:_DIGITS] for spec in specs
    )


def _digest(parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _sources(module: str, path: Sequence[str]) -> list[str]:
    """Every file of code of the top package of a module, with a digest of what it contains."""
    found = PathFinder.find_spec(module.partition(".")[0], list(path))
    if found is None:
        return [module]
    folders = list(found.submodule_search_locations or ())
    origin = [] if found.origin is None else [Path(found.origin)]
    files = sorted({*origin, *(file for folder in folders for file in _below(Path(folder)))})
    return [module, *(f"{file} {_content(file)}" for file in files)]


def _below(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob("*") if file.suffix in _CODE)


def _content(file: Path) -> str:
    with suppress(OSError):
        return hashlib.sha256(file.read_bytes()).hexdigest()
    return ""
