"""Files that are written at once or not at all, and the folder of our own among them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

FOLDER = ".gradcheck_sym"


def made(folder: Path) -> Path:
    """The folder, made if need be so that version control passes over it; OSError."""
    folder.mkdir(exist_ok=True)
    ignored = folder / ".gitignore"
    if not ignored.exists():
        replace(ignored, "*\n")
    return folder


def replace(path: Path, text: str) -> None:
    """Writes a file of our own: never half of one; OSError."""
    with whole(path) as stream:
        stream.write(text)


@contextmanager
def whole(path: Path, *, public: bool = False, fresh: bool = False) -> Iterator[TextIO]:
    """A text file that is written beside its place, and put there where the block ends well.

    public: others may read it, as far as the process's mask lets them; else its owner alone.
    fresh: never over another file. Raises OSError, and so FileExistsError.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            yield stream
        if public:
            temporary.chmod(0o666 & ~_umask())
        if fresh:
            path.hardlink_to(temporary)
        else:
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    """The process's mask; reading it means setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
