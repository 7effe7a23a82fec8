"""The door `python -m gradcheck_sym`."""

from __future__ import annotations

import sys

from gradcheck_sym.cli import main

if __name__ == "__main__":
    sys.exit(main())
