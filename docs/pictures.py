"""The README's pictures: what the terminal shows of a run that fails and of one that passes.

    python docs/pictures.py

Both are real runs, of the page `custom_function`, with their colours.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
PAGE = (HERE / "custom_function.md").read_text(encoding="utf-8")
COMMAND = "python -m gradcheck_sym swish.yaml --allow-import my_kernels --checks forward,reverse"
WIDTH = 104


def block(caption: str, which: int = 0) -> str:
    """A file of the page."""
    found = re.findall(
        rf"^:caption: {re.escape(caption)}\n\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE
    )
    return str(found[which])


def printed(folder: Path) -> str:
    """What the command prints there, on a terminal of some width."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 60, WIDTH, 0, 0))
    process = subprocess.Popen(
        [sys.executable, *COMMAND.split()[1:]],
        cwd=folder,
        env={**os.environ, "TERM": "xterm-256color"},
        stdout=theirs,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs)
    parts = []
    with suppress(OSError):  # is how the other end of a terminal is seen to close
        while part := os.read(ours, 1 << 16):
            parts.append(part)
    process.wait()
    return b"".join(parts).decode().replace("\r\n", "\n")


def draw(name: str, which: int) -> None:
    """A picture of the run with one of the page's implementations."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "swish.yaml").write_text(block("swish.yaml"), encoding="utf-8")
        Path(folder, "my_kernels.py").write_text(block("my_kernels.py", which), encoding="utf-8")
        output = printed(Path(folder))
    console = Console(record=True, width=WIDTH, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(Text(f"$ {COMMAND}", style="bold"))
    console.print(Text.from_ansi(output.rstrip()))
    svg = console.export_svg(title="gradcheck_sym", font_aspect_ratio=0.6)
    offline = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # no font from elsewhere
    (HERE / f"{name}.svg").write_text(offline, encoding="utf-8")


if __name__ == "__main__":
    draw("failing", 0)
    draw("passing", 1)
