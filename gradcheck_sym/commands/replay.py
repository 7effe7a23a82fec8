"""The command `replay`: judge a case that failed before again, and nothing else."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

from gradcheck_sym.commands import cases
from gradcheck_sym.commands.cases import Entry
from gradcheck_sym.commands.command import (
    FORM_NOTES,
    PROGRAM,
    Command,
    report_options,
    trust_options,
)
from gradcheck_sym.commands.judging import carry_out
from gradcheck_sym.commands.processes import process_options
from gradcheck_sym.commands.select import select
from gradcheck_sym.commands.usage import Code, Exit, did_you_mean, mistake
from gradcheck_sym.report.numbers import counted
from gradcheck_sym.report.terminal import Line, Screen, Span, line
from gradcheck_sym.run.files import FOLDER
from gradcheck_sym.run.options import Options
from gradcheck_sym.spec.dtypes import DTYPES
from gradcheck_sym.verdict.records import Result, Verdict


def replay(arguments: argparse.Namespace) -> Exit:
    """Judge the case of an ID again; without one, list the cases that are there."""
    if not arguments.paths:
        Screen(sys.stdout).write(_listing(cases.entries()))
        return Exit.PASSED
    if len(arguments.paths) > 1:
        raise mistake(Code.ARGUMENT, "replay: one ID at a time")
    entry = _found(arguments.paths[0])
    _check_permission(entry, arguments)
    specs = select([entry.spec])
    return carry_out(
        specs,
        _options(entry, arguments),
        arguments,
        lambda results: [_known_as(result, entry) for result in results],
    )


def _found(name: str) -> Entry:
    entry = cases.entry_of(name)
    if entry is not None:
        return entry
    known = [each.id for each in cases.entries()]
    begun = [each for each in known if name and each.startswith(name)]
    if len(begun) == 1:
        return _found(begun[0])
    hint = did_you_mean(name, known) or "replay without an ID lists the cases that are there"
    where = f"in {FOLDER} of this directory"
    raise mistake(Code.SELECTION, f"there is no case '{name}' {where}", hint)


def _check_permission(entry: Entry, arguments: argparse.Namespace) -> None:
    """A file cannot permit imports: what the run was given must be given again."""
    missing = [name for name in entry.allow_import if name not in arguments.allow_import]
    if missing:
        words = [word for name in entry.allow_import for word in ("--allow-import", name)]
        command = shlex.join(["python", "-m", "gradcheck_sym", "replay", entry.id, *words])
        modules = ", ".join(missing)
        raise mistake(Code.ARGUMENT, f"replay: the case needs to import {modules}", command)


def _options(entry: Entry, arguments: argparse.Namespace) -> Options:
    point = entry.worst if arguments.worst else entry.smallest
    return Options(
        seed=entry.seed,
        points=entry.points,
        searches=entry.searches,
        checks=(entry.check,),
        dtypes=(entry.dtype,) if entry.dtype in DTYPES else None,
        strict=arguments.strict,
        allow_import=tuple(arguments.allow_import),
        point=None if point is None else point.inputs,
        cotangent=None if point is None else point.cotangent,
        dims=entry.dims,
    )


def _known_as(result: Result, entry: Entry) -> Result:
    """The result under the name of its case; one point shows no pattern, but all of them did."""
    if (result.check, result.input) != (entry.check, entry.input) or not result.id:
        return result
    named = replace(result, id=entry.id)
    if result.verdict is not Verdict.WRONG or not entry.diagnosis:
        return named
    return replace(named, diagnosis=entry.diagnosis, pattern=entry.pattern)


def _listing(entries: Sequence[Entry]) -> Iterator[Line]:
    for entry in entries:
        of = f" of {entry.input}" if entry.input else ""
        said = entry.diagnosis or entry.message
        about = f"  {entry.spec}: {entry.check}{of} in {entry.dtype}: {entry.verdict}"
        yield (Span(entry.id, "bold"), Span(f"{about}{': ' if said else ''}{said}"))
    count = counted(len(entries), "case") if entries else "no cases"
    yield line(f"{count} in {FOLDER} of this directory", "dim")


# ---- its options


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="ID",
        help="of the case, as a report names it; without one, the cases are listed",
    )
    parser.add_argument(
        "--worst", action="store_true", help="the worst point, not the smallest that fails"
    )
    process_options(parser)
    trust_options(parser.add_argument_group("what counts"))
    report_options(parser)


COMMAND = Command(
    "Judge a case that failed before again, by its ID.\n"
    "The same check at the same point, without a search.",
    f"""\
  {PROGRAM} replay                      the cases that are there
  {PROGRAM} replay 3f9a1c7e02           one of them
  {PROGRAM} replay 3f9a1c7e02 --worst   its worst point
""",
    _add_options,
    replay,
    FORM_NOTES,
    selects=False,
)
