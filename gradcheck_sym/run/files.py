"""Files of our own in the current directory, each written at once or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

FOLDER = ".gradcheck_sym"


def made(folder: Path) -> Path:
    """The folder, made if need be so that version control passes over it; OSError."""
    folder.mkdir(exist_ok=True)
    ignored = folder / ".gitignore"
    if not ignored.exists():
        replace(ignored, "*\n")
    return folder


def replace(path: Path, text: str) -> None:
    """Writes a file beside its place, then puts it there: never half of one; OSError."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
