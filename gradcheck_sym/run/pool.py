"""The processes that judge: each spec goes to one of them, and takes no other down.

They are forked from a server that has loaded torch and the rest once. What a spec's own code does
to its process (hangs, crashes, ends it) becomes an error of that spec.

No library's pool, since in `concurrent.futures` and loky one process that dies breaks every task,
and none that hangs can be ended; pebble never misses one that ends with exit code 0. And none
tells how far a task had come.
"""

from __future__ import annotations

import math
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from typing import Any, final

from gradcheck_sym.run.failures import cause, failure, first_stage, late
from gradcheck_sym.run.handle import Handle, LostError
from gradcheck_sym.run.messages import Begun, Broken, Done, Found, Job, Judged, Message, Ready
from gradcheck_sym.run.options import Options
from gradcheck_sym.run.worker import Place
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.verdict.diagnosis import across
from gradcheck_sym.verdict.records import Result

OnSpec = Callable[[Spec], object]

_FROM_OUTSIDE = (-signal.SIGKILL, 255)  # exit codes that need not be the spec's doing (255: untold)
_TRIES = 2  # of a spec whose process ended so
_GRACE = 2.0  # seconds in which a worker that has no more to do may end itself
_FALSE_STARTS = 3  # processes in a row that end before they judge anything


class JudgingError(Exception):
    """Judging itself failed: by a mistake of ours, or since no worker lives on this machine."""


@final
@dataclass(frozen=True, slots=True)
class Staff:
    """Who judges, and how much each may take."""

    workers: int  # at once
    place: Place
    timeout: float | None  # seconds for each spec; None: any time


@final
@dataclass(slots=True)
class _Task:
    """A spec on its way."""

    number: int
    job: Job
    tries: int = 0
    started: float = 0.0
    stage: Begun | None = None  # the check that is being carried out
    results: list[Result] = field(default_factory=list)

    def start(self) -> None:
        """Begins, or begins anew."""
        self.tries += 1
        self.started = time.monotonic()
        self.stage, self.results = None, []

    def judged(self) -> Judged:
        """What has become of it."""
        return Judged(self.number, across(self.results), time.monotonic() - self.started)

    def failed(self, message: str) -> Judged:
        """What has become of it if it ends here: the results so far, and an error."""
        stage = self.stage or first_stage(self.job.spec, self.job.options)
        self.results.append(failure(self.job.spec, stage.check, stage.dtype, message))
        return self.judged()


@final
@dataclass(slots=True, eq=False)
class _Post:
    """A worker, and what it is at."""

    handle: Handle
    ready: bool = False
    task: _Task | None = None


@final
class Pool:
    """So many workers, and the specs that wait for one of them."""

    def __init__(
        self,
        specs: Sequence[Spec],
        options: Options,
        staff: Staff,
        on_spec: OnSpec,
    ) -> None:
        self._waiting = deque(
            _Task(number, Job(spec, options)) for number, spec in enumerate(specs)
        )
        self._options = options
        self._staff = staff
        self._on_spec = on_spec
        self._posts: list[_Post] = []
        self._false_starts = 0

    def judged(self) -> Iterator[Judged]:
        """What becomes of each spec, in the order in which they are finished.

        With stop_at_first, what comes after a spec that fails may be missing. Raises JudgingError.
        However it ends, no worker is left.
        """
        try:
            while self._waiting or self._busy:
                self._hire()
                self._assign()
                wait(self._sources(), self._patience())
                for post in list(self._posts):
                    for judged in self._heard(post):
                        self._stop_behind(judged)
                        yield judged
            for post in self._posts:
                post.handle.dismiss()
            for post in self._posts:
                post.handle.end(_GRACE)
        finally:
            for post in self._posts:
                post.handle.end()

    @property
    def _busy(self) -> list[_Post]:
        return [post for post in self._posts if post.task is not None]

    def _hire(self) -> None:
        """Start the workers that are missing."""
        wanted = min(self._staff.workers, len(self._waiting) + len(self._busy))
        while len(self._posts) < wanted:
            try:
                self._posts.append(_Post(Handle(self._staff.place)))
            except (OSError, EOFError) as error:
                raise JudgingError(f"no worker can be started: {error!r}") from error

    def _assign(self) -> None:
        """Give what waits to those who have nothing to do."""
        for post in self._posts:
            if post.ready and post.task is None and self._waiting:
                task = self._waiting.popleft()
                with suppress(LostError):
                    post.handle.send(task.job)
                    post.task = task
                    task.start()
                    self._on_spec(task.job.spec)
                    continue
                self._waiting.appendleft(task)  # it is gone, as will be heard

    def _sources(self) -> list[Any]:
        return [source for post in self._posts for source in post.handle.sources]

    def _patience(self) -> float | None:
        """Seconds until the first task is late; None: no task can be."""
        left = [self._left(post.task) for post in self._posts if post.task is not None]
        return max(0.0, min(left)) if left and self._staff.timeout is not None else None

    def _left(self, task: _Task) -> float:
        """Seconds until a task is late."""
        most = math.inf if self._staff.timeout is None else self._staff.timeout
        return most - (time.monotonic() - task.started)

    def _heard(self, post: _Post) -> Iterator[Judged]:
        """What has come of a worker's task since; a worker that is gone or late is replaced."""
        try:
            for message in post.handle.messages() if post in self._posts else ():
                yield from self._understood(post, message)
                if post not in self._posts:  # it was worn out by its task
                    return
        except LostError:
            yield from self._lost(post)
            return
        if post.task is not None and self._left(post.task) <= 0:
            assert self._staff.timeout is not None
            self._dismiss(post)
            yield post.task.failed(late(self._staff.timeout))

    def _understood(self, post: _Post, message: Message) -> Iterator[Judged]:
        task = post.task
        match message:
            case Ready():
                post.ready, self._false_starts = True, 0
            case Begun() if task is not None:
                task.stage = message
            case Found(result) if task is not None:
                task.results.append(result)
            case Done(worn) if task is not None:
                post.task = None
                post.handle.printed.conclude(task.job.spec.address)
                if worn:
                    self._dismiss(post)
                yield task.judged()
            case Broken(said, trace):
                error = JudgingError(f"{task.job.spec.address if task else 'a worker'}: {said}")
                error.add_note(trace)
                raise error

    def _lost(self, post: _Post) -> Iterator[Judged]:
        """A worker is gone: its task is at fault, unless that may have come from outside."""
        code = post.handle.exit_code()
        self._dismiss(post)
        if post.task is None:
            self._false_starts += not post.ready
            if self._false_starts >= _FALSE_STARTS:
                raise JudgingError(f"no worker can be started: {cause(code)}")
        elif code in _FROM_OUTSIDE and post.task.tries < _TRIES:
            self._waiting.appendleft(post.task)
        else:
            yield post.task.failed(cause(code))

    def _dismiss(self, post: _Post) -> None:
        self._posts.remove(post)
        post.handle.end()
        if post.task is not None:
            post.handle.printed.conclude(post.task.job.spec.address)

    def _stop_behind(self, judged: Judged) -> None:
        """Let go of what comes after a spec that fails, if that is to end the run."""
        if not (self._options.stop_at_first and judged.failed):
            return
        self._waiting = deque(task for task in self._waiting if task.number < judged.number)
        for post in self._busy:
            if post.task is not None and post.task.number > judged.number:
                self._dismiss(post)
