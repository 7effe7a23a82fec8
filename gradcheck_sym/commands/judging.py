"""Specs judged and reported as a command asks: what `run` and `replay` share."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import replace

from gradcheck_sym.commands import cases, output
from gradcheck_sym.commands.pin import pinned
from gradcheck_sym.commands.processes import workers_of
from gradcheck_sym.commands.progress import progress
from gradcheck_sym.commands.recording import UNRECORDED, Recorder
from gradcheck_sym.commands.reproduce import command
from gradcheck_sym.commands.usage import Exit
from gradcheck_sym.report.terminal import Screen, line
from gradcheck_sym.report.words import Style, fails
from gradcheck_sym.run.messages import Judged
from gradcheck_sym.run.options import Options, Workers
from gradcheck_sym.run.schedule import in_order, judge
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.verdict.records import Result


def carry_out(
    specs: Sequence[Spec],
    options: Options,
    arguments: argparse.Namespace,
    finish: Callable[[Sequence[Result]], Sequence[Result]],
    recorder: Recorder = UNRECORDED,
) -> Exit:
    """Judge specs and report as the arguments say; finish sees the results before people do."""
    reports = output.destinations(arguments)
    if arguments.html is not None:
        output.check_page(arguments.html, reports)
        options = replace(options, outlines=True)
    ended = Exit.INTERRUPTED
    recorder.begin()
    try:
        ended = _carry_out(specs, options, arguments, reports, finish, recorder)
    finally:  # only what people have seen need not be judged again
        recorder.close(finished=ended is not Exit.INTERRUPTED)
    return ended


def _carry_out(
    specs: Sequence[Spec],
    options: Options,
    arguments: argparse.Namespace,
    reports: Sequence[output.Destination],
    finish: Callable[[Sequence[Result]], Sequence[Result]],
    recorder: Recorder,
) -> Exit:
    started = time.perf_counter()
    shown = output.leaves_terminal_to_people(reports) and arguments.verbosity >= 0
    workers = workers_of(vars(arguments))
    results, interrupted = _judge(specs, options, workers, recorder, shown)
    if recorder.problem and arguments.verbosity >= 0:
        told = f"what is judged is not kept on disk: {recorder.problem}"
        Screen(sys.stderr).write([line(told, "yellow")])
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


def _judge(
    specs: Sequence[Spec], options: Options, workers: Workers, recorder: Recorder, shown: bool
) -> tuple[Sequence[Result], bool]:
    """The results, and whether they were cut short by the user.

    What an implementation under test prints goes to stderr: stdout is the report's.
    """
    found = dict(recorder.known)
    ahead = _ahead(len(specs), found, options)
    interrupted = False
    with redirect_stdout(sys.stderr), progress(len(specs), len(found), shown) as bar:
        try:
            wanted = [specs[number] for number in ahead]
            for judged in judge(wanted, options, workers, bar.begin, recorder.seconds):
                number = ahead[judged.number]
                found[number] = replace(judged, number=number)
                recorder.keep(found[number])
                bar.advance()
        except KeyboardInterrupt:
            interrupted = True
    ordered = in_order(found, options)
    return [result for judged in ordered for result in judged.results], interrupted


def _ahead(specs: int, found: Mapping[int, Judged], options: Options) -> list[int]:
    """The specs that are still to be judged."""
    ends = [number for number in found if options.stop_at_first and found[number].failed]
    return [number for number in range(min(ends, default=specs)) if number not in found]


def retraceable(result: Result, spec: Spec, options: Options) -> Result:
    """A result with the ways back to it, unless it passed: a command, an ID, a line of YAML."""
    if result.outcome == "passed":
        return result
    kept = cases.worth_keeping(result)
    return replace(
        result,
        reproduce=result.reproduce or command(result, options),
        id=cases.identified(result) if kept else "",
        pin=pinned(result, spec) if kept else "",
    )
