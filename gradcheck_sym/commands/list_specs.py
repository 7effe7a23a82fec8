"""The command `list`: which specs there are."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence

from gradcheck_sym.commands.command import PROGRAM, Command
from gradcheck_sym.commands.select import select
from gradcheck_sym.commands.usage import Exit
from gradcheck_sym.report.terminal import Line, Screen, Span, line
from gradcheck_sym.spec.records import Expression, Skip, Spec

SCHEMA = 1  # of the JSON


def list_specs(arguments: argparse.Namespace) -> Exit:
    """Print the address of each selected spec, with title and tags unless told to be quiet."""
    specs = select(arguments.paths, arguments.keyword, arguments.tags)
    if not specs:
        return Exit.NOTHING
    screen = Screen(sys.stdout)
    if arguments.json:
        screen.write_text(_json(specs))
    else:
        screen.write(_listing(specs, arguments.verbosity >= 0))
    return Exit.PASSED


def _listing(specs: Sequence[Spec], wordy: bool) -> Iterator[Line]:
    width = max(len(spec.address) for spec in specs)
    for spec in specs:
        tags = f" [{', '.join(spec.tags)}]" if spec.tags else ""
        about = f"{spec.title}{tags}".strip()
        if wordy and about:
            yield (Span(spec.address.ljust(width)), Span(f"  {about}", "dim"))
        else:
            yield line(spec.address)


def _json(specs: Sequence[Spec]) -> str:
    document = {"schema": SCHEMA, "specs": [_told(spec) for spec in specs]}
    return json.dumps(document, indent=1) + "\n"


def _told(spec: Spec) -> dict[str, object]:
    """What programs may want to know of a spec before they run it."""
    skipped = {name: said.reason for name, said in spec.checks.items() if isinstance(said, Skip)}
    return {
        "spec": spec.address,
        "file": spec.path,
        "name": spec.name,
        "line": spec.position.line,
        "title": spec.title,
        "source": spec.source,
        "tags": list(spec.tags),
        "inputs": [entry.name for entry in spec.inputs],
        "let": {name: value.text for name, value in spec.let},
        "expr": _text(spec.expr),
        "torch": _text(spec.torch),
        "use": dict(spec.use),
        "steps": len(spec.steps),
        "skip": skipped,
        "xfail": dict(spec.xfail),
    }


def _text(value: Expression | None) -> str | None:
    return None if value is None else value.text


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="all about each, for machines")


COMMAND = Command(
    "Say which specs there are.",
    f"""\
  {PROGRAM} list specs/
  {PROGRAM} list specs/ -k relu -q             addresses only
  {PROGRAM} list specs/ --tag activation --json
""",
    _add_options,
    list_specs,
)
