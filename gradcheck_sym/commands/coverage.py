"""The command `coverage`: what of the installed torch the specs exercise, of how much."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout

from gradcheck_sym.commands.command import PROGRAM, Command, import_option
from gradcheck_sym.commands.progress import progress
from gradcheck_sym.commands.select import select
from gradcheck_sym.commands.usage import Exit
from gradcheck_sym.report.terminal import Line, Screen, Span, line
from gradcheck_sym.run.options import Options
from gradcheck_sym.verdict.coverage import Coverage, Share

SCHEMA = 1  # of the JSON


def coverage(arguments: argparse.Namespace) -> Exit:
    """Run each selected spec once, and say what took part."""
    specs = select(arguments.paths, arguments.keyword, arguments.tags)
    if not specs:
        return Exit.NOTHING
    from gradcheck_sym.run.coverage import coverage as measured

    options = Options(allow_import=tuple(arguments.allow_import))
    shown = not arguments.json and arguments.verbosity >= 0
    # What an implementation prints is no part of the answer.
    with redirect_stdout(sys.stderr), progress(len(specs), 0, shown) as bar:
        found = measured(specs, options, bar.begin, bar.advance)
    screen = Screen(sys.stdout)
    if arguments.json:
        screen.write_text(_json(found))
    else:
        screen.write(_text(found, arguments))
    return Exit.PASSED


def _text(found: Coverage, arguments: argparse.Namespace) -> Iterator[Line]:
    yield line(f"torch {found.torch}: what the specs exercise, of what runs on the CPU")
    for name, share in (
        ("backward nodes", found.nodes),
        ("  in a first backward", found.first),
        ("  in a second one", found.second),
        ("operators with a backward", found.operators),
    ):
        yield (Span(f"  {name:<25}  "), Span(share.amount, "bold"))
    parts = {"backward nodes": found.nodes, "operators": found.operators}
    for name, share in parts.items():
        if arguments.verbosity > 0:
            yield from _exercised(name, share)
        if arguments.missing:
            yield from _missing(name, share)
    for address, reason in found.failed.items():
        yield (Span(f"not run: {address}: ", "yellow"), Span(reason))


def _exercised(name: str, share: Share) -> Iterator[Line]:
    yield line("")
    yield line(f"{name}, each with a spec that exercises it", "bold")
    width = max(map(len, share.by), default=0)
    for each, specs in share.by.items():
        more = f" and {len(specs) - 1} more" if len(specs) > 1 else ""
        yield (Span(f"  {each.ljust(width)}  "), Span(f"{specs[0]}{more}", "dim"))


def _missing(name: str, share: Share) -> Iterator[Line]:
    yield line("")
    yield line(f"{name} that no spec exercises", "bold")
    yield from (line(f"  {each}") for each in share.missing)


def _json(found: Coverage) -> str:
    shares = {
        "nodes": found.nodes,
        "nodes_first": found.first,
        "nodes_second": found.second,
        "operators": found.operators,
    }
    document = {
        "schema": SCHEMA,
        "torch": found.torch,
        **{name: _share(share) for name, share in shares.items()},
        "elsewhere": found.elsewhere,
        "failed": found.failed,
    }
    return json.dumps(document, indent=1) + "\n"


def _share(share: Share) -> dict[str, object]:
    return {
        "exercised": len(share.by),
        "of": len(share.every),
        "by": share.by,
        "missing": share.missing,
    }


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--missing", action="store_true", help="list what no spec exercises, too")
    parser.add_argument("--json", action="store_true", help="everything, for machines")
    import_option(parser)


COMMAND = Command(
    "Say which of torch's backward nodes and operators the specs exercise, of how many.\n"
    "Each spec is run at one point, forward, backward and backward through that; what is counted\n"
    "against is read from the installed torch. With -v, each name comes with a spec.",
    f"""\
  {PROGRAM} coverage specs/
  {PROGRAM} coverage specs/ --missing
  {PROGRAM} coverage specs/ --json > coverage.json
""",
    _add_options,
    coverage,
)
