"""What is kept of a run while it goes on, and what an earlier run has left for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, final

from gradcheck_sym.report.json_report import versions
from gradcheck_sym.run.files import FOLDER
from gradcheck_sym.run.journal import Journal, Past, entry
from gradcheck_sym.run.keys import keys
from gradcheck_sym.run.messages import Judged
from gradcheck_sym.run.options import Options
from gradcheck_sym.run.schedule import search_path
from gradcheck_sym.spec.records import Spec


class Recorder(Protocol):
    """Where what becomes of each spec is handed to as soon as it is there."""

    @property
    def known(self) -> Mapping[int, Judged]:
        """What need not be judged, by the number of the spec."""

    @property
    def seconds(self) -> Mapping[str, float]:
        """What specs took the last time, by their address."""

    @property
    def problem(self) -> str:
        """Why something is not kept; "" where all is."""

    def begin(self) -> None:
        """Be ready: the first spec is about to be judged."""

    def keep(self, judged: Judged) -> None:
        """Keep what has become of a spec."""

    def close(self, *, finished: bool) -> None:
        """No more will come: all is judged, or the run was cut short."""


@final
class Unrecorded:
    """Keeps nothing: for a run that is no part of the work on a set of specs."""

    known: Mapping[int, Judged] = MappingProxyType({})
    seconds: Mapping[str, float] = MappingProxyType({})
    problem = ""

    def begin(self) -> None:
        """Get nothing ready."""

    def keep(self, judged: Judged) -> None:
        """Pass over what has become of a spec."""

    def close(self, *, finished: bool) -> None:
        """End nothing."""


UNRECORDED = Unrecorded()


@final
class Recording:
    """Keeps a journal in the current directory; where that is impossible, `problem` says why."""

    def __init__(self, specs: Sequence[Spec], options: Options, past: Past, resume: bool) -> None:
        self._specs = specs
        self._keys = keys(specs, options, versions(), search_path())
        self.seconds = {address: last.seconds for address, last in past.last.items()}
        self.known = self._left_by(past) if resume else {}
        self.problem = ""
        self._journal: Journal | None = None

    def begin(self) -> None:
        """Begin the journal, with what is known, so that it is whole, too."""
        try:
            self._journal = Journal(Path(FOLDER).absolute())
        except OSError as error:
            self.problem = error.strerror or str(error)
        for judged in self.known.values():
            self.keep(judged)

    def keep(self, judged: Judged) -> None:
        """Write down what has become of a spec."""
        if self._journal is not None:
            number = judged.number
            key, address = self._keys[number], self._specs[number].address
            self._journal.keep(entry(key, address, judged.seconds, judged.results))
            self.problem = self._journal.problem

    def close(self, *, finished: bool) -> None:
        """End the journal."""
        if self._journal is not None:
            self._journal.close(finished=finished)

    def _left_by(self, past: Past) -> dict[int, Judged]:
        left = ((number, past.unfinished.get(key)) for number, key in enumerate(self._keys))
        return {
            number: Judged(number, found.results, found.seconds)
            for number, found in left
            if found is not None
        }
