"""Parts of a selection: shards, and what failed the last time."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from gradcheck_sym import cli
from gradcheck_sym.commands.part import last_failed, shard
from gradcheck_sym.commands.usage import Exit
from gradcheck_sym.run.files import FOLDER
from gradcheck_sym.run.journal import Entry, Journal
from gradcheck_sym.spec.reader import read_source
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.spec.yaml_nodes import Source

SPECS = "specs:\n" + "".join(
    f"  - {{name: s{number}, inputs: {{x: {{shape: []}}}}, expr: x*x}}\n" for number in range(23)
)
QUICK = ["--points", "5", "--checks", "forward", "-j", "0"]


@pytest.fixture
def specs() -> tuple[Spec, ...]:
    """Twenty-three specs."""
    found, problems = read_source(Source("many.yaml", SPECS))
    assert not problems
    return found


@pytest.mark.parametrize("parts", [1, 2, 4, 23, 40])
def test_each_spec_is_in_one_shard(specs: tuple[Spec, ...], parts: int) -> None:
    """The parts are equally large, keep the order, and are the same however specs are listed."""
    found = [shard(specs, part, parts) for part in range(1, parts + 1)]
    assert sorted(spec.name for part in found for spec in part) == sorted(s.name for s in specs)
    assert max(map(len, found)) - min(map(len, found)) <= 1
    for part in found:
        assert [spec for spec in specs if spec in part] == list(part)
    mixed = random.Random(0).sample(specs, len(specs))
    assert {s.name for s in shard(mixed, 1, parts)} == {s.name for s in found[0]}


def test_a_family_is_spread_over_the_shards(specs: tuple[Spec, ...]) -> None:
    """Neighbours in a file are alike, and so is what they cost."""
    first = [int(spec.name[1:]) for spec in shard(specs, 1, 2)]
    assert min(first) < 8
    assert max(first) > 15
    assert {number % 2 for number in first} == {0, 1}


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "1/0", "a/b", "-1/2", "1/2/3", "", "½/1"])
def test_what_is_no_shard(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It's told what is wanted."""
    assert cli.main(["run", "x.yaml", f"--shard={text}"]) == Exit.USAGE
    assert f"--shard: got '{text}'" in capsys.readouterr().err


def outcomes(spec: Spec, *found: str) -> Entry:
    """How a spec did."""
    return Entry("key", spec.address, 0.0, found, ())


def test_what_failed_last(specs: tuple[Spec, ...]) -> None:
    """Failures and errors; under --strict what then fails, too."""
    last = [
        outcomes(specs[0], "passed"),
        outcomes(specs[1], "passed", "failed"),
        outcomes(specs[2], "errors"),
        outcomes(specs[3], "warned"),
        outcomes(specs[4], "xpassed", "passed"),
        outcomes(specs[5], "xfailed"),
    ]
    known = {entry.spec: entry for entry in last}
    assert [spec.name for spec in last_failed(specs, known, strict=False)] == ["s1", "s2"]
    assert [spec.name for spec in last_failed(specs, known, strict=True)] == [
        "s1",
        "s2",
        "s3",
        "s4",
    ]


def test_last_failed_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only those; and all of them once none has failed."""
    monkeypatch.chdir(tmp_path)
    Path("two.yaml").write_text(
        "specs:\n  - {name: good, inputs: {x: {shape: []}}, expr: x*x}\n"
        "  - {name: bad, inputs: {x: {shape: []}}, expr: x*x, torch: x*x*x}\n",
        encoding="utf-8",
    )

    def judged(*words: str) -> tuple[list[str], str]:
        cli.main(["two.yaml", *QUICK, "-v", *words])
        out, err = capsys.readouterr()
        return [name for name in ("good", "bad") if f" {name}" in out], err

    assert judged("--lf")[0] == ["good", "bad"]
    assert judged("--lf") == (["bad"], "")
    assert judged("--lf", "--point", '{"x": 0}')[0] == ["bad"]  # a look at one point is no run
    text = Path("two.yaml").read_text(encoding="utf-8")
    Path("two.yaml").write_text(text.replace(", torch: x*x*x", ""), encoding="utf-8")
    assert judged("--lf") == (["bad"], "")
    names, said = judged("--lf")
    assert names == ["good", "bad"]
    assert "nothing of this failed the last time: all of it is judged" in said


def test_a_shard_without_specs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is selected, as the exit code says."""
    monkeypatch.chdir(tmp_path)
    Path("one.yaml").write_text("name: a\ninputs: {x: {shape: []}}\nexpr: x\n", encoding="utf-8")
    codes = {cli.main(["one.yaml", *QUICK, "--shard", f"{part}/2"]) for part in (1, 2)}
    assert codes == {Exit.PASSED, Exit.NOTHING}
    assert "nothing selected" in capsys.readouterr().err


def test_a_run_beside_another_is_not_its_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, specs: tuple[Spec, ...]
) -> None:
    """What is still being judged says nothing yet."""
    going_on = Journal(tmp_path / FOLDER)
    going_on.keep(outcomes(specs[0], "failed"))
    from gradcheck_sym.run.journal import past

    assert past(tmp_path / FOLDER).last == {}
    going_on.close(finished=True)
    assert set(past(tmp_path / FOLDER).last) == {specs[0].address}
