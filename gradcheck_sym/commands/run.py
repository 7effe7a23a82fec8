"""The command `run`: judge the specs and report."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from gradcheck_sym.commands import journal, values
from gradcheck_sym.commands.command import PROGRAM, Command, report_options, trust_options
from gradcheck_sym.commands.judging import carry_out
from gradcheck_sym.commands.point import sizes_of
from gradcheck_sym.commands.select import select
from gradcheck_sym.commands.usage import Code, Exit, mistake
from gradcheck_sym.run.options import CHECKS, Options
from gradcheck_sym.spec.dtypes import DTYPES
from gradcheck_sym.spec.records import Spec


def run(arguments: argparse.Namespace) -> Exit:
    """Judge what is selected, and report; raises SpecError before anything is run."""
    specs = select(arguments.paths, arguments.keyword)
    if not specs:
        return Exit.NOTHING
    options = _options(arguments, specs)
    return carry_out(specs, options, arguments, lambda results: journal.keep(results, options))


def _options(arguments: argparse.Namespace, specs: Sequence[Spec]) -> Options:
    if arguments.point is None and (arguments.cotangent is not None or arguments.dims):
        raise mistake(Code.POINT, "--cotangent and --dims describe a --point, which is missing")
    dims = arguments.dims
    if arguments.point is not None:
        dims = sizes_of(specs, arguments.point, arguments.dims)
    return Options(
        seed=arguments.seed,
        points=arguments.points,
        checks=arguments.checks,
        dtypes=arguments.dtype,
        strict=arguments.strict,
        stop_at_first=arguments.stop_at_first,
        allow_import=tuple(arguments.allow_import),
        point=arguments.point,
        cotangent=arguments.cotangent,
        dims=dims,
    )


# ---- its options


def _add_options(parser: argparse.ArgumentParser) -> None:
    defaults = Options()
    choice = parser.add_argument_group("what is checked")
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
        default=defaults.points,
        metavar="N",
        help="bulk points for each spec and dtype (%(default)s)",
    )
    choice.add_argument(
        "--seed",
        type=values.whole("--seed", 0),
        default=defaults.seed,
        metavar="N",
        help="the same seed gives the same results (%(default)s)",
    )
    _ruling_options(parser)
    _point_options(parser)
    report_options(parser)


def _ruling_options(parser: argparse.ArgumentParser) -> None:
    ruling = parser.add_argument_group("what counts")
    ruling.add_argument(
        "-x", dest="stop_at_first", action="store_true", help="end at the first spec that fails"
    )
    trust_options(ruling)


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


COMMAND = Command(
    "Judge specs and report (the default).",
    f"""\
  {PROGRAM} specs/                                 everything
  {PROGRAM} specs/activations.yaml::softplus       one spec
  {PROGRAM} specs/ -k "soft and not max"           by name, file or tag
  {PROGRAM} specs/ --checks reverse --dtype float32,bfloat16
  {PROGRAM} my.yaml --allow-import my_kernels      an implementation of one's own
  {PROGRAM} specs/ --format json --output report.json
  {PROGRAM} a.yaml::f --point '{{"x": "0x1.8p+1"}}'  one point, exactly
""",
    _add_options,
    run,
)
