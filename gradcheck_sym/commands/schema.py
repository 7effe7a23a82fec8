"""The command `schema`: what a spec file may say, for editors."""

from __future__ import annotations

import argparse
import json
import sys

from gradcheck_sym.commands.command import PROGRAM, Command
from gradcheck_sym.commands.usage import Exit
from gradcheck_sym.report.terminal import Screen


def show_schema(arguments: argparse.Namespace) -> Exit:
    """Print the JSON Schema of a spec file, or of a report."""
    from gradcheck_sym.report import json_report
    from gradcheck_sym.spec import schema

    shown = json_report.schema() if arguments.report else schema.schema()
    Screen(sys.stdout).write_text(json.dumps(shown, indent=1) + "\n")
    return Exit.PASSED


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--report",
        action="store_true",
        help="that of a report in JSON instead, for whoever reads those",
    )


COMMAND = Command(
    "Print the JSON Schema (draft-07) of a spec file, for editors.\n"
    "With it an editor completes keys, shows what they mean and marks what is out of place.",
    f"""\
  {PROGRAM} schema > spec.schema.json
  {PROGRAM} schema --report > report.schema.json
""",
    _add_options,
    show_schema,
    """\
in an editor with YAML support, as the first line of a spec:
  # yaml-language-server: $schema=spec.schema.json
""",
    selects=False,
)
