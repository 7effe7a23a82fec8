"""A headless Chromium, spoken to through two pipes: the DevTools protocol, null-separated JSON."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--disable-dev-shm-usage --remote-debugging-pipe"
).split()
_PATIENCE = 60.0  # seconds for one answer


def executable() -> str | None:
    """The browser that is installed, if one is."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One page of a browser that is running."""

    def __init__(self, to: int, back: int) -> None:
        self._to, self._back = to, back
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._session = session
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer; what else arrives is kept."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != self._number:
            self.events.append(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def _receive(self) -> dict[str, Any]:
        deadline = time.monotonic() + _PATIENCE
        while b"\0" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._back], [], [], left)[0]:
                raise TimeoutError("the browser does not answer")
            read = os.read(self._back, 1 << 20)
            if not read:
                raise EOFError("the browser is gone")
            self._buffer += read
        line, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(line)

    def wait(self, method: str) -> None:
        """Until an event of that name is there."""
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self._receive())

    def show(self, page: Path, width: int, *, dark: bool = False, media: str = "") -> None:
        """Open a file at a width."""
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])
        self.events.clear()
        self.call("Page.navigate", url=page.as_uri())
        self.wait("Page.loadEventFired")

    def ask(self, script: str, *, wait: bool = False) -> Any:
        """The value of an expression, or of what it promises, asked from outside the page."""
        answer = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=wait
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def picture(self, path: Path) -> None:
        """The whole page as a PNG."""
        found = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))

    def pdf(self, path: Path) -> None:
        """The page as it is printed."""
        found = self.call("Page.printToPDF", printBackground=True)
        path.write_bytes(base64.b64decode(found["data"]))

    def heard(self, *methods: str) -> list[dict[str, Any]]:
        """The events of those names since the page was opened."""
        return [event["params"] for event in self.events if event.get("method") in methods]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A page of a browser, where one is installed."""
    program = executable()
    if program is None:
        pytest.skip(f"no browser is installed: none of {', '.join(NAMES)}")
    with running(program) as page:
        yield page


@contextmanager
def running(program: str) -> Iterator[Browser]:
    """A browser, ended in the end."""
    theirs, to = os.pipe()
    back, ours = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [program, *_FLAGS, f"--user-data-dir={folder}"]
        wrapped = f'exec "$@" 3<&{theirs} 4>&{ours}'
        process = subprocess.Popen(
            ["bash", "-c", wrapped, "browser", *command],
            pass_fds=(theirs, ours),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs)
        os.close(ours)
        try:
            yield Browser(to, back)
        finally:
            process.terminate()
            process.wait(timeout=_PATIENCE)
            os.close(to)
            os.close(back)
