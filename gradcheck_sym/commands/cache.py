"""Where derivatives are remembered between runs: a folder of the user's, not of the project's."""

from __future__ import annotations

import os
from pathlib import Path

_NAME = "gradcheck_sym"


def cache_folder() -> Path | None:
    """The folder, by the XDG base directory specification; None for a user without a home."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(base):
        return Path(base, _NAME)
    try:
        return Path.home() / ".cache" / _NAME
    except RuntimeError:
        return None
