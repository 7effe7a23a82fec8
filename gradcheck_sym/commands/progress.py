"""The progress bar, for whoever watches a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, final

from gradcheck_sym.report.problems import visible
from gradcheck_sym.report.terminal import Screen
from gradcheck_sym.spec.records import Spec

if TYPE_CHECKING:
    from rich.progress import Progress


@final
class Bar:
    """What is shown while specs are judged; nothing where there is no bar."""

    def __init__(self, bar: Progress | None = None, task: Any = None) -> None:
        self._bar, self._task = bar, task

    def begin(self, spec: Spec) -> None:
        """Name the spec that is being judged."""
        if self._bar is not None:
            name = Screen(sys.stderr).encodable(visible(os.path.basename(spec.address)))
            self._bar.update(self._task, description=name, refresh=True)

    def advance(self) -> None:
        """One more is judged."""
        if self._bar is not None:
            self._bar.advance(self._task)


@contextmanager
def progress(specs: int, known: int, wanted: bool) -> Iterator[Bar]:
    """A bar of how many of the specs are judged, some of them before; silent off a terminal."""
    screen = Screen(sys.stderr)
    if not (wanted and screen.is_terminal) or screen.ascii_only:
        yield Bar()
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
        yield Bar(bar, bar.add_task("", total=specs, completed=known))
