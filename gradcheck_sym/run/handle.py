"""One worker as the main process holds it: started, spoken to, listened to, and ended."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, final

from gradcheck_sym.run import server
from gradcheck_sym.run.messages import Job, Message
from gradcheck_sym.run.printed import Printed
from gradcheck_sym.run.worker import Place, work

_GRACE = 5.0  # seconds in which a process that ends is gone


class LostError(Exception):
    """A worker is gone, or says what is no message."""


@final
class Handle:
    """A worker process."""

    def __init__(self, place: Place) -> None:
        context = server.running()
        ours, theirs = context.Pipe()
        printed, prints = context.Pipe(duplex=False)
        self._process: BaseProcess = context.Process(target=work, args=(theirs, prints, place))  # type: ignore[attr-defined]
        self._process.start()
        theirs.close()
        prints.close()
        self._channel: Connection = ours
        self.printed = Printed(printed)
        self._ended = False

    @property
    def sources(self) -> list[Any]:
        """What becomes readable when there is something to hear, or the process ends."""
        printed = [] if self.printed.source is None else [self.printed.source]
        return [self._channel, self._process.sentinel, *printed]

    def send(self, job: Job) -> None:
        """Gives it a spec to judge; LostError where it is gone."""
        try:
            self._channel.send(job)
        except OSError as error:
            raise LostError from error

    def messages(self) -> Iterator[Message]:
        """What it has said since, without waiting; LostError once it is gone."""
        self.printed.pass_on()
        gone = self._process.exitcode is not None  # asked first: it said all that it had to say
        try:
            while self._channel.poll():
                yield self._channel.recv()
        except Exception as error:  # an end, or bytes that code under test wrote
            raise LostError from error
        if gone:
            raise LostError

    def exit_code(self) -> int | None:
        """How it ended; None where it has not."""
        self._process.join(_GRACE)
        return self._process.exitcode

    def dismiss(self) -> None:
        """Tells it that nothing more will come: it puts its things in order, and ends."""
        self._channel.close()

    def end(self, grace: float = 0.0) -> None:
        """Ends it with all that it started; after so many seconds, in which it may end itself."""
        if self._ended:
            return
        self._ended = True
        self._process.join(grace)
        pid = self._process.pid
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid or 0, signal.SIGKILL)
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.join(_GRACE)
        self._channel.close()
        self.printed.pass_on()
        self.printed.close()
