"""The command `run`: judge the specs and report."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from textwrap import fill
from typing import Any

from gradcheck_sym.commands import cases, values
from gradcheck_sym.commands.cache import cache_folder
from gradcheck_sym.commands.command import (
    FORM_NOTES,
    PROGRAM,
    Command,
    report_options,
    trust_options,
)
from gradcheck_sym.commands.configuration import KEYS
from gradcheck_sym.commands.judging import carry_out
from gradcheck_sym.commands.part import last_failed, part_options, shard
from gradcheck_sym.commands.point import sizes_of
from gradcheck_sym.commands.processes import process_options, workers_of
from gradcheck_sym.commands.recording import UNRECORDED, Recorder, Recording
from gradcheck_sym.commands.select import select
from gradcheck_sym.commands.usage import Code, Exit, mistake
from gradcheck_sym.report.numbers import counted
from gradcheck_sym.report.terminal import Screen, line
from gradcheck_sym.run.files import FOLDER
from gradcheck_sym.run.journal import Past, past
from gradcheck_sym.run.options import CHECKS, DEFAULT, ON_DEMAND, PROFILES, Options
from gradcheck_sym.spec.dtypes import DTYPES
from gradcheck_sym.spec.records import Spec


def run(arguments: argparse.Namespace) -> Exit:
    """Judge what is selected, and report; raises SpecError before anything is run."""
    selected = select(arguments.paths, arguments.keyword, arguments.tags)
    if not selected:
        return Exit.NOTHING
    earlier = past(Path(FOLDER)) if _looks_back(arguments) else Past()
    specs = _part(selected, earlier, arguments)
    if not specs:
        return Exit.NOTHING
    options = _at_one_point(options_of(vars(arguments)), arguments, specs)
    options = replace(options, memory=None if arguments.no_cache else cache_folder())
    if arguments.html is not None:
        options = replace(options, outlines=True)
    recorder: Recorder = UNRECORDED
    if options.point is None:  # to look into one point says nothing of the spec
        recorder = Recording(specs, options, earlier, arguments.resume)
    if arguments.resume:
        _tell(
            f"{len(recorder.known)} of {counted(len(specs), 'spec')} were judged before", arguments
        )
    finish = partial(cases.keep, options=options)
    return carry_out(specs, options, arguments, finish, recorder)


def _looks_back(arguments: argparse.Namespace) -> bool:
    """Whether it matters what earlier runs have left: for `auto`, how long specs took."""
    return arguments.resume or arguments.last_failed or workers_of(vars(arguments)).count is None


def _part(specs: Sequence[Spec], earlier: Past, arguments: argparse.Namespace) -> Sequence[Spec]:
    """What of the selected specs is to be judged, or all of them where nothing failed before."""
    if arguments.shard is not None:
        specs = shard(specs, *arguments.shard)
    if not arguments.last_failed:
        return specs
    failed = last_failed(specs, earlier.last, arguments.strict)
    if not failed:
        _tell("nothing of this failed the last time: all of it is judged", arguments)
    return failed or specs


def _tell(text: str, arguments: argparse.Namespace) -> None:
    if arguments.verbosity >= 0:
        Screen(sys.stderr).write([line(text, "dim")])


def options_of(values: Mapping[str, Any]) -> Options:
    """What is asked of a run by arguments or by a configuration, without what is of one point.

    The profile fills in what is not said.
    """
    profile = PROFILES[values.get("profile") or "default"]

    def said(name: str, default: Any) -> Any:
        value = values.get(name)
        return default if value is None else value

    return Options(
        seed=said("seed", Options().seed),
        points=said("points", profile.points),
        searches=said("searches", profile.searches),
        checks=said("checks", profile.checks),
        dtypes=said("dtype", None),
        strict=said("strict", False),
        stop_at_first=said("stop_at_first", False),
        allow_import=tuple(said("allow_import", ())),
    )


def _at_one_point(
    options: Options, arguments: argparse.Namespace, specs: Sequence[Spec]
) -> Options:
    point, cotangent, dims = arguments.point, arguments.cotangent, arguments.dims
    if point is None and (cotangent is not None or dims):
        raise mistake(Code.POINT, "--cotangent and --dims describe a --point, which is missing")
    if point is None:
        return options
    sizes = sizes_of(specs, point, dims)
    return replace(options, point=point, cotangent=cotangent, dims=sizes)


# ---- its options


def judging_options(parser: argparse.ArgumentParser) -> None:
    """What is checked, of every run: of a whole project, too."""
    choice = parser.add_argument_group("what is checked")
    choice.add_argument(
        "--profile",
        type=values.one("--profile", tuple(PROFILES)),
        metavar="P",
        help="how much is done: one of those below (default)",
    )
    choice.add_argument(
        "--checks",
        type=values.several("--checks", CHECKS),
        metavar="A,B",
        help=f"only these checks, out of {', '.join(CHECKS)}",
    )
    choice.add_argument(
        "--dtype",
        type=values.several("--dtype", DTYPES),
        metavar="A,B",
        help=f"only these dtypes, out of {', '.join(DTYPES)}",
    )
    choice.add_argument(
        "--points",
        type=values.whole("--points", 1),
        metavar="N",
        help=f"bulk points for each spec and dtype ({DEFAULT.points})",
    )
    choice.add_argument(
        "--searches",
        type=values.whole("--searches", 0),
        metavar="N",
        help=f"points tried by Hypothesis, looking for the largest error ({DEFAULT.searches})",
    )
    choice.add_argument(
        "--seed",
        type=values.whole("--seed", 0),
        default=Options().seed,
        metavar="N",
        help="the same seed gives the same results (%(default)s)",
    )
    trust_options(parser.add_argument_group("what counts"))


def _add_options(parser: argparse.ArgumentParser) -> None:
    judging_options(parser)
    course = parser.add_argument_group("its course")
    course.add_argument(
        "-x", dest="stop_at_first", action="store_true", help="end at the first spec that fails"
    )
    course.add_argument(
        "--no-cache", action="store_true", help="differentiate anew, and remember nothing of it"
    )
    part_options(parser)
    process_options(parser)
    _point_options(parser)
    report_options(parser)


def _point_options(parser: argparse.ArgumentParser) -> None:
    point = parser.add_argument_group("one point, exactly (as the reports write it)")
    point.add_argument(
        "--point", type=values.point, metavar="JSON", help='inputs, such as {"x": "0x1.8p+1"}'
    )
    point.add_argument(
        "--cotangent", type=values.cotangent, metavar="JSON", help="what is fed to backward"
    )
    point.add_argument(
        "--dims",
        type=values.dims,
        default={},
        metavar="n=3,...",
        help="sizes that no input's shape shows",
    )


def _told(name: str) -> str:
    """A line about a profile."""
    profile = PROFILES[name]
    if profile.checks is None:
        checks = f"all checks but {', '.join(sorted(ON_DEMAND))}"
    elif set(profile.checks) == set(CHECKS):
        checks = "all checks"
    else:
        checks = ", ".join(profile.checks)
    amount = f"{profile.points} points, {profile.searches} searches"
    return f"  {name:<10} {profile.purpose}: {amount}, {checks}\n"


_NOTES = f"""\
{FORM_NOTES}
profiles, unless options say otherwise:
{"".join(map(_told, PROFILES))}
configuration:
  [tool.gradcheck_sym] in pyproject.toml takes paths, and these options by their names:
{fill(", ".join(KEYS[1:]), 80, initial_indent="  ", subsequent_indent="  ")}.
  The command line wins.
"""

COMMAND = Command(
    "Judge specs and report (the default).",
    f"""\
  {PROGRAM} specs/                                 everything
  {PROGRAM} specs/activations.yaml::softplus       one spec
  {PROGRAM} specs/ -k "soft and not max"           by name, file or tag
  {PROGRAM} specs/ --checks reverse --dtype float32,bfloat16
  {PROGRAM} my.yaml --allow-import my_kernels      an implementation of one's own
  {PROGRAM} specs/ --format json --output report.json
  {PROGRAM} specs/ --html page.html                a page with formulas and pictures
  {PROGRAM} specs/ --format text --format junit --output junit.xml   both
  {PROGRAM} a.yaml::f --point '{{"x": "0x1.8p+1"}}'  one point, exactly
""",
    _add_options,
    run,
    _NOTES,
)
