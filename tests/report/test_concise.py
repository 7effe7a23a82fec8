"""The report of a line per result."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gradcheck_sym.report import concise
from gradcheck_sym.report.terminal import plain
from gradcheck_sym.report.words import Style
from gradcheck_sym.verdict.records import Result, Verdict


def shown(results: Sequence[Result], **style: object) -> list[str]:
    """The report's lines."""
    made = Style(**({"seed": 0} | style))  # type: ignore[arg-type]
    return plain(concise.render(results, made)).splitlines()


def test_a_line_per_result_and_the_summary(every: Sequence[Result]) -> None:
    """Each result once, in order, the place first."""
    lines = shown(every)
    assert len(lines) == len(every) + 1
    assert lines[0] == (
        "specs/a.yaml:3:5: gelu: reverse of x in float32: wrong: 2 times the truth; 6e+15 ulp, "
        "0.333 absolute; allowed 2e-16 absolute, at x = 3 (0x1.8p+1), "
        "w = [0.10000000000000001, -2] (0x1.999999999999ap-4, -0x1p+1)"
    )
    assert lines[1].startswith("specs/a.yaml:3:5: gelu: forward in float32: wrong: autograd claims")
    assert lines[2] == "specs/a.yaml:3:5: gelu: vmap of x in float32: agrees: 2,000 points"
    assert lines[4].endswith("compile of x in float32: skipped: needs a GPU")
    assert lines[5] == "specs/b.yaml: f: reverse of x in float32: error: ValueError: no"
    assert "wrong, as expected: known" in lines[6]
    assert "agrees, though expected to fail: known" in lines[7]
    assert lines[-1].startswith("2 failed, 1 with errors")


def test_quiet_leaves_out_what_passed(every: Sequence[Result]) -> None:
    """-q shows failures and warnings only."""
    lines = shown(every, verbosity=-1)
    assert [line.split(":")[0] for line in lines[:-1]] == ["specs/a.yaml"] * 3 + [
        "specs/b.yaml"
    ] * 2
    assert not any("vmap" in line or "compile" in line for line in lines)


def test_an_unknown_pattern_says_the_message(make: Callable[..., Result]) -> None:
    """ "unknown pattern" tells nobody anything."""
    (line, _) = shown([make(diagnosis="unknown pattern", pattern="unknown-pattern")])
    assert "unknown" not in line
    assert "autograd claims twice the slope" in line


def test_hostile_texts_stay_on_their_line(hostile: Result) -> None:
    """What terminals obey and what ends a line is escaped."""
    lines = shown([hostile])
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)


def test_no_points_are_no_number(quiet: Callable[..., Result]) -> None:
    """A verdict without points stands alone."""
    assert shown([quiet(Verdict.AGREES, points=0)])[0].endswith(": agrees")
