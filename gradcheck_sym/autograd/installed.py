"""What is a user's own, and what is Python's or an installed package's."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

_INSTALLED = Path(sysconfig.get_path("purelib")).resolve()


def is_installed(module: str) -> bool:
    """Whether a module is Python's own or an installed one, and no file of the project's."""
    top = module.partition(".")[0]
    if top == "__main__":
        return False
    if top in sys.stdlib_module_names:
        return True
    place = getattr(sys.modules.get(top), "__file__", None)
    return place is not None and Path(place).resolve().is_relative_to(_INSTALLED)
