"""Reports in a notebook: what a cell shows, in a real kernel."""

from __future__ import annotations

import os
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

CELLS = (
    "import gradcheck_sym, torch",
    """\
silu = torch.nn.functional.silu
checks = "forward,reverse"
gradcheck_sym.verify("x*sigmoid(x)", silu, x="[-3, 3]", checks=checks, points=20, pictures=True)""",
    """\
try:
    gradcheck_sym.verify("x*x", lambda x: 2*x*x, x="[1, 3]", checks="forward", points=20)
except gradcheck_sym.GradientMismatch as error:
    report = error.report
report""",
)


@pytest.mark.slow
def test_a_notebook_shows_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As HTML with formulas and pictures, and as text where a front end has no HTML."""
    client = pytest.importorskip("nbclient")
    format4 = pytest.importorskip("nbformat").v4
    root = str(Path(__file__).parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    book = format4.new_notebook(cells=[format4.new_code_cell(cell) for cell in CELLS])
    client.NotebookClient(
        book, timeout=300, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    passed, failed = (cell.outputs[-1].data for cell in book.cells[1:])
    part = ET.fromstring(f"<div>{passed['text/html']}</div>")
    assert next(part.iter("math")).get("alttext") == "f = x*sigmoid(x)"
    assert len(list(part.iterfind(".//figure/svg"))) == 2
    assert passed["text/plain"].startswith("Report(")
    assert "Outline(" not in passed["text/plain"]
    assert "the forward" in failed["text/html"]
    assert "gradcheck_sym.verify(&#39;x*x&#39;" in failed["text/html"]
