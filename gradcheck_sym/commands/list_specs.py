"""The command `list`: which specs there are."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from gradcheck_sym.commands.command import PROGRAM, Command, no_options
from gradcheck_sym.commands.select import select
from gradcheck_sym.commands.usage import Exit
from gradcheck_sym.report.terminal import Line, Screen, Span, line
from gradcheck_sym.spec.records import Spec


def list_specs(arguments: argparse.Namespace) -> Exit:
    """Print the address of each selected spec, with title and tags unless told to be quiet."""
    specs = select(arguments.paths, arguments.keyword)
    if not specs:
        return Exit.NOTHING
    Screen(sys.stdout).write(_listing(specs, arguments.verbosity >= 0))
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


COMMAND = Command(
    "Say which specs there are.",
    f"""\
  {PROGRAM} list specs/
  {PROGRAM} list specs/ -k relu -q    addresses only
""",
    no_options,
    list_specs,
)
