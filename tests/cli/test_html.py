"""--html: the page beside the report."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from gradcheck_sym import cli
from gradcheck_sym.commands import cases, judging
from gradcheck_sym.commands.usage import Exit

SPECS = """\
specs:
  - name: square
    inputs: {x: {shape: [n], domain: "[-4, 4]"}}
    expr: x*x
  - name: doubled
    inputs: {x: {shape: [n], domain: "[1, 4]"}}
    expr: x*x
    torch: 2*x*x
"""
QUICK = ["--points", "10", "--dtype", "float64", "--checks", "forward,reverse"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a right spec and a wrong one."""
    (tmp_path / "a.yaml").write_text(SPECS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def page(path: Path) -> ET.Element:
    """The page that was written."""
    return ET.fromstring(path.read_text(encoding="utf-8"))


def test_a_page_is_written_beside_the_report(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The terminal and the exit code are as ever; the page has formulas, pictures, failures."""
    code = cli.main(["a.yaml", *QUICK, "--html", "page.html"])
    assert code == Exit.FAILED
    assert "✗ doubled" in capsys.readouterr().out.replace("x doubled", "✗ doubled")
    found = page(folder / "page.html")
    assert [article.get("aria-label") for article in found.iter("article")] == ["square", "doubled"]
    plots = [plot for plot in found.iter("svg") if plot.get("class") == "plot"]
    assert len(plots) == 4
    assert all(plot.find("svg/path[@class='curve around']") is not None for plot in plots)
    assert [math.get("alttext") for math in found.iter("math")][:2] == [
        "f = x*x",
        "d f / d x = 2*x",
    ]
    told = "".join(found.itertext())
    assert "python -m gradcheck_sym a.yaml::doubled" in told
    assert not (folder / "page.html").read_text(encoding="utf-8").isascii()


def test_without_it_nothing_is_kept_for_pictures(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reports are the same with a page and without one."""
    cli.main(["a.yaml::square", *QUICK, "--format", "json"])
    without = capsys.readouterr().out
    cli.main(["a.yaml::square", *QUICK, "--format", "json", "--html", "page.html"])
    assert capsys.readouterr().out == without


@pytest.mark.parametrize(
    "words, wanted",
    [
        (["--html", "."], "--html: cannot write .: it is a folder"),
        (["--html", "no/such/page.html"], "--html: cannot write no/such/page.html"),
        (
            ["--html", "x.html", "--format", "json", "--output", "./x.html"],
            "--html: a report and the page cannot both go to x.html",
        ),
    ],
)
def test_where_a_page_cannot_go(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], wanted: str
) -> None:
    """It is said before anything is run."""
    assert cli.main(["a.yaml", *words]) == Exit.USAGE
    out, err = capsys.readouterr()
    assert wanted in err
    assert not out
    assert not (folder / "x.html").exists()


def test_an_interrupted_run_leaves_no_half_page(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A page of another run stays what it was."""
    (folder / "page.html").write_text("before", encoding="utf-8")

    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(judging, "judge", interrupted)
    assert cli.main(["a.yaml", *QUICK, "--html", "page.html"]) == Exit.INTERRUPTED
    assert (folder / "page.html").read_text(encoding="utf-8") == "before"


def test_a_replay_has_a_page_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the one case that is judged again."""
    cli.main(["a.yaml::doubled", *QUICK])
    (case, *_) = cases.entries()
    assert cli.main(["replay", case.id, "--html", "page.html"]) == Exit.FAILED
    assert [a.get("aria-label") for a in page(folder / "page.html").iter("article")] == ["doubled"]
