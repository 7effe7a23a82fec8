"""Faults found and false alarms over the banks of tests/, family by family, beside gradcheck.

Run: python benchmarks/bank.py [--json FILE] [FAMILY...]
Takes minutes, and so is no part of a run of all benchmarks; `run.py bank` runs it, too.

Ours is a run with all default checks: a result that failed, or an error, counts as found. Theirs
is torch.autograd.gradcheck with its defaults at five random points of the domain, at the last of
the sizes that we visit (it finds more there than at size 1) and in float64, or in the only dtype
that the spec admits; whatever it raises counts. Complex inputs it gets as real and imaginary parts.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, final

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from rows import Row
from run import document
from torch import Tensor

from gradcheck_sym.run.options import Options
from gradcheck_sym.run.runner import run
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.sampling.bulk import by_value, spread
from gradcheck_sym.spec.dtypes import DTYPES, format_of
from gradcheck_sym.spec.reader import read
from gradcheck_sym.spec.records import Spec

BANKS = Path(__file__).parents[1] / "tests"
DRAWS = 5
SEED = 0

Side = Literal["wrong", "right"]
SIDES: tuple[Side, ...] = ("wrong", "right")


@final
@dataclass(frozen=True, slots=True)
class Outcome:
    """What both checkers make of one implementation."""

    name: str
    family: str
    side: Side  # what it is: to be found, or to be left in peace
    ours: bool  # whether we object to it
    theirs: bool  # whether gradcheck does


def measure() -> list[Row]:
    """The rows of a run over both banks."""
    return rows(outcomes(()))


def outcomes(families: Sequence[str]) -> Iterator[Outcome]:
    """Every implementation of the banks, one after the other; of some families only, if any."""
    for side in SIDES:
        for spec in bank(side):
            if not families or family(spec) in families:
                yield judged(spec, side)


def bank(side: Side) -> tuple[Spec, ...]:
    """The specs of one bank, whose implementations can be imported from now on."""
    folder = BANKS / side
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    return tuple(read([str(folder / "specs")]))


def family(spec: Spec) -> str:
    """The kind of fault that a spec of the banks is about."""
    return [tag for tag in spec.tags if tag != "slow"][-1]


def judged(spec: Spec, side: Side) -> Outcome:
    """Both checkers on one implementation; ours first, so that no state is left over for it."""
    return Outcome(spec.name, family(spec), side, objects(spec), gradcheck_objects(spec))


def objects(spec: Spec) -> bool:
    """Whether a run with all defaults fails."""
    results = run([spec], _options(spec), lambda result: None)
    return any(result.outcome in ("failed", "errors") for result in results)


def gradcheck_objects(spec: Spec) -> bool:
    """Whether gradcheck fails, or raises anything else, at some random point."""
    own = {entry.dtype for entry in spec.inputs if entry.dtype in DTYPES}
    dtype = next(iter(own), "float64")
    subject = Subject(spec, format_of(dtype), _options(spec))
    names = [entry.name for entry in spec.inputs]
    rng = np.random.default_rng(SEED)
    values = spread(subject.space, subject.sizes[-1], DRAWS, rng, by_value)

    def function(*tensors: Tensor) -> Tensor:
        return subject.implementation.call(dict(zip(names, tensors, strict=True)))

    for lane in range(DRAWS):
        tensors = [
            torch.tensor(values[entry.name][lane], dtype=getattr(torch, dtype)).requires_grad_(
                entry.requires_grad
            )
            for entry in spec.inputs
        ]
        if _raises(function, tensors):
            return True
    return False


def _raises(function: Callable[..., Tensor], tensors: Sequence[Tensor]) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            torch.autograd.gradcheck(function, tensors)
        except Exception:  # noqa: BLE001 - an implementation may raise anything
            return True
    return False


def _options(spec: Spec) -> Options:
    """All defaults, and leave to import what the spec uses."""
    return Options(allow_import=tuple(target.partition(":")[0] for _, target in spec.use))


def rows(found: Iterable[Outcome]) -> list[Row]:
    """For each family the faults found and the false alarms; targets are all, and none."""
    seen = list(found)
    return [
        _row(one, side, [item for item in seen if (item.family, item.side) == (one, side)])
        for one in sorted({item.family for item in seen})
        for side in SIDES
        if any((item.family, item.side) == (one, side) for item in seen)
    ]


def _row(one: str, side: Side, items: Sequence[Outcome]) -> Row:
    ours, theirs = sum(item.ours for item in items), sum(item.theirs for item in items)
    if side == "wrong":
        name = f"{one}: found of {len(items)} faults"
        return Row(name, ours, theirs, ours / len(items), 1.0, "", wanted="at least")
    return Row(f"{one}: alarms of {len(items)} right", ours, theirs, ours / len(items), 0.0, "")


def show(found: Sequence[Outcome], console: Console) -> None:
    """Print a table by family, and what we missed or were wrong about."""
    table = Table("family", "faults", "gradcheck", "ours", "right", "gradcheck", "ours")
    for column in table.columns[1:]:
        column.justify = "right"
    for one in [*sorted({item.family for item in found}), None]:
        table.add_row(one or "all", *_cells([item for item in found if one in (None, item.family)]))
    console.print(table)
    for title, side, ours in (("missed", "wrong", False), ("false alarms", "right", True)):
        names = [item.name for item in found if item.side == side and item.ours is ours]
        if names:
            console.print(f"{title}: {', '.join(names)}")


def _cells(items: Sequence[Outcome]) -> Iterator[str]:
    """Of the wrong and then of the right ones: how many, and how many each side objects to."""
    for side in SIDES:
        counts = Counter[str]()
        for item in items:
            if item.side == side:
                counts.update(all=1, theirs=item.theirs, ours=item.ours)
        yield from (str(counts[key]) for key in ("all", "theirs", "ours"))


def main() -> int:
    """Measure, show, and write what run.py writes."""
    parser = argparse.ArgumentParser(description="Both checkers over the banks of tests/.")
    parser.add_argument("families", nargs="*", metavar="FAMILY", help="only these, of all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there")
    arguments = parser.parse_args()
    found = list(outcomes(arguments.families))
    show(found, Console(width=None if sys.stdout.isatty() else 140))
    measured = rows(found)
    if arguments.json is not None:
        text = json.dumps(document(measured), indent=1, allow_nan=False)
        arguments.json.write_text(f"{text}\n", encoding="utf-8")
    return 0 if found and all(row.met for row in measured) else 1


if __name__ == "__main__":
    sys.exit(main())
