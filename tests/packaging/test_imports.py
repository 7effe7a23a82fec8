"""The import table: who may know whom, and who may load what."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import final

import pytest

PACKAGE = "gradcheck_sym"
ROOT = Path(__file__).parents[2] / PACKAGE


@final
@dataclass(frozen=True, slots=True)
class Row:
    """What the modules of one part may import, at the top or inside a function."""

    own: frozenset[str]  # parts of this package besides itself, or single modules of them
    others: frozenset[str] = frozenset()  # packages beyond the standard library


def row(own: str = "", others: str = "") -> Row:
    """A row from words."""
    return Row(frozenset(own.split()), frozenset(others.split()))


# Records travel between stages: these are open to the stages that fill them in.
RECORDS = "verdict.records verdict.mechanics verdict.pictures"

# NumPy's arrays are what points travel in. The doors are cli, __main__ and commands.
TABLE = {
    "": row("api errors"),  # gradcheck_sym/__init__.py: both only when they are asked for
    "errors": row(),
    "spec": row("errors", "yaml"),
    "symbolic": row(f"errors spec {RECORDS}", "sympy flint numpy"),
    "autograd": row(f"errors spec {RECORDS}", "torch numpy"),
    "numerical": row(f"errors spec {RECORDS}", "torch numpy"),
    "sampling": row("errors spec", "hypothesis numpy"),
    "verdict": row("errors spec"),
    "report": row("errors spec verdict", "rich jinja2 markupsafe"),
    "run": row("errors spec symbolic autograd numerical sampling verdict", "numpy"),
    "commands": row("errors spec verdict report run", "rich argcomplete"),
    "api": row("errors spec verdict report run commands"),
    "cli": row("errors spec verdict report run commands"),
    "pytest_plugin": row("plugin", "pytest"),
    "plugin": row("errors spec verdict report run commands api pytest_plugin", "pytest"),
    "__main__": row("cli"),
}


def parts() -> dict[str, list[Path]]:
    """The modules of each part: a folder, or a module beside the folders."""
    found: dict[str, list[Path]] = {}
    for path in sorted(ROOT.rglob("*.py")):
        inside = path.relative_to(ROOT)
        part = inside.parts[0] if len(inside.parts) > 1 else inside.stem
        found.setdefault("" if part == "__init__" else part, []).append(path)
    return found


def imported(source: str) -> Iterator[str]:
    """The dotted names that a module imports anywhere, its own package's in full."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom(level=0, module=str(module)):
                yield from (f"{module}.{alias.name}" for alias in node.names)
            case ast.ImportFrom():
                yield "relative import"
            case ast.Call(func=ast.Name(id="__import__")):
                yield "__import__"


def violations(part: str, source: str) -> list[str]:
    """The imports of a module that its part's row does not grant."""
    allowed = TABLE[part]
    found = []
    for name in imported(source):
        top, _, rest = name.partition(".")
        if top == PACKAGE:
            granted = allowed.own | {part, "__version__"}
            fine = not rest or any(f"{rest}.".startswith(f"{each}.") for each in granted)
        else:
            fine = top in sys.stdlib_module_names | allowed.others
        if not fine:
            found.append(name)
    return found


def test_every_part_has_a_row() -> None:
    """A new package or module beside the packages is entered in the table."""
    assert set(parts()) == set(TABLE)


@pytest.mark.parametrize("part", TABLE)
def test_imports_follow_the_table(part: str) -> None:
    """No module imports what its row does not grant, lazily or not."""
    wrong = {
        str(path.relative_to(ROOT)): found
        for path in parts().get(part, [])
        if (found := violations(part, path.read_text(encoding="utf-8")))
    }
    assert wrong == {}


def test_the_three_witnesses_share_nothing() -> None:
    """The table itself keeps symbolic, autograd and numerical apart, and run behind the doors."""
    witnesses = {"symbolic", "autograd", "numerical"}
    for witness in witnesses:
        assert TABLE[witness].own <= {"errors", "spec", *RECORDS.split()}
    knows_run = {part for part, each in TABLE.items() if "run" in each.own}
    assert knows_run == {"api", "commands", "cli", "plugin"}


@pytest.mark.parametrize(
    "source",
    [
        "import torch",
        "import torch.nn as nn",
        "from gradcheck_sym.autograd import functions",
        "from gradcheck_sym import autograd",
        "def f():\n    from torch import nn",
        "if TYPE_CHECKING:\n    from gradcheck_sym.run import runner",
        "from . import balls",
        "__import__('torch')",
    ],
)
def test_a_breach_is_found(source: str) -> None:
    """Each way of importing is seen."""
    assert violations("symbolic", source)


@pytest.mark.parametrize(
    "source", ["import sympy", "from gradcheck_sym.spec.tree import Node", "import gradcheck_sym"]
)
def test_a_granted_import_is_no_breach(source: str) -> None:
    """What the row grants is not complained about."""
    assert violations("symbolic", source) == []
