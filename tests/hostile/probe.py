"""Validates paths one by one in a process of little memory, and says in JSON what came of each.

The paths come as JSON on stdin. What would run somebody's code or touch the disk is told, too.
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

MEMORY = 300_000_000
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
STARTS = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess", "socket", "ctypes")


def main() -> None:
    """Validate; the first paths are good and load what is loaded late."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    from gradcheck_sym import cli

    broken: list[str] = []

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        code = getattr(arguments[0], "co_filename", "<") if event == "exec" else ""
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING
        if event.startswith(STARTS) or writes or code.startswith("<string"):
            broken.append(f"{event} {arguments}"[:200])

    warm, paths = json.load(sys.stdin)
    answers = []
    for number, path in enumerate([warm, *paths]):
        if number == 1:
            sys.addaudithook(hook)
        said = io.StringIO()
        begun = time.process_time()
        with redirect_stdout(said), redirect_stderr(said):
            code = cli.main(["validate", path])
        seconds = time.process_time() - begun
        answers.append({"exit": code, "seconds": seconds, "said": said.getvalue()})
    json.dump({"answers": answers[1:], "broken": broken, "memory": most_held()}, sys.stdout)


def most_held() -> int:
    """Bytes of memory at most; what getrusage tells includes the process that started this one."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


main()
