"""The progress bar, for whoever watches a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gradcheck_sym.report.problems import visible
from gradcheck_sym.report.terminal import Screen
from gradcheck_sym.verdict.records import Result

OnResult = Callable[[Result], None]


@contextmanager
def progress(specs: int, wanted: bool) -> Iterator[OnResult]:
    """A callback that shows how many of the specs have results; silent off a terminal."""
    screen = Screen(sys.stderr)
    if not (wanted and screen.is_terminal) or screen.ascii_only:
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=specs)
        seen: set[str] = set()

        def show(result: Result) -> None:
            begun = result.spec not in seen
            seen.add(result.spec)
            description = screen.encodable(visible(os.path.basename(result.spec)))
            bar.update(task, completed=len(seen) - 1, description=description, refresh=begun)

        yield show
