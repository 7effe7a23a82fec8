"""The commands `list` and `validate`: what the files say, without running it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from gradcheck_sym.commands.select import select
from gradcheck_sym.commands.usage import Exit
from gradcheck_sym.report.numbers import counted
from gradcheck_sym.report.terminal import Line, Screen, Span, line
from gradcheck_sym.spec.records import Spec


def list_specs(arguments: argparse.Namespace) -> Exit:
    """Print the address of each selected spec, with title and tags unless told to be quiet."""
    specs = select(arguments.paths, arguments.keyword)
    if not specs:
        return Exit.NOTHING
    Screen(sys.stdout).write(_listing(specs, arguments.verbosity >= 0))
    return Exit.PASSED


def validate(arguments: argparse.Namespace) -> Exit:
    """Read everything that is selected; mistakes are raised, as by every command."""
    specs = select(arguments.paths, arguments.keyword)
    if not specs:
        return Exit.NOTHING
    if arguments.verbosity >= 0:
        files = counted(len({spec.path for spec in specs}), "file")
        Screen(sys.stdout).write(
            [line(f"valid: {counted(len(specs), 'spec')} in {files}", "green")]
        )
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
