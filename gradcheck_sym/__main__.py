"""The door `python -m gradcheck_sym`."""

# PYTHON_ARGCOMPLETE_OK: a shell that completes every `python -m` finds us by this.
from __future__ import annotations

import sys

from gradcheck_sym.cli import main

if __name__ == "__main__":
    sys.exit(main())
