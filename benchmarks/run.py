"""Run every benchmark beside this file.

    python benchmarks/run.py [--json FILE] [NAME...]

Those that take minutes run only where they are named.

A benchmark is a module with a function measure() that returns a list of rows.Row.
Exit code 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from rows import Row  # noqa: E402  # a module beside this one

NOT_BENCHMARKS = {"run", "rows"}
ON_REQUEST = {"bank", "suite"}  # take minutes


def names() -> list[str]:
    """The benchmarks that there are."""
    return sorted({path.stem for path in HERE.glob("*.py")} - NOT_BENCHMARKS)


def measure(name: str) -> list[Row]:
    """The rows of one benchmark; empty for a module that only helps others."""
    module = importlib.import_module(name)
    rows: list[Row] = module.measure() if hasattr(module, "measure") else []
    return rows


def show(rows: Sequence[Row], console: Console) -> None:
    """Print the rows as a table."""
    table = Table("benchmark", "ours", "theirs", "unit", "ratio", "target", "")
    for column in table.columns[1:6]:
        column.justify = "right"
    for row in rows:
        target = "" if row.target is None else f"{row.wanted} {row.target:g}"
        theirs = "" if row.theirs is None else f"{row.theirs:.4g}"
        verdict = "" if row.target is None else "met" if row.met else "MISSED"
        table.add_row(
            row.name, f"{row.ours:.4g}", theirs, row.unit, f"{row.ratio:.3g}", target, verdict
        )
    console.print(table)


def document(rows: Sequence[Row]) -> dict[str, object]:
    """The rows and the machine they were measured on, for JSON."""
    return {
        "machine": {
            "python": platform.python_version(),
            "architecture": platform.machine(),
            "cores": os.cpu_count(),
        },
        "rows": [asdict(row) | {"met": row.met} for row in rows],
    }


def main() -> int:
    """Measure, show, and write."""
    parser = argparse.ArgumentParser(description="Run the benchmarks.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names())}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there")
    arguments = parser.parse_args()
    chosen = arguments.names or [name for name in names() if name not in ON_REQUEST]
    unknown = set(chosen) - set(names())
    if unknown:
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    rows = [row for name in chosen for row in measure(name)]
    show(rows, Console(width=None if sys.stdout.isatty() else 140))
    if arguments.json is not None:
        text = json.dumps(document(rows), indent=1, allow_nan=False)
        arguments.json.write_text(f"{text}\n", encoding="utf-8")
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
