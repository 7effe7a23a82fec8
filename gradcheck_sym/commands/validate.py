"""The command `validate`: what is wrong with the files, without running them."""

from __future__ import annotations

import argparse
import sys

from gradcheck_sym.commands.command import PROGRAM, Command, no_options
from gradcheck_sym.commands.select import select
from gradcheck_sym.commands.usage import Exit
from gradcheck_sym.report.numbers import counted
from gradcheck_sym.report.terminal import Screen, line


def validate(arguments: argparse.Namespace) -> Exit:
    """Read everything that is selected; mistakes are raised, as by every command."""
    specs = select(arguments.paths, arguments.keyword, arguments.tags)
    if not specs:
        return Exit.NOTHING
    if arguments.verbosity >= 0:
        files = counted(len({spec.path for spec in specs}), "file")
        Screen(sys.stdout).write(
            [line(f"valid: {counted(len(specs), 'spec')} in {files}", "green")]
        )
    return Exit.PASSED


COMMAND = Command(
    "Read specs and say what is wrong with them, without running any.\n"
    "All mistakes of all files are told at once, each with its place and what may have been\n"
    "meant; the exit code is then 2. Nothing of what is read is executed.",
    f"""\
  {PROGRAM} validate specs/
  {PROGRAM} validate specs/losses.yaml
""",
    no_options,
    validate,
)
