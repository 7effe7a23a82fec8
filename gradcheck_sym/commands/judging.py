"""Specs judged and reported as a command asks: what `run` and `replay` share."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import replace

from gradcheck_sym.commands import journal, output
from gradcheck_sym.commands.pin import pinned
from gradcheck_sym.commands.progress import progress
from gradcheck_sym.commands.reproduce import command
from gradcheck_sym.commands.usage import Exit
from gradcheck_sym.report.words import Style, fails
from gradcheck_sym.run.options import Options
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.verdict.records import Result


def carry_out(
    specs: Sequence[Spec],
    options: Options,
    arguments: argparse.Namespace,
    finish: Callable[[Sequence[Result]], Sequence[Result]],
) -> Exit:
    """Judge specs and report as the arguments say; finish sees the results before people do."""
    reports = output.destinations(arguments)
    if arguments.html is not None:
        output.check_page(arguments.html, reports)
        options = replace(options, outlines=True)
    started = time.perf_counter()
    shown = output.leaves_terminal_to_people(reports) and arguments.verbosity >= 0
    results, interrupted = _judge(specs, options, shown)
    by_address = {spec.address: spec for spec in specs}
    results = finish([retraceable(each, by_address[each.spec], options) for each in results])
    style = Style(options.seed, arguments.verbosity, options.strict, time.perf_counter() - started)
    if interrupted:
        return output.report_part(results, style, reports)
    output.report(results, style, reports)
    if arguments.html is not None:
        output.save_page(arguments.html, _page(results, specs, style))
    failed = any(fails(result, options.strict) for result in results)
    return Exit.FAILED if failed else Exit.PASSED


def _page(results: Sequence[Result], specs: Sequence[Spec], style: Style) -> str:
    """The results as a page, with formulas and graphs of the specs that they are of."""
    from gradcheck_sym.report.html.page import render
    from gradcheck_sym.run.portrait import portrait

    shown = {result.spec for result in results}
    portraits = {spec.address: portrait(spec) for spec in specs if spec.address in shown}
    return render(results, specs, portraits, style)


def _judge(specs: Sequence[Spec], options: Options, shown: bool) -> tuple[Sequence[Result], bool]:
    """The results, and whether they were cut short by the user.

    What an implementation under test prints goes to stderr: stdout is the report's.
    """
    from gradcheck_sym.run import runner

    arrived: list[Result] = []
    with redirect_stdout(sys.stderr), progress(len(specs), shown) as show:

        def on_result(result: Result) -> None:
            arrived.append(result)
            show(result)

        try:
            return runner.run(specs, options, on_result), False
        except KeyboardInterrupt:
            return arrived, True


def retraceable(result: Result, spec: Spec, options: Options) -> Result:
    """A result with the ways back to it, unless it passed: a command, an ID, a line of YAML."""
    if result.outcome == "passed":
        return result
    kept = journal.worth_keeping(result)
    return replace(
        result,
        reproduce=result.reproduce or command(result, options),
        id=journal.identified(result) if kept else "",
        pin=pinned(result, spec) if kept else "",
    )
